# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An RD Gateway made to serve, and to let exactly one group through to exactly the named hosts."""

from __future__ import annotations

import typing as t
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import permutations

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._appliers import ApplyError
from ansible_collections.winfleet.rdp.plugins.plugin_utils._examine import examine
from ansible_collections.winfleet.rdp.plugins.plugin_utils._fix import fix
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.gateway import GatewayItem, GatewayState
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.observation import Identity, Observation
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.project import project
from ansible_collections.winfleet.rdp.plugins.plugin_utils._observe import network, observe
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies import defaults
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies.gateway import OPTIONS, REMEDY
from ansible_collections.winfleet.rdp.plugins.plugin_utils._rollback import rollback
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import TransportFailed
from hypothesis import given
from hypothesis import strategies as st

from tests.simulator.breakages.gateway import ADMINS, NAME, TARGETS, USER, USERS
from tests.simulator.host import SimulatedHost
from tests.simulator.switches import SWITCHES
from tests.simulator.traits import TRAITS
from tests.simulator.windows.certificates import REMOTE_DESKTOP_ONLY, Request
from tests.simulator.windows.gateway import UDP, Gateway, connection_policy, resource_policy
from tests.simulator.windows.tenants import NETWORK_SERVICE_KEY
from tests.support.cutting import Cut, cut_after, cut_before, roll_back_all, writes_of
from tests.support.in_process import connect, job, settings_state

OTHERS = r"CORP\Others"
WHOLE = {"user_group": USERS, "hosts": list(TARGETS)}


@pytest.fixture(autouse=True)
def resolver(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[str, ...]]:
    """What the controller's resolver has of names; of all others something that is the role's own."""
    answers: dict[str, tuple[str, ...]] = {}
    monkeypatch.setattr(network, "resolve", lambda name: answers.get(name.lower(), (TARGETS[2],)))
    return answers


def options(**given: t.Any) -> dict[str, t.Any]:
    return {**defaults(OPTIONS), **given}


def host(*breakages: str, version: str = "2022") -> SimulatedHost:
    """With breakages, or with traits that are the role in a way, or else with the role in order."""
    traits = [name for name in breakages if name in TRAITS]
    planted = [name for name in breakages if name not in TRAITS]
    return SimulatedHost.build(version, breakages=planted, traits=traits if breakages else ["gateway_role"])


def role(simulated: SimulatedHost) -> Gateway:
    assert simulated.windows.gateway is not None
    return simulated.windows.gateway


def stored(simulated: SimulatedHost, name: str, **given: t.Any) -> str:
    """A certificate with its key in the machine's personal store."""
    request = Request(**{"key": 9, "sddl": NETWORK_SERVICE_KEY, **given})
    return simulated.windows.certificates.add(name, request).thumbprint


def attempts(simulated: SimulatedHost, group: str = USERS, port: int = 3389) -> list[int]:
    return [role(simulated).attempt(USER, [group], target, port) for target in TARGETS]


REPAIRS: dict[str, tuple[dict[str, t.Any], list[str]]] = {
    "gateway_service_stopped": ({}, ["service_state"]),
    "gateway_service_disabled": ({}, ["service_start_mode", "service_state"]),
    "gateway_cap_denied": (WHOLE, ["gateway_connection_policy", "gateway_resource_group", "gateway_resource_policy"]),
    "gateway_cap_disabled": (WHOLE, ["gateway_connection_policy"]),
    "gateway_rap_denied": (WHOLE, ["gateway_resource_group", "gateway_resource_policy"]),
    "gateway_rap_disabled": (WHOLE, ["gateway_resource_group", "gateway_resource_policy"]),
    "gateway_rap_resource": (WHOLE, ["gateway_resource_group", "gateway_resource_policy"]),
    "gateway_rap_port": (WHOLE, ["gateway_resource_group", "gateway_resource_policy"]),
    "gateway_udp": ({"udp": "off"}, ["gateway_transport"]),
}
"""What mends each breakage, in which steps. The planted policies are for two groups, so that none is exactly ours."""

REPAIRS["gateway_cap_denied"] = (WHOLE, ["gateway_connection_policy"])


@pytest.mark.parametrize("version", ["2016", "2019", "2022", "2025"])
@pytest.mark.parametrize("breakage", sorted(REPAIRS))
def test_each_breakage_is_mended_once_and_undone_byte_for_byte(breakage: str, version: str) -> None:
    given, kinds = REPAIRS[breakage]
    simulated = host(breakage, version=version)
    before = settings_state(simulated)
    foretold = fix(job(simulated, check=True), REMEDY, options(**given))[1].changes
    assert simulated.counters.writes == 0
    changes = fix(job(simulated), REMEDY, options(**given))[1].changes
    assert [change.kind for change in changes] == kinds
    assert changes == foretold
    assert attempts(simulated) == [302, 302, 302]
    assert role(simulated).transports[UDP] is (breakage != "gateway_udp")
    assert fix(job(simulated, "run-2"), REMEDY, options(**given))[0].changes == ()
    assert roll_back_all(simulated)
    assert settings_state(simulated) == before


def run(given: dict[str, t.Any]) -> Callable[[SimulatedHost, Callable[[int, bytes], None]], object]:
    return lambda simulated, before: fix(job(simulated, before=before), REMEDY, options(**given))


@pytest.mark.parametrize("cut", [cut_before, cut_after])
def test_a_run_that_is_cut_off_anywhere_can_be_undone_and_goes_on(
    cut: Callable[[int], Callable[[int, bytes], None]],
) -> None:
    given = {"user_group": OTHERS, "hosts": list(TARGETS), "udp": "off"}

    def broken() -> SimulatedHost:
        simulated = host("gateway_service_disabled")
        role(simulated).transports[UDP] = True
        return simulated

    writes = writes_of(run(given), broken())
    assert len(writes) > 6
    for number in writes if cut is cut_before else writes[:-1]:
        simulated = broken()
        before = settings_state(simulated)
        with pytest.raises((Cut, TransportFailed)):
            run(given)(simulated, cut(number))
        simulated.clock.advance(3600)
        changed = settings_state(simulated) != before
        assert roll_back_all(simulated) or not changed
        assert settings_state(simulated) == before
        fix(job(simulated, "again"), REMEDY, options(**given))
        assert attempts(simulated, OTHERS) == [302, 302, 302]


@pytest.mark.parametrize("cut", [cut_before, cut_after])
def test_the_next_run_after_one_that_was_cut_off_makes_nothing_twice(
    cut: Callable[[int], Callable[[int, bytes], None]],
) -> None:
    made = run({"user_group": OTHERS, "hosts": list(TARGETS)})
    whole = host()
    writes = writes_of(made, whole)
    for number in writes if cut is cut_before else writes[:-1]:
        simulated = host()
        with pytest.raises((Cut, TransportFailed)):
            made(simulated, cut(number))
        simulated.clock.advance(3600)
        fix(job(simulated, "again"), REMEDY, options(user_group=OTHERS, hosts=list(TARGETS)))
        assert (role(simulated).groups, role(simulated).resources) == (role(whole).groups, role(whole).resources)
        assert role(simulated).connections == role(whole).connections


def test_a_list_of_that_name_that_is_in_use_or_names_other_hosts_is_not_taken() -> None:
    simulated = host()
    name = rf"winfleet.rdp {OTHERS} 3389".replace("\\", " ")
    role(simulated).groups.append({"Name": name, "Description": "", "Resources": "elsewhere"})
    changes = fix(job(simulated), REMEDY, options(user_group=OTHERS, hosts=["rdp02"]))[1].changes
    assert [change.item for change in changes if change.kind == "gateway_resource_group"] == [f"{name} 2"]


def test_a_whole_gateway_is_left_alone_and_lets_nobody_else_in() -> None:
    simulated = host()
    assert fix(job(simulated), REMEDY, options(name=NAME, **WHOLE))[0].changes == ()
    assert simulated.counters.writes == 0


def test_policies_of_others_are_never_widened() -> None:
    simulated = host("gateway_rap_resource")
    fix(job(simulated), REMEDY, options(**WHOLE))
    assert attempts(simulated) == [302, 302, 302]
    assert attempts(simulated, ADMINS) == [302, 301, 301]
    assert attempts(simulated, port=3390) == [301, 301, 301]


def test_a_policy_that_is_exactly_ours_is_enabled_and_its_own_list_extended() -> None:
    simulated = host()
    gateway = role(simulated)
    gateway.connections[:] = [{**connection_policy("Ours", OTHERS), "Enabled": False}]
    gateway.groups.append({"Name": "Ours", "Description": "", "Resources": "rdp01"})
    gateway.resources.append({**resource_policy("Ours", OTHERS, "Ours"), "Enabled": False})
    asked = {"user_group": OTHERS.lower(), "hosts": ["RDP01"]}
    changes = fix(job(simulated), REMEDY, options(**asked))[1].changes
    assert [(change.kind, change.item) for change in changes] == [
        ("gateway_connection_policy", "Ours"),
        ("gateway_resource_policy", "Ours"),
    ]
    more = fix(job(simulated, "run-2"), REMEDY, options(user_group=OTHERS, hosts=["rdp01", "rdp02"]))[1].changes
    assert [(change.kind, change.item) for change in more] == [("gateway_resource_group", "Ours")]
    assert gateway.groups[-1]["Resources"] == "rdp01;rdp02"
    assert gateway.attempt(USER, [OTHERS], "rdp02") == 302


def test_a_disabled_policy_that_is_for_others_too_or_lists_more_hosts_stays_disabled() -> None:
    simulated = host()
    gateway = role(simulated)
    gateway.connections[:] = [{**connection_policy("Both", f"{OTHERS};{ADMINS}"), "Enabled": False}]
    gateway.groups.append({"Name": "More", "Description": "", "Resources": "rdp01;rdp02"})
    gateway.resources.append({**resource_policy("More", OTHERS, "More"), "Enabled": False})
    fix(job(simulated), REMEDY, options(user_group=OTHERS, hosts=["rdp01"]))
    assert gateway.attempt(USER, [OTHERS], "rdp01") == 302
    assert gateway.attempt(USER, [OTHERS], "rdp02") == 301
    assert gateway.attempt(USER, [ADMINS], "rdp01") == 201


@pytest.mark.parametrize(
    ("own", "asked", "borne"),
    [
        ("*.example.com", "gw.example.com", True),
        ("*.example.com", "a.gw.example.com", False),
        ("*.example.com", "example.com", False),
        ("gw.example.com", "GW.example.com.", True),
    ],
)
def test_a_star_stands_for_one_label(own: str, asked: str, borne: bool) -> None:
    simulated = host("gateway_certificate_unbound")
    role(simulated).certificate = b""
    thumbprint = stored(simulated, own)
    plan, _done = fix(job(simulated), REMEDY, options(name=asked, thumbprint=thumbprint))
    assert [change.after for change in plan.changes if change.kind == "gateway_certificate"] == [thumbprint] * borne


def test_a_certificate_whose_key_file_is_gone_is_not_bound() -> None:
    simulated = host("gateway_certificate_unbound")
    thumbprint = stored(simulated, NAME)
    found = simulated.windows.certificates.in_store("MY", thumbprint)
    assert found is not None
    simulated.windows.files.remove(simulated.windows.certificates.path_of(found.container))
    plan, done = fix(job(simulated), REMEDY, options(name=NAME, thumbprint=thumbprint))
    assert "its key file does not exist" in plan.refused[0].message
    assert done.changes == []


def test_a_certificate_for_the_listener_alone_is_not_bound_to_the_gateway() -> None:
    simulated = host("gateway_certificate_unbound")
    thumbprint = stored(simulated, NAME, usage=REMOTE_DESKTOP_ONLY, validity=timedelta(days=4000))
    plan, done = fix(job(simulated), REMEDY, options(name=NAME, thumbprint=thumbprint))
    assert "cannot serve the gateway: its usage is Remote Desktop Authentication alone" in plan.refused[0].message
    assert done.changes == []
    (bound,) = fix(job(simulated), REMEDY, options(name=NAME))[1].changes
    assert bound.after != thumbprint


def test_options_that_decide_nothing_are_said() -> None:
    kept = options(state="keep", thumbprint="AA" * 20, name="wrong.example")
    plan, done = fix(job(host()), REMEDY, kept)
    assert plan.notes == ("state is keep, so this has no effect: name and thumbprint",)
    assert done.changes == []
    assert fix(job(host()), REMEDY, options(state="keep"))[0].notes == ()


@pytest.mark.parametrize(("trait", "borne"), [("gateway_role", NAME), ("gateway_certificate_name", "old.corp.example")])
def test_where_the_gateways_name_is_not_told_the_notes_say_what_is_taken_for_it(trait: str, borne: str) -> None:
    (note,) = fix(job(host(trait)), REMEDY, options())[0].notes
    assert note == (
        "name does not say under which name clients reach the gateway, so they are taken to use those that the bound "
        f"certificate bears ({borne})"
    )


def test_where_no_name_is_known_at_all_the_notes_say_that_none_is_looked_for() -> None:
    simulated = host("gateway_certificate_unbound")
    role(simulated).certificate = b""
    thumbprint = stored(simulated, "any.corp.example")
    plan, _done = fix(job(simulated), REMEDY, options(thumbprint=thumbprint))
    assert plan.notes[-1].endswith("so none is looked for")
    assert fix(job(host()), REMEDY, options(name=NAME))[0].notes == ()


def test_a_refusal_for_want_of_a_name_says_so_alone() -> None:
    plan, _done = fix(job(host("gateway_certificate_unbound")), REMEDY, options())
    assert plan.refused
    assert plan.notes == ()


def test_a_bound_certificate_is_taken_up() -> None:
    simulated = host("gateway_certificate_expired")
    thumbprint = stored(simulated, NAME)
    fix(job(simulated), REMEDY, options(name=NAME))
    assert role(simulated).served.hex().upper() == thumbprint


def test_a_gateway_that_was_never_set_up_is_set_up_with_its_first_certificate() -> None:
    simulated = host("gateway_certificate_unbound")
    thumbprint = stored(simulated, NAME, validity=timedelta(days=400))
    fix(job(simulated), REMEDY, options(name=NAME))
    assert role(simulated).configured
    assert role(simulated).served.hex().upper() == thumbprint


def test_a_gateway_that_is_set_up_is_not_set_up_again() -> None:
    simulated, sent = host("gateway_certificate_expired"), []
    thumbprint = stored(simulated, NAME)
    fix(job(simulated, before=lambda _number, body: sent.append(body)), REMEDY, options(name=NAME))
    assert role(simulated).certificate.hex().upper() == thumbprint
    assert [body for body in sent if b"ServerSettings/Configure" in body] == []
    assert [body for body in sent if b"ServerSettings/SetCertificate" in body] != []


@pytest.mark.parametrize("name", SWITCHES["gateway_protocol"].choices)
def test_policies_are_for_the_protocol_as_the_gateway_calls_it(name: str) -> None:
    simulated = SimulatedHost.build("2022", traits=["gateway_role"], switches={"gateway_protocol": name})
    role(simulated).resources.clear()
    fix(job(simulated), REMEDY, options(**WHOLE))
    assert [row["ProtocolNames"] for row in role(simulated).resources] == [name]


def test_a_list_that_another_policy_uses_too_is_not_extended() -> None:
    simulated = host()
    gateway = role(simulated)
    gateway.resources.append(resource_policy("Ours", OTHERS, "Session hosts"))
    gateway.connections.append(connection_policy("Ours", OTHERS))
    fix(job(simulated), REMEDY, options(user_group=OTHERS, hosts=["rdp02"]))
    assert gateway.attempt(USER, [OTHERS], "rdp02") == 302
    assert gateway.attempt(USER, [USERS], "rdp02") == 301


def notes_for(*hosts: str, **given: t.Any) -> tuple[str, ...]:
    return fix(job(host()), REMEDY, options(name=NAME, user_group=USERS, hosts=[*hosts], **given))[0].notes


def test_what_else_a_host_is_called_and_is_not_let_through_is_said_and_not_made(
    resolver: dict[str, tuple[str, ...]],
) -> None:
    resolver["web.corp.example"] = ("10.20.0.31", "192.0.2.8", "2001:db8::8", "127.0.1.1", "fe80::8%eth0")
    simulated = host()
    given = {"name": NAME, "user_group": USERS, "hosts": ["WEB.corp.example", "192.0.2.7", "fe80::1"]}
    plan, _done = fix(job(simulated), REMEDY, options(**given))
    told = "web.corp.example is let through under this name, not as web or 192.0.2.8 or 2001:db8::8: add to hosts what"
    assert plan.notes == (f"{told} users ask by",)
    assert [role(simulated).attempt(USER, [USERS], asked) for asked in ("web", "192.0.2.8", "fe80::1")] == [
        301, 301, 302
    ]  # fmt: skip


def test_what_is_let_through_by_every_name_and_address_needs_no_note(resolver: dict[str, tuple[str, ...]]) -> None:
    resolver[TARGETS[0]] = (TARGETS[2],)
    assert notes_for(*TARGETS) == ()
    assert notes_for(TARGETS[0], "192.0.2.7") == (), "the role's own policy has the others"
    assert len(notes_for(TARGETS[0], ports=[3389, 3390])) == 1, "on one of the ports alone it has"


def test_hosts_whose_addresses_the_controller_does_not_know_are_named(resolver: dict[str, tuple[str, ...]]) -> None:
    resolver.update({"web.corp.example": (), "web": (), "db": (), "192.0.2.7": ("192.0.2.7",)})
    assert notes_for("web.corp.example", "web", "db", "192.0.2.7") == (
        "the controller knows no address of web.corp.example, db: add to hosts those that users ask by",
    )


def test_central_policies_are_left_to_their_server() -> None:
    simulated = host("gateway_cap_disabled")
    role(simulated).central = True
    plan, _done = fix(job(simulated), REMEDY, options(**WHOLE))
    assert plan.changes == ()
    assert "another server" in plan.notes[0]


# --- the certificate


def test_of_certificates_that_end_together_the_newest_is_bound_in_whatever_order_they_are_read() -> None:
    simulated = host("gateway_certificate_expired")
    now = simulated.clock.now()
    until = timedelta(days=90)
    for key, age in {1: timedelta(days=9), 2: timedelta(days=2), 4: timedelta(days=2)}.items():
        stored(simulated, NAME, start=now - age, validity=until + age, key=key)
    seen = observe(connect(simulated), {"identity", "gateway"})
    assert seen.gateway is not None
    last = max(item.not_after for item in seen.gateway.certificates)
    oldest, *newer = sorted(
        (item for item in seen.gateway.certificates if item.not_after == last), key=lambda item: item.not_before
    )
    assert len(newer) == 2
    greatest = replace(oldest, thumbprint="F" * 40)  # thumbprints go by the moment of the test
    for order in permutations((greatest, *newer)):
        ordered = replace(seen, gateway=replace(seen.gateway, certificates=order))
        (change,) = REMEDY.plan(ordered, options(name=NAME)).changes
        assert change.after == max(item.thumbprint for item in newer)


@pytest.mark.parametrize("breakage", ["gateway_certificate_expired", "gateway_certificate_name"])
def test_the_best_certificate_of_the_store_is_bound_and_the_earlier_one_comes_back(breakage: str) -> None:
    simulated = host(breakage)
    stored(simulated, NAME, start=simulated.clock.now() - timedelta(days=40))
    best = stored(simulated, NAME)
    stored(simulated, "elsewhere.corp.example")
    before = settings_state(simulated)
    changes = fix(job(simulated), REMEDY, options(name=NAME))[1].changes
    assert [change.kind for change in changes] == ["gateway_certificate"]
    assert role(simulated).certificate.hex().upper() == best
    assert fix(job(simulated, "run-2"), REMEDY, options(name=NAME))[0].changes == ()
    assert roll_back_all(simulated)
    assert settings_state(simulated) == before


def test_an_expired_certificate_names_what_is_wanted_in_its_place() -> None:
    simulated = host("gateway_certificate_expired")
    wanted = stored(simulated, NAME)
    fix(job(simulated), REMEDY, options())
    assert role(simulated).certificate.hex().upper() == wanted


def test_a_first_certificate_cannot_be_unbound_and_roll_back_says_so() -> None:
    simulated = host("gateway_certificate_unbound")
    fix(job(simulated), REMEDY, options(name=NAME))
    assert role(simulated).certificate
    undoing = rollback(job(simulated, "back"), "all", force=False)
    assert [target.entry.change.kind for target in undoing.not_undoable] == ["gateway_certificate"]


def test_without_a_name_none_is_chosen_and_it_says_what_to_give() -> None:
    plan, _done = fix(job(host("gateway_certificate_unbound")), REMEDY, options())
    assert plan.changes == ()
    assert "Say by name under which name clients reach the gateway" in plan.refused[0].message
    assert plan.refused[0].option == "name"


def test_the_key_of_a_bound_certificate_is_made_readable_first() -> None:
    simulated = host()
    wanted = stored(simulated, NAME, sddl="O:SYG:SYD:PAI(A;;FA;;;SY)(A;;FA;;;BA)")
    before = settings_state(simulated)
    changes = fix(job(simulated), REMEDY, options(thumbprint=wanted.lower()))[1].changes
    assert [change.kind for change in changes] == ["file_access", "gateway_certificate"]
    assert roll_back_all(simulated)
    assert settings_state(simulated) == before


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"thumbprint": "00" * 20}, "import it first"),
        ({"thumbprint": "xyz"}, "import it first"),
        ({"name": "other.corp.example"}, "import one with its key"),
        ({"hosts": ["rdp01"]}, "hosts need user_group"),
        ({"user_group": "Users"}, "not of the form"),
        ({"user_group": r"A\b;C\d"}, "not of the form"),
        ({"user_group": USERS, "hosts": ["rdp01;*"]}, "neither a name nor an address"),
        ({"user_group": USERS, "hosts": ["*"]}, "neither a name nor an address"),
        ({"user_group": USERS, "hosts": ["rdp01:3390"]}, "ports stand in the option ports"),
        ({"user_group": USERS, "hosts": ["[fe80::1]"]}, "neither a name nor an address"),
        ({"user_group": USERS, "hosts": ["rdp01"], "ports": [0]}, "are not ports"),
        ({"user_group": USERS, "hosts": ["rdp01"], "ports": []}, "are not ports"),
    ],
)
def test_what_cannot_be_or_would_mean_more_is_refused(given: dict[str, t.Any], message: str) -> None:
    simulated = host()
    plan, _done = fix(job(simulated), REMEDY, options(**given))
    assert plan.changes == ()
    assert message in plan.refused[0].message
    assert simulated.counters.writes == 0


def test_a_certificate_that_cannot_serve_is_not_bound() -> None:
    simulated = host()
    old = stored(simulated, NAME, start=simulated.clock.now() - timedelta(days=400))
    plan, _done = fix(job(simulated), REMEDY, options(thumbprint=old))
    assert plan.changes == ()
    assert "it expired" in plan.refused[0].message


# --- elsewhere


@pytest.mark.parametrize("version", ["10", "2022"])
def test_elsewhere_it_says_that_there_is_no_such_role(version: str) -> None:
    simulated = SimulatedHost.build(version)
    plan, _done = fix(job(simulated), REMEDY, options(**WHOLE))
    assert plan.changes == ()
    assert "no RD Gateway role" in plan.refused[0].message


def test_a_provider_that_is_silent_while_the_service_is_stopped_lets_it_be_started() -> None:
    silent = {"gateway_stopped": False}
    simulated = SimulatedHost.build("2022", breakages=["gateway_service_stopped"], switches=silent)
    plan, done = fix(job(simulated), REMEDY, options(**WHOLE))
    assert [change.kind for change in done.changes] == ["service_state"]
    assert "run again" in plan.refused[0].message
    assert fix(job(simulated, "run-2"), REMEDY, options(**WHOLE))[0].refused == ()


def test_what_the_gateway_refuses_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    simulated = host("gateway_rap_denied")
    monkeypatch.setattr("tests.simulator.providers.gateway.GatewayRows._create", lambda *_row: 0x80070057)
    with pytest.raises(ApplyError, match="0x80070057"):
        fix(job(simulated), REMEDY, options(**WHOLE))


def only(simulated: SimulatedHost, **fields: t.Any) -> SimulatedHost:
    """The one connection policy of a gateway is for the group, with some of its fields otherwise."""
    role(simulated).connections[:] = [{**connection_policy("Managed", USERS), **fields}]
    return simulated


MANAGED = {"ComputerGroupNames": r"CORP\Managed PCs"}


def test_that_users_are_let_in_from_some_computers_alone_is_told() -> None:
    simulated = only(host(), **MANAGED)
    assert role(simulated).attempt(USER, [USERS], TARGETS[0]) == 201
    assert role(simulated).attempt(USER, [USERS], TARGETS[0], computers=[r"CORP\Managed PCs"]) == 302
    plan, done = fix(job(simulated), REMEDY, options(**WHOLE))
    assert done.changes == []
    assert r"from computers of these groups alone: corp\managed pcs" in " ".join(plan.notes)


@pytest.mark.parametrize("fields", [{"PasswordAllowed": False}, {"Enabled": False, **MANAGED}])
def test_a_policy_that_lets_nobody_in_or_would_not_from_everywhere_is_not_taken_for_one(fields: t.Any) -> None:
    simulated = only(host(), **fields)
    before = dict(role(simulated).connections[0])
    fix(job(simulated), REMEDY, options(**WHOLE))
    assert role(simulated).attempt(USER, [USERS], TARGETS[0]) == 302
    assert before in role(simulated).connections
    assert fix(job(simulated, "run-2"), REMEDY, options(**WHOLE))[1].changes == []


@pytest.mark.parametrize("named", [False, True])
def test_the_key_of_a_certificate_that_stays_is_made_readable(named: bool) -> None:
    simulated = host()
    hidden = Request(key=9, sddl="O:SYG:SYD:PAI(A;;FA;;;SY)(A;;FA;;;BA)")
    thumbprint = simulated.windows.certificates.add(NAME, hidden).thumbprint
    role(simulated).certificate = bytes.fromhex(thumbprint)
    before = settings_state(simulated)
    given = options(name=NAME, thumbprint=thumbprint if named else None)
    plan, done = fix(job(simulated), REMEDY, given)
    assert [change.kind for change in done.changes] == ["file_access"]
    assert "can use the key at the latest once it starts again" in " ".join(plan.notes)
    assert fix(job(simulated, "run-2"), REMEDY, given)[1].changes == []
    rollback(job(simulated, "back"), "all", force=False)
    assert settings_state(simulated) == before


def test_several_fields_are_put_back_at_once() -> None:
    simulated = host()
    role(simulated).connections.append({**connection_policy("Ours", OTHERS), "Enabled": False})
    before = settings_state(simulated)
    fix(job(simulated), REMEDY, options(user_group=OTHERS))
    role(simulated).connections[-1]["PasswordAllowed"] = False
    role(simulated).connections[-1]["IdleTimeout"] = 5
    assert rollback(job(simulated, "back"), "all", force=False).drifted
    assert rollback(job(simulated, "back"), "all", force=True).undone
    assert settings_state(simulated) == before


@pytest.mark.parametrize(
    "breakage",
    [
        "gateway_service_stopped",
        "gateway_service_disabled",
        "gateway_certificate_expired",
        "gateway_certificate_unbound",
        "gateway_cap_disabled",
        "gateway_rap_disabled",
    ],
)
def test_a_full_diagnosis_names_what_is_wrong_and_explains_nothing_by_it(breakage: str) -> None:
    doing = job(host(breakage))
    findings = [item for item in examine(doing.host, doing.prober, 600, full=True).findings if "gateway" in item.id]
    assert [(finding.id, finding.relation) for finding in findings] == [(breakage, "contributing")]


def test_a_gateway_in_order_shows_none() -> None:
    doing = job(host())
    assert not [f for f in examine(doing.host, doing.prober, 600, full=True).findings if "gateway" in f.id]


# --- the plan, over random gateways

groups = st.sampled_from([USERS, OTHERS, f"{USERS};{OTHERS}", ""])
names = st.lists(st.sampled_from([*TARGETS, "*", "elsewhere"]), unique=True).map(";".join)
IDENTITY = Identity(
    "GW", "Windows", "10.0.20348", 20348, 3, 1033, "2026-01-01T00:00:00+00:00",
    "2026-01-01T00:00:00+00:00", 0.0,
)  # fmt: skip


def _items(kind: Callable[..., dict[str, t.Any]], *given: st.SearchStrategy[t.Any]) -> st.SearchStrategy[t.Any]:
    made = st.builds(lambda enabled, *args: (enabled, args), st.booleans(), *given)
    numbered = st.lists(made, max_size=3).map(enumerate)
    return numbered.map(
        lambda rows: tuple(GatewayItem({**kind(f"P{n}", *args), "Enabled": on}) for n, (on, args) in rows)
    )


gateways = st.builds(
    GatewayState,
    st.just("Running"),
    st.just("Auto"),
    connections=_items(connection_policy, groups),
    resources=_items(resource_policy, groups, st.sampled_from(["G0", "G1", ""]), st.sampled_from(["3389", "*", "1"])),
    groups=st.lists(names, max_size=2).map(
        lambda found: tuple(
            GatewayItem({"Name": f"G{n}", "Description": "", "Resources": text}) for n, text in enumerate(found)
        )
    ),
    udp=st.booleans(),
)


@given(gateways, st.lists(st.sampled_from(TARGETS), unique=True), st.sampled_from(["keep", "on", "off"]))
def test_after_a_plan_exactly_the_wanted_is_let_through(gateway: GatewayState, hosts: list[str], udp: str) -> None:
    asked = options(state="keep", user_group=USERS, hosts=hosts, udp=udp)
    observation = Observation("2026-01-01T00:00:00+00:00", identity=IDENTITY, gateway=gateway)
    plan = REMEDY.plan(observation, asked)
    after = project(observation, plan.changes).gateway
    assert after is not None
    assert any(after.lets_in(USERS))
    assert any(after.lets_in(OTHERS)) == any(gateway.lets_in(OTHERS))
    assert all(after.lets_through(USERS, name, 3389) for name in hosts)
    for name in {*TARGETS, "elsewhere"}:
        assert after.lets_through(OTHERS, name, 3389) == gateway.lets_through(OTHERS, name, 3389)
        if name not in hosts:
            assert after.lets_through(USERS, name, 3389) == gateway.lets_through(USERS, name, 3389)
    assert REMEDY.plan(replace(observation, gateway=after), asked).changes == ()


@pytest.mark.parametrize("name", ["G" * 80, "G" * 79 + "H"])
def test_names_fit_and_stay_their_own(name: str) -> None:
    gateway = GatewayState("Running", "Auto")
    observation = Observation("2026-01-01T00:00:00+00:00", identity=IDENTITY, gateway=gateway)
    (change,) = REMEDY.plan(observation, options(state="keep", user_group=rf"CORP\{name}")).changes
    assert len(change.item) <= 64
    assert "\\" not in change.item


def test_the_area_costs_one_operation_where_the_role_is_not() -> None:
    here = connect(SimulatedHost.build("2022"))
    assert observe(here, ["gateway"]).gateway == GatewayState()
    assert here.cim.operations == 1
