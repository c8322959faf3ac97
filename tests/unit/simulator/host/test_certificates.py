# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates and keys: what is served, what renews itself, whose keys lie where."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from tests.simulator.host import SimulatedHost
from tests.simulator.windows.certificates import Request, container_file
from tests.simulator.windows.editions import FLEET_VERSIONS, LANGUAGES
from tests.simulator.windows.files import MACHINE_KEYS
from tests.simulator.windows.keys import private_key
from tests.simulator.windows.system import TASK_TOKEN
from tests.unit.simulator.host.test_files import OLD, run
from tests.unit.simulator.host.wmi import Wmi

RESTART = "net stop TermService /y & net start SessionEnv & net start TermService"
TENANTS = ("iis_keys", "winrm_https", "sql_server", "federation", "azure_agent")


def events(host: SimulatedHost) -> list[int]:
    return [event.code for event in host.windows.events.all()]


def tls(host: SimulatedHost) -> object:
    return host.probe_view()["tls"]


def restart(host: SimulatedHost) -> None:
    run(host, RESTART)
    host.clock.advance(10)


@pytest.mark.parametrize(
    ("container", "name"),
    [("TSSecKeySet1", "f686aace6942fb7f7ceb231212eef4a4"), ("iisConfigurationKey", "6de9cb26d2b98c01ec4e9e8b34824aa2")],
)
def test_names_of_key_files(container: str, name: str) -> None:
    assert container_file(container) == name


def test_an_outdated_signature_is_a_valid_one() -> None:
    added = SimulatedHost.build("2022").windows.certificates.add("old.corp.example", Request(key=2, sha1=True))
    made, outdated = added.certificate, hashes.SHA1()
    assert made.signature_algorithm_oid.dotted_string == "1.2.840.113549.1.1.5"
    public = private_key(2).public_key()
    assert made.public_key() == public
    public.verify(made.signature, made.tbs_certificate_bytes, PKCS1v15(), outdated)


@pytest.mark.parametrize("version", FLEET_VERSIONS)
@pytest.mark.parametrize(
    ("breakage", "before", "after"),
    [
        ("key_missing", "reset", "ok"),
        ("key_unreadable", "reset", "reset"),
        ("certificate_missing", None, "ok"),
        ("machine_guid_changed", "reset", "ok"),
        ("key_in_cng", "reset", "reset"),
        ("key_not_imported", "reset", "reset"),
        ("certificate_pinned_missing", None, None),
        ("certificate_expired", "ok", "ok"),
        ("folder_acl", "ok", "ok"),
        ("store_acl", None, None),
    ],
)
def test_what_a_restart_cures(version: str, breakage: str, before: str | None, after: str | None) -> None:
    host = SimulatedHost.build(version, breakages=[breakage])
    assert tls(host) == before
    host.clock.advance(60)
    assert tls(host) == before
    restart(host)
    assert tls(host) == after


def expired(host: SimulatedHost) -> bool:
    bound = host.windows.certificates.bound()
    return bound is not None and bound.certificate.not_valid_after_utc < host.clock.now()


def test_renewal_is_asynchronous_and_reported(host: SimulatedHost) -> None:
    host = SimulatedHost.build(breakages=["certificate_expired"])
    run(host, RESTART)
    assert expired(host)
    host.clock.advance(10)
    assert not expired(host)
    assert 1056 in events(host)


@pytest.mark.parametrize(("breakage", "code"), [("folder_acl", 1058), ("store_acl", 1057)])
def test_renewal_that_is_denied_is_reported_until_the_descriptor_is_mended(breakage: str, code: int) -> None:
    host = SimulatedHost.build(breakages=[breakage])
    count = events(host).count(code)
    restart(host)
    assert events(host).count(code) > count
    if breakage == "folder_acl":
        assert run(host, f'icacls "{MACHINE_KEYS}" /remove:d *S-1-5-18').code == 0
        run(host, f'icacls "{MACHINE_KEYS}" /grant *S-1-5-18:F')
        restart(host)
        assert not expired(host)


@pytest.mark.parametrize(
    ("breakage", "code"), [("certificate_wrong_usage", 1054), ("certificate_pinned_expired", 1053)]
)
def test_a_bad_pinned_certificate_is_reported_at_start(breakage: str, code: int) -> None:
    host = SimulatedHost.build(breakages=[breakage])
    restart(host)
    assert code in events(host)
    assert tls(host) == "ok"


def test_a_weak_key_is_served() -> None:
    host = SimulatedHost.build(breakages=["certificate_weak"])
    bound = host.windows.certificates.bound()
    assert bound is not None
    assert bound.certificate.public_key().key_size == 1024  # type: ignore[union-attr]  # an RSA key
    assert tls(host) == "ok"


def test_an_ace_on_the_key_file_cures_a_key_in_cng() -> None:
    host = SimulatedHost.build(breakages=["key_in_cng"])
    bound = host.windows.certificates.bound()
    assert bound is not None
    path = host.windows.certificates.file_of(bound)
    assert "\\Crypto\\Keys\\" in path
    assert run(host, f'icacls "{path}" /grant *S-1-5-20:R').code == 0
    assert tls(host) == "ok"


def test_template_beats_pin_and_pin_beats_the_own_certificate() -> None:
    host = SimulatedHost.build(
        traits=["pinned_certificate", "certificate_template"], switches={"enum_shape": "complete"}
    )
    row = Wmi(host).query("select * from Win32_TSGeneralSetting", ns="root/cimv2/TerminalServices")[0]
    assert row["SSLCertificateSHA1HashType"] == "2"
    own, bound = host.windows.certificates.own(), host.windows.certificates.bound()
    assert own is not None
    assert bound is not None
    assert bound.thumbprint not in (own.thumbprint, host.windows.certificates.pinned())


@pytest.mark.parametrize("trait", TENANTS)
def test_tenants_are_healthy_and_have_keys(trait: str) -> None:
    plain, host = SimulatedHost.build(), SimulatedHost.build(traits=[trait])
    assert tls(host) == "ok"
    assert len(host.windows.files.below(MACHINE_KEYS)) > len(plain.windows.files.below(MACHINE_KEYS))


@pytest.mark.parametrize("minted", [True, False])
def test_services_mint_keys_in_the_gap_of_a_rename(minted: bool) -> None:
    host = SimulatedHost.build(traits=["iis_keys"], switches={"keys_minted_in_gap": minted})
    Wmi(host).invoke("Win32_Directory", "Rename", keys={"Name": MACHINE_KEYS}, FileName=OLD)
    host.clock.advance(5)
    assert (len(host.windows.files.below(MACHINE_KEYS)) == 6) is minted
    restart(host)
    assert tls(host) == "ok"


@pytest.mark.parametrize("language", LANGUAGES)
def test_certutil_names_the_key_file_in_every_language(language: str) -> None:
    host = SimulatedHost.build(language=language, traits=["pinned_certificate"])
    for store in ("My", '"Remote Desktop"'):
        output = run(host, f"certutil -store {store}")
        assert output.code == 0
    assert host.windows.certificates.key_file.rpartition("\\")[2] in output.stdout
    assert run(host, "certutil -store My 00").code == 0x80092004 - 2**32
    assert run(host, f"certutil -delstore My {host.windows.certificates.pinned()}").code == 0
    assert run(host, f"certutil -repairstore My {host.windows.certificates.pinned()}").code < 0
    assert host.windows.certificates.bound() is None


def test_system_meets_access_checks_like_everybody() -> None:
    host = SimulatedHost.build(breakages=["folder_acl"])
    assert not host.windows.files.allows(MACHINE_KEYS, TASK_TOKEN, 2)
