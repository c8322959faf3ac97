# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter explain_code; documented in explain_code.yml."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError
from ansible_collections.winfleet.rdp.plugins.plugin_utils._diagnosis.explain import NotACode, explain


def explain_code(code: object, extended: object = None, kind: str = "auto") -> dict[str, t.Any]:
    """Explain the code that a Remote Desktop client shows."""
    try:
        return explain(code, extended, kind)
    except NotACode as error:
        raise AnsibleFilterError(f"explain_code: {error}") from error


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"explain_code": explain_code}
