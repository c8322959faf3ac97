# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The certificate that a TLS server shows, such as an RD Gateway. PRIVATE to the collection."""

from __future__ import annotations

from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.errors import ConnectError
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.stream import Stream, connect
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.tls import handshake

SECONDS = 5.0
"""For the connection, and again for the handshake."""


def thumbprint(address: str, port: int) -> str:
    """The SHA-1 as Windows writes it; empty where no handshake comes about."""
    try:
        with Stream(connect(address, port, SECONDS)) as stream:
            stream.begin(SECONDS)
            shown, _channel = handshake(stream, address)
    except ConnectError:
        return ""
    return shown.certificate.sha1 if shown.certificate else ""
