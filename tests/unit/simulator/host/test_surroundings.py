# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What surrounds Remote Desktop: reboots, BitLocker, TLS policy, limits, permissions, licensing, other programs."""

from __future__ import annotations

import struct
from datetime import timedelta

import pytest

from tests.simulator.host import SimulatedHost
from tests.simulator.switches import SWITCHES
from tests.simulator.windows.certificates import LISTENER
from tests.simulator.windows.listener import TERMINAL_SERVER
from tests.simulator.windows.registry import Type
from tests.simulator.windows.schannel import LOCAL_CIPHERS, PROTOCOLS
from tests.simulator.windows.winsock import BASE, ENTRIES, ENTRIES_32, LAYERED
from tests.unit.simulator.host.test_files import run
from tests.unit.simulator.host.wmi import Fault, Wmi

COMPLETE = {"enum_shape": "complete"}
TERMINAL_SERVICES = "root/cimv2/TerminalServices"
VOLUMES = "root/cimv2/Security/MicrosoftVolumeEncryption"
RESTART = "net stop TermService /y & net start SessionEnv & net start TermService"


def reboot(host: SimulatedHost) -> str:
    return str(Wmi(host).invoke("Win32_OperatingSystem", "Reboot")["ReturnValue"])


def view(host: SimulatedHost) -> tuple[object, object]:
    seen = host.probe_view()
    return seen["tcp"], seen["tls"]


@pytest.mark.parametrize(("blocked", "moved"), [(False, True), (True, False)])
def test_users_may_block_an_unforced_reboot_despite_success(blocked: bool, moved: bool) -> None:
    host = SimulatedHost.build(traits=["many_sessions"], switches={"reboot_blocked_by_users": blocked})
    booted = host.windows.booted
    assert reboot(host) == "0"
    host.clock.advance(120)
    assert (host.windows.booted != booted) is moved
    if blocked:
        assert run(host, "shutdown /r /f /t 0").code == 0
        host.clock.advance(120)
        assert host.windows.booted != booted


REBOOTS = [("bitlocker_tpm", True), ("bitlocker_pin", False), ("winrm_manual", False)]


@pytest.mark.parametrize(("trait", "back"), REBOOTS)
def test_hosts_that_do_not_come_back(trait: str, back: bool) -> None:
    host = SimulatedHost.build(traits=[trait])
    assert host.winrm_open()
    reboot(host)
    host.clock.advance(120)
    assert host.winrm_open() is back
    host.windows.power_on()
    assert host.windows.is_up


def test_bitlocker_names_its_protectors_and_can_be_suspended_for_one_boot() -> None:
    host = SimulatedHost.build(traits=["bitlocker_pin"], switches=COMPLETE)
    wmi = Wmi(host)
    keys = {"DeviceID": wmi.query("select * from Win32_EncryptableVolume", ns=VOLUMES)[0]["DeviceID"]}
    ids = wmi.invoke("Win32_EncryptableVolume", "GetKeyProtectors", ns=VOLUMES, keys=keys)["VolumeKeyProtectorID"]
    assert isinstance(ids, list)
    types = {
        wmi.invoke("Win32_EncryptableVolume", "GetKeyProtectorType", ns=VOLUMES, keys=keys,
                   VolumeKeyProtectorID=item)["KeyProtectorType"]
        for item in ids
    }  # fmt: skip
    assert types == {"4", "3"}
    wmi.invoke("Win32_EncryptableVolume", "DisableKeyProtectors", ns=VOLUMES, keys=keys, DisableCount=1)
    reboot(host)
    host.clock.advance(120)
    assert host.winrm_open()
    assert host.windows.volume.protected


def test_servers_without_bitlocker_lack_the_namespace() -> None:
    with pytest.raises(Fault) as caught:
        Wmi(SimulatedHost.build()).query("select * from Win32_EncryptableVolume", ns=VOLUMES)
    assert 0x8004100E in caught.value.codes
    assert Wmi(SimulatedHost.build("11", switches=COMPLETE)).query("select * from Win32_EncryptableVolume", ns=VOLUMES)


def test_a_reboot_clears_what_waited_for_it() -> None:
    host = SimulatedHost.build(traits=["pending_reboot"])
    key = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootPending"
    assert host.windows.registry.exists(key)
    reboot(host)
    host.clock.advance(120)
    assert not host.windows.registry.exists(key)


def test_tls_policy_acts_after_a_reboot(host: SimulatedHost) -> None:
    for version in ("TLS 1.0", "TLS 1.1", "TLS 1.2", "TLS 1.3"):
        host.windows.registry.put_dword(rf"{PROTOCOLS}\{version}\Server", "Enabled", 0)
    run(host, RESTART)
    assert view(host)[1] == "ok"
    reboot(host)
    host.clock.advance(120)
    assert view(host)[1] == "alert_80"


@pytest.mark.parametrize(
    ("breakage", "outcome", "event"),
    [("cipher_suites_mismatch", "alert_40", 36874), ("fips_mismatch", "alert_80", 36871),
     ("cipher_suites_empty", "alert_40", 36874), ("tls12_disabled", "ok", None),
     ("cipher_suites_for_rsa", "alert_40", 36874)],
)  # fmt: skip
def test_cipher_policy(breakage: str, outcome: str, event: int | None) -> None:
    host = SimulatedHost.build(breakages=[breakage])
    assert view(host)[1] == outcome
    assert event is None or event in [item.code for item in host.windows.events.all()]


GCM, CBC, ECDSA = (
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_RSA_WITH_AES_256_CBC_SHA", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"
)  # fmt: skip
NEWEST = "TLS_AES_256_GCM_SHA384"
OLD = {"TLS 1.0", "TLS 1.1", "TLS 1.2"}


@pytest.mark.parametrize(
    ("names", "off", "elliptic", "served"),
    [
        ((GCM,), "", False, {"TLS 1.2"}), ((CBC,), "", False, OLD), ((CBC, NEWEST), "", False, OLD | {"TLS 1.3"}),
        ((NEWEST,), "", True, {"TLS 1.3"}), ((NEWEST,), "TLS 1.3", False, set()), ((GCM,), "TLS 1.2", False, set()),
        ((CBC,), "TLS 1.2", False, OLD - {"TLS 1.2"}), ((ECDSA,), "", True, {"TLS 1.2"}), ((ECDSA,), "", False, set()),
        ((GCM, CBC), "", True, set()), (("TLS_RSA_WITH_NULL_SHA256",), "", False, set()),
    ],
)  # fmt: skip
def test_a_version_is_served_where_it_is_on_and_has_a_suite_for_the_key(
    names: tuple[str, ...], off: str, elliptic: bool, served: set[str]
) -> None:
    host = SimulatedHost.build("2022", traits=["ecdsa_certificate"] if elliptic else [])
    host.windows.registry.put(LOCAL_CIPHERS, "Functions", Type.MULTI_SZ, names)
    if off:
        host.windows.registry.put_dword(rf"{PROTOCOLS}\{off}\Server", "Enabled", 0)
    reboot(host)
    host.clock.advance(120)
    assert host.windows.listener.protocols == served
    assert view(host)[1] == ("ok" if served else "alert_40")


def test_fips_raises_the_encryption_level() -> None:
    host = SimulatedHost.build(traits=["fips"])
    assert host.windows.listener.live().min_encryption == 4
    assert host.windows.listener.stored().min_encryption != 4


@pytest.mark.parametrize(("limit", "cured"), [(None, False), (3000, False), (10000, True)])
def test_a_flood_comes_back_unless_the_limit_is_beyond_it(limit: int | None, cured: bool) -> None:
    host = SimulatedHost.build(breakages=["connection_flood"])
    assert view(host)[0] != "open"
    if limit is not None:
        host.windows.registry.put_dword(TERMINAL_SERVER, "MaxOutstandingConnections", limit)
    run(host, RESTART)
    assert view(host)[0] == "open"
    host.clock.advance(60)
    assert (view(host)[0] == "open") is cured


@pytest.mark.parametrize("breakage", ["port_proxy", "port_excluded", "service_dll_replaced", "foreign_protocol"])
def test_others_in_the_listeners_place(breakage: str) -> None:
    host = SimulatedHost.build(breakages=[breakage])
    assert view(host)[0] != "open"
    run(host, RESTART)
    assert view(host)[0] != "open"


def test_who_owns_a_port_that_is_proxied() -> None:
    host = SimulatedHost.build(breakages=["port_proxy"], switches=COMPLETE)
    rows = Wmi(host).query("select * from MSFT_NetTCPConnection where LocalPort=3389", ns="root/StandardCimv2")
    owner = Wmi(host).query(f"select * from Win32_Process where ProcessId={rows[0]['OwningProcess']}")[0]
    assert owner["Name"] == "svchost.exe"
    assert "3389" in run(host, "netsh interface portproxy show all").stdout
    assert run(host, "netsh interface portproxy delete v6tov4 listenport=3389 listenaddress=0.0.0.0").code == 1
    assert run(host, "netsh interface portproxy delete v4tov4 listenport=3389 listenaddress=0.0.0.0").code == 0
    add = (
        "netsh interface portproxy add v6tov4 listenport=3389 listenaddress=* connectport=3389 connectaddress=10.0.0.9"
    )
    assert run(host, add).code == 0
    assert "10.0.0.9" in run(host, "netsh interface portproxy show all").stdout
    assert "10.0.0.9" not in run(host, "netsh interface portproxy show v4tov4").stdout
    assert view(host)[0] == "open"


def test_home_editions_let_nobody_in() -> None:
    assert view(SimulatedHost.build("11home"))[0] == "refused"


def test_listener_permissions_can_be_seen_and_restored() -> None:
    host = SimulatedHost.build(breakages=["listener_permissions"], switches=COMPLETE)
    wmi = Wmi(host)
    query = "select * from Win32_TSAccount where SID='S-1-5-32-555'"
    assert wmi.query(query, ns=TERMINAL_SERVICES)[0]["PermissionsDenied"] == "32"
    keys = {"TerminalName": "RDP-Tcp", "AccountName": r"BUILTIN\Remote Desktop Users"}
    wmi.invoke("Win32_TSAccount", "ModifyPermissions", ns=TERMINAL_SERVICES, keys=keys, PermissionMask=5, Allow=True)
    row = wmi.query(query, ns=TERMINAL_SERVICES)[0]
    assert (row["PermissionsDenied"], int(str(row["PermissionsAllowed"])) & 0x20) == ("0", 0x20)
    wmi.invoke("Win32_TSPermissionsSetting", "RestoreDefaults", ns=TERMINAL_SERVICES, keys={"TerminalName": "RDP-Tcp"})
    assert host.windows.registry.get(LISTENER, "Security") is None


@pytest.mark.parametrize(("breakages", "days"), [([], 120), (["license_grace_over"], 0)])
def test_licensing_grace(breakages: list[str], days: int) -> None:
    host = SimulatedHost.build(breakages=breakages)
    keys = {"ServerName": host.computer_name}
    row = Wmi(host).invoke("Win32_TerminalServiceSetting", "GetGracePeriodDays", ns=TERMINAL_SERVICES, keys=keys)
    assert row["DaysLeft"] == str(days)


@pytest.mark.parametrize(("numbers", "unset"), [("table", "4"), ("change_mode", "5")])
def test_numbers_of_licensing_types_are_a_switch(numbers: str, unset: str) -> None:
    host = SimulatedHost.build(traits=["session_host_role"], switches={**COMPLETE, "licensing_numbers": numbers})
    row = Wmi(host).query("select * from Win32_TerminalServiceSetting", ns=TERMINAL_SERVICES)[0]
    assert row["LicensingType"] == unset


def test_winsock_reset_leaves_base_providers() -> None:
    host = SimulatedHost.build(breakages=["winsock_layered"])
    registry = host.windows.registry
    assert len(registry.subkeys(ENTRIES)) == len(BASE + LAYERED)
    packed = registry.get(f"{ENTRIES}\\{5:012}", "PackedCatalogItem")
    assert packed.startswith(b"C:\\Program Files\\SecureTunnel")
    assert len(packed) == 260 + 628
    chained = registry.get(f"{ENTRIES}\\{6:012}", "PackedCatalogItem")
    identifiers = 260 + 20 + 16
    assert struct.unpack_from("<Ii2I", chained, identifiers) == (1011, 2, 1010, 1001)
    assert struct.unpack_from("<Ii", packed, identifiers) == (1010, 0)
    assert run(host, "netsh winsock reset", "operator").code == 1
    assert run(host, "netsh winsock reset").code == 0
    assert len(registry.subkeys(ENTRIES)) == len(registry.subkeys(ENTRIES_32)) == len(BASE)


def test_windows_of_32_bits_has_one_winsock_catalog_and_a_reset_makes_no_other() -> None:
    host = SimulatedHost.build(breakages=["winsock_layered"])
    registry = host.windows.registry
    registry.delete_tree(ENTRIES)
    assert len(registry.subkeys(ENTRIES_32)) == len(BASE + LAYERED)
    assert run(host, "netsh winsock reset").code == 0
    assert len(registry.subkeys(ENTRIES_32)) == len(BASE)
    assert not registry.exists(ENTRIES)


def test_a_full_disk_is_seen_and_prevents_renewal() -> None:
    host = SimulatedHost.build(breakages=["disk_full"], switches=COMPLETE)
    assert Wmi(host).query("select * from Win32_LogicalDisk where DeviceID='C:'")[0]["FreeSpace"] == "0"
    run(host, RESTART)
    host.clock.advance(5)
    bound = host.windows.certificates.bound()
    assert bound is not None
    assert bound.certificate.not_valid_after_utc < host.clock.now()


def test_clones_have_one_sid_and_new_versions_say_so() -> None:
    hosts = [SimulatedHost.build(version, traits=["cloned"], seed=seed) for seed, version in enumerate(("11", "2022"))]
    assert len({host.windows.machine.sid for host in hosts}) == 1
    assert [6167 in [event.code for event in host.windows.events.all()] for host in hosts] == [True, False]
    assert hosts[0].caller_for("Administrator") is not None


def test_a_wrong_clock_shows_in_the_challenge() -> None:
    right, wrong = SimulatedHost.build(), SimulatedHost.build(breakages=["time_skew"])
    assert wrong.clock.now() - right.clock.now() == timedelta(minutes=11)


def test_sessions_as_quser_shows_them() -> None:
    host = SimulatedHost.build(traits=["many_sessions", "german"])
    assert run(host, "quser").stdout.count("Getr.") == 4
    assert run(host, "query user").stdout == run(host, "quser").stdout
    assert run(host, "logoff 2").code == 0
    assert run(SimulatedHost.build(), "quser").code == 1


def test_processes_of_sessions_have_their_users_for_owners() -> None:
    host = SimulatedHost.build(switches=COMPLETE)
    wmi = Wmi(host)
    session = host.windows.sessions.add("Анна")
    host.windows.sessions.add("bert").domain = "CORP"
    rows = wmi.query("select * from Win32_Process where SessionId>0 and Name='sihost.exe'")
    assert [row["SessionId"] for row in rows] == ["2", "3"]
    owners = [wmi.invoke("Win32_Process", "GetOwner", keys={"Handle": row["Handle"]}) for row in rows]
    assert [(owner["Domain"], owner["User"]) for owner in owners] == [("HOST001", "Анна"), ("CORP", "bert")]
    assert host.counters.writes == 0
    session.hidden = True
    assert wmi.invoke("Win32_Process", "GetOwner", keys={"Handle": rows[0]["Handle"]})["ReturnValue"] == "2"
    host.windows.sessions.log_off_all()
    assert not wmi.query("select * from Win32_Process where SessionId>0")
    with pytest.raises(Fault) as caught:
        wmi.invoke("Win32_Process", "GetOwner", keys={"Handle": rows[0]["Handle"]})
    assert set(caught.value.codes) == {0x80338000}


def test_a_service_has_no_user_for_owner_and_who_is_no_administrator_is_told_nothing() -> None:
    host = SimulatedHost.build()
    system = {"Handle": "588"}
    assert Wmi(host).invoke("Win32_Process", "GetOwner", keys=system)["User"] == "SYSTEM"
    for wrong in ({"keys": None}, {"keys": system, "User": "anna"}):
        with pytest.raises(Fault):
            Wmi(host).invoke("Win32_Process", "GetOwner", **wrong)
    with pytest.raises(Fault):
        Wmi(host, "operator").invoke("Win32_Process", "GetOwner", keys=system)


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, switch in SWITCHES.items() for value in switch.choices]
)
def test_hosts_are_healthy_whatever_a_switch_says(name: str, value: object) -> None:
    host = SimulatedHost.build(switches={name: value})
    assert view(host) == ("open", "ok")
    reboot_and_wait(host)
    assert view(host) == ("open", "ok")


def reboot_and_wait(host: SimulatedHost) -> None:
    host.windows.reboot()
    host.clock.advance(120)
