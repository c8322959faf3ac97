# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Causes on a machine that connects to others. PRIVATE to the collection.

They keep its own users from other hosts and never explain why this one does not answer, so they only contribute.
"""

from __future__ import annotations

from ..._model import versions
from ..._model.neighbours import CLIENT_UPDATES, harmed_by
from ..facts import Evidence, Facts
from ._base import Cause, Cure, Shown, of_settings, overridden

RELEASES = "https://learn.microsoft.com/windows/release-health/"
PROTOCOLS = "https://learn.microsoft.com/windows/win32/secauthn/protocols-in-tls-ssl--schannel-ssp-"
MSTSC = "mstsc.exe"
RD_CLIENT = "msrdc.exe"
RD_CLIENT_RELEASES = "https://learn.microsoft.com/azure/virtual-desktop/whats-new-client-windows"
RD_CLIENT_SUPPORT = "https://learn.microsoft.com/previous-versions/remote-desktop-client/overview"
AUTHENTICATION = "https://learn.microsoft.com/windows/win32/termserv/imsrdpclientadvancedsettings4-authenticationlevel"
ADMX = "https://learn.microsoft.com/windows/client-management/mdm/policy-csp-admx-terminalserver"
CLIENT_EVENTS = (
    "https://learn.microsoft.com/archive/technet-wiki/37847.rdp-direct-connection-with-nla-remote-desktop-client-"
    "event-logs"
)
OUTGOING = (
    "https://learn.microsoft.com/previous-versions/windows/it-pro/windows-10/security/threat-protection/"
    "security-policy-settings/network-security-restrict-ntlm-outgoing-ntlm-traffic-to-remote-servers"
)
LEVEL = (
    "https://learn.microsoft.com/previous-versions/windows/it-pro/windows-10/security/threat-protection/"
    "security-policy-settings/network-security-lan-manager-authentication-level"
)
WINSOCK = "https://learn.microsoft.com/windows-server/administration/windows-commands/netsh-winsock"

MENDED = (1, 2, 4066)
"""The first version of msrdc.exe without the faults in connecting that its release notes name: 1.2.3497 mended the
connection to older hosts, 1.2.3577 reconnection, 1.2.4066 took UPnP away after reports of failing connections."""

DENY = 2
"""RestrictSendingNTLMTraffic: no NTLM to any host but the exceptions."""

NTLM_V2 = 3
"""LmCompatibilityLevel from which a client answers with NTLMv2 alone."""

BREAKS = 2
"""Connections over UDP that have to break off before it is told: one may end so for any reason."""


def _tls12_off(facts: Facts) -> Shown:
    return overridden(facts, "tls12_client_enabled", "tls12_client_disabled_by_default")


def _bad_updates(facts: Facts) -> Shown:
    return tuple(
        Evidence(
            f"{name}: {CLIENT_UPDATES[name].effect}",
            f"mended by {CLIENT_UPDATES[name].mended_by}",
            "Win32_QuickFixEngineering, UBR",
        )
        for name in harmed_by(CLIENT_UPDATES, facts.observation)
    )


def _never_updated(facts: Facts) -> Shown:
    """The revision with which a version of Windows was released. UNSURE: not every update brings a new client."""
    client = facts.observation.client
    version = client.programs.get(MSTSC, "") if client else ""
    return (Evidence(f"version of {MSTSC}", version, "CIM_DataFile"),) if version.rpartition(".")[2] == "1" else ()


def _rd_client_old(facts: Facts) -> Shown:
    client = facts.observation.client
    version = client.programs.get(RD_CLIENT, "") if client else ""
    found = versions.numbers(version)
    return (Evidence(f"version of {RD_CLIENT}", version, "CIM_DataFile"),) if found and found < MENDED else ()


def _udp_breaks(facts: Facts) -> Shown:
    """Not where UDP is off by now: what broke off before that is over."""
    seen = facts.observation.client_connections
    if seen is None or seen.broken < BREAKS or facts.number("client_udp_off") == 1:
        return ()
    told = f"{seen.broken} of {seen.over_udp}"
    return (Evidence("connections over UDP that broke off (reason 2308)", told, "RDPClient/Operational 1103, 1026"),)


def _authentication_strict(facts: Facts) -> Shown:
    return (facts.stored("client_authentication"),) if facts.number("client_authentication") == 1 else ()


def _ntlm_denied(facts: Facts) -> Shown:
    return (facts.stored("client_ntlm_outbound"),) if facts.number("client_ntlm_outbound") == DENY else ()


def _ntlm_old(facts: Facts) -> Shown:
    level = facts.number("client_ntlm_level")
    return (facts.stored("client_ntlm_level"),) if level is not None and level < NTLM_V2 else ()


def _layered(facts: Facts) -> Shown:
    providers = facts.observation.winsock.providers if facts.observation.winsock else ()
    return tuple(Evidence("layered Winsock provider", f"{item.name} ({item.library})", item.key) for item in providers)


CAUSES = (
    Cause(
        "client_tls12_disabled",
        "TLS 1.2 is switched off for clients, so this machine cannot connect to hosts of today",
        "session",
        "high",
        _tls12_off,
        "host_info: tls12_client_enabled is not 0, and where it is absent tls12_client_disabled_by_default is 0",
        (Cure("client_settings"),),
        contributes=True,
        sources=(PROTOCOLS,),
    ),
    Cause(
        "client_known_bad_update",
        "an update is installed that is known to harm connections from this machine",
        "session",
        "medium",
        _bad_updates,
        "host_info: the update that mends it is installed, or the revision is one that has it",
        contributes=True,
        by_hand="Install the update that the evidence names; do not uninstall.",
        sources=(RELEASES,),
    ),
    Cause(
        "client_too_old",
        "the Remote Desktop client of this machine is as old as its version of Windows",
        "session",
        "low",
        _never_updated,
        "client_settings with minimum_mstsc refuses nothing",
        certain=False,
        contributes=True,
        by_hand="Install the updates of Windows.",
        sources=(RELEASES,),
    ),
    Cause(
        "rd_client_too_old",
        "the Remote Desktop client beside mstsc.exe has faults in connecting that later versions mended",
        "session",
        "low",
        _rd_client_old,
        "client_settings with minimum_msrdc 1.2.4066 refuses nothing",
        certain=False,
        contributes=True,
        by_hand="Update it, or move its users to Windows App: Microsoft ended its support for public clouds on "
        "2026-03-27. Connections by mstsc.exe are not touched by it.",
        sources=(RD_CLIENT_RELEASES, RD_CLIENT_SUPPORT),
    ),
    Cause(
        "client_udp_path_broken",
        "connections from this machine break off after they have gone over to UDP",
        "session",
        "medium",
        _udp_breaks,
        "RDPClient/Operational: with UDP off, no 1026 with the reason 2308 follows a connection that had begun",
        (Cure("client_settings", {"udp": "off"}),),
        certain=False,
        contributes=True,
        by_hand="Let UDP through on the way (VPN, firewall, MTU), then put it on again.",
        sources=(ADMX, CLIENT_EVENTS),
    ),
    Cause(
        "client_authentication_strict",
        "this machine's client refuses every host whose identity it cannot prove",
        "session",
        "low",
        _authentication_strict,
        "the hosts' certificates are trusted by this machine and bear the names that users connect to",
        contributes=True,
        by_hand="Give the hosts certificates from an authority that this machine trusts (module certificate, state "
        "bound), and connect by their full names. Leave the setting as it is: it keeps users from impostors.",
        sources=(ADMX, AUTHENTICATION),
    ),
    Cause(
        "client_ntlm_denied",
        "this machine sends no NTLM, so its users cannot connect by address, or to hosts outside of the domain",
        "session",
        "low",
        _ntlm_denied,
        "host_info: client_ntlm_outbound is not 2",
        contributes=True,
        by_hand="Connect by the full name that the domain knows. Where that is not possible, name the hosts in the "
        "policy of exceptions (Restrict NTLM: Add remote server exceptions for NTLM authentication).",
        touches=of_settings("client_ntlm_outbound"),
        sources=(OUTGOING,),
    ),
    Cause(
        "client_ntlm_old",
        "this machine answers with NTLMv1, which an RD Gateway with channel binding refuses (0xC000035B)",
        "session",
        "medium",
        _ntlm_old,
        "host_info: client_ntlm_level is 3 or more",
        contributes=True,
        by_hand="Set LmCompatibilityLevel to 5 by policy, once nothing in the network needs NTLMv1.",
        touches=of_settings("client_ntlm_level"),
        sources=(LEVEL,),
    ),
    Cause(
        "winsock_layered",
        "programs of others have put providers into this machine's network stack, which every connection goes through",
        "session",
        "low",
        _layered,
        "host_info: area winsock lists no provider",
        (Cure("network_stack", {"winsock": "reset"}),),
        risk="high",
        certain=False,
        contributes=True,
        by_hand="Update or remove the program that the evidence names. A reset of Winsock comes last: it needs a "
        "reboot, and only the setup of the programs puts their providers back.",
        sources=(WINSOCK,),
    ),
)
