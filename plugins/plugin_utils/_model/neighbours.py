# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Programs beside Windows that matter to a diagnosis, and updates that are known to harm. PRIVATE to the collection.

The vendors are those that Microsoft's support tool MSRD-Collect looks for; they are named and never touched. Service
names are the vendors'. UNSURE: names change between product versions, so that one is not found proves nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from .observation import Observation

AZURE_AGENT = "WindowsAzureGuestAgent"

PRODUCTS: Mapping[str, str] = MappingProxyType(
    {
        "AcronisActiveProtectionService": "Acronis Cyber Protect",
        "Avecto Defendpoint Service": "BeyondTrust Endpoint Privilege Management",
        "BrokerAgent": "Citrix Virtual Delivery Agent",
        "CSFalconService": "CrowdStrike Falcon",
        "EPSecurityService": "Bitdefender Endpoint Security",
        "PanGPS": "Palo Alto GlobalProtect",
        "SAVService": "Sophos Anti-Virus",
        "SentinelAgent": "SentinelOne",
        "SepMasterService": "Symantec Endpoint Protection",
        "SntpService": "Sophos Network Threat Protection",
        "TmListen": "Trend Micro Apex One",
        "ZSAService": "Zscaler Client Connector",
        "ds_agent": "Trend Micro Deep Security",
        "ekrn": "ESET",
        "fppsvc": "Forcepoint One Endpoint",
        "mfefire": "McAfee or Trellix firewall",
        "stAgentSvc": "Netskope",
        "vpnagent": "Cisco AnyConnect",
    }
)
"""Products that inspect or filter traffic, by the name of their service."""


@dataclass(frozen=True)
class BadUpdate:
    """An update with a known regression of Remote Desktop on the host.

    Attributes:
        mended_by: the update that ends it. Later ones do too, since cumulative updates hold the earlier ones.
        brought: the revision (UBR) that a build has with it as the newest cumulative update.
        mended_from: the revision from which on each of these builds is without it.
        gateway: whether only hosts with the role RD Gateway suffer from it.
    """

    effect: str
    mended_by: str
    brought: Mapping[int, int]
    mended_from: Mapping[int, int]
    gateway: bool = False

    def mended(self, installed: Collection[str], build: int, revision: int) -> bool:
        """Whether what ends it is installed beside it, as some hosts list both, or came with the revision.

        A build that the update is not for was made since, and Windows may list the update still; 0 is an unknown one.
        """
        return self.mended_by in installed or (build != 0 and revision >= self.mended_from.get(build, 0))


def harmed_by(known: Mapping[str, BadUpdate], seen: Observation) -> tuple[str, ...]:
    """Ids of the known updates that a host suffers from: it lists them, or its build and revision are theirs."""
    installed = seen.updates or ()
    build = seen.identity.build if seen.identity else 0
    revision = seen.revision or 0
    return tuple(
        name
        for name, update in known.items()
        if (name in installed or update.brought.get(build) == revision)
        and not update.mended(installed, build, revision)
    )


_FREEZES = "sessions freeze soon after they begin"
_RPC = "RD Gateway with RPC over HTTP restarts again and again"
_RPC_2019 = {17763: 6414}

BAD_UPDATES: Mapping[str, BadUpdate] = MappingProxyType(
    {
        "KB5051987": BadUpdate(_FREEZES, "KB5055523", {26100: 3194}, {26100: 3775}),
        "KB5053598": BadUpdate(_FREEZES, "KB5055523", {26100: 3476}, {26100: 3775}),
        "KB5040430": BadUpdate(_RPC, "KB5044277", {17763: 6054}, _RPC_2019, gateway=True),
        "KB5040434": BadUpdate(_RPC, "KB5044293", {14393: 7159}, {14393: 7428}, gateway=True),
        "KB5041578": BadUpdate(_RPC, "KB5044277", {17763: 6189}, _RPC_2019, gateway=True),
        "KB5043050": BadUpdate(_RPC, "KB5044277", {17763: 6293}, _RPC_2019, gateway=True),
    }
)
"""By the id of Win32_QuickFixEngineering; the release notes of the updates name the regressions, Microsoft's release
information of Windows and Windows Server (learn.microsoft.com/windows/release-health) the revisions. UNSURE: that the
cumulative updates of October 2024 mend RPC over HTTP. They are the first after those that are known to have the
regression (July to September 2024), and no source was found that names what mends it."""

_PROMPT = "the credential prompt of Windows App fails with 0x80080005"


def _prompt(mended_by: str, brought: Mapping[int, int], mended_from: Mapping[int, int]) -> BadUpdate:
    return BadUpdate(_PROMPT, mended_by, brought, mended_from)


_UDP = "UDP sessions to Server 2016 end after 65 s, those over TCP alone do not"

CLIENT_UPDATES: Mapping[str, BadUpdate] = MappingProxyType(
    {
        "KB5050094": BadUpdate(_UDP, "KB5055523", {26100: 3037}, {26100: 3775}),
        "KB5051987": BAD_UPDATES["KB5051987"],
        "KB5053598": BAD_UPDATES["KB5053598"],
        "KB5074109": _prompt("KB5077744", {26100: 7623, 26200: 7623}, {26100: 7627, 26200: 7627}),
        "KB5073379": _prompt("KB5077793", {26100: 32230}, {26100: 32234}),
        "KB5073457": _prompt("KB5077800", {20348: 4648}, {20348: 4650}),
        "KB5073722": _prompt("KB5075999", {14393: 8783}, {14393: 8868}),
        "KB5073723": _prompt("KB5077795", {17763: 8276}, {17763: 8280}),
        "KB5073724": _prompt("KB5077796", {19044: 6809, 19045: 6809}, {19044: 6811, 19045: 6811}),
    }
)
"""Updates with a known regression on machines that connect, in the same way. UNSURE: that KB5077800 mends it on Server
2022. Lists of releases have it as out of band of 2026-01-17, as those that mend it elsewhere, and reports name the
update before it among those with the regression (ctrlaltnod.com, "Microsoft releases fix for Remote Desktop issues");
none was found that names what KB5077800 mends. UNSURE as well: that KB5075999, the next update of Server 2016, mends it
there; and that KB5055523 mends KB5050094. Microsoft ended that by a Known Issue Rollback and a cumulative update
(engineerdirect.co.uk, "RDP Sessions Disconnect After ~65 Seconds Over UDP"), which none was found to name: KB5055523 is
the cumulative update of April 2025, by when it had been ended."""
