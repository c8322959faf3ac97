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

import typing as t
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from .._model.addresses import ANY, beyond, canonical, everywhere
from .._model.change import Change, Held, Plan, Refusal, Risk
from .._model.observation import FirewallState, Observation, ProfileState, RuleState
from .._model.plain import Plain, to_plain
from .._model.rules import (
    ALLOW,
    BLOCK,
    EXCEPTION,
    LOCAL,
    MADE,
    MDM,
    PROGRAM,
    RULES,
    SERVICE,
    STORES,
    allows,
    blank,
    blocks,
    for_all_addresses,
    for_everybody,
    for_ports_alone,
    for_udp_alone,
    holds,
    in_profiles,
    is_host_process,
    lets_in_some,
    unfinished,
)
from .._model.settings import SETTINGS, effective
from ._addresses import objection, same
from ._base import Options, Remedy, missing_area, no_connections

NAME = "firewall"

BITS = {"domain": 1, "private": 2, "public": 4}
"""MSFT_NetFirewallRule.Profiles; 0 is any."""

PUBLIC = BITS["public"]

EXPOSED = (
    "Remote Desktop is let in from public networks too, where anybody near can try to log on: if that is not meant, "
    "name other profiles, or see that Windows takes the host's network for what it is"
)

FOLDER = r"Computer Configuration\Windows Settings\Security Settings\Windows Defender Firewall with Advanced Security"
"""Where a group policy has rules and profiles."""

TEMPLATE = (
    r"Computer Configuration\Administrative Templates\Network\Network Connections\Windows Defender Firewall"
    r"\{profile} Profile\Windows Defender Firewall: Allow inbound Remote Desktop exceptions"
)
"""The administrative template of a profile (windowsfirewall.admx)."""

CSP = "./Vendor/MSFT/Firewall/MdmStore"
"""Where device management has them (Microsoft Learn, Firewall CSP)."""

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
    notes = (*_exposed(opened.changes), *_still_open(firewall, options), *_without_udp(wanted), *_too_wide(wanted))
    opened += Plan(held=_held(wanted), refused=_closed_locally(wanted), notes=(*notes, *_protected(observation)))
    return sum((_unblocked(rule, ports, options) for rule in _in_the_way(wanted)), opened)


@dataclass(frozen=True)
class Wanted:
    """What is to be let in through a firewall."""

    firewall: FirewallState
    ports: tuple[str, ...]
    options: Options

    @property
    def profiles(self) -> int:
        """As Windows takes them: 0 is any."""
        return wanted_profiles(self.firewall, self.options)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, bit in BITS.items() if not self.profiles or bit & self.profiles)

    def exactly(self, rule: RuleState) -> int:
        """The wanted profiles, of which those that ignore rules of the host's own stay as the rule has them."""
        ignoring = sum(BITS[name] for name in self.names if self.flags(name))
        if not ignoring:
            return self.profiles
        has = rule.profiles or _EVERY
        wanted = (self.profiles or _EVERY) & ~ignoring | has & ignoring
        return rule.profiles if wanted in (has, 0) else wanted

    def by_policy(self, profile: str, transport: str) -> bool:
        """Whether rules of policy let in at all ports in a profile: everybody, or at least the addresses wanted."""
        limit = self.options["remote_addresses"] or (ANY,)
        rules = [
            rule
            for rule in self.firewall.rules
            if rule.store != LOCAL and in_profiles(rule, BITS[profile])
            if for_everybody(rule) or not beyond(limit, rule.remote_addresses)
        ]
        return all(any(allows(rule, int(port), transport) for rule in rules) for port in self.ports)

    def too_wide(self) -> Iterator[RuleState]:
        """Rules beside the built-in ones that let in others than the wanted addresses."""
        limit = self.options["remote_addresses"] or (ANY,)
        for rule in self.firewall.rules:
            beside = rule.store != LOCAL or rule.id not in RULES.values()
            meets = beside and in_profiles(rule, self.profiles) and any(lets_in_some(rule, *way) for way in self.ways)
            if meets and beyond(rule.remote_addresses, limit):
                yield rule

    @property
    def ways(self) -> list[tuple[int, str]]:
        return [(int(port), transport) for port in self.ports for transport in self.options["transports"]]

    def counts(self, rule: RuleState) -> bool:
        """Whether a rule of the host's own has any effect."""
        return any(in_profiles(rule, bit) and not self.flags(name) for name, bit in BITS.items())

    def needed(self, transport: str) -> int:
        """The bits of the profiles where a rule of the host's own lets in whom nothing else does; 0 is none."""
        needing = (name for name in self.names if not self.flags(name) and not self.by_policy(name, transport))
        return sum(BITS[name] for name in needing)

    def letting_in(self, profile: str, port: str, transport: str) -> list[RuleState]:
        """The rules that let somebody in to a port in a profile; who comes by UDP has come by TCP before."""
        ways = [(int(port), way) for way in {"tcp", transport}]
        here = (rule for rule in self.firewall.rules if in_profiles(rule, BITS[profile]))
        return [rule for rule in here if any(allows(rule, *way) for way in ways)]

    def scoped(self, built_in: RuleState, transport: str) -> dict[tuple[str, str], list[RuleState]]:
        """Who is let in already by profile and port, where the built-in rule would let in others that nobody named."""
        if self.options["remote_addresses"] is not None:
            return {}
        needed = self.needed(transport)
        places = [(name, port) for name in self.names if BITS[name] & needed for port in self.ports]
        found = {place: self.letting_in(*place, transport) for place in places}
        return found if any(_widens(built_in, rules) for rules in found.values()) else {}

    def shut(self) -> Iterator[tuple[ProfileState, str]]:
        """Profiles that ignore what would have to let in there, and the flag by which they do."""
        transport = "tcp" if "tcp" in self.options["transports"] else "udp"
        for name in self.names:
            for flag in self.flags(name):
                if flag != "local_rules" or not self.by_policy(name, transport):
                    yield self.firewall.profiles[name], flag

    def flags(self, name: str) -> tuple[str, ...]:
        """By what the firewall of a profile ignores rules of the host's own; by nothing where it is off."""
        profile = self.firewall.profiles.get(name)
        on = profile is not None and profile.enabled is not False
        return tuple(flag for flag in FLAGS if on and getattr(profile, flag) is False)


def _widens(rule: RuleState, others: Collection[RuleState]) -> bool:
    """Whether it lets in addresses that none of the others does, some of which there are."""
    scope = [address for other in others for address in other.remote_addresses]
    return bool(scope) and not any(map(for_everybody, others)) and bool(beyond(rule.remote_addresses, scope))


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
    return Plan(changes=(_closed(rule),) if rule and rule.enabled and rule.action != BLOCK else ())


def _let_in(wanted: Wanted, transport: str) -> Plan:
    """The built-in rule of a transport, opened for the profiles in which it is needed."""
    name, needed = RULES[transport], wanted.needed(transport)
    rule = _own(wanted.firewall, name)
    if rule is None or rule.action != ALLOW or unfinished(rule, transport):
        return _let_in_again(wanted, transport, rule, needed) if needed else Plan()
    scoped = wanted.scoped(rule, transport)
    if scoped:
        return _scope_kept(wanted, scoped, rule)
    return Plan(tuple(_open(rule, wanted, needed)) if needed or (rule.enabled and wanted.counts(rule)) else ())


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
    return Plan((*_restored(name, transport, rule, wanted.ports), *_open(right, wanted, needed)))


def _restored(name: str, transport: str, rule: RuleState | None, ports: tuple[str, ...]) -> Iterator[Change]:
    """The changes that make a built-in rule what it is on every host, disabled; its ports come last.

    So a rule for ports of its own transport has everything else already.
    """
    missing = "the built-in rule is missing, and is made as Windows has it"
    now = rule or blank(name)
    if rule is None:
        yield Change(NAME, "firewall_rule", name, None, dict(MADE), missing, risk="medium")
    elif rule.enabled:
        yield _field(now, "enabled", True, False, "the built-in rule does not what it is for, and is set right first")
    if now.action != ALLOW:
        yield _field(now, "action", now.action, ALLOW, "the built-in rule does not let in whom it is for")
    if unfinished(now, transport):
        yield from (_field(now, *field, missing) for field in _conditions(now))
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
    listed = " and ".join(f"{name} ({_sample(rule)})" for name, rule in rules.items())
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


def wanted_profiles(firewall: FirewallState, options: Options) -> int:
    """The wanted profiles as a bitmask; 0 is any. Windows treats a network that it cannot identify as public."""
    words = options["profiles"] or ["active"]
    if "any" in words:
        return 0
    active = firewall.active or ("public",)
    names = {name for word in words for name in (active if word == "active" else (word,))}
    return sum(BITS[name] for name in names)


def covers(profiles: int, wanted: int) -> bool:
    """Whether a rule's profiles include the wanted ones; any includes all and is included by any alone."""
    return profiles == 0 or (wanted != 0 and profiles & wanted == wanted)


def _open(rule: RuleState, wanted: Wanted, needed: int) -> Iterator[Change]:
    """A change for each field, since each is a write of its own, in an order in which a run may be cut off anywhere."""
    after, now = _opened(rule, wanted, needed), rule
    for name, value in _steps(rule, after):
        reason = _REASONS[name].format(port=" and ".join(wanted.ports)) if value == after[name] else _ON_THE_WAY
        change = _field(rule, name, getattr(now, name), value, reason)
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
        both = (old or _EVERY) & (new or _EVERY)
        return next((value for value in (old, new) if both == (value or _EVERY)), both or None)
    outside = beyond if name == "remote_addresses" else _ports_beyond
    if not outside(old, new):
        return old
    if not outside(new, old):
        return new
    shared = {item for these, those in ((old, new), (new, old)) for item in these if not outside((item,), those)}
    return tuple(sorted(shared)) or None


_EVERY = sum(BITS.values())


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


def _exposed(changes: tuple[Change, ...]) -> tuple[str, ...]:
    return (EXPOSED,) if any(change.risk == "high" for change in changes) else ()


_REASONS = {
    "local_ports": "the built-in rule is not for the port {port}",
    "profiles": "the built-in rule is for other profiles than wanted",
    "remote_addresses": "the built-in rule is for other remote addresses than wanted",
    "enabled": "the built-in rule is disabled, so connections to port {port} are not let in by it",
}
"""Why each field of a rule is written."""

_ON_THE_WAY = "nobody may be let in on the way whom the rule is neither for now nor to be for"


def _field(rule: RuleState, name: str, before: object, after: object, reason: str) -> Change:
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


def _closed(rule: RuleState) -> Change:
    return _field(rule, "enabled", True, False, "the built-in rule is wanted closed")


def _profiles(rule: RuleState, needed: int) -> int:
    """The least that adds the needed profiles to the rule's, a disabled rule's public one aside."""
    if not rule.enabled:
        return rule.profiles & ~PUBLIC | needed
    return rule.profiles | needed if rule.profiles else rule.profiles


def _in_the_way(wanted: Wanted) -> Iterator[RuleState]:
    """The rules that block, but for those that are made to let in again."""
    restores = wanted.options["built_in_rules"] == "restore"
    meant = [RULES[name] for name in wanted.options["transports"] if restores and wanted.needed(name)]
    for rule in wanted.firewall.rules:
        if (
            (rule.id not in meant or rule.store != LOCAL)
            and in_profiles(rule, wanted.profiles)
            and any(blocks(rule, *way) for way in wanted.ways)
        ):
            yield rule


def _unblocked(rule: RuleState, ports: tuple[str, ...], options: Options) -> Plan:
    """A block beats every allow: one for everybody leaves nobody in, one for some addresses may be meant so."""
    over, spare = (" over UDP", _SPARE) if for_udp_alone(rule) else ("", "")
    beaten = f"the rule {rule.id} blocks the port{over}, and a block beats every allow"
    if not for_all_addresses(rule):
        return Plan(notes=(f"the rule {rule.id} keeps some addresses from the port, among them {_sample(rule)}",))
    if rule.conditions:
        said = f"keeps those connections from the port{over} that meet its {', '.join(rule.conditions)}"
        return Plan(notes=(f"the rule {rule.id} {said}",))
    if rule.store != LOCAL:
        return Plan(held=(_rule_held(rule, "firewall_block_rule", "block", "allow"),))
    if not for_ports_alone(rule, ports):
        return Plan(refused=(Refusal(f"{beaten}; it blocks more than that, so narrow it by hand{spare}"),))
    if options["block_rules"] == "keep":
        message = f"{beaten}: ask whoever made it, then set block_rules to disable{spare}"
        return Plan(refused=(Refusal(message, "block_rules"),))
    return Plan(changes=(replace(_field(rule, "enabled", True, False, beaten), risk="medium"),))


_SPARE = ", or take udp out of transports, since Remote Desktop does without it"


def _sample(rule: RuleState) -> str:
    return ", ".join(rule.remote_addresses[:3])


def _rule_held(rule: RuleState, setting: str, value: Plain, wanted: Plain) -> Held:
    template = rule.id.endswith(EXCEPTION)
    folder = TEMPLATE.format(profile=rule.id.partition("Profile")[0]) if template else rf"{FOLDER}\Inbound Rules"
    node = f"{CSP}/FirewallRules/{rule.id}"
    return _held_at(rule.path, setting, value, wanted, folder, node)


def _held_at(path: str, setting: str, value: Plain, wanted: Plain, folder: str, node: str) -> Held:
    managed = path.startswith(STORES[MDM])
    owner = "device management (MDM)" if managed else ""
    return Held("policy_held", setting, value, wanted, path, node if managed else folder, owner)


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
        f"the built-in rule {name} {does}, as somebody set it, so it is not enabled: ask whoever did so, then set "
        "built_in_rules to restore, or take its transport out of transports"
    )


FLAGS = {
    "local_rules": ("ignores local rules", "Apply local firewall rules", "AllowLocalPolicyMerge"),
    "exceptions": ("blocks all incoming connections, rules included", "Inbound connections", "Shielded"),
}
"""Fields of a profile that can be set to ignore rules: what it does then, the policy, and the node of the CSP."""


def _held(wanted: Wanted) -> tuple[Held, ...]:
    shut = (_profile_held(profile, flag) for profile, flag in wanted.shut() if flag in profile.by_policy)
    limit = to_plain(canonical(wanted.options["remote_addresses"] or ()))
    wide = (rule for rule in wanted.too_wide() if rule.store != LOCAL)
    setting = "firewall_remote_addresses"
    return (*shut, *(_rule_held(rule, setting, to_plain(rule.remote_addresses), limit) for rule in wide))


def _too_wide(wanted: Wanted) -> tuple[str, ...]:
    """Rules of the host's own that let in others as well: somebody made them, so they are named."""
    return tuple(
        f"the rule {rule.id} lets in others than remote_addresses, among them {_sample(rule)}: narrow it, or disable "
        "it, if that is not meant"
        for rule in wanted.too_wide()
        if rule.store == LOCAL
    )


def _closed_locally(wanted: Wanted) -> tuple[Refusal, ...]:
    """Profiles that an administrator of the host has closed to every rule: what was meant so is not undone here."""
    return tuple(
        Refusal(
            f"the {profile.name} profile {FLAGS[flag][0]}, by the host's own setting: change it there if that is not "
            "meant"
        )
        for profile, flag in wanted.shut()
        if flag not in profile.by_policy
    )


def _profile_held(profile: ProfileState, flag: str) -> Held:
    _what, policy, node = FLAGS[flag]
    name = f"{profile.name.title()}Profile"
    folder = rf"{FOLDER}\{profile.name.title()} Profile\{policy}"
    return _held_at(profile.by_policy[flag], f"firewall_{flag}", False, True, folder, f"{CSP}/{name}/{node}")


def _without_udp(wanted: Wanted) -> tuple[str, ...]:
    """Where policy lets in over TCP alone, users are served all the same."""
    both = {"tcp", "udp"} <= {*wanted.options["transports"]}
    ignoring = (name for name in wanted.names if both and wanted.flags(name) == ("local_rules",))
    return tuple(
        f"the {name} profile ignores local rules, and policy lets in over TCP alone: Remote Desktop does without UDP"
        for name in ignoring
        if wanted.by_policy(name, "tcp") and not wanted.by_policy(name, "udp")
    )


REMEDY = Remedy(
    name=NAME,
    areas=("settings", "firewall"),
    settings=("port",),
    options=OPTIONS,
    plan=plan,
    beside=beside,
)
