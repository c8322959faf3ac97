# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every way to authenticate, by a real run of an action: what protects the messages, and what a wrong password says.

The simulated hosts ask for channel binding (CbtHardeningLevel Strict) and refuse messages that are not protected.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.running import running_fleet
from tests.simulator.host import DEFAULT_CREDENTIAL
from tests.support.authentication import COLUMNS, SERVICE, TABLE, WRONG, Cell, Seen, cells, try_cells
from tests.support.kdc import missing, running_kdc

METHODS = [method for method in TABLE if method != "kerberos"]
OPTIONS = ("--auth", "every", "--channel-binding", "Strict", "--max-seconds", "600")

REFUSALS = {
    ("winrm", "basic"): "The host refuses unencrypted messages",
    ("winrm", "certificate"): "The host rejected the credentials",
    ("winrm", "negotiate"): "does not support transport(s)",
    ("psrp", "basic"): "Cannot use message encryption with auth 'basic'",
    ("psrp", "certificate"): "Cannot use message encryption with auth 'certificate'",
}
"""What is said where a way is refused or not offered."""


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    hosts = len(METHODS) * len(COLUMNS) + 4
    with running_fleet(tmp_path_factory.mktemp("fleet"), "--hosts", str(hosts), *OPTIONS) as running:
        yield running


def shown(seen: Seen) -> str:
    """What protected the messages of a run, as the host saw it."""
    if seen.ended != "ok":
        return "refused"
    return "sealed" if seen.sealed >= 2 and not seen.unsealed else "TLS" if not seen.sealed else "mixed"


def proof(cell: Cell) -> str:
    """What a host counts as the client's proof; Negotiate is NTLM where there is no ticket."""
    return {"negotiate": "ntlm"}.get(cell.method, cell.method)


def test_every_way_protects_the_messages_as_the_table_says(fleet, tmp_path):
    found = try_cells(fleet, cells(METHODS), tmp_path / "right")
    expected = {cell: cell.outcome.replace("not offered", "refused") for cell in found}
    assert {cell: shown(seen) for cell, seen in found.items()} == expected
    for cell, seen in found.items():
        if seen.ended == "ok":
            assert set(seen.logons) == {proof(cell)}, cell
        else:
            assert REFUSALS[cell.connection, cell.method] in seen.message, cell


def test_a_wrong_password_or_certificate_gives_one_clear_message_in_every_way(fleet, tmp_path):
    tried = [cell for cell in cells(METHODS) if cell.outcome in ("sealed", "TLS")]
    found = try_cells(fleet, tried, tmp_path / "wrong", WRONG)
    assert {cell: seen.ended for cell, seen in found.items()} == dict.fromkeys(tried, "unreachable")
    for cell, seen in found.items():
        assert "The host rejected the credentials" in seen.message, cell
        assert "Check ansible_user, ansible_password" in seen.message, cell
        assert (seen.sealed, seen.unsealed, seen.logons) == (0, 0, {}), cell


def test_messages_without_encryption_are_refused_as_the_host_says(fleet, tmp_path):
    tried = [
        Cell("winrm", "ntlm", "http", (("ansible_winrm_message_encryption", "never"),)),
        Cell("psrp", "ntlm", "http", (("ansible_psrp_message_encryption", "never"),)),
    ]
    found = try_cells(fleet, tried, tmp_path / "plain")
    for cell, seen in found.items():
        assert (seen.ended, seen.unsealed) == ("unreachable", 1), cell
        assert "The host refuses unencrypted messages" in seen.message, cell


def test_channel_binding_is_kept_and_its_absence_noticed(fleet, tmp_path):
    kept = [Cell("winrm", "ntlm", "https"), Cell("psrp", "ntlm", "https")]
    without = [
        replace(kept[0], variables=(("ansible_winrm_send_cbt", False),)),
        replace(kept[1], variables=(("ansible_psrp_negotiate_send_cbt", False),)),
    ]
    found = try_cells(fleet, [*kept, *without], tmp_path / "binding")
    assert [seen.ended for seen in found.values()] == ["ok", "ok", "unreachable", "unreachable"]


def test_an_authentication_that_somebody_passes_on_is_refused(tmp_path):
    tried = [Cell("winrm", "ntlm", "https"), Cell("psrp", "ntlm", "https"), Cell("psrp", "negotiate", "https")]
    with running_fleet(tmp_path, "--hosts", "3", "--auth", "every", "--relayed") as fleet:
        found = try_cells(fleet, tried, tmp_path / "relayed")
    assert {cell: seen.ended for cell, seen in found.items()} == dict.fromkeys(tried, "unreachable")


@pytest.mark.parametrize(
    ("flaw", "said"),
    [("expired", "has expired"), ("other_name", "mismatch"), ("other_authority", "unable to get local issuer")],
)
def test_a_host_with_a_wrong_certificate_is_refused_unless_the_inventory_says_ignore(tmp_path, flaw, said):
    refused = [Cell("winrm", "ntlm", "https"), Cell("psrp", "ntlm", "https")]
    ignored = [
        replace(refused[0], variables=(("ansible_winrm_server_cert_validation", "ignore"),)),
        replace(refused[1], variables=(("ansible_psrp_cert_validation", "ignore"),)),
    ]
    with running_fleet(tmp_path, "--hosts", "4", *OPTIONS, "--certificate-flaw", flaw) as fleet:
        found = try_cells(fleet, [*refused, *ignored], tmp_path / flaw)
    assert [seen.ended for seen in found.values()] == ["unreachable", "unreachable", "ok", "ok"]
    for cell in refused:
        assert "TLS failed" in found[cell].message
        assert said in found[cell].message
        assert "certificate options" in found[cell].message
        assert found[cell].logons == {}


@pytest.mark.skipif(bool(missing()), reason=f"Kerberos needs {', '.join(missing())}, which .ci/run installs")
def test_kerberos_against_a_real_kdc(tmp_path, monkeypatch):
    tried = [*cells(["kerberos"]), *(cell for cell in cells(["negotiate"]) if cell.connection == "psrp")]
    unknown = [
        replace(tried[0], variables=(("ansible_winrm_kerberos_hostname_override", "unknown.winfleet.test"),)),
        replace(tried[2], variables=(("ansible_psrp_negotiate_hostname_override", "unknown.winfleet.test"),)),
    ]
    place = tmp_path / "realm"
    place.mkdir()
    with running_kdc(place) as kdc:
        kdc.add_user("Administrator", DEFAULT_CREDENTIAL)
        kdc.add_host(SERVICE)
        for name, value in kdc.environment.items():
            monkeypatch.setenv(name, value)
        with running_fleet(tmp_path, "--hosts", "8", *OPTIONS) as fleet:
            found = try_cells(fleet, [*tried, *unknown], tmp_path / "right")
            refused = try_cells(fleet, tried, tmp_path / "wrong", WRONG)
        secure = [cell for cell in tried if cell.scheme == "https"]
        with running_fleet(tmp_path, "--hosts", "3", *OPTIONS, "--relayed") as fleet:
            relayed = try_cells(fleet, secure, tmp_path / "relayed")
    strangers = [found.pop(cell) for cell in unknown]
    assert {cell: shown(seen) for cell, seen in found.items()} == {cell: cell.outcome for cell in tried}
    assert {cell: set(seen.logons) for cell, seen in found.items()} == {cell: {"kerberos"} for cell in tried}
    assert {cell: seen.ended for cell, seen in refused.items()} == dict.fromkeys(tried, "unreachable")
    for cell, seen in refused.items():
        said = "Kerberos gave no ticket" if cell.method == "kerberos" else "The host rejected the credentials"
        assert said in seen.message, cell
    assert {cell: seen.ended for cell, seen in relayed.items()} == dict.fromkeys(secure, "unreachable")
    assert [seen.ended for seen in strangers] == ["unreachable"] * 2
    for seen in strangers:
        assert "unknown.winfleet.test@WINFLEET.TEST not found in Kerberos database" in seen.message
