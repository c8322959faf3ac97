# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One spelling for the addresses of a firewall rule. PRIVATE to the collection.

Windows Firewall shows C(10.0.0.0/8) as C(10.0.0.0/255.0.0.0), and a subnet of one address as the address (UNSURE which
spelling each build gives back, so that none is taken for a difference).
"""

from __future__ import annotations

import ipaddress


def canonical(text: str) -> str:
    """A subnet by its bit count, a subnet of one address as that address, anything else as it is."""
    if "/" not in text:
        return text
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return text
    return str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)
