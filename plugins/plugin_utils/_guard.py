# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

r"""Who may reach what the collection keeps on a host. PRIVATE to the collection.

Journal and leases lie below ROOT, readable and writable by Administrators and SYSTEM alone. New keys under
HKLM\SOFTWARE are readable by every user, so the descriptor is set before any content. What somebody else could have
written is neither played back nor written on.
"""

from __future__ import annotations

from ._cim.registry import KEY_MISSING, Registry, RegistryError
from ._model import sddl
from ._wsman.errors import WsmanError

ROOT = r"HKLM\SOFTWARE\winfleet.rdp"

TRUSTED = frozenset({sddl.SYSTEM, sddl.ADMINISTRATORS, sddl.CREATOR_OWNER})
"""CREATOR OWNER is nobody: it becomes who creates a subkey, which takes the right to create one."""

WRITE = 0x2 | 0x4 | 0x20 | 0x10000 | 0x40000 | 0x80000
"""KEY_SET_VALUE, KEY_CREATE_SUB_KEY, KEY_CREATE_LINK, DELETE, WRITE_DAC, WRITE_OWNER (Microsoft Learn, "Registry Key
Security and Access Rights")."""


class Exposed(WsmanError):
    """Others than Administrators and SYSTEM may write where the collection keeps what it relies on."""

    default_hint = (
        "Find out who let them in; then take their permission away, or delete the key where its content is in doubt."
    )

    def __init__(self, key: str, who: tuple[str, ...]) -> None:
        super().__init__(
            f"Others than Administrators and SYSTEM may write to {key} ({', '.join(who)}), so what this collection "
            "keeps there is not relied on, and nothing is changed"
        )


def ensure_private(registry: Registry) -> None:
    """Make the root, or close it to those who could only read it.

    Raises:
        Exposed: others could write to it.
    """
    found = _descriptor(registry, ROOT)
    if found is None:
        registry.create_key(ROOT)
    else:
        _refuse_writers(ROOT, found)
    if found is None or found.owner not in TRUSTED or found.granted_beyond(TRUSTED, sddl.KEY_ALL):
        registry.protect(ROOT)


def require_private(registry: Registry, key: str) -> None:
    """Make sure that nobody else may write to a key that is read back.

    Below the root the owner does not count: it may be the administrator who made the key, and who else could make one
    there is seen in the permissions of the keys above.

    Raises:
        Exposed: others may.
    """
    found = _descriptor(registry, key)
    if found is not None:
        _refuse_writers(key, found)


def _refuse_writers(key: str, found: sddl.Descriptor) -> None:
    who = found.granted_beyond(TRUSTED, WRITE)
    if who:
        raise Exposed(key, who)


def _descriptor(registry: Registry, key: str) -> sddl.Descriptor | None:
    """The descriptor of a key, None where there is no such key. What is no plain SDDL lets everybody in."""
    try:
        return sddl.parse(registry.security(key))
    except sddl.InvalidSddl:
        return sddl.Descriptor()
    except RegistryError as error:
        if error.code == KEY_MISSING:
            return None
        raise
