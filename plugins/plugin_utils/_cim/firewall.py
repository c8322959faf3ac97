# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Windows Firewall: the built-in Remote Desktop rules, rules for a port, and profiles.

PRIVATE to the collection. Source: MSFT_NetFirewall* (Microsoft Win32 documentation, FWP/wmi/wfascimprov). Rules are
known by InstanceID, which no language changes; display names are localised.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum, IntFlag

from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim import wql
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.client import CimClient, keys_of
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.schema import (
    MSFT_NET_ADDRESS_FILTER,
    MSFT_NET_APPLICATION_FILTER,
    MSFT_NET_CONNECTION_PROFILE,
    MSFT_NET_FIREWALL_PROFILE,
    MSFT_NET_FIREWALL_RULE,
    MSFT_NET_PROTOCOL_PORT_FILTER,
    MSFT_NET_SERVICE_FILTER,
)
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.types import CimClass
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.values import Instance, Sendable
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.envelope import Selector
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import NotFound, WsmanError

RDP_PREFIX = "RemoteDesktop-"
INBOUND, OUTBOUND = 1, 2
ENABLED, DISABLED = 1, 2
ANY_PORT = "Any"
RDP_GROUP = "@FirewallAPI.dll,-28752"
BUILT_IN_TEXTS = {"RemoteDesktop-UserMode-In-TCP": (28775, 28756), "RemoteDesktop-UserMode-In-UDP": (28776, 28777)}
"""Resources of FirewallAPI.dll that are name and description of the built-in rules for TermService."""

MOST_IDS = 40
"""Rules that one query names: long conditions end in a quota violation."""

BLOCKING = f"(Action=4 and Direction={INBOUND} and Enabled={ENABLED})"
"""The enabled inbound rules that block; most are for one program each."""

BUILT_IN = wql.starts_with("InstanceID", RDP_PREFIX)

_OF_RULES = (
    "InstanceID", "DisplayName", "ElementName", "RuleGroup", "Enabled", "Direction", "Action", "Profiles",
    "PolicyStoreSourceType",
)  # fmt: skip
_OF_PORTS = ("InstanceID", "LocalPort", "Protocol")
_OF_PROFILES = (
    "InstanceID", "Name", "Enabled", "DefaultInboundAction", "AllowInboundRules", "AllowLocalFirewallRules"
)  # fmt: skip
"""What is asked of objects that are looked at: whole ones are two to four times as large."""


class Action(IntEnum):
    """What a rule does with what it matches."""

    ALLOW = 2
    BYPASS = 3
    BLOCK = 4


class Profiles(IntFlag):
    """The network profiles for which a rule holds; ANY is the absence of a choice."""

    ANY = 0
    DOMAIN = 1
    PRIVATE = 2
    PUBLIC = 4


class Category(IntEnum):
    """The profile that Windows put a connected network in (MSFT_NetConnectionProfile.NetworkCategory)."""

    PUBLIC = 0
    PRIVATE = 1
    DOMAIN = 2


class Source(IntEnum):
    """The store that a rule comes from; only LOCAL ones can be changed here."""

    LOCAL = 1
    GROUP_POLICY = 2
    DYNAMIC = 3
    GENERATED = 4
    HARDCODED = 5
    MDM = 6


@dataclass(frozen=True)
class Rule:
    """A firewall rule with its port and address filters.

    ``ports`` and ``remote_addresses`` hold what Windows stores: ``3389``, ``5000-5010``, ``Any``, ``LocalSubnet``.
    ``program`` and ``service`` are read of enabled rules that block, and of unfinished built-in ones. ``parts`` are the
    rule and its filters as they were read, by class, which later operations name and change; only a rule that was asked
    for by its id has them.
    """

    instance_id: str
    display_name: str
    group: str
    enabled: bool
    direction: int
    action: int
    profiles: Profiles
    source: int
    protocol: str
    ports: tuple[str, ...]
    remote_addresses: tuple[str, ...]
    program: str = "Any"
    service: str = "Any"
    parts: Mapping[str, Instance] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True)
class Profile:
    """A firewall profile. Actions: 0 not configured, 2 allow, 4 block; ``enabled`` None when not configured."""

    name: str
    enabled: bool | None
    default_inbound: int
    allow_inbound_rules: bool | None
    allow_local_rules: bool | None


class FirewallError(WsmanError):
    """A rule could not be changed: ``code`` is the method's return value."""

    default_hint = "Rules of Group Policy or MDM are changed there; local ones need an administrator."

    def __init__(self, instance_id: str, action: str, code: int) -> None:
        super().__init__(f"Cannot {action} the firewall rule {instance_id} (code 0x{code:08X})")
        self.instance_id = instance_id
        self.code = code


class Firewall:
    """Reading the firewall and changing single rules of the local store."""

    def __init__(self, client: CimClient) -> None:
        self._client = client
        self._read: dict[str, Rule] = {}

    # --- reading ---

    def rdp_rules(self, *ports: int) -> list[Rule]:
        """Return the built-in Remote Desktop rules, in the order of their ids (three queries).

        With ``ports``, also the other inbound rules that name one, and the enabled ones that may block it by naming
        none (three queries more where some rule blocks, and again for each further MOST_IDS rules).
        """
        filters = self._ports("TCP" if ports else "")
        named = {name: found.texts("LocalPort") for name, found in filters.items() if found.text("Protocol") == "TCP"}
        condition = BUILT_IN
        naming = {name for name, listed in named.items() if any(covers(listed, port) for port in ports)}
        if ports:
            others = [name for name in named if name in naming and not name.startswith(RDP_PREFIX)]
            condition = wql.either(BUILT_IN, *([wql.any_of("InstanceID", others)] if others else []), BLOCKING)
        found = self._by_id(MSFT_NET_FIREWALL_RULE, condition, _OF_RULES)
        beside = {name for name, listed in named.items() if listed != (ANY_PORT,) and name not in naming}
        kept = [item for name, item in found.items() if name.startswith(RDP_PREFIX) or name not in beside]
        return self._with_filters([item for item in kept if item.number("Direction") == INBOUND], filters)

    def _with_filters(self, rules: Sequence[Instance], known: Mapping[str, Instance]) -> list[Rule]:
        """The rules with their ports and addresses; those that block also with whose connections they are about."""
        others = [_id(rule) for rule in rules if not _id(rule).startswith(RDP_PREFIX)]
        conditions = [wql.any_of("InstanceID", chunk) for chunk in _chunks(others)]
        conditions = [wql.either(BUILT_IN, *conditions[:1]) if conditions else BUILT_IN, *conditions[1:]]
        unknown = [wql.any_of("InstanceID", chunk) for chunk in _chunks([name for name in others if name not in known])]
        ports = {**known, **self._all_by_id(MSFT_NET_PROTOCOL_PORT_FILTER, unknown, _OF_PORTS)}
        addresses = self._all_by_id(MSFT_NET_ADDRESS_FILTER, conditions, ("InstanceID", "RemoteAddress"))
        built = (_rule(rule, ports.get(_id(rule)), addresses.get(_id(rule))) for rule in rules)
        return self._with_program(sorted(built, key=lambda rule: rule.instance_id))

    def _with_program(self, rules: list[Rule]) -> list[Rule]:
        names = [rule.instance_id for rule in rules if (rule.action == Action.BLOCK and rule.enabled) or _bare(rule)]
        conditions = [wql.any_of("InstanceID", chunk) for chunk in _chunks(names)]
        programs = self._all_by_id(MSFT_NET_APPLICATION_FILTER, conditions, ("InstanceID", "AppPath"))
        services = self._all_by_id(MSFT_NET_SERVICE_FILTER, conditions, ("InstanceID", "ServiceName"))
        return [
            replace(
                rule,
                program=_text(programs.get(rule.instance_id), "AppPath"),
                service=_text(services.get(rule.instance_id), "ServiceName"),
            )
            for rule in rules
        ]

    def _all_by_id(self, cls: CimClass, conditions: Iterable[str], names: Sequence[str]) -> dict[str, Instance]:
        return {name: item for condition in conditions for name, item in self._by_id(cls, condition, names).items()}

    def rule(
        self,
        instance_id: str,
        *,
        ports: bool = False,
        addresses: bool = False,
        program: bool = False,
        service: bool = False,
    ) -> Rule:
        """Return one rule and what names it, with its filters where they are asked for (a query for each part).

        Raises:
            NotFound: there is none of this name.
        """
        condition = wql.compare("InstanceID", instance_id)
        found = self._client.query(MSFT_NET_FIREWALL_RULE, condition, with_epr=True)
        if not found:
            raise NotFound(f"The firewall rule {instance_id} does not exist")
        self._read[instance_id] = _rule(
            found[0],
            self._named(MSFT_NET_PROTOCOL_PORT_FILTER, condition) if ports else None,
            self._named(MSFT_NET_ADDRESS_FILTER, condition) if addresses else None,
            self._named(MSFT_NET_APPLICATION_FILTER, condition) if program else None,
            self._named(MSFT_NET_SERVICE_FILTER, condition) if service else None,
        )
        return self._read[instance_id]

    def last_read(self, instance_id: str) -> Rule:
        """Return a rule as C(rule) gave it last, to be changed: what names it and its filters stays.

        Raises:
            NotFound: it was not asked for.
        """
        if instance_id not in self._read:
            raise NotFound(f"The firewall rule {instance_id} was not read before it was to be changed")
        return self._read[instance_id]

    def _named(self, cls: CimClass, condition: str) -> Instance | None:
        """A part of a rule with its reference, which a projection cannot have (MS-WSMV 3.1.4.1.17)."""
        return next(iter(self._client.query(cls, condition, with_epr=True)), None)

    def _ports(self, protocol: str) -> dict[str, Instance]:
        """The local ports of the built-in rules, and of all rules of a protocol if one is named: some 100 KB then."""
        condition = wql.either(BUILT_IN, wql.compare("Protocol", protocol)) if protocol else BUILT_IN
        return self._by_id(MSFT_NET_PROTOCOL_PORT_FILTER, condition, _OF_PORTS)

    def profiles(self) -> dict[str, Profile]:
        """Return the profiles by name: Domain, Private, Public."""
        profiles = (_profile(found) for found in self._client.query(MSFT_NET_FIREWALL_PROFILE, select=_OF_PROFILES))
        return {profile.name: profile for profile in profiles}

    def active_categories(self) -> dict[str, int]:
        """Return the category of each connected network by interface alias."""
        found = self._client.query(MSFT_NET_CONNECTION_PROFILE, select=("InterfaceAlias", "NetworkCategory"))
        return {item.text("InterfaceAlias"): item.number("NetworkCategory") or 0 for item in found}

    def _by_id(self, cls: CimClass, condition: str, names: Sequence[str]) -> dict[str, Instance]:
        return {_id(item): item for item in self._client.query(cls, condition, names)}

    # --- changing ---

    def make(self, instance_id: str) -> None:
        """Make the built-in rule of this name anew, disabled and for everybody and everything until it is narrowed.

        Name, group and description are resources, which Windows shows in the host's language as it does its own.
        """
        number, description = BUILT_IN_TEXTS[instance_id]
        resource = "@FirewallAPI.dll,-{}".format
        values: dict[str, Sendable] = {
            "InstanceID": instance_id,
            "ElementName": resource(number),
            "Description": resource(description),
            "RuleGroup": RDP_GROUP,
            "Direction": INBOUND,
            "Action": int(Action.ALLOW),
            "Enabled": DISABLED,
            "Profiles": int(Profiles.ANY),
        }
        self._client.create(MSFT_NET_FIREWALL_RULE, values)

    def delete(self, rule: Rule) -> None:
        """Delete a rule of the local store."""
        self._client.delete(MSFT_NET_FIREWALL_RULE, **_texts(self._keys(rule, MSFT_NET_FIREWALL_RULE)))

    def set_enabled(self, rule: Rule, enabled: bool) -> None:
        """Enable or disable a rule; its provider answers with or without a return value."""
        method = "Enable" if enabled else "Disable"
        outcome = self._client.invoke(MSFT_NET_FIREWALL_RULE, method, keys=self._keys(rule, MSFT_NET_FIREWALL_RULE))
        if not outcome.ok:
            raise FirewallError(rule.instance_id, method.lower(), outcome.return_value or 0)

    def set_profiles(self, rule: Rule, profiles: Profiles) -> None:
        """Set the profiles for which a rule holds."""
        self._put(rule, MSFT_NET_FIREWALL_RULE, {"Profiles": int(profiles)})

    def set_action(self, rule: Rule, action: Action) -> None:
        """Set what a rule does with what it matches."""
        self._put(rule, MSFT_NET_FIREWALL_RULE, {"Action": int(action)})

    def set_program(self, rule: Rule, program: str) -> None:
        """Set whose connections a rule is about; ``Any`` is everybody's."""
        self._put(rule, MSFT_NET_APPLICATION_FILTER, {"AppPath": program})

    def set_service(self, rule: Rule, service: str) -> None:
        """Set the service whose connections a rule is about; ``Any`` is every one's, and what is no service."""
        self._put(rule, MSFT_NET_SERVICE_FILTER, {"ServiceName": service})

    def set_protocol(self, rule: Rule, protocol: str, ports: Iterable[str]) -> None:
        """Set protocol and local ports, which belong together."""
        self._put(rule, MSFT_NET_PROTOCOL_PORT_FILTER, {"Protocol": protocol, "LocalPort": tuple(ports)})

    def set_local_port(self, rule: Rule, ports: Iterable[str | int]) -> None:
        """Set a rule's local ports, as the vendor's own instructions for a custom port do."""
        self._put(rule, MSFT_NET_PROTOCOL_PORT_FILTER, {"LocalPort": tuple(str(port) for port in ports)})

    def set_remote_addresses(self, rule: Rule, addresses: Sequence[str]) -> None:
        """Set the addresses from which a rule lets in: addresses, networks, ranges, ``LocalSubnet`` or ``Any``."""
        self._put(rule, MSFT_NET_ADDRESS_FILTER, {"RemoteAddress": tuple(addresses)})

    def _put(self, rule: Rule, cls: CimClass, changes: Mapping[str, Sendable]) -> None:
        self._client.put(cls, self._keys(rule, cls), changes, rule.parts[cls.name])

    @staticmethod
    def _keys(rule: Rule, cls: CimClass) -> Mapping[str, Selector]:
        part = rule.parts.get(cls.name)
        if part is None or part.epr is None:
            raise NotFound(f"The firewall rule {rule.instance_id} has no {cls.name}")
        return keys_of(part.epr)


def covers(ports: Iterable[str], port: int) -> bool:
    """Say whether a list of ports and ranges such as ``5000-5010`` includes a port; words such as ``Any`` do not."""
    return any(_covers(item, port) for item in ports)


def _covers(item: str, port: int) -> bool:
    low, separator, high = item.partition("-")
    if not low.isdecimal() or (separator and not high.isdecimal()):
        return False
    return int(low) <= port <= int(high or low)


def _rule(
    rule: Instance,
    ports: Instance | None,
    addresses: Instance | None,
    program: Instance | None = None,
    service: Instance | None = None,
) -> Rule:
    parts = {
        MSFT_NET_FIREWALL_RULE.name: rule,
        MSFT_NET_PROTOCOL_PORT_FILTER.name: ports,
        MSFT_NET_ADDRESS_FILTER.name: addresses,
        MSFT_NET_APPLICATION_FILTER.name: program,
        MSFT_NET_SERVICE_FILTER.name: service,
    }
    return Rule(
        instance_id=_id(rule),
        display_name=rule.text("DisplayName") or rule.text("ElementName"),
        group=rule.text("RuleGroup"),
        enabled=rule.number("Enabled") == ENABLED,
        direction=rule.number("Direction") or 0,
        action=rule.number("Action") or 0,
        profiles=Profiles((rule.number("Profiles") or 0) & 7),
        source=rule.number("PolicyStoreSourceType") or 0,
        protocol=ports.text("Protocol") if ports else "",
        ports=ports.texts("LocalPort") if ports else (),
        remote_addresses=addresses.texts("RemoteAddress") if addresses else (),
        program=_text(program, "AppPath"),
        service=_text(service, "ServiceName"),
        parts={name: part for name, part in parts.items() if part and part.epr},
    )


def _profile(instance: Instance) -> Profile:
    return Profile(
        name=instance.text("Name") or instance.text("InstanceID").rpartition("|")[2],
        enabled=_configured(instance.number("Enabled")),
        default_inbound=instance.number("DefaultInboundAction") or 0,
        allow_inbound_rules=_configured(instance.number("AllowInboundRules")),
        allow_local_rules=_configured(instance.number("AllowLocalFirewallRules")),
    )


def _bare(rule: Rule) -> bool:
    """Whether it is a built-in rule that is for all protocols, as it is while it is being made."""
    return rule.instance_id in BUILT_IN_TEXTS and rule.protocol.upper() not in ("TCP", "UDP", "6", "17")


def _texts(keys: Mapping[str, Selector]) -> dict[str, str]:
    return {name: value for name, value in keys.items() if isinstance(value, str)}


def _chunks(names: Sequence[str]) -> Iterator[Sequence[str]]:
    return (names[at : at + MOST_IDS] for at in range(0, len(names), MOST_IDS))


def _text(instance: Instance | None, name: str) -> str:
    """What a filter demands; where there is none, nothing."""
    return (instance.text(name) if instance else "") or "Any"


def _configured(value: int | None) -> bool | None:
    """Return 0 and 1 as False and True, 2 (not configured) and null as None."""
    return {0: False, 1: True}.get(2 if value is None else value)


def _id(instance: Instance) -> str:
    return instance.text("InstanceID")
