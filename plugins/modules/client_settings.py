#!/usr/bin/python

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation only: the work is done by plugins/action/client_settings.py on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: client_settings
short_description: Set up machines that connect by Remote Desktop
version_added: 0.1.0
author:
  - winfleet.rdp contributors (@winfleet)
description:
  - Sets whether the machine's own client uses UDP, takes away Schannel overrides that keep clients from TLS 1.2,
    forgets addresses that hosts no longer have, and checks how old the clients are.
  - Programs and updates are never installed or removed. Updates with a known regression of Remote Desktop are named in
    RV(notes), by the updates that Windows lists and by the revision of its build, until the update that mends them, or
    a cumulative one after it, is installed. RV(found) has the versions.
options:
  udp:
    description:
      - Whether the client uses UDP beside TCP (C(DisableUDPTransport)), from the next connection on.
      - The policy above it is C(Turn Off UDP On Client).
    type: str
    choices:
      - keep
      - "on"
      - "off"
    default: keep
  tls:
    description:
      - V(usable) takes away what switches TLS 1.2 off for clients. Windows reads that when it starts, see
        O(allow_reboot). A list of cipher suites that is empty stops clients as well and is named in RV(notes), since
        M(winfleet.rdp.schannel) sees to it.
    type: str
    choices:
      - keep
      - usable
    default: usable
  minimum_mstsc:
    description:
      - The least file version of C(mstsc.exe), which is that of Windows, as up to four numbers with dots, such as
        V(10.0.19041). An older one fails the task with what to do, after the changes that can be made.
    type: str
  minimum_msrdc:
    description:
      - The same for C(msrdc.exe), the client of Windows App and Azure Virtual Desktop, where it is installed for all
        users. Its versions have numbers of their own, such as V(1.2.4066).
    type: str
  names:
    description:
      - Names of hosts, as users connect to them. The DNS client's cache is flushed where it remembers an address of one
        that is not among those that the controller's resolver gives, as M(winfleet.rdp.network_stack) does, which
        says what happens where a flush does not help.
    type: list
    elements: str
    default: []
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
  - module: winfleet.rdp.diagnosis_info
  - module: winfleet.rdp.rollback
  - module: winfleet.rdp.network_stack
  - module: winfleet.rdp.transport
"""

EXAMPLES = r"""
- name: Keep the client from UDP where the VPN drops it
  winfleet.rdp.client_settings:
    udp: "off"

- name: Forget where a host was before it moved
  winfleet.rdp.client_settings:
    names:
      - host17.example.com

- name: Find machines whose client is too old
  winfleet.rdp.client_settings:
    tls: keep
    minimum_mstsc: 10.0.19041
    minimum_msrdc: 1.2.4066
  check_mode: true
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
      description: V(registry), or V(reboot) of the machine.
      type: str
    item:
      description: The registry value with its key, or the machine.
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
    - remedy: client_settings
      kind: registry
      item: HKLM\SOFTWARE\Microsoft\Terminal Server Client\DisableUDPTransport
      before: null
      after:
        type: REG_DWORD
        data: 1
      undo: exact
      reason: the client's UDP is wanted off
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
found:
  description: What was there before the changes, by which the machine is judged.
  returned: success
  type: dict
  contains:
    programs:
      description: The file version of C(mstsc.exe), and of C(msrdc.exe) where it is installed.
      type: dict
    build:
      description: The build of Windows.
      type: int
    revision:
      description: Its revision (UBR), which cumulative updates raise. None where it could not be read.
      type: int
  sample:
    programs:
      mstsc.exe: 10.0.26100.7627
    build: 26100
    revision: 7627
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
      setting: client_udp_off
      value: 1
      wanted: 0
      path: HKLM\SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services\Client\fClientDisableUDP
      policy: >-
        Computer Configuration\Administrative Templates\Windows Components\Remote Desktop Services\Remote Desktop
        Connection Client\Turn Off UDP On Client
      owner: group policy 'Clients'
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
