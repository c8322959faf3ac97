# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What certificate and key repair would make of an observation. PRIVATE to the collection.

Windows' own part, the new certificate and its key, is foreseen as Windows makes them by default.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType

from . import sddl
from .change import GENERATED, Change, Kind
from .keys import CONTAINER, CertificateState, KeyFile, KeysState
from .observation import Observation
from .plain import Plain
from .reading import Reading, value

VALIDITY = timedelta(days=183)
KEY_FILE_DACL = f"D:PAI(A;;0x1f01ff;;;{sddl.SYSTEM})(A;;0x120089;;;{sddl.NETWORK_SERVICE})"
FOLDER_DACL = f"D:PAI(A;;0x12019f;;;{sddl.EVERYONE})(A;;0x1f01ff;;;{sddl.ADMINISTRATORS})"

OfKeys = Callable[[Observation, KeysState, Change], KeysState]


def projection(moved: OfKeys) -> Callable[[Observation, Change], Observation]:
    """A projection of an observation from one of its keys; without keys nothing changes."""

    def projected(observation: Observation, change: Change) -> Observation:
        keys = observation.keys
        return observation if keys is None else replace(observation, keys=moved(observation, keys, change))

    return projected


def pinned(observation: Observation, change: Change) -> Observation:
    """The listener is tied to another certificate, or to none."""
    if observation.keys is None:
        return observation
    encoded = change.after["data"] if isinstance(change.after, dict) else ""
    thumbprint = base64.b64decode(str(encoded)).hex().upper()
    found = next((item for item in observation.certificates or () if item.thumbprint == thumbprint), None)
    keys = replace(observation.keys, pinned=thumbprint, pinned_certificate=found, pinned_damaged=False)
    return replace(observation, keys=keys)


def _file_access(observation: Observation, change: Change) -> Observation:
    """The file has the entries, and permissions that only SYSTEM may see no others."""
    wanted = change.after if isinstance(change.after, dict) else {}
    return _of_file(observation, change.item, lambda file: replace(file, dacl=_granted(file.dacl, wanted)))


def granted_unseen(observation: Observation, change: Change) -> Observation:
    """The file has the entries, which only SYSTEM may see still."""
    return _of_file(observation, change.item, lambda file: replace(file, granted=True))


def _of_file(observation: Observation, path: str, moved: Callable[[KeyFile], KeyFile]) -> Observation:
    """Whichever certificates the file belongs to."""

    def granted(certificate: CertificateState) -> CertificateState:
        file = certificate.key_file
        return replace(certificate, key_file=moved(file)) if file is not None and file.path == path else certificate

    keys, held = observation.keys, observation.certificates
    if keys is not None:
        own, tied = (granted(item) if item else None for item in (keys.own, keys.pinned_certificate))
        keys = replace(keys, own=own, pinned_certificate=tied)
    if held is not None:
        held = tuple(map(granted, held))
    return replace(observation, keys=keys, certificates=held)


def _granted(dacl: Reading, entries: Mapping[str, Plain]) -> Reading:
    """Of permissions that only SYSTEM may see, the entries are all that is known afterwards."""
    descriptor = sddl.parse(dacl.data if isinstance(dacl.data, str) else "D:")
    for sid, text in entries.items():
        descriptor = descriptor.having(sid, str(text))
    return value(str(descriptor))


def _with_dacl(old: Reading, dacl: Plain) -> Reading:
    wanted = sddl.parse(str(dacl))
    return value(str(replace(sddl.parse(str(old.data)), protected=wanted.protected, aces=wanted.aces)))


def _folder_dacl(_observation: Observation, keys: KeysState, change: Change) -> KeysState:
    return replace(keys, folder_dacl=_with_dacl(keys.folder_dacl, change.after))


def _key_dacl(observation: Observation, change: Change) -> Observation:
    stores = observation.key_stores or {}
    if change.item not in stores:
        return observation
    return replace(observation, key_stores={**stores, change.item: _with_dacl(stores[change.item], change.after)})


def _deleted(_observation: Observation, keys: KeysState, _change: Change) -> KeysState:
    return replace(keys, own=None, just_renewed=False)


def _moved(_observation: Observation, keys: KeysState, change: Change) -> KeysState:
    name = change.item.rpartition("\\")[2].lower()
    return replace(keys, files=(*(file for file in keys.files if file != name), f"{name}.old"))


def _renewed(observation: Observation, keys: KeysState, _change: Change) -> KeysState:
    moment = datetime.fromisoformat(observation.identity.local_time) if observation.identity else datetime.min
    name = keys.own_key_file.rpartition("\\")[2].lower()
    certificate = CertificateState(
        thumbprint=GENERATED,
        subject=keys.own.subject if keys.own else GENERATED,
        not_before=moment.isoformat(),
        not_after=(moment + VALIDITY).isoformat(),
        server_auth=True,
        rdp_auth=True,
        key_algorithm="RSA",
        key_bits=2048,
        signature_hash="sha256",
        key_file=KeyFile(CONTAINER, keys.own_key_file, False, value(KEY_FILE_DACL)),
    )
    files = (*(file for file in keys.files if file != name), name)
    return replace(keys, own=certificate, damaged=None, files=files, just_renewed=True)


def _copied(_observation: Observation, keys: KeysState, change: Change) -> KeysState:
    others = tuple(path for path in keys.copies if path.lower() != change.item.lower())
    return replace(keys, copies=others if change.after is None else (*others, change.item))


def _folder_renamed(_observation: Observation, keys: KeysState, change: Change) -> KeysState:
    return replace(keys, copies=(*keys.copies, str(change.after)), folder_dacl=value(FOLDER_DACL))


KEY_PROJECTIONS: Mapping[Kind, Callable[[Observation, Change], Observation]] = MappingProxyType(
    {
        "file_access": _file_access,
        "folder_dacl": projection(_folder_dacl),
        "key_dacl": _key_dacl,
        "certificate": projection(_deleted),
        "key_file": projection(_moved),
        "renewal": projection(_renewed),
        "key_copy": projection(_copied),
        "key_folder": projection(_folder_renamed),
    }
)
