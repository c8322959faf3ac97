# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report's page as text: its policy, its data, and what the script gets. tests/integration/report opens it."""

from __future__ import annotations

import base64
import hashlib
import html.parser
import json
import re

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils import _report, _report_page
from ansible_collections.winfleet.rdp.plugins.plugin_utils._report import entry, merge
from ansible_collections.winfleet.rdp.plugins.plugin_utils._report_page import STEPS, page_data, to_html
from hypothesis import given
from hypothesis import strategies as st

from tests.support.reports import ALLOW, DENIED, RESTART, dword, fleet, probe

AT = "2026-11-22T10:00:00.000+00:00"


class Parts(html.parser.HTMLParser):
    """Every element of a page with its attributes, and the text of its scripts and style sheets."""

    def __init__(self, page):
        super().__init__()
        self.elements = []
        self.inside = None
        self.texts = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.inside = (tag, dict(attrs).get("type"))

    def handle_endtag(self, tag):
        self.inside = None

    def handle_data(self, data):
        self.texts.append((self.inside, data))

    def text(self, tag, kind=None):
        return "".join(data for inside, data in self.texts if inside == (tag, kind))


def embedded(report):
    return json.loads(Parts(to_html(report)).text("script", "application/json"))


def shown(result, check=False):
    return page_data(merge(None, [entry("a", result, AT, check)]))["hosts"][0]


def digest(text):
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


class TestPolicy:
    def test_the_browser_runs_our_script_and_style_sheet_alone(self):
        parts = Parts(to_html(fleet(3)))
        policy = next(attributes["content"] for tag, attributes in parts.elements if "http-equiv" in attributes)
        assert policy.startswith("default-src 'none'; ")
        assert f"script-src {digest(parts.text('script'))};" in policy
        assert f"style-src {digest(parts.text('style'))};" in policy
        assert "unsafe" not in policy

    def test_nothing_is_loaded(self):
        elements = Parts(to_html(fleet(69))).elements
        assert [tag for tag, attributes in elements if {"src", "srcset", "action", "data"} & set(attributes)] == []
        assert {attributes["href"] for _tag, attributes in elements if "href" in attributes} == {"#hosts"}
        assert not {tag for tag, _attributes in elements} & {"link", "img", "iframe", "object", "base", "form"}

    def test_no_element_carries_script_or_style(self):
        elements = Parts(to_html(fleet(3))).elements
        names = [name for _tag, attributes in elements for name in attributes]
        assert [name for name in names if name == "style" or name.startswith("on")] == []

    def test_style_sheet_and_script_ask_for_nothing(self):
        for name in ("page.css", "page.js"):
            text = (_report_page.ASSETS / name).read_text(encoding="utf-8")
            assert (
                re.findall(
                    r"@import|url\(|innerHTML|outerHTML|insertAdjacent|eval\(|fetch\(|XMLHttp|document\.write", text
                )
                == []
            )


class TestData:
    @given(st.text())
    def test_whatever_a_host_sends_stays_in_its_element(self, text):
        failed = {"unreachable": True, "msg": f"{text}</script><!--<script>\u2028"}
        parts = Parts(to_html(merge(None, [entry(text, failed, AT, False)])))
        assert [tag for tag, _attributes in parts.elements].count("script") == 2
        data = parts.text("script", "application/json")
        assert not set(data) & set("<>&\u2028\u2029")
        assert json.loads(data)["hosts"][0]["wrong"].endswith("</script><!--<script>")

    def test_what_would_deceive_a_reader_is_shown_as_an_escape(self):
        host = shown({"unreachable": True, "msg": "invoice\u202efdp.exe\x1b[2J"})
        assert host["wrong"] == r"invoice\u202efdp.exe\u001b[2J"

    def test_the_same_report_gives_the_same_bytes(self):
        assert to_html(fleet(69)) == to_html(fleet(69))

    def test_what_findings_share_is_there_once(self):
        data = embedded(fleet(690))
        assert len(data["causes"]) == 5
        assert [cause["number"] for cause in data["causes"]] == list(range(5))
        numbers = {finding["cause"] for host in data["hosts"] for finding in host["findings"]}
        assert numbers == set(range(5))

    def test_findings_of_one_cause_that_say_different_things_are_kept_apart(self):
        other = {**DENIED, "by_hand": "Ask the owner."}
        results = [{"verdict": "unresolved", "findings": [finding], "probe": None} for finding in (DENIED, other)]
        data = page_data(merge(None, [entry(str(n), result, AT, False) for n, result in enumerate(results)]))
        assert [data["causes"][host["findings"][0]["cause"]]["by_hand"] for host in data["hosts"]] == [
            "",
            "Ask the owner.",
        ]


class TestHost:
    @pytest.mark.parametrize(
        ("value", "words"),
        [
            (None, "absent"),
            (dword(0), "REG_DWORD 0"),
            ({"type": "REG_MULTI_SZ", "data": ["a", "b"]}, "REG_MULTI_SZ a, b"),
            ({"enabled": False, "local_ports": ["1", "2"]}, "enabled: false, local ports: 1, 2"),
            ("Disabled", "Disabled"),
            ({"standing": None}, "standing: absent"),
        ],
    )
    def test_before_and_after_are_in_words(self, value, words):
        result = {"verdict": "repairable", "findings": [DENIED], "probe": None, "plan": [{**ALLOW, "before": value}]}
        assert shown(result)["changes"][0]["before"] == words

    def test_steps_of_one_item_read_as_one_change(self):
        second = {**ALLOW, "before": dword(0), "after": dword(3)}
        repaired = {"verdict": "repaired", "before": {}, "after": {}, "changes": [ALLOW, RESTART, second]}
        changes = shown(repaired)["changes"]
        assert [(one["item"].rpartition("\\")[2], one["before"], one["after"]) for one in changes] == [
            ("fDenyTSConnections", "REG_DWORD 1", "REG_DWORD 3"),
            ("TermService", "Running", "Running"),
        ]

    @pytest.mark.parametrize(
        ("result", "check", "planned"),
        [
            ({"verdict": "repaired", "changes": [ALLOW]}, False, False),
            ({"verdict": "repairable", "changes": [ALLOW]}, True, True),
            ({"verdict": "repairable", "plan": [ALLOW]}, False, True),
        ],
    )
    def test_what_was_done_is_told_from_what_would_be(self, result, check, planned):
        assert shown(result, check)["planned"] is planned

    def test_stages_are_those_of_the_last_handshake(self):
        result = {"verdict": "repaired", "before": {"probe": probe("tcp", "timeout")}, "after": {"probe": probe()}}
        assert shown({**result, "changes": [ALLOW]})["stages"][1] == ["tcp", "open"]
        assert shown({**result, "changes": [ALLOW]}, check=True)["stages"][1] == ["tcp", "timeout"]


class TestWords:
    def test_every_verdict_is_explained_in_the_order_of_the_report(self):
        assert tuple(_report_page.VERDICTS) == _report.VERDICTS

    def test_every_step_comes_up(self):
        steps = {step for host in embedded(fleet(69))["hosts"] for step in host["steps"]}
        reboot = {"verdict": "needs_reboot", "needs": {"restart": False, "reboot": True, "why": []}}
        assert steps | set(shown(reboot)["steps"]) == set(STEPS)

    @pytest.mark.parametrize("verdict", ["unresolved", "improved", "not_rdp", "blocked_on_path"])
    def test_a_host_that_is_not_well_has_something_next(self, verdict):
        refused = {
            "verdict": verdict,
            "findings": [],
            "probe": None,
            "refused": [{"message": "disk full", "option": ""}],
        }
        assert shown(refused)["steps"] == ["by_hand"]

    @pytest.mark.parametrize("verdict", ["healthy", "repaired", "leased"])
    def test_a_host_that_is_well_has_nothing_next(self, verdict):
        assert shown({"verdict": verdict, "findings": [], "probe": None})["steps"] == []

    def test_clones_are_named(self):
        clone = {"verdict": "healthy", "findings": [], "probe": None, "machine": "guid|S-1-5-21-1"}
        report = merge(None, [entry(name, clone, AT, False) for name in ("b", "a")])
        assert page_data(report)["clones"] == [["a", "b"]]
