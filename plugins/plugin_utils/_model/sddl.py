# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Security descriptors as SDDL: parsed, compared, asked who may do what. PRIVATE to the collection.

Source: MS-DTYP 2.5.1 (SDDL), 2.4.4.1 (ACE flags), 2.5.3.2 (access check), 2.4.3 (access masks). Names of accounts are
localised, so only SIDs occur here. Owner, group and DACL are read; auditing entries are nobody's permission and are
left out, as are the flags AI and AR, which say how entries came there and which Windows adds as it likes.
"""

from __future__ import annotations

import re
import typing as t
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

SYSTEM, NETWORK_SERVICE, ADMINISTRATORS = "S-1-5-18", "S-1-5-20", "S-1-5-32-544"
EVERYONE, AUTHENTICATED_USERS, USERS = "S-1-1-0", "S-1-5-11", "S-1-5-32-545"
CREATOR_OWNER = "S-1-3-0"

AS_SYSTEM = frozenset({SYSTEM, ADMINISTRATORS, EVERYONE, AUTHENTICATED_USERS})
"""SIDs in the token of LocalSystem, under which SessionEnv makes certificates."""

AS_NETWORK_SERVICE = frozenset({NETWORK_SERVICE, EVERYONE, AUTHENTICATED_USERS, USERS})
"""SIDs in the token of NETWORK SERVICE, under which TermService opens the key."""

FILE_READ, FILE_ALL, ADD_FILE = 0x120089, 0x1F01FF, 0x2
KEY_ALL, CREATE_SUB_KEY = 0xF003F, 0x4
READ_CONTROL, WRITE_DAC = 0x20000, 0x40000

INHERIT_ONLY, INHERITED = 0x08, 0x10

_ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "AN": "S-1-5-7", "AU": AUTHENTICATED_USERS, "BA": ADMINISTRATORS, "BG": "S-1-5-32-546", "BO": "S-1-5-32-551",
        "BU": USERS, "CG": "S-1-3-1", "CO": CREATOR_OWNER, "IU": "S-1-5-4", "LS": "S-1-5-19", "NO": "S-1-5-32-556",
        "NS": NETWORK_SERVICE, "NU": "S-1-5-2", "OW": "S-1-3-4", "PO": "S-1-5-32-550", "PU": "S-1-5-32-547",
        "RC": "S-1-5-12", "RD": "S-1-5-32-555", "RM": "S-1-5-32-580", "SO": "S-1-5-32-549", "SU": "S-1-5-6",
        "SY": SYSTEM, "WD": EVERYONE, "AC": "S-1-15-2-1",
    }
)  # fmt: skip
"""Abbreviations that mean the same SID on every machine; others depend on the domain and stay as they are."""

_RIGHTS: Mapping[str, int] = MappingProxyType(
    {
        "GA": 0x10000000, "GX": 0x20000000, "GW": 0x40000000, "GR": 0x80000000,
        "RC": READ_CONTROL, "SD": 0x10000, "WD": WRITE_DAC, "WO": 0x80000,
        "CC": 0x1, "DC": 0x2, "LC": 0x4, "SW": 0x8, "RP": 0x10, "WP": 0x20, "DT": 0x40, "LO": 0x80, "CR": 0x100,
        "FA": FILE_ALL, "FR": FILE_READ, "FW": 0x120116, "FX": 0x1200A0,
        "KA": KEY_ALL, "KR": 0x20019, "KW": 0x20006, "KX": 0x20019,
    }
)  # fmt: skip
_GENERIC: Mapping[int, int] = MappingProxyType(
    {0x10000000: FILE_ALL | KEY_ALL, 0x20000000: 0x1200A0, 0x40000000: 0x120116 | 0x20006, 0x80000000: FILE_READ}
)
_FLAGS: Mapping[str, int] = MappingProxyType({"OI": 1, "CI": 2, "NP": 4, "IO": 8, "ID": 16, "SA": 64, "FA": 128})

_ACES = re.compile(r"\(([^()]*)\)")
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]{1,8}|\d{1,10}")
_ALIAS_OR_SID = re.compile(r"[A-Z]{2}|S-1-\d+(?:-\d+){0,15}")
_PARTS = re.compile(r"(?:O:(?P<owner>[A-Z]{2}|S-[\d-]+))?(?:G:(?P<group>[A-Z]{2}|S-[\d-]+))?(?:D:(?P<dacl>[^:]*))?"
                    r"(?:S:.*)?", re.DOTALL)  # fmt: skip
_DACL = re.compile(r"(?P<flags>(?:P|AI|AR)*)(?P<aces>(?:\([^()]*\))*)")


class InvalidSddl(ValueError):
    """Text that is no SDDL, or has a kind of entry (conditional, object) that files and keys here never have."""


@dataclass(frozen=True)
class Ace:
    """One entry of a DACL: C(kind) is A (allow) or D (deny), C(flags) and C(mask) as MS-DTYP numbers them."""

    kind: t.Literal["A", "D"]
    flags: int
    mask: int
    sid: str

    def __str__(self) -> str:
        flags = "".join(name for name, bit in _FLAGS.items() if self.flags & bit)
        return f"({self.kind};{flags};0x{self.mask:x};;;{self.sid})"


@dataclass(frozen=True)
class Descriptor:
    """Owner, group and DACL; C(aces) None means that there is no DACL, so that everybody may do everything."""

    owner: str = ""
    group: str = ""
    protected: bool = False
    aces: tuple[Ace, ...] | None = None

    @property
    def dacl(self) -> str:
        """The DACL as SDDL that Windows takes, its entries in their order. Equal text means equal permissions.

        AI is always written: Windows ignores it where it does not apply.
        """
        if self.aces is None:
            return ""
        return f"D:{'P' if self.protected else ''}AI" + "".join(map(str, self.aces))

    def __str__(self) -> str:
        owner, group = (f"{letter}:{sid}" if sid else "" for letter, sid in (("O", self.owner), ("G", self.group)))
        return owner + group + self.dacl

    def allows(self, token: frozenset[str], wanted: int) -> bool:
        """Whether the token, a set of SIDs, is granted all of a mask; an owner may always read and set the DACL."""
        if self.aces is None:
            return True
        missing = wanted & ~(READ_CONTROL | WRITE_DAC) if self.owner in token else wanted
        for ace in self.aces:
            if ace.sid not in token or ace.flags & INHERIT_ONLY:
                continue
            if ace.kind == "D" and _specific(ace.mask) & missing:
                return False
            if ace.kind == "A":
                missing &= ~_specific(ace.mask)
        return not missing

    def granted_beyond(self, trusted: frozenset[str], mask: int) -> tuple[str, ...]:
        """Who else is allowed any of a mask, here or, by inheritance, below; what is denied to them does not count."""
        if self.aces is None:
            return (EVERYONE,)
        granting = (ace for ace in self.aces if ace.kind == "A" and _specific(ace.mask) & mask)
        return tuple(dict.fromkeys(ace.sid for ace in granting if ace.sid not in trusted))

    def of(self, sid: str) -> str:
        """The explicit entries of one SID, as SDDL; empty when it has none."""
        return "".join(str(ace) for ace in self.aces or () if ace.sid == sid and not ace.flags & INHERITED)

    def granting(self, sid: str, mask: int, flags: int = 0) -> Descriptor:
        """With the mask allowed to a SID and not denied to it; the grant stands after all denials."""
        others = [ace for ace in self.aces or () if ace.sid != sid or ace.flags & INHERITED]
        return replace(self, aces=_placed(others, [Ace("A", flags, mask, sid)]))

    def having(self, sid: str, entries: str) -> Descriptor:
        """With these explicit entries of a SID: denials and grants that it has already keep their place."""
        wanted, aces = parse(f"D:{entries}").aces or (), list(self.aces or ())
        for kind in ("D", "A"):
            new = [ace for ace in wanted if ace.kind == kind]
            old = [ace for ace in aces if (ace.kind, ace.sid) == (kind, sid) and not ace.flags & INHERITED]
            if new != old:
                aces = list(_placed([ace for ace in aces if ace not in old], new))
        return replace(self, aces=tuple(aces))

    def without_denials(self, token: frozenset[str], mask: int) -> Descriptor:
        """Without the explicit entries that deny the token anything of a mask."""
        return replace(self, aces=tuple(ace for ace in self.aces or () if not _denies(ace, token, mask)))


def _placed(aces: t.Sequence[Ace], new: t.Sequence[Ace]) -> tuple[Ace, ...]:
    """Entries of one kind where they belong: denials before all, grants after what is not inherited (MS-DTYP 2.4.5)."""
    denials = any(ace.kind == "D" for ace in new)
    place = 0 if denials else next((i for i, ace in enumerate(aces) if ace.flags & INHERITED), len(aces))
    return (*aces[:place], *new, *aces[place:])


def _denies(ace: Ace, token: frozenset[str], mask: int) -> bool:
    return ace.kind == "D" and ace.sid in token and bool(_specific(ace.mask) & mask) and not ace.flags & INHERITED


def _specific(mask: int) -> int:
    """A mask with generic rights spelled out."""
    for generic, rights in _GENERIC.items():
        if mask & generic:
            mask |= rights
    return mask


def parse(text: str) -> Descriptor:
    """Read SDDL.

    Raises:
        InvalidSddl: it is none, or has conditional or object entries.
    """
    match = _PARTS.fullmatch(text.strip())
    if match is None or not text.strip():
        raise InvalidSddl(f"no SDDL: {text[:80]!r}")
    owner, group = (_sid(found) if found else "" for found in (match["owner"], match["group"]))
    if match["dacl"] is None:
        return Descriptor(owner, group)
    dacl = _DACL.fullmatch(match["dacl"])
    if dacl is None:
        raise InvalidSddl(f"no DACL: {match['dacl'][:80]!r}")
    aces = tuple(_ace(body) for body in _ACES.findall(dacl["aces"]))
    return Descriptor(owner, group, "P" in dacl["flags"], aces)


def dacl_of(text: str) -> str:
    """The DACL of an SDDL text, in the form that is compared.

    Raises:
        InvalidSddl: it is none.
    """
    return parse(text).dacl


def _ace(body: str) -> Ace:
    fields = body.split(";")
    if len(fields) != 6 or fields[0] not in ("A", "D") or fields[3] or fields[4]:
        raise InvalidSddl(f"no plain entry: {body[:80]!r}")
    flags = sum(_FLAGS[name] for name in set(_pairs(fields[1], _FLAGS)))
    return Ace(t.cast(t.Any, fields[0]), flags, _mask(fields[2]), _sid(fields[5]))


def _mask(text: str) -> int:
    if _NUMBER.fullmatch(text):
        return int(text, 16 if text[:2] in ("0x", "0X") else 10)
    mask = 0
    for name in _pairs(text, _RIGHTS):
        mask |= _RIGHTS[name]
    return mask


def _pairs(text: str, known: Mapping[str, int]) -> list[str]:
    names = [text[i : i + 2] for i in range(0, len(text), 2)]
    if not set(names) <= set(known):
        raise InvalidSddl(f"unknown abbreviation in {text[:80]!r}")
    return names


def _sid(text: str) -> str:
    if not _ALIAS_OR_SID.fullmatch(text):
        raise InvalidSddl(f"no SID: {text[:80]!r}")
    return _ALIASES.get(text, text)
