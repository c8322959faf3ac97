# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Report: entries, merging, totals and the console's words."""

from __future__ import annotations

import itertools
import json
import typing as t
from pathlib import Path

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.change import KeyKind
from ansible_collections.winfleet.rdp.plugins.plugin_utils._report import (
    FIELDS,
    SHOWN,
    NotAResult,
    deed,
    entry,
    left,
    made,
    merge,
    net,
    proof,
    table,
    totals,
    what_was_done,
    what_was_wrong,
)
from hypothesis import given, settings
from hypothesis import strategies as st

AT = "2026-11-22T10:00:00+00:00"
LATER = "2026-11-22T10:00:00.001+00:00"
"""Milliseconds are written, and were not always; such texts still sort by time."""

PASSED = {"passed": True, "stage": "complete", "tls": {"verdict": "ok", "version": "TLSv1.3"}}
REFUSED = {"passed": False, "stage": "tcp", "tcp": {"verdict": "refused"}, "summary": "h port 3389 refuses."}
DENY = r"HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\fDenyTSConnections"

KEYS = r"C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys"
KEY_FILE = rf"{KEYS}\f686aace6942fb7f7ceb231212eef4a4_5bb5e6f6"
STORE = r"HKLM\SOFTWARE\Microsoft\SystemCertificates\Remote Desktop\Certificates"


def finding(cause="rdp_denied", relation="direct", by_hand="", hides=False):
    return {"id": cause, "title": f"title of {cause}", "relation": relation, "by_hand": by_hand, "hides": hides}


def dword(number):
    return {"type": "REG_DWORD", "data": number}


def change(kind="registry", item=DENY, before=None, after=None):
    return {"kind": kind, "item": item, "before": before or dword(1), "after": after or dword(0)}


def diagnosis(**fields):
    return {"verdict": "repairable", "findings": [finding()], "probe": REFUSED, "plan": [change()], **fields}


def remediation(**fields):
    return {
        "verdict": "repaired",
        "before": {"findings": [finding()], "probe": REFUSED},
        "after": {"findings": [], "probe": PASSED},
        "changes": [change()],
        "run_id": "20261122T100000Z-00000001",
        **fields,
    }


def new(result, host="host001", check=False, at=AT):
    return entry(host, result, at, check)


class TestEntry:
    def test_a_diagnosis_fills_before_alone(self):
        host = new(diagnosis())
        assert (host["verdict"], host["after"]) == ("repairable", None)
        assert host["before"] == {"findings": [finding()], "probe": REFUSED}
        assert (host["changes"], host["plan"]) == ([], [change()])

    def test_a_remediation_fills_both(self):
        host = new(remediation())
        assert host["before"]["findings"] == [finding()]
        assert host["after"] == {"findings": [], "probe": PASSED}
        assert host["run_id"] == "20261122T100000Z-00000001"

    def test_an_unreachable_host_is_there_with_the_reason(self):
        host = new({"unreachable": True, "changed": False, "msg": "ntlm: the credentials were rejected"})
        assert (host["verdict"], host["reason"]) == ("unreachable", "ntlm: the credentials were rejected")
        assert host["before"] == {"findings": [], "probe": None}

    def test_a_failed_task_is_unresolved_whatever_verdict_it_carries(self):
        host = new({"failed": True, "msg": "access denied", "verdict": "healthy"})
        assert (host["verdict"], host["reason"]) == ("unresolved", "access denied")

    @pytest.mark.parametrize(
        "result", [{"ping": "pong"}, {"verdict": "excellent"}, {"undone": []}, "{{ result }}", ["x"]]
    )
    def test_another_modules_result_is_refused_by_host(self, result):
        with pytest.raises(NotAResult, match="host001"):
            new(result)


def test_the_guide_shows_every_field():
    guide = Path(__file__).parents[4] / "docs" / "docsite" / "rst" / "guide_reading_results.rst"
    block = guide.read_text(encoding="utf-8").partition(".. code-block:: json\n")[2].partition("\n``before``")[0]
    shown = json.loads(block)
    assert set(shown["hosts"][0]) == FIELDS
    assert set(shown["totals"]) == set(totals([]))


class TestMerge:
    def test_hosts_of_earlier_batches_stay_and_the_newest_wins(self):
        first = merge(None, [new(diagnosis(), "b"), new(diagnosis(), "a")])
        second = merge(first, [new(remediation(), "b", at=LATER), new(remediation(), "c")])
        assert [(host["host"], host["verdict"]) for host in second["hosts"]] == [
            ("a", "repairable"),
            ("b", "repaired"),
            ("c", "repaired"),
        ]
        assert second["schema"] == 1
        assert second["totals"]["hosts"] == 3

    def test_merging_does_not_alter_the_old_report(self):
        first = merge(None, [new(diagnosis())])
        merge(first, [new(remediation(), at=LATER)])
        assert first["hosts"][0]["verdict"] == "repairable"

    def test_what_came_later_stands_however_late_it_is_merged(self):
        new_report = merge(None, [new(diagnosis(verdict="healthy"), at=LATER)])
        assert merge(new_report, [new(diagnosis())])["hosts"][0]["verdict"] == "healthy"

    def test_a_diagnosis_after_a_repair_keeps_what_was_changed(self):
        report = merge(None, [new(remediation()), new(diagnosis(verdict="healthy"), at=LATER)])
        host = report["hosts"][0]
        assert (host["verdict"], host["changes"]) == ("healthy", [])
        assert host["repair"] == {"at": AT, "run_id": "20261122T100000Z-00000001", "changes": [change()]}
        assert report["totals"]["changes"] == 1

    def test_a_plan_is_no_repair(self):
        report = merge(None, [new(remediation(), check=True), new(diagnosis(), at=LATER)])
        assert report["hosts"][0]["repair"] is None

    def test_a_repair_is_told_once(self):
        report = merge(
            None, [new(remediation()), new(remediation(changes=[]), at=LATER), new(remediation(), at="2027")]
        )
        assert (report["hosts"][0]["at"], report["hosts"][0]["repair"]) == ("2027", None)
        assert made(report["hosts"][0])["at"] == "2027"


# Few moments and few contents, so that entries meet in every way: at one moment, with and without changes.
ENTRIES = st.builds(
    lambda host, at, check, result: new(result, host, check, at),
    st.sampled_from(["a", "b"]),
    st.sampled_from([AT, LATER]),
    st.booleans(),
    st.sampled_from(
        [
            diagnosis(),
            diagnosis(verdict="healthy"),
            remediation(),
            remediation(changes=[change(), change(item="other")]),
            remediation(run_id="another"),
            # The whole entry sorts before the one above, its repair after.
            remediation(after={"findings": [], "probe": REFUSED}, changes=[change(item="other")]),
            remediation(changes=[]),
        ]
    ),
)
REPORTS = st.lists(ENTRIES, max_size=5).map(lambda entries: merge(None, entries))


class TestMergingInAnyOrder:
    def together(self, report, added):
        return merge(report, added["hosts"])

    @given(REPORTS, REPORTS)
    def test_it_commutes(self, one, other):
        assert self.together(one, other) == self.together(other, one)

    @given(REPORTS, REPORTS, REPORTS)
    def test_it_associates(self, one, two, three):
        left_first = self.together(self.together(one, two), three)
        assert left_first == self.together(one, self.together(two, three))

    @given(REPORTS, REPORTS)
    def test_a_report_that_is_in_already_adds_nothing(self, one, other):
        both = self.together(one, other)
        assert self.together(both, one) == both
        assert self.together(one, one) == one

    @settings(max_examples=30)
    @given(st.lists(ENTRIES, max_size=4))
    def test_the_order_of_entries_does_not_matter(self, entries):
        reports = [merge(None, order) for order in itertools.permutations(entries)]
        assert all(report == reports[0] for report in reports)


class TestTotals:
    def test_hosts_that_share_a_machine_sid_are_named_together(self):
        one, two = "S-1-5-21-1-2-3", "S-1-5-21-9-9-9"
        machines = {"c": f"g3|{one}", "a": f"g1|{one}", "b": f"g2|{two}", "d": "g4|-", "e": "g5|-", "f": None}
        hosts = [new(diagnosis(machine=machine), host) for host, machine in machines.items()]
        assert totals(hosts)["clones"] == [["a", "c"]]

    def test_verdicts_causes_and_changes_are_counted(self):
        hosts = [
            new(remediation(), "a"),
            new(remediation(needs={"restart": True, "reboot": False, "why": []}), "b"),
            new(diagnosis(findings=[finding("drain_mode"), finding("rdp_denied", "unrelated")]), "c"),
        ]
        assert totals(hosts) == {
            "hosts": 3,
            "clones": [],
            "verdicts": {"repairable": 1, "repaired": 2},
            "causes": {"rdp_denied": 2, "drain_mode": 1},
            "changes": 2,
            "needs": {"restart": 1, "reboot": 0},
        }

    def test_planned_changes_do_not_count(self):
        assert totals([new(remediation(), check=True)])["changes"] == 0


class TestWords:
    @pytest.mark.parametrize(
        ("changed", "words"),
        [
            (change(), "fDenyTSConnections 1 -> 0"),
            ({**change(), "before": None}, "fDenyTSConnections absent -> 0"),
            (
                change("service_start_mode", "TermService", "Disabled", "Manual"),
                "TermService start mode Disabled -> Manual",
            ),
            (change("service_state", "TermService", "Stopped", "Running"), "TermService Stopped -> Running"),
            (change("restart", "TermService", "Running", "Running"), "TermService restarted"),
            (
                change(
                    "firewall_rule",
                    "RD-TCP",
                    {"enabled": False},
                    {"enabled": True, "profiles": 3, "local_ports": ["1"]},
                ),
                "RD-TCP enabled, profiles domain/private, local ports 1",
            ),
            (change("firewall_rule", "RD-TCP", {"profiles": 1}, {"profiles": 0}), "RD-TCP profiles any"),
            (
                change("file_access", KEY_FILE, {"S-1-5-20": ""}, {"S-1-5-20": "(A;;0x120089;;;S-1-5-20)"}),
                "key file f686…: NETWORK SERVICE may read",
            ),
            (change("folder_dacl", KEYS, "D:P", "D:PAI"), "permissions of MachineKeys put right"),
            (change("key_dacl", STORE, "D:P", "D:PAI"), "permissions of the certificate store put right"),
            ({**change("certificate", rf"{STORE}\{'AB' * 20}", "present"), "after": None}, "certificate ABAB… removed"),
            ({**change("key_file", KEY_FILE, "present"), "after": None}, "key file f686… moved aside"),
            (change("renewal", "SessionEnv", "AB", "(generated by Windows)"), "certificate renewed"),
            (change("key_copy", rf"{KEYS}_old", "", KEYS), "key folder copied to MachineKeys_old"),
            ({**change("key_copy", rf"{KEYS}_old", KEYS), "after": None}, "keys put back from MachineKeys_old"),
            (change("key_folder", KEYS, "", rf"{KEYS}_old"), "MachineKeys renamed to MachineKeys_old"),
        ],
    )
    def test_a_change_in_a_few_words(self, changed, words):
        assert deed(changed) == words

    def test_every_kind_of_key_repair_has_words_of_its_own(self):
        kinds = t.get_args(KeyKind)
        words = [deed(change(kind, "item", {"a": "b"}, {"a": "b"})) for kind in kinds]
        assert not any("->" in text for text in words)
        assert len(set(words)) == len(kinds) > 0

    def test_changes_of_one_item_read_as_one(self):
        steps = [
            change(before=dword(0), after=dword(1)),
            change("restart", "TermService"),
            change(before=dword(1), after=dword(2)),
        ]
        assert [deed(step) for step in net(steps)] == ["fDenyTSConnections 0 -> 2", "TermService restarted"]

    def test_changes_of_one_rule_come_together(self):
        steps = [
            change("firewall_rule", "RD", {"enabled": False}, {"enabled": True}),
            change("firewall_rule", "RD", {"local_ports": ["1"]}, {"local_ports": ["2"]}),
        ]
        assert [deed(step) for step in net(steps)] == ["RD enabled, local ports 2"]

    def test_what_was_wrong_names_direct_causes_alone(self):
        host = new(diagnosis(findings=[finding("drain_mode"), finding("rdp_denied", "unrelated")]))
        assert what_was_wrong(host) == "title of drain_mode"

    def test_what_was_wrong_falls_back_to_the_probe(self):
        assert what_was_wrong(new(diagnosis(findings=[], verdict="unresolved"))) == "h port 3389 refuses."

    def test_planned_and_made_changes_are_named(self):
        assert what_was_done(new(remediation())) == "fDenyTSConnections 1 -> 0"
        assert what_was_done(new(diagnosis())) == "fDenyTSConnections 1 -> 0"

    def test_a_plan_behind_which_more_may_show_says_so(self):
        hiding = [finding(hides=True)]
        more = "fDenyTSConnections 1 -> 0; then what shows behind that"
        assert what_was_done(new(diagnosis(findings=hiding))) == more
        assert what_was_done(new(diagnosis(findings=hiding, plan=[]))) == "-"
        done = remediation(before={"findings": hiding, "probe": REFUSED})
        assert what_was_done(new(done, check=True)) == more
        assert what_was_done(new(done)) == "fDenyTSConnections 1 -> 0"

    def test_what_showed_on_the_way_was_wrong_too(self):
        shown = new(remediation(revealed=[finding("key_unreadable")]))
        assert what_was_wrong(shown) == "title of rdp_denied; title of key_unreadable"
        assert totals([shown])["causes"] == {"key_unreadable": 1, "rdp_denied": 1}

    def test_a_reason_does_not_repeat_the_host(self):
        assert what_was_wrong(new({"unreachable": True, "msg": "host001: timed out"})) == "timed out"

    def test_the_reason_of_a_failed_task_stands_beside_what_it_found(self):
        failed = {"failed": True, "msg": "host001: access denied"}
        assert (what_was_wrong(new(failed)), proof(new(failed))) == ("access denied", "-")
        found = new({**remediation(), **failed})
        assert what_was_wrong(found) == "title of rdp_denied; access denied"
        assert proof(found) == "passes (TLSv1.3), no cause left"

    def test_what_policy_holds_names_policy_and_owner(self):
        held = {"state": "policy_held", "policy": r"Computer\RDS\Require TLS", "path": r"HKLM\x", "owner": "Baseline"}
        assert what_was_done(new(diagnosis(plan=[], policy_held=[held]))) == "held by policy: Require TLS (Baseline)"

    def test_a_policy_value_that_nobody_owns_says_so(self):
        held = {"state": "policy_orphaned", "policy": "", "path": r"HKLM\SOFTWARE\P\SecurityLayer", "owner": ""}
        option = "the option remove_orphaned_policy takes it away"
        wanted = f"held by policy: SecurityLayer (nobody owns it: {option})"
        assert what_was_done(new(diagnosis(plan=[], policy_held=[held]))) == wanted

    def test_what_is_left_to_a_person_is_told(self):
        assert what_was_done(new(diagnosis(plan=[], findings=[finding(by_hand="Move it.")]))) == "by hand: Move it."
        needs = {"restart": True, "reboot": False, "why": ["sessions"]}
        assert what_was_done(new(remediation(needs=needs))) == "fDenyTSConnections 1 -> 0; needs a restart"

    def test_a_refusal_is_told_where_nothing_was_done(self):
        refused = [{"message": "the rule is missing", "option": ""}]
        assert what_was_done(new(remediation(changes=[], refused=refused))) == "the rule is missing"

    def test_proof_is_the_last_handshake(self):
        assert proof(new(remediation())) == "passes (TLSv1.3), no cause left"
        assert proof(new(remediation(), check=True)) == "passes (TLSv1.3)"
        assert proof(new(diagnosis())) == "stops at tcp: refused"
        assert proof(new(diagnosis(probe=None))) == "no probe, host evidence alone"
        ungranted = {"passed": False, "stage": "x224", "x224": {"verdict": "negotiates"}}
        assert proof(new(diagnosis(probe=ungranted))) == "stops at x224: nothing granted"
        left = {"findings": [finding("port_taken")], "probe": REFUSED}
        assert proof(new(remediation(after=left))) == "stops at tcp: refused; left: port_taken"

    def test_what_is_left_is_how_the_host_stood_last(self):
        after = {"findings": [finding("port_taken"), finding("drain_mode", "contributing")], "probe": REFUSED}
        assert [cause["id"] for cause in left(new(remediation(after=after)))] == ["port_taken"]
        assert [cause["id"] for cause in left(new(remediation(after=after), check=True))] == ["rdp_denied"]
        assert [cause["id"] for cause in left(new(diagnosis()))] == ["rdp_denied"]


class TestTable:
    def lines(self, entries, width=120):
        return [line.text for line in table(entries, width)]

    def test_each_host_has_a_row_in_the_order_of_names(self):
        text = self.lines([new(remediation(), "host010"), new(remediation(), "host002")])
        assert [line.split()[0] for line in text[2:4]] == ["host002", "host010"]
        assert text[-1] == "2 hosts: 2 repaired"

    def test_clones_are_told_before_the_fleet(self):
        cloned = [{**new(remediation()), "host": name, "machine": "guid|S-1-5-21-1"} for name in ("b", "a")]
        assert self.lines(cloned)[-2:] == ["one machine SID: a, b", "2 hosts: 2 repaired"]

    def test_the_header_tells_what_was_done_from_what_would_be(self):
        assert "WHAT WAS DONE" in self.lines([new(remediation())])[0]
        assert "WHAT WOULD BE DONE" in self.lines([new(diagnosis())])[0]
        assert "WHAT WOULD BE DONE" in self.lines([new(remediation(), check=True)])[0]

    @pytest.mark.parametrize("check", [False, True])
    def test_where_no_host_has_a_result_the_header_promises_nothing(self, check):
        lost = [new({"unreachable": True, "msg": "timed out"}, check=check), new({"failed": True, "msg": "x"}, "b")]
        assert "WHY THERE IS NO RESULT  WHAT WAS DONE" in self.lines(lost)[0]
        assert "WHAT WOULD BE DONE" in self.lines([*lost, new(diagnosis(), "c")])[0]

    def test_one_host_is_one_host(self):
        assert self.lines([new(remediation())])[-1] == "1 host: 1 repaired"

    def test_rows_bear_the_verdict_for_colour(self):
        lines = table([new(remediation())], 200)
        assert [line.verdict for line in lines] == ["", "", "repaired", "", ""]

    @pytest.mark.parametrize("width", [60, 79, 120, 200])
    def test_no_line_is_wider_than_the_terminal(self, width):
        findings = [finding("x" * 90), finding("many short words " * 12)]
        assert max(map(len, self.lines([new(diagnosis(findings=findings))], width))) <= width

    def test_a_large_fleet_shows_what_needs_attention_the_worst_first(self):
        healthy = [new(diagnosis(verdict="healthy", findings=[]), f"ok{number:03}") for number in range(SHOWN)]
        lost = new({"unreachable": True, "msg": "timed out"}, "zlost")
        text = self.lines([*healthy, new(diagnosis(), "broken"), lost])
        assert [line.split()[0] for line in text[2:4]] == ["zlost", "broken"]
        assert "ok000" not in "\n".join(text)
        assert text[-1] == "42 hosts: 40 healthy, 1 repairable, 1 unreachable (2 shown, the rest is in the report)"

    def test_what_hosts_say_cannot_drive_the_terminal(self):
        text = "\n".join(self.lines([new({"unreachable": True, "msg": "bad\x1b[2J\u202egnp\r\nword\x9b"})]))
        assert not set(text) & set("\x1b\u202e\r\x9b")
        assert r"\u001b[2J" in text
