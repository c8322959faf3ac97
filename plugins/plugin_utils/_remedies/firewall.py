# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The built-in RDP rules of Windows Firewall. PRIVATE to the collection.

The rules are found by name, never by display name or group, which are localised. A disabled rule for public networks,
as every one for any profile is (rule strings without C(Profile=) are Any), would open them when it is enabled, so it is
narrowed first. What opens public networks is of high risk: anybody near can try to log on. For a custom port the
built-in rule's own port is changed, as Microsoft's support articles do. The firewall itself is never switched off and
no rule is created. A rule that blocks the port is somebody's own: it is named, and disabled only on request, where it
does nothing else. A built-in rule can have been made one that blocks (MSFT_NetFirewallRule, Action); it lets nobody in,
so it is never enabled.
"""

from __future__ import annotations

import typing as t
from collections.abc import Iterator
from dataclasses import replace

from .._model.addresses import canonical
from .._model.change import Change, Held, Plan, Refusal, Risk
from .._model.observation import FirewallState, Observation, ProfileState, RuleState
from .._model.plain import to_plain
from .._model.rules import BLOCK, LOCAL, blocks, for_everybody, for_ports_alone, for_udp_alone, in_profiles
from .._model.settings import SETTINGS, effective
from ._addresses import objection, same
from ._base import Options, Remedy, missing_area, no_connections

NAME = "firewall"

RULES = {"tcp": "RemoteDesktop-UserMode-In-TCP", "udp": "RemoteDesktop-UserMode-In-UDP"}
"""InstanceIDs of the built-in rules, Windows 8 and Server 2012 to Windows 11 and Server 2025."""

BITS = {"domain": 1, "private": 2, "public": 4}
"""MSFT_NetFirewallRule.Profiles; 0 is any."""

PUBLIC = BITS["public"]

EXPOSED = (
    "Remote Desktop is let in from public networks too, where anybody near can try to log on: if that is not meant, "
    "name other profiles, or see that Windows takes the host's network for what it is"
)

FIREWALL_POLICY = r"HKLM\SOFTWARE\Policies\Microsoft\WindowsFirewall"

OPTIONS = {
    "state": {"type": "str", "choices": ["enabled", "disabled"], "default": "enabled"},
    "profiles": {"type": "list", "elements": "str", "choices": ["active", "domain", "private", "public", "any"]},
    "transports": {"type": "list", "elements": "str", "choices": ["tcp", "udp"], "default": ["tcp", "udp"]},
    "remote_addresses": {"type": "list", "elements": "str"},
    "port": {"type": "int"},
    "block_rules": {"type": "str", "choices": ["keep", "disable"], "default": "keep"},
}


def plan(observation: Observation, options: Options) -> Plan:
    """Plan the built-in rules of the wanted transports to be open for the listener's port, or closed."""
    firewall = observation.firewall
    if firewall is None:
        return missing_area("firewall", observation)
    rules = {rule.id: rule for rule in firewall.rules}
    wanted = [RULES[transport] for transport in sorted(options["transports"])]
    missing = tuple(Refusal(_missing(name), "transports") for name in wanted if name not in rules)
    blocking = tuple(Refusal(_blocking(name), "transports") for name in wanted if _blocks(rules.get(name)))
    present = [rules[name] for name in wanted if name in rules and not _blocks(rules[name])]
    if options["state"] == "disabled":
        return Plan(changes=tuple(_closed(rule) for rule in present if rule.enabled), refused=missing)
    senseless = tuple(_senseless(observation, options))
    if senseless:
        return Plan(refused=senseless)
    if "settings" in observation.unread or "port" not in observation.settings:
        return missing_area("settings", observation)
    numbers = {listener_port(observation), options["port"] or 0, *firewall.listening} - {0}
    ports = tuple(map(str, sorted(numbers)))
    changes = tuple(change for rule in present for change in _open(rule, firewall, ports, options))
    profiles = wanted_profiles(firewall, options)
    refused = (*missing, *blocking, *_closed_locally(firewall, profiles))
    notes = (*_exposed(changes), *_still_open(firewall, options), *_protected(observation))
    opened = Plan(changes, _held(firewall, profiles), refused, notes)
    return sum((_unblocked(rule, ports, options) for rule in _in_the_way(firewall, ports, profiles, options)), opened)


def _senseless(observation: Observation, options: Options) -> Iterator[Refusal]:
    """What cannot be meant, whatever the rules are."""
    useless = no_connections(observation)
    wrong = objection(options["remote_addresses"]) if options["remote_addresses"] is not None else ""
    if useless:
        yield Refusal(f"{useless}. {_FOR_TERMSERVICE}")
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


def _open(rule: RuleState, firewall: FirewallState, ports: tuple[str, ...], options: Options) -> Iterator[Change]:
    """A change for each field, since each is a write of its own; the rule is enabled last."""
    after = _opened(rule, wanted_profiles(firewall, options), ports, options)
    for name, value in after.items():
        before = getattr(rule, name)
        if value != before:
            change = _field(rule, name, before, value, _REASONS[name].format(port=" and ".join(ports)))
            yield _risky(change) if _exposes(rule, name, after["profiles"]) else change


def _exposes(rule: RuleState, name: str, profiles: int) -> bool:
    """Whether writing this field opens public networks: it is what enables the rule for them, or adds them to it."""
    adds = name == "enabled" or (name == "profiles" and rule.enabled and not in_profiles(rule, PUBLIC))
    return adds and covers(profiles, PUBLIC)


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


def _field(rule: RuleState, name: str, before: object, after: object, reason: str) -> Change:
    risk: Risk = "low" if rule.enabled else "medium"
    return Change(NAME, "firewall_rule", rule.id, {name: to_plain(before)}, {name: to_plain(after)}, reason, risk=risk)


def _opened(rule: RuleState, wanted: int, ports: tuple[str, ...], options: Options) -> dict[str, t.Any]:
    after: dict[str, t.Any] = {
        "local_ports": ports,
        "profiles": _profiles(rule, wanted, bool(options["profiles"])),
    }
    if options["remote_addresses"] is not None and not same(rule.remote_addresses, options["remote_addresses"]):
        after["remote_addresses"] = tuple(map(canonical, options["remote_addresses"]))
    return {**after, "enabled": True}


def _closed(rule: RuleState) -> Change:
    return _field(rule, "enabled", True, False, "the built-in rule is wanted closed")


def _profiles(rule: RuleState, wanted: int, explicit: bool) -> int:
    """Exactly the named profiles; else the least that adds the active ones, a disabled rule's public one aside."""
    if explicit:
        return wanted
    if not rule.enabled:
        return rule.profiles & ~PUBLIC | wanted
    return rule.profiles if covers(rule.profiles, wanted) else rule.profiles | wanted


def _in_the_way(firewall: FirewallState, ports: tuple[str, ...], wanted: int, options: Options) -> Iterator[RuleState]:
    ways = [(int(port), transport) for port in ports for transport in options["transports"]]
    for rule in firewall.rules:
        if in_profiles(rule, wanted) and any(blocks(rule, port, transport) for port, transport in ways):
            yield rule


def _unblocked(rule: RuleState, ports: tuple[str, ...], options: Options) -> Plan:
    """A block beats every allow: one for everybody leaves nobody in, one for some addresses may be meant so."""
    over, spare = (" over UDP", _SPARE) if for_udp_alone(rule) else ("", "")
    beaten = f"the rule {rule.id} blocks the port{over}, and a block beats every allow"
    if not for_everybody(rule):
        return Plan(notes=(f"the rule {rule.id} keeps some addresses from the port, among them {_sample(rule)}",))
    if rule.store != LOCAL:
        return Plan(held=(_block_held(rule),))
    if not for_ports_alone(rule, ports):
        return Plan(refused=(Refusal(f"{beaten}; it blocks more than that, so narrow it by hand{spare}"),))
    if options["block_rules"] == "keep":
        message = f"{beaten}: ask whoever made it, then set block_rules to disable{spare}"
        return Plan(refused=(Refusal(message, "block_rules"),))
    return Plan(changes=(replace(_field(rule, "enabled", True, False, beaten), risk="medium"),))


_SPARE = ", or take udp out of transports, since Remote Desktop does without it"


def _sample(rule: RuleState) -> str:
    return ", ".join(rule.remote_addresses[:3])


def _block_held(rule: RuleState) -> Held:
    folder = (
        r"Computer Configuration\Windows Settings\Security Settings\Windows Defender Firewall with Advanced Security"
    )
    path = f"{FIREWALL_POLICY}\\FirewallRules\\{rule.id}"
    return Held("policy_held", "firewall_block_rule", "block", "allow", path, f"{folder}\\Inbound Rules")


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
    return tuple(f"the connection security rule {rule} {said}" for rule in rules)


def _missing(name: str) -> str:
    return (
        f"the built-in rule {name} is missing; restore Windows Firewall's defaults for it, since a rule made by hand "
        "would not be recognised by Windows as its own"
    )


def _blocks(rule: RuleState | None) -> bool:
    return rule is not None and rule.action == BLOCK


def _blocking(name: str) -> str:
    return (
        f"the built-in rule {name} blocks what it is for, as somebody set it, so it is not enabled: ask whoever did "
        "so, then set its action to allow by hand, or take its transport out of transports"
    )


def _held(firewall: FirewallState, wanted: int) -> tuple[Held, ...]:
    profiles = (profile for name, profile in firewall.profiles.items() if not wanted or BITS.get(name, 0) & wanted)
    return tuple(held for profile in profiles if profile.enabled is not False for held in _profile_held(profile))


def _closed_locally(firewall: FirewallState, wanted: int) -> tuple[Refusal, ...]:
    """Profiles that an administrator of the host has closed to every rule: what was meant so is not undone here."""
    flags = {"local_rules": "ignores local rules", "exceptions": "blocks all incoming connections, rules included"}
    return tuple(
        Refusal(f"the {name} profile {what}, by the host's own setting: change it there if that is not meant")
        for name, profile in firewall.profiles.items()
        if profile.enabled is not False and (not wanted or BITS.get(name, 0) & wanted)
        for flag, what in flags.items()
        if getattr(profile, flag) is False and flag not in profile.by_policy
    )


def _profile_held(profile: ProfileState) -> Iterator[Held]:
    folder = (
        r"Computer Configuration\Windows Settings\Security Settings\Windows Defender Firewall with Advanced "
        rf"Security\{profile.name.title()} Profile"
    )
    if profile.local_rules is False and "local_rules" in profile.by_policy:
        path = f"{FIREWALL_POLICY}\\{profile.name.title()}Profile\\AllowLocalPolicyMerge"
        yield Held("policy_held", "firewall_local_rules", False, True, path, f"{folder}\\Apply local firewall rules")
    if profile.exceptions is False and "exceptions" in profile.by_policy:
        path = f"{FIREWALL_POLICY}\\{profile.name.title()}Profile\\DoNotAllowExceptions"
        yield Held("policy_held", "firewall_exceptions", False, True, path, f"{folder}\\Inbound connections")


REMEDY = Remedy(
    name=NAME,
    areas=("settings", "firewall"),
    settings=("port",),
    options=OPTIONS,
    plan=plan,
    beside=beside,
)
