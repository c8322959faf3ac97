# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

r"""Reader: the listener's certificate and its key. PRIVATE to the collection.

It takes ten to twenty operations, so it is read only where TLS is in doubt, and the permissions of the certificate's
store only where Windows has to make one, or is to. What administrators may not see (from Server 2019 on the permissions
of the listener's own key file) is unreadable, which is no fault.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import timedelta

from .. import _hidden, _listener_certificate
from .._cim import certificates
from .._cim.certificates import CNG, DamagedCertificate, KeyLink, StoredCertificate
from .._cim.files import Hidden
from .._cim.registry import RegistryError
from .._host import Host
from .._journal import RUNS, Journal
from .._model import reading, sddl
from .._model.keys import FOLDERS, READ_GRANT, CertificateState, Damaged, KeyFile, KeysState
from .._model.reading import Reading
from .._model.settings import LISTENER, POLICY
from .._wsman.errors import WsmanFault
from ._request import Request
from .services import BROKER

REBOOT_PENDING = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootPending"
MY = "MY"
STORE = rf"{certificates.STORES}\{_listener_certificate.REMOTE_DESKTOP}"
STORE_KEYS = (STORE, rf"{STORE}\Certificates")
TEMPLATE = "CertTemplateName"
JOURNAL = RUNS.rpartition("\\")[2].lower()
RECENT = timedelta(hours=1)
"""A renewal younger than this belongs to the repair that is under way."""

CRYPTO = r"ProgramData\Microsoft\Crypto"


class KeyFolders:
    """The folders of machine keys, what lies in them, and which file belongs to which certificate."""

    def __init__(self, host: Host, kept: Callable[[], Iterable[str]] = tuple) -> None:
        """C(kept) gives the names of the keys that the collection keeps on the host, where those are of interest."""
        self._host = host
        self._kept = kept
        self.machine_guid = host.machine_guid
        self.drive = host.windows[:2]
        self.parent = rf"{self.drive}\{CRYPTO}\RSA"
        self.legacy = rf"{self.parent}\MachineKeys"
        self.cng = rf"{self.drive}\{CRYPTO}\Keys"
        self._listed: dict[str, tuple[str, ...]] = {}

    def names(self, folder: str) -> tuple[str, ...]:
        """Names of the files in a folder, in lower case; it is listed once."""
        if folder not in self._listed:
            self._listed[folder] = tuple(file.name.lower() for file in self._host.files.files(folder))
        return self._listed[folder]

    def state(self, certificate: StoredCertificate) -> CertificateState:
        """A certificate with where its key is."""
        return CertificateState(
            thumbprint=certificate.thumbprint,
            subject=certificate.subject,
            not_before=certificate.not_before.isoformat(),
            not_after=certificate.not_after.isoformat(),
            server_auth=certificate.server_auth,
            rdp_auth=certificate.rdp_auth,
            key_algorithm=certificate.key_algorithm,
            key_bits=certificate.key_bits,
            signature_hash=certificate.signature_hash,
            key_file=self._key_file(certificate.key) if certificate.key else None,
            names=certificate.names,
        )

    def _key_file(self, key: KeyLink) -> KeyFile:
        """Legacy files are named after their container; how CNG names them is not published, so it is looked for."""
        cng = key.provider_type == CNG
        folder, name = self._place(key)
        path = rf"{folder}\{name}"
        if name.lower() not in self.names(folder):
            return KeyFile(key.container, path, cng, self._missing(folder, cng))
        dacl = self.dacl(path)
        granted = dacl.state == "unreadable" and _hidden.kept(self._kept(), path, READ_GRANT)
        return KeyFile(key.container, path, cng, dacl, granted)

    def _missing(self, folder: str, cng: bool) -> Reading:
        """What a file is that is not listed.

        UNSURE: whether CIM_DataFile lists a folder for an account that may not. So one that shows neither files nor
        its permissions tells nothing about its files.
        """
        if cng:
            return reading.unreadable("its file was not found by its name")
        if not self.names(folder) and self.dacl(folder).state == "unreadable":
            return reading.unreadable("its folder shows this account neither files nor its permissions")
        return reading.ABSENT

    def file(self, key: KeyLink) -> str:
        """Name of the file that a key is in, or should be, in lower case."""
        return self._place(key)[1].lower()

    def _place(self, key: KeyLink) -> tuple[str, str]:
        """The folder and the name of a key's file."""
        folder = self.cng if key.provider_type == CNG else self.legacy
        expected = f"{certificates.key_file_stem(key.container)}_{self.machine_guid}"
        present = (name for name in (expected, key.container) if name.lower() in self.names(folder))
        return folder, next(present, expected)

    def dacl(self, path: str) -> Reading:
        """The DACL of a file or folder, as far as this account may see it."""
        try:
            return _dacl(self._host.files.security(path))
        except (Hidden, WsmanFault) as error:
            return reading.unreadable(str(error.message))


def read(request: Request) -> KeysState:
    """All of it, or after a step only what Windows makes anew: its own certificate, and the files of keys."""
    folders = KeyFolders(request.host, lambda: request.kept_before)
    around = request.keys or _around(request, folders)
    found, damaged = _own_certificate(request, around)
    own = folders.state(found) if found else None
    renewed = own is not None and _just_renewed(request, own)
    files = folders.names(folders.legacy)
    return replace(around, own=own, damaged=damaged, files=files, just_renewed=renewed)


def _own_certificate(request: Request, around: KeysState) -> tuple[StoredCertificate | None, Damaged | None]:
    """The one that Windows made for its listener, or what is in its place and is none."""
    served = _served(request, around)
    if served is not None:
        return served, None
    thumbprint = _listener_certificate.thumbprint(request.host) or ""
    found, blob = _stored(request.host, _listener_certificate.REMOTE_DESKTOP, thumbprint)
    instead = Damaged(thumbprint, base64.b64encode(blob).decode("ascii")) if thumbprint and found is None else None
    return found, instead


def _stored(host: Host, store: str, thumbprint: str) -> tuple[StoredCertificate | None, bytes]:
    """A certificate of a store of the machine, and what is in its place where that is none.

    Raises:
        DamagedCertificate: it is whole, and not to be read here.
    """
    try:
        return (host.certificate(store, thumbprint) if thumbprint else None), b""
    except DamagedCertificate:
        blob = certificates.damage(host.registry, store, thumbprint)
        if not blob:
            raise
        return None, blob


def _just_renewed(request: Request, own: CertificateState) -> bool:
    """Whether a run had Windows make the certificate that is there; one that was cut off before may go on."""
    if request.keys is not None:
        return request.keys.just_renewed
    if not any(name.lower() == JOURNAL for name in request.kept_before):
        return False
    host = request.host
    entries = Journal(host.registry, host.machine_id, host.now, host.clock_ahead).recent(RECENT)
    made = next((entry for entry in entries if entry.change.kind == "renewal"), None)
    return made is not None and made.change.before != own.thumbprint


def _served(request: Request, around: KeysState) -> StoredCertificate | None:
    """The certificate that the handshake showed, where it is of the listener's own store: none is looked for then."""
    shown = ((request.probe or {}).get("tls") or {}).get("certificate") or {}
    thumbprint = str(shown.get("sha1") or "").upper()
    if not thumbprint or around.pinned:
        return None
    return _stored(request.host, _listener_certificate.REMOTE_DESKTOP, thumbprint)[0]


def _around(request: Request, folders: KeyFolders) -> KeysState:
    """What stands around the listener's own certificate.

    A folder beside that of the keys is there all the time while one is copied, renamed or brought back.
    """
    host = request.host
    copies = _copies(host, folders)
    pinned = _listener_certificate.hexadecimal(host, LISTENER, "SSLCertificateSHA1Hash")
    held, damaged = _stored(host, MY, pinned)
    return KeysState(
        own=None,
        pinned=pinned,
        pinned_certificate=folders.state(held) if held else None,
        pinned_damaged=bool(damaged),
        template=host.registry.text(POLICY, TEMPLATE) if TEMPLATE.lower() in request.value_names(POLICY) else "",
        broker=BROKER in _services(request),
        folder=folders.legacy,
        folder_dacl=folders.dacl(folders.legacy),
        files=(),
        copies=copies,
        machine_guid=folders.machine_guid,
        pending_reboot=host.registry.values(REBOOT_PENDING) is not None,
        free_bytes=host.files.free_bytes(folders.drive),
        free_memory=host.identity.free_memory,
        under_way=bool(copies) and host.tasks.is_under_way(FOLDERS),
    )


def _services(request: Request) -> Iterable[str]:
    """The names of services that exist; no roles come while a host is looked at, so they are asked for once."""
    known = request.base.services if request.base else None
    return request.services if known is None else known


def _is_copy(path: str, folder: str) -> bool:
    return path.lower().startswith(folder.lower() + "_")


def read_copies(request: Request) -> tuple[str, ...]:
    """The folders beside MachineKeys that the journal has as put there by us; the usual advice makes such too.

    It takes an operation for each run that is kept, and only bringing keys back from there decides on it.
    """
    host, folders = request.host, KeyFolders(request.host)
    copies = _copies(host, folders)
    return _own(host, copies) if copies else ()


def _copies(host: Host, folders: KeyFolders) -> tuple[str, ...]:
    return tuple(path for path in host.files.folders(folders.parent) if _is_copy(path, folders.legacy))


def _own(host: Host, copies: Iterable[str]) -> tuple[str, ...]:
    journal = Journal(host.registry, host.machine_id, host.now, host.clock_ahead)
    entries = [recorded.entry for stretch in journal.stretches() for recorded in journal.entries(stretch)]
    changes = [entry.change for entry in (*entries, *journal.trimmed())]
    made = {str(change.after if change.kind == "key_folder" else change.item).lower()
            for change in changes if change.kind in ("key_copy", "key_folder")}  # fmt: skip
    return tuple(path for path in copies if path.lower() in made)


def read_stores(request: Request) -> Mapping[str, Reading]:
    """The permissions of the certificate's store."""
    return {path: found for path in STORE_KEYS if (found := store_dacl(request.host, path)).state != "absent"}


def store_dacl(host: Host, path: str) -> Reading:
    """The DACL of a registry key."""
    try:
        return _dacl(host.registry.security(path))
    except RegistryError as error:
        return reading.ABSENT if error.code == 2 else reading.unreadable(str(error.message))


def _dacl(text: str | None) -> Reading:
    if text is None:
        return reading.ABSENT
    try:
        return reading.value(str(sddl.parse(text)))
    except sddl.InvalidSddl as error:
        return reading.unreadable(str(error))
