#!/usr/bin/python

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation only: the work is done by plugins/action/remediate.py on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: remediate
short_description: Diagnose, repair and prove Remote Desktop on Windows hosts in one task
version_added: 0.1.0
author:
  - winfleet.rdp contributors (@winfleet)
description:
  - Works in a closed loop. It diagnoses as M(winfleet.rdp.diagnosis_info) does, makes the least change that cures
    the most direct cause, tries the handshake again, and goes on until nothing direct is left that it can cure.
  - A step is kept when the evidence of its cause is gone, when the handshake gets further, or while it waits for a
    restart. Otherwise it is taken back if it carries risk.
  - Where negotiation was switched on, somebody got in before, and in the end nobody does since what shows only then
    cannot be cured, it is switched off again. So it is where it would be live only after a restart that may not be made
    now, since no run would see what comes of it; the message says why.
  - A run does not repeat a step that the run before it took back, and says so in RV(refused). It tries again with
    other options, where other values are stored, once the host has started again, and after a week; where users had
    sessions then, as soon as they have none. The modules of the fixes try it at any time, M(winfleet.rdp.machine_keys)
    with a method that is named.
  - A healthy host is only looked at. In check mode the plan is returned, and RV(changes) of a real run are a part of
    it in the same order, with what cures RV(revealed) besides.
  - Nothing is repaired by lowering security, and a value that policy sets is never written under. Where users have to
    get in before the cause is repaired, grant a lease with M(winfleet.rdp.nla) or M(winfleet.rdp.security_layer). The
    loop grants none itself, since none of the causes that it knows is cured by one; it leaves a lease that runs, and
    puts back what one has weakened that nothing on the host ends.
options:
  remedies:
    description:
      - The fixes that may be used, named as the modules.
    type: list
    elements: str
    choices:
      - remote_desktop
      - firewall
      - transport
      - connection_limit
      - certificate
      - machine_keys
      - schannel
      - network_stack
      - client_settings
      - gateway
      - security_layer
      - nla
    default:
      - remote_desktop
      - firewall
      - transport
      - connection_limit
      - certificate
      - machine_keys
      - schannel
      - network_stack
      - client_settings
      - gateway
      - security_layer
      - nla
  exclude:
    description:
      - Fixes that may not be used, whatever O(remedies) says.
    type: list
    elements: str
    choices:
      - remote_desktop
      - firewall
      - transport
      - connection_limit
      - certificate
      - machine_keys
      - schannel
      - network_stack
      - client_settings
      - gateway
      - security_layer
      - nla
    default: []
  max_risk:
    description:
      - The highest risk of a change that may be made. A fix of which one change is riskier is not begun.
      - To open public networks in the firewall has a high risk. It is not done by default, so a host whose network
        Windows takes for public, as that of cloud machines without a domain, may stay closed and is told in
        RV(refused). Choose the profiles with M(winfleet.rdp.firewall), or allow V(high).
      - No risk that is allowed opens them for the cause C(firewall_domain_unrecognised), since a person can do better.
    type: str
    choices:
      - none
      - low
      - medium
      - high
    default: medium
extends_documentation_fragment:
  - winfleet.rdp._attributes
  - winfleet.rdp._attributes.actiongroup_rdp
  - winfleet.rdp._attributes.fix
  - winfleet.rdp._options.run
  - winfleet.rdp._options.restart
  - winfleet.rdp._options.since
  - winfleet.rdp._options.logon
  - winfleet.rdp._options.probe
  - winfleet.rdp._options.probes
  - winfleet.rdp._options.wire
seealso:
  - module: winfleet.rdp.diagnosis_info
  - module: winfleet.rdp.rollback
  - module: winfleet.rdp.report
"""

EXAMPLES = r"""
- name: See what would be done
  winfleet.rdp.remediate:
  check_mode: true
  diff: true
  register: planned

- name: Repair what is broken, restarting the service only where nobody is connected
  winfleet.rdp.remediate:
  register: remediation

- name: Leave firewalls to those who own them, and take low risk only
  winfleet.rdp.remediate:
    exclude:
      - firewall
    max_risk: low

- name: Fail where the host is not well afterwards
  ansible.builtin.assert:
    that: remediation.verdict in ['healthy', 'repaired']
    fail_msg: "{{ remediation.summary }}"
"""

RETURN = r"""
verdict:
  description:
    - How the host stands, in one word.
    - V(healthy) means that the handshake passed and no direct finding was there; V(repaired) that this is so after
      the changes; V(repairable), in check mode, that some change would be made.
    - V(leased) means that a lease weakens the host and that, but for its end, nothing is left to do or can be done; see
      RV(leases).
    - V(improved) means that the handshake gets further than before and something is still wrong.
    - V(needs_restart) and V(needs_reboot) mean that changes wait for that, see RV(needs).
    - V(policy_held) means that policy decides it, V(blocked_on_path) that something between the prober and the host
      drops the connection, V(not_rdp) that another program answers on the port, V(unresolved) that nothing that was
      read explains the failure or no module cures it.
  returned: success
  type: str
  sample: repaired
summary:
  description: What was wrong, what was done and how it ended, in one line; where no probe was made, it says so.
  returned: success
  type: str
  sample: "repaired: rdp_denied, firewall_rule_disabled; 2 changes"
before:
  description: The host as it was found.
  returned: success
  type: dict
  contains:
    findings:
      description: As RV(winfleet.rdp.diagnosis_info#module:findings).
      type: list
      elements: dict
    probe:
      description: As RV(winfleet.rdp.probe_info#module:probe).
      type: dict
after:
  description: The host after the last change; in check mode, as it was found.
  returned: success
  type: dict
  contains:
    findings:
      description: As RV(winfleet.rdp.diagnosis_info#module:findings).
      type: list
      elements: dict
    probe:
      description: As RV(winfleet.rdp.probe_info#module:probe).
      type: dict
revealed:
  description:
    - Direct findings that showed only once what hid them was cured, each as it was first seen, as
      RV(winfleet.rdp.diagnosis_info#module:findings). With those of RV(before) they are all that was wrong.
    - A cause that keeps the handshake from a stage hides whatever is wrong in the stages after it. Check mode makes no
      handshake after a change, so it cannot have any, and RV(notes) says where there may be some.
  returned: success
  type: list
  elements: dict
  sample: []
changes:
  description:
    - The changes in the order in which they were made, in check mode those that would be made.
    - Those of a real run are a part of what check mode returns, in the same order, but for the cures of RV(revealed).
    - Each was journaled on the host before it was made, and M(winfleet.rdp.rollback) undoes it.
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
        data: 1
      after:
        type: REG_DWORD
        data: 0
      undo: exact
      reason: Remote Desktop connections are denied
      risk: low
      compliance: []
    - remedy: firewall
      kind: firewall_rule
      item: RemoteDesktop-UserMode-In-TCP
      before:
        enabled: false
        profiles: 0
      after:
        enabled: true
        profiles: 1
      undo: exact
      reason: the built-in rule does not let connections to port 3389 in
      risk: medium
      compliance: []
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
steps:
  description: The cures that were tried, in order.
  returned: success
  type: list
  elements: dict
  contains:
    cause:
      description: The cause that was to be cured.
      type: str
    remedy:
      description: The module that cures it.
      type: str
    kept:
      description: Whether the changes stand.
      type: bool
    reason:
      description: Why they were kept or taken back.
      type: str
  sample:
    - cause: rdp_denied
      remedy: remote_desktop
      kept: true
      reason: "kept: the evidence of the cause is gone"
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
  description: What still has to happen before all changes are live, those of earlier runs included. It is told by every
    run until the host has done it. In check mode, what is due since an earlier run.
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
operations:
  description: How many WS-Management operations the task took on the host.
  returned: success
  type: int
  sample: 9
"""
