# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter in a template, and its documentation."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.winfleet.rdp.plugins.filter.explain_code import FilterModule
from ansible_collections.winfleet.rdp.plugins.plugin_utils._diagnosis.codes import CODES

explain_code = FilterModule().filters()["explain_code"]
DOC = yaml.safe_load((Path(__file__).parents[4] / "plugins/filter/explain_code.yml").read_text(encoding="utf-8"))


def test_it_returns_what_the_documentation_says():
    found = explain_code("0x904", "0x7")
    assert set(found) == set(DOC["RETURN"]["_value"]["contains"])


def test_kinds_are_documented():
    assert DOC["DOCUMENTATION"]["options"]["kind"]["choices"] == ["auto", *CODES]


def test_what_is_no_code_is_an_error_of_the_filter():
    with pytest.raises(AnsibleFilterError, match="explain_code"):
        explain_code("none")
