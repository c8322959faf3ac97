# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Report: entries, merging, totals and the console's words."""

from __future__ import annotations

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._report import (
    SHOWN,
    NotAResult,
    deed,
    entry,
    merge,
    net,
    proof,
    table,
    totals,
    what_was_done,
    what_was_wrong,
)

AT = "2026-11-22T10:00:00+00:00"
PASSED = {"passed": True, "stage": "complete", "tls": {"verdict": "ok", "version": "TLSv1.3"}}
REFUSED = {"passed": False, "stage": "tcp", "tcp": {"verdict": "refused"}, "summary": "h port 3389 refuses."}
DENY = r"HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\fDenyTSConnections"


def finding(cause="rdp_denied", relation="direct", by_hand=""):
    return {"id": cause, "title": f"title of {cause}", "relation": relation, "by_hand": by_hand}


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


def made(result, host="host001", check=False):
    return entry(host, result, AT, check)


class TestEntry:
    def test_a_diagnosis_fills_before_alone(self):
        host = made(diagnosis())
        assert (host["verdict"], host["after"]) == ("repairable", None)
        assert host["before"] == {"findings": [finding()], "probe": REFUSED}
        assert (host["changes"], host["plan"]) == ([], [change()])

    def test_a_remediation_fills_both(self):
        host = made(remediation())
        assert host["before"]["findings"] == [finding()]
        assert host["after"] == {"findings": [], "probe": PASSED}
        assert host["run_id"] == "20261122T100000Z-00000001"

    def test_an_unreachable_host_is_there_with_the_reason(self):
        host = made({"unreachable": True, "changed": False, "msg": "ntlm: the credentials were rejected"})
        assert (host["verdict"], host["reason"]) == ("unreachable", "ntlm: the credentials were rejected")
        assert host["before"] == {"findings": [], "probe": None}

    def test_a_failed_task_is_unresolved_whatever_verdict_it_carries(self):
        host = made({"failed": True, "msg": "access denied", "verdict": "healthy"})
        assert (host["verdict"], host["reason"]) == ("unresolved", "access denied")

    @pytest.mark.parametrize(
        "result", [{"ping": "pong"}, {"verdict": "excellent"}, {"undone": []}, "{{ result }}", ["x"]]
    )
    def test_another_modules_result_is_refused_by_host(self, result):
        with pytest.raises(NotAResult, match="host001"):
            made(result)


class TestMerge:
    def test_hosts_of_earlier_batches_stay_and_the_newest_wins(self):
        first = merge(None, [made(diagnosis(), "b"), made(diagnosis(), "a")])
        second = merge(first, [made(remediation(), "b"), made(remediation(), "c")])
        assert [(host["host"], host["verdict"]) for host in second["hosts"]] == [
            ("a", "repairable"),
            ("b", "repaired"),
            ("c", "repaired"),
        ]
        assert second["schema"] == 1
        assert second["totals"]["hosts"] == 3

    def test_merging_does_not_alter_the_old_report(self):
        first = merge(None, [made(diagnosis())])
        merge(first, [made(remediation())])
        assert first["hosts"][0]["verdict"] == "repairable"


class TestTotals:
    def test_verdicts_causes_and_changes_are_counted(self):
        hosts = [
            made(remediation(), "a"),
            made(remediation(needs={"restart": True, "reboot": False, "why": []}), "b"),
            made(diagnosis(findings=[finding("drain_mode"), finding("rdp_denied", "unrelated")]), "c"),
        ]
        assert totals(hosts) == {
            "hosts": 3,
            "verdicts": {"repairable": 1, "repaired": 2},
            "causes": {"rdp_denied": 2, "drain_mode": 1},
            "changes": 2,
            "needs": {"restart": 1, "reboot": 0},
        }

    def test_planned_changes_do_not_count(self):
        assert totals([made(remediation(), check=True)])["changes"] == 0


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
        ],
    )
    def test_a_change_in_a_few_words(self, changed, words):
        assert deed(changed) == words

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
        host = made(diagnosis(findings=[finding("drain_mode"), finding("rdp_denied", "unrelated")]))
        assert what_was_wrong(host) == "title of drain_mode"

    def test_what_was_wrong_falls_back_to_the_probe(self):
        assert what_was_wrong(made(diagnosis(findings=[], verdict="unresolved"))) == "h port 3389 refuses."

    def test_planned_and_made_changes_are_named(self):
        assert what_was_done(made(remediation())) == "fDenyTSConnections 1 -> 0"
        assert what_was_done(made(diagnosis())) == "fDenyTSConnections 1 -> 0"

    def test_a_reason_does_not_repeat_the_host(self):
        assert what_was_wrong(made({"unreachable": True, "msg": "host001: timed out"})) == "timed out"

    def test_what_policy_holds_names_policy_and_owner(self):
        held = {"state": "policy_held", "policy": r"Computer\RDS\Require TLS", "path": r"HKLM\x", "owner": "Baseline"}
        assert what_was_done(made(diagnosis(plan=[], policy_held=[held]))) == "held by policy: Require TLS (Baseline)"

    def test_a_policy_value_that_nobody_owns_says_so(self):
        held = {"state": "policy_orphaned", "policy": "", "path": r"HKLM\SOFTWARE\P\SecurityLayer", "owner": ""}
        wanted = "held by policy: SecurityLayer (nobody owns it)"
        assert what_was_done(made(diagnosis(plan=[], policy_held=[held]))) == wanted

    def test_what_is_left_to_a_person_is_told(self):
        assert what_was_done(made(diagnosis(plan=[], findings=[finding(by_hand="Move it.")]))) == "by hand: Move it."
        needs = {"restart": True, "reboot": False, "why": ["sessions"]}
        assert what_was_done(made(remediation(needs=needs))) == "fDenyTSConnections 1 -> 0; needs a restart"

    def test_a_refusal_is_told_where_nothing_was_done(self):
        refused = [{"message": "the rule is missing", "option": ""}]
        assert what_was_done(made(remediation(changes=[], refused=refused))) == "the rule is missing"

    def test_proof_is_the_last_handshake(self):
        assert proof(made(remediation())) == "passes (TLSv1.3), no cause left"
        assert proof(made(remediation(), check=True)) == "passes (TLSv1.3)"
        assert proof(made(diagnosis())) == "stops at tcp: refused"
        assert proof(made(diagnosis(probe=None))) == "no probe, host evidence alone"
        ungranted = {"passed": False, "stage": "x224", "x224": {"verdict": "negotiates"}}
        assert proof(made(diagnosis(probe=ungranted))) == "stops at x224: nothing granted"
        left = {"findings": [finding("port_taken")], "probe": REFUSED}
        assert proof(made(remediation(after=left))) == "stops at tcp: refused; left: port_taken"


class TestTable:
    def lines(self, entries, width=120):
        return [line.text for line in table(entries, width)]

    def test_each_host_has_a_row_in_the_order_of_names(self):
        text = self.lines([made(remediation(), "host010"), made(remediation(), "host002")])
        assert [line.split()[0] for line in text[2:4]] == ["host002", "host010"]
        assert text[-1] == "2 hosts: 2 repaired"

    def test_the_header_tells_what_was_done_from_what_would_be(self):
        assert "WHAT WAS DONE" in self.lines([made(remediation())])[0]
        assert "WHAT REMEDIATE WOULD DO" in self.lines([made(diagnosis())])[0]
        assert "WHAT REMEDIATE WOULD DO" in self.lines([made(remediation(), check=True)])[0]

    def test_one_host_is_one_host(self):
        assert self.lines([made(remediation())])[-1] == "1 host: 1 repaired"

    def test_rows_bear_the_verdict_for_colour(self):
        lines = table([made(remediation())], 200)
        assert [line.verdict for line in lines] == ["", "", "repaired", "", ""]

    @pytest.mark.parametrize("width", [60, 79, 120, 200])
    def test_no_line_is_wider_than_the_terminal(self, width):
        findings = [finding("x" * 90), finding("many short words " * 12)]
        assert max(map(len, self.lines([made(diagnosis(findings=findings))], width))) <= width

    def test_a_large_fleet_shows_what_needs_attention_the_worst_first(self):
        healthy = [made(diagnosis(verdict="healthy", findings=[]), f"ok{number:03}") for number in range(SHOWN)]
        lost = made({"unreachable": True, "msg": "timed out"}, "zlost")
        text = self.lines([*healthy, made(diagnosis(), "broken"), lost])
        assert [line.split()[0] for line in text[2:4]] == ["zlost", "broken"]
        assert "ok000" not in "\n".join(text)
        assert text[-1] == "42 hosts: 40 healthy, 1 repairable, 1 unreachable (2 shown, the rest is in the report)"

    def test_what_hosts_say_cannot_drive_the_terminal(self):
        text = "\n".join(self.lines([made({"unreachable": True, "msg": "bad\x1b[2J\u202egnp\r\nword\x9b"})]))
        assert not set(text) & set("\x1b\u202e\r\x9b")
        assert r"\u001b[2J" in text
