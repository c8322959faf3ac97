#!/usr/bin/python

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation only: the work is done by plugins/action/rollback.py on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: rollback
short_description: Undo what winfleet.rdp has changed on Windows hosts
version_added: 0.1.0
author:
  - winfleet.rdp contributors (@winfleet)
description:
  - Reads the journal that is kept in the host's own registry (C(HKLM\SOFTWARE\winfleet.rdp)) and puts back what was
    before, newest first. It needs no file on the controller.
  - A service that a run has started is stopped again only while nobody has a session, and that of an RD Gateway while
    nobody is connected by way of it. Otherwise RV(left) says who would be cut off, and O(restart=always) accepts that.
  - An item that somebody has changed since is left as it is and listed in RV(drifted), unless O(force) is set.
  - What the host refuses to put back, or what is no longer there, as a firewall rule that was deleted since, is left
    with the reason in RV(left), and so is what was done to the same item before. All else goes back. A lease stays
    while the value that it weakened is left.
  - What the end of a lease has left is no change of somebody's, also where that is not what the lease found, as it
    leaves the default in place of a number that Windows does not know. Nothing is done to it, also where O(force) is
    set.
  - What a policy decides that came since is left too, also where O(force) is set, since nothing is written under a
    policy. A later roll-back puts it back once the policy is gone.
  - Where the listener goes back to another port, the firewall keeps the port on which it is open until C(TermService)
    has started again. Where that may not be done now, those changes of the firewall are in RV(left); a later roll-back
    puts them back.
  - What has no undo is listed in RV(not_undoable). M(winfleet.rdp.network_stack) says how a person puts Winsock
    providers back from what was saved of them.
  - A journal that came with a cloned disk image is never used; its runs are listed in RV(foreign).
  - An entry that was altered, or is no change that this collection makes, is refused with what differs, and nothing is
    undone then; nor is it where others than Administrators and SYSTEM may write to the journal.
options:
  run:
    description:
      - Which run to undo.
      - V(last) is the latest that has something left to undo, V(all) is every one, and any other value is the id of
        one run, see RV(winfleet.rdp.remediate#module:run_id).
    type: str
    default: last
  force:
    description:
      - Whether to put back also what somebody has changed since.
      - Takes a real boolean alone, no string.
    type: bool
    default: false
extends_documentation_fragment:
  - winfleet.rdp._attributes
  - winfleet.rdp._attributes.actiongroup_rdp
  - winfleet.rdp._attributes.fix
  - winfleet.rdp._options.restart
  - winfleet.rdp._options.probe
  - winfleet.rdp._options.wire
seealso:
  - module: winfleet.rdp.remediate
"""

EXAMPLES = r"""
- name: See what the last run would be undone to
  winfleet.rdp.rollback:
  check_mode: true
  diff: true

- name: Undo the last run
  winfleet.rdp.rollback:

- name: Undo one run by its id
  winfleet.rdp.rollback:
    run: 20260601T120000Z-5f0c1a2b

- name: Undo everything, and find out what was changed by others since
  winfleet.rdp.rollback:
    run: all
  register: undone

- name: Show it
  ansible.builtin.debug:
    var: undone.drifted
"""

RETURN = r"""
undone:
  description: What was put back, in the order in which it was.
  returned: success
  type: list
  elements: dict
  contains:
    run_id:
      description: The run that had changed it.
      type: str
    kind:
      description: What sort of item it is, as in RV(changes[].kind).
      type: str
    item:
      description: The item.
      type: str
    before:
      description: What the run had left.
      type: raw
    after:
      description: What it is again.
      type: raw
drifted:
  description: Items that are neither as the run left them nor as they were before. They are left alone.
  returned: success
  type: list
  elements: dict
  contains:
    run_id:
      description: The run that had changed it.
      type: str
    item:
      description: The item.
      type: str
    expected:
      description: What the run had left.
      type: raw
    found:
      description: What is there now.
      type: raw
not_undoable:
  description: What a run did that has no undo, such as a restart.
  returned: success
  type: list
  elements: dict
  contains:
    run_id:
      description: The run that did it.
      type: str
    item:
      description: The item.
      type: str
    reason:
      description: Why it was done.
      type: str
foreign:
  description: Runs in the journal that were made on another machine. They are left alone.
  returned: success
  type: list
  elements: str
left:
  description: Items that were not put back for another reason, each with the reason.
  returned: success
  type: dict
policy_held:
  description:
    - Values that were not put back, since a policy decides them that came since. They are in RV(left) too.
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
      description: What was there before; none where it was absent.
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
notes:
  description: What nothing has shown, as that what went back is live where the controller may not probe.
  returned: success
  type: list
  elements: str
runs:
  description: The runs that were looked at.
  returned: success
  type: list
  elements: str
  sample:
    - 20260601T120000Z-5f0c1a2b
changes:
  description:
    - RV(undone) in the shape of the other modules' changes, followed by a restart where one was made.
  returned: success
  type: list
  elements: dict
  contains:
    remedy:
      description: The module whose fix this is.
      type: str
    kind:
      description:
        - V(registry), V(lease), V(service_start_mode), V(service_state), V(firewall_rule), V(port_proxy), V(dns_cache)
          or V(winsock), and V(restart) of a service or V(reboot) of the host.
        - V(file_access) is who may read a key file, V(folder_dacl) the permissions of the key folder itself,
          V(key_dacl) those of the certificate's store in the registry.
        - V(certificate) and V(key_file) put the listener's own away, V(renewal) lets Windows make them anew.
        - V(key_copy) is a copy of the key folder, V(key_folder) its rename.
        - V(gateway_certificate), V(gateway_connection_policy), V(gateway_resource_policy), V(gateway_resource_group)
          and V(gateway_transport) are of an RD Gateway.
      type: str
    item:
      description: The registry value with its key, the name of a service, rule or policy, or the file or folder.
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
        data: 0
      after:
        type: REG_DWORD
        data: 1
      undo: exact
      reason: "roll-back: Remote Desktop connections are denied"
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
  description:
    - What still has to happen before all changes are live.
    - In check mode what the roll-back would have to start anew, and what was due before. Whether values that some hosts
      act on at once and others after a restart need one shows only afterwards, so it is not foretold.
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
  description:
    - The run as which the roll-back worked on the host. Nothing is journaled under it, so it cannot be undone itself.
  returned: success
  type: str
  sample: 20260601T130000Z-a41b77d0
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
