# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Switches of the wire: facts that no recording settles, each with the values that tests run under.

The first choice is the default. A host's `switches` mapping may set any of them by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Switch:
    """One unproven fact: what it is about and its choices, the default first."""

    meaning: str
    choices: tuple[object, ...]

    @property
    def default(self) -> object:
        """The first choice."""
        return self.choices[0]


WIRE_SWITCHES: Mapping[str, Switch] = {
    "enum_shape": Switch(
        "first answer to an optimized Enumerate: as Windows was recorded (one item complete, more by Pull), "
        "all that fits, always one item and a context, never an item",
        ("auto", "complete", "first_item", "context_only"),
    ),
    "batch_bytes": Switch("size of a Pull batch in bytes, whatever the client would take", (76800, 4096)),
    "empty_array": Switch(
        "an empty or null array: left out, or one nil element (MS-WSMV 3.1.4.1.26)", ("absent", "nil")
    ),
    "put_partial": Switch("Put with some properties only", ("schema", "accepted", "refused")),
    "fault_shape": Switch(
        "faults of providers: by the kind of the provider, always __ExtendedStatus, always MSFT_WmiError",
        ("by_provider", "extended_status", "wmi_error"),
    ),
    "missing_class": Switch(
        "a class that does not exist, asked by a /wmi/ URI: 0x80338000 (MS-WSMV 4.10) or 0x80041010",
        ("not_found", "invalid_class"),
    ),
    "access_denied": Switch(
        "refusal of a caller without rights: Win32 code 5 from the service, the WMI service's refusal, or "
        "MSFT_WmiError",
        ("service", "wmi_service", "wmi_error"),
    ),
    "remote_management_users": Switch("members of Remote Management Users reach WMI", ("denied", "allowed")),
    "skip_cmd_shell": Switch(
        "WINRS_SKIP_CMD_SHELL: ignored (Windows 8.1, Server 2012 R2 and later), or a missing program is a fault",
        ("ignored", "honoured"),
    ),
    "boolean_case": Switch("TRUE and FALSE in requests: refused, or accepted", ("strict", "any")),
    "embedded_type": Switch(
        "an embedded instance without xsi:type: refused, or of the declared class", ("required", "optional")
    ),
    "identify_version": Switch(
        "product version in an unauthenticated Identify: 0.0.0, or as it is", ("hidden", "shown")
    ),
}


def switch(switches: Mapping[str, object], name: str) -> object:
    """The value of a switch. Raises ValueError for a value that is no choice (any integer goes for `batch_bytes`)."""
    spec = WIRE_SWITCHES[name]
    value = switches.get(name, spec.default)
    if value in spec.choices or (name == "batch_bytes" and isinstance(value, int)):
        return value
    raise ValueError(f"switch {name}: {value!r} is none of {spec.choices}")
