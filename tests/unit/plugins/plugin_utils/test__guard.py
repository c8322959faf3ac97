# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who may reach what the collection keeps on a host."""

from __future__ import annotations

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils import _journal
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.registry import PROTECTED
from ansible_collections.winfleet.rdp.plugins.plugin_utils._fix import fix
from ansible_collections.winfleet.rdp.plugins.plugin_utils._guard import ROOT, Exposed
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.lease import RECORDS
from ansible_collections.winfleet.rdp.plugins.plugin_utils._observe import observe
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies import REMEDIES, defaults
from ansible_collections.winfleet.rdp.plugins.plugin_utils._rollback import rollback

from tests.simulator.host import SimulatedHost
from tests.simulator.windows.security import SYSTEM_TOKEN, SecurityDescriptor
from tests.support.in_process import connect, job, settings_state

OURS = "O:BAG:SYD:PAI(A;CI;KA;;;SY)(A;CI;KA;;;BA)"
WRITABLE = ["(A;CI;KA;;;BU)", "(A;;KW;;;WD)", "(A;CIIO;0x2;;;AU)", "(A;;WD;;;S-1-5-21-1-2-3-1001)", "(A;;GA;;;NS)"]
READ, WRITE = 0x20019, 0x20006


def fixed(simulated: SimulatedHost, run_id: str = "run-1", drain: str = "on") -> None:
    options = {**defaults(REMEDIES["remote_desktop"].options), "drain": drain}
    fix(job(simulated, run_id), REMEDIES["remote_desktop"], options)


def leased(simulated: SimulatedHost) -> None:
    options = {**defaults(REMEDIES["nla"].options), "state": "off", "lease": "30m"}
    fix(job(simulated, "leased"), REMEDIES["nla"], options)


def keys_below(simulated: SimulatedHost, path: str) -> list[str]:
    names = connect(simulated).registry.keys(path) or []
    return [path, *(key for name in names for key in keys_below(simulated, rf"{path}\{name}"))]


def expose(simulated: SimulatedHost, key: str, entry: str) -> None:
    simulated.windows.registry.set_descriptor(key, SecurityDescriptor.from_sddl(OURS + entry))


def test_administrators_and_system_alone_reach_journal_and_leases() -> None:
    simulated = SimulatedHost.build("2022")
    fixed(simulated)
    leased(simulated)
    keys = keys_below(simulated, ROOT)
    assert len(keys) == 5
    assert RECORDS in keys
    for key in keys:
        descriptor = simulated.windows.registry.descriptor(key)
        for account in ("Administrator", "ansible", "operator"):
            caller = simulated.caller_for(account)
            assert caller is not None
            expected = account == "Administrator"
            assert [descriptor.allows(caller, wanted) for wanted in (0x1, 0x8, READ, WRITE)] == [expected] * 4, key
        assert descriptor.allows(SYSTEM_TOKEN, READ | WRITE)


@pytest.mark.parametrize("entry", WRITABLE)
def test_a_journal_that_others_may_write_is_neither_played_back_nor_written_on(entry: str) -> None:
    simulated = SimulatedHost.build("2022")
    fixed(simulated)
    expose(simulated, ROOT, entry)
    before, writes = simulated.state_json(), simulated.counters.writes
    with pytest.raises(Exposed, match="Others than Administrators and SYSTEM") as caught:
        rollback(job(simulated, "back"), "last", force=True)
    assert ROOT in caught.value.message
    with pytest.raises(Exposed):
        fixed(simulated, "again", "off")
    assert (simulated.state_json(), simulated.counters.writes) == (before, writes)


@pytest.mark.parametrize("depth", [1, 2])
def test_a_key_below_the_root_that_others_may_write_is_not_played_back(depth: int) -> None:
    simulated = SimulatedHost.build("2022")
    fixed(simulated)
    key = [_journal.RUNS, keys_below(simulated, _journal.RUNS)[1]][depth - 1]
    expose(simulated, key, "(A;;KA;;;BU)")
    before = simulated.state_json()
    with pytest.raises(Exposed) as caught:
        rollback(job(simulated, "back"), "last", force=True)
    assert key in caught.value.message
    assert simulated.state_json() == before


def test_what_others_could_only_read_is_closed_by_the_next_run() -> None:
    simulated = SimulatedHost.build("2022")
    before = settings_state(simulated)
    fixed(simulated)
    expose(simulated, ROOT, "(A;CI;KR;;;BU)")
    fixed(simulated, "again", "until_restart")
    assert simulated.windows.registry.descriptor(ROOT).to_sddl() == SecurityDescriptor.from_sddl(PROTECTED).to_sddl()
    rollback(job(simulated, "back"), "all", force=False)
    assert settings_state(simulated) == before


def test_a_root_that_was_cut_off_before_it_was_closed_is_closed() -> None:
    simulated = SimulatedHost.build("2022")
    connect(simulated).registry.create_key(ROOT)
    assert ";;;BU" in simulated.windows.registry.descriptor(ROOT).to_sddl()
    fixed(simulated)
    assert ";;;BU" not in simulated.windows.registry.descriptor(ROOT).to_sddl()


def test_a_root_that_somebody_else_owns_is_taken_over() -> None:
    simulated = SimulatedHost.build("2022")
    registry = simulated.windows.registry
    connect(simulated).registry.create_key(ROOT)
    registry.set_descriptor(ROOT, SecurityDescriptor.from_sddl(OURS.replace("O:BA", "O:BU")))
    fixed(simulated)
    assert registry.descriptor(ROOT).to_sddl().startswith("O:BA")


def test_records_of_leases_that_others_may_write_are_not_believed() -> None:
    simulated = SimulatedHost.build("2022")
    leased(simulated)
    expose(simulated, RECORDS, "(A;;KW;;;BU)")
    assert "may write to" in observe(connect(simulated), ["leases"]).unread["leases"]
