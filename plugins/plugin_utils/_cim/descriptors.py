# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Security descriptors as objects on the wire and as SDDL, converted here.

PRIVATE to the collection. Source: MS-DTYP 2.4.2 (SID), 2.4.4 (ACE), 2.4.6 (control flags), 2.5.1 (SDDL);
Win32_SecurityDescriptor, Win32_ACE, Win32_Trustee (Microsoft Win32 documentation). Win32_SecurityDescriptorHelper
converts as well, but the object would have to travel to the host and back for it: an operation and 5 KB each.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from types import MappingProxyType

from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.client import CimClient, Outcome
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.schema import (
    WIN32_ACE,
    WIN32_SECURITY_DESCRIPTOR,
    WIN32_SECURITY_DESCRIPTOR_HELPER,
    WIN32_TRUSTEE,
)
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.values import Instance, Value

DACL_PRESENT, SELF_RELATIVE = 0x4, 0x8000

_CONTROL: Mapping[str, int] = MappingProxyType({"P": 0x1000, "AR": 0x100, "AI": 0x400})
_KINDS: Mapping[int, str] = MappingProxyType({0: "A", 1: "D"})
_FLAGS: Mapping[str, int] = MappingProxyType({"OI": 1, "CI": 2, "NP": 4, "IO": 8, "ID": 16, "SA": 64, "FA": 128})


_SID = r"S-1-\d{1,15}(?:-\d{1,10}){0,15}"
_ENTRY = rf"\([AD];(?:OI|CI|NP|IO|ID|SA|FA)*;0x[0-9a-f]{{1,8}};;;{_SID}\)"
_PLAIN = re.compile(
    rf"(?:O:(?P<Owner>{_SID}))?(?:G:(?P<Group>{_SID}))?D:(?P<flags>P?(?:AR)?(?:AI)?)(?P<entries>(?:{_ENTRY})+)"
)
"""SDDL as the collection writes it: masks in hexadecimal, SIDs in full."""


class Untold(Exception):
    """An object that does not say all that SDDL needs, or says what plain SDDL entries cannot."""


def as_sddl(client: CimClient, descriptor: Instance) -> Outcome:
    """Return owner, group and DACL as C(SDDL), as the helper class does; it is asked where the object leaves a doubt.

    A DACL without entries and no DACL at all look alike on the wire (both are absent elements), and entries of other
    kinds than allow and deny have no plain form.
    """
    try:
        return Outcome(0, {"SDDL": _sddl(descriptor)})
    except Untold:
        return client.invoke(WIN32_SECURITY_DESCRIPTOR_HELPER, "Win32SDToSDDL", {"Descriptor": descriptor})


def as_object(client: CimClient, sddl: str) -> Outcome:
    """Return the C(Descriptor) that SDDL describes, as the helper class does; it is asked where SDDL abbreviates."""
    match = _PLAIN.fullmatch(sddl)
    if match is None:
        return client.invoke(WIN32_SECURITY_DESCRIPTOR_HELPER, "SDDLToWin32SD", {"SDDL": sddl})
    flags = sum(bit for name, bit in _CONTROL.items() if name in match["flags"])
    values: dict[str, Value] = {"ControlFlags": DACL_PRESENT | SELF_RELATIVE | flags}
    values |= {name: _of(match[name]) for name in ("Owner", "Group") if match[name]}
    values["DACL"] = tuple(_ace(*entry.split(";")) for entry in match["entries"][1:-1].split(")("))
    return Outcome(0, {"Descriptor": Instance(WIN32_SECURITY_DESCRIPTOR.name, values)})


def _ace(kind: str, flags: str, mask: str, _object: str, _inherited: str, sid: str) -> Instance:
    bits = sum(bit for name, bit in _FLAGS.items() if name in (flags[i : i + 2] for i in range(0, len(flags), 2)))
    numbers = {"AccessMask": int(mask, 16), "AceFlags": bits, "AceType": "AD".index(kind)}
    return Instance(WIN32_ACE.name, {**numbers, "Trustee": _of(sid)})


def _sddl(descriptor: Instance) -> str:
    control, entries = descriptor.number("ControlFlags"), descriptor.get("DACL")
    if control is None or not control & DACL_PRESENT or not isinstance(entries, tuple) or not entries:
        raise Untold
    letters = "".join(name for name, bit in _CONTROL.items() if control & bit)
    owner, group = (f"{letter}:{_sid(descriptor.get(name))}" for letter, name in (("O", "Owner"), ("G", "Group")))
    return f"{owner}{group}D:{letters}" + "".join(map(_entry, entries))


def _entry(ace: Value) -> str:
    if not isinstance(ace, Instance):
        raise Untold
    kind, mask, bits = (ace.number(name) for name in ("AceType", "AccessMask", "AceFlags"))
    if kind is None or kind not in _KINDS or mask is None or bits is None:
        raise Untold
    flags = "".join(name for name, bit in _FLAGS.items() if bits & bit)
    return f"({_KINDS[kind]};{flags};0x{mask:x};;;{_sid(ace.get('Trustee'))})"


def _sid(trustee: Value) -> str:
    """The SID of a trustee from its bytes, else from its text."""
    if not isinstance(trustee, Instance):
        raise Untold
    packed = trustee.get("SID")
    if isinstance(packed, bytes) and packed:
        return unpack_sid(packed)
    if text := trustee.text("SIDString"):
        return text
    raise Untold


def _of(sid: str) -> Instance:
    packed = pack_sid(sid)
    return Instance(WIN32_TRUSTEE.name, {"SID": packed, "SidLength": len(packed), "SIDString": sid})


def pack_sid(sid: str) -> bytes:
    """Return a SID as bytes: revision, count, authority big-endian in six bytes, sub-authorities little-endian."""
    revision, authority, *rest = (int(part) for part in sid.split("-")[1:])
    return struct.pack(f">BB6s{len(rest) * 4}s", revision, len(rest), authority.to_bytes(6, "big"),
                       struct.pack(f"<{len(rest)}I", *rest))  # fmt: skip


def unpack_sid(packed: bytes) -> str:
    """Return a SID as text. Raises Untold for bytes that are none."""
    if len(packed) < 8 or len(packed) != 8 + 4 * packed[1]:
        raise Untold
    rest = struct.unpack_from(f"<{packed[1]}I", packed, 8)
    return "-".join(["S", str(packed[0]), str(int.from_bytes(packed[2:8], "big")), *map(str, rest)])
