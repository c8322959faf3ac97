#!/usr/bin/python

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation only: the work is done by plugins/action/connection_limit.py on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: connection_limit
short_description: Limit pending connections and sessions of the Remote Desktop listener
version_added: 0.1.0
author:
  - winfleet.rdp contributors (@winfleet)
description:
  - Sets how many connections may be in negotiation at a time (C(MaxOutstandingConnections)) and how many sessions the
    listener takes (C(MaxInstanceCount)). What is not given is left as it is.
  - A listener with too many connections that never finish negotiating stops taking new ones and writes event 1006. That
    is a flood or a scan nearly always. A higher limit only gains time; RV(notes) names where the connections came from,
    by the events 131 and 140 of the listener, and keeping those away is the cure. Reading these events takes a shell on
    the host; where there is none, the connections that are open are counted.
  - A Home edition of Windows takes no connections, and is refused.
options:
  pending:
    description:
      - How many connections may be in negotiation, from 1 to 65536. What Windows does without the value is not
        documented, so the value is never removed but by M(winfleet.rdp.rollback).
      - It is read when C(TermService) starts.
    type: int
  sessions:
    description:
      - How many sessions the listener takes, from 1; V(0) is no limit, as is V(999999).
      - The policy above it is C(Limit number of connections).
    type: int
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
  - name: Limit number of connections
    description: The policy, in the policy CSP's reference.
    link: https://learn.microsoft.com/windows/client-management/mdm/policy-csp-admx-terminalserver
"""

EXAMPLES = r"""
- name: Gain time while the flood's sources are shut out at the edge
  winfleet.rdp.connection_limit:
    pending: 10000

- name: Take the limit of sessions away
  winfleet.rdp.connection_limit:
    sessions: 0
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
    - remedy: connection_limit
      kind: registry
      item: HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\MaxOutstandingConnections
      before: null
      after:
        type: REG_DWORD
        data: 10000
      undo: exact
      reason: the number of connections that may be pending is wanted 10000
      risk: medium
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
      setting: session_limit
      value: 2
      wanted: 4294967295
      path: HKLM\SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services\MaxInstanceCount
      policy: >-
        Computer Configuration\Administrative Templates\Windows Components\Remote Desktop Services\Remote Desktop
        Session Host\Connections\Limit number of connections
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
