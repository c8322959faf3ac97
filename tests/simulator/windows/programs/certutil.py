# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""certutil: -store, -delstore, -repairstore on the machine's stores. Exit codes are HRESULTs, as signed numbers."""

from __future__ import annotations

from tests.simulator.windows import cmd
from tests.simulator.windows.certificates import STORES, StoredCertificate
from tests.simulator.windows.programs.base import Context, options
from tests.simulator.windows.registry import AccessDenied, KeyMissing

NOT_FOUND, BAD_KEYSET, ACCESS_DENIED, INVALID_ARGUMENT = 0x80092004, 0x80090016, 0x80070005, 0x80070057
STORE_NAMES = {"my": "MY", "remote desktop": "Remote Desktop", "root": "ROOT", "ca": "CA"}


def certutil(context: Context, arguments: list[str]) -> cmd.Output:
    """List certificates, delete one, or tie one to its key again."""
    verbs = {"-store": _list, "-delstore": _delete, "-repairstore": _repair}
    words, given = options(arguments)
    verb = next((verbs["-" + name[1:]] for name in given if "-" + name[1:] in verbs), None)
    if verb is None or not words:
        return _failed(context, INVALID_ARGUMENT)
    store = STORE_NAMES.get(words[0].lower(), words[0])
    try:
        return verb(context, store, words[1].replace(" ", "").lower() if len(words) > 1 else "")
    except KeyMissing:
        return _failed(context, NOT_FOUND)
    except AccessDenied:
        return _failed(context, ACCESS_DENIED)


def _failed(context: Context, code: int) -> cmd.Output:
    text = context.say("certutil_failed", f"0x{code:08x}", code - 2**32)
    return cmd.Output(text, code=code - 2**32)


def _certificates(context: Context, store: str, wanted: str) -> list[StoredCertificate]:
    key = f"{STORES}\\{store}\\Certificates"
    names = context.windows.registry.subkeys(key, context.token)
    found = [context.windows.certificates.in_store(store, name) for name in names]
    return [item for item in found if item is not None and wanted in ("", item.thumbprint.lower(), "*")]


def _list(context: Context, store: str, wanted: str) -> cmd.Output:
    certificates = _certificates(context, store, wanted)
    if wanted and not certificates:
        return _failed(context, NOT_FOUND)
    blocks = "".join(_block(context, number, item) for number, item in enumerate(certificates))
    return cmd.Output(f"{store}\r\n{blocks}{context.say('certutil_done', '-store')}")


def _block(context: Context, number: int, item: StoredCertificate) -> str:
    certificate = item.certificate
    file = context.windows.certificates.file_of(item).rpartition("\\")[2]
    words = context.say(
        "certutil_certificate", number, f"{certificate.serial_number:x}", certificate.issuer.rfc4514_string(),
        certificate.not_valid_before_utc, certificate.not_valid_after_utc, certificate.subject.rfc4514_string(),
        item.thumbprint.lower(),
    )  # fmt: skip
    key = context.say("certutil_key", item.container, file, item.provider) if item.container else ""
    return words + key + context.say("certutil_test" if _has_key(context, item) else "certutil_no_key")


def _has_key(context: Context, item: StoredCertificate) -> bool:
    return bool(item.container) and context.windows.files.find(context.windows.certificates.file_of(item)) is not None


def _delete(context: Context, store: str, wanted: str) -> cmd.Output:
    certificates = _certificates(context, store, wanted) if wanted else []
    if not certificates:
        return _failed(context, NOT_FOUND)
    for item in certificates:
        context.windows.registry.delete(f"{STORES}\\{store}\\Certificates\\{item.thumbprint}", context.token)
    return context.done("certutil_done", "-delstore")


def _repair(context: Context, store: str, wanted: str) -> cmd.Output:
    certificates = _certificates(context, store, wanted) if wanted else []
    if not certificates:
        return _failed(context, NOT_FOUND)
    if not all(_has_key(context, item) for item in certificates):
        return _failed(context, BAD_KEYSET)
    return context.done("certutil_done", "-repairstore")
