# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a probe proves of a change, and what it leaves open."""

from __future__ import annotations

import base64
import typing as t
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.probe import ProbeOptions
from ansible_collections.winfleet.rdp.plugins.plugin_utils._course import Limits
from ansible_collections.winfleet.rdp.plugins.plugin_utils._examine import examine
from ansible_collections.winfleet.rdp.plugins.plugin_utils._fix import fix
from ansible_collections.winfleet.rdp.plugins.plugin_utils._loop import remediate
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.change import Change
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.plain import Plain
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.settings import PIN, SETTINGS
from ansible_collections.winfleet.rdp.plugins.plugin_utils._proof import (
    ACTED,
    Prober,
    flaw,
    lacking,
    live,
    settled,
    tls_works,
    way_back,
)
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies import REMEDIES, defaults

from tests.simulator.host import SimulatedHost
from tests.simulator.probe_view import probe_view
from tests.support.in_process import job, probe_result, prober


def change(setting: str, number: int) -> Change:
    entry = SETTINGS[setting]
    value = {"type": "REG_DWORD", "data": number}
    return Change("test", "registry", entry.path, None, value, "a test", restart=entry.restart)  # type: ignore[arg-type]  # plain


def seen(*breakages: str, **switches: t.Any) -> dict[str, t.Any]:
    return probe_result(probe_view(SimulatedHost.build("2022", breakages=breakages, switches=switches).windows))


def nameless() -> dict[str, t.Any]:
    """A probe that found no address for the name."""
    skipped = {stage: {"verdict": "skipped"} for stage in ("tcp", "x224", "tls", "ntlm")}
    return {**seen(), **skipped, "stage": "name", "passed": False}


@pytest.mark.parametrize(
    ("probe", "expected"),
    [
        (seen(), True),
        (seen("rdp_denied"), None),
        (seen("firewall_rule_disabled"), None),
        (seen("security_layer_invalid"), False),
        (None, None),
    ],
    ids=["passes", "refused", "timed out", "dropped", "no probe"],
)
def test_whether_a_cleared_deny_flag_shows(probe: dict[str, t.Any] | None, expected: bool | None) -> None:
    assert live([change("deny_connections", 0)], probe) is expected


def test_the_matrix_contradicts_a_layer_that_is_not_live() -> None:
    assert live([change("security_layer", 0)], seen()) is not True
    assert live([change("security_layer", 2)], seen("security_layer_rdp")) is False


def test_what_takes_effect_at_once_needs_no_proof() -> None:
    assert live([change("drain_mode", 0)], None) is True


def answering(verdict: str, *, bare: bool = False, tls: str = "ok") -> dict[str, t.Any]:
    """A host that selects CredSSP, or where bare, TLS alone for those who ask for it."""
    asked = {"3": {"outcome": "selected", "protocol": 2}}
    alone = {"1": {"outcome": "selected", "protocol": 1}} if bare else {}
    ntlm = {} if verdict == "absent" else {"ntlm": {"verdict": verdict}}
    return {"x224": {"verdict": "negotiates", "asked": {**asked, **alone}}, "tls": {"verdict": tls}, **ntlm}


@pytest.mark.parametrize(
    ("probes", "stage", "vouched", "why"),
    [
        ([], "tls", True, "nothing proves"),
        ([answering("challenge", tls="reset")], "tls", True, "no TLS handshake"),
        ([answering("challenge")], "ntlm", False, ""),
        ([answering("skipped")], "ntlm", True, "did not try CredSSP"),
        ([answering("absent")], "ntlm", True, "did not try CredSSP"),
        ([answering("skipped")], "tls", False, ""),
        ([answering("closed")], "ntlm", False, "answers no NTLM"),
        ([answering("closed")], "tls", False, "answers no NTLM"),
        ([answering("closed")], "ntlm", True, ""),
        ([answering("refused")], "ntlm", False, "answers no NTLM"),
        ([answering("closed", bare=True)], "tls", False, ""),
        ([answering("closed", bare=True)], "ntlm", False, "answers no NTLM"),
        ([answering("timeout")], "ntlm", True, "not answered in time"),
        ([answering("not_ntlm")], "ntlm", True, "something else"),
        ([answering("not_offered")], "ntlm", True, "does not offer"),
        ([answering("closed"), answering("challenge")], "ntlm", False, ""),
        ([answering("challenge", tls="reset"), answering("closed")], "ntlm", False, "answers no NTLM"),
    ],
)
def test_what_keeps_a_stage_from_being_proved(
    probes: list[dict[str, t.Any]], stage: str, vouched: bool, why: str
) -> None:
    lack = lacking(probes, stage, lambda: vouched)
    assert (lack.why if lack else "") == why or (why and lack and why in lack.why)


def test_a_host_is_asked_where_it_belongs_only_where_that_decides() -> None:
    def asked() -> bool:
        raise AssertionError("the host was asked")

    for probe in (answering("challenge"), answering("closed", bare=True), answering("timeout")):
        lacking([probe], "tls", asked)


def test_a_started_service_is_waited_for() -> None:
    started = Change("test", "service_state", "TermService", "Stopped", "Running", "a test")
    assert settled([started], seen()) is True
    assert settled([started], seen("rdp_denied")) is False
    assert settled([started], seen("firewall_rule_disabled")) is False
    assert settled([change("drain_mode", 0)], seen("rdp_denied")) is True


def test_a_port_that_is_to_be_closed_is_not_waited_for_where_nothing_answers() -> None:
    shut = change("deny_connections", 1)
    assert [settled([shut], seen(name)) for name in ("rdp_denied", "firewall_rule_disabled")] == [True, True]
    assert settled([change("nla", 1)], seen("firewall_rule_disabled")) is None


@pytest.mark.parametrize(
    ("probe", "expected"), [(seen("nla_value_invalid"), True), (seen(), False), (nameless(), None)]
)
def test_a_number_that_windows_does_not_know_is_live_where_each_connection_is_dropped(
    probe: dict[str, t.Any], expected: bool | None
) -> None:
    assert live([change("nla", 77)], probe) is expected


@pytest.mark.parametrize("setting", ["nla", "deny_connections", "transport"])
def test_a_name_that_did_not_resolve_shows_nothing(setting: str) -> None:
    assert live([change(setting, 0)], nameless()) is None


def test_of_a_certificate_nothing_shows_where_nothing_connects() -> None:
    renewed = Change("test", "renewal", "SessionEnv", "AA" * 20, "(generated by Windows)", "a test", restart=None)
    assert [live([renewed], probe) for probe in (seen("firewall_rule_disabled"), seen())] == [None, True]
    assert live([renewed], seen("key_missing")) is False


def test_what_is_about_certificate_and_settings_is_live_where_both_are() -> None:
    renewed = Change("test", "renewal", "SessionEnv", "AA" * 20, "(generated by Windows)", "a test", restart=None)
    assert live([renewed, change("nla", 1)], seen()) is True
    assert live([renewed, change("nla", 0)], seen()) is False


def test_of_what_was_changed_twice_the_last_value_counts() -> None:
    assert live([change("nla", 77), change("nla", 1)], seen()) is True
    assert live([change("deny_connections", 1), change("deny_connections", 0)], seen()) is True


def test_tls_is_proved_by_any_vantage_point_that_saw_it() -> None:
    assert tls_works([None, seen("rdp_denied"), seen()])
    assert not tls_works([None, seen("rdp_denied"), seen("key_unreadable")])


def test_patience_ends() -> None:
    waited: list[float] = []
    prober = Prober("127.0.0.1", sleep=waited.append, handshake=lambda options: seen("rdp_denied"))
    assert prober.look_until(lambda probe: False, lambda: 3389)
    assert 4 <= sum(waited) <= 10


@dataclass
class Path:
    """Answers of one probe after the other, the last one for ever; who waited how often."""

    answers: list[dict[str, t.Any]]
    waits: list[float] = field(default_factory=list)

    def prober(self) -> Prober:
        return Prober("127.0.0.1", sleep=self.waits.append, handshake=self.handshake)

    def handshake(self, options: ProbeOptions) -> dict[str, t.Any]:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


LOST = seen("firewall_rule_disabled")


@pytest.mark.parametrize("lost", [LOST, nameless()], ids=["timed out", "no name"])
def test_an_answer_that_is_lost_does_not_end_the_waiting_where_the_host_was_met(lost: dict[str, t.Any]) -> None:
    path = Path([seen(), lost, lost, seen()])
    prober = path.prober()
    prober.look(lambda: 3389)
    found = prober.watching([]).look_until(lambda probe: settled([change("nla", 1)], probe), lambda: 3389)
    assert found == seen()
    assert len(path.waits) == 2


@pytest.mark.parametrize("earlier", [[LOST], []], ids=["blocked before", "not tried before"])
def test_a_path_that_is_blocked_is_looked_at_once(earlier: list[dict[str, t.Any]]) -> None:
    path = Path([*earlier, LOST])
    prober = path.prober()
    for _answer in earlier:
        prober.look(lambda: 3389)
    assert prober.look_until(lambda probe: settled([change("nla", 1)], probe), lambda: 3389) == LOST
    assert path.waits == []


def test_another_port_than_the_one_where_the_host_was_met_may_be_blocked() -> None:
    path = Path([seen(), LOST])
    prober = path.prober()
    prober.look(lambda: 3389)
    prober.look_until(lambda probe: settled([change("nla", 1)], probe), lambda: 33890)
    assert path.waits == []


def test_a_listener_that_refuses_may_be_about_to_open() -> None:
    path = Path([seen("rdp_denied"), seen("rdp_denied"), seen()])
    found = path.prober().look_until(lambda probe: settled([change("deny_connections", 0)], probe), lambda: 3389)
    assert found == seen()


def test_a_controller_that_may_not_probe_does_not() -> None:
    def forbidden(options: object) -> dict[str, t.Any]:
        raise AssertionError("probed")

    prober = Prober("127.0.0.1", enabled=False, given=(seen(),), handshake=forbidden)
    assert prober.look(lambda: 3389) is None


def test_a_probe_brought_from_before_does_not_judge_the_repair() -> None:
    simulated = SimulatedHost.build("2022", breakages=["rdp_denied"])
    brought = Prober("127.0.0.1", enabled=False, given=(seen("rdp_denied"),), sleep=simulated.clock.advance)
    doing = job(simulated, prober=brought)
    course = remediate(doing, examine(doing.host, doing.prober, 600), Limits())
    assert [step.kept for step in course.steps] == [True]
    assert course.verdict == "repaired"
    assert simulated.probe_view()["tcp"] == "open"


def test_a_firewall_that_still_drops_is_no_reason_to_restart() -> None:
    simulated = SimulatedHost.build("2022", breakages=["rdp_denied", "firewall_rule_disabled"])
    _plan, done = fix(job(simulated), REMEDIES["remote_desktop"], dict(defaults(REMEDIES["remote_desktop"].options)))
    assert [change.kind for change in done.changes] == ["registry"]
    assert simulated.counters.shells_opened == 0


def test_tls_cannot_be_required_where_nothing_proves_it() -> None:
    simulated = SimulatedHost.build("2022", traits=["negotiate_layer"])
    blind = Prober("127.0.0.1", enabled=False)
    with pytest.raises(Exception, match="nothing proves"):
        fix(
            job(simulated, prober=blind), REMEDIES["security_layer"], dict(defaults(REMEDIES["security_layer"].options))
        )
    assert simulated.windows.listener.stored().security_layer == 1


def test_a_broken_key_keeps_tls_from_being_required_and_the_first_step_is_taken_back() -> None:
    simulated = SimulatedHost.build("2022", breakages=["security_layer_rdp", "key_unreadable"])
    with pytest.raises(Exception, match="put back as it was"):
        fix(job(simulated), REMEDIES["security_layer"], dict(defaults(REMEDIES["security_layer"].options)))
    assert simulated.windows.listener.stored().security_layer == 0


def test_a_probe_of_another_host_or_of_yesterday_proves_nothing_and_our_own_failure_wins() -> None:
    simulated = SimulatedHost.build("2022", breakages=["key_unreadable"], traits=["negotiate_layer"])
    now = datetime.now(timezone.utc)
    good = {**seen(), "host": "127.0.0.1", "taken_at": now.isoformat()}
    others = [
        {**good, "host": "other"},
        {**good, "port": 3390},
        {**good, "taken_at": (now - timedelta(hours=1)).isoformat()},
        {**good, "taken_at": "yesterday"},
    ]
    options = dict(defaults(REMEDIES["security_layer"].options))
    for probes in ([other] for other in others):
        blind = Prober("127.0.0.1", enabled=False, given=tuple(probes))
        with pytest.raises(Exception, match="nothing proves"):
            fix(job(simulated, prober=blind), REMEDIES["security_layer"], options)
    seeing = replace(prober(simulated), given=(good,))
    with pytest.raises(Exception, match="no TLS handshake"):
        fix(job(simulated, prober=seeing), REMEDIES["security_layer"], options)
    assert simulated.windows.listener.stored().security_layer == 1


def test_a_fresh_probe_of_this_host_from_elsewhere_is_proof() -> None:
    simulated = SimulatedHost.build("2022", traits=["negotiate_layer"])
    good = {**seen(), "host": "127.0.0.1", "taken_at": datetime.now(timezone.utc).isoformat()}
    blind = Prober("127.0.0.1", enabled=False, given=(good,))
    fix(job(simulated, prober=blind), REMEDIES["security_layer"], dict(defaults(REMEDIES["security_layer"].options)))
    assert simulated.windows.listener.stored().security_layer == 2


@pytest.mark.parametrize(
    "probe",
    [
        None,
        "x",
        {},
        {"a": "b"},
        {**seen(), "tls": 3},
        {**seen(), "passed": "yes"},
        {**seen(), "taken_at": "yesterday"},
        {**seen(), "taken_at": "2026-01-01T00:00:00"},
    ],
)
def test_what_is_no_probe_is_said(probe: object) -> None:
    assert flaw(probe)


def test_a_probe_is_one() -> None:
    assert flaw(seen()) == ""


def pin(before: str, after: str) -> Change:
    def value(thumbprint: str) -> Plain:
        data = base64.b64encode(bytes.fromhex(thumbprint)).decode("ascii")
        return {"type": "REG_BINARY", "data": data} if thumbprint else None

    return Change("certificate", "registry", PIN, value(before), value(after), "a test", restart=None, then="tls")


STORED, SHOWN, WANTED = "0A" * 20, "0B" * 20, "0C" * 20


@pytest.mark.parametrize("before", ["", STORED])
def test_a_way_back_leads_to_the_certificate_that_was_shown_where_the_host_has_it(before: str) -> None:
    acted = {"tls": {"verdict": "ok", "certificate": {"sha1": SHOWN}}, "x224": {}}
    way = way_back(pin(before, WANTED), acted, True)
    assert way == replace(pin(WANTED, SHOWN), reason=ACTED, then="")
    assert way_back(pin(before, WANTED), acted, False) is None, "of a program in between, or Windows' own"
    assert way_back(pin(SHOWN, WANTED), acted, True) is None, "it is what was stored"
