# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Machines that connect: their Remote Desktop client, its settings, updates known to break it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tests.simulator.breakages.base import Breakage, value
from tests.simulator.windows import events
from tests.simulator.windows.certificates import POLICY
from tests.simulator.windows.registry import Type
from tests.simulator.windows.schannel import PROTOCOLS
from tests.simulator.windows.system import Windows

CLIENT_KEY = r"HKLM\SOFTWARE\Microsoft\Terminal Server Client"
UNINSTALL = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall"
MSTSC = r"C:\Windows\System32\mstsc.exe"
MSRDC = r"C:\Program Files\Remote Desktop\msrdc.exe"
LSA = r"HKLM\SYSTEM\CurrentControlSet\Control\Lsa"
SOCKET_CLOSED = 2308
# Microsoft release health, January 2026: credential prompts fail until the out-of-band update of 2026-01-17
KNOWN_BAD = {
    "2016": ("KB5073722", 8783), "2019": ("KB5073723", 8276), "10": ("KB5073724", 6809), "2022": ("KB5073457", 4648),
    "11": ("KB5074109", 7623), "11home": ("KB5074109", 7623), "2025": ("KB5073379", 32230),
}  # fmt: skip


def _bad_update(windows: Windows) -> None:
    update, revision = KNOWN_BAD[windows.edition.key]
    windows.updates.append(update)
    windows.registry.put_dword(r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion", "UBR", revision)


def _old_client(windows: Windows) -> None:
    entry = windows.files.existing(MSTSC)
    windows.files.put(replace(entry, version=f"{windows.edition.version}.1"))


def install_store_client(windows: Windows, version: str) -> None:
    """Put the file of that client where its installer puts it for all users."""
    windows.files.put(replace(windows.files.existing(MSTSC), path=MSRDC, version=version))


def _old_store_client(windows: Windows) -> None:
    key = UNINSTALL + r"\{5E6B1F0C-0000-4000-8000-00000000A7D1}"
    windows.registry.put(key, "DisplayName", Type.SZ, "Remote Desktop")
    windows.registry.put(key, "DisplayVersion", Type.SZ, "1.2.1844.0")
    windows.registry.put(key, "Publisher", Type.SZ, "Microsoft Corporation")
    install_store_client(windows, "1.2.1844.0")


def connection(windows: Windows, reason: int, udp: bool = True) -> None:
    """What a client writes of a connection, as on TechNet Wiki 37847; UDP has two channels, which tell each."""
    _client_event(windows, 1024, "Server Name", "10.20.0.41")
    for _channel in range(2 if udp else 0):
        _client_event(windows, 1102, "Server Address", "10.20.0.41")
        _client_event(windows, 1103)
    _client_event(windows, 1025)
    _client_event(windows, 1027, "CORP", "2")
    for _channel in range(2 if udp else 0):
        _client_event(windows, 1105)
    _client_event(windows, 1026, "Disconnect Reason", str(reason), "Info")


def _client_event(windows: Windows, code: int, *told: str) -> None:
    windows.events.write(events.CLIENT, code, events.INFORMATION, *told, log=events.CLIENT_LOG)


def _udp_path(windows: Windows) -> None:
    """Connections break off a while after they have gone over to UDP; the client says "socket closed"."""
    for _time in range(3):
        connection(windows, SOCKET_CLOSED)


CLIENT: Mapping[str, Breakage] = {
    "client_known_bad_update": Breakage("an update is installed that is known to break connections", _bad_update),
    "client_too_old": Breakage("mstsc.exe is older than the system it belongs to", _old_client),
    "rd_client_too_old": Breakage("an old Remote Desktop client is installed beside mstsc.exe", _old_store_client),
    "client_tls12_disabled": Breakage(
        "TLS 1.2 is disabled for clients", value(f"{PROTOCOLS}\\TLS 1.2\\Client", "Enabled", 0)
    ),
    "client_udp_path_broken": Breakage("this client's connections break off over UDP", _udp_path),
    "client_authentication_strict": Breakage(
        "policy lets the client connect to authenticated servers alone", value(POLICY, "AuthenticationLevel", 1)
    ),
    "client_ntlm_denied": Breakage(
        "clients may not send NTLM, so they cannot connect by address",
        value(LSA + r"\MSV1_0", "RestrictSendingNTLMTraffic", 2),
    ),
    "client_ntlm_old": Breakage("clients answer with NTLMv1 alone", value(LSA, "LmCompatibilityLevel", 2)),
}
