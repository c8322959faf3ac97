# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The host as a whole: state, clock, faults, accounts, switches, schemas."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from lxml import etree

from tests.simulator.breakages import BREAKAGES, UnknownBreakage
from tests.simulator.faults import NAMED, UnknownFault
from tests.simulator.host import DEFAULT_CREDENTIAL, SCHEMAS, SimulatedHost
from tests.simulator.providers.catalogue import FACTORIES
from tests.simulator.switches import HOST_SWITCHES, SWITCHES, UnknownSwitch
from tests.simulator.traits import TRAITS, UnknownTrait
from tests.simulator.windows.editions import FLEET_VERSIONS, LANGUAGES
from tests.simulator.wsman.schema import SchemaSet
from tests.unit.simulator.host.wmi import Fault, Wmi

TS = r"SYSTEM\CurrentControlSet\Control\Terminal Server"


def test_state_is_canonical_and_the_same_for_the_same_seed() -> None:
    one, two = SimulatedHost.build(seed=4), SimulatedHost.build(seed=4)
    assert one.state_json() == two.state_json()
    assert json.loads(one.state_json()) == json.loads(json.dumps(one.state()))
    assert SimulatedHost.build(seed=5).state_json() != one.state_json()


def test_reading_everything_changes_nothing(host: SimulatedHost, wmi: Wmi) -> None:
    before = host.state_json()
    for schema in host.schemas():
        wmi.query(f"select * from {schema.name}", ns=schema.namespace)
    assert host.state_json() == before
    assert host.counters.writes == 0
    assert host.counters.operations["enumerate"] == len(list(host.schemas()))


def test_restarts_and_time_leave_the_state_alone(host: SimulatedHost) -> None:
    before = host.state_json()
    caller = host.caller_for("Administrator")
    assert caller is not None
    host.run_command("net stop TermService /y & net start TermService & net start UmRdpService", caller, b"")
    host.windows.sessions.add("somebody")
    host.clock.advance(3600)
    assert host.state_json() == before


def test_writing_back_restores_the_state(host: SimulatedHost, wmi: Wmi) -> None:
    before = host.state_json()
    wmi.registry("SetDWORDValue", TS, "fDenyTSConnections", uValue=1)
    wmi.registry("CreateKey", r"SOFTWARE\New")
    assert host.state_json() != before
    wmi.registry("SetDWORDValue", TS, "fDenyTSConnections", uValue=0)
    wmi.registry("DeleteKey", r"SOFTWARE\New")
    assert host.state_json() == before


def test_every_instance_of_every_class_fits_its_schema_on_every_build() -> None:
    for version in FLEET_VERSIONS:
        for language in LANGUAGES:
            host = SimulatedHost.build(version, language, traits=["many_sessions"], breakages=["rdp_denied_by_policy"],
                                       switches={"enum_shape": "complete"})  # fmt: skip
            for schema in host.schemas():
                Wmi(host).query(f"select * from {schema.name}", ns=schema.namespace)


def test_each_class_has_a_provider_and_a_source() -> None:
    schemas = list(SchemaSet.load(SCHEMAS))
    assert {schema.name for schema in schemas} == set(FACTORIES)
    assert all(len(schema.source) > 10 for schema in schemas)


def test_writes_and_shells_are_counted(host: SimulatedHost, wmi: Wmi) -> None:
    wmi.registry("SetDWORDValue", TS, "fDenyTSConnections", uValue=1)
    wmi.registry("GetDWORDValue", TS, "fDenyTSConnections")
    counted = host.counters.to_json()
    assert (counted["writes"], counted["total"], counted["shells_opened"]) == (1, 2, 0)
    assert host.counters.bytes_in > 1000
    host.counters.reset()
    assert host.counters.total == 0


def test_a_reboot_takes_time_and_ends_sessions(host: SimulatedHost, wmi: Wmi) -> None:
    host.windows.sessions.add("somebody")
    booted = host.windows.booted
    assert wmi.invoke("Win32_OperatingSystem", "Reboot")["ReturnValue"] == "0"
    assert host.probe_view()["tcp"] == "timeout"
    with pytest.raises(ConnectionRefusedError):
        wmi.query("select * from Win32_OperatingSystem")
    host.clock.advance(60)
    assert host.windows.booted > booted
    assert host.probe_view()["tcp"] == "open"
    assert host.windows.sessions.logged_off == ["somebody"]


def test_schannel_reads_its_settings_at_boot() -> None:
    host = SimulatedHost.build(breakages=["tls_server_disabled"])
    for version in ("TLS 1.0", "TLS 1.1", "TLS 1.2", "TLS 1.3"):
        key = rf"HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols\{version}\Server"
        host.windows.registry.delete_tree(key)
    assert host.probe_view()["tls"] == "alert_80"
    host.windows.reboot()
    host.clock.advance(60)
    assert host.probe_view()["tls"] == "ok"


def test_local_accounts_lose_their_group_over_the_network() -> None:
    host = SimulatedHost.build()
    built_in, other = host.caller_for("administrator"), host.caller_for(r"HOST001\ansible")
    assert built_in is not None
    assert other is not None
    assert (built_in.is_administrator, other.is_administrator) == (True, False)
    key = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System"
    host.windows.registry.put_dword(key, "LocalAccountTokenFilterPolicy", 1)
    unfiltered = host.caller_for("ansible")
    assert unfiltered is not None
    assert unfiltered.is_administrator


@pytest.mark.parametrize(("user", "password", "good"), [
    ("Administrator", DEFAULT_CREDENTIAL, True), ("ADMINISTRATOR", DEFAULT_CREDENTIAL, True),
    ("Administrator", "wrong", False), ("nobody", DEFAULT_CREDENTIAL, False),
    (r"OTHER\Administrator", DEFAULT_CREDENTIAL, False),
])  # fmt: skip
def test_passwords(host: SimulatedHost, user: str, password: str, good: bool) -> None:
    assert (host.authenticate_basic(user, password) is not None) is good


def test_a_fault_strikes_the_nth_operation_once(host: SimulatedHost, wmi: Wmi) -> None:
    host.injector.add("wmi_80041003", at=2)
    assert wmi.registry("EnumKey", TS)["ReturnValue"] == "0"
    with pytest.raises(Fault):
        wmi.registry("EnumKey", TS)
    assert wmi.registry("EnumKey", TS)["ReturnValue"] == "0"


def test_a_fault_at_a_class_strikes_a_query_of_it(host: SimulatedHost, wmi: Wmi) -> None:
    planned = host.injector.add("access_denied", at={"class": "Win32_Service"})
    wmi.query("select Name from Win32_Process")
    assert planned.struck == 0
    with pytest.raises(Fault):
        wmi.query("select Name from Win32_Service")
    assert planned.struck == 1


@pytest.mark.parametrize(("name", "acted"), [("reset_before", 0), ("reset_after", 1)])
def test_a_reset_before_or_after_acting(host: SimulatedHost, wmi: Wmi, name: str, acted: int) -> None:
    host.injector.add(name, at={"class": "StdRegProv", "write": True})
    assert wmi.registry("EnumKey", TS)["ReturnValue"] == "0"
    with pytest.raises(ConnectionResetError):
        wmi.registry("SetDWORDValue", TS, "fDenyTSConnections", uValue=1)
    assert host.windows.registry.dword(f"HKLM\\{TS}", "fDenyTSConnections") == acted


def test_a_reboot_at_a_read_is_noticed(host: SimulatedHost, wmi: Wmi) -> None:
    noticed: list[bool] = []
    host.changed.append(lambda: noticed.append(host.winrm_open()))
    host.injector.add("reboot")
    with pytest.raises(ConnectionResetError):
        wmi.registry("EnumKey", TS)
    assert noticed == [False]


def test_a_reboot_as_a_fault(host: SimulatedHost, wmi: Wmi) -> None:
    host.injector.add("reboot_after")
    with pytest.raises(ConnectionResetError):
        wmi.registry("SetDWORDValue", TS, "fDenyTSConnections", uValue=1)
    assert not host.winrm_open()
    assert host.windows.registry.dword(f"HKLM\\{TS}", "fDenyTSConnections") == 1


@pytest.mark.parametrize("name", list(NAMED))
def test_no_fault_is_mute(host: SimulatedHost, wmi: Wmi, name: str) -> None:
    host.injector.add(name)
    try:
        status, body = 200, str(wmi.registry("EnumKey", TS))
    except (Fault, ConnectionError, etree.XMLSyntaxError) as error:
        status, body = 0, str(error)
    slow = name in ("drip", "slow")
    assert (status == 200) is slow, body


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: SimulatedHost.build(breakages=["nonsense"]), UnknownBreakage),
        (lambda: SimulatedHost.build(traits=["nonsense"]), UnknownTrait),
        (lambda: SimulatedHost.build(switches={"nonsense": 1}), UnknownSwitch),
        (lambda: SimulatedHost.build(switches={"live_deny": "never"}), UnknownSwitch),
        (lambda: SimulatedHost.build().injector.add("nonsense"), UnknownFault),
    ],
)
def test_unknown_names_are_refused(call: Callable[[], object], error: type[Exception]) -> None:
    with pytest.raises(error):
        call()


def test_every_value_of_every_switch_builds_and_answers() -> None:
    for name, spec in SWITCHES.items():
        for value in spec.choices:
            host = SimulatedHost.build(switches={name: value})
            assert host.handle(b"<no/>")[0] in (400, 500)


def test_every_switch_of_the_host_is_read_somewhere() -> None:
    folder = Path(SCHEMAS).parent
    sources = "".join(path.read_text(encoding="utf-8") for path in folder.rglob("*.py") if path.name != "switches.py")
    live = {f"live_{source}" for source in ("deny", "port", "security", "services", "sessions", "transport")}
    unread = {name for name in set(HOST_SWITCHES) - live if f'"{name}"' not in sources}
    assert not unread
    assert live <= set(HOST_SWITCHES)


def test_descriptions_are_words() -> None:
    for table in (BREAKAGES, TRAITS):
        assert all(10 < len(item.meaning) < 110 and not item.meaning.endswith(".") for item in table.values())


def test_a_remote_shell_can_be_forbidden() -> None:
    assert SimulatedHost.build().winrm_config()["AllowRemoteShellAccess"] is True
    assert SimulatedHost.build(traits=["no_shell"]).winrm_config()["AllowRemoteShellAccess"] is False
