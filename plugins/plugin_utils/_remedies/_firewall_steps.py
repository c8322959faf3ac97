# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a built-in rule is opened. PRIVATE to the collection.

Each field is a write of its own, so their order lets in nobody on the way.
"""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from .._model.addresses import ANY, beyond, canonical, everywhere
from .._model.change import Change, Risk
from .._model.observation import RuleState
from .._model.plain import to_plain
from .._model.rules import holds, in_profiles
from ._addresses import same
from ._firewall_wanted import EVERY, NAME, PUBLIC, Wanted

EXPOSED = (
    "Remote Desktop is let in from public networks too, where anybody near can try to log on: if that is not meant, "
    "name other profiles, or see that Windows takes the host's network for what it is"
)


def covers(profiles: int, wanted: int) -> bool:
    """Whether a rule's profiles include the wanted ones; any includes all and is included by any alone."""
    return profiles == 0 or (wanted != 0 and profiles & wanted == wanted)


def opening(rule: RuleState, wanted: Wanted, needed: int) -> Iterator[Change]:
    """A change for each field, since each is a write of its own, in an order in which a run may be cut off anywhere."""
    after, now = _opened(rule, wanted, needed), rule
    for name, value in _steps(rule, after):
        reason = _REASONS[name].format(port=" and ".join(wanted.ports)) if value == after[name] else _ON_THE_WAY
        change = field(rule, name, getattr(now, name), value, reason)
        yield _risky(change) if value == after[name] and _exposes(rule, name, after) else change
        now = replace(now, **{name: value})


def _steps(rule: RuleState, after: Mapping[str, t.Any]) -> Iterator[tuple[str, t.Any]]:
    """The writes, none of which lets in whom neither the rule as it was does nor as it is to be."""
    fields = {name: value for name, value in after.items() if name != "enabled" and value != getattr(rule, name)}
    yield from _moved(rule, fields) if rule.enabled and len(fields) > 1 else fields.items()
    if not rule.enabled:
        yield "enabled", True


def _moved(rule: RuleState, after: Mapping[str, t.Any]) -> Iterator[tuple[str, t.Any]]:
    """What both values of a field have in common comes first, which narrows the rule.

    A field may then move to what it has nothing in common with, and what is to be widened follows. Where two fields
    have to move so, nobody is let in meanwhile.
    """
    common = {name: _common(name, getattr(rule, name), value) for name, value in after.items()}
    apart = [name for name, value in common.items() if value is None]
    narrowed = [(name, value) for name, value in common.items() if value not in (None, getattr(rule, name))]
    yield from narrowed
    if len(apart) > 1:
        yield "enabled", False
    yield from ((name, after[name]) for name in apart)
    yield from (step for step in after.items() if step not in narrowed and step[0] not in apart)
    if len(apart) > 1:
        yield "enabled", True


def _common(name: str, old: t.Any, new: t.Any) -> t.Any:
    """What both values of a field let in, as far as it is known; None for nothing."""
    if name == "profiles":
        both = (old or EVERY) & (new or EVERY)
        return next((value for value in (old, new) if both == (value or EVERY)), both or None)
    outside = beyond if name == "remote_addresses" else _ports_beyond
    if not outside(old, new):
        return old
    if not outside(new, old):
        return new
    shared = {item for these, those in ((old, new), (new, old)) for item in these if not outside((item,), those)}
    return tuple(sorted(shared)) or None


def _ports_beyond(ports: Iterable[str], limit: Iterable[str]) -> tuple[str, ...]:
    """Those of the ports that a limit does not hold; of a range that is known only where the limit names it."""
    held = tuple(limit)
    return tuple(port for port in ports if port not in held and not (port.isdecimal() and holds(held, int(port))))


def _exposes(rule: RuleState, name: str, after: Mapping[str, t.Any]) -> bool:
    """Whether writing this field opens public networks.

    It is what enables the rule for them, adds them to it, or lets in everybody from there.
    """
    if name == "remote_addresses":
        adds = rule.enabled and _everybody(after[name]) and not _everybody(rule.remote_addresses)
    else:
        adds = name == "enabled" or (name == "profiles" and rule.enabled)
        adds = adds and not (rule.enabled and in_profiles(rule, PUBLIC))
    return adds and covers(after["profiles"], PUBLIC)


def _everybody(addresses: Iterable[str]) -> bool:
    return ANY in addresses or everywhere(addresses)


def _risky(change: Change) -> Change:
    return replace(change, risk="high", reason=f"{change.reason}; it then lets in from public networks too")


def exposed(changes: tuple[Change, ...]) -> tuple[str, ...]:
    """What is said where any of the writes opens public networks."""
    return (EXPOSED,) if any(change.risk == "high" for change in changes) else ()


_REASONS = {
    "local_ports": "the built-in rule is not for the port {port}",
    "profiles": "the built-in rule is for other profiles than wanted",
    "remote_addresses": "the built-in rule is for other remote addresses than wanted",
    "enabled": "the built-in rule is disabled, so connections to port {port} are not let in by it",
}
"""Why each field of a rule is written."""

_ON_THE_WAY = "nobody may be let in on the way whom the rule is neither for now nor to be for"


def field(rule: RuleState, name: str, before: object, after: object, reason: str) -> Change:
    """One write to a field of a rule."""
    risk: Risk = "low" if rule.enabled else "medium"
    return Change(NAME, "firewall_rule", rule.id, {name: to_plain(before)}, {name: to_plain(after)}, reason, risk=risk)


def _opened(rule: RuleState, wanted: Wanted, needed: int) -> dict[str, t.Any]:
    limit = wanted.options["remote_addresses"]
    after: dict[str, t.Any] = {
        "local_ports": wanted.ports if needed else rule.local_ports,
        "profiles": wanted.exactly(rule) if wanted.options["profiles"] else _profiles(rule, needed),
    }
    if limit is not None and not same(rule.remote_addresses, limit):
        after["remote_addresses"] = canonical(limit)
    return {**after, "enabled": True}


def closed(rule: RuleState) -> Change:
    """The write that closes a built-in rule."""
    return field(rule, "enabled", True, False, "the built-in rule is wanted closed")


def _profiles(rule: RuleState, needed: int) -> int:
    """The least that adds the needed profiles to the rule's, a disabled rule's public one aside."""
    if not rule.enabled:
        return rule.profiles & ~PUBLIC | needed
    return rule.profiles | needed if rule.profiles else rule.profiles
