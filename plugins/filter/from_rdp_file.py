# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter from_rdp_file; documented in from_rdp_file.yml."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError
from ansible_collections.winfleet.rdp.plugins.plugin_utils._rdp_file import NotAnRdpFile, read


def from_rdp_file(text: object) -> dict[str, int | str]:
    """Read the properties of a file."""
    if not isinstance(text, str):
        raise AnsibleFilterError("from_rdp_file: the input has to be the text of a file")
    try:
        return read(text)
    except NotAnRdpFile as error:
        raise AnsibleFilterError(f"from_rdp_file: {error}") from error


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"from_rdp_file": from_rdp_file}
