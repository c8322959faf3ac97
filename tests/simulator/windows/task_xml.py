# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Task definitions: what the Task Scheduler accepts as XML, and what it makes of it.

Sources: MS-TSCH 2.5 (the schema, order of elements included), Microsoft Learn "Task Scheduler Schema" and "Task
Scheduler Error and Success Constants". DeleteExpiredTaskAfter without any EndBoundary is refused as a missing node
(0x80041319; ansible/ansible issue 51634). A declared encoding other than UTF-16 is refused, for the text comes as a
string. That the children of a trigger must stand in the schema's order is documented, but the Task Scheduler's own
exports begin with Repetition and are taken back: switch ``task_trigger_order``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from lxml import etree

NAMESPACE = "http://schemas.microsoft.com/windows/2004/02/mit/task"
UNEXPECTED_NODE, WRONG_NAMESPACE, INVALID_VALUE = 0x80041316, 0x80041317, 0x80041318
MISSING_NODE, MALFORMED_XML, NOT_MODELLED = 0x80041319, 0x8004131A, 0x80004001

TASK_ORDER = ("RegistrationInfo", "Triggers", "Principals", "Settings", "Data", "Actions")
TRIGGER_ORDER = ("Enabled", "StartBoundary", "EndBoundary", "Repetition", "ExecutionTimeLimit")
EXPORT_TRIGGER_ORDER = ("Repetition", "StartBoundary", "EndBoundary", "ExecutionTimeLimit", "Enabled")
OWN_ELEMENT = {"TimeTrigger": "RandomDelay", "BootTrigger": "Delay", "RegistrationTrigger": "Delay"}
OTHER_TRIGGERS = frozenset(
    {"CalendarTrigger", "LogonTrigger", "IdleTrigger", "EventTrigger", "SessionStateChangeTrigger"}
)
LOGON_TYPES = ("S4U", "Password", "InteractiveToken", "InteractiveTokenOrPassword")
RUN_LEVELS = ("LeastPrivilege", "HighestAvailable")
MULTIPLE_INSTANCES = ("Parallel", "Queue", "IgnoreNew", "StopExisting")
SYSTEM_NAMES = frozenset({"s-1-5-18", "system", r"nt authority\system", "localsystem"})


class TaskXmlError(ValueError):
    """A definition that is refused: ``hresult``, and the element with its text."""

    def __init__(self, hresult: int, name: str, value: str = "") -> None:
        super().__init__(f"{name}:{value}")
        self.hresult = hresult


@dataclass(frozen=True)
class Trigger:
    """When a task starts. ``start`` and ``end`` are aware; no ``interval``: once; no ``duration``: for ever."""

    kind: str
    enabled: bool = True
    start: datetime | None = None
    end: datetime | None = None
    interval: timedelta | None = None
    duration: timedelta | None = None
    delay: timedelta = timedelta()

    @property
    def endless(self) -> bool:
        return self.interval is not None and self.duration is None


@dataclass(frozen=True)
class Exec:
    """One program with its arguments as one string."""

    command: str
    arguments: str = ""


@dataclass(frozen=True)
class Definition:
    """What a task's XML says. ``user`` is empty where the XML names none; no ``limit``: a run takes as long as it will.

    Without ExecutionTimeLimit a run is stopped after three days (Microsoft Learn, TaskSettings.ExecutionTimeLimit).
    """

    triggers: tuple[Trigger, ...]
    actions: tuple[Exec, ...]
    user: str = ""
    highest: bool = False
    enabled: bool = True
    on_demand: bool = True
    not_on_batteries: bool = True
    when_available: bool = False
    delete_expired_after: timedelta | None = None
    limit: timedelta | None = timedelta(hours=72)
    description: str = ""
    author: str = ""

    @property
    def is_system(self) -> bool:
        return self.user.lower() in SYSTEM_NAMES


def parse_duration(text: str) -> timedelta | None:
    """An xs:duration of days, hours, minutes and seconds; None for anything else."""
    match = re.fullmatch(r"P(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", text.strip())
    if match is None or not any(match.groups()):
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def parse_boundary(text: str, zone: timedelta) -> datetime | None:
    """An xs:dateTime; without a zone it is the host's local time. None for anything else."""
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?(Z|[+-]\d\d:\d\d)?", text.strip()):
        return None
    plain = re.sub(r"(\.\d{6})\d", r"\1", text.strip()).replace("Z", "+00:00")
    try:
        moment = datetime.fromisoformat(plain)
    except ValueError:
        return None
    local = moment if moment.tzinfo else moment.replace(tzinfo=timezone(zone))
    return local.astimezone(timezone.utc)


def parse_task(xml: str, zone: timedelta, *, strict_order: bool) -> Definition:
    """The definition in ``xml``; ``zone`` is the host's offset from UTC. Raises TaskXmlError."""
    return _Reader(zone, strict_order).task(_root(xml))


def canonical_xml(xml: str, uri: str) -> str:
    """The definition as the Task Scheduler gives it back: with its URI, in its own order of elements."""
    root = _root(xml)
    info = root.find(_tag("RegistrationInfo"))
    if info is None:
        info = etree.Element(_tag("RegistrationInfo"))
        root.insert(0, info)
    for old in info.findall(_tag("URI")):
        info.remove(old)
    etree.SubElement(info, _tag("URI")).text = uri
    _reorder(root, TASK_ORDER)
    for trigger in root.findall(f"{_tag('Triggers')}/*"):
        _reorder(trigger, EXPORT_TRIGGER_ORDER)
    etree.indent(root, "  ")
    text = etree.tostring(root, encoding="unicode").replace("\r", "").replace("\n", "\r\n")
    return f'<?xml version="1.0" encoding="UTF-16"?>\r\n{text}'


def exported(xml: str, *, zoned: bool, disabled: bool) -> str:
    """A canonical definition as an export has it: its boundaries without their zone, and disabled, where that is so."""
    if not zoned:
        xml = re.sub(r"(<(Start|End)Boundary>[^<]*)Z</", r"\1</", xml)
    return re.sub(r"(<Settings>.*?<Enabled>)true<", r"\1false<", xml, flags=re.DOTALL) if disabled else xml


def _reorder(element: etree._Element, order: tuple[str, ...]) -> None:
    ranks = {name: rank for rank, name in enumerate(order)}
    element[:] = sorted(element, key=lambda child: ranks.get(_name(child), len(order)))


def _root(xml: str) -> etree._Element:
    declaration = re.match(r"\s*<\?xml[^>]*encoding=[\"']([^\"']+)[\"'][^>]*\?>", xml)
    if declaration is not None and declaration[1].lower() not in ("utf-16", "unicode"):
        raise TaskXmlError(MALFORMED_XML, "unable to switch the encoding")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    body = xml[declaration.end() :] if declaration else xml
    try:
        root = etree.fromstring(body.strip().encode(), parser)
    except etree.XMLSyntaxError as error:
        raise TaskXmlError(MALFORMED_XML, str(error)) from error
    if root.tag != _tag("Task"):
        raise TaskXmlError(WRONG_NAMESPACE if _name(root) == "Task" else UNEXPECTED_NODE, _name(root))
    return root


def _tag(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"


def _name(element: etree._Element) -> str:
    return str(etree.QName(element).localname)


def _text(element: etree._Element) -> str:
    return (element.text or "").strip()


def _bad(element: etree._Element) -> TaskXmlError:
    return TaskXmlError(INVALID_VALUE, _name(element), _text(element))


def _unexpected(element: etree._Element) -> TaskXmlError:
    return TaskXmlError(UNEXPECTED_NODE, _name(element))


def _flag(element: etree._Element) -> bool:
    if _text(element) not in ("true", "false", "1", "0"):
        raise _bad(element)
    return _text(element) in ("true", "1")


def _duration(element: etree._Element) -> timedelta:
    found = parse_duration(_text(element))
    if found is None:
        raise _bad(element)
    return found


def _count(element: etree._Element) -> int:
    if not _text(element).isdigit():
        raise _bad(element)
    return int(_text(element))


def _any(element: etree._Element) -> str:
    return _text(element)


def _choice(allowed: Iterable[str]) -> Callable[[etree._Element], str]:
    def check(element: etree._Element) -> str:
        if _text(element) not in allowed:
            raise _bad(element)
        return _text(element)

    return check


Form = Mapping[str, Callable[[etree._Element], object]]

REGISTRATION: Form = dict.fromkeys(
    ("URI", "SecurityDescriptor", "Source", "Date", "Author", "Version", "Description", "Documentation"), _any
)
PRINCIPAL: Form = {
    "UserId": _any, "LogonType": _choice(LOGON_TYPES), "GroupId": _any, "DisplayName": _any,
    "RunLevel": _choice(RUN_LEVELS), "ProcessTokenSidType": _choice(("None", "Unrestricted", "Default")),
    "RequiredPrivileges": _any,
}  # fmt: skip
SETTINGS: Form = {
    **dict.fromkeys(
        ("AllowStartOnDemand", "DisallowStartIfOnBatteries", "StopIfGoingOnBatteries", "AllowHardTerminate",
         "StartWhenAvailable", "RunOnlyIfNetworkAvailable", "WakeToRun", "Enabled", "Hidden", "RunOnlyIfIdle",
         "UseUnifiedSchedulingEngine", "DisallowStartOnRemoteAppSession", "Volatile"), _flag),
    **dict.fromkeys(("NetworkProfileName", "RestartOnFailure", "IdleSettings", "NetworkSettings",
                     "MaintenanceSettings"), _any),
    "MultipleInstancesPolicy": _choice(MULTIPLE_INSTANCES), "DeleteExpiredTaskAfter": _duration,
    "ExecutionTimeLimit": _duration, "Priority": _count,
}  # fmt: skip
EXEC: Form = {"Command": _any, "Arguments": _any, "WorkingDirectory": _any}
REPETITION: Form = {"Interval": _duration, "Duration": _duration, "StopAtDurationEnd": _flag}


def _fields(element: etree._Element | None, form: Form) -> dict[str, object]:
    """The children of an element by name (xs:all: any order, each once)."""
    found: dict[str, object] = {}
    for child in [] if element is None else element:
        if _name(child) not in form or _name(child) in found or child.tag != _tag(_name(child)):
            raise _unexpected(child)
        found[_name(child)] = form[_name(child)](child)
    return found


class _Reader:
    """Reads a definition as a host of a time zone does."""

    def __init__(self, zone: timedelta, strict_order: bool) -> None:
        self._zone = zone
        self._strict = strict_order

    def task(self, root: etree._Element) -> Definition:
        _fields(root, dict.fromkeys(TASK_ORDER, _any))
        elements = {_name(part): part for part in root}
        triggers = self._triggers(elements.get("Triggers"))
        info = _fields(elements.get("RegistrationInfo"), REGISTRATION)
        principal = self._principal(elements.get("Principals"))
        settings = _fields(elements.get("Settings"), SETTINGS)
        expires = settings.get("DeleteExpiredTaskAfter")
        limit = settings.get("ExecutionTimeLimit", Definition.limit)
        if expires is not None and not any(trigger.end for trigger in triggers):
            raise TaskXmlError(MISSING_NODE, "EndBoundary")
        return Definition(
            triggers, self._actions(elements.get("Actions")), str(principal.get("UserId", "")),
            principal.get("RunLevel") == "HighestAvailable", bool(settings.get("Enabled", True)),
            bool(settings.get("AllowStartOnDemand", True)), bool(settings.get("DisallowStartIfOnBatteries", True)),
            bool(settings.get("StartWhenAvailable", False)), expires if isinstance(expires, timedelta) else None,
            limit if isinstance(limit, timedelta) and limit else None,
            str(info.get("Description", "")), str(info.get("Author", "")),
        )  # fmt: skip

    @staticmethod
    def _principal(element: etree._Element | None) -> dict[str, object]:
        principals = [] if element is None else list(element)
        if len(principals) > 1 or any(child.tag != _tag("Principal") for child in principals):
            raise _unexpected(principals[-1])
        return _fields(principals[0], PRINCIPAL) if principals else {}

    @staticmethod
    def _actions(element: etree._Element | None) -> tuple[Exec, ...]:
        if element is None or not len(element):
            raise TaskXmlError(MISSING_NODE, "Actions")
        actions = []
        for child in element:
            if child.tag != _tag("Exec"):
                raise TaskXmlError(NOT_MODELLED, _name(child))
            fields = _fields(child, EXEC)
            if not fields.get("Command"):
                raise TaskXmlError(MISSING_NODE, "Command")
            actions.append(Exec(str(fields["Command"]), str(fields.get("Arguments", ""))))
        return tuple(actions)

    def _triggers(self, element: etree._Element | None) -> tuple[Trigger, ...]:
        return tuple(self._trigger(child) for child in ([] if element is None else element))

    def _trigger(self, element: etree._Element) -> Trigger:
        kind = _name(element)
        if kind in OTHER_TRIGGERS:
            raise TaskXmlError(NOT_MODELLED, kind)
        if kind not in OWN_ELEMENT:
            raise _unexpected(element)
        own = OWN_ELEMENT[kind]
        self._check_order(element, (*TRIGGER_ORDER, own))
        fields = _fields(element, {
            "Enabled": _flag, "StartBoundary": self._boundary, "EndBoundary": self._boundary,
            "Repetition": lambda child: _fields(child, REPETITION), "ExecutionTimeLimit": _duration, own: _duration,
        })  # fmt: skip
        if kind == "TimeTrigger" and "StartBoundary" not in fields:
            raise TaskXmlError(MISSING_NODE, "StartBoundary")
        return self._built(kind, fields, own)

    @staticmethod
    def _built(kind: str, fields: dict[str, object], own: str) -> Trigger:
        repetition = fields.get("Repetition")
        every = repetition if isinstance(repetition, dict) else {}
        interval, duration, delay = every.get("Interval"), every.get("Duration"), fields.get(own)
        if repetition is not None and not isinstance(interval, timedelta):
            raise TaskXmlError(MISSING_NODE, "Interval")
        if isinstance(interval, timedelta) and not timedelta(minutes=1) <= interval <= timedelta(days=31):
            raise TaskXmlError(INVALID_VALUE, "Interval", str(interval))
        start, end = fields.get("StartBoundary"), fields.get("EndBoundary")
        return Trigger(
            kind, bool(fields.get("Enabled", True)), start if isinstance(start, datetime) else None,
            end if isinstance(end, datetime) else None, interval if isinstance(interval, timedelta) else None,
            duration if isinstance(duration, timedelta) and duration else None,
            delay if isinstance(delay, timedelta) and kind != "TimeTrigger" else timedelta(),
        )  # fmt: skip

    def _check_order(self, element: etree._Element, order: tuple[str, ...]) -> None:
        """xs:sequence: the children must stand in the schema's order."""
        ranks = [order.index(_name(child)) if _name(child) in order else -1 for child in element]
        highest = _running_maximum(ranks)
        wrong = [child for child, rank, high in zip(element, ranks, highest, strict=True) if rank < high]
        if self._strict and wrong:
            raise _unexpected(wrong[0])

    def _boundary(self, element: etree._Element) -> datetime:
        moment = parse_boundary(_text(element), self._zone)
        if moment is None:
            raise _bad(element)
        return moment


def _running_maximum(numbers: list[int]) -> list[int]:
    highest = -1
    found = []
    for number in numbers:
        highest = max(highest, number)
        found.append(highest)
    return found
