# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks: what this Windows has and shows. PRIVATE to the collection. They only read, but for the shell they open."""

from __future__ import annotations

import re

from .._cim import terminal_services
from .._cim.files import Hidden
from .._cim.registry import RegistryError, RegistryValue
from .._cim.schema import WIN32_SERVICE, WIN32_TERMINAL_SERVICE_SETTING
from .._host import Host
from .._model import sddl
from .._model.keys import CONTAINER_FILE
from .._model.rules import MDM, STORES
from .._model.settings import LISTENER, POLICY, TERMINAL_SERVER
from .._observe.key_owners import HTTP
from .._wsman.errors import AccessRefused, ShellForbidden, ShellRefused, WsmanFault
from .._wsman.shell import CmdShell
from ._base import Altered, Check, Untold

KEY_FOLDER = r"C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys"
LICENSING_CORE = rf"{TERMINAL_SERVER}\RCM\Licensing Core"
STORE = r"HKLM\SOFTWARE\Microsoft\SystemCertificates\Remote Desktop"
FOLDER_DACL = "D:PAI(A;;0x12019f;;;S-1-1-0)(A;;0x1f01ff;;;S-1-5-32-544)"
"""What Windows gives the key folder, measured on six builds (Azure repair-script-library)."""

PRIVILEGES = ("SeBackupPrivilege", "SeRestorePrivilege", "SeSecurityPrivilege", "SeTakeOwnershipPrivilege")
INTERNAL = "ver"
"""A command of cmd.exe itself, for which there is no program."""

PER_USER = 4
"""LicensingMode in the registry: 2 per device, 4 per user."""


def _namespace(host: Host) -> str:
    return "present" if terminal_services.general(host.cim) else "absent"


def _by_base(host: Host) -> str:
    return "reached" if host.cim.find(WIN32_SERVICE, Name="TermService") else "not found"


def _encryption(host: Host) -> str:
    stored = host.registry.read(LISTENER, "MinEncryptionLevel")
    return str(stored.data) if isinstance(stored, RegistryValue) else "no value"


def _licensing(host: Host) -> str:
    """3 is per user by the table of the class and 4 is by its method ChangeMode, which then has 5 for none."""
    found = host.cim.query(WIN32_TERMINAL_SERVICE_SETTING)
    number = found[0].number("LicensingType") if found else None
    if number not in (3, 4, 5):
        raise Untold("only a session host that is licensed per user or not at all tells")
    if number == 4:
        return "method" if _mode(host) == PER_USER else "table"
    return "table" if number == 3 else "method"


def _mode(host: Host) -> int | None:
    for key in (POLICY, LICENSING_CORE):
        reading = host.registry.read(key, "LicensingMode")
        if isinstance(reading, RegistryValue) and isinstance(reading.data, int):
            return reading.data
    return None


def _managed_private(host: Host) -> str:
    keys = host.registry.keys(STORES[MDM]) or ()
    found = next((key for key in keys if key in ("StandardProfile", "PrivateProfile")), None)
    if found is None:
        raise Untold("device management says nothing about the private profile here")
    return found


def _key_permissions(host: Host) -> str:
    key = next((file.path for file in host.files.files(KEY_FOLDER) if file.name.startswith(CONTAINER_FILE)), None)
    if key is None:
        raise Untold("the listener has no key of its own here")
    try:
        return "shown" if host.files.security(key) else "gone"
    except Hidden:
        return "hidden"


def _key_files(host: Host) -> str:
    marked = host.files.are_system(KEY_FOLDER)
    if not marked:
        raise Untold("there are no machine keys here")
    return "system" if all(marked) else "some system" if any(marked) else "plain"


def _name_binding(host: Host) -> str:
    bindings = rf"{HTTP}\SslSniBindingInfo"
    key = next(iter(host.registry.keys(bindings) or ()), None)
    if key is None:
        raise Untold("HTTP.sys serves nothing by name here")
    if host.registry.text(rf"{bindings}\{key}", "HostnamePort"):
        return "HostnamePort"
    return "the key" if re.fullmatch(r"[^:]+:\d{1,5}", key) else "neither"


def _rule_profiles(host: Host) -> str:
    rule = host.firewall.rule("RemoteDesktop-UserMode-In-TCP")
    return "any" if not rule.profiles else f"bits {int(rule.profiles)}"


def _folder_permissions(host: Host) -> str:
    try:
        found = host.files.security(KEY_FOLDER)
    except Hidden:
        return "hidden"
    if found is None:
        raise Untold("the key folder does not exist")
    aces = sddl.parse(sddl.dacl_of(found)).aces or ()
    return "as documented" if set(aces) == set(sddl.parse(FOLDER_DACL).aces or ()) else "others"


def _store_permissions(host: Host) -> str:
    try:
        return "shown" if host.registry.security(STORE) else "none"
    except (AccessRefused, RegistryError):
        return "hidden"


def _listener_descriptor(host: Host) -> str:
    if not terminal_services.general(host.cim):
        raise Untold("this edition lacks the provider")
    return "told" if terminal_services.permissions(host.cim) else "not told"


def _privileges(host: Host) -> str:
    """Their names are not translated; a session over the network has all of its privileges switched on."""
    output = host.shell.run("whoami", "/priv", "/fo", "csv", "/nh")
    if output.exit_code:
        raise Untold(f"whoami ends with code {output.exit_code}")
    held = set(re.findall(r"Se[A-Za-z]+Privilege", output.stdout.decode("utf-8", "replace")))
    lacking = [name for name in PRIVILEGES if name not in held]
    return f"lacks {', '.join(lacking)}" if lacking else "complete"


def _program(host: Host) -> str:
    option = b'"WINRS_SKIP_CMD_SHELL">%s</'
    altered = Altered(host.channel, option % b"FALSE", option % b"TRUE")
    with CmdShell(altered, forbidden=host.shell.forbidden) as shell:
        try:
            shell.run(INTERNAL)
        except ShellRefused:
            raise
        except WsmanFault:
            return "without it"
        return "with it"


def _shell(host: Host) -> str:
    try:
        host.shell.open()
    except ShellForbidden:
        raise
    except ShellRefused:
        return "refused"
    return "opens"


CHECKS = (
    Check(
        "terminal_services",
        "Does this edition have the WMI provider of Remote Desktop's settings?",
        "present",
        {
            "present": "settings are written through their methods, which know about policy",
            "absent": "settings are written to the registry; Home editions are so",
        },
        _namespace,
    ),
    Check(
        "terminal_service_by_base",
        "Does the class Win32_Service have TermService, which is an instance of a class below it?",
        "reached",
        {
            "reached": "services are read by one class",
            "not found": "TermService is asked by Win32_TerminalService instead, at the cost of one message",
        },
        _by_base,
    ),
    Check(
        "min_encryption_default",
        "Which encryption level does a host have where nobody has set one? Tells only there.",
        "2",
        {
            "2": "a fresh host has client_compatible",
            "3": "a fresh host has high, unless somebody has set it",
            "no value": "a fresh host stores none",
        },
        _encryption,
    ),
    Check(
        "licensing_numbers",
        "Which number has a session host that is licensed per user?",
        "table",
        {
            "table": "LicensingType is 3 per user and 4 not configured, as its table says",
            "method": "LicensingType is 4 per user and 5 not configured, as ChangeMode has it",
        },
        _licensing,
    ),
    Check(
        "key_permissions",
        "May administrators see who may use the listener's private key?",
        "hidden",
        {
            "hidden": "they are read as SYSTEM, by a task, and check mode cannot show them",
            "shown": "they are read directly",
        },
        _key_permissions,
        before_2019="shown",
    ),
    Check(
        "key_files",
        "Have the files of machine keys the attribute System?",
        "plain",
        {
            "plain": "cmd.exe renames and deletes them",
            "system": "cmd.exe passes them over, so machine_keys takes the attribute away before it renames one",
            "some system": "cmd.exe passes those over, so machine_keys takes the attribute away before it renames one",
        },
        _key_files,
    ),
    Check(
        "name_binding",
        "What tells which name it is that HTTP.sys serves with a certificate, as for a site of IIS?",
        "HostnamePort",
        {
            "HostnamePort": "who uses a key is told with the names that are served with it",
            "the key": "the same: the registry key of a binding is called so then",
            "neither": "who uses a key is told with registry keys that say nothing to anybody",
        },
        _name_binding,
    ),
    Check(
        "key_folder",
        "What may be seen of the permissions of the folder of machine keys?",
        "as documented",
        {
            "as documented": "they are those that Windows gives it",
            "others": "somebody has changed them, or this version has others than machine_keys compares with",
            "hidden": "machine_keys cannot tell whether they are wrong",
        },
        _folder_permissions,
    ),
    Check(
        "certificate_store",
        "May administrators see who may use the store of the listener's certificate?",
        "shown",
        {"shown": "a denial is found", "hidden": "a denial there is not found"},
        _store_permissions,
    ),
    Check(
        "listener_descriptor",
        "Does the provider tell the listener's permissions as a whole?",
        "told",
        {
            "told": "they are read in one message",
            "not told": "they are read account by account, as is done then",
        },
        _listener_descriptor,
    ),
    Check(
        "privileges",
        "Has an administrator's session the privileges to back up, to restore, to take ownership, and over auditing?",
        "complete",
        {"complete": "keys can be copied aside with their permissions"},
        _privileges,
    ),
    Check(
        "shell_program",
        "Is a command that asks to be started without cmd.exe started with it all the same?",
        "with it",
        {
            "with it": "as Windows 8.1 and later are documented",
            "without it": "makes no difference: the collection never asks for that",
        },
        _program,
    ),
    Check(
        "rule_profiles",
        "For which profiles are the built-in firewall rules? Tells only where nobody has changed them.",
        "any",
        {
            "any": "a disabled rule is narrowed to the wanted profiles before it is enabled",
            "bits 3": "the rules leave public networks alone from the start",
        },
        _rule_profiles,
    ),
    Check(
        "device_managed_private",
        "Which key has the private profile where device management says something about it? Tells only there.",
        "StandardProfile",
        {
            "StandardProfile": "it is named as in the host's own settings, and is read there",
            "PrivateProfile": "it is named as in group policy's, and is read there",
        },
        _managed_private,
    ),
    Check(
        "shell",
        "Does the host open a cmd shell?",
        "opens",
        {
            "opens": "restarts of services are one command",
            "refused": "restarts are done by a task; what only a shell does is named where it is needed",
        },
        _shell,
    ),
)
