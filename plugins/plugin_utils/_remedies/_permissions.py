# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The permissions on which Windows' next certificate hangs: of the key folder, and of the store. PRIVATE.

A hardened folder or store breaks no certificate that is there, only the next one (measured by Microsoft's Azure repair
script win-fix-rdp-certificate), and some deny SYSTEM the store on purpose, so that it makes none (Microsoft's Ask
Premier Field Engineering blog of 2017, "Removing Self-Signed RDP Certificates").
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile

from .._model import sddl
from .._model.change import Change, Plan, Refusal
from .._model.keys import KeysState, denied
from .._model.observation import Observation
from .._model.project import project
from .._model.reading import Reading
from .._model.scope import Scope
from .._model.settings import PIN
from . import _certificates as steps

DEFAULT_FOLDER = "D:PAI(A;;0x12019f;;;S-1-1-0)(A;;0x1f01ff;;;S-1-5-32-544)"
"""MachineKeys: Everyone reads and writes, Administrators have full control, this folder only, nothing inherited."""

STORE_GRANT_FLAGS = 0x2
"""CI: subkeys inherit the entry (MS-DTYP 2.4.4.1)."""


def hinging(observation: Observation, wanted: Plan) -> Scope:
    """What decides besides, where Windows makes a certificate: who may write to its store, and who shares its key."""
    if not _makes(wanted):
        return Scope()
    shared = observation.keys is not None and observation.keys.own_key_there
    return Scope(("key_stores", *(("channel_key",) if shared else ())))


def _makes(wanted: Plan) -> bool:
    return any(change.kind == "renewal" for change in wanted.changes)


def secured(remedy: str, observation: Observation, wanted: Plan) -> Plan:
    """A plan with the permissions put right first where Windows could not keep what it is to make.

    Where they are not seen, a certificate that may serve somebody is not given up for one that may not come; a listener
    that is tied to one that is gone gets it back as it is.
    """
    if not _makes(wanted):
        return wanted
    before = tuple(takewhile(lambda change: change.kind not in ("certificate", "renewal"), wanted.changes))
    found = project(observation, before)
    unseen = _unseen(found) if any(change.kind == "certificate" for change in wanted.changes) else ""
    if unseen and not _serves_nobody(observation):
        why = f"the listener's own certificate is not given up while it may serve: {unseen}"
        untied = tuple(change for change in before if change.item == PIN)
        return Plan(untied, notes=(why,)) if untied else Plan(refused=(Refusal(why),))
    return Plan(changes=mends(remedy, found)) + wanted


def mends(remedy: str, observation: Observation) -> tuple[Change, ...]:
    """The permissions put right that keep Windows from making a certificate; those that are denied and seen."""
    folder = folder_mend(remedy, observation.keys) if observation.keys and observation.keys.folder_denied else None
    return (*((folder,) if folder else ()), *store_mends(remedy, observation))


def folder_mend(remedy: str, keys: KeysState) -> Change | None:
    """MachineKeys with its default permissions; None where its own are not seen."""
    if not isinstance(keys.folder_dacl.data, str):
        return None
    before = sddl.dacl_of(keys.folder_dacl.data)
    reason = "the permissions of MachineKeys keep Windows from making keys; the default ones are put back"
    return Change(remedy, "folder_dacl", keys.folder, before, DEFAULT_FOLDER, reason)


def store_mends(remedy: str, observation: Observation) -> tuple[Change, ...]:
    """In each denied key of the store SYSTEM is denied nothing and has full control; all other entries stay."""
    stores = observation.key_stores or {}
    return tuple(_store_mend(remedy, path, stores[path]) for path in denied(stores))


def _store_mend(remedy: str, path: str, dacl: Reading) -> Change:
    descriptor = sddl.parse(str(dacl.data))
    freed = descriptor.without_denials(sddl.AS_SYSTEM, sddl.KEY_ALL)
    if not freed.allows(sddl.AS_SYSTEM, sddl.KEY_ALL):
        freed = freed.granting(sddl.SYSTEM, sddl.KEY_ALL, STORE_GRANT_FLAGS)
    reason = "SYSTEM may not keep certificates in the listener's store"
    return Change(remedy, "key_dacl", path, descriptor.dacl, freed.dacl, reason)


def _unseen(observation: Observation) -> str:
    """Which permissions decide whether Windows can make another and are not shown, and what helps; or empty."""
    hidden = dict(_hidden(observation))
    if not hidden:
        return ""
    told = "; ".join(f"{path}: {reason}" for path, reason in hidden.items())
    return (
        f"whether Windows can make another one hangs on permissions that are not shown ({told}). Let Administrators "
        "read them, and run this again"
    )


def _hidden(observation: Observation) -> Iterator[tuple[str, str]]:
    keys, stores = observation.keys, observation.key_stores
    if keys is not None and keys.folder_dacl.state == "unreadable":
        yield keys.folder, keys.folder_dacl.reason
    if stores is None:
        yield steps.STORE, observation.unread.get("key_stores", "they were not read")
    yield from ((path, dacl.reason) for path, dacl in (stores or {}).items() if dacl.state == "unreadable")


def _serves_nobody(observation: Observation) -> bool:
    """Whether the listener's own certificate is seen to be of no use, so that nothing is lost with it."""
    keys, shown = observation.keys, steps.handshake(observation)
    return keys is not None and not keys.pinned and (shown == "reset" or (not shown and keys.readable is False))
