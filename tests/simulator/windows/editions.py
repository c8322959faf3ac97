# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Windows versions and languages that a host can have."""

from __future__ import annotations

from dataclasses import dataclass

LANGUAGES = ("en", "de", "ja")
LCID = {"en": 0x409, "de": 0x407, "ja": 0x411}
HOME = 101
CULTURE = {"en": "en-US", "de": "de-DE", "ja": "ja-JP"}


@dataclass(frozen=True)
class Edition:
    r"""One version.

    ``negotiation_flags``: the flags byte of its RDP_NEG_RSP (MS-RDPBCGR 2.2.1.2.1; 0x20 is seen on new builds and not
    documented). ``tls13``: Schannel offers TLS 1.3 to RDP clients. ``admins_read_key``: BUILTIN\Administrators may read
    the listener's key file (up to Server 2016).
    """

    key: str
    caption: str
    build: int
    revision: int
    server: bool
    sku: int
    negotiation_flags: int
    tls13: bool = False
    admins_read_key: bool = False

    @property
    def version(self) -> str:
        return f"10.0.{self.build}"

    @property
    def product_type(self) -> int:
        """Win32_OperatingSystem.ProductType: 1 workstation, 3 server."""
        return 3 if self.server else 1

    @property
    def hosts_remote_desktop(self) -> bool:
        """Home editions connect to others and let nobody in."""
        return self.sku != HOME

    @property
    def firewall_schema(self) -> str:
        """The version that rule strings of this build begin with."""
        return "v2.26" if self.build < 17763 else "v2.31" if self.build >= 20348 else "v2.30"


EDITIONS = {
    edition.key: edition
    for edition in (
        Edition("10", "Microsoft Windows 10 Pro", 19045, 5011, False, 48, 0x1F),
        Edition("11", "Microsoft Windows 11 Pro", 26100, 2894, False, 48, 0x3F, tls13=True),
        Edition("2016", "Microsoft Windows Server 2016 Standard", 14393, 7606, True, 7, 0x1F, admins_read_key=True),
        Edition("2019", "Microsoft Windows Server 2019 Standard", 17763, 6532, True, 7, 0x1F),
        Edition("2022", "Microsoft Windows Server 2022 Standard", 20348, 2966, True, 7, 0x1F, tls13=True),
        Edition("2025", "Microsoft Windows Server 2025 Standard", 26100, 2894, True, 7, 0x3F, tls13=True),
        Edition("11home", "Microsoft Windows 11 Home", 26100, 2894, False, 101, 0x3F, tls13=True),
    )
}
FLEET_VERSIONS = ("10", "11", "2016", "2019", "2022", "2025")
