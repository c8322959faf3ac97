# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Causes in what surrounds Remote Desktop: domain, clock, patches, other vendors. PRIVATE to the collection."""

from __future__ import annotations

from ..._model.change import Compliance
from ..._model.neighbours import BAD_UPDATES, PRODUCTS, harmed_by
from ..._model.settings import BASELINE, CIS_L1
from ..facts import Evidence, Facts
from ._base import MSRD, Cause, Shown

KERBEROS_SKEW = 300
"""Seconds that clocks may differ before Kerberos refuses (maximum tolerance for computer clock synchronization)."""

PATCHED_CREDSSP = 5
"""The version of CredSSP that came with the update for CVE-2018-0886 (MS-CSSP 1.7)."""

EVENTS = (
    "https://learn.microsoft.com/troubleshoot/azure/virtual-machines/windows/event-id-troubleshoot-vm-rdp-connecton"
)
CLONES = "https://support.microsoft.com/help/5065426"
CREDSSP = (
    "https://learn.microsoft.com/troubleshoot/azure/virtual-machines/windows/credssp-encryption-oracle-remediation"
)
SKEW = (
    "https://learn.microsoft.com/previous-versions/windows/it-pro/windows-10/security/threat-protection/"
    "security-policy-settings/maximum-tolerance-for-computer-clock-synchronization"
)
NTLM = (
    "https://learn.microsoft.com/previous-versions/windows/it-pro/windows-10/security/threat-protection/"
    "security-policy-settings/network-security-restrict-ntlm-incoming-ntlm-traffic"
)
MOVED = (
    "https://learn.microsoft.com/troubleshoot/windows-server/remote/rds-client-cant-connect-to-rd-session-host-server"
)
RELEASES = "https://learn.microsoft.com/windows/release-health/"


ORACLE = (
    Compliance(CIS_L1, "18.9.4.1, in older ones 18.8.4.1 (AllowEncryptionOracle 0)", "touches"),
    Compliance(BASELINE, "AllowEncryptionOracle", "touches"),
)
"""Met by clients that refuse such a host; what they would have to weaken to connect to it."""


def _events(facts: Facts, sources: tuple[str, ...], *ids: int) -> Shown:
    """One piece of evidence for each source that wrote one of these events inside the window."""
    counted = ((source, facts.events(source, *ids)) for source in sources)
    return tuple(
        Evidence(f"{source} {', '.join(map(str, ids))}", len(found), "Win32_NTLogEvent")
        for source, found in counted
        if found
    )


def _products(facts: Facts) -> Shown:
    if facts.failed_stage not in ("x224", "tls", "ntlm"):
        return ()
    names = [name for name in facts.observation.products or () if name in PRODUCTS]
    return tuple(Evidence(f"{PRODUCTS[name]} runs", name, "Win32_Service") for name in names)


def _skew(facts: Facts) -> Shown:
    identity = facts.observation.identity
    if identity is None or abs(identity.clock_offset_s) <= KERBEROS_SKEW:
        return ()
    return (Evidence("the host's clock minus the controller's, in seconds", identity.clock_offset_s, "LocalDateTime"),)


def _unpatched(facts: Facts) -> Shown:
    version = facts.probed_value("ntlm", "credssp_version")
    if not isinstance(version, int) or version >= PATCHED_CREDSSP:
        return ()
    return (Evidence("version of CredSSP", version, "probe"),)


def _silent(facts: Facts) -> Shown:
    return (facts.seen("ntlm"),) if facts.probe_verdict("ntlm") in ("timeout", "not_ntlm") else ()


def _ntlm_refused(facts: Facts) -> Shown:
    """Healthy where users have Kerberos (real hosts deny NTLM on purpose), so it never explains a failure alone."""
    if facts.probe_verdict("ntlm") not in ("closed", "refused"):
        return ()
    denied = facts.number("ntlm_inbound") not in (None, 0)
    return (facts.seen("ntlm"), *((facts.stored("ntlm_inbound"),) if denied else ()))


def _broker_address(facts: Facts) -> Shown:
    found = facts.observation.obstacles
    if found is None or not found.redirection or not found.addresses or found.redirection in found.addresses:
        return ()
    return (
        Evidence("SessionDirectoryRedirectionIP", found.redirection, r"Terminal Server\ClusterSettings"),
        Evidence("the host's addresses", ", ".join(found.addresses), "Win32_NetworkAdapterConfiguration"),
    )


def _bad_updates(facts: Facts) -> Shown:
    gateway = facts.observation.gateway
    role = gateway is not None and gateway.present
    return tuple(
        Evidence(
            f"{name}: {BAD_UPDATES[name].effect}",
            f"mended by {BAD_UPDATES[name].mended_by}",
            "Win32_QuickFixEngineering, UBR",
        )
        for name in harmed_by(BAD_UPDATES, facts.observation)
        if role or not BAD_UPDATES[name].gateway
    )


CAUSES = (
    Cause(
        "credssp_silent",
        "TLS works and CredSSP is not answered: the Local Security Authority or a product in its place hangs",
        "ntlm",
        "high",
        _silent,
        "probe_info: the NTLM stage gives a challenge",
        certain=False,
        by_hand="Look at LSA protection, credential providers and security products, then restart the host.",
        sources=(EVENTS,),
    ),
    Cause(
        "ntlm_refused",
        "the host answers no NTLM, so those who connect by address, or from outside the domain, cannot log on",
        "session",
        "low",
        _ntlm_refused,
        "connecting by the host's full name, with Kerberos, succeeds",
        certain=False,
        contributes=True,
        by_hand="Connect by the full name that the domain knows, not by address. NTLM is denied on purpose.",
        sources=(NTLM,),
    ),
    Cause(
        "credssp_unpatched",
        "the host lacks the update for CVE-2018-0886, so patched clients refuse it (encryption oracle remediation)",
        "session",
        "critical",
        _unpatched,
        "probe_info: ntlm.credssp_version is 5 or more",
        by_hand="Install the host's updates; do not set AllowEncryptionOracle to 2 on the clients.",
        touches=lambda _facts: ORACLE,
        sources=(CREDSSP,),
    ),
    Cause(
        "duplicate_machine_sid",
        "the host refuses computers that bear its own machine SID, as clones of one image do",
        "session",
        "high",
        lambda facts: _events(facts, ("LsaSrv", "Microsoft-Windows-LSA"), 6167),
        "no further event 6167 from LsaSrv",
        by_hand="Rebuild the clones from an image that was generalised with sysprep.",
        sources=(CLONES,),
    ),
    Cause(
        "trust_broken",
        "the host cannot reach a domain controller or has lost its trust, so domain users may be refused",
        "session",
        "high",
        lambda facts: _events(facts, ("NETLOGON",), 5719),
        "no further event 5719 from NETLOGON",
        contributes=True,
        by_hand="Check the host's DNS servers, then Test-ComputerSecureChannel.",
        sources=(EVENTS,),
    ),
    Cause(
        "time_skew",
        "the host's clock is further off than Kerberos tolerates",
        "session",
        "medium",
        _skew,
        "host_info: clock_offset_s is below 300",
        contributes=True,
        by_hand="w32tm /resync on the host, and look at where its domain takes the time from.",
        sources=(SKEW,),
    ),
    Cause(
        "broker_address_stale",
        "this session host tells its connection broker an address that it no longer has, so users are sent elsewhere",
        "session",
        "high",
        _broker_address,
        "host_info: area obstacles has a redirection that is one of the addresses, or none",
        contributes=True,
        by_hand=r"Delete the value SessionDirectoryRedirectionIP under HKLM\SYSTEM\CurrentControlSet\Control\Terminal "
        r"Server\ClusterSettings, as Microsoft advises, unless it is an address that is translated to this host.",
        sources=(MOVED,),
    ),
    Cause(
        "ports_exhausted",
        "the host has run out of TCP ports for connections of its own",
        "session",
        "medium",
        lambda facts: _events(facts, ("Tcpip",), 4227, 4231),
        "no further events 4227 and 4231 from Tcpip",
        contributes=True,
        by_hand="Find the program with the many connections (netstat -qno) and restart it.",
        sources=(EVENTS,),
    ),
    Cause(
        "security_product",
        "a product that filters or inspects traffic runs on the host, and the handshake is dropped",
        "tls",
        "low",
        _products,
        "the handshake passes with the vendor's exclusion for Remote Desktop",
        certain=False,
        contributes=True,
        by_hand="Ask the vendor's console about Remote Desktop and TLS inspection; nothing is changed here.",
        sources=(MSRD,),
    ),
    Cause(
        "known_bad_update",
        "an update is installed that is known to harm Remote Desktop",
        "session",
        "medium",
        _bad_updates,
        "host_info: the update that mends it is installed",
        contributes=True,
        by_hand="Install the update that the evidence names; do not uninstall.",
        sources=(RELEASES,),
    ),
)
