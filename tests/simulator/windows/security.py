# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SIDs, access tokens and security descriptors (MS-DTYP 2.4: SID, ACE, ACL, SECURITY_DESCRIPTOR, SDDL)."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Protocol

ADMINISTRATORS = "S-1-5-32-544"
USERS = "S-1-5-32-545"
REMOTE_DESKTOP_USERS = "S-1-5-32-555"
EVERYONE = "S-1-1-0"
AUTHENTICATED_USERS = "S-1-5-11"
SYSTEM = "S-1-5-18"
LOCAL_SERVICE = "S-1-5-19"
NETWORK_SERVICE = "S-1-5-20"
TRUSTED_INSTALLER = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"
SESSION_ENV = "S-1-5-80-4022436659-1090538466-1613889075-870485073-3428993833"

SDDL_ALIASES = {
    "BA": ADMINISTRATORS, "BU": USERS, "RD": REMOTE_DESKTOP_USERS, "WD": EVERYONE, "AU": AUTHENTICATED_USERS,
    "SY": SYSTEM, "LS": LOCAL_SERVICE, "NS": NETWORK_SERVICE, "BG": "S-1-5-32-546", "PU": "S-1-5-32-547",
    "BO": "S-1-5-32-551", "RM": "S-1-5-32-580", "IU": "S-1-5-4", "SU": "S-1-5-6", "NU": "S-1-5-2", "AN": "S-1-5-7",
    "CO": "S-1-3-0", "CG": "S-1-3-1", "OW": "S-1-3-4", "AC": "S-1-15-2-1", "RC": "S-1-5-12", "NO": "S-1-5-32-556",
}  # fmt: skip
ALIAS_OF = {sid: alias for alias, sid in SDDL_ALIASES.items()}

ACCOUNT_NAMES = {
    ADMINISTRATORS: ("BUILTIN", "Administrators"), USERS: ("BUILTIN", "Users"),
    REMOTE_DESKTOP_USERS: ("BUILTIN", "Remote Desktop Users"), EVERYONE: ("", "Everyone"),
    SYSTEM: ("NT AUTHORITY", "SYSTEM"), LOCAL_SERVICE: ("NT AUTHORITY", "LOCAL SERVICE"),
    NETWORK_SERVICE: ("NT AUTHORITY", "NETWORK SERVICE"),
    AUTHENTICATED_USERS: ("NT AUTHORITY", "Authenticated Users"), "S-1-3-0": ("", "CREATOR OWNER"),
    SESSION_ENV: ("NT SERVICE", "SessionEnv"), TRUSTED_INSTALLER: ("NT SERVICE", "TrustedInstaller"),
}  # fmt: skip

READ_CONTROL = 0x20000
WRITE_DAC = 0x40000
WRITE_OWNER = 0x80000
DELETE = 0x10000

RIGHTS = {
    "GA": 0x10000000, "GX": 0x20000000, "GW": 0x40000000, "GR": 0x80000000,
    "RC": READ_CONTROL, "SD": DELETE, "WD": WRITE_DAC, "WO": WRITE_OWNER,
    "CC": 0x1, "DC": 0x2, "LC": 0x4, "SW": 0x8, "RP": 0x10, "WP": 0x20, "DT": 0x40, "LO": 0x80, "CR": 0x100,
    "FA": 0x1F01FF, "FR": 0x120089, "FW": 0x120116, "FX": 0x1200A0,
    "KA": 0xF003F, "KR": 0x20019, "KW": 0x20006, "KX": 0x20019,
}  # fmt: skip
FORMATTED_RIGHTS = {RIGHTS[name]: name for name in ("GA", "GX", "GW", "GR", "FA", "FR", "FW", "FX", "KA", "KW", "KR")}
ACE_FLAGS = {"OI": 1, "CI": 2, "NP": 4, "IO": 8, "ID": 16, "SA": 64, "FA": 128}
ACE_TYPES = {"A": 0, "D": 1, "AU": 2}
DACL_PRESENT, SACL_PRESENT = 0x4, 0x10
DACL_AUTO_INHERIT_REQ, DACL_AUTO_INHERITED, DACL_PROTECTED = 0x100, 0x400, 0x1000
DACL_FLAGS = {"P": DACL_PROTECTED, "AR": DACL_AUTO_INHERIT_REQ, "AI": DACL_AUTO_INHERITED}
SELF_RELATIVE = 0x8000

GENERIC_FILE = {"GA": 0x1F01FF, "GR": 0x120089, "GW": 0x120116, "GX": 0x1200A0}
GENERIC_KEY = {"GA": 0xF003F, "GR": 0x20019, "GW": 0x20006, "GX": 0x20019}


class Token(Protocol):
    """Who asks: a user's SID and the SIDs of its enabled groups."""

    @property
    def sid(self) -> str:
        """The SID of the user."""

    @property
    def groups(self) -> frozenset[str]:
        """The SIDs of the groups."""


@dataclass(frozen=True)
class ServiceToken:
    """The token of a service account; ``groups`` are SIDs."""

    sid: str
    groups: frozenset[str] = frozenset({EVERYONE, AUTHENTICATED_USERS})


SYSTEM_TOKEN = ServiceToken(SYSTEM, frozenset({ADMINISTRATORS, EVERYONE, AUTHENTICATED_USERS}))
NETWORK_SERVICE_TOKEN = ServiceToken(NETWORK_SERVICE, frozenset({EVERYONE, AUTHENTICATED_USERS, USERS}))
SESSION_ENV_TOKEN = ServiceToken(SYSTEM, frozenset({ADMINISTRATORS, EVERYONE, AUTHENTICATED_USERS, SESSION_ENV}))


class InvalidDescriptor(ValueError):
    """Text or bytes that are no security descriptor."""


@dataclass(frozen=True)
class Ace:
    """One entry: ``type`` 0 allow, 1 deny, 2 audit; ``flags`` and ``mask`` as in MS-DTYP 2.4.4.1."""

    type: int
    flags: int
    mask: int
    sid: str

    def to_sddl(self) -> str:
        kind = {number: name for name, number in ACE_TYPES.items()}[self.type]
        flags = "".join(name for name, bit in ACE_FLAGS.items() if self.flags & bit)
        rights = FORMATTED_RIGHTS.get(self.mask, f"0x{self.mask:x}")
        return f"({kind};{flags};{rights};;;{ALIAS_OF.get(self.sid, self.sid)})"


@dataclass(frozen=True)
class SecurityDescriptor:
    """Owner and group are SIDs or empty; ``dacl`` None means no DACL (everybody may do everything)."""

    owner: str = ""
    group: str = ""
    dacl: tuple[Ace, ...] | None = None
    control: int = 0
    sacl: tuple[Ace, ...] | None = field(default=None)

    @classmethod
    def from_sddl(cls, text: str) -> SecurityDescriptor:
        """Parse SDDL (MS-DTYP 2.5.1). Raises InvalidDescriptor."""
        parts = _sddl_parts(text)
        flags, dacl = _parse_acl(parts.get("D"))
        _sacl_flags, sacl = _parse_acl(parts.get("S"))
        control = flags | (DACL_PRESENT if dacl is not None else 0) | (SACL_PRESENT if sacl is not None else 0)
        return cls(_sid(parts.get("O", "")), _sid(parts.get("G", "")), dacl, control | SELF_RELATIVE, sacl)

    def to_sddl(self) -> str:
        """Canonical SDDL: well-known SIDs by alias, masks by alias where one fits exactly, else hexadecimal."""
        text = f"O:{ALIAS_OF.get(self.owner, self.owner)}" if self.owner else ""
        text += f"G:{ALIAS_OF.get(self.group, self.group)}" if self.group else ""
        if self.dacl is not None:
            flags = "".join(name for name, bit in DACL_FLAGS.items() if self.control & bit)
            text += f"D:{flags}" + "".join(ace.to_sddl() for ace in self.dacl)
        if self.sacl is not None:
            text += "S:" + "".join(ace.to_sddl() for ace in self.sacl)
        return text

    def allows(self, token: Token, wanted: int) -> bool:
        """The access check of MS-DTYP 2.5.3.2, owner's implicit rights included."""
        if self.dacl is None:
            return True
        sids = token.groups | {token.sid}
        missing = wanted & ~self._owner_rights(sids)
        for ace in self.dacl:
            if ace.flags & ACE_FLAGS["IO"] or ace.sid not in sids:
                continue
            if ace.type == ACE_TYPES["D"] and ace.mask & missing:
                return False
            if ace.type == ACE_TYPES["A"]:
                missing &= ~expand_generic(ace.mask)
        return missing == 0

    def _owner_rights(self, sids: frozenset[str]) -> int:
        return READ_CONTROL | WRITE_DAC if self.owner in sids else 0

    def inherited(self, *, container: bool = True) -> SecurityDescriptor:
        """What a new child gets: the inheritable entries, marked as inherited."""
        wanted = ACE_FLAGS["CI"] if container else ACE_FLAGS["OI"]
        keep = ACE_FLAGS["CI"] | ACE_FLAGS["OI"] if container else 0
        aces = tuple(
            replace(ace, flags=(ace.flags & keep) | ACE_FLAGS["ID"]) for ace in self.dacl or () if ace.flags & wanted
        )
        return SecurityDescriptor(self.owner, self.group, aces, DACL_PRESENT | DACL_AUTO_INHERITED | SELF_RELATIVE)

    def to_bytes(self) -> bytes:
        """Self-relative binary form (MS-DTYP 2.4.6)."""
        owner, group = pack_sid(self.owner), pack_sid(self.group)
        sacl, dacl = _pack_acl(self.sacl), _pack_acl(self.dacl)
        offsets, position = [], 20
        for block in (owner, group, sacl, dacl):
            offsets.append(position if block else 0)
            position += len(block)
        return struct.pack("<BBHIIII", 1, 0, self.control | SELF_RELATIVE, *offsets) + owner + group + sacl + dacl

    @classmethod
    def from_bytes(cls, data: bytes) -> SecurityDescriptor:
        """Parse the self-relative binary form. Raises InvalidDescriptor."""
        try:
            _revision, _pad, control, owner, group, sacl, dacl = struct.unpack_from("<BBHIIII", data)
            return cls(
                unpack_sid(data[owner:])[0] if owner else "", unpack_sid(data[group:])[0] if group else "",
                _unpack_acl(data, dacl), control, _unpack_acl(data, sacl),
            )  # fmt: skip
        except (struct.error, IndexError) as error:
            raise InvalidDescriptor(str(error)) from error


def expand_generic(mask: int) -> int:
    """Generic bits as the file or key rights they stand for (a superset is harmless: the checks ask for few)."""
    for name, bits in GENERIC_FILE.items():
        if mask & RIGHTS[name]:
            mask |= bits | GENERIC_KEY[name]
    return mask


def pack_sid(sid: str) -> bytes:
    """A SID's binary form; empty for an empty SID."""
    if not sid:
        return b""
    _s, revision, authority, *parts = sid.split("-")
    numbers = [int(part) for part in parts]
    head = struct.pack("<BB", int(revision), len(numbers)) + int(authority).to_bytes(6, "big")
    return head + struct.pack(f"<{len(numbers)}I", *numbers)


def unpack_sid(data: bytes) -> tuple[str, int]:
    """The SID at the start of ``data`` and its length in bytes."""
    count = data[1]
    numbers = struct.unpack_from(f"<{count}I", data, 8)
    authority = int.from_bytes(data[2:8], "big")
    return "-".join(["S", str(data[0]), str(authority), *map(str, numbers)]), 8 + 4 * count


def is_sid(text: str) -> bool:
    """Whether ``text`` is a SID in its string form."""
    return re.fullmatch(r"S-1-\d+(-\d+){0,15}", text) is not None


def _sid(text: str) -> str:
    if not text:
        return ""
    sid = SDDL_ALIASES.get(text, text)
    if not is_sid(sid):
        raise InvalidDescriptor(f"no SID: {text!r}")
    return sid


def _sddl_parts(text: str) -> dict[str, str]:
    pieces = re.split(r"(?:^|(?<=\)|[A-Z0-9:]))([OGDS]):", text.strip())
    if pieces[0]:
        raise InvalidDescriptor(f"no SDDL: {text!r}")
    names, bodies = pieces[1::2], pieces[2::2]
    if len(set(names)) != len(names):
        raise InvalidDescriptor(f"a part stands twice: {text!r}")
    return dict(zip(names, bodies, strict=True))


def _parse_acl(text: str | None) -> tuple[int, tuple[Ace, ...] | None]:
    if text is None:
        return 0, None
    match = re.fullmatch(r"((?:P|AR|AI)*)((?:\([^()]*\))*)", text)
    if match is None:
        raise InvalidDescriptor(f"no ACL: {text!r}")
    control = sum(DACL_FLAGS[name] for name in set(re.findall("P|AR|AI", match[1])))
    return control, tuple(_parse_ace(body) for body in re.findall(r"\(([^()]*)\)", match[2]))


def _parse_ace(text: str) -> Ace:
    fields = text.split(";")
    if len(fields) != 6 or fields[0] not in ACE_TYPES:
        raise InvalidDescriptor(f"no ACE: {text!r}")
    flags = sum(ACE_FLAGS[name] for name in _pairs(fields[1], ACE_FLAGS))
    return Ace(ACE_TYPES[fields[0]], flags, _mask(fields[2]), _sid(fields[5]))


def _mask(text: str) -> int:
    if re.fullmatch(r"0[xX][0-9a-fA-F]+|\d+", text):
        return int(text, 0)
    mask = 0
    for name in _pairs(text, RIGHTS):
        mask |= RIGHTS[name]
    return mask


def _pairs(text: str, known: Iterable[str]) -> list[str]:
    names = re.findall("..", text)
    if len(text) % 2 or not set(names) <= set(known):
        raise InvalidDescriptor(f"unknown abbreviation in {text!r}")
    return names


def _pack_acl(acl: tuple[Ace, ...] | None) -> bytes:
    if acl is None:
        return b""
    body = b""
    for ace in acl:
        sid = pack_sid(ace.sid)
        body += struct.pack("<BBHI", ace.type, ace.flags, 8 + len(sid), ace.mask) + sid
    return struct.pack("<BBHHH", 2, 0, 8 + len(body), len(acl), 0) + body


def _unpack_acl(data: bytes, offset: int) -> tuple[Ace, ...] | None:
    if not offset:
        return None
    count = struct.unpack_from("<BBHHH", data, offset)[3]
    aces, position = [], offset + 8
    for _index in range(count):
        kind, flags, size, mask = struct.unpack_from("<BBHI", data, position)
        aces.append(Ace(kind, flags, mask, unpack_sid(data[position + 8 :])[0]))
        position += size
    return tuple(aces)
