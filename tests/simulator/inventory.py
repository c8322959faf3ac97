# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An inventory of the fleet for ansible-playbook -i."""

from __future__ import annotations

from pathlib import Path

import yaml

from tests.simulator.authority import Files
from tests.simulator.fleet import HTTP_PORT, HTTPS_PORT, Fleet

USER = "Administrator"


def write_inventory(path: Path, fleet: Fleet, connection: str, files: Files | None) -> None:
    """Write the group ``windows`` with every host and the variables of its connection. Raises OSError."""
    hosts = {plan.name: {"ansible_host": plan.address} for plan in fleet.plans}
    variables = _common(fleet) | (_winrm(fleet, files) if connection == "winrm" else _psrp(fleet, files))
    document = {"windows": {"hosts": hosts, "vars": variables}}
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")


def _common(fleet: Fleet) -> dict[str, object]:
    options = fleet.options
    return {
        "ansible_user": USER, "ansible_password": options.password,
        "ansible_port": HTTPS_PORT if options.secure else HTTP_PORT,
    }  # fmt: skip


def _winrm(fleet: Fleet, files: Files | None) -> dict[str, object]:
    options = fleet.options
    variables: dict[str, object] = {
        "ansible_connection": "winrm", "ansible_winrm_scheme": "https" if options.secure else "http",
        "ansible_winrm_transport": "ntlm" if options.auth in ("negotiate", "every") else options.auth,
    }  # fmt: skip
    if files is not None:
        variables["ansible_winrm_ca_trust_path"] = str(files.authority)
    if options.auth in ("certificate", "every") and files is not None:
        variables["ansible_winrm_cert_pem"] = str(files.client)
        variables["ansible_winrm_cert_key_pem"] = str(files.client_key)
    return variables


def _psrp(fleet: Fleet, files: Files | None) -> dict[str, object]:
    options = fleet.options
    variables: dict[str, object] = {
        "ansible_connection": "psrp", "ansible_psrp_protocol": "https" if options.secure else "http",
        "ansible_psrp_auth": "ntlm" if options.auth == "every" else options.auth,
    }  # fmt: skip
    if options.auth == "basic" and not options.secure:
        variables["ansible_psrp_message_encryption"] = "never"
    if files is not None:
        variables["ansible_psrp_ca_cert"] = str(files.authority)
    if options.auth in ("certificate", "every") and files is not None:
        variables["ansible_psrp_certificate_pem"] = str(files.client)
        variables["ansible_psrp_certificate_key_pem"] = str(files.client_key)
    return variables
