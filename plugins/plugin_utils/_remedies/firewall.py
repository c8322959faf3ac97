# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The built-in RDP rules of Windows Firewall. PRIVATE to the collection.

The rules are found by name, never by display name or group, which are localised. A disabled rule for public networks,
as every one for any profile is (rule strings without C(Profile=) are Any), would open them when it is enabled, so it is
narrowed first. What opens public networks is of high risk: anybody near can try to log on. For a custom port the
built-in rule's own port is changed, as Microsoft's support articles do. The firewall itself is never switched off. A
rule that blocks the port is somebody's own: it is named, and disabled only on request, where it does nothing else. A
built-in rule can have been made one that blocks (MSFT_NetFirewallRule, Action), or been deleted; only on request it is
set right, or made anew as Windows has it, by creation and a change of each filter: disabled from the first to the last,
since a rule without filters lets in everybody to everything. Public scripts make one of this name so. What rules of
policy let in needs none of the host's own, whatever its name, and where a profile ignores those, a change to them is
without effect.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from .._model.change import Change, Plan, Refusal
from .._model.observation import FirewallState, Observation, RuleState
from .._model.plain import Plain, to_plain
from .._model.rules import (
    ALLOW,
    BLOCK,
    LOCAL,
    MADE,
    PROGRAM,
    RULES,
    SERVICE,
    blank,
    blocks,
    for_all_addresses,
    for_ports_alone,
    for_udp_alone,
    in_profiles,
    is_host_process,
    unfinished,
)
from .._model.settings import SETTINGS, effective
from ._addresses import objection
from ._base import Options, Remedy, missing_area, no_connections
from ._firewall_held import closed_locally, held, rule_held, sample, too_wide, without_udp
from ._firewall_steps import closed, exposed, field, opening
from ._firewall_wanted import NAME, Wanted

OPTIONS = {
    "state": {"type": "str", "choices": ["enabled", "disabled"], "default": "enabled"},
    "profiles": {"type": "list", "elements": "str", "choices": ["active", "domain", "private", "public", "any"]},
    "transports": {"type": "list", "elements": "str", "choices": ["tcp", "udp"], "default": ["tcp", "udp"]},
    "remote_addresses": {"type": "list", "elements": "str"},
    "port": {"type": "int"},
    "block_rules": {"type": "str", "choices": ["keep", "disable"], "default": "keep"},
    "built_in_rules": {"type": "str", "choices": ["keep", "restore"], "default": "keep"},
}


def plan(observation: Observation, options: Options) -> Plan:
    """Plan the built-in rules of the wanted transports to be open for the listener's port, or closed."""
    firewall = observation.firewall
    if firewall is None:
        return missing_area("firewall", observation)
    if options["state"] == "disabled":
        return _closed_all(firewall, options)
    senseless = (*_useless(observation), *_wrong(options))
    if senseless:
        return Plan(refused=senseless)
    if "settings" in observation.unread or "port" not in observation.settings:
        return missing_area("settings", observation)
    numbers = {listener_port(observation), options["port"] or 0, *firewall.listening} - {0}
    ports = tuple(map(str, sorted(numbers)))
    wanted = Wanted(firewall, ports, options)
    opened = sum((_let_in(wanted, transport) for transport in sorted(options["transports"])), Plan())
    notes = (*exposed(opened.changes), *_still_open(firewall, options), *without_udp(wanted), *too_wide(wanted))
    opened += Plan(held=held(wanted), refused=closed_locally(wanted), notes=(*notes, *_protected(observation)))
    mended = {change.item for change in opened.changes}
    return sum((_unblocked(rule, ports, options) for rule in _in_the_way(wanted, mended)), opened)


def _own(firewall: FirewallState, name: str) -> RuleState | None:
    return next((rule for rule in firewall.rules if (rule.id, rule.store) == (name, LOCAL)), None)


def _closed_all(firewall: FirewallState, options: Options) -> Plan:
    wrong = tuple(_wrong(options))
    if wrong:
        return Plan(refused=wrong)
    idle = Plan(notes=_idle(options))
    return sum((_close(firewall, transport) for transport in sorted(options["transports"])), idle)


def _idle(options: Options) -> tuple[str, ...]:
    """The options that are about whom to let in, where nobody is."""
    given = [name for name in ("profiles", "remote_addresses", "port") if options[name] is not None]
    given += [name for name in ("block_rules", "built_in_rules") if options[name] != "keep"]
    return (f"state is disabled, so this has no effect: {', '.join(given)}",) if given else ()


def _close(firewall: FirewallState, transport: str) -> Plan:
    rule = _own(firewall, RULES[transport])
    return Plan(changes=(closed(rule),) if rule and rule.enabled and rule.action != BLOCK else ())


def _let_in(wanted: Wanted, transport: str) -> Plan:
    """The built-in rule of a transport, opened for the profiles in which it is needed."""
    name, needed = RULES[transport], wanted.needed(transport)
    rule = _own(wanted.firewall, name)
    if rule is None or rule.action != ALLOW or unfinished(rule, transport):
        return _let_in_again(wanted, transport, rule, needed) if needed else Plan()
    scoped = wanted.scoped(rule, transport)
    if scoped:
        return _scope_kept(wanted, scoped, rule)
    return Plan(tuple(opening(rule, wanted, needed)) if needed or (rule.enabled and wanted.counts(rule)) else ())


def _let_in_again(wanted: Wanted, transport: str, rule: RuleState | None, needed: int) -> Plan:
    """A built-in rule that is missing, or not what Windows made it."""
    name = RULES[transport]
    if wanted.options["built_in_rules"] == "keep":
        message = _missing(name) if rule is None or unfinished(rule, transport) else _turned(name, rule.action)
        return Plan(refused=(Refusal(message, "built_in_rules"),))
    right = replace(rule or blank(name), enabled=False, action=ALLOW, protocol=transport.upper())
    right = replace(right, local_ports=wanted.ports) if rule is None or unfinished(rule, transport) else right
    scoped = wanted.scoped(right, transport)
    if scoped:
        return _scope_kept(wanted, scoped, right)
    return Plan((*_restored(name, transport, rule, wanted.ports), *opening(right, wanted, needed)))


def _restored(name: str, transport: str, rule: RuleState | None, ports: tuple[str, ...]) -> Iterator[Change]:
    """The changes that make a built-in rule what it is on every host, disabled; its ports come last.

    So a rule for ports of its own transport has everything else already.
    """
    missing = "the built-in rule is missing, and is made as Windows has it"
    now = rule or blank(name)
    if rule is None:
        yield Change(NAME, "firewall_rule", name, None, dict(MADE), missing, risk="medium")
    elif rule.enabled:
        yield field(now, "enabled", True, False, "the built-in rule does not do what it is for, and is disabled first")
    if now.action != ALLOW:
        yield field(now, "action", now.action, ALLOW, "the built-in rule does not let in whom it is for")
    if unfinished(now, transport):
        yield from (field(now, *condition, missing) for condition in _conditions(now))
        before = {"protocol": now.protocol, "local_ports": to_plain(now.local_ports)}
        after: Plain = {"protocol": transport.upper(), "local_ports": to_plain(ports)}
        yield Change(NAME, "firewall_rule", name, before, after, missing, risk="medium")


def _conditions(rule: RuleState) -> Iterator[tuple[str, str, str]]:
    """Whose connections a rule is to be about, where it is not yet: the field, and what it is and is to be."""
    if not is_host_process(rule.program):
        yield "program", rule.program, PROGRAM
    if rule.service.lower() != SERVICE:
        yield "service", rule.service, SERVICE


def _scope_kept(wanted: Wanted, scoped: Mapping[tuple[str, str], list[RuleState]], built_in: RuleState) -> Plan:
    """Whom other rules let in is whom somebody wants in: nobody else is without a word."""
    rules = {rule.id: rule for found in scoped.values() for rule in found}
    listed = " and ".join(f"{name} ({sample(rule)})" for name, rule in rules.items())
    kept = f"the port is let in by {listed}, and the built-in rule {built_in.id} would let in others"
    new = ((place, found) for place, found in scoped.items() if int(place[1]) not in wanted.firewall.listening)
    silent = [f"to port {port} in the {profile} profile" for (profile, port), found in new if not found]
    if silent:
        message = f"{kept}, while nobody is let in {' and '.join(silent)}: name in remote_addresses whom to let in"
        return Plan(refused=(Refusal(message, "remote_addresses"),))
    return Plan(notes=(f"{kept}, so it stays as it is: name in remote_addresses whom else to let in, or Any",))


def _useless(observation: Observation) -> tuple[Refusal, ...]:
    useless = no_connections(observation)
    return (Refusal(f"{useless}. {_FOR_TERMSERVICE}"),) if useless else ()


def _wrong(options: Options) -> Iterator[Refusal]:
    """What cannot be meant, whatever the rules are."""
    wrong = objection(options["remote_addresses"]) if options["remote_addresses"] is not None else ""
    if wrong:
        yield Refusal(f"remote_addresses: {wrong}", "remote_addresses")
    if options["port"] is not None and not 0 < options["port"] < 65536:
        yield Refusal(f"port {options['port']} is none: use one from 1 to 65535", "port")


_FOR_TERMSERVICE = (
    "The built-in rules let in Windows' own Remote Desktop alone, whatever the port: another product needs a rule of "
    "its own"
)
"""They name the program svchost.exe and the service TermService."""


def listener_port(observation: Observation) -> int:
    """The port that the listener is set to, Windows' default where nothing is stored."""
    return effective(SETTINGS["port"], observation.settings["port"])[0] or 3389


def _in_the_way(wanted: Wanted, mended: Collection[str]) -> Iterator[RuleState]:
    """The rules that block, but for those that are made to let in again."""
    for rule in wanted.firewall.rules:
        if (
            (rule.id not in mended or rule.store != LOCAL)
            and in_profiles(rule, wanted.profiles)
            and any(blocks(rule, *way) for way in wanted.ways)
        ):
            yield rule


def _unblocked(rule: RuleState, ports: tuple[str, ...], options: Options) -> Plan:
    """A block beats every allow: one for everybody leaves nobody in, one for some addresses may be meant so."""
    over, spare = (" over UDP", _SPARE) if for_udp_alone(rule) else ("", "")
    beaten = f"the rule {rule.id} blocks the port{over}, and a block beats every allow"
    if not for_all_addresses(rule):
        return Plan(notes=(f"the rule {rule.id} keeps some addresses from the port, among them {sample(rule)}",))
    if rule.conditions:
        said = f"keeps those connections from the port{over} that meet its {', '.join(rule.conditions)}"
        return Plan(notes=(f"the rule {rule.id} {said}",))
    if rule.store != LOCAL:
        return Plan(held=(rule_held(rule, "firewall_block_rule", "block", "allow"),))
    if not for_ports_alone(rule, ports):
        return Plan(refused=(Refusal(f"{beaten}; it blocks more than that, so narrow it by hand{spare}"),))
    if options["block_rules"] == "keep":
        message = f"{beaten}: ask whoever made it, then set block_rules to disable{spare}"
        return Plan(refused=(Refusal(message, "block_rules"),))
    return Plan(changes=(replace(field(rule, "enabled", True, False, beaten), risk="medium"),))


_SPARE = ", or take udp out of transports, since Remote Desktop does without it"


def _still_open(firewall: FirewallState, options: Options) -> tuple[str, ...]:
    """Closing a port on which the listener still is would cut users off before it has moved."""
    kept = [str(port) for port in firewall.listening if port != options["port"]]
    listed = " and ".join(kept)
    return (f"port {listed} stays open, since the listener is on it until TermService starts again",) if kept else ()


def beside(options: Options) -> tuple[str, ...]:
    """Connection security rules drop what a firewall rule lets in, and some editions of Windows take no connections."""
    return ("identity", "obstacles") if options["state"] == "enabled" else ()


def _protected(observation: Observation) -> tuple[str, ...]:
    rules = observation.obstacles.ipsec if observation.obstacles else ()
    said = "drops connections that IPsec does not protect, whatever the firewall lets in: exempt the clients from it"
    asked = observation.obstacles.demands if observation.obstacles else ()
    beside = f"the built-in rule {RULES['tcp']} lets in only who meets a condition of its own ({', '.join(asked)})"
    note = (f"{beside}: take it off the rule if it is not meant",) if asked else ()
    return (*note, *(f"the connection security rule {rule} {said}" for rule in rules))


def _missing(name: str) -> str:
    return (
        f"the built-in rule {name} is missing: ask whoever deleted it, then set built_in_rules to restore, which makes "
        "it as Windows has it, or take its transport out of transports"
    )


def _turned(name: str, action: int) -> str:
    does = "blocks what it is for" if action == BLOCK else "lets in what IPsec has authenticated alone"
    return (
        f"the built-in rule {name} {does}, as somebody set it, and is left so: ask whoever did that, then set "
        "built_in_rules to restore, or take its transport out of transports"
    )


REMEDY = Remedy(
    name=NAME,
    areas=("settings", "firewall"),
    settings=("port",),
    options=OPTIONS,
    plan=plan,
    beside=beside,
)
