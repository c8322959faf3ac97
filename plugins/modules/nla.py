#!/usr/bin/python

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation only: the work is done by plugins/action/nla.py on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nla
short_description: Require Network Level Authentication, or switch it off for a while
version_added: 0.1.0
author:
  - winfleet.rdp contributors (@winfleet)
description:
  - Sets whether users authenticate before the listener gives them a logon screen (C(UserAuthentication)).
  - Network Level Authentication runs inside TLS. So before it is required, a TLS handshake with this very host has to
    succeed, and CredSSP to be answered inside of it. A host that denies NTLM answers none; then it has to belong to a
    domain or to Entra ID, whose users do without.
  - Switching it off opens the logon screen, and all code behind it, to everybody who reaches the port. It is refused
    unless O(lease) says for how long; the host then ends it by itself.
  - A Home edition of Windows takes no connections, and is refused.
options:
  state:
    description:
      - V(required) lets in only clients that authenticate first, V(off) also those that do not.
      - V(keep) changes nothing, except that it ends a lease that the host should have ended and did not.
      - The policy above it is C(Require user authentication for remote connections by using Network Level
        Authentication).
      - CIS benchmarks want V(required).
    type: str
    choices:
      - required
      - "off"
      - keep
    default: required
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
  - winfleet.rdp._options.lease
seealso:
  - module: winfleet.rdp.diagnosis_info
  - module: winfleet.rdp.security_layer
  - module: winfleet.rdp.rollback
  - name: Win32_TSGeneralSetting.SetUserAuthenticationRequired
    description: The method that sets it, with a warning about locking users out.
    link: https://learn.microsoft.com/windows/win32/termserv/win32-tsgeneralsetting-setuserauthenticationrequired
"""

EXAMPLES = r"""
- name: Require Network Level Authentication
  winfleet.rdp.nla:

- name: Let users in whose passwords have expired, for half an hour
  winfleet.rdp.nla:
    state: "off"
    lease: 30m

- name: End that early
  winfleet.rdp.nla:
    state: required
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
      description: V(registry), V(lease), or V(restart) of C(TermService).
      type: str
    item:
      description: The registry value with its key, the service's name, or the setting that a lease is for.
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
    - remedy: nla
      kind: registry
      item: HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp\UserAuthentication
      before:
        type: REG_DWORD
        data: 0
      after:
        type: REG_DWORD
        data: 1
      undo: exact
      reason: Network Level Authentication is wanted required
      risk: medium
      compliance:
        - benchmark: CIS Microsoft Windows Benchmarks, L1
          item: 18.10.57.3.9.4
          effect: restores
leases:
  description:
    - The leases that were granted on the host, whatever setting they are for, and how they stand after the task.
  returned: success
  type: list
  elements: dict
  contains:
    setting:
      description: The setting.
      type: str
    path:
      description: Its registry value.
      type: str
    weakened:
      description: The numbers that the lease gave it. The end changes nothing else.
      type: list
      elements: int
    restores:
      description: The number that the end writes; none where the value was absent and is deleted.
      type: int
    lasts:
      description: For how many seconds the lease was granted.
      type: int
    until:
      description: When it ends, by the host's clock.
      type: str
    task:
      description: The scheduled task that ends it.
      type: str
    standing:
      description:
        - V(running) weakens the host until RV(leases[].until).
        - V(overdue) is past its end, and the host is about to end it.
        - V(lost) weakens the host although nothing on it ends that any more, or nothing in time since its clock was set
          back. The next run that wants the weakening still arms the lease again until its old end. Any other one that
          has to do with the setting, and each when that end is past or further off than the lease lasts, puts back
          what was there before, whatever else it is asked for and whether or not that is refused.
        - V(superseded) weakens nothing, since somebody has set another value meanwhile, which the end will leave.
        - V(unbegun) weakens nothing, since the run that granted it was cut off before; another run may grant it again.
        - V(ended) weakens nothing any more.
        - V(lease_not_effective) has ended, but the handshake shows that the listener still acts on the weaker value
          until C(TermService) restarts. The host makes none for that, since it would drop the users; the next
          run of M(winfleet.rdp.nla), M(winfleet.rdp.security_layer) or M(winfleet.rdp.remediate) does, as its
          C(restart) lets it.
      type: str
    effective:
      description: Whether the handshake shows what the standing says. None where no handshake tells.
      type: bool
  sample:
    - setting: nla
      path: HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp\UserAuthentication
      weakened:
        - 0
      restores: 1
      lasts: 1800
      until: "2026-06-01T12:30:00Z"
      task: winfleet.rdp-lease-nla
      standing: running
      effective: true
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
      setting: nla
      value: 0
      wanted: 1
      path: HKLM\SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services\UserAuthentication
      policy: >-
        Computer Configuration\Administrative Templates\Windows Components\Remote Desktop Services\Remote Desktop
        Session Host\Security\Require user authentication for remote connections by using Network Level Authentication
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
      item: 18.10.57.3.9.4
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
