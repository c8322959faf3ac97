# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks: what this Windows has and shows. PRIVATE to the collection. They only read, but for the shell they open."""

from __future__ import annotations

from .._cim import terminal_services
from .._cim.files import Hidden
from .._cim.registry import RegistryValue
from .._cim.schema import WIN32_SERVICE, WIN32_TERMINAL_SERVICE_SETTING
from .._host import Host
from .._model.keys import CONTAINER_FILE
from .._model.settings import LISTENER, POLICY, TERMINAL_SERVER
from .._wsman.errors import ShellRefused
from ._base import Check, Untold

KEY_FOLDER = r"C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys"
LICENSING_CORE = rf"{TERMINAL_SERVER}\RCM\Licensing Core"
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


def _key_permissions(host: Host) -> str:
    key = next((file.path for file in host.files.files(KEY_FOLDER) if file.name.startswith(CONTAINER_FILE)), None)
    if key is None:
        raise Untold("the listener has no key of its own here")
    try:
        return "shown" if host.files.security(key) else "gone"
    except Hidden:
        return "hidden"


def _rule_profiles(host: Host) -> str:
    rule = host.firewall.rule("RemoteDesktop-UserMode-In-TCP")
    return "any" if not rule.profiles else f"bits {int(rule.profiles)}"


def _shell(host: Host) -> str:
    try:
        host.shell.open()
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
            "not found": "TermService has to be asked by Win32_TerminalService, which the readers do",
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
