#!/usr/bin/python

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation only: the work is done by plugins/action/diagnosis_info.py on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: diagnosis_info
short_description: Find out why Remote Desktop fails on Windows hosts
version_added: 0.1.0
author:
  - winfleet.rdp contributors (@winfleet)
description:
  - Tries the Remote Desktop handshake from the controller, reads from the host what can explain the outcome, and
    ranks the known causes by the evidence. A client's C(Error code 0x904, extended error code 0x7) is a symptom of
    many of them.
  - A host whose handshake passes costs a handful of requests; deeper readers run only where the evidence asks for
    them.
  - Says with each cause what cures it, at what risk, and how to see that it is gone, and says what could not be read
    and what that leaves open.
  - Changes nothing.
options:
  observation:
    description:
      - A saved RV(winfleet.rdp.host_info#module:observation), analysed as it is. No connection is made then, and no
        probe; what counts is a probe that the observation has, and those of O(probes).
    type: dict
  depth:
    description:
      - V(auto) reads in proportion to the trouble.
      - V(full) reads every area whatever the probe says, and with it what users meet only after the handshake, such as
        a broken trust, clones with the same machine SID and updates that are known to harm.
    type: str
    choices:
      - auto
      - full
    default: auto
extends_documentation_fragment:
  - winfleet.rdp._attributes
  - winfleet.rdp._attributes.actiongroup_rdp
  - winfleet.rdp._attributes.info
  - winfleet.rdp._options.since
  - winfleet.rdp._options.logon
  - winfleet.rdp._options.probe
  - winfleet.rdp._options.probes
  - winfleet.rdp._options.wire
seealso:
  - module: winfleet.rdp.remediate
  - module: winfleet.rdp.host_info
  - module: winfleet.rdp.probe_info
  - module: winfleet.rdp.report
"""

EXAMPLES = r"""
- name: Find out what is wrong
  winfleet.rdp.diagnosis_info:
  register: diagnosis

- name: Show the causes, the most direct first
  ansible.builtin.debug:
    msg: "{{ diagnosis.findings | map(attribute='title') }}"

- name: Probe from a node in the users' network
  winfleet.rdp.probe_info:
  delegate_to: jumphost.example.org
  register: from_users

- name: Diagnose without a probe from the controller, which may not reach that port
  winfleet.rdp.diagnosis_info:
    probe_from: none
    probes:
      - "{{ from_users.probe }}"

- name: Try as well whether the connection's account could log on, without opening a session
  winfleet.rdp.diagnosis_info:
    logon_check: true

- name: Analyse an observation that was saved earlier
  winfleet.rdp.diagnosis_info:
    observation: "{{ lookup('ansible.builtin.file', 'observations/win01.json') | from_json }}"
"""

RETURN = r"""
verdict:
  description:
    - How the host stands, in one word.
    - V(healthy) means that the handshake passes and no direct finding remains.
    - V(repairable) means that M(winfleet.rdp.remediate) can cure something.
    - V(leased) means that a lease weakens the host and that, but for its end, nothing is left to do or can be done; see
      RV(leases).
    - V(policy_held) means that policy decides it, V(blocked_on_path) that something between the prober and the host
      drops the connection, V(not_rdp) that another program answers on the port, V(unresolved) that nothing that was
      read explains the failure or no module cures it.
  returned: success
  type: str
  sample: repairable
findings:
  description: The causes that the evidence shows, the most direct first.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: Name of the cause.
      type: str
    title:
      description: The cause in words.
      type: str
    relation:
      description:
        - V(direct) explains the failure that users have, V(contributing) adds to it, V(unrelated) is wrong but
          demonstrably not the reason.
      type: str
    confidence:
      description: V(high), V(medium) or V(low).
      type: str
    severity:
      description: V(critical), V(high), V(medium) or V(low).
      type: str
    stage:
      description: The stage of a connection that it breaks, V(name), V(tcp), V(x224), V(tls), V(ntlm) or V(session).
      type: str
    evidence:
      description: What was observed, each with C(what), C(value) and C(source).
      type: list
      elements: dict
    remedies:
      description: The modules that cure it, the smallest first. None means that only a person can.
      type: list
      elements: str
    risk:
      description: The risk of the cure, V(none), V(low), V(medium) or V(high).
      type: str
    by_hand:
      description: What to do where no module cures it.
      type: str
    verify:
      description: How to see that it is gone.
      type: str
    ruled_out_by:
      description: The evidence that would rule it out as the reason for a failure.
      type: str
    hides:
      description: Whether more may be wrong behind it, since the probe or the logon check cannot see past it.
      type: bool
    compliance:
      description:
        - The items of the CIS benchmarks, DISA STIGs and Microsoft's security baselines that what was found is about,
          so that a cure is weighed before it is made.
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
          description:
            - V(breaks) or V(meets), as the host stands now; V(touches) where what was read does not tell.
          type: str
    sources:
      description: Where the cause is documented.
      type: list
      elements: str
  sample:
    - id: firewall_rule_disabled
      title: no firewall rule lets Remote Desktop in; the built-in one is disabled
      relation: direct
      confidence: high
      severity: critical
      stage: tcp
      evidence:
        - what: rule RemoteDesktop-UserMode-In-TCP
          value: disabled
          source: MSFT_NetFirewallRule
        - what: active firewall profiles
          value: domain
          source: MSFT_NetConnectionProfile
      remedies:
        - firewall
      risk: medium
      by_hand: ""
      verify: "probe_info: the TCP stage opens"
      ruled_out_by: a handshake that gets past the stage tcp
      hides: true
      compliance: []
      sources:
        -
          https://learn.microsoft.com/windows/security/operating-system-security/network-security/windows-firewall/rules
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
    - setting: security_layer
      path: HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp\SecurityLayer
      weakened:
        - 0
      restores: 2
      lasts: 1800
      until: "2026-06-01T12:30:00Z"
      task: winfleet.rdp-lease-security_layer
      standing: running
      effective: true
logon_check:
  description:
    - What came of the attempt to log on, V(null) where O(logon_check) is not set. It holds no secret.
  returned: success
  type: dict
  contains:
    verdict:
      description:
        - V(accepted) where the host takes the credentials.
        - V(denied) where it knows the account and does not let it log on with Remote Desktop.
        - V(rejected) where it does not take the credentials, V(intercepted) where something between ends TLS.
        - V(stopped) where another host of the run has not taken them, V(not_tried) where nothing was sent.
      type: str
    reason:
      description: Why, in words; empty with V(accepted).
      type: str
    status:
      description: The NTSTATUS with which the host rejected them, V(null) where it said none.
      type: int
    authorised:
      description:
        - Whether the host says that the account may log on; V(null) where its protocol has no such answer.
      type: bool
  sample:
    verdict: accepted
    reason: ""
    status: null
    authorised: true
needs:
  description: What is due since an earlier run of this collection, which changed what is read only at a start. It is
    told until the host has done it.
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
      - what the listener reads only when it starts was changed, by an earlier run or by the end of a lease
open_questions:
  description: What could not be read or explained, and what that leaves open.
  returned: success
  type: list
  elements: str
  sample:
    - no probe was made, so nothing is known about the path to the host and the live handshake
notes:
  description: What else is worth knowing about the run.
  returned: success
  type: list
  elements: str
plan:
  description: The changes that M(winfleet.rdp.remediate) would make, in order, as
    RV(winfleet.rdp.remediate#module:changes).
  returned: success
  type: list
  elements: dict
compliance:
  description:
    - The items of the CIS benchmarks, DISA STIGs and Microsoft's security baselines that the changes of RV(plan) would
      touch, each once. The number of a CIS item moves between versions of a benchmark; its last parts stay.
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
  description: What was wanted and is not done, with what it would cost and what helps instead.
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
probe:
  description: The handshake, as RV(winfleet.rdp.probe_info#module:probe); none where none was made.
  returned: success
  type: dict
identity:
  description: Name, version, role, language, boot time and clock of the host; none where it could not be
    read.
  returned: success
  type: dict
  sample:
    computer_name: WIN01
    caption: Microsoft Windows Server 2022 Standard
    version: 10.0.20348
    build: 20348
    product_type: 3
    language: 1033
    boot_time: "2026-05-20T03:10:44+00:00"
    local_time: "2026-06-01T14:00:00+02:00"
    clock_offset_s: 0.4
machine:
  description: MachineGuid and machine SID, by which M(winfleet.rdp.report) finds clones; none but with O(depth=full).
  returned: success
  type: str
operations:
  description: How many WS-Management operations the task took on the host.
  returned: success
  type: int
  sample: 9
"""
