# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The listener's certificate, its key, and the keys of others beside it. PRIVATE to the collection.

Sources: Microsoft support article 278381 and Microsoft's Azure repair scripts (win-fix-rdp-certificate, vmassist;
default permissions measured on builds 9600 to 26100).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from . import sddl
from .reading import Reading

CONTAINER, CONTAINER_FILE = "TSSecKeySet1", "f686aace6942fb7f7ceb231212eef4a4"
"""The key container of the listener's own certificate, and the first half of its file's name."""

READ_GRANT = str(sddl.Ace("A", 0, sddl.FILE_READ, sddl.NETWORK_SERVICE))
"""The entry that lets TermService read a key file."""

FOLDERS = "winfleet.rdp-once-keys"
"""The task that copies or renames folders of keys. There is one of them, so that each run sees what another has begun.
"""

GOES_ON = (
    f"the task {FOLDERS}, which copies or renames folders of keys, is still at work on the host. It ends by itself, "
    "after an hour at the latest: roll back or run again then. The journal keeps the entry until a roll-back has seen "
    "what came of it"
)

LEAST_RSA_BITS = 2048
WEAK_HASHES = frozenset({"md5", "sha1"})


@dataclass(frozen=True)
class KeyFile:
    """The file of a certificate's private key.

    Attributes:
        container: its name for the cryptographic provider.
        path: where it is, or should be.
        cng: whether a CNG provider keeps it, in another folder than the legacy ones.
        dacl: its DACL as SDDL; absent where there is no such file, unreadable where only SYSTEM may see it.
        granted: whether a run saw there as SYSTEM that NETWORK SERVICE may read it, or let it.
    """

    container: str
    path: str
    cng: bool
    dacl: Reading
    granted: bool = False


@dataclass(frozen=True)
class CertificateState:
    """A certificate in a store of the machine. Times are ISO 8601, UTC; key_file None: no private key belongs to it.

    server_auth is whether it may serve anything, rdp_auth whether it may serve the listener: some are made for that
    alone. names are the DNS names that it is for.
    """

    thumbprint: str
    subject: str
    not_before: str
    not_after: str
    server_auth: bool
    rdp_auth: bool
    key_algorithm: str
    key_bits: int | None
    signature_hash: str
    key_file: KeyFile | None
    names: tuple[str, ...] = ()

    def faults(self, now: datetime, ahead: timedelta = timedelta()) -> tuple[str, ...]:
        """Why it cannot serve the listener, or will not C(ahead) of now; empty when it can."""
        ends, begins = datetime.fromisoformat(self.not_after), datetime.fromisoformat(self.not_before)
        weak_key = self.key_algorithm == "RSA" and (self.key_bits or 0) < LEAST_RSA_BITS
        shown = (
            (ends <= now, f"it expired on {self.not_after}"),
            (now < ends <= now + ahead, f"it expires on {self.not_after}"),
            (begins > now, f"it is not valid before {self.not_before}"),
            (not self.rdp_auth, "its usage does not include server authentication"),
            (weak_key, f"its RSA key has {self.key_bits} bits"),
            (self.signature_hash in WEAK_HASHES, f"it is signed with {self.signature_hash.upper()}"),
            (self.key_file is None, "no private key belongs to it"),
        )
        return tuple(text for true, text in shown if true)

    @property
    def has_key(self) -> bool:
        """Whether its private key is on the host, as far as that is seen."""
        return self.key_file is not None and self.key_file.dacl.state != "absent"

    @property
    def readable(self) -> bool | None:
        """Whether NETWORK SERVICE, as which TermService and TSGateway run, may read its key.

        None where only SYSTEM may tell.
        """
        file = self.key_file
        if file is None or file.dacl.state == "absent":
            return False
        return _allows(file.dacl, sddl.AS_NETWORK_SERVICE, sddl.FILE_READ)

    def lacks(self, now: datetime) -> bool:
        """Whether its key is gone or it has expired, so that Windows would replace its own."""
        return not self.has_key or datetime.fromisoformat(self.not_after) <= now


@dataclass(frozen=True)
class Damaged:
    """What is in place of the listener's own certificate: under which thumbprint, and the bytes in base64, if any."""

    thumbprint: str
    blob: str


@dataclass(frozen=True)
class KeysState:
    """What the listener's TLS stands on.

    Attributes:
        own: the self-signed certificate that Windows made for the listener; None where it has none.
        pinned: thumbprint that the listener is tied to (SSLCertificateSHA1Hash), or empty.
        pinned_certificate: that one in the machine's store, where it is there.
        template: name of the certificate template that policy wants, or empty.
        broker: whether the host is a Remote Desktop connection broker, which manages pinned certificates itself.
        folder: path of MachineKeys; folder_dacl its own DACL.
        files: names in it, in lower case.
        copies: paths of folders beside it whose name begins with its own.
        machine_guid: the second half of the names of legacy key files.
        pending_reboot: whether servicing waits for a restart of the host.
        free_bytes: on the system drive; None where it is not told.
        free_memory: bytes that programs can still commit, on paging files too; None where it is not told.
        just_renewed: whether a run of ours had Windows make the certificate that is there within the last hour, which
            is then not repeated: by the journal and the controller's clock.
        damaged: what is in place of its own certificate and is none; None where nothing is.
        pinned_damaged: whether what is in place of the pinned one is none, which is then gone as well.
        under_way: whether the task of a run before copies or renames folders of keys, so that nothing there will stay.
    """

    own: CertificateState | None
    pinned: str
    pinned_certificate: CertificateState | None
    template: str
    broker: bool
    folder: str
    folder_dacl: Reading
    files: tuple[str, ...]
    copies: tuple[str, ...]
    machine_guid: str
    pending_reboot: bool
    free_bytes: int | None
    just_renewed: bool = False
    damaged: Damaged | None = None
    pinned_damaged: bool = False
    under_way: bool = False
    free_memory: int | None = None

    @property
    def unlisted(self) -> bool:
        """Whether the folder tells nothing of its files, as may be where this account has no right to list them."""
        return not self.files and self.folder_dacl.state == "unreadable"

    @property
    def active(self) -> CertificateState | None:
        """The certificate that connections get: the pinned one, else the listener's own.

        Where the pinned one is gone it is UNSURE whether they get none or the listener's own: of the two, only its own
        can have a key that does not work.
        """
        return self.pinned_certificate or self.own

    @property
    def guid_changed(self) -> bool:
        """Whether the key of the listener's own certificate, which is in use, has the name of another machine."""
        return not self.pinned and self.own is not None and not self.own.has_key and bool(self.stranded)

    @property
    def key_gone(self) -> bool:
        """Whether the certificate in use has no key, under whatever name."""
        return self.active is not None and not self.active.has_key and not self.guid_changed

    @property
    def readable(self) -> bool | None:
        """Whether TermService may read the key of the certificate in use; None where only SYSTEM may tell."""
        return self.active.readable if self.active else False

    @property
    def folder_denied(self) -> bool:
        """Whether SYSTEM may not add a file to MachineKeys."""
        return _allows(self.folder_dacl, sddl.AS_SYSTEM, sddl.ADD_FILE) is False

    def needs_making(self, now: datetime) -> bool:
        """Whether Windows would make a certificate if it could: there is none, it is over, or its key is gone."""
        own = self.own
        if self.pinned or own is None:
            return not self.pinned
        return own.lacks(now)

    @property
    def own_key_file(self) -> str:
        """Path of the listener's own key file for this machine."""
        return rf"{self.folder}\{CONTAINER_FILE}_{self.machine_guid}"

    @property
    def own_key_there(self) -> bool:
        """Whether that file is there, as far as the folder tells."""
        return self.unlisted or self.own_key_file.rpartition("\\")[2].lower() in self.files

    @property
    def stranded(self) -> tuple[str, ...]:
        """Key files of the listener that another MachineGuid left behind: clone tools change it."""
        mine = f"{CONTAINER_FILE}_{self.machine_guid}".lower()
        return tuple(name for name in self.files if name.startswith(CONTAINER_FILE) and not name.startswith(mine))


@dataclass(frozen=True)
class KeyOwners:
    """Who else keeps keys on the host.

    Attributes:
        owners: who uses a key file, in words, by its name in lower case.
        channel: names of the key files of WinRM's HTTPS listeners.
    """

    owners: Mapping[str, str]
    channel: tuple[str, ...] = ()


def denied(stores: Mapping[str, Reading] | None) -> tuple[str, ...]:
    """Registry keys of the certificate's store in which SYSTEM may not make another; none where they were not read."""
    full = sddl.KEY_ALL
    return tuple(path for path, dacl in (stores or {}).items() if _allows(dacl, sddl.AS_SYSTEM, full) is False)


def _allows(descriptor: Reading, token: frozenset[str], mask: int) -> bool | None:
    return sddl.parse(descriptor.data).allows(token, mask) if isinstance(descriptor.data, str) else None
