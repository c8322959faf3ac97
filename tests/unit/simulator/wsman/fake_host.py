# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host with three providers, for tests of the engine and of the HTTP server."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

import yaml
from lxml import etree

from tests.simulator.wsman import names
from tests.simulator.wsman.engine import Answer, Engine
from tests.simulator.wsman.provider import (
    ADMINISTRATORS,
    BaseProvider,
    Caller,
    CimError,
    CommandResult,
    FaultPlan,
    Instance,
    Operation,
    Provider,
    Reference,
    Values,
)
from tests.simulator.wsman.schema import SchemaSet, parse_class

ADMINISTRATOR = Caller("Administrator", "S-1-5-21-1-2-3-500", frozenset({ADMINISTRATORS}))
PLAIN_USER = Caller("somebody", "S-1-5-21-1-2-3-1001")
REMOTE_MANAGER = Caller("manager", "S-1-5-21-1-2-3-1002", frozenset({"S-1-5-32-580"}))
START = datetime(2026, 3, 1, 12, 0, tzinfo=timezone.utc)
PASSWORD = "correct horse 7!"

SCHEMAS = """
- name: Registry
  namespace: root/default
  source: a test
  provider: RegProv
  methods:
    GetText:
      static: true
      writes: false
      in: {hDefKey: uint32 required, sName: string}
      out: {sValue: string}
    SetBytes: {static: true, in: {uValue: "uint8[]"}}
    GetBytes: {static: true, writes: false, out: {uValue: "uint8[]"}}
    Echo:
      static: true
      in: &everything
        flag: boolean
        small: sint8
        big: uint64
        text: string
        letter: char16
        when: datetime
        span: datetime
        words: string[]
        half: real64
        data: "uint8[]"
        owner: Owner
        owners: "Owner[]"
        friend: ref Thing
      out: *everything
    Nothing: {static: true, returns: none}
- name: Owner
  namespace: root/default
  source: a test
  properties: {Name: string, SID: "uint8[]", Deputy: Owner}
- name: Boss
  namespace: root/default
  source: a test
  superclass: Owner
  properties: {Title: string}
- name: Thing
  namespace: root/cimv2
  source: a test
  provider: ThingProv
  put: full
  deletable: true
  creatable: true
  properties:
    Name: string key
    Size: uint32
    Note: string write
    Tags: string[] write
    Born: datetime
    Good: boolean write
  methods:
    Start: {}
    Count: {static: true, writes: false}
    Enable: {returns: none}
- name: SpecialThing
  namespace: root/cimv2
  source: a test
  provider: ThingProv
  superclass: Thing
  properties: {Extra: string}
- name: Gadget
  namespace: root/cimv2
  source: a test
  provider: GadgetProv
  style: mi
  put: partial
  properties: {Id: uint32 key, Kind: string key, Note: string write}
- name: System
  namespace: root/cimv2
  source: a test
  singleton: true
  properties: {Name: string key, Version: string}
  methods: {Reboot: {}}
- name: ThingGadget
  namespace: root/cimv2
  source: a test
  association: true
  properties: {Left: ref Thing key, Right: ref Gadget key}
"""


class RegistryProvider(BaseProvider):
    """Static methods."""

    def __init__(self) -> None:
        super().__init__(provider_name="RegProv")
        self.data: bytes | None = b"\x00\xff"

    def invoke(
        self, method: str, keys: Values | None, args: Values, caller: Caller, options: Mapping[str, object]
    ) -> Values:
        """Answer as the method's name says."""
        if method == "Echo":
            return {**args, "ReturnValue": 0}
        if method == "GetText":
            return {"sValue": f"{args['hDefKey']}\\{args.get('sName')}", "ReturnValue": 0}
        if method == "SetBytes":
            value = args.get("uValue")
            self.data = value if isinstance(value, bytes) else None
            return {"ReturnValue": 0}
        return {"uValue": self.data, "ReturnValue": 2 if self.data is None else 0} if method == "GetBytes" else {}


class ThingProvider(BaseProvider):
    """Instances that can be changed, made and removed."""

    def __init__(self) -> None:
        super().__init__(provider_name="ThingProv")
        self.things: dict[str, Instance] = {}
        self.started: list[object] = []
        self.refusal: CimError | None = None
        for number, name in enumerate(("alpha", "beta", "gamma", "delta")):
            values = {
                "Name": name,
                "Size": number * 10,
                "Note": None if number == 3 else f"note {number}",
                "Tags": ["x"] * number,
                "Born": START - timedelta(days=number, microseconds=5),
                "Good": number % 2 == 0,
            }
            self.things[name] = Instance("Thing", values)
        self.things["omega"] = Instance("SpecialThing", {"Name": "omega", "Size": 99, "Extra": "more\x01"})

    def instances(self, caller: Caller, options: Mapping[str, object]) -> Iterable[Instance]:
        """All things."""
        if self.refusal is not None:
            raise self.refusal
        return list(self.things.values())

    def invoke(
        self, method: str, keys: Values | None, args: Values, caller: Caller, options: Mapping[str, object]
    ) -> Values:
        """Start one, count all."""
        if self.refusal is not None:
            raise self.refusal
        if method in ("Start", "Count"):
            self.started.append(keys)
        return {} if method == "Enable" else {"ReturnValue": len(self.things) if method == "Count" else 0}

    def put(self, keys: Values, changes: Values, caller: Caller, options: Mapping[str, object]) -> Instance:
        """Change one."""
        name = str(keys["Name"]).lower()
        self.things[name] = Instance(self.things[name].class_name, {**self.things[name].values, **changes})
        return self.things[name]

    def create(self, values: Values, caller: Caller, options: Mapping[str, object]) -> Values:
        """Make one, unless it is there."""
        name = str(values["Name"])
        if name in self.things:
            raise CimError(0x80041019, operation="PutInstance")
        self.things[name] = Instance("Thing", values)
        return {"Name": name}

    def delete(self, keys: Values, caller: Caller, options: Mapping[str, object]) -> None:
        """Remove one."""
        del self.things[str(keys["Name"]).lower()]


class GadgetProvider(BaseProvider):
    """Two keys, one of them a number; partial Put."""

    def __init__(self) -> None:
        super().__init__(provider_name="GadgetProv")
        self.gadgets = [Instance("Gadget", {"Id": number, "Kind": "k", "Note": None}) for number in (1, 2)]
        self.changes: list[Values] = []

    def instances(self, caller: Caller, options: Mapping[str, object]) -> Iterable[Instance]:
        """Both gadgets."""
        return self.gadgets

    def put(self, keys: Values, changes: Values, caller: Caller, options: Mapping[str, object]) -> Instance:
        """Remember what was to change."""
        self.changes.append(changes)
        return self.gadgets[0]


class SystemProvider(BaseProvider):
    """A singleton."""

    def instances(self, caller: Caller, options: Mapping[str, object]) -> Iterable[Instance]:
        """The one."""
        return [Instance("System", {"Name": "Windows", "Version": "10.0.20348"})]

    def invoke(
        self, method: str, keys: Values | None, args: Values, caller: Caller, options: Mapping[str, object]
    ) -> Values:
        """Reboot."""
        return {"ReturnValue": 0 if keys is None else 1}


class LinkProvider(BaseProvider):
    """Which thing goes with which gadget."""

    def instances(self, caller: Caller, options: Mapping[str, object]) -> Iterable[Instance]:
        """Alpha goes with 1, beta with 2."""
        return [
            Instance(
                "ThingGadget",
                {"Left": Reference("Thing", {"Name": n}), "Right": Reference("Gadget", {"Id": i, "Kind": "k"})},
            )
            for n, i in (("alpha", 1), ("beta", 2))
        ]


@dataclass
class FakeHost:
    """A `HostPort` with a clock that only tests move."""

    name: str = "host001"
    computer_name: str = "WIN-TEST"
    switches: dict[str, object] = field(default_factory=dict)
    config: dict[str, object] = field(default_factory=dict)
    clock: datetime = START
    plan: FaultPlan | None = None
    operations: list[Operation] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    commands: list[tuple[str, bytes]] = field(default_factory=list)
    result: CommandResult = field(default_factory=lambda: CommandResult(b"hi\r\n"))
    users: dict[str, str] = field(default_factory=lambda: {"Administrator": PASSWORD})
    certificates: dict[bytes, Caller] = field(default_factory=dict)
    registry: RegistryProvider = field(default_factory=RegistryProvider)
    things: ThingProvider = field(default_factory=ThingProvider)
    gadgets: GadgetProvider = field(default_factory=GadgetProvider)

    def schemas(self) -> SchemaSet:
        """The classes above."""
        return CLASSES

    def provider(self, namespace: str, class_name: str) -> Provider:
        """The provider of a class."""
        providers: dict[str, Provider] = {
            "Registry": self.registry,
            "Thing": self.things,
            "SpecialThing": self.things,
            "Gadget": self.gadgets,
            "System": SystemProvider(),
            "ThingGadget": LinkProvider(),
        }
        return providers[class_name]

    def now(self) -> datetime:
        """The test's clock."""
        return self.clock

    def identify(self) -> Mapping[str, str]:
        """A Server 2022."""
        return {"ProductVendor": "Microsoft Corporation", "ProductVersion": "OS: 10.0.20348 SP: 0.0 Stack: 3.0"}

    def winrm_config(self) -> Mapping[str, object]:
        """What the test set."""
        return self.config

    def authenticate_basic(self, user: str, password: str) -> Caller | None:
        """Compare with the users."""
        return ADMINISTRATOR if self.users.get(user) == password else None

    def password_of(self, user: str) -> str | None:
        """The password without regard to a domain or case."""
        name = user.rpartition("\\")[2].lower()
        return next((password for known, password in self.users.items() if known.lower() == name), None)

    def caller_for(self, user: str) -> Caller | None:
        """The administrator."""
        return ADMINISTRATOR if self.password_of(user) else None

    def caller_for_certificate(self, der: bytes) -> Caller | None:
        """The mapped caller."""
        return self.certificates.get(der)

    def run_command(self, command_line: str, caller: Caller, stdin: bytes) -> CommandResult:
        """The same result for all commands; one that reads stdin gives it back in capitals."""
        self.commands.append((command_line, stdin))
        if self.result.reads_stdin and stdin:
            return CommandResult(stdin.upper(), exit_code=3)
        return self.result

    def before_operation(self, op: Operation) -> FaultPlan | None:
        """The test's plan."""
        self.operations.append(op)
        return self.plan

    def after_operation(self, op: Operation, request_bytes: int, response_bytes: int) -> None:
        """Remember the sizes."""
        self.sizes.append((request_bytes, response_bytes))


CLASSES = SchemaSet.resolve(parse_class(fields) for fields in yaml.safe_load(SCHEMAS))

WMI = names.WMI_PREFIX
DMTF = names.DMTF_PREFIX
REGISTRY = f"{WMI}root/default/Registry"
THING = f"{WMI}root/cimv2/Thing"
GADGET = f"{WMI}root/cimv2/Gadget"
SYSTEM = f"{WMI}root/cimv2/System"
ALL = f"{WMI}root/cimv2/*"
SHELL_URI = names.CMD_SHELL

NSMAP = {
    **names.PREFIXES,
    "f": names.FAULT,
    "rsp": names.SHELL,
    "b": names.CIM_BINDING,
    "cim": names.CIM,
    "xsi": names.XSI,
}


def selector_set(selectors: Mapping[str, str]) -> str:
    """A w:SelectorSet."""
    items = "".join(f'<w:Selector Name="{name}">{value}</w:Selector>' for name, value in selectors.items())
    return f"<w:SelectorSet>{items}</w:SelectorSet>" if selectors else ""


def envelope(
    action: str, uri: str, body: str = "", selectors: Mapping[str, str] | None = None, extra: str = "", **replaced: str
) -> bytes:
    """A request as Windows wants it; a keyword (``ReplyTo=""``) replaces that header."""
    header = {
        "To": "<a:To>http://windows-host:5985/wsman</a:To>",
        "Action": f'<a:Action s:mustUnderstand="true">{action}</a:Action>',
        "ResourceURI": f'<w:ResourceURI s:mustUnderstand="true">{uri}</w:ResourceURI>',
        "ReplyTo": f"<a:ReplyTo><a:Address>{names.ANONYMOUS}</a:Address></a:ReplyTo>",
        "MessageID": f"<a:MessageID>uuid:{uuid.uuid4()}</a:MessageID>",
        "SelectorSet": selector_set(selectors or {}),
        **replaced,
    }
    spaces = " ".join(f'xmlns:{prefix}="{space}"' for prefix, space in NSMAP.items())
    head = f"<s:Header>{''.join(header.values())}{extra}</s:Header>"
    text = f"<s:Envelope {spaces}>{head}<s:Body>{body}</s:Body></s:Envelope>"
    return text.encode()


@dataclass
class Wire:
    """An engine with its host, and shorthand for requests and answers."""

    host: FakeHost = field(default_factory=FakeHost)
    engine: Engine = field(init=False)

    def __post_init__(self) -> None:
        self.engine = Engine(self.host)

    def send(self, request: bytes, caller: Caller | None = ADMINISTRATOR) -> Answer:
        """Send bytes."""
        return self.engine.handle(request, caller)

    def ask(
        self,
        action: str,
        uri: str,
        body: str = "",
        selectors: Mapping[str, str] | None = None,
        extra: str = "",
        caller: Caller = ADMINISTRATOR,
        **replaced: str,
    ) -> etree._Element:
        """Send a request and return the answer's envelope, which must not be a fault."""
        answer = self.send(envelope(action, uri, body, selectors, extra, **replaced), caller)
        assert answer.status == 200, answer.body.decode()
        return etree.fromstring(answer.body)

    def fault(
        self,
        action: str,
        uri: str,
        body: str = "",
        selectors: Mapping[str, str] | None = None,
        extra: str = "",
        caller: Caller = ADMINISTRATOR,
        **replaced: str,
    ) -> Fault:
        """Send a request that must be answered with a fault."""
        answer = self.send(envelope(action, uri, body, selectors, extra, **replaced), caller)
        assert answer.status == 500, answer.body.decode()
        return Fault(etree.fromstring(answer.body))

    def invoke(
        self, uri: str, method: str, arguments: str = "", selectors: Mapping[str, str] | None = None
    ) -> etree._Element:
        """Invoke a method and return its output element."""
        body = f'<p:{method}_INPUT xmlns:p="{uri}">{arguments}</p:{method}_INPUT>'
        return first_of_body(self.ask(f"{uri}/{method}", uri, body, selectors))

    def enumerate(
        self, uri: str, *, optimize: bool = True, most: int = 32000, mode: str = "", filter_: str = ""
    ) -> etree._Element:
        """Enumerate and return the response element."""
        return first_of_body(self.ask(names.ENUMERATE, uri, enumerate_body(optimize, most, mode, filter_)))

    def pull(self, uri: str, context: str, most: int = 32000) -> etree._Element:
        """Pull and return the response element."""
        return first_of_body(self.ask(names.PULL, uri, pull_body(context, most)))

    def query(self, text: str) -> list[etree._Element]:
        """All items of a WQL query."""
        self.host.switches["enum_shape"] = "complete"
        return items_of(self.enumerate(ALL, filter_=wql_filter(text)))


@dataclass(frozen=True)
class Fault:
    """A fault's envelope, taken apart."""

    root: etree._Element

    def text(self, path: str) -> str:
        """The text at a path."""
        return self.root.findtext(path, "", NSMAP)

    @property
    def subcode(self) -> str:
        """The prefixed subcode."""
        return self.text(".//s:Subcode/s:Value")

    @property
    def detail(self) -> str:
        """The last part of w:FaultDetail."""
        return self.text(".//w:FaultDetail").rpartition("/")[2]

    @property
    def code(self) -> int:
        """The outer WSManFault's code, 0 when there is none."""
        found = self.root.find(".//s:Detail/f:WSManFault", NSMAP)
        return 0 if found is None else int(found.get("Code", "0"))

    @property
    def wmi_error(self) -> dict[str, str]:
        """The members of MSFT_WmiError."""
        found = find_all(self.root, "//*[local-name()='MSFT_WmiError']/*")
        return {etree.QName(item).localname: item.text or "" for item in found}

    @property
    def status(self) -> dict[str, str]:
        """The members of __ExtendedStatus."""
        found = find_all(self.root, "//*[local-name()='__ExtendedStatus']/*")
        return {etree.QName(item).localname: item.text or "" for item in found}


def find_all(root: etree._Element, path: str) -> list[etree._Element]:
    """The elements that an XPath finds."""
    found = root.xpath(path)
    assert isinstance(found, list)
    return [item for item in found if isinstance(item, etree._Element)]


def first_of_body(root: etree._Element) -> etree._Element:
    """The first element in the body."""
    body = root.find("s:Body", NSMAP)
    assert body is not None
    return body[0]


def members(element: etree._Element) -> dict[str, list[str | None]]:
    """Texts of an element's children by local name, in order; None for nil."""
    found: dict[str, list[str | None]] = {}
    for child in element:
        nil = child.get(f"{{{names.XSI}}}nil") == "true"
        found.setdefault(etree.QName(child).localname, []).append(None if nil else child.text or "")
    return found


def items_of(response: etree._Element) -> list[etree._Element]:
    """The items in an Enumerate or Pull response."""
    return find_all(response, "*[local-name()='Items']/*")


def enumerate_body(optimize: bool = True, most: int = 32000, mode: str = "", filter_: str = "") -> str:
    """The body of an Enumerate."""
    shape = "<w:OptimizeEnumeration/>" if optimize else ""
    wanted = f"<w:EnumerationMode>{mode}</w:EnumerationMode>" if mode else ""
    return f"<n:Enumerate>{shape}<w:MaxElements>{most}</w:MaxElements>{wanted}{filter_}</n:Enumerate>"


def pull_body(context: str, most: int = 32000) -> str:
    """The body of a Pull."""
    return (
        f"<n:Pull><n:EnumerationContext>{context}</n:EnumerationContext><n:MaxElements>{most}</n:MaxElements></n:Pull>"
    )


def wql_filter(text: str) -> str:
    """A WQL filter."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f'<w:Filter Dialect="{names.WQL_DIALECT}">{escaped}</w:Filter>'
