# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real connection plugins of Ansible, without a play around them."""

from __future__ import annotations

import os
import typing as t

from ansible.playbook.play_context import PlayContext
from ansible.plugins.loader import connection_loader

PASSWORD = "s3cret-Pässword"

SPECIFIC: dict[str, dict[str, t.Any]] = {
    "winrm": {"ansible_winrm_scheme": "http", "ansible_winrm_transport": ["basic"]},
    "psrp": {
        "ansible_psrp_protocol": "http",
        "ansible_psrp_auth": "basic",
        "ansible_psrp_message_encryption": "never",
    },
}
NTLM: dict[str, t.Any] = {
    "ansible_winrm_transport": ["ntlm"],
    "ansible_psrp_auth": "ntlm",
    "ansible_psrp_message_encryption": "always",
}
"""Variables that change both plugins from Basic to NTLM with message encryption."""


def connection(plugin: str, port: int, **variables: t.Any) -> t.Any:
    """A connection plugin to a port on this machine, over HTTP and with Basic unless the variables say otherwise."""
    # Ansible has annotations here in some releases only.
    load: t.Any = connection_loader.get
    context: t.Any = PlayContext
    made = load(f"ansible.builtin.{plugin}", context(), os.devnull)
    common = {
        "ansible_host": "127.0.0.1",
        "ansible_port": port,
        "ansible_user": "admin",
        "ansible_password": PASSWORD,
    }
    made.set_options(var_options={**common, **SPECIFIC[plugin], **variables, "_extras": {}})
    return made
