# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a journaled change may be: all that the remedies make, and nothing that a forger would like."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._appliers import APPLIERS
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.change import Change, Kind
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.plain import Plain
from ansible_collections.winfleet.rdp.plugins.plugin_utils._undoable import objection
from hypothesis import given
from hypothesis import strategies as st

TERMINAL_SERVER = r"HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server"
LISTENER = rf"{TERMINAL_SERVER}\WinStations\RDP-Tcp"
RUN = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Run"
STORE = r"HKLM\SOFTWARE\Microsoft\SystemCertificates\Remote Desktop"
CRYPTO = r"C:\ProgramData\Microsoft\Crypto"
KEYS = rf"{CRYPTO}\RSA\MachineKeys"
KEY = rf"{KEYS}\f686aace6942fb7f7ceb231212eef4a4_11111111-2222-3333-4444-555555555555"
FOLDER_DACL = "D:PAI(A;;0x12019f;;;S-1-1-0)(A;;0x1f01ff;;;S-1-5-32-544)"
NETWORK_SERVICE = "S-1-5-20"
GRANT = f"(A;;0x120089;;;{NETWORK_SERVICE})"
LEASE: dict[str, Plain] = {
    "setting": "nla", "weakened": [0], "restores": 1, "lasts": 1800, "until": "2026-06-15T08:30:00Z",
}  # fmt: skip
POLICY: dict[str, Plain] = {"Name": "everybody", "Enabled": True, "UserGroupNames": "Users", "IdleTimeout": 0}


def dword(number: int) -> dict[str, Plain]:
    return {"type": "REG_DWORD", "data": number}


def change(kind: Kind, item: str, before: Plain, after: Plain) -> Change:
    return Change("a_remedy", kind, item, before, after, "a test")


CERTIFICATES = r"HKLM\SOFTWARE\Microsoft\SystemCertificates\Remote Desktop\Certificates"
DAMAGED = rf"{CERTIFICATES}\{'0A' * 20}\Blob"

MADE = (
    change("registry", rf"{TERMINAL_SERVER}\fDenyTSConnections", dword(1), dword(0)),
    change("registry", rf"{LISTENER}\SSLCertificateSHA1Hash", {"type": "REG_BINARY", "data": "AQID"}, None),
    change("registry", r"HKLM\SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services\SecurityLayer", dword(0), None),
    change("registry", r"HKLM\SOFTWARE\winfleet.rdp\Leases\nla.ended", None, dword(1)),
    change("registry", rf"{LISTENER}\PortNumber", {"type": "REG_SZ", "data": "3389"}, dword(3389)),
    change("registry", DAMAGED, {"type": "REG_BINARY", "data": "AQID"}, None),
    change("service_start_mode", "TermService", "Disabled", "Manual"),
    change("service_state", "TSGateway", "Stopped", "Running"),
    change("firewall_rule", "RemoteDesktop-UserMode-In-TCP", {"local_ports": ["3389"]}, {"local_ports": ["3390"]}),
    change("firewall_rule", "RemoteDesktop-UserMode-In-UDP", None, {"made": True}),
    change("firewall_rule", "RemoteDesktop-UserMode-In-UDP", {"action": 4}, {"action": 2}),
    change("firewall_rule", "RemoteDesktop-UserMode-In-UDP", {"service": "Any"}, {"service": "termservice"}),
    change("firewall_rule", "{A rule of somebody}", {"enabled": True}, {"enabled": False}),
    change("port_proxy", "0.0.0.0/3389", "10.0.0.9/3389", None),
    change("port_proxy", "*/3389", "rdp.corp.example/3389", None),
    change("port_proxy", "v6tov4 2001:db8::1/3389", "10.0.0.9/3389", None),
    change("lease", "nla", None, LEASE),
    change("file_access", KEY, {NETWORK_SERVICE: ""}, {NETWORK_SERVICE: GRANT}),
    change("file_access", rf"{CRYPTO}\Keys\0123abcd_1111", {NETWORK_SERVICE: ""}, {NETWORK_SERVICE: GRANT}),
    change("folder_dacl", KEYS, FOLDER_DACL, "D:AI"),
    change("key_dacl", rf"{STORE}\Certificates", FOLDER_DACL, "D:AI"),
    change("key_copy", rf"{KEYS}_old2", None, KEYS),
    change("key_folder", KEYS, None, rf"{KEYS}_old"),
    change("gateway_connection_policy", "everybody", None, POLICY),
    change("gateway_resource_policy", "everybody", {"Name": "everybody", "PortNumbers": "3389"}, None),
    change("gateway_resource_group", "hosts", None, {"Name": "hosts", "Resources": "a;b"}),
    change("gateway_certificate", "the gateway's certificate", "A" * 40, "B" * 40),
    change("gateway_transport", "UDP", True, False),
)

FORGED = (
    change("registry", rf"{RUN}\evil", None, dword(1)),
    change("registry", rf"{LISTENER}\InitialProgram", {"type": "REG_SZ", "data": "evil.exe"}, None),
    change("registry", rf"{LISTENER}\..\fDenyTSConnections", dword(1), dword(0)),
    change("registry", rf"{TERMINAL_SERVER}\fDenyTSConnections", {"type": "REG_DWORD", "data": "1"}, None),
    change("registry", rf"{TERMINAL_SERVER}\fDenyTSConnections", {"type": "REG_LINK", "data": "x"}, None),
    change("registry", rf"{TERMINAL_SERVER}\fDenyTSConnections", {**dword(1), "more": 1}, None),
    change("service_start_mode", "WinRM", "Disabled", "Auto"),
    change("service_start_mode", "TermService", "calc.exe", "Manual"),
    change("service_state", "WinDefend", "Stopped", "Running"),
    change("service_state", "TermService", ["Stopped"], "Running"),
    change("service_state", "TermService & calc", "Running", "Stopped"),
    change("registry", DAMAGED, {"type": "REG_SZ", "data": "x"}, None),
    change("registry", DAMAGED, {"type": "REG_BINARY", "data": "no base64"}, None),
    change("registry", rf"{CERTIFICATES}\{'0A' * 20}\Other", {"type": "REG_BINARY", "data": "AQID"}, None),
    change("registry", DAMAGED.replace("Remote Desktop", "ROOT"), {"type": "REG_BINARY", "data": "AQID"}, None),
    change("firewall_rule", "Any rule", {"enabled": False}, {"enabled": True}),
    change("firewall_rule", "Any rule", {"remote_addresses": ["Any"]}, {"remote_addresses": ["10.0.0.1"]}),
    change("firewall_rule", "RemoteDesktop-UserMode-In-TCP", {"program": r"C:\a.exe"}, {"program": "Any"}),
    change("firewall_rule", "RemoteDesktop-UserMode-In-TCP", {"service": "winrm"}, {"service": "Any"}),
    change("firewall_rule", "RemoteDesktop-UserMode-In-TCP", {"action": 5}, {"action": 2}),
    change("firewall_rule", "RemoteDesktop-UserMode-In-TCP", {"made": True}, None),
    change("firewall_rule", "WINRM-HTTP-In-TCP", None, {"made": True}),
    change("firewall_rule", "RemoteDesktop-UserMode-In-TCP", {"profiles": -1}, {"profiles": 1}),
    change("port_proxy", "0.0.0.0/3389 & calc", "10.0.0.9/3389", None),
    change("port_proxy", "0.0.0.0/3389", "10.0.0.9/3389 protocol=tcp & calc", None),
    change("port_proxy", "0.0.0.0/3389", {"address": "10.0.0.9"}, None),
    change("port_proxy", "v4tov4 0.0.0.0/3389", "10.0.0.9/3389", None),
    change("port_proxy", "reset v6tov4 */3389", "10.0.0.9/3389", None),
    change("port_proxy", "v5tov4 */3389", "10.0.0.9/3389", None),
    change("lease", "no_such_setting", None, {**LEASE, "setting": "no_such_setting"}),
    change("lease", "nla", None, {**LEASE, "setting": "security_layer"}),
    change("lease", "nla", {**LEASE, "weakened": [1], "restores": 0}, None),
    change("lease", "nla", {**LEASE, "until": '" & calc & "'}, None),
    change("lease", "nla", {**LEASE, "lasts": 10**9}, None),
    change("file_access", r"C:\Windows\System32\config\SAM", {NETWORK_SERVICE: ""}, {NETWORK_SERVICE: GRANT}),
    change("file_access", rf"{KEYS}\..\..\..\x", {NETWORK_SERVICE: ""}, {NETWORK_SERVICE: GRANT}),
    change("file_access", rf'{KEYS}\x" & calc & "', {NETWORK_SERVICE: ""}, {NETWORK_SERVICE: GRANT}),
    change("file_access", rf"{KEYS}\%TEMP%", {NETWORK_SERVICE: ""}, {NETWORK_SERVICE: GRANT}),
    change("file_access", KEY, {'S-1-1-0" & calc & "': ""}, {NETWORK_SERVICE: GRANT}),
    change("file_access", KEY, {NETWORK_SERVICE: "(A;;FA;;;WD)"}, {NETWORK_SERVICE: GRANT}),
    change("folder_dacl", r"C:\Windows", FOLDER_DACL, "D:AI"),
    change("folder_dacl", KEYS, "O:WDD:AI", "D:AI"),
    change("folder_dacl", KEYS, "no SDDL", "D:AI"),
    change("key_dacl", r"HKLM\SAM", FOLDER_DACL, "D:AI"),
    change("key_dacl", STORE, f"O:WD{FOLDER_DACL}", "D:AI"),
    change("key_copy", r"C:\Windows", None, KEYS),
    change("key_copy", rf"{KEYS}_old", None, r"C:\Windows"),
    change("key_copy", rf"{KEYS}_old", None, KEYS.replace("C:", "D:")),
    change("key_copy", rf"{KEYS}_old & calc", None, KEYS),
    change("key_folder", KEYS, None, r"C:\Windows\System32"),
    change("key_folder", KEYS, rf"{KEYS}_old", rf"{KEYS}_old2"),
    change("key_folder", KEYS, None, None),
    change("gateway_connection_policy", "everybody", None, {**POLICY, "Name": "another"}),
    change("gateway_connection_policy", "everybody", None, {**POLICY, "Script": "calc"}),
    change("gateway_resource_group", "hosts", None, {"Name": "hosts", "Resources": ["a"]}),
    change("gateway_certificate", "the gateway's certificate", "no digest", "B" * 40),
    change("gateway_transport", "UDP", "yes", False),
)


@pytest.mark.parametrize("made", MADE, ids=lambda made: f"{made.kind}-{made.item[-20:]}")
def test_what_the_remedies_make_can_be_undone(made: Change) -> None:
    assert objection(made) == ""


@pytest.mark.parametrize("forged", FORGED, ids=lambda forged: f"{forged.kind}-{forged.item[-20:]}")
def test_what_they_never_make_cannot(forged: Change) -> None:
    assert objection(forged)
    assert objection(replace(forged, undo="none")) == ""


@pytest.mark.parametrize("kind", sorted({*APPLIERS, "restart", "reboot"}))
def test_every_kind_has_a_rule_or_no_way_back(kind: Kind) -> None:
    known = {made.kind for made in MADE}
    assert ("has no way back" in objection(change(kind, "anything", None, None))) is (kind not in known)


texts = st.text() | st.sampled_from([made.item for made in MADE])
plains = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)
kinds = st.sampled_from(sorted({made.kind for made in MADE}))


@given(kinds, texts, plains, plains)
def test_anything_is_judged_and_no_quote_gets_into_a_path(kind: Kind, item: str, before: Plain, after: Plain) -> None:
    judged = change(kind, item, before, after)
    if not objection(judged) and kind in ("file_access", "folder_dacl", "key_copy", "key_folder"):
        assert not set('"%&|<>^!\r\n') & set(item)
