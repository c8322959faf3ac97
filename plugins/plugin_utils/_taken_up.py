# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether an RD Gateway was told of the certificate that is bound to it. PRIVATE to the collection.

To bind one takes steps (see bind_certificate), and the host shows the first alone. A run that is cut off between them,
or fails there, leaves its announcement (see _writer.py); the next one then tells the gateway of what is bound, which
changes nothing where it was told before. Only runs that are about the gateway alone leave the word gateway in theirs:
after the others the listener is looked at too, so those stay until that was seen.
"""

from __future__ import annotations

from collections.abc import Iterable

from ._cim import gateway
from ._guard import ROOT
from ._host import Host
from ._model.gateway import SERVICE
from ._writer import announcements, bury, is_about, is_over
from ._wsman.errors import WsmanFault

ABOUT = "gateway"

AT_WORK = "one of them may still work"

MAYBE = f"a run before this one may have ended before it told {SERVICE} of the certificate that is bound"
SEEN = f"clients see it at the latest once {SERVICE} starts again"


def untold(host: Host, left: Iterable[str]) -> str:
    """Tell a gateway of what is bound, after runs that left these announcements; why that was not done, or empty.

    A service that does not run reads it when it starts. Where the provider refuses, the next run tries again.
    """
    if not all(is_over(host.registry, host.now(), name) for name in left):
        return AT_WORK
    service = host.services.list([SERVICE]).get(SERVICE)
    if service is None or not service.running:
        return ""
    try:
        found = gateway.settings(host.cim)
        outcome = gateway.take_up(host.cim, found) if found.thumbprint else None
    except WsmanFault as fault:
        return fault.message
    return "" if outcome is None or outcome.ok else f"it answers 0x{outcome.return_value or 0:08X}"


def refused(why: str) -> str:
    """That a gateway was not told, in a note."""
    return f"{MAYBE}, and it was not told now, since {why}: run again, or start {SERVICE} again"


def finish(host: Host, bound: bool, check: bool) -> str:
    """End what a run before has begun, and say what came of it; empty where none was cut off.

    Args:
        host: has the role.
        bound: whether this run binds a certificate itself, which ends it as well.
        check: whether to say only what would be done.
    """
    names = announcements(host.registry.keys(ROOT) or [])
    if not names or (bound and check):
        return ""
    if check:
        return f"{MAYBE}: a run that is no dry run tells it"
    why = "" if bound else untold(host, names)
    if why:
        return refused(why)
    for name in filter(lambda found: is_about(found, ABOUT), names):
        bury(host.registry, host.now(), name)
    return "" if bound else f"{MAYBE}: it was told now, and {SEEN}"
