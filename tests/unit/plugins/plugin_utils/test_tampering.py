# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What lies on the host is altered: roll-back and leases refuse it, say what differs, and change nothing."""

from __future__ import annotations

import base64
import json
import typing as t
from dataclasses import MISSING, fields, replace

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils import _journal, _lease
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.registry import RegistryValue
from ansible_collections.winfleet.rdp.plugins.plugin_utils._course import Limits
from ansible_collections.winfleet.rdp.plugins.plugin_utils._examine import examine
from ansible_collections.winfleet.rdp.plugins.plugin_utils._fix import fix
from ansible_collections.winfleet.rdp.plugins.plugin_utils._journal import Altered, Entry, Journal, decode, encode
from ansible_collections.winfleet.rdp.plugins.plugin_utils._lease import Record
from ansible_collections.winfleet.rdp.plugins.plugin_utils._loop import remediate
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.change import Change
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.lease import RECORDS, Lease
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.plain import from_plain, to_plain
from ansible_collections.winfleet.rdp.plugins.plugin_utils._observe import observe
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies import REMEDIES, defaults
from ansible_collections.winfleet.rdp.plugins.plugin_utils._rollback import rollback
from ansible_collections.winfleet.rdp.plugins.plugin_utils._sealed import seal, unseal

from tests.simulator.host import SimulatedHost
from tests.support.in_process import connect, job, settings_state

OPTIONS = {**defaults(REMEDIES["remote_desktop"].options), "drain": "on"}


def journaled(simulated: SimulatedHost) -> tuple[str, Entry]:
    """The key and the content of the only entry of a host on which one change was made."""
    fix(job(simulated), REMEDIES["remote_desktop"], OPTIONS)
    host = connect(simulated)
    key = Journal(host.registry, host.machine_id, host.now).stretches()[0].key
    return key, decode(stored_entry(simulated, key), "here")


def stored_entry(simulated: SimulatedHost, key: str) -> tuple[str, ...]:
    found = connect(simulated).registry.read(key, "0001", "REG_MULTI_SZ")
    assert isinstance(found, RegistryValue)
    assert isinstance(found.data, tuple)
    return found.data


def refused(simulated: SimulatedHost, which: str = "all") -> str:
    """Why a roll-back refuses; it changes nothing, not even with force."""
    before, writes = simulated.state_json(), simulated.counters.writes
    with pytest.raises(Altered) as caught:
        rollback(job(simulated, "back"), which, force=True)
    assert (simulated.state_json(), simulated.counters.writes) == (before, writes)
    return str(caught.value)


DEFAULTS = [field.name for field in fields(Change) if field.default is not MISSING]
FIELDS = [field.name for field in fields(Entry) if field.name != "change"]
FIELDS += [f"change.{field.name}" for field in fields(Change)]


@pytest.mark.parametrize("name", FIELDS)
def test_the_field_that_somebody_edited_is_named(name: str) -> None:
    simulated = SimulatedHost.build("2022")
    key, _entry = journaled(simulated)
    text = base64.b64decode("".join(stored_entry(simulated, key))).decode()
    body = json.loads(text[text.index("{") :])
    outer, _dot, inner = name.rpartition(".")
    (body[outer] if outer else body)[inner] = "somebody's"
    edited = text[: text.index("{")] + json.dumps(body, sort_keys=True, separators=(",", ":"))
    value = RegistryValue("REG_MULTI_SZ", (base64.b64encode(edited.encode()).decode(),))
    connect(simulated).registry.write(key, "0001", value)
    said = refused(simulated)
    given = inner not in DEFAULTS
    assert (f"altered: {name} is not as written" if given else "altered: it has 13 fields instead of 12") in said
    assert key in said


RUN_KEY = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Run\evil"
FORGERIES: tuple[tuple[str, object, str], ...] = (
    ("version", 2, "version 2"),
    ("run", "run-2", "number 1 of run run-2, moved here"),
    ("number", 7, "number 7 of run run-1, moved here"),
    ("at", "yesterday", "damaged"),
    ("change.kind", "winsock", "winsock has no way back"),
    ("change.kind", "reboot", "reboot has no way back"),
    ("change.kind", "format_disk", "kind: fits none of its types"),
    ("change.item", RUN_KEY, "no registry change is made to"),
    ("change.before", {"type": "REG_SZ", "data": 7}, "before cannot be a value of"),
    ("change.after", {"type": "calc", "data": 7}, "after cannot be a value of"),
    ("change.undo", "twice", "'twice' is not one of"),
    ("change.restart", "yes", "fits none of its types"),
)


@pytest.mark.parametrize(("name", "value", "why"), FORGERIES, ids=lambda given: str(given)[:24])
def test_an_entry_that_is_forged_with_its_digest_is_refused_for_what_it_says(
    name: str, value: object, why: str
) -> None:
    simulated = SimulatedHost.build("2022")
    key, entry = journaled(simulated)
    data = to_plain(entry)
    outer, _dot, inner = name.rpartition(".")
    (data[outer] if outer else data)[inner] = value
    text = base64.b64encode(seal(data).encode()).decode()
    connect(simulated).registry.write(key, "0001", RegistryValue("REG_MULTI_SZ", (text,)))
    assert why in refused(simulated)


def test_what_a_forged_entry_would_run_as_system_is_not_run() -> None:
    simulated = SimulatedHost.build("2022")
    key, entry = journaled(simulated)
    folder = r"C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys"
    line = Change("machine_keys", "key_copy", rf'{folder}_old" & reg add "HKLM\SOFTWARE\evil" & "', None, folder, "")
    connect(simulated).registry.write(key, "0001", encode(replace(entry, change=line)))
    assert "no key_copy change is made to" in refused(simulated)
    assert connect(simulated).registry.values(r"HKLM\SOFTWARE\evil") is None


def test_what_is_left_of_trimmed_runs_is_read_where_it_was_put() -> None:
    simulated = SimulatedHost.build("2022")
    _key, entry = journaled(simulated)
    item = rf"{_journal.ITEMS}\0123456789abcdef0123456789abcdef"
    host = connect(simulated)
    host.registry.create_key(item)
    host.registry.write(item, "entry", encode(entry))
    assert f"about {entry.change.target}, moved here" in refused(simulated)


# --- records of leases


def leased(simulated: SimulatedHost) -> Record:
    """The record of a lease that was just granted."""
    options = {**defaults(REMEDIES["nla"].options), "state": "off", "lease": "30m"}
    fix(job(simulated, "leased"), REMEDIES["nla"], options)
    return from_plain(Record, unseal(stored_record(simulated)))


def stored_record(simulated: SimulatedHost) -> str:
    found = connect(simulated).registry.read(RECORDS, "nla", "REG_SZ")
    assert isinstance(found, RegistryValue)
    return str(found.data)


def put_record(simulated: SimulatedHost, text: str) -> None:
    connect(simulated).registry.write(RECORDS, "nla", RegistryValue("REG_SZ", text))


def unbelieved(simulated: SimulatedHost) -> str:
    """Why the record is not believed; no run grants, ends or restores anything by it."""
    before = settings_state(simulated)
    options = {**defaults(REMEDIES["nla"].options), "state": "off", "lease": "30m", "renew_lease": True}
    fix(job(simulated, "again"), REMEDIES["nla"], options)
    doing = job(simulated, "loop")
    remediate(doing, examine(doing.host, doing.prober, 600), Limits())
    assert settings_state(simulated) == before
    return observe(connect(simulated), ["leases"]).unread["leases"]


@pytest.mark.parametrize("name", [field.name for field in fields(Lease)])
def test_the_field_of_a_lease_that_somebody_edited_is_named(name: str) -> None:
    simulated = SimulatedHost.build("2022")
    leased(simulated)
    text = stored_record(simulated)
    body = json.loads(text[text.index("{") :])
    body["lease"][name] = "somebody's"
    put_record(simulated, text[: text.index("{")] + json.dumps(body, sort_keys=True, separators=(",", ":")))
    assert f"lease.{name} is not as written" in unbelieved(simulated)


LEASE_FORGERIES: tuple[tuple[str, object, str], ...] = (
    ("setting", "security_layer", "it is of security_layer"),
    ("weakened", (), "weakened cannot be ()"),
    ("weakened", (0, 7), "weakened cannot be (0, 7)"),
    ("restores", 0, "restores cannot be 0"),
    ("lasts", 0, "lasts cannot be 0"),
    ("lasts", 86401, "lasts cannot be 86401"),
    ("until", "2026-06-15", "until cannot be '2026-06-15'"),
    ("until", "2026-13-45T00:00:00Z", "until cannot be '2026-13-45T00:00:00Z'"),
)


@pytest.mark.parametrize(("name", "value", "why"), LEASE_FORGERIES, ids=lambda given: str(given)[:24])
def test_a_lease_that_is_forged_with_its_digest_is_refused_for_what_it_says(name: str, value: object, why: str) -> None:
    simulated = SimulatedHost.build("2022")
    noted = leased(simulated)
    forged = replace(noted, lease=replace(noted.lease, **{name: value}))
    put_record(simulated, seal(to_plain(forged)))
    assert why in unbelieved(simulated)


@pytest.mark.parametrize("until", ["2999-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
@pytest.mark.parametrize("given", [{"state": "keep"}, {"state": "required"}, {"state": "off", "lease": "30m"}])
def test_a_lease_whose_end_is_forged_to_be_far_off_is_ended_at_once(until: str, given: dict[str, t.Any]) -> None:
    simulated = SimulatedHost.build("2022")
    before = settings_state(simulated)
    noted = leased(simulated)
    put_record(simulated, seal(to_plain(replace(noted, lease=replace(noted.lease, until=until)))))
    fix(job(simulated, "again"), REMEDIES["nla"], {**defaults(REMEDIES["nla"].options), **given})
    assert connect(simulated).effective("nla") == 1
    simulated.clock.advance(31 * 60)
    assert settings_state(simulated) == before


def test_a_lease_from_another_machine_counts_for_nothing_and_its_task_ends_it() -> None:
    simulated = SimulatedHost.build("2022")
    before = settings_state(simulated)
    noted = leased(simulated)
    put_record(simulated, seal(to_plain(replace(noted, machine="the machine that the image was made of"))))
    host = connect(simulated)
    assert (_lease.records(host), _lease.record(host, "nla")) == ([], None)
    simulated.clock.advance(31 * 60)
    assert settings_state(simulated) == before


# --- firewall rules


def test_a_forged_entry_does_not_enable_a_rule_that_lets_somebody_in() -> None:
    simulated = SimulatedHost.build("2022")
    key, entry = journaled(simulated)
    host = connect(simulated)
    closed = next(
        rule for rule in simulated.windows.firewall.rules() if not rule.id.startswith(("RemoteDesktop-", "WINRM-"))
    )
    simulated.windows.firewall.put(replace(closed, enabled=False))
    forged = Change("firewall", "firewall_rule", closed.id, {"enabled": True}, {"enabled": False}, "")
    host.registry.write(key, "0001", encode(replace(entry, change=forged)))
    before = settings_state(simulated)
    undoing = rollback(job(simulated, "back"), "last", force=False)
    assert "lets somebody in" in undoing.left[closed.id]
    assert settings_state(simulated) == before
