# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of codes against a second one, taken from the documentation, and what is said of codes."""

from __future__ import annotations

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._diagnosis.causes import CAUSES
from ansible_collections.winfleet.rdp.plugins.plugin_utils._diagnosis.codes import CODES, look_up
from ansible_collections.winfleet.rdp.plugins.plugin_utils._diagnosis.explain import NotACode, explain
from ansible_collections.winfleet.rdp.plugins.plugin_utils._diagnosis.families import FAMILIES
from hypothesis import example, given
from hypothesis import strategies as st

DISCONNECT = """
0x0 0 NoInfo, 0x1 1 LocalNotError, 0x2 2 RemoteByUser, 0x3 3 ByServer, 0x104 260 DNSLookupFailed, 0x106 262 OutOfMemory,
0x108 264 ConnectionTimedOut, 0x204 516 SocketConnectFailed, 0x206 518 OutOfMemory2, 0x208 520 HostNotFound,
0x304 772 WinsockSendFailed, 0x306 774 OutOfMemory3, 0x308 776 InvalidIPAddr, 0x404 1028 SocketRecvFailed,
0x406 1030 InvalidSecurityData, 0x408 1032 InternalError, 0x506 1286 InvalidEncryption, 0x508 1288 DNSLookupFailed2,
0x604 1540 GetHostByNameFailed, 0x606 1542 InvalidServerSecurityInfo, 0x608 1544 TimerError, 0x704 1796 TimeoutOccurred,
0x706 1798 ServerCertificateUnpackErr, 0x804 2052 InvalidIP, 0x807 2055 SSL_ERR_LOGON_FAILURE,
0x808 2056 LicensingFailed, 0x904 2308 AtClientWinsockFDCLOSE, 0x906 2310 InternalSecurityError,
0x908 2312 LicensingTimeout, 0xA06 2566 InternalSecurityError2, 0xA07 2567 SSL_ERR_NO_SUCH_USER,
0xB06 2822 EncryptionError, 0xB07 2823 SSL_ERR_ACCOUNT_DISABLED, 0xC06 3078 DecryptionError,
0xC07 3079 SSL_ERR_ACCOUNT_RESTRICTION, 0xC08 3080 ClientDecompressionError, 0xD07 3335 SSL_ERR_ACCOUNT_LOCKED_OUT,
0xE07 3591 SSL_ERR_ACCOUNT_EXPIRED, 0xF07 3847 SSL_ERR_PASSWORD_EXPIRED, 0x1207 4615 SSL_ERR_PASSWORD_MUST_CHANGE,
0x1607 5639 SSL_ERR_DELEGATION_POLICY, 0x1707 5895 SSL_ERR_POLICY_NTLM_ONLY,
0x1807 6151 SSL_ERR_NO_AUTHENTICATING_AUTHORITY, 0x1B07 6919 SSL_ERR_CERT_EXPIRED,
0x1C07 7175 SSL_ERR_SMARTCARD_WRONG_PIN, 0x2107 8455 SSL_ERR_FRESH_CRED_REQUIRED_BY_SERVER,
0x2207 8711 SSL_ERR_SMARTCARD_CARD_BLOCKED, 0x1104 4356, 0x2104 8452, 0x3000019 50331673
"""
EXTENDED = {
    0: "NoInfo",
    1: "APIInitiatedDisconnect",
    2: "APIInitiatedLogoff",
    3: "ServerIdleTimeout",
    4: "ServerLogonTimeout",
    5: "ReplacedByOtherConnection",
    6: "OutOfMemory",
    7: "ServerDeniedConnection",
    8: "ServerDeniedConnectionFips",
    9: "ServerInsufficientPrivileges",
    10: "ServerFreshCredsRequired",
    11: "RpcInitiatedDisconnectByUser",
    12: "LogoffByUser",
    25: "SERVER_SHUTDOWN",
    26: "SERVER_REBOOT",
    257: "LicenseNoLicenseServer",
    258: "LicenseNoLicense",
    266: "LicenseNoRemoteConnections",
    768: "RdpEncInvalidCredentials",
}
NEGOTIATION = {
    1: "SSL_REQUIRED_BY_SERVER",
    2: "SSL_NOT_ALLOWED_BY_SERVER",
    3: "SSL_CERT_NOT_ON_SERVER",
    4: "INCONSISTENT_FLAGS",
    5: "HYBRID_REQUIRED_BY_SERVER",
    6: "SSL_WITH_USER_AUTH_REQUIRED_BY_SERVER",
}
STATUSES = """
0x80090010 NTE_PERM, 0x80090016 NTE_BAD_KEYSET, 0x80090302 SEC_E_UNSUPPORTED_FUNCTION, 0x80090303 SEC_E_TARGET_UNKNOWN,
0x80090304 SEC_E_INTERNAL_ERROR, 0x80090308 SEC_E_INVALID_TOKEN, 0x8009030C SEC_E_LOGON_DENIED,
0x8009030D SEC_E_UNKNOWN_CREDENTIALS, 0x8009030E SEC_E_NO_CREDENTIALS, 0x80090311 SEC_E_NO_AUTHENTICATING_AUTHORITY,
0x80090322 SEC_E_WRONG_PRINCIPAL, 0x80090324 SEC_E_TIME_SKEW, 0x80090325 SEC_E_UNTRUSTED_ROOT,
0x80090326 SEC_E_ILLEGAL_MESSAGE, 0x80090327 SEC_E_CERT_UNKNOWN, 0x80090328 SEC_E_CERT_EXPIRED,
0x80090330 SEC_E_DECRYPT_FAILURE, 0x80090331 SEC_E_ALGORITHM_MISMATCH, 0x80090346 SEC_E_BAD_BINDINGS
"""
"""What CredSSP and Schannel give (winerror.h; MS-ERREF 2.1.1)."""

GATEWAY = """
0x59D8 INTERNALERROR, 0x59DA RAP_ACCESSDENIED, 0x59DB NAP_ACCESSDENIED, 0x59DD TS_CONNECTFAILED,
0x59DF ALREADYDISCONNECTED, 0x59E6 MAXCONNECTIONSREACHED, 0x59E8 NOTSUPPORTED, 0x59E9 CAPABILITYMISMATCH,
0x59ED QUARANTINE_ACCESSDENIED, 0x59EE NOCERTAVAILABLE, 0x59F6 SESSIONTIMEOUT, 0x59F7 COOKIE_BADPACKET,
0x59F8 COOKIE_AUTHENTICATION_ACCESS_DENIED, 0x59F9 UNSUPPORTED_AUTHENTICATION_METHOD, 0x59FA REAUTH_AUTHN_FAILED,
0x59FB REAUTH_CAP_FAILED, 0x59FC REAUTH_RAP_FAILED, 0x59FD SDR_NOT_SUPPORTED_BY_TS, 0x5A00 REAUTH_NAP_FAILED
"""
"""What an RD Gateway answers (MS-TSGU 2.2.6; FreeRDP's tsg.h has the same)."""


def _rows():
    for entry in DISCONNECT.replace("\n", " ").split(","):
        number, decimal, *name = entry.split()
        yield pytest.param(int(number, 16), int(decimal), " ".join(name), id=number)


@pytest.mark.parametrize(("number", "decimal", "name"), list(_rows()))
def test_disconnect_reasons_are_those_of_the_documentation(number, decimal, name):
    code = CODES["disconnect"][number]
    assert (code.number, code.name, code.documented) == (decimal, name, bool(name))


def test_no_disconnect_reason_is_invented():
    assert set(CODES["disconnect"]) == {row.values[0] for row in _rows()}


def test_extended_reasons_are_those_of_the_documentation():
    assert {number: CODES["extended"][number].name for number in EXTENDED} == EXTENDED


def test_negotiation_failures_are_those_of_the_specification():
    assert {number: code.name for number, code in CODES["negotiation"].items()} == NEGOTIATION


def _named(table):
    return [row.split() for row in table.replace("\n", " ").split(",")]


@pytest.mark.parametrize(("number", "name"), _named(STATUSES))
def test_what_credssp_and_schannel_say_is_known(number, name):
    found = explain(number)
    assert (found["name"], found["documented"], explain(str(int(number, 16)))["name"]) == (name, True, name)


@pytest.mark.parametrize(("number", "name"), _named(GATEWAY))
def test_what_a_gateway_says_is_known_in_the_client_and_in_its_events(number, name):
    decimal = int(number, 16)
    for given_as in (decimal, str(decimal), f"0x8007{decimal:04X}", (0x80070000 | decimal) - 2**32):
        found = explain(given_as)
        assert (found["name"], found["class"]) == (f"E_PROXY_{name}", FAMILIES["gateway"].title)


@pytest.mark.parametrize(
    ("code", "first"),
    [
        ("0x8009030D", "key_unreadable"),
        ("0x80090016", "key_missing"),
        ("0x80090302", "credssp_unpatched"),
        ("0x80090324", "time_skew"),
        ("0x80090328", "certificate_expired"),
        ("0x80090322", "wrong_host"),
        ("23002", "gateway_rap_denied"),
        ("23003", "gateway_cap_denied"),
        ("0x800759DD", "gateway_target_unreachable"),
        (0x59E6, "gateway_limit"),
        ("0x807", "logon_rejected"),
        ("0x1B07", "certificate_expired"),
        ("0x1807", "trust_broken"),
        ("0xC0000133", "time_skew"),
        ("0xC000018D", "trust_broken"),
        ("0xC000015B", "logon_right_missing"),
    ],
)
def test_what_a_code_means_in_particular_comes_before_what_its_class_may(code, first):
    causes = [cause["id"] for cause in explain(code)["causes"]]
    assert causes[0] == first
    assert len(causes) == len(set(causes))


def test_likely_causes_exist():
    assert {cause for table in CODES.values() for code in table.values() for cause in code.likely} <= set(CAUSES)


@pytest.mark.parametrize("given_as", ["0xD0000184", "D0000184", 0xD0000184, "0xC0000184"])
def test_a_status_that_drivers_have_made_an_hresult_is_the_status(given_as):
    assert explain(given_as)["name"] == "STATUS_INVALID_DEVICE_STATE"


@pytest.mark.parametrize(
    ("alone", "name"), [("0x7", "ServerDeniedConnection"), (9, "ServerInsufficientPrivileges"), ("257", None)]
)
def test_an_extended_code_that_comes_alone_is_one(alone, name):
    found = explain(alone)
    assert found["name"] == (name or "LicenseNoLicenseServer")
    assert explain("0x112F")["class"] == FAMILIES["protocol"].title
    assert explain(0x1193)["class"] == FAMILIES["security"].title


@pytest.mark.parametrize("code", ["0x3000064", "0x300006D", 50331656])
def test_codes_of_the_gateways_client_are_of_the_gateway(code):
    found = explain(code)
    assert (found["class"], found["documented"]) == (FAMILIES["gateway"].title, False)


def test_digits_that_are_a_code_in_hexadecimal_are_asked_about():
    assert "0x904 is AtClientWinsockFDCLOSE" in explain("904")["note"]
    assert "0x904" not in explain(904)["note"]
    assert explain("2308")["note"] == ""


SILENT = {
    "encryption_lease_unended",
    "nla_lease_unended",
    "security_layer_lease_unended",
    "sessionenv_disabled",
    "umrdpservice_disabled",
}
"""What keeps nobody out, so that no client shows a code for it."""


def test_every_cause_is_one_that_some_code_leads_to():
    assert {cause for family in FAMILIES.values() for cause in family.causes} == set(CAUSES) - SILENT


def test_every_family_is_used_and_names_causes_that_exist():
    used = {code.family for table in CODES.values() for code in table.values()}
    assert used == set(FAMILIES)
    assert {cause for family in FAMILIES.values() for cause in family.causes} <= set(CAUSES)


@pytest.mark.parametrize(
    "given_as",
    [
        ("0x904", "0x7"),
        (2308, 7),
        ("2308", "7"),
        ("Error code: 0x904\nExtended error code: 0x7",),
        ("Fehlercode: 0x904, erweiterter Fehlercode: 0x7 (17.11.2026 08:15)",),
        ("0x904/0x7", None),
        ("0x904, 7",),
        ("0x904 7",),
        ("2308/0x7",),
        (" 0x904\n", "\t0x7 "),
    ],
)
def test_the_pair_is_read_however_it_is_given(given_as):
    found = explain(*given_as)
    assert (found["hex"], found["extended"]["hex"]) == ("0x904", "0x7")
    assert found["causes"][0]["id"] == "key_unreadable"
    assert "symptom of many causes" in found["note"]


def test_an_extended_code_that_the_host_sent_says_more():
    found = explain(0x904, 0x102)
    assert found["gather"][0] == FAMILIES["licence"].gather[0]


def test_statuses_are_told_by_their_highest_bit():
    assert explain("0x8009030d")["name"] == explain(-2146893043)["name"] == "SEC_E_UNKNOWN_CREDENTIALS"
    assert explain(3, kind="negotiation")["name"] == "SSL_CERT_NOT_ON_SERVER"


@pytest.mark.parametrize(
    ("number", "family"), [(0x1191, "security"), (0x10CA, "protocol"), (0x2000, "protocol"), (0x500, "protocol")]
)
def test_ranges_have_a_family(number, family):
    assert look_up("extended", number).family == family


def test_what_no_table_has_is_said_to_be_a_guess():
    found = explain(0x9904)
    assert not found["documented"]
    assert found["note"]


@pytest.mark.parametrize("wrong", ["", "no code", None, True, 1.5, "0x1 0x2 0x3"])
def test_what_holds_no_code_is_refused(wrong):
    with pytest.raises(NotACode):
        explain(wrong)


def test_an_unknown_kind_is_refused():
    with pytest.raises(NotACode, match="kind"):
        explain(1, kind="other")


@given(st.integers(0, 0xFFFFFFFF))
@example(104)
def test_hexadecimal_and_decimal_are_the_same_code(number):
    """But for the note that digits without 0x may be meant as the hexadecimal ones of a known code."""
    told = explain(number)
    assert explain(f"0x{number:x}") == told
    written = explain(str(number))
    assert written == {**told, "note": written["note"]}
    assert written["note"].startswith(told["note"])


@given(st.text())
def test_any_text_is_explained_or_refused(text):
    try:
        found = explain(text)
    except NotACode:
        return
    assert found["hex"].startswith("0x")
