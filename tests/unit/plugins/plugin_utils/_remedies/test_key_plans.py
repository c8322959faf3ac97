# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What holds for every plan about certificate and key, over random states of both."""

from __future__ import annotations

import json
import typing as t
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model import sddl
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.change import Plan
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.keys import (
    CONTAINER,
    CONTAINER_FILE,
    CertificateState,
    KeyFile,
    KeyOwners,
    KeysState,
    denied,
)
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.observation import Identity, Observation, ServiceState
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.plain import from_plain, to_plain
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.project import project
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.reading import ABSENT, Reading, unreadable, value
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies import REMEDIES
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=timezone.utc)
GUID = "faec0aed-b874-422d-8194-0b907d573b7a"
FOLDER = r"C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys"
OWN_FILE = f"{CONTAINER_FILE}_{GUID}"
STORE = r"HKLM\SOFTWARE\Microsoft\SystemCertificates\Remote Desktop\Certificates"
THUMBPRINTS = ("A" * 40, "B" * 40)

whole = st.sampled_from(
    [
        "O:SYG:SYD:PAI(A;;FA;;;SY)(A;;FR;;;NS)",
        "O:SYG:SYD:PAI(A;;FA;;;SY)(A;;FR;;;BA)",
        "O:SYG:SYD:PAI(D;;FR;;;NS)(A;;FA;;;SY)(A;;FR;;;WD)",
        "O:BAG:SYD:P(A;;0x1;;;NS)(A;;FA;;;BA)",
        "O:SYG:SYD:PAI(D;;FR;;;AU)(A;;FA;;;SY)(A;;FR;;;NS)",
    ]
).map(lambda text: value(str(sddl.parse(text))))
file_dacls: st.SearchStrategy[Reading] = whole | st.just(ABSENT) | st.just(unreadable("access denied"))
folder_dacls = st.sampled_from(
    ["O:SYG:SYD:PAI(A;;0x12019f;;;WD)(A;;FA;;;BA)", "O:SYG:SYD:PAI(D;;0x12019f;;;SY)(A;;FA;;;BA)", "O:BAG:SYD:AI"]
).map(lambda text: value(str(sddl.parse(text)))) | st.just(unreadable("access denied"))
store_dacls = st.sampled_from(
    [
        "O:BAG:SYD:AI(A;CIID;KA;;;SY)(A;CIID;KA;;;BA)",
        "O:BAG:SYD:PAI(D;CI;KA;;;SY)(A;CI;KA;;;BA)",
        "O:BAG:SYD:P(A;;KR;;;WD)",
    ]
).map(lambda text: value(str(sddl.parse(text))))


def _mostly(usual: t.Any, *others: t.Any) -> st.SearchStrategy[t.Any]:
    """The usual value nine times out of ten: one guard alone would hide what the rest does."""
    return st.integers(0, 9).flatmap(lambda dice: st.sampled_from(others) if dice == 0 else st.just(usual))


def _certificates(name: str, container: str, file: str) -> st.SearchStrategy[CertificateState]:
    keys = st.none() | st.builds(KeyFile, st.just(container), st.just(rf"{FOLDER}\{file}"), st.booleans(), file_dacls)
    moments = st.sampled_from([-200, -30, 0, 5, 170]).map(lambda days: NOW + timedelta(days=days))
    return st.builds(
        CertificateState,
        st.just(name),
        st.just("CN=HOST"),
        st.sampled_from([NOW - timedelta(days=300), NOW - timedelta(minutes=5)]).map(datetime.isoformat),
        moments.map(datetime.isoformat),
        st.booleans(),
        st.booleans(),
        st.sampled_from(["RSA", "EllipticCurve"]),
        st.sampled_from([1024, 2048]),
        st.sampled_from(["sha1", "sha256"]),
        keys,
    )


own = st.none() | _certificates("0" * 40, CONTAINER, OWN_FILE)
held = st.tuples(*(_certificates(name, "web", f"web_{name[0]}") for name in THUMBPRINTS))
keys_states = st.builds(
    KeysState,
    own=own,
    pinned=_mostly("", *THUMBPRINTS, "C" * 40),
    pinned_certificate=st.none(),
    template=_mostly("", "RDPAuth"),
    broker=_mostly(False, True),
    folder=st.just(FOLDER),
    folder_dacl=folder_dacls,
    files=st.lists(st.sampled_from([OWN_FILE, f"{CONTAINER_FILE}_other", "web_A"]), unique=True).map(tuple),
    copies=st.sampled_from([(), (f"{FOLDER}_old",)]),
    machine_guid=st.just(GUID),
    pending_reboot=_mostly(False, True),
    free_bytes=_mostly(None, 1000, 10**10),
    free_memory=_mostly(None, 1000, 10**10),
    just_renewed=st.booleans(),
)
identity = Identity("HOST", "Windows", "10.0", 20348, 3, 1033, NOW.isoformat(), NOW.isoformat(), 0.0)


def _observation(
    keys: KeysState,
    certificates: tuple[CertificateState, ...],
    tls: str,
    mode: str,
    channel: bool,
    stores: dict[str, Reading] | None,
) -> Observation:
    """Whole, as readers give it: the pinned certificate is the one of the store."""
    pinned = next((item for item in certificates if item.thumbprint == keys.pinned), None)
    owners = KeyOwners({"web_a": "the certificate CN=web"}, ("web_a",) if channel else ())
    return Observation(
        NOW.isoformat(),
        identity=identity,
        services={"SessionEnv": ServiceState("SessionEnv", "Stopped", mode)},
        probe={"tls": {"verdict": tls}, "passed": tls == "ok", "stage": "tls"} if tls else None,
        keys=replace(
            keys,
            pinned_certificate=pinned,
            files=tuple(name.lower() for name in keys.files),
            just_renewed=keys.just_renewed and keys.own is not None,
        ),
        certificates=certificates,
        key_owners=owners,
        key_copies=keys.copies,
        key_stores=stores,
    )


observations = st.builds(
    _observation,
    keys_states,
    held,
    _mostly("reset", "ok", ""),
    _mostly("Manual", "Disabled"),
    _mostly(False, True),
    st.none() | st.dictionaries(st.just(STORE), store_dacls | st.just(unreadable("access denied"))),
)


def _option(name: str, spec: t.Mapping[str, t.Any]) -> st.SearchStrategy[t.Any]:
    made = {"thumbprint": st.sampled_from([None, *THUMBPRINTS, "c" * 40]), "renew_before": st.sampled_from([0, 14])}
    if name == "state" and "restored" in spec["choices"]:
        return _mostly("usable", "restored")
    if name in made:
        return made[name]
    return st.booleans() if spec["type"] == "bool" else st.sampled_from(spec["choices"])


def _sensible(options: dict[str, t.Any]) -> dict[str, t.Any]:
    """A thumbprint with the only state that it is for; with another the whole plan is a refusal."""
    return (
        options
        if options["state"] == "bound"
        else {**options, **({"thumbprint": None} if "thumbprint" in options else {})}
    )


NAMES = ("certificate", "machine_keys")
Case = tuple[str, Observation, dict[str, t.Any]]
cases = st.sampled_from(NAMES).flatmap(
    lambda name: st.tuples(
        st.just(name),
        observations,
        st.fixed_dictionaries({option: _option(option, spec) for option, spec in REMEDIES[name].options.items()}).map(
            _sensible
        ),
    )
)


def planned(case: Case) -> Plan:
    name, observation, options = case
    return REMEDIES[name].plan(observation, options)


@given(cases)
def test_a_plan_depends_on_nothing_but_observation_and_options(case: Case) -> None:
    name, observation, options = case
    copy = from_plain(Observation, json.loads(json.dumps(to_plain(observation))))
    assert copy == observation
    assert planned((name, copy, json.loads(json.dumps(options)))) == planned(case)


@given(cases)
def test_after_a_plan_nothing_is_left_to_do(case: Case) -> None:
    """What a handshake showed before the changes tells nothing after them."""
    name, observation, options = case
    changes = planned(case).changes
    after = project(observation, changes)
    assert planned((name, replace(after, probe=None) if changes else after, options)).changes == ()


@given(cases)
def test_every_change_moves_something_and_says_why(case: Case) -> None:
    _name, observation, _options = case
    for change in planned(case).changes:
        after = project(observation, [change])
        assert after != observation
        assert change.before != change.after
        assert change.reason
        observation = after


GUARDS: tuple[dict[str, t.Any], ...] = (
    {"broker": True},
    {"template": "RDPAuth"},
    {"pending_reboot": True},
    {"free_bytes": 1000},
    {"free_memory": 1000},
    {"files": (OWN_FILE.lower(),)},
    {"files": (), "folder_dacl": unreadable("access denied")},
)
"""The last two: the listener's key is, or may be, there, and WinRM's HTTPS listener shares it."""


@given(cases, st.sampled_from(GUARDS))
def test_what_others_manage_is_left_alone(case: Case, guard: dict[str, t.Any]) -> None:
    name, observation, options = case
    assert observation.keys is not None
    shared = ("*+HTTPS",) if "files" in guard else ()
    guarded = replace(observation, keys=replace(observation.keys, **guard), channel_key=shared)
    made = {change.kind for change in planned((name, guarded, options)).changes}
    assert not made & {"renewal", "certificate", "key_file", "key_folder"}
    assert shared or "registry" not in made


@given(observations, st.booleans())
def test_a_rename_needs_consent_and_never_touches_the_channel(observation: Observation, accepted: bool) -> None:
    keys, owners = observation.keys, observation.key_owners
    assert keys is not None
    assert owners is not None
    options = {"state": "usable", "method": "rename", "accept_shared_keys": accepted}
    if any(change.kind == "key_folder" for change in planned(("machine_keys", observation, options)).changes):
        assert accepted or "web_a" not in keys.files
        assert not set(owners.channel) & set(keys.files)


@given(cases)
def test_no_certificate_is_given_up_for_one_that_windows_could_not_keep(case: Case) -> None:
    """Nor one that may serve where that is not seen; with its key it is gone before, and a reset shows that it is."""
    _name, observation, _options = case
    for change in planned(case).changes:
        keys = observation.keys
        assert keys is not None
        if change.kind in ("certificate", "renewal"):
            assert not keys.folder_denied
            assert not denied(observation.key_stores)
        if change.kind == "certificate" and (observation.probe or {}).get("passed"):
            assert keys.folder_dacl.is_value
            assert observation.key_stores is not None
            assert all(dacl.is_value for dacl in observation.key_stores.values())
        observation = project(observation, [change])


@given(cases)
def test_nobody_is_let_read_more_than_one_key(case: Case) -> None:
    granted = [change.item for change in planned(case).changes if change.kind == "file_access"]
    assert len(granted) <= 1


@pytest.mark.parametrize("name", NAMES)
def test_what_could_not_be_read_is_left_alone_and_said(name: str) -> None:
    empty = Observation(NOW.isoformat(), unread=dict.fromkeys(REMEDIES[name].areas, "access denied"))
    plan = REMEDIES[name].plan(empty, {key: spec.get("default") for key, spec in REMEDIES[name].options.items()})
    assert plan.changes == ()
    assert any("access denied" in refusal.message for refusal in plan.refused)
