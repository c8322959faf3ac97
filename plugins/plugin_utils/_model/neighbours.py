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
        mended_by: the update that ends it, or a later one.
        gateway: whether only hosts with the role RD Gateway suffer from it.
    """

    effect: str
    mended_by: str
    gateway: bool = False

    def mended(self, installed: Collection[str]) -> bool:
        """Whether the update that ends it is installed beside it; some hosts list both."""
        return self.mended_by in installed


_RPC = "RD Gateway with RPC over HTTP restarts again and again"

BAD_UPDATES: Mapping[str, BadUpdate] = MappingProxyType(
    {
        "KB5051987": BadUpdate("sessions freeze soon after they begin", "KB5055523"),
        "KB5053598": BadUpdate("sessions freeze soon after they begin", "KB5055523"),
        "KB5040430": BadUpdate(_RPC, "a later cumulative update", gateway=True),
        "KB5040434": BadUpdate(_RPC, "a later cumulative update", gateway=True),
        "KB5041578": BadUpdate(_RPC, "a later cumulative update", gateway=True),
        "KB5043050": BadUpdate(_RPC, "a later cumulative update", gateway=True),
    }
)
"""By the id of Win32_QuickFixEngineering; the release notes of the updates name the regressions."""

_PROMPT = "the credential prompt of Windows App fails with 0x80080005"

CLIENT_UPDATES: Mapping[str, BadUpdate] = MappingProxyType(
    {
        "KB5050094": BadUpdate("UDP sessions to Server 2016 end after 65 s", "a later cumulative update, or TCP alone"),
        "KB5053598": BadUpdate("sessions freeze soon after they begin", "KB5055523"),
        "KB5074109": BadUpdate(_PROMPT, "KB5077744"),
        "KB5073379": BadUpdate(_PROMPT, "KB5077793"),
        "KB5073457": BadUpdate(_PROMPT, "a later cumulative update"),
        "KB5073722": BadUpdate(_PROMPT, "a later cumulative update"),
        "KB5073723": BadUpdate(_PROMPT, "a later cumulative update"),
        "KB5073724": BadUpdate(_PROMPT, "KB5077796"),
    }
)
"""Updates with a known regression on machines that connect, in the same way."""
