#!/usr/bin/python

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation only: the work is done by plugins/action/remote_desktop.py on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: remote_desktop
short_description: Switch Remote Desktop of Windows hosts on or off, with its listener, logons and services
version_added: 0.1.0
author:
  - winfleet.rdp contributors (@winfleet)
description:
  - Brings Remote Desktop into the state that is named, with the least change, and proves it with a handshake.
  - Switched on means that connections are allowed (C(fDenyTSConnections)), the listener is enabled
    (C(fEnableWinStation)), Remote Desktop Services run at all (C(TSEnabled)), and the services C(TermService),
    C(SessionEnv) and C(UmRdpService) are not disabled. A value that is as it should be is not written.
  - What is in the way and is not changed is named in RV(notes), such as another vendor's protocol object, another
    library in C(TermService)'s place, another program on the listener's port or nothing that listens there, other
    listeners of the host, permissions of the listener that deny or do not grant the logon to a group of users, refused
    logons, drain mode, and a set-up that is not finished. Home editions take no connections, and are refused.
  - The firewall is another concern, see M(winfleet.rdp.firewall).
  - A value that policy sets is never written under, see RV(policy_held).
options:
  state:
    description:
      - V(enabled) switches Remote Desktop on.
      - V(disabled) switches it off by C(fDenyTSConnections) alone. Sessions that are open are left alone, except where
        Windows goes on listening until C(TermService) restarts; then O(restart) decides. RV(notes) names the options
        that then have no effect.
      - The policy above it is C(Allow users to connect remotely by using Remote Desktop Services).
    type: str
    choices:
      - enabled
      - disabled
    default: enabled
  port:
    description:
      - The TCP and UDP port that the listener is to have (C(PortNumber)), left as it is when not given.
      - Windows reads it when C(TermService) starts, so O(restart) decides when it is live.
      - The firewall's built-in rules do not follow by themselves. Run M(winfleet.rdp.firewall) with the new port as its
        O(winfleet.rdp.firewall#module:port) before, and without it afterwards, which closes the old port.
      - While the host's firewall lets nobody in to the new port, the listener stays where it is and the task fails,
        unless O(restart) is V(never). Check mode does not ask for that, since a task before may open the firewall.
      - When nothing connects to the new port after the restart, the old port is put back, C(TermService) is restarted
        again, and the task fails. Without a probe from the controller the host alone is asked whether it listens there,
        which does not tell what lies between it and its clients.
      - A move that has to wait is made by the next restart of C(TermService), whatever that is for. As long as the
        firewall lets nobody in to the new port, no module restarts the service, and RV(needs) says so.
      - Ranges that Windows, Hyper-V or containers have reserved cannot be seen before, since only the text of C(netsh
        interface ipv4 show excludedportrange tcp) tells them, and it is not read. A port within shows after the
        restart, when nothing listens there, and the old port is put back.
      - RV(notes) says so where Windows may hand the port to other programs, which it does from 49152.
      - A port of WinRM (5985, 5986, 47001 or the port of the task's own connection) is refused, and so is one on which
        another program of the host listens.
    type: int
  start_mode:
    description:
      - How C(TermService) starts. Windows sets it to start manually, which is right, since Windows itself starts it.
      - V(keep) changes the start mode only where it is C(Disabled), to V(manual).
      - The CIS L2 benchmarks for Windows 10 and 11 want the service disabled; RV(compliance) says when a change
        breaks that.
    type: str
    choices:
      - keep
      - manual
      - automatic
    default: keep
  drain:
    description:
      - Drain mode of a session host (C(TSServerDrainMode)), which keeps new sessions away.
      - V(until_restart) ends with the next restart of the host.
    type: str
    choices:
      - keep
      - "off"
      - until_restart
      - "on"
    default: keep
  logons:
    description:
      - Whether new logons are accepted. V(refused) has the listener refuse them (C(fLogonDisabled)).
      - V(accepted) also ends what C(change logon /disable) and scripts that claim to tune Windows do
        (C(WinStationsDisabled) of Winlogon).
      - A handshake does not show it, since nobody is refused before the credentials were taken. Where users are
        refused all the same afterwards, restart C(TermService).
    type: str
    choices:
      - keep
      - accepted
      - refused
    default: keep
  port_proxy:
    description:
      - What happens to port proxies (C(netsh interface portproxy)) that hold the listener's port, so that connections
        go to another machine. Somebody set them up, so ask first.
      - V(keep) leaves them, names them, and the task fails where they take connections, on every address or on one
        that the host has. One on another address, such as C(127.0.0.1), is named in RV(notes) alone.
      - V(remove) removes those on the port, which takes a shell on the host, and restarts C(TermService) as O(restart)
        allows. Roll-back sets them up again.
    type: str
    choices:
      - keep
      - remove
    default: keep
extends_documentation_fragment:
  - winfleet.rdp._attributes
  - winfleet.rdp._attributes.actiongroup_rdp
  - winfleet.rdp._attributes.fix
  - winfleet.rdp._options.run
  - winfleet.rdp._options.restart
  - winfleet.rdp._options.probe
  - winfleet.rdp._options.probes
  - winfleet.rdp._options.wire
  - winfleet.rdp._options.policy
seealso:
  - module: winfleet.rdp.firewall
  - module: winfleet.rdp.diagnosis_info
  - module: winfleet.rdp.remediate
  - module: winfleet.rdp.rollback
  - name: Win32_TerminalServiceSetting
    description: The class whose method SetAllowTSConnections switches Remote Desktop on and off.
    link: https://learn.microsoft.com/windows/win32/termserv/win32-terminalservicesetting
"""

EXAMPLES = r"""
- name: Switch Remote Desktop on, restarting nothing
  winfleet.rdp.remote_desktop:
    restart: never

- name: Let the port in that the listener is to have
  winfleet.rdp.firewall:
    port: 33890

- name: Have the listener on that port
  winfleet.rdp.remote_desktop:
    port: 33890
  register: listener

- name: Close the port that it had, unless it still is on it
  winfleet.rdp.firewall:

- name: Say what is left to do
  ansible.builtin.debug:
    msg: "{{ listener.needs.why }}"
  when: listener.needs.restart

- name: Take a session host out of service until its next restart
  winfleet.rdp.remote_desktop:
    drain: until_restart

- name: Switch Remote Desktop off where nobody should use it
  winfleet.rdp.remote_desktop:
    state: disabled
"""

RETURN = r"""
changes:
  description:
    - The changes in the order in which they were made, in check mode those that would be made.
    - Each was journaled on the host before it was made, and M(winfleet.rdp.rollback) undoes it.
  returned: success
  type: list
  elements: dict
  contains:
    remedy:
      description: The module whose fix this is.
      type: str
    kind:
      description: V(registry), V(service_start_mode), V(service_state), V(port_proxy) or V(restart).
      type: str
    item:
      description: The registry value with its key, the service's name, or the address and port of the port proxy.
      type: str
    before:
      description: What was there. None means that it was absent.
      type: raw
    after:
      description: What is there now.
      type: raw
    undo:
      description: V(exact) is undone by roll-back, V(none) needs no undoing and is listed by it.
      type: str
    reason:
      description: Why it is made, in one sentence.
      type: str
    risk:
      description: V(none), V(low), V(medium) or V(high).
      type: str
    compliance:
      description: The benchmark items that it breaks or restores, as in RV(compliance).
      type: list
      elements: dict
  sample:
    - remedy: remote_desktop
      kind: registry
      item: HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\fDenyTSConnections
      before:
        type: REG_DWORD
        data: 1
      after:
        type: REG_DWORD
        data: 0
      undo: exact
      reason: Remote Desktop connections are denied
      risk: low
      compliance: []
diff:
  description: Before and after of every item, shown with C(--diff).
  returned: success
  type: list
  elements: dict
  contains:
    before_header:
      description: The item.
      type: str
    after_header:
      description: The item.
      type: str
    before:
      description: What it was.
      type: str
    after:
      description: What it becomes.
      type: str
policy_held:
  description: Wanted values that policy decides otherwise. They are not written, since that would be without effect.
  returned: success
  type: list
  elements: dict
  contains:
    state:
      description: V(policy_held), or V(policy_orphaned) where nobody was found who owns the policy value.
      type: str
    setting:
      description: The setting.
      type: str
    value:
      description: What policy sets it to.
      type: raw
    wanted:
      description: What was wanted.
      type: raw
    path:
      description: The registry value of the policy.
      type: str
    policy:
      description: Where an administrator finds the policy.
      type: str
    owner:
      description: The group policy object, or what else wrote the value.
      type: str
  sample:
    - state: policy_held
      setting: security_layer
      value: 0
      wanted: 2
      path: HKLM\SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services\SecurityLayer
      policy: >-
        Computer Configuration\Administrative Templates\Windows Components\Remote Desktop Services\Remote Desktop
        Session Host\Security\Require use of specific security layer for remote (RDP) connections
      owner: Legacy clients
refused:
  description: What was wanted and is not done, with what it would cost and what helps instead. The task fails where
    there is any.
  returned: success
  type: list
  elements: dict
  contains:
    message:
      description: Why not, and what to do.
      type: str
    option:
      description: The option that it is about, if one is.
      type: str
notes:
  description: What else is worth knowing about the run.
  returned: success
  type: list
  elements: str
compliance:
  description:
    - The items of the CIS benchmarks, DISA STIGs and Microsoft's security baselines that the changes touch, each once.
      The number of a CIS item moves between versions of a benchmark; its last parts stay.
  returned: success
  type: list
  elements: dict
  contains:
    benchmark:
      description: The benchmark and its level.
      type: str
    item:
      description: The item.
      type: str
    effect:
      description: V(restores) or V(breaks).
      type: str
  sample:
    - benchmark: CIS Microsoft Windows Benchmarks, L1
      item: 18.10.57.3.9.3
      effect: restores
needs:
  description: What still has to happen before all changes are live.
  returned: success
  type: dict
  contains:
    restart:
      description: Whether the service C(TermService) has to be restarted.
      type: bool
    reboot:
      description: Whether the host has to be rebooted.
      type: bool
    why:
      description: The reasons, in words.
      type: list
      elements: str
  sample:
    restart: true
    reboot: false
    why:
      - >-
        a restart of TermService would cut 2 connected and 0 disconnected session(s), connected from 192.0.2.10,
        192.0.2.11; signed in: EXAMPLE\anna, EXAMPLE\bert; set restart to always to accept that
run_id:
  description: The run under which the changes are journaled on the host.
  returned: success
  type: str
  sample: 20260601T120000Z-5f0c1a2b
proof:
  description: The handshake after the last change, as RV(winfleet.rdp.probe_info#module:probe); none where nothing
    was changed or probed.
  returned: success
  type: dict
operations:
  description: How many WS-Management operations the task took on the host.
  returned: success
  type: int
  sample: 9
"""
