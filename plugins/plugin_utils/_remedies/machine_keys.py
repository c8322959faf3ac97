# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

r"""The listener's private key, by the smallest step that makes it usable. PRIVATE to the collection.

The usual advice renames the whole MachineKeys folder. It holds the keys of every other service on the host, so that is
the last rung of a ladder here, and refused while the folder holds keys of others. The rungs, smallest first: restart
what renews, one entry on one file, the store's permissions, a new self-signed certificate, a new key, the folder's own
permissions, a copy of the folder before a new key, the rename. Default permissions and file names: Microsoft support
article 278381; Microsoft's Azure repair scripts vmassist and win-fix-rdp-certificate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from .._model.change import Change, Plan, Refusal
from .._model.keys import CONTAINER_FILE, GOES_ON, KeyFile, KeysState, denied
from .._model.observation import Observation
from .._model.scope import Scope
from . import _certificates as steps
from . import _permissions
from ._base import Options, Remedy, hosting, missing_area

NAME = "machine_keys"

METHODS = ("auto", "restart", "ace", "store_acl", "certificate", "key", "folder_acl", "copy_aside", "rename")

OPTIONS = {
    "state": {"type": "str", "choices": ["usable", "restored"], "default": "usable"},
    "method": {"type": "str", "choices": [*METHODS], "default": "auto"},
    "accept_shared_keys": {"type": "bool", "default": False},
}

PROVIDENT = ("folder_acl",)
"""Methods that also help a host whose key still works: its next renewal would fail."""


@hosting
def plan(observation: Observation, options: Options) -> Plan:
    """Plan one rung: the named one, or with C(auto) the smallest that the evidence calls for."""
    wanted = _permissions.secured(NAME, observation, _wanted(observation, options))
    under_way = observation.keys is not None and observation.keys.under_way
    return _refused(GOES_ON) if wanted.changes and under_way else wanted


def undecided(observation: Observation, options: Options) -> Scope:
    """What the plan turns out to hang on besides."""
    return _permissions.hinging(observation, _wanted(observation, options))


def _wanted(observation: Observation, options: Options) -> Plan:
    """The rung alone, whatever the permissions on which it hangs."""
    keys = observation.keys
    if keys is None:
        return missing_area("keys", observation)
    if observation.identity is None:
        return missing_area("identity", observation)
    if options["state"] == "restored":
        return _restored(observation, keys)
    method = called_for(observation, keys) if options["method"] == "auto" else options["method"]
    if not method or (method not in PROVIDENT and _usable(observation, keys)):
        return Plan()
    return _RUNGS[method](observation, keys, options)


# --- evidence


def _usable(observation: Observation, keys: KeysState) -> bool:
    """Whether the handshake shows that TLS works with a certificate that is valid; without a probe, what was read."""
    moment, shown = steps.now(observation), steps.handshake(observation)
    if moment is None or keys.active is None or keys.active.faults(moment):
        return False
    return shown == "ok" if shown else keys.readable is True


def called_for(observation: Observation, keys: KeysState) -> str:
    """The smallest rung that the evidence calls for; empty when none is."""
    shown = (
        ("store_acl", bool(denied(observation.key_stores)) and _needs_making(observation, keys)),
        ("folder_acl", keys.folder_denied and _needs_making(observation, keys)),
        ("restart", _needs_making(observation, keys)),
        ("ace", keys.readable is False),
        ("ace", keys.readable is None and steps.handshake(observation) == "reset"),
        ("certificate", steps.handshake(observation) == "reset"),
    )
    return next((method for method, true in shown if true), "")


def _needs_making(observation: Observation, keys: KeysState) -> bool:
    moment = steps.now(observation)
    return moment is not None and keys.needs_making(moment)


# --- rungs

Rung = Callable[[Observation, KeysState, Options], Plan]


def _ace(observation: Observation, keys: KeysState, _options: Options) -> Plan:
    file = keys.active.key_file if keys.active else None
    if file is None:
        return _refused("the listener has no certificate with a private key that somebody could be let read")
    if file.dacl.state == "absent":
        cure = "import its certificate again with the key" if keys.pinned else "take the method restart"
        return _refused(f"the key file {file.path} does not exist; {cure}")
    if file.cng and file.dacl.reason and file.dacl.reason.startswith("its file"):
        return _refused(f"the file of the CNG key {file.container} was not found; bind another certificate")
    known = _known_readable(observation, keys, file)
    if known:
        return Plan(notes=known)
    changes = steps.readable(NAME, file, "NETWORK SERVICE cannot read the listener's private key")
    if not changes and keys.readable is False:
        return _refused(f"{file.path} lets NETWORK SERVICE read it, and denies that to one of its groups; take key")
    return Plan(changes=changes, notes=(*steps.seen_granted(file), *_unseen(file)))


def _known_readable(observation: Observation, keys: KeysState, file: KeyFile) -> tuple[str, ...]:
    """What tells that the listener can read the key, whatever is seen of its permissions; a handshake counts most."""
    if keys.active and steps.served(observation) == keys.active.thumbprint:
        return ("the handshake shows that the listener can read the key of its certificate",)
    return () if steps.handshake(observation) == "reset" else steps.seen_granted(file)


def _unseen(file: KeyFile) -> tuple[str, ...]:
    """What a plan cannot say of permissions that it has not seen."""
    told = f"the permissions of {file.path} are shown to SYSTEM alone: a run sees what was there when it changes them"
    return (told,) if file.dacl.state == "unreadable" else ()


def _restart(observation: Observation, keys: KeysState, _options: Options) -> Plan:
    if not keys.pinned and not _needs_making(observation, keys):
        return _refused("Windows makes a certificate only where there is none, it has expired or its key is gone")
    reason = "SessionEnv makes a certificate when it starts and there is none, it has expired or its key is gone"
    return _guarded(observation, keys, steps.made(NAME, keys, reason), done=keys.just_renewed)


def _certificate(observation: Observation, keys: KeysState, _options: Options) -> Plan:
    reason = "the listener's certificate and its key do not work together"
    changes = steps.renewed_whole(NAME, keys, reason)
    return _guarded(observation, keys, changes, done=keys.just_renewed)


def _key(observation: Observation, keys: KeysState, _options: Options) -> Plan:
    changes = steps.renewed_with_key(NAME, keys, "the listener's private key does not work")
    if not any(change.kind == "key_file" for change in changes):
        return _refused(f"the key file {keys.own_key_file} does not exist; take the method certificate")
    return _guarded(observation, keys, changes, done=keys.just_renewed and bool(moved_aside(keys)))


def _copy_aside(observation: Observation, keys: KeysState, _options: Options) -> Plan:
    reason = "MachineKeys is copied, permissions and owners included, before its RDP key is renewed"
    copy = Change(NAME, "key_copy", free_name(keys), None, keys.folder, reason)
    changes = (copy, *steps.renewed_with_key(NAME, keys, "the listener's private key does not work"))
    return _guarded(observation, keys, changes, done=keys.just_renewed and bool(keys.copies))


def _folder_acl(observation: Observation, keys: KeysState, options: Options) -> Plan:
    change = _permissions.folder_mend(NAME, keys)
    if change is None:
        return _refused(f"the permissions of {keys.folder} cannot be read ({keys.folder_dacl.reason})")
    renewal = _restart(observation, keys, options) if _needs_making(observation, keys) else Plan()
    return _first((change,) if change.before != change.after else (), renewal)


def _store_acl(observation: Observation, keys: KeysState, options: Options) -> Plan:
    if observation.key_stores is None:
        return missing_area("key_stores", observation)
    renewal = _restart(observation, keys, options) if _needs_making(observation, keys) else Plan()
    return _first(_permissions.store_mends(NAME, observation), renewal)


def _rename(observation: Observation, keys: KeysState, options: Options) -> Plan:
    owners = observation.key_owners
    if owners is None:
        return missing_area("key_owners", observation)
    if keys.unlisted:
        return _refused(
            f"{keys.folder} shows this account neither its files nor its permissions, so whose keys it holds is not "
            f"known; become its owner first (takeown /f {keys.folder} /a)"
        )
    others = {name: owners.owners.get(name, "an owner that is not known") for name in foreign(keys)}
    channel = [name for name in others if name in owners.channel]
    if channel:
        return _refused(f"{channel[0]} is the key of WinRM's HTTPS listener, over which hosts are managed")
    if others and options["accept_shared_keys"] is not True:
        listed = "; ".join(f"{name}: {owner}" for name, owner in others.items())
        return _refused(
            f"MachineKeys holds the keys of others, which a rename takes away for a moment ({listed}). Set "
            "accept_shared_keys to true where their owners agree; copy_aside moves none of them",
            "accept_shared_keys",
        )
    reason = "MachineKeys is beyond repair: a new one takes its place, with every key but the listener's"
    renamed = Change(NAME, "key_folder", keys.folder, None, free_name(keys), reason, risk="high")
    changes = (renamed, *steps.renewed_whole(NAME, keys, "the listener's private key does not work"))
    return _guarded(observation, keys, changes, done=keys.just_renewed and bool(keys.copies))


def foreign(keys: KeysState) -> tuple[str, ...]:
    """Names of the key files that are not the listener's."""
    return tuple(name for name in keys.files if not name.startswith(CONTAINER_FILE))


def moved_aside(keys: KeysState) -> tuple[str, ...]:
    """Key files of the listener that an earlier repair moved aside."""
    own = keys.own_key_file.rpartition("\\")[2].lower()
    return tuple(name for name in keys.files if name.startswith(f"{own}."))


def free_name(keys: KeysState) -> str:
    """MachineKeys_old, or the first of MachineKeys_old2, ... that nothing has."""
    taken = {path.lower() for path in keys.copies}
    return next(name for name in _names(f"{keys.folder}_old") if name.lower() not in taken)


def _names(base: str) -> Iterator[str]:
    yield base
    number = 2
    while True:
        yield f"{base}{number}"
        number += 1


def _restored(observation: Observation, keys: KeysState) -> Plan:
    """What was put aside comes back where it is missing, permissions included; then the copies go, and none else."""
    if observation.key_copies is None:
        return missing_area("key_copies", observation)
    ours = tuple(path for path in keys.copies if path in observation.key_copies)
    reason = "keys that are missing from MachineKeys come back from the copy, which is then removed"
    changes = (Change(NAME, "key_copy", path, keys.folder, None, reason, undo="none", risk="medium")
               for path in ours)  # fmt: skip
    others = (path for path in keys.copies if path not in ours)
    notes = (f"the journal has no run that made {path}, so that is left as it is" for path in others)
    return Plan(changes=tuple(changes), notes=tuple(notes))


def _guarded(observation: Observation, keys: KeysState, changes: tuple[Change, ...], done: bool) -> Plan:
    """The changes, unless something forbids them or they were made just now."""
    if keys.pinned:
        return _refused(
            f"the listener is tied to the certificate {keys.pinned}, so a new one of its own would not be used; "
            "the module certificate with state self_signed unties it"
        )
    if done:
        return Plan(notes=("this method was taken within the last hour and is not repeated: take the next one",))
    hindered = steps.hindrances(observation, keys, changes)
    return hindered if hindered.refused else Plan(changes=changes)


def _first(changes: tuple[Change, ...], then: Plan) -> Plan:
    """Changes and what follows from them, or nothing where that is refused."""
    return then if then.refused else Plan(changes=changes) + then


def _refused(message: str, option: str = "method") -> Plan:
    return Plan(refused=(Refusal(f"nothing is done to the key: {message}", option),))


_RUNGS: Mapping[str, Rung] = MappingProxyType(
    {
        "restart": _restart,
        "ace": _ace,
        "store_acl": _store_acl,
        "certificate": _certificate,
        "key": _key,
        "folder_acl": _folder_acl,
        "copy_aside": _copy_aside,
        "rename": _rename,
    }
)


def needs(options: Options) -> tuple[str, ...]:
    """Whose keys the others are decides about the rename alone, and which copies are ours about bringing keys back."""
    if options["state"] == "restored":
        return (*_AREAS, "key_copies")
    besides = {"rename": "key_owners", "store_acl": "key_stores"}.get(options["method"])
    return (*_AREAS, besides) if besides else _AREAS


_AREAS = ("identity", "services", "keys")

REMEDY = Remedy(
    name=NAME,
    areas=(*_AREAS, "key_owners", "key_copies", "key_stores"),
    settings=(),
    options=OPTIONS,
    plan=plan,
    probed=True,
    needs=needs,
    undecided=undecided,
    climbs=MappingProxyType({"state": "usable", "method": "auto"}),
)
