# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter to_rdp_file; documented in to_rdp_file.yml."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError
from ansible_collections.winfleet.rdp.plugins.plugin_utils._rdp_file import NotAnRdpFile, properties, typed, write


def to_rdp_file(
    host: object,
    port: int | None = None,
    gateway: str | None = None,
    authentication: str = "warn",
    udp: bool = True,
    extra: t.Mapping[str, int | str] | None = None,
) -> str:
    """Make a file that connects to a host."""
    if not isinstance(host, str):
        raise AnsibleFilterError("to_rdp_file: the input has to be a name or an address")
    if not isinstance(udp, bool):
        raise AnsibleFilterError(f"to_rdp_file: udp is {udp!r}: use true or false")
    if port is not None and not str(port).isdecimal():
        raise AnsibleFilterError(f"to_rdp_file: port is {port!r}: use a number from 1 to 65535")
    try:
        made = properties(host, None if port is None else int(port), gateway, authentication, udp)
        return write({**made, **typed(extra or {})})
    except (NotAnRdpFile, AttributeError, TypeError, ValueError) as error:
        raise AnsibleFilterError(f"to_rdp_file: {error}") from error


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"to_rdp_file": to_rdp_file}
