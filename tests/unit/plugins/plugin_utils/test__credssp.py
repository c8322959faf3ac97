# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CredSSP with credentials against the simulated listener, which checks them with code of its own."""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Iterator

import pytest
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe import der
from ansible_collections.winfleet.rdp.plugins.plugin_utils import _credssp
from ansible_collections.winfleet.rdp.plugins.plugin_utils._credssp import Account, attempt
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.logon import LogonState

from tests.simulator.host import DEFAULT_CREDENTIAL, SimulatedHost
from tests.simulator.rdp import credssp, dialogue, nla, ntlm
from tests.support.listening import listening

ADMINISTRATOR = Account("Administrator", DEFAULT_CREDENTIAL)


@pytest.fixture
def simulated() -> SimulatedHost:
    return SimulatedHost.build("2022")


@pytest.fixture
def log_on(simulated: SimulatedHost) -> Iterator[Callable[[Account], LogonState]]:
    with listening(simulated) as port:
        yield lambda account: attempt("127.0.0.1", port, account)


LogOn = Callable[[Account], LogonState]


@pytest.mark.parametrize("name", ["Administrator", "administrator", r".\Administrator", r"HOST001\Administrator"])
def test_right_credentials_are_accepted(log_on: LogOn, simulated: SimulatedHost, name: str) -> None:
    assert log_on(Account(name, DEFAULT_CREDENTIAL)) == LogonState("accepted", authorised=True)
    assert simulated.windows.logons == ["accepted"]


@pytest.mark.parametrize("password", ["Pässwörd-漢字 ' \" :", "x", "y" * 200])
def test_any_password_arrives_whole(password: str) -> None:
    simulated = SimulatedHost.build("2022")
    accounts = simulated.windows.machine.accounts
    accounts["anna"] = accounts["administrator"].__class__("anna", "S-1-5-21-1-2-3-1009", password, frozenset())
    with listening(simulated) as port:
        assert attempt("127.0.0.1", port, Account("anna", password)).verdict == "denied"


def test_a_wrong_password_is_rejected_after_one_attempt(log_on: LogOn, simulated: SimulatedHost) -> None:
    state = log_on(Account("Administrator", "wrong"))
    assert (state.verdict, state.status) == ("rejected", 0xC000006D)
    assert simulated.windows.logons == ["rejected"]


def test_an_unknown_account_is_rejected(log_on: LogOn) -> None:
    assert log_on(Account("nobody", DEFAULT_CREDENTIAL)).verdict == "rejected"


def test_an_account_without_the_right_is_denied(log_on: LogOn) -> None:
    state = log_on(Account("operator", DEFAULT_CREDENTIAL))
    assert (state.verdict, state.authorised) == ("denied", False)
    assert "access denied" in state.reason


def test_local_accounts_that_are_denied_say_so() -> None:
    with listening(SimulatedHost.build("2022", breakages=["logon_right_missing"])) as port:
        assert attempt("127.0.0.1", port, ADMINISTRATOR).verdict == "denied"


def test_no_session_is_opened(log_on: LogOn, simulated: SimulatedHost) -> None:
    before = simulated.volatile()["sessions"]
    log_on(ADMINISTRATOR)
    assert simulated.volatile()["sessions"] == before == []


def test_nothing_is_sent_where_nothing_listens(simulated: SimulatedHost) -> None:
    with listening(simulated) as port:
        pass
    state = attempt("127.0.0.1", port, ADMINISTRATOR)
    assert state.verdict == "not_tried"
    assert "no connection" in state.reason


@pytest.mark.parametrize(("breakage", "said"), [("security_layer_rdp", "CredSSP"), ("key_unreadable", "TLS fails")])
def test_nothing_is_sent_where_the_handshake_fails(breakage: str, said: str) -> None:
    simulated = SimulatedHost.build("2022", breakages=[breakage])
    with listening(simulated) as port:
        state = attempt("127.0.0.1", port, ADMINISTRATOR)
    assert state.verdict == "not_tried"
    assert said in state.reason
    assert simulated.windows.logons == []


def test_nothing_is_sent_where_ntlm_is_denied() -> None:
    simulated = SimulatedHost.build("2022", traits=["ntlm_denied"])
    with listening(simulated) as port:
        state = attempt("127.0.0.1", port, ADMINISTRATOR)
    assert state.verdict == "not_tried"
    assert simulated.windows.logons == []


def test_an_unpatched_host_gets_no_proof(
    log_on: LogOn, simulated: SimulatedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credssp, "VERSION_6", b"\xa0\x03\x02\x01\x04")
    state = log_on(ADMINISTRATOR)
    assert state.verdict == "not_tried"
    assert "CVE-2018-0886" in state.reason
    assert simulated.windows.logons == []


def test_the_password_stays_here_where_tls_ends_elsewhere(
    log_on: LogOn, simulated: SimulatedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = nla._hash
    monkeypatch.setattr(
        nla, "_hash", lambda way, nonce, key: real(way, nonce, key + (b"" if way.startswith("Client") else b"other"))
    )
    sent: list[dict[int, bytes]] = []
    request = _credssp._request
    monkeypatch.setattr(_credssp, "_request", lambda fields: sent.append(fields) or request(fields))
    assert log_on(ADMINISTRATOR).verdict == "intercepted"
    assert not any(_credssp.AUTH_INFO in fields for fields in sent)


def garbled(answers: list[bytes]) -> Callable[..., t.Awaitable[None]]:
    async def run(logon: nla.Logon, *_messages: bytes) -> None:
        await logon.receive()
        for answer in answers:
            await logon.send(answer)

    return run


@pytest.mark.parametrize(
    "answers",
    [
        [b"\x30\x00"],
        [b"no message at all"],
        [credssp.ts_request({})],
        [credssp.ts_request({nla.PUB_KEY_AUTH: b"\x04\x00"})],
        [credssp.ts_request({nla.PUB_KEY_AUTH: credssp.octet_string(b"x" * 40)})],
        [credssp.ts_request({nla.PUB_KEY_AUTH: b"\x30\x00"})],
        [],
    ],
)
def test_what_a_host_may_not_say_counts_as_a_rejection(
    log_on: LogOn, monkeypatch: pytest.MonkeyPatch, answers: list[bytes]
) -> None:
    monkeypatch.setattr(nla.Logon, "run", garbled(answers))
    monkeypatch.setattr(dialogue, "_drain", lambda stream: stream.write(b""))
    assert log_on(ADMINISTRATOR).verdict == "rejected"


@pytest.mark.parametrize("token", [b"", b"NTLMSSP\0\2\0\0\0", b"NTLMSSP\0\2\0\0\0" + b"\xff" * 8])
def test_a_challenge_that_is_none_gets_no_proof(
    log_on: LogOn, simulated: SimulatedHost, monkeypatch: pytest.MonkeyPatch, token: bytes
) -> None:
    monkeypatch.setattr(credssp, "challenge", lambda windows, negotiate: token)
    assert log_on(ADMINISTRATOR).verdict == "not_tried"
    assert simulated.windows.logons == []


def test_no_secret_is_in_the_account_as_it_prints() -> None:
    assert DEFAULT_CREDENTIAL not in repr(ADMINISTRATOR)


def test_a_name_with_a_domain_is_split_and_one_with_an_at_sign_is_not() -> None:
    def parts(name: str) -> list[str]:
        outer = der.parse(_credssp._credentials(Account(name, "secret"))).children()
        inner = der.parse(der.parse(outer[1].content).content).children()
        return [der.parse(field.content).content.decode("utf-16-le") for field in inner]

    assert parts(r"CORP\anna") == ["CORP", "anna", "secret"]
    assert parts("anna@corp.example") == ["", "anna@corp.example", "secret"]


def test_the_simulators_md4_is_that_of_rfc_1320() -> None:
    assert ntlm.md4(b"").hex() == "31d6cfe0d16ae931b73c59d7e0c089c0"
    assert ntlm.md4(b"message digest").hex() == "d9130a8164549fe818874806e1c7014b"
    assert ntlm.md4(b"1234567890" * 8).hex() == "e33b4ddc9c38f2199c3e7b164fcc0536"


def test_the_simulators_hash_of_a_password_is_that_of_ms_nlmp() -> None:
    """MS-NLMP 4.2.4.1.1: NTOWFv2 of User, Domain and Password."""
    key = ntlm.md4("Password".encode("utf-16-le"))
    assert key.hex() == "a4f49c406510bdcab6824ee7c30fd852"
