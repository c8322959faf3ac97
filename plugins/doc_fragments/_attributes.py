# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Attributes that the modules share. PRIVATE to the collection."""

from __future__ import annotations


class ModuleDocFragment:
    """What holds for every module that works on Windows hosts."""

    DOCUMENTATION = r"""
options: {}
requirements:
  - On the controller, C(pywinrm) 0.4.3 or newer for hosts with the connection P(ansible.builtin.winrm#connection), or
    C(pypsrp) 0.8.1 or newer for hosts with P(ansible.builtin.psrp#connection).
  - On the controller, C(defusedxml) 0.7.1 or newer.
  - On the host, nothing but its WinRM service, and an account in its group Administrators. Neither Python nor
    PowerShell is used there.
attributes:
  action:
    description: Indicates this has a corresponding action plugin so some parts of the options can be executed on the
      controller.
    support: full
    details:
      - All of it runs on the controller.
  async:
    description: Supports being used with the C(async) keyword.
    support: none
  become:
    description: Is usable alongside C(become) keywords.
    support: none
    details:
      - The account of the connection has to be an administrator of the host.
  bypass_host_loop:
    description: Forces a global task that does not execute per host.
    support: none
  connection:
    description: Uses the target's configured connection information to execute code on it.
    support: full
    details:
      - Borrows the connections P(ansible.builtin.winrm#connection) and P(ansible.builtin.psrp#connection) with all
        their options; no other connection can be used.
  delegation:
    description: Can be used in conjunction with C(delegate_to) and related keywords.
    support: full
    details:
      - To another Windows host, which is then the one that is worked on.
  platform:
    description: Target OS/families that can be operated against.
    support: full
    platforms: windows
"""

    ACTIONGROUP_RDP = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/winfleet.rdp.rdp) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - winfleet.rdp.rdp
"""

    FIX = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    support: full
    details:
      - Only reads from the host.
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff
      mode.
    support: full
  idempotent:
    description:
      - When run twice in a row outside check mode, with the same arguments, the second invocation indicates no
        change.
      - This assumes that the system controlled/queried by the module has not changed in a relevant way.
    support: full
"""

    INFO = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    support: full
    details:
      - This action does not modify state.
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff
      mode.
    support: N/A
    details:
      - This action does not modify state.
  idempotent:
    description:
      - When run twice in a row outside check mode, with the same arguments, the second invocation indicates no
        change.
      - This assumes that the system controlled/queried by the module has not changed in a relevant way.
    support: full
    details:
      - This action does not modify state.
"""

    REPORT = r"""
options: {}
attributes:
  action:
    description: Indicates this has a corresponding action plugin so some parts of the options can be executed on the
      controller.
    support: full
    details:
      - All of it runs on the controller.
  async:
    description: Supports being used with the C(async) keyword.
    support: none
  become:
    description: Is usable alongside C(become) keywords.
    support: N/A
  bypass_host_loop:
    description: Forces a global task that does not execute per host.
    support: none
    details:
      - Use C(run_once).
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    support: full
    details:
      - The report is written on the controller in check mode as well.
  connection:
    description: Uses the target's configured connection information to execute code on it.
    support: N/A
  delegation:
    description: Can be used in conjunction with C(delegate_to) and related keywords.
    support: none
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff
      mode.
    support: none
  idempotent:
    description:
      - When run twice in a row outside check mode, with the same arguments, the second invocation indicates no
        change.
      - This assumes that the system controlled/queried by the module has not changed in a relevant way.
    support: full
  platform:
    description: Target OS/families that can be operated against.
    support: full
    platforms: posix
"""
