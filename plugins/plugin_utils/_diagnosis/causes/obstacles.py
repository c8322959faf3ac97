# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Causes in what stands in a listener's way though it is set up right. PRIVATE to the collection.

All are somebody's decision, or a program's, so they are named with what to do and never undone by a remedy.
"""

from __future__ import annotations

from ..._model.proxies import split, taking
from ..._model.termservice import LIBRARY, PROTOCOL
from ..facts import Evidence, Facts
from ._base import LISTENS, MANAGER, MSRD, SUPPORT, Cause, Shown

PORT_PROXY = "https://learn.microsoft.com/windows-server/networking/technologies/netsh/netsh-interface-portproxy"
EXCLUDED = "https://learn.microsoft.com/troubleshoot/windows-server/networking/reserve-a-range-of-ephemeral-ports"
DEFAULT_PORT = 3389
EDITIONS = "https://learn.microsoft.com/windows/win32/api/sysinfoapi/nf-sysinfoapi-getproductinfo"


def _home_edition(facts: Facts) -> Shown:
    identity = facts.observation.identity
    if identity is None or not identity.home:
        return ()
    return (Evidence("edition", identity.caption, "Win32_OperatingSystem"),)


def _foreign_protocol(facts: Facts) -> Shown:
    found = facts.observation.obstacles
    if found is None or found.protocol.lower() in ("", PROTOCOL):
        return ()
    return (Evidence("LoadableProtocol_Object", found.protocol, "RDP-Tcp"),)


def _service_dll_replaced(facts: Facts) -> Shown:
    found = facts.observation.obstacles
    if found is None or not found.library or found.library.lower().endswith(LIBRARY):
        return ()
    return (Evidence("ServiceDll of TermService", found.library, r"Services\TermService\Parameters"),)


def _port_proxy(facts: Facts) -> Shown:
    found = facts.observation.obstacles
    return tuple(
        Evidence("port proxy", name, rf"Services\PortProxy\{split(name)[0]}\tcp") for name in taking(found, facts.port)
    )


def _port_shared(facts: Facts) -> Shown:
    found = facts.observation.obstacles
    rivals = (rival for rival in found.listeners if rival.enabled and rival.port == facts.port) if found else ()
    return tuple(Evidence(f"port of the listener {rival.name}", rival.port, "WinStations") for rival in rivals)


def _setup_unfinished(facts: Facts) -> Shown:
    found = facts.observation.obstacles
    return tuple(Evidence(name, 1, r"HKLM\SYSTEM\Setup") for name in found.setup) if found else ()


def _program_data_moved(facts: Facts) -> Shown:
    """The drive of Windows' own library of the service tells which is the system's; another's may be anywhere."""
    found = facts.observation.obstacles
    if found is None or not found.program_data:
        return ()
    drive = (found.program_data if _service_dll_replaced(facts) else found.library or found.program_data)[:2]
    if found.program_data.lower() == rf"{drive}\programdata".lower():
        return ()
    return (Evidence("ProgramData", found.program_data, "ProfileList"),)


def _ipsec_rules(facts: Facts) -> Shown:
    """Such a rule drops packets as a firewall does, so only a connection without an answer speaks for it.

    Where nobody has probed, it says nothing: whole domains are isolated so on purpose, and users get through.
    """
    found = facts.observation.obstacles
    if found is None or facts.probe_verdict("tcp") != "timeout":
        return ()
    return tuple(Evidence("connection security rule", rule, "ConSecRules") for rule in found.ipsec)


def _unbound(facts: Facts) -> Shown:
    """Nobody listens though the listener is on and Windows' own code drives it; the port itself may be the reason."""
    found, service = facts.observation.obstacles, facts.service("TermService")
    ours = found is not None and not _foreign_protocol(facts) and not _service_dll_replaced(facts)
    on = facts.number("deny_connections") == 0 and facts.number("listener_enabled") == 1
    runs = service is not None and service.state == "Running" and facts.number("network_adapter") == 0
    if not (ours and on and runs) or facts.listening is not False or facts.events(MANAGER, 1006):
        return ()
    if "restart" in (facts.observation.owed or ()):  # until then it may listen on the port of before
        return ()
    failed = facts.events(MANAGER, 1036)
    told = (Evidence(f"{MANAGER} 1036", len(failed), "Win32_NTLogEvent"),) if failed else ()
    if not told and facts.port == DEFAULT_PORT:
        return ()
    there = facts.firewall.listening if facts.firewall else ()
    seen = "no listener while TermService runs" + (f", which is on port {there[0]} still" if there else "")
    return (Evidence(f"TCP port {facts.port}", seen, "MSFT_NetTCPConnection"), *told)


CAUSES = (
    Cause(
        "home_edition",
        "this edition of Windows takes no Remote Desktop connections",
        "tcp",
        "critical",
        _home_edition,
        LISTENS,
        by_hand="Upgrade to Pro, or use another way in; no setting changes it.",
        sources=(EDITIONS,),
    ),
    Cause(
        "foreign_protocol",
        "another vendor's protocol object drives the listener",
        "tcp",
        "high",
        _foreign_protocol,
        LISTENS,
        certain=False,
        by_hand="Repair or remove the product that put it there, with its own setup.",
        sources=(SUPPORT,),
    ),
    Cause(
        "service_dll_replaced",
        "TermService runs another library than Windows' own",
        "tcp",
        "high",
        _service_dll_replaced,
        LISTENS,
        certain=False,
        by_hand="Remove the wrapper with its own setup, then put ServiceDll back to termsrv.dll.",
        sources=(SUPPORT,),
    ),
    Cause(
        "setup_unfinished",
        "Windows is still being set up, and takes no connections until that ends",
        "tcp",
        "high",
        _setup_unfinished,
        LISTENS,
        certain=False,
        by_hand="Finish the set-up on the console.",
        sources=(SUPPORT,),
    ),
    Cause(
        "program_data_moved",
        "the folder ProgramData is said to be elsewhere, so Windows looks for the listener's private key where none is",
        "tls",
        "high",
        _program_data_moved,
        "probe_info: the TLS stage completes",
        certain=False,
        by_hand=r"Put the value ProgramData under HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList back "
        r"to %SystemDrive%\ProgramData (REG_EXPAND_SZ) and reboot; first look whether the folder was moved on purpose.",
        sources=(MSRD,),
    ),
    Cause(
        "ipsec_rules",
        "a connection security rule drops what IPsec does not protect",
        "tcp",
        "high",
        _ipsec_rules,
        LISTENS,
        certain=False,
        by_hand="See whether the clients are among the addresses, if any, that the evidence has of the rule; exempt "
        "them from it, or protect them by IPsec too.",
        sources=("https://github.com/Azure/repair-script-library",),
    ),
    Cause(
        "port_excluded",
        "TermService runs and could not bind its port, as happens in ranges that Windows or other products reserve",
        "tcp",
        "high",
        _unbound,
        LISTENS,
        certain=False,
        by_hand="If the port was changed since TermService started, restart TermService. Else look for the port in: "
        "netsh interface ipv4 show excludedportrange tcp. If it is there, move the listener with remote_desktop and "
        "the option port, or free the range, then restart TermService.",
        sources=(SUPPORT, EXCLUDED),
    ),
    Cause(
        "listener_port_shared",
        "another listener is set to the same port as RDP-Tcp, so either may get it",
        "tcp",
        "high",
        _port_shared,
        LISTENS,
        certain=False,
        by_hand="Give one of the two listeners another port, with the setup of the product that owns the other.",
        sources=(SUPPORT,),
    ),
    Cause(
        "port_proxy",
        "a port proxy has the RDP port, so clients reach another machine",
        "x224",
        "critical",
        _port_proxy,
        "host_info: no port proxy listens on the port",
        by_hand="Where it has no use, the option port_proxy of the module remote_desktop removes it, with a way back.",
        sources=(PORT_PROXY,),
    ),
)
