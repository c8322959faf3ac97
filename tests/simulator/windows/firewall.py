# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

r"""Windows Defender Firewall: rules, profiles, and whether a packet gets in.

Sources: MS-GPFAS 2.2.2 (rule strings), MS-FASP 2.2.34 (a rule that allows and bypasses is for authenticated traffic
alone) and 2.2.35 (flags by which a rule demands IPsec), Microsoft Learn MSFT_NetFirewallRule and
MSFT_NetFirewallProfile (numbers), the rules of "Remote Desktop" as they are stored under
SharedAccess\Parameters\FirewallPolicy\FirewallRules.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace

from tests.simulator.windows.registry import Registry, Type, Value
from tests.simulator.windows.texts import translate

INBOUND, OUTBOUND = 1, 2
ALLOW, BYPASS, BLOCK = 2, 3, 4
DOMAIN, PRIVATE, PUBLIC = 1, 2, 4
PROFILE_BITS = {"Domain": DOMAIN, "Private": PRIVATE, "Public": PUBLIC}
LOCAL_STORE, GPO_STORE, MDM_STORE = 1, 2, 6
TCP, UDP = "TCP", "UDP"
PROTOCOL_NUMBERS = {"TCP": "6", "UDP": "17", "ICMPv4": "1", "ICMPv6": "58"}
ACTION_WORDS = {ALLOW: "Allow", BYPASS: "ByPass", BLOCK: "Block"}
LOCAL_RULES = r"HKLM\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\FirewallRules"
LOCAL_PROFILES = r"HKLM\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy"
POLICY = r"HKLM\SOFTWARE\Policies\Microsoft\WindowsFirewall"
MDM_POLICY = LOCAL_PROFILES + r"\Mdm"
POLICY_STORES = {MDM_STORE: MDM_POLICY, GPO_STORE: POLICY}
"""Where policy's rules and profiles lie; of a value that both have, the later one's counts (Firewall CSP)."""

PROFILE_KEYS = {"Domain": "DomainProfile", "Private": "StandardProfile", "Public": "PublicProfile"}
ANY = ("Any",)
ADAPTER, WIRE, OWN_ADDRESS = "Ethernet", "Lan", "10.20.0.10"
"""The adapter by which users come, its type as rules name it, and its address."""

LOCAL_SUBNET = "192.0.2.0/24"
EVERYWHERE = ("Any", "*")
WORDS = (
    "LocalSubnet", "DNS", "DHCP", "WINS", "DefaultGateway", "Intranet", "Internet", "PlayToDevice",
    "IntranetRemoteAccess", "CaptivePortal",
)  # fmt: skip
"""Words for addresses (New-NetFirewallRule, RemoteAddress) in the order of their bits (MS-FASP, FW_ADDRESS_KEYWORD);
clients here have addresses of the first alone."""


@dataclass(frozen=True)
class Rule:
    """One rule. ``profiles`` is a bit mask, 0 for any; texts may be resources of FirewallAPI.dll."""

    id: str
    name: str
    group: str = ""
    description: str = ""
    direction: int = INBOUND
    action: int = ALLOW
    enabled: bool = False
    profiles: int = 0
    protocol: str = "Any"
    local_ports: tuple[str, ...] = ANY
    remote_ports: tuple[str, ...] = ANY
    local_addresses: tuple[str, ...] = ANY
    remote_addresses: tuple[str, ...] = ANY
    program: str = "Any"
    service: str = "Any"
    interface_aliases: tuple[str, ...] = ANY
    interface_types: tuple[str, ...] = ANY
    security: str = ""
    remote_users: str = ""
    edge: int = 0
    source: int = LOCAL_STORE

    def covers(self, protocol: str, port: int, program: str, service: str, remote: str) -> bool:
        """Whether a packet to this host meets the rule's conditions, profile aside."""
        return (
            self.protocol in ("Any", protocol, PROTOCOL_NUMBERS.get(protocol, protocol))
            and _port_in(port, self.local_ports)
            and _address_in(remote, self.remote_addresses)
            and _same(self.program, program)
            and _same(self.service, service)
            and self.is_plain
        )

    @property
    def is_plain(self) -> bool:
        """Whether it is about packets as users' clients send them here.

        They come by wire, from any port of theirs, to the only address that the host has, and without IPsec.
        """
        by_wire = {"Any", ADAPTER} & {*self.interface_aliases} and {"Any", WIRE} & {*self.interface_types}
        anywhere = self.remote_ports == ANY and {"Any", OWN_ADDRESS} & {*self.local_addresses}
        plain = not self.security and not self.remote_users and self.action != BYPASS
        return bool(by_wire and anywhere and plain)

    def to_string(self, version: str) -> str:
        """The rule as the registry stores it (MS-FASP 2.2.21)."""
        parts = [version, f"Action={ACTION_WORDS[self.action]}", f"Active={'TRUE' if self.enabled else 'FALSE'}"]
        parts += [f"Dir={'In' if self.direction == INBOUND else 'Out'}"]
        parts += [] if self.protocol == "Any" else [f"Protocol={PROTOCOL_NUMBERS.get(self.protocol, self.protocol)}"]
        parts += [f"Profile={name}" for name, bit in PROFILE_BITS.items() if self.profiles & bit]
        parts += [f"LPort={port}" for port in self.local_ports if port != "Any"]
        parts += [f"RPort={port}" for port in self.remote_ports if port != "Any"]
        parts += [f"LA4={address}" for address in self.local_addresses if address != "Any"]
        parts += [f"RA4={address}" for address in self.remote_addresses if address != "Any"]
        parts += [f"IF={name}" for name in self.interface_aliases if name != "Any"]
        parts += [f"IFType={name}" for name in self.interface_types if name != "Any"]
        parts += [] if self.program == "Any" else [f"App={self.program}"]
        parts += [] if self.service == "Any" else [f"Svc={self.service}"]
        parts += [f"Name={self.name}"] + ([f"Desc={self.description}"] if self.description else [])
        parts += [f"EmbedCtxt={self.group}"] if self.group else []
        parts += ["Edge=TRUE|Defer=App"] if self.edge else []
        parts += [f"Security={self.security}"] if self.security else []
        parts += [f"RUAuth={self.remote_users}"] if self.remote_users else []
        return "|".join(parts) + "|"

    @classmethod
    def from_string(cls, rule_id: str, text: str, source: int = GPO_STORE) -> Rule:
        """Read a stored rule back."""
        fields: dict[str, list[str]] = {}
        for part in text.split("|")[1:]:
            name, _equals, value = part.partition("=")
            fields.setdefault(name, []).append(value)
        protocol = _first(fields, "Protocol", "Any")
        numbers = {number: name for name, number in PROTOCOL_NUMBERS.items()}
        return cls(
            rule_id, _first(fields, "Name", rule_id), _first(fields, "EmbedCtxt"), _first(fields, "Desc"),
            OUTBOUND if _first(fields, "Dir") == "Out" else INBOUND,
            next(code for code, word in ACTION_WORDS.items() if word == _first(fields, "Action", "Allow")),
            _first(fields, "Active") == "TRUE", sum(PROFILE_BITS[name] for name in fields.get("Profile", ())),
            numbers.get(protocol, protocol), tuple(fields.get("LPort", ANY)), tuple(fields.get("RPort", ANY)),
            tuple(fields.get("LA4", ANY)), tuple(fields.get("RA4", ANY)),
            _first(fields, "App", "Any"), _first(fields, "Svc", "Any"),
            tuple(fields.get("IF", ANY)), tuple(fields.get("IFType", ANY)), _first(fields, "Security"),
            _first(fields, "RUAuth"), source=source,
        )  # fmt: skip


def _first(fields: Mapping[str, list[str]], name: str, default: str = "") -> str:
    return fields.get(name, [default])[0]


@dataclass(frozen=True)
class Profile:
    """One profile's settings; None is "not configured"."""

    name: str
    enabled: bool = True
    default_inbound: int = 0
    default_outbound: int = 0
    allow_inbound_rules: bool | None = None
    allow_local_rules: bool | None = None

    @property
    def bit(self) -> int:
        return PROFILE_BITS[self.name]


@dataclass(frozen=True)
class Packet:
    """A connection attempt from outside."""

    protocol: str
    port: int
    program: str = r"%SystemRoot%\system32\svchost.exe"
    service: str = "termservice"
    remote: str = "192.0.2.50"


@dataclass
class Firewall:
    """The firewall of one host. ``active`` gives the bit of the network's profile, ``running`` MpsSvc's state."""

    registry: Registry
    language: str
    schema_version: str
    active: Callable[[], int]
    running: Callable[[], bool]
    mdm_private_key: str = "StandardProfile"
    _rules: dict[str, Rule] = field(default_factory=dict)
    _policy_rules: list[Rule] = field(default_factory=list)
    _profiles: dict[str, Profile] = field(default_factory=dict)
    _policy: dict[str, dict[str, int]] = field(default_factory=dict)

    def rules(self) -> list[Rule]:
        """Rules of the local store."""
        return list(self._rules.values())

    def policy_rules(self) -> list[Rule]:
        """Rules that policy brought."""
        return list(self._policy_rules)

    def find(self, rule_id: str) -> Rule | None:
        return self._rules.get(rule_id.lower())

    def put(self, rule: Rule) -> Rule:
        """Add or change a local rule; the registry follows the store. Returned is what is kept of it."""
        rule = replace(rule, remote_addresses=kept(rule.remote_addresses))
        self._rules[rule.id.lower()] = rule
        self.registry.put(LOCAL_RULES, rule.id, Type.SZ, rule.to_string(self.schema_version))
        return rule

    def change(self, rule_id: str, **changes: object) -> Rule:
        """Change some fields of a local rule."""
        return self.put(replace(self._rules[rule_id.lower()], **changes))  # type: ignore[arg-type]  # replace wants names of fields

    def remove(self, rule_id: str) -> None:
        rule = self._rules.pop(rule_id.lower())
        self.registry.discard(LOCAL_RULES, rule.id)

    def profiles(self) -> list[Profile]:
        """The profiles as stored locally."""
        return list(self._profiles.values())

    def profile(self, name: str) -> Profile:
        return self._profiles[name]

    def put_profile(self, profile: Profile) -> None:
        self._profiles[profile.name] = profile
        self._store_profile(profile)

    def set_profile(self, name: str, **changes: object) -> Profile:
        """Change some settings of a profile."""
        profile = replace(self._profiles[name], **changes)  # type: ignore[arg-type]  # fields are checked by Profile
        self.put_profile(profile)
        return profile

    def display(self, text: str) -> str:
        """A rule's text in the host's language."""
        return translate("firewall", text, self.language)

    def load_policy(self) -> None:
        """Read rules and profile settings that policy holds: at start and at each policy refresh."""
        self._policy_rules = list(self._read_policy_rules())
        self._policy = {name: self._read_policy_profile(name) for name in PROFILE_BITS}

    def manage(self, rules: Iterable[Rule] = (), **profiles: Mapping[str, int]) -> None:
        """Take what device management syncs, as Intune: values of profiles by name, and rules."""
        for name, values in profiles.items():
            for value, number in values.items():
                self.registry.put_dword(f"{MDM_POLICY}\\{self._mdm_key(name)}", value, number)
        for rule in rules:
            self.registry.put(MDM_POLICY + r"\FirewallRules", rule.id, Type.SZ, rule.to_string(self.schema_version))
        self.load_policy()

    def _mdm_key(self, name: str) -> str:
        return self.mdm_private_key if name == "Private" else f"{name}Profile"

    def effective_profile(self, name: str) -> Profile:
        """A profile with policy laid over it."""
        local, policy = self._profiles[name], self._policy.get(name, {})
        return replace(
            local,
            enabled=bool(policy.get("EnableFirewall", local.enabled)),
            default_inbound={0: ALLOW, 1: BLOCK}.get(policy.get("DefaultInboundAction", -1), local.default_inbound),
            allow_inbound_rules=not policy["DoNotAllowExceptions"]
            if "DoNotAllowExceptions" in policy
            else local.allow_inbound_rules,
            allow_local_rules=bool(policy["AllowLocalPolicyMerge"])
            if "AllowLocalPolicyMerge" in policy
            else local.allow_local_rules,
        )

    def effective_rules(self, profile: Profile) -> list[Rule]:
        """Rules that count in a profile: policy's, and local ones unless policy shuts them out."""
        local = [] if profile.allow_local_rules is False else self.rules()
        rules = self.policy_rules() + local
        return [rule for rule in rules if rule.enabled and (not rule.profiles or rule.profiles & profile.bit)]

    def admits(self, packet: Packet, profile_bit: int | None = None) -> bool:
        """Whether the packet gets in: shields up, then block rules, then allow rules, then the default."""
        wanted = self.active() if profile_bit is None else profile_bit
        name = next(name for name, bit in PROFILE_BITS.items() if bit == wanted)
        profile = self.effective_profile(name)
        if not self.running() or not profile.enabled:
            return True
        if profile.allow_inbound_rules is False:
            return False
        matching = {rule.action for rule in self._matching(profile, packet)}
        if BLOCK in matching:
            return False
        return bool(matching) or profile.default_inbound == ALLOW

    def _matching(self, profile: Profile, packet: Packet) -> Iterator[Rule]:
        for rule in self.effective_rules(profile):
            if rule.direction == INBOUND and rule.covers(
                packet.protocol, packet.port, packet.program, packet.service, packet.remote
            ):
                yield rule

    def to_state(self) -> dict[str, object]:
        return {
            "rules": {rule.id: asdict(rule) for rule in self.rules()},
            "profiles": {profile.name: asdict(profile) for profile in self.profiles()},
        }

    def _store_profile(self, profile: Profile) -> None:
        key = f"{LOCAL_PROFILES}\\{PROFILE_KEYS[profile.name]}"
        self.registry.put_dword(key, "EnableFirewall", int(profile.enabled))
        numbers: dict[str, int | None] = {
            "DefaultInboundAction": {ALLOW: 0, BLOCK: 1}.get(profile.default_inbound),
            "DoNotAllowExceptions": None if profile.allow_inbound_rules is None else not profile.allow_inbound_rules,
        }
        for name, number in numbers.items():
            if number is None:
                self.registry.discard(key, name)
            else:
                self.registry.put_dword(key, name, int(number))

    def _read_policy_rules(self) -> Iterator[Rule]:
        yield from self._template_rules()
        for source, store in POLICY_STORES.items():
            for value in self._values(store + r"\FirewallRules"):
                if value.type is Type.SZ:
                    yield Rule.from_string(value.name, value.data, source)

    def _template_rules(self) -> Iterator[Rule]:
        """What "Allow inbound Remote Desktop exceptions" (windowsfirewall.admx) opens while it is enabled."""
        for key, profiles in {"DomainProfile": DOMAIN, "StandardProfile": PRIVATE | PUBLIC}.items():
            found = {value.name: value.data for value in self._values(rf"{POLICY}\{key}\Services\RemoteDesktop")}
            if found.get("Enabled") == 1 and found.get("RemoteAddresses"):
                words = [text.strip() for text in found["RemoteAddresses"].split(",")]
                addresses = tuple("LocalSubnet" if word.lower() == "localsubnet" else word for word in words)
                yield Rule(
                    f"RDP-exception-{key}", "Remote Desktop", enabled=True, profiles=profiles, protocol=TCP,
                    local_ports=("3389",), remote_addresses=kept(addresses), source=GPO_STORE,
                )  # fmt: skip

    def _read_policy_profile(self, name: str) -> dict[str, int]:
        keys = {MDM_STORE: self._mdm_key(name), GPO_STORE: f"{name}Profile"}
        values = (value for source, key in keys.items() for value in self._values(f"{POLICY_STORES[source]}\\{key}"))
        return {value.name: value.data for value in values if value.type is Type.DWORD}

    def _values(self, key: str) -> list[Value]:
        return self.registry.values(key) if self.registry.exists(key) else []


def _same(wanted: str, actual: str) -> bool:
    return wanted in ("Any", "*") or wanted.lower() == actual.lower()


def _port_in(port: int, ranges: tuple[str, ...]) -> bool:
    for text in ranges:
        first, _dash, last = text.partition("-")
        if text == "Any" or (first.isdigit() and int(first) <= port <= int(last or first)):
            return True
    return False


def _address_in(address: str, ranges: tuple[str, ...]) -> bool:
    return any(_address_matches(ipaddress.ip_address(address), text) for text in ranges)


def _address_matches(address: ipaddress.IPv4Address | ipaddress.IPv6Address, text: str) -> bool:
    if text in EVERYWHERE:
        return True
    word, families = _word(text)
    if word:
        return word == WORDS[0] and "4" in families and address in ipaddress.ip_network(LOCAL_SUBNET)
    first, dash, last = text.partition("-")
    if dash:
        return int(ipaddress.ip_address(first)) <= int(address) <= int(ipaddress.ip_address(last))
    return address in ipaddress.ip_network(text, strict=False)


def _word(text: str) -> tuple[str, str]:
    """A word and the families that it is for; no word if the text is none."""
    if text in WORDS:
        return text, "46"
    return (text[:-1], text[-1]) if text[:-1] in WORDS and text[-1] in "46" else ("", "")


def kept(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Addresses as Windows gives them back: kind by kind, whatever their order was (MS-FASP, FW_ADDRESSES).

    First the words, which are bits of each family, then the subnets and the ranges of IPv4 and those of IPv6.
    """
    if any(text in EVERYWHERE for text in texts):
        return ANY
    bits = {pair for text in texts for word, families in (_word(text),) for pair in ((word, one) for one in families)}
    families = {word: "".join(one for one in "46" if (word, one) in bits) for word in WORDS}
    words = [word + (named if len(named) == 1 else "") for word, named in families.items() if named]
    others = [_shown(text) for text in texts if not _word(text)[0]]
    return (*words, *sorted(others, key=lambda text: (":" in text, "-" in text)))


def _shown(text: str) -> str:
    first, dash, last = text.partition("-")
    if dash:
        return f"{ipaddress.ip_address(first)}-{ipaddress.ip_address(last)}"
    network = ipaddress.ip_network(text, strict=False)
    if network.num_addresses == 1:
        return str(network.network_address)
    return str(network) if network.version == 6 else network.with_netmask


def is_address(text: str) -> bool:
    """Whether a rule's address condition can be one: a word, an address, a subnet or a range."""
    try:
        _address_matches(ipaddress.ip_address("192.0.2.1"), text)
    except ValueError:
        return False
    return True
