# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

r"""What a journaled change may be, if it is to be undone. PRIVATE to the collection.

Roll-back writes what the journal says was there before, some of it as SYSTEM. The journal can be forged by whoever is,
or was, an administrator of the host, so roll-back is bounded by what this collection itself writes: each kind of change
has its places, and its values have their shape. Nothing here reads a host.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from ._cim.certificates import STORES
from ._cim.registry import RegistryValue
from ._cim.schema import (
    WIN32_TS_GATEWAY_CONNECTION_POLICY,
    WIN32_TS_GATEWAY_RESOURCE_GROUP,
    WIN32_TS_GATEWAY_RESOURCE_POLICY,
)
from ._cim.types import CimClass
from ._lease import flaw
from ._listener_certificate import REMOTE_DESKTOP
from ._model import gateway, sddl
from ._model.change import Change, Kind
from ._model.lease import RECORDS, Lease, mark
from ._model.plain import NotPlain, Plain, from_plain
from ._model.proxies import KINDS, named, split
from ._model.rules import ALLOW, BLOCK, BYPASS, MADE, PROGRAM, RULES, SERVICE
from ._model.settings import PIN, SETTINGS
from ._remedies.remote_desktop import SERVICES

CRYPTO = r"[A-Z]:\\ProgramData\\Microsoft\\Crypto"
FOLDER = re.compile(rf"(?P<parent>{CRYPTO}\\RSA)\\MachineKeys", re.IGNORECASE)
COPY = re.compile(rf"(?P<parent>{CRYPTO}\\RSA)\\MachineKeys_old\d{{0,3}}", re.IGNORECASE)
KEY_FILE = re.compile(rf"{CRYPTO}\\(?:RSA\\MachineKeys|Keys)\\[\w .{{}}-]{{1,200}}", re.IGNORECASE | re.ASCII)
"""These stand in command lines that SYSTEM runs: no character of theirs means anything to cmd.exe inside quotes."""

DAMAGED = re.compile(rf"{re.escape(STORES)}\\{REMOTE_DESKTOP}\\Certificates\\[0-9A-F]{{40}}\\Blob")
"""What was in the place of the listener's own certificate."""

SID = re.compile(r"S-1-\d{1,15}(?:-\d{1,10}){1,15}", re.ASCII)
PROXY_END = re.compile(r"(?:\*|[\w.:-]{1,253})/\d{1,5}", re.ASCII)
"""Where a port proxy listens, or leads to (netsh interface portproxy): a name or an address, and a port."""

PORTS = re.compile(r"[\w-]{1,40}", re.ASCII)
TEXT = re.compile(r"[^\x00-\x1f]{0,2000}")

START_MODES = frozenset({"Auto", "Manual", "Disabled", "Boot", "System"})
STATES = frozenset({
    "Running", "Stopped", "Paused", "Start Pending", "Stop Pending", "Continue Pending", "Pause Pending", "Unknown",
})  # fmt: skip
"""Win32_Service.StartMode and State (Microsoft Win32 documentation)."""


def objection(change: Change) -> str:
    """Why this collection cannot have written that; empty when it can, and where nothing would be undone from it."""
    if change.undo == "none":
        return ""
    rule = _RULES.get(change.kind)
    if rule is None:
        return f"a change of the kind {change.kind} has no way back"
    return rule(change)


def _place(change: Change) -> str:
    return f"no {change.kind} change is made to {change.item!r}"


def _values(change: Change, fits: Callable[[Plain], bool]) -> str:
    """Whether before and after fit; else which one does not."""
    values = (("before", change.before), ("after", change.after))
    wrong = [name for name, value in values if not fits(value)]
    return f"{' and '.join(wrong)} cannot be a value of {change.item}" if wrong else ""


# --- the registry, services, leases


def _registry_paths() -> frozenset[str]:
    """In lower case, since Windows compares so."""
    policies = (setting.policy.path for setting in SETTINGS.values() if setting.policy)
    marks = (rf"{RECORDS}\{mark(name)}" for name in SETTINGS)
    known = (PIN, *(setting.path for setting in SETTINGS.values()), *policies, *marks)
    return frozenset(path.lower() for path in known)


_PATHS = _registry_paths()


def _registry(change: Change) -> str:
    if DAMAGED.fullmatch(change.item):
        return _values(change, lambda value: value is None or _is_binary(value))
    if change.item.lower() not in _PATHS:
        return _place(change)
    return _values(change, lambda value: value is None or _is_registry_value(value))


def _is_binary(value: Plain) -> bool:
    return isinstance(value, dict) and value.get("type") == "REG_BINARY" and _is_registry_value(value)


def _is_registry_value(value: Plain) -> bool:
    if not isinstance(value, dict) or set(value) != {"type", "data"}:
        return False
    try:
        RegistryValue.from_plain(value)
    except (ValueError, TypeError):
        return False
    return True


def _service(known: frozenset[str]) -> Callable[[Change], str]:
    def rule(change: Change) -> str:
        if change.item not in (*SERVICES, gateway.SERVICE):
            return _place(change)
        return _values(change, lambda value: isinstance(value, str) and value in known)

    return rule


def _port_proxy(change: Change) -> str:
    kind, place = split(change.item)
    if kind not in KINDS or named(kind, place) != change.item or not _is_end(place):
        return _place(change)
    return _values(change, lambda value: value is None or (isinstance(value, str) and _is_end(value)))


def _is_end(value: str) -> bool:
    return PROXY_END.fullmatch(value) is not None


def _lease(change: Change) -> str:
    if change.item not in SETTINGS:
        return _place(change)
    return _values(change, lambda value: value is None or _is_lease(value, change.item))


def _is_lease(value: Plain, setting: str) -> bool:
    try:
        return not flaw(from_plain(Lease, value), setting)
    except NotPlain:
        return False


# --- the firewall


def _firewall_rule(change: Change) -> str:
    """The built-in rules, and that any other was disabled: the applier makes sure that it is one that blocks."""
    if change.item in RULES.values() and (change.before, change.after) == (None, MADE):
        return ""
    if change.item not in RULES.values():
        disabled = (change.before, change.after) == ({"enabled": True}, {"enabled": False})
        return "" if disabled and TEXT.fullmatch(change.item) else _place(change)
    return _values(change, lambda value: isinstance(value, dict) and all(map(_is_field, value, value.values())))


def _is_field(name: str, value: Plain) -> bool:
    fits = _FIELDS.get(name)
    return fits is not None and fits(value)


def _is_number(value: Plain) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**32


def _is_list_of(pattern: re.Pattern[str]) -> Callable[[Plain], bool]:
    return lambda value: (
        isinstance(value, list) and all(isinstance(item, str) and pattern.fullmatch(item) for item in value)
    )


_FIELDS: Mapping[str, Callable[[Plain], bool]] = MappingProxyType(
    {
        "enabled": lambda value: isinstance(value, bool),
        "profiles": _is_number,
        "local_ports": _is_list_of(PORTS),
        "remote_addresses": _is_list_of(TEXT),
        "action": lambda value: _is_number(value) and value in (ALLOW, BYPASS, BLOCK),
        "program": lambda value: value in ("Any", PROGRAM),
        "service": lambda value: value in ("Any", SERVICE),
        "protocol": lambda value: isinstance(value, str) and PORTS.fullmatch(value) is not None,
    }
)


# --- keys


def _file_access(change: Change) -> str:
    return _values(change, _is_access) if KEY_FILE.fullmatch(change.item) else _place(change)


def _is_access(value: Plain) -> bool:
    """Explicit entries by SID; those of another SID would be written under this one."""
    return isinstance(value, dict) and all(
        SID.fullmatch(sid) is not None and isinstance(entries, str) and _sids(f"D:{entries}") <= {sid}
        for sid, entries in value.items()
    )


def _sids(text: str) -> set[str]:
    """Who is named in a DACL; the text itself where it is none, which is nobody's SID."""
    try:
        return {ace.sid for ace in sddl.parse(text).aces or ()}
    except sddl.InvalidSddl:
        return {text}


def _is_dacl(value: Plain) -> bool:
    """A DACL and no owner, which would be set too."""
    try:
        return isinstance(value, str) and value.startswith("D:") and sddl.parse(value).aces is not None
    except sddl.InvalidSddl:
        return False


def _folder_dacl(change: Change) -> str:
    return _values(change, _is_dacl) if FOLDER.fullmatch(change.item) else _place(change)


def _key_dacl(change: Change) -> str:
    store = rf"{STORES}\{REMOTE_DESKTOP}".lower()
    known = change.item.lower() in (store, rf"{store}\certificates")
    return _values(change, _is_dacl) if known else _place(change)


def _key_copy(change: Change) -> str:
    return _beside(change, COPY, FOLDER)


def _key_folder(change: Change) -> str:
    return _beside(change, FOLDER, COPY)


def _beside(change: Change, item: re.Pattern[str], value: re.Pattern[str]) -> str:
    """Both folders have the same parent, and one of before and after is the other folder."""
    place = item.fullmatch(change.item)
    if place is None:
        return _place(change)
    others = [value.fullmatch(named) for named in (change.before, change.after) if isinstance(named, str)]
    fits = [other for other in others if other and other["parent"].lower() == place["parent"].lower()]
    absent = (change.before, change.after).count(None)
    return "" if len(fits) == len(others) == absent == 1 else f"before or after cannot be a folder for {change.item}"


# --- an RD Gateway


def _policy(cls: CimClass) -> Callable[[Change], str]:
    def rule(change: Change) -> str:
        return _values(change, lambda value: value is None or _is_record(value, cls, change.item))

    return rule


def _is_record(value: Plain, cls: CimClass, name: str) -> bool:
    return (
        isinstance(value, dict)
        and value.get("Name") == name
        and set(value) <= set(cls.properties)
        and all(isinstance(field, (bool, int, str)) for field in value.values())
    )


def _thumbprint(change: Change) -> str:
    return _values(change, lambda value: isinstance(value, str) and re.fullmatch("[0-9A-Fa-f]{40}", value) is not None)


def _transport(change: Change) -> str:
    return _values(change, lambda value: isinstance(value, bool))


_RULES: Mapping[Kind, Callable[[Change], str]] = MappingProxyType(
    {
        "registry": _registry,
        "service_start_mode": _service(START_MODES),
        "service_state": _service(STATES),
        "firewall_rule": _firewall_rule,
        "port_proxy": _port_proxy,
        "lease": _lease,
        "file_access": _file_access,
        "folder_dacl": _folder_dacl,
        "key_dacl": _key_dacl,
        "key_copy": _key_copy,
        "key_folder": _key_folder,
        "gateway_connection_policy": _policy(WIN32_TS_GATEWAY_CONNECTION_POLICY),
        "gateway_resource_policy": _policy(WIN32_TS_GATEWAY_RESOURCE_POLICY),
        "gateway_resource_group": _policy(WIN32_TS_GATEWAY_RESOURCE_GROUP),
        "gateway_certificate": _thumbprint,
        "gateway_transport": _transport,
    }
)
