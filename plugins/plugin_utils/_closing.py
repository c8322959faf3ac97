# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of the firewall may not go back while the listener keeps a port. PRIVATE to the collection.

A listener whose port goes back stays where it is until TermService starts again. Were the firewall put back before,
nobody would get in any more: where the listener is it would be closed, and where it is to be nothing would listen.
"""

from __future__ import annotations

from ._cim.tcp import listened
from ._host import Host
from ._model.change import Change
from ._model.plain import Plain
from ._model.rules import RULES, holds
from ._owed import SERVICE


def may_close(change: Change) -> bool:
    """Whether a change may close a port when it goes back; what opens one is no danger.

    Of another rule than the built-in ones it was disabled that it blocks.
    """
    if change.kind != "firewall_rule":
        return False
    if change.before == {"enabled": True}:
        return change.item not in RULES.values()
    return not _about_ports(change) or not set(_ports(change.after)) <= set(_ports(change.before))


def closes(host: Host, change: Change, wanted: int | None) -> list[int]:
    """The ports that a change would close when it goes back, and on which the listener is although it is to leave them.

    Args:
        host: the host to ask.
        change: one that may close a port.
        wanted: where the listener is to be, which may well be closed: it was before. None where nobody knows.

    Raises:
        NotFound: there is no such rule any more.
    """
    if _about_ports(change):
        before, after = _ports(change.before), _ports(change.after)
    else:
        before, after = [], list(host.firewall.rule(change.item, ports=True).ports)
    process = host.service(SERVICE).process_id
    kept = sorted(listened(host.cim, process) - {wanted}) if process else []
    return [port for port in kept if holds(after, port) and not holds(before, port)]


def _about_ports(change: Change) -> bool:
    return isinstance(change.after, dict) and "local_ports" in change.after


def _ports(fields: Plain) -> list[str]:
    ports = fields.get("local_ports") if isinstance(fields, dict) else None
    return list(map(str, ports)) if isinstance(ports, list) else []
