# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The listener's certificate and its key."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from datetime import timedelta

from tests.simulator.breakages.base import Breakage
from tests.simulator.windows import events
from tests.simulator.windows.certificates import (
    CLIENT,
    LISTENER,
    MACHINE_GUID,
    MY,
    REMOTE_DESKTOP,
    STORES,
    Request,
)
from tests.simulator.windows.files import MACHINE_KEYS
from tests.simulator.windows.keys import WEAK_KEY
from tests.simulator.windows.registry import Type
from tests.simulator.windows.security import SecurityDescriptor
from tests.simulator.windows.system import Windows
from tests.simulator.windows.tenants import SYSTEM_ONLY


def _key_unreadable(windows: Windows) -> None:
    sddl = windows.certificates.key_file_sddl.replace("(A;;FR;;;NS)", "")
    windows.files.set_descriptor(windows.certificates.key_file, SecurityDescriptor.from_sddl(sddl))


def _key_denied(windows: Windows) -> None:
    """Somebody who wanted to keep one service from it has denied the account of them all; the grant is there still."""
    sddl = windows.certificates.key_file_sddl.replace("D:PAI", "D:PAI(D;;FR;;;NS)")
    windows.files.set_descriptor(windows.certificates.key_file, SecurityDescriptor.from_sddl(sddl))


def _certificate_expired(windows: Windows) -> None:
    windows.certificates.issue(start=windows.clock.now() - timedelta(days=200))


def _pinned(request: Request, name: str = "rdp.corp.example") -> Callable[[Windows], None]:
    """The listener is bound to a certificate of the machine's own store."""

    def plant(windows: Windows) -> None:
        windows.certificates.pin(windows.certificates.add(name, request))

    return plant


def _pinned_expired(windows: Windows) -> None:
    start = windows.clock.now() - timedelta(days=400)
    _pinned(Request(key=6, start=start))(windows)


def _certificate_missing(windows: Windows) -> None:
    own = windows.certificates.own()
    if own is not None:
        windows.registry.delete_tree(f"{STORES}\\{REMOTE_DESKTOP}\\Certificates\\{own.thumbprint}")


DAMAGED = bytes(range(64))
"""What is no certificate: the first of its records would be longer than all of it."""


def _certificate_damaged(windows: Windows) -> None:
    """The disk, or a tool that cleans registries, has left other bytes in the place of the listener's certificate."""
    own = windows.certificates.own()
    if own is not None:
        key = f"{STORES}\\{REMOTE_DESKTOP}\\Certificates\\{own.thumbprint}"
        windows.registry.put(key, "Blob", Type.BINARY, DAMAGED)


def _pinned_damaged(windows: Windows) -> None:
    added = windows.certificates.add("rdp.corp.example", Request(key=6))
    windows.certificates.pin(added)
    windows.registry.put(f"{STORES}\\{MY}\\Certificates\\{added.thumbprint}", "Blob", Type.BINARY, DAMAGED)


def _machine_guid_changed(windows: Windows) -> None:
    """A cloning tool has given the machine a new MachineGuid; the key file still bears the old one."""
    guid = str(uuid.uuid5(uuid.UUID(windows.machine.guid), "cloned"))
    windows.registry.put(MACHINE_GUID, "MachineGuid", Type.SZ, guid)


def _store_acl(windows: Windows) -> None:
    key = f"{STORES}\\{REMOTE_DESKTOP}\\Certificates"
    for thumbprint in windows.registry.subkeys(key):
        windows.registry.delete_tree(f"{key}\\{thumbprint}")
    windows.registry.discard(
        r"HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations", "SelfSignedCertificate"
    )
    denied = SecurityDescriptor.from_sddl("O:BAG:SYD:PAI(D;CI;KA;;;SY)(A;CI;KA;;;BA)(A;CI;KR;;;BU)")
    windows.registry.set_descriptor(key, denied)
    windows.events.write(events.REMOTE_CONNECTION_MANAGER, 1057, events.ERROR)


def _folder_acl(windows: Windows) -> None:
    _certificate_expired(windows)
    hardened = SecurityDescriptor.from_sddl("O:SYG:SYD:PAI(D;;0x12019f;;;SY)(A;;FA;;;BA)")
    windows.files.set_descriptor(MACHINE_KEYS, hardened)
    windows.events.write(events.REMOTE_CONNECTION_MANAGER, 1058, events.ERROR)


CERTIFICATES: Mapping[str, Breakage] = {
    "key_unreadable": Breakage(
        "NETWORK SERVICE cannot read the private key of the listener's certificate", _key_unreadable
    ),
    "key_denied": Breakage(
        "the key file of the listener's certificate denies NETWORK SERVICE to read it", _key_denied, "key_unreadable"
    ),
    "key_missing": Breakage(
        "the key file of the listener's certificate is gone", lambda w: w.files.remove(w.certificates.key_file)
    ),
    "certificate_expired": Breakage("the listener's self-signed certificate has expired", _certificate_expired),
    "certificate_pinned_missing": Breakage(
        "the listener is tied to a certificate that is gone",
        lambda w: w.registry.put(LISTENER, "SSLCertificateSHA1Hash", Type.BINARY, bytes(range(20))),
    ),
    "certificate_missing": Breakage("the listener's certificate has been deleted from its store", _certificate_missing),
    "certificate_damaged": Breakage(
        "the store has something in place of the listener's certificate that is none",
        _certificate_damaged,
        "certificate_missing",
    ),
    "certificate_pinned_damaged": Breakage(
        "the machine's store has something in place of the certificate to which the listener is tied",
        _pinned_damaged,
        "certificate_pinned_missing",
    ),
    "certificate_pinned_expired": Breakage(
        "the listener is tied to a certificate that has expired", _pinned_expired, "certificate_expired"
    ),
    "certificate_wrong_usage": Breakage(
        "the listener is tied to a certificate for client authentication", _pinned(Request(key=6, usage=CLIENT))
    ),
    "certificate_weak": Breakage(
        "the listener is tied to a certificate with a 1024 bit key", _pinned(Request(key=WEAK_KEY))
    ),
    "key_in_cng": Breakage(
        "the listener is tied to a certificate whose key lies in Crypto\\Keys, closed to NETWORK SERVICE",
        _pinned(Request(key=6, sddl=SYSTEM_ONLY, cng=True)),
    ),
    "key_not_imported": Breakage(
        "the listener is tied to a certificate that was imported without a key of the machine",
        _pinned(Request(key=6, sddl="")),
        "key_missing",
    ),
    "machine_guid_changed": Breakage(
        "cloning has changed MachineGuid, so the listener's key is looked for in another file", _machine_guid_changed
    ),
    "store_acl": Breakage("no certificate, and its store denies SYSTEM, so none can be made", _store_acl),
    "folder_acl": Breakage(
        "the certificate has expired and the key folder's permissions prevent a new one", _folder_acl
    ),
}
