# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Security descriptors as Win32_SecurityDescriptor, Win32_ACE and Win32_Trustee, and the class that converts them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tests.simulator.providers.base import HostProvider, text
from tests.simulator.windows.security import (
    ACCOUNT_NAMES,
    DACL_PRESENT,
    SELF_RELATIVE,
    Ace,
    InvalidDescriptor,
    SecurityDescriptor,
    is_sid,
    pack_sid,
    unpack_sid,
)
from tests.simulator.wsman.provider import Caller, Embedded, Values


def to_embedded(descriptor: SecurityDescriptor) -> Embedded:
    """A Win32_SecurityDescriptor."""
    return Embedded("Win32_SecurityDescriptor", {
        "ControlFlags": descriptor.control | SELF_RELATIVE, "Owner": _trustee(descriptor.owner),
        "Group": _trustee(descriptor.group), "DACL": _aces(descriptor.dacl), "SACL": _aces(descriptor.sacl),
    })  # fmt: skip


def from_embedded(value: object) -> SecurityDescriptor:
    """The descriptor in a Win32_SecurityDescriptor. Raises InvalidDescriptor."""
    if not isinstance(value, Embedded):
        raise InvalidDescriptor("no Win32_SecurityDescriptor")
    values = value.values
    control = values.get("ControlFlags")
    return SecurityDescriptor(
        _sid(values.get("Owner")), _sid(values.get("Group")), _acl(values.get("DACL"), control),
        (control if isinstance(control, int) else 0) | SELF_RELATIVE, _acl(values.get("SACL"), 0),
    )  # fmt: skip


def merge(old: SecurityDescriptor, new: SecurityDescriptor) -> SecurityDescriptor:
    """``new`` with the parts that it leaves out taken from ``old``."""
    dacl = old.dacl if new.dacl is None and not new.control & DACL_PRESENT else new.dacl
    return SecurityDescriptor(new.owner or old.owner, new.group or old.group, dacl, new.control, new.sacl or old.sacl)


def _trustee(sid: str) -> Embedded | None:
    if not sid:
        return None
    domain, name = ACCOUNT_NAMES.get(sid, ("", ""))
    packed = pack_sid(sid)
    return Embedded("Win32_Trustee", {
        "Domain": domain or None, "Name": name or None, "SID": packed, "SidLength": len(packed), "SIDString": sid,
    })  # fmt: skip


def _aces(acl: tuple[Ace, ...] | None) -> list[Embedded] | None:
    if acl is None:
        return None
    return [
        Embedded("Win32_ACE", {"AccessMask": ace.mask, "AceFlags": ace.flags, "AceType": ace.type,
                               "Trustee": _trustee(ace.sid)})
        for ace in acl
    ]  # fmt: skip


def _acl(value: object, control: object) -> tuple[Ace, ...] | None:
    if isinstance(value, list):
        return tuple(_ace(item) for item in value)
    return () if isinstance(control, int) and control & DACL_PRESENT else None


def _ace(item: object) -> Ace:
    if not isinstance(item, Embedded):
        raise InvalidDescriptor("no Win32_ACE")
    numbers = [item.values.get(name) for name in ("AceType", "AceFlags", "AccessMask")]
    kind, flags, mask = (number if isinstance(number, int) else 0 for number in numbers)
    sid = _sid(item.values.get("Trustee"))
    if not sid:
        raise InvalidDescriptor("an ACE without a trustee")
    return Ace(kind, flags, mask, sid)


def _sid(value: object) -> str:
    if not isinstance(value, Embedded):
        return ""
    packed, sid = value.values.get("SID"), text(value.values.get("SIDString"))
    if isinstance(packed, bytes) and len(packed) >= 8:
        return unpack_sid(packed)[0]
    return sid if is_sid(sid) else _sid_of_name(text(value.values.get("Name")))


def _sid_of_name(name: str) -> str:
    for sid, (_domain, known) in ACCOUNT_NAMES.items():
        if known.lower() == name.lower():
            return sid
    raise InvalidDescriptor(f"no such account: {name!r}")


@dataclass
class SecurityDescriptorHelper(HostProvider):
    """Win32_SecurityDescriptorHelper: converts between the three forms."""

    def invoke(
        self, method: str, keys: Values | None, args: Values, caller: Caller, options: Mapping[str, object]
    ) -> Values:
        source, target = method.split("To", 1) if "To" in method else method.split("to", 1)
        try:
            descriptor = _read(source, args)
        except InvalidDescriptor:
            return {"ReturnValue": 1336 if source == "SDDL" else 1338}
        return {**_write(target, descriptor), "ReturnValue": 0}


def _read(form: str, args: Values) -> SecurityDescriptor:
    if form == "SDDL":
        return SecurityDescriptor.from_sddl(text(args.get("SDDL")))
    if form == "BinarySD":
        data = args.get("BinarySD")
        return SecurityDescriptor.from_bytes(data if isinstance(data, bytes) else b"")
    return from_embedded(args.get("Descriptor"))


def _write(form: str, descriptor: SecurityDescriptor) -> dict[str, object]:
    if form == "SDDL":
        return {"SDDL": descriptor.to_sddl()}
    if form == "BinarySD":
        return {"BinarySD": descriptor.to_bytes()}
    return {"Descriptor": to_embedded(descriptor)}
