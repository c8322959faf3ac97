# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

r"""The certificate that Windows made for its listener. PRIVATE to the collection.

SelfSignedCertificate under WinStations names it; where it does not, the newest one of the store with the listener's
key container is taken (UNSURE: no public source says what TermService does then).
"""

from __future__ import annotations

from collections.abc import Iterable

from ._cim import certificates
from ._cim.certificates import DamagedCertificate, StoredCertificate
from ._cim.registry import RegistryValue
from ._host import Host
from ._model.keys import CONTAINER
from ._model.settings import TERMINAL_SERVER

WINSTATIONS = rf"{TERMINAL_SERVER}\WinStations"
REMOTE_DESKTOP = "Remote Desktop"


def thumbprint(host: Host) -> str | None:
    """Which certificate is the listener's own; two operations where Windows names it."""
    present = certificates.thumbprints(host.registry, REMOTE_DESKTOP)
    named = hexadecimal(host, WINSTATIONS, "SelfSignedCertificate")
    if named in present:
        return named
    newest = _newest(host, present)
    return newest.thumbprint if newest else None


def _newest(host: Host, present: Iterable[str]) -> StoredCertificate | None:
    found = (_whole(host, thumbprint) for thumbprint in present)
    ours = [item for item in found if item is not None and item.key is not None and item.key.container == CONTAINER]
    return max(ours, key=lambda item: item.not_before, default=None)


def _whole(host: Host, thumbprint: str) -> StoredCertificate | None:
    """A certificate of the store; one that is damaged is not the listener's, where Windows does not name it."""
    try:
        return host.certificate(REMOTE_DESKTOP, thumbprint)
    except DamagedCertificate:
        return None


def hexadecimal(host: Host, key: str, name: str) -> str:
    """A binary value in upper-case hexadecimal, as thumbprints are written; empty when there is none."""
    value = host.registry.read(key, name, "REG_BINARY")
    return value.data.hex().upper() if isinstance(value, RegistryValue) and isinstance(value.data, bytes) else ""
