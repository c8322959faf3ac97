# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Switches: facts about Windows that no public source settles. Tests run under every value."""

from __future__ import annotations

from collections.abc import Mapping

from tests.simulator.wsman.switches import WIRE_SWITCHES, Switch

AT_ONCE, AFTER_RESTART = "at_once", "after_restart"
WHEN = (AT_ONCE, AFTER_RESTART)
YES_NO = (True, False)

HOST_SWITCHES: Mapping[str, Switch] = {
    "live_deny": Switch("when a change of fDenyTSConnections takes effect", WHEN),
    "live_security": Switch("when SecurityLayer, UserAuthentication and the like take effect", WHEN),
    "live_direct": Switch(
        "when a setting that a provider can set is live where the registry alone is written: as by the provider, or "
        "after a restart",
        ("as_by_provider", AFTER_RESTART),
    ),
    "live_port": Switch("when a change of PortNumber takes effect", (AFTER_RESTART, AT_ONCE)),
    "live_transport": Switch("when SelectTransport takes effect", WHEN),
    "live_pin": Switch("when a change of SSLCertificateSHA1Hash takes effect", WHEN),
    "live_sessions": Switch("when MaxDisconnectionTime takes effect", WHEN),
    "live_services": Switch("when TSEnabled takes effect on the listener", (AFTER_RESTART, AT_ONCE, "never")),
    "logons_back_at_start": Switch("a start of TermService lets remote logons in again (change logon)", (False, True)),
    "rdp_layer_credssp": Switch("SecurityLayer 0 still lets CredSSP through", (False, True)),
    "min_encryption_default": Switch("MinEncryptionLevel of a fresh host", (2, 3)),
    "rdp_rule_profiles": Switch("profiles of the built-in Remote Desktop rules", ("any", "domain_private")),
    "expand_by_get_string": Switch(
        "GetStringValue on REG_EXPAND_SZ: type mismatch, or unexpanded", ("mismatch", "raw")
    ),
    "binary_by_get_binary": Switch("GetBinaryValue reads REG_NONE and other types without a getter", YES_NO),
    "delete_key_with_subkeys": Switch("ReturnValue of DeleteKey on a key with subkeys", (5, 145)),
    "terminal_service_by_base_uri": Switch("Win32_Service's URI reaches Win32_TerminalService", YES_NO),
    "put_thumbprint_checked": Switch("Put of SSLCertificateSHA1Hash refuses an unusable thumbprint", YES_NO),
    "pinned_missing": Switch("a pinned certificate that is gone: no certificate, or the own one", ("none", "own")),
    "own_while_pinned": Switch("Windows makes its own certificate while the listener is tied to another", YES_NO),
    "damaged_replaced": Switch(
        "Windows makes its listener's certificate anew where the store has something else in its place", YES_NO
    ),
    "new_key_on_renewal": Switch("a renewed listener certificate gets a new key in the same file", YES_NO),
    "key_descriptor_readable": Switch("administrators may read the key file's descriptor", (False, True)),
    "key_files_system": Switch("files of machine keys have the attribute System", (False, True)),
    "http_name_binding": Switch(
        "what tells of which name a binding of HTTP.sys is: HostnamePort, or what its key is called",
        ("value", "key"),
    ),
    "firewall_stealth": Switch("a closed port behind the firewall is silent instead of refusing", (False, True)),
    "firewall_active_store": Switch("wmi:PolicyStore=ActiveStore shows policy's rules", YES_NO),
    "firewall_mdm_private": Switch(
        "key of the private profile in device management's store", ("StandardProfile", "PrivateProfile")
    ),
    "firewall_create_context": Switch("Create of a rule takes filter values as operation context", YES_NO),
    "firewall_program": Switch(
        "a rule's program is given back as it was written, or with variables expanded", ("as_written", "expanded")
    ),
    "process_create": Switch("an attack surface reduction rule blocks Win32_Process.Create", ("allowed", "blocked")),
    "task_trigger_order": Switch(
        "children of a task's trigger must stand in the schema's order, or may stand in any", ("sequence", "any")
    ),
    "task_export_zone": Switch("the boundaries in an exported task keep the Z with which they were registered", YES_NO),
    "task_export_disabled": Switch("the export of a task that was disabled says so", (False, True)),
    "start_when_available": Switch(
        "StartWhenAvailable makes up a missed start only with an end boundary or an endless repetition, or always",
        ("bounded", "always"),
    ),
    "task_run_seconds": Switch("how long a task's run takes, in seconds of the host's clock", (0, 2)),
    "edr_removes_tasks": Switch("a security product removes tasks registered to run as SYSTEM", (False, True)),
    "reboot_blocked_by_users": Switch("users who are logged on prevent an unforced reboot", (False, True)),
    "permissions_descriptor": Switch("Win32_TSPermissionsSetting tells the listener's descriptor", YES_NO),
    "licensing_numbers": Switch(
        "LicensingType: 3 per user and 4 not configured, or 4 per user and 5 not configured", ("table", "change_mode")
    ),
    "services_session_counted": Switch("the session of services counts as a disconnected one", (False, True)),
    "core_sessions": Switch(
        "what a session of Server Core runs beside its shell: as on a desktop, the clipboard, nothing",
        ("desktop", "clipboard", "nothing"),
    ),
    "gateway_protocol": Switch("what an RD Gateway calls Remote Desktop's protocol", ("RDP", "Remote Desktop")),
    "live_gateway_certificate": Switch("when a certificate that is bound to an RD Gateway serves", WHEN),
    "gateway_stopped": Switch("an RD Gateway's provider answers while its service is stopped", YES_NO),
    "outstanding_default": Switch("built-in limit of incomplete connections", (100, 3000)),
    "keys_minted_in_gap": Switch("services make new keys seconds after MachineKeys was renamed", YES_NO),
    "rename_while_open": Switch("a folder with a file that a program has open is renamed", ("refused", "renamed")),
    "robocopy_folder": Switch(
        "robocopy /COPY:S gives the target folder the source's permissions: always, when it makes it, or never",
        ("always", "when_made", "never"),
    ),
    "folder_descriptor": Switch(
        "SetSecurityDescriptor of a folder is about that alone, or what lies there inherits from it anew",
        ("alone", "handed_on"),
    ),
    "icacls_file_has_mark": Switch("the file that icacls /save writes begins with a byte order mark", YES_NO),
}
SWITCHES: Mapping[str, Switch] = {**HOST_SWITCHES, **WIRE_SWITCHES}


class UnknownSwitch(ValueError):
    """A name or value that no switch has."""


def parse(name: str, text: object) -> object:
    """The value of the switch ``name`` that ``text`` spells. Raises UnknownSwitch."""
    if name not in SWITCHES:
        raise UnknownSwitch(f"unknown switch {name!r}; known: {', '.join(SWITCHES)}")
    for choice in SWITCHES[name].choices:
        if str(choice).lower() == str(text).lower():
            return choice
    if name == "batch_bytes" and str(text).isdigit():
        return int(str(text))
    raise UnknownSwitch(f"switch {name}: {text!r} is none of {', '.join(map(str, SWITCHES[name].choices))}")


def settle(given: Mapping[str, object]) -> dict[str, object]:
    """The value of every switch: the defaults with ``given`` laid over them. Raises UnknownSwitch."""
    defaults = {name: spec.default for name, spec in SWITCHES.items()}
    return defaults | {name: parse(name, value) for name, value in given.items()}
