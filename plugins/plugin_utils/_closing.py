# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of the firewall may not go back while the listener keeps a port. PRIVATE to the collection.

A listener whose port goes back stays where it is until TermService starts again. Were the firewall put back before,
nobody would get in any more: where the listener is it would be closed, and where it is to be nothing would listen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ._cim.tcp import listened
from ._host import Host
from ._model.change import Change
from ._model.plain import Plain
from ._model.rules import RULES, holds
from ._model.settings import SETTINGS
from ._owed import SERVICE
from ._targets import IN_THE_WAY
from ._undoing import Target, Undoing

PORT = SETTINGS["port"].path


def parted(movements: Sequence[Target], result: Undoing, owed: bool) -> tuple[list[Target], list[Target]]:
    """What goes back first, and what of the firewall waits until the listener has left its port, where it may have to.

    Of one field of a rule nothing older goes before what waits.
    """
    looked_at = {target.entry.change.item for target in (*movements, *result.settled)}
    looked_at.update(result.left, (drift.item for drift in result.drifted))
    first: list[Target] = []
    last: list[Target] = []
    for target in movements:
        change = target.entry.change
        waits = may_close(change) or any(change.target == other.entry.change.target for other in last)
        (last if waits and (owed or PORT in looked_at) else first).append(target)
    return first, last


def harmless(host: Host, targets: Sequence[Target], result: Undoing) -> Iterator[Target]:
    """Those that close no port on which the listener still is, each as it is when those before have gone back."""
    wanted = _wanted_port(host, result)
    for target in targets:
        change = target.entry.change
        if result.stays(change):
            continue
        try:
            shut = closes(host, change, wanted)
        except IN_THE_WAY as error:
            result.leave(change, str(error))
            continue
        if shut:
            result.leave(change, _would_close(shut, wanted))
        else:
            yield target


def _wanted_port(host: Host, result: Undoing) -> int | None:
    """The port that the listener is set to when all has gone back; None where that is hindered."""
    back = [change.after for change in result.changes if change.item == PORT]
    if PORT in result.left:
        return None
    if not back:
        return host.listener_port()
    return SETTINGS["port"].number(back[-1]["data"] if isinstance(back[-1], dict) else SETTINGS["port"].default)


def _would_close(ports: Sequence[int], wanted: int | None) -> str:
    listed = " and ".join(map(str, ports))
    why = f"until TermService starts again and takes port {wanted}: restart it" if wanted else "and stays: see to that"
    return f"this would close port {listed}, on which the listener is {why}, and roll back again"


def may_close(change: Change) -> bool:
    """Whether a change may close a port when it goes back; what opens one is no danger.

    Of another rule than the built-in ones it was disabled that it blocks. What of addresses or profiles lets in more is
    taken for such a one too: going back before what lets in less and waits, it would leave the rule open to more than
    it was at any time before.
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
