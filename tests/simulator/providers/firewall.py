# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""MSFT_NetFirewallRule, its filters and associations, and MSFT_NetFirewallProfile in root/StandardCimv2."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from tests.simulator.providers.base import (
    ALREADY_EXISTS,
    INVALID_PARAMETER,
    NOT_FOUND,
    HostProvider,
    number,
    require_administrator,
    text,
)
from tests.simulator.windows.firewall import ANY, LOCAL_STORE, PROFILE_BITS, Profile, Rule, is_address
from tests.simulator.wsman.provider import Caller, CimError, Instance, Reference, Values

PROVIDER = "NetSecurity"
ENABLED, DISABLED = 1, 2
RULE_PREFIX, PROFILE_PREFIX = "MSFT|FW|FirewallRule|", "MSFT|FW|FirewallProfile|"
READ_ONLY = 0x80041023


def rule_keys(rule: Rule) -> dict[str, object]:
    """Keys of a rule."""
    return {"CreationClassName": RULE_PREFIX + rule.id, "PolicyRuleName": "", "SystemCreationClassName": "",
            "SystemName": ""}  # fmt: skip


def filter_keys(rule: Rule) -> dict[str, object]:
    """Keys of a filter of a rule (CIM_FilterEntryBase)."""
    return {"CreationClassName": RULE_PREFIX + rule.id, "Name": "", "SystemCreationClassName": "", "SystemName": ""}


def rule_id(keys: Values) -> str:
    """The rule's name from the keys of the rule or of one of its filters."""
    return text(keys.get("CreationClassName")).removeprefix(RULE_PREFIX)


@dataclass
class FirewallProvider(HostProvider):
    """Rules of the store that the operation's context names."""

    def store(self, options: Mapping[str, object]) -> list[Rule]:
        """The local rules; with PolicyStore=ActiveStore those of policy as well."""
        wanted = text(options.get("PolicyStore")).lower()
        active = bool(self.windows.switches["firewall_active_store"])
        rules = self.windows.firewall.rules()
        if wanted == "activestore" and active:
            return rules + self.windows.firewall.policy_rules()
        return self.windows.firewall.policy_rules() if wanted == "rsop" and active else rules

    def local(self, keys: Values) -> Rule:
        """The local rule that the keys mean. Raises CimError."""
        rule = self.windows.firewall.find(rule_id(keys))
        if rule is None:
            raise CimError(NOT_FOUND, provider=PROVIDER)
        return rule


@dataclass
class FirewallRules(FirewallProvider):
    """MSFT_NetFirewallRule."""

    def instances(self, caller: Caller, options: Mapping[str, object]) -> Iterable[Instance]:
        return [self._instance(rule) for rule in self.store(options)]

    def get(self, keys: Values, caller: Caller, options: Mapping[str, object]) -> Instance | None:
        wanted = rule_id(keys).lower()
        return next((self._instance(rule) for rule in self.store(options) if rule.id.lower() == wanted), None)

    def _instance(self, rule: Rule) -> Instance:
        firewall = self.windows.firewall
        name = firewall.display(rule.name)
        return Instance("MSFT_NetFirewallRule", {
            **rule_keys(rule), "InstanceID": rule.id, "ElementName": name, "DisplayName": name,
            "Description": firewall.display(rule.description) or None, "RuleGroup": rule.group or None,
            "DisplayGroup": firewall.display(rule.group) or None, "Direction": rule.direction, "Action": rule.action,
            "Enabled": ENABLED if rule.enabled else DISABLED, "Profiles": rule.profiles,
            "EdgeTraversalPolicy": rule.edge, "LooseSourceMapping": False, "LocalOnlyMapping": False,
            "PrimaryStatus": 1, "Status": "The rule was parsed successfully from the store.",
            "EnforcementStatus": [1], "PolicyStoreSource": "PersistentStore" if rule.source == LOCAL_STORE else "GPO",
            "PolicyStoreSourceType": rule.source, "Owner": None, "Platforms": None,
        })  # fmt: skip

    def invoke(
        self, method: str, keys: Values | None, args: Values, caller: Caller, options: Mapping[str, object]
    ) -> Values:
        require_administrator(caller, PROVIDER)
        rule = self.local(keys or {})
        if method in ("Enable", "Disable"):
            self.windows.firewall.change(rule.id, enabled=method == "Enable")
            return {}
        new_name = text(args.get("NewName"))
        if not new_name or self.windows.firewall.find(new_name):
            raise CimError(ALREADY_EXISTS if new_name else INVALID_PARAMETER, provider=PROVIDER)
        self.windows.firewall.put(replace(rule, id=new_name))
        if method == "Rename":
            self.windows.firewall.remove(rule.id)
        return {}

    def put(self, keys: Values, changes: Values, caller: Caller, options: Mapping[str, object]) -> Instance:
        require_administrator(caller, PROVIDER)
        rule = self.local(keys)
        changed = _rule_fields(changes)
        if "name" in changed and changed["name"] == self.windows.firewall.display(rule.name):
            del changed["name"]
        return self._instance(self.windows.firewall.change(rule.id, **changed))

    def create(self, values: Values, caller: Caller, options: Mapping[str, object]) -> Values:
        """A rule without filters is any to any, and on unless it says otherwise."""
        require_administrator(caller, PROVIDER)
        name = text(values.get("InstanceID"))
        if not name or not values.get("ElementName", values.get("DisplayName")):
            raise CimError(INVALID_PARAMETER, operation="PutInstance", provider=PROVIDER)
        if self.windows.firewall.find(name):
            raise CimError(ALREADY_EXISTS, operation="PutInstance", provider=PROVIDER)
        filters = _filter_context(options) if self.windows.switches["firewall_create_context"] else {}
        fields = {"enabled": True, "name": name, **_rule_fields(values), **filters}
        rule = replace(Rule(name, name), **fields)  # type: ignore[arg-type]  # fields are those of Rule
        check_conditions(rule)
        self.windows.firewall.put(rule)
        return rule_keys(rule)

    def delete(self, keys: Values, caller: Caller, options: Mapping[str, object]) -> None:
        require_administrator(caller, PROVIDER)
        self.windows.firewall.remove(self.local(keys).id)


RULE_NUMBERS = {
    "Direction": ("direction", (1, 2)), "Action": ("action", (2, 3, 4)), "Profiles": ("profiles", range(8)),
    "EdgeTraversalPolicy": ("edge", range(4)),
}  # fmt: skip
RULE_TEXTS = {"RuleGroup": "group", "ElementName": "name", "DisplayName": "name", "Description": "description"}


def _rule_fields(values: Values) -> dict[str, object]:
    fields: dict[str, object] = {}
    for name, value in values.items():
        if value is None:
            continue
        if name in RULE_NUMBERS:
            field, allowed = RULE_NUMBERS[name]
            fields[field] = _checked(number(value), allowed)
        elif name == "Enabled":
            fields["enabled"] = _checked(number(value), (ENABLED, DISABLED)) == ENABLED
        elif name in RULE_TEXTS:
            fields[RULE_TEXTS[name]] = text(value)
    return fields


def _checked(value: int, allowed: Iterable[int]) -> int:
    if value not in allowed:
        raise CimError(INVALID_PARAMETER, operation="PutInstance", provider=PROVIDER)
    return value


def check_conditions(rule: Rule) -> None:
    """Ports make sense for TCP and UDP alone, and addresses have to be some. Raises CimError."""
    portless = rule.local_ports != ANY and rule.protocol not in ("TCP", "UDP", "6", "17")
    if portless or not all(map(is_address, (*rule.local_addresses, *rule.remote_addresses))):
        raise CimError(INVALID_PARAMETER, operation="PutInstance", provider=PROVIDER)


def _filter_context(options: Mapping[str, object]) -> dict[str, object]:
    """Filter values that a Create brings along as context, named as the cmdlet New-NetFirewallRule names them."""
    fields: dict[str, object] = {}
    for option, field in {"Protocol": "protocol", "Program": "program", "Service": "service"}.items():
        if option in options:
            fields[field] = text(options[option])
    lists = {"LocalPort": "local_ports", "RemotePort": "remote_ports", "RemoteAddress": "remote_addresses",
             "LocalAddress": "local_addresses"}  # fmt: skip
    for option, field in lists.items():
        if option in options:
            value = options[option]
            fields[field] = tuple(map(str, value)) if isinstance(value, list) else (text(value),)
    return fields


@dataclass(frozen=True)
class FilterForm:
    """How a filter class shows a rule: property to field of Rule; ``association`` is the class that ties them."""

    class_name: str
    association: str
    lists: Mapping[str, str]
    texts: Mapping[str, str]


FILTERS = {
    form.class_name: form
    for form in (
        FilterForm("MSFT_NetProtocolPortFilter", "MSFT_NetFirewallRuleFilterByProtocolPort",
                   {"LocalPort": "local_ports", "RemotePort": "remote_ports"}, {"Protocol": "protocol"}),
        FilterForm("MSFT_NetAddressFilter", "MSFT_NetFirewallRuleFilterByAddress",
                   {"LocalAddress": "local_addresses", "RemoteAddress": "remote_addresses"}, {}),
        FilterForm("MSFT_NetApplicationFilter", "MSFT_NetFirewallRuleFilterByApplication", {}, {"AppPath": "program"}),
        FilterForm("MSFT_NetServiceFilter", "MSFT_NetFirewallRuleFilterByService", {}, {"ServiceName": "service"}),
        FilterForm("MSFT_NetInterfaceFilter", "MSFT_NetFirewallRuleFilterByInterface",
                   {"InterfaceAlias": "interface_aliases"}, {}),
    )
}  # fmt: skip
ASSOCIATIONS = {form.association: form for form in FILTERS.values()}


@dataclass
class FirewallFilters(FirewallProvider):
    """One of the filter classes: an instance for each rule."""

    form: FilterForm

    def instances(self, caller: Caller, options: Mapping[str, object]) -> Iterable[Instance]:
        return [self._instance(rule) for rule in self.store(options)]

    def get(self, keys: Values, caller: Caller, options: Mapping[str, object]) -> Instance | None:
        wanted = rule_id(keys).lower()
        return next((self._instance(rule) for rule in self.store(options) if rule.id.lower() == wanted), None)

    def _instance(self, rule: Rule) -> Instance:
        values: dict[str, object] = {name: list(getattr(rule, field)) for name, field in self.form.lists.items()}
        values |= {name: self._text(name, getattr(rule, field)) for name, field in self.form.texts.items()}
        return Instance(self.form.class_name, {**filter_keys(rule), "InstanceID": rule.id, **values})

    def _text(self, name: str, value: str) -> str:
        expanded = name == "AppPath" and self.windows.switches["firewall_program"] == "expanded"
        return self.windows.expand(value) if expanded else value

    def put(self, keys: Values, changes: Values, caller: Caller, options: Mapping[str, object]) -> Instance:
        require_administrator(caller, PROVIDER)
        rule = self.local(keys)
        fields: dict[str, object] = {}
        for name, value in changes.items():
            if name in self.form.lists:
                fields[self.form.lists[name]] = tuple(map(str, value)) if isinstance(value, list) and value else ANY
            elif name in self.form.texts:
                fields[self.form.texts[name]] = text(value) or "Any"
        check_conditions(replace(rule, **fields))  # type: ignore[arg-type]  # fields are those of Rule
        return self._instance(self.windows.firewall.change(rule.id, **fields))


@dataclass
class RuleFilters(FirewallProvider):
    """One of the associations of a rule with its filter."""

    form: FilterForm

    def instances(self, caller: Caller, options: Mapping[str, object]) -> Iterable[Instance]:
        for rule in self.store(options):
            yield Instance(self.form.association, {
                "GroupComponent": Reference("MSFT_NetFirewallRule", rule_keys(rule)),
                "PartComponent": Reference(self.form.class_name, filter_keys(rule)),
            })  # fmt: skip


def tri_state(value: bool | None) -> int:
    """GpoBoolean: 0 false, 1 true, 2 not configured."""
    return 2 if value is None else int(value)


@dataclass
class FirewallProfiles(FirewallProvider):
    """MSFT_NetFirewallProfile; ActiveStore shows what policy makes of it."""

    def instances(self, caller: Caller, options: Mapping[str, object]) -> Iterable[Instance]:
        firewall = self.windows.firewall
        active = (
            text(options.get("PolicyStore")).lower() == "activestore" and self.windows.switches["firewall_active_store"]
        )
        read: Callable[[str], Profile] = firewall.effective_profile if active else firewall.profile
        return [self._instance(read(name)) for name in PROFILE_BITS]

    @staticmethod
    def _instance(profile: Profile) -> Instance:
        return Instance("MSFT_NetFirewallProfile", {
            "InstanceID": PROFILE_PREFIX + profile.name, "Name": profile.name, "Enabled": int(profile.enabled),
            "DefaultInboundAction": profile.default_inbound, "DefaultOutboundAction": profile.default_outbound,
            "AllowInboundRules": tri_state(profile.allow_inbound_rules),
            "AllowLocalFirewallRules": tri_state(profile.allow_local_rules), "AllowLocalIPsecRules": 2,
            "AllowUserApps": 2, "AllowUserPorts": 2, "NotifyOnListen": 2, "LogAllowed": 2, "LogBlocked": 2,
            "LogMaxSizeKilobytes": 4096, "LogFileName": r"%systemroot%\system32\LogFiles\Firewall\pfirewall.log",
            "DisabledInterfaceAliases": None,
        })  # fmt: skip

    def put(self, keys: Values, changes: Values, caller: Caller, options: Mapping[str, object]) -> Instance:
        require_administrator(caller, PROVIDER)
        name = text(keys.get("InstanceID")).removeprefix(PROFILE_PREFIX).title()
        if name not in PROFILE_BITS:
            raise CimError(NOT_FOUND, provider=PROVIDER)
        return self._instance(self.windows.firewall.set_profile(name, **_profile_fields(changes)))


def _profile_fields(changes: Values) -> dict[str, object]:
    tri = {0: False, 1: True, 2: None}
    fields: dict[str, object] = {}
    if "Enabled" in changes:
        fields["enabled"] = bool(_checked(number(changes["Enabled"]), (0, 1, 2)))
    for name, field in {"DefaultInboundAction": "default_inbound", "DefaultOutboundAction": "default_outbound"}.items():
        if name in changes:
            fields[field] = _checked(number(changes[name]), (0, 2, 4))
    for name, field in {
        "AllowInboundRules": "allow_inbound_rules",
        "AllowLocalFirewallRules": "allow_local_rules",
    }.items():
        if name in changes:
            fields[field] = tri[_checked(number(changes[name]), (0, 1, 2))]
    return fields
