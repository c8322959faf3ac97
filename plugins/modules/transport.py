#!/usr/bin/python

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation only: the work is done by plugins/action/transport.py on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: transport
short_description: Allow UDP beside TCP for Remote Desktop sessions, or TCP alone
version_added: 0.1.0
author:
  - winfleet.rdp contributors (@winfleet)
description:
  - Sets which transports the listener offers (C(SelectTransport)).
  - A session begins over TCP and moves its graphics to UDP where both sides may. Where something on the way carries the
    first UDP packets and drops later ones, sessions freeze or end soon after logon; TCP alone cures that, costs
    smoothness on lossy links, and can be undone. No benchmark asks for either.
  - An answer over UDP proves that it is served; silence proves nothing, and RV(notes) then says so.
  - A Home edition of Windows takes no connections, and is refused.
options:
  mode:
    description:
      - V(tcp_and_udp) lets sessions use UDP beside TCP. A host that allows it already, in whatever words, is left as it
        is.
      - V(tcp_only) serves TCP alone.
      - The policy above it is C(Select RDP transport protocols).
    type: str
    choices:
      - tcp_and_udp
      - tcp_only
    default: tcp_and_udp
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
  - module: winfleet.rdp.probe_info
  - name: Select RDP transport protocols
    description: The policy, in the policy CSP's reference.
    link: https://learn.microsoft.com/windows/client-management/mdm/policy-csp-admx-terminalserver
"""

EXAMPLES = r"""
- name: Use TCP alone while the VPN drops UDP
  winfleet.rdp.transport:
    mode: tcp_only

- name: Go back to what Windows does by default
  winfleet.rdp.transport:
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
      description: V(registry), or V(restart) of C(TermService).
      type: str
    item:
      description: The registry value with its key, or the service's name.
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
    - remedy: transport
      kind: registry
      item: HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp\SelectTransport
      before:
        type: REG_DWORD
        data: 2
      after:
        type: REG_DWORD
        data: 1
      undo: exact
      reason: the transport is wanted tcp_only
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
      setting: transport
      value: 0
      wanted: 1
      path: HKLM\SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services\SelectTransport
      policy: >-
        Computer Configuration\Administrative Templates\Windows Components\Remote Desktop Services\Remote Desktop
        Session Host\Connections\Select RDP transport protocols
      owner: group policy 'Session hosts'
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
