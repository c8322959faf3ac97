#!/usr/bin/python

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation only: the work is done by plugins/action/security_layer.py on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: security_layer
short_description: Set the security layer and encryption of the Remote Desktop listener
version_added: 0.1.0
author:
  - winfleet.rdp contributors (@winfleet)
description:
  - Sets what the listener asks of a connection before anybody logs on.
  - Requiring TLS where the host's TLS is broken would lock everybody out. So a TLS handshake with this very host has
    to succeed first. A host that offers Standard RDP Security alone is set to negotiate, proved, and then to require
    TLS. Where TLS is for those alone who authenticate inside of it, CredSSP has to be answered too, as
    M(winfleet.rdp.nla) says.
  - Such a host is set to V(negotiate) only where somebody still gets in afterwards if somebody got in before. Otherwise
    it is put back and the task fails, as it does where the controller may not probe or sees nothing of the listener.
  - No handshake can prove TLS while the listener does not negotiate. So negotiation is switched on and tried; where
    somebody got in before and no TLS handshake succeeds now, it is put back and the task fails. Each later run tries it
    again, and writes and puts back again, until what lies behind it is repaired.
  - Weakening is refused unless O(lease) says for how long. It hides a fault of certificate, key or TLS instead of
    repairing it, and gives up the server's authentication; M(winfleet.rdp.diagnosis_info) names the cause.
  - A Home edition of Windows takes no connections, and is refused.
options:
  layer:
    description:
      - The security layer (C(SecurityLayer)).
      - V(rdp) (0) is Standard RDP Security, V(negotiate) (1) takes TLS where the client has it, V(tls) (2) requires
        it.
      - The policy above it is C(Require use of specific security layer for remote (RDP\) connections).
      - V(keep) changes nothing, except that it ends a lease that the host should have ended and did not.
      - CIS benchmarks want V(tls).
    type: str
    choices:
      - rdp
      - negotiate
      - tls
      - keep
    default: tls
  encryption:
    description:
      - The encryption level of Standard RDP Security (C(MinEncryptionLevel)). It is without effect under TLS, so
        raising it neither cures nor breaks a TLS connection.
      - The policy above it is C(Set client connection encryption level).
      - V(keep) changes nothing, except that it ends a lease that the host should have ended and did not.
      - CIS benchmarks, DISA STIGs and Microsoft's security baselines want V(high) or more. So a host with V(fips) meets
        V(high), which a note says, unless O(lease) or O(accept_permanent_weakening) allows to weaken it.
    type: str
    choices:
      - low
      - client_compatible
      - high
      - fips
      - keep
    default: keep
  negotiation:
    description:
      - Whether security is negotiated at all (C(fAllowSecProtocolNegotiation)). Clients that need TLS or Network
        Level Authentication fail without.
      - No handshake proves TLS before it is on, and where the host's TLS is broken it shuts out the old clients that
        got in without. So it is switched off again at once, and the task fails, where nobody gets in any more; and it
        is not switched on where the controller may not probe or sees nothing of the listener.
        M(winfleet.rdp.remediate) cures what lies behind it too.
    type: str
    choices:
      - "on"
      - keep
    default: "on"
  logon_prompt:
    description:
      - Whether the logon screen asks for the password even where the client has sent one (C(fPromptForPassword)).
      - With V(always), nobody gets in with a saved password or by single sign-on alone. Where Network Level
        Authentication is required, users type the password twice.
      - Whether sessions that begin ask for it at once, or only after a restart of C(TermService), shows to those alone
        who log on. No restart is made for it, and a note says so when it is changed.
      - The policy above it is C(Always prompt for password upon connection).
      - CIS benchmarks, DISA STIGs and Microsoft's security baselines want V(always).
    type: str
    choices:
      - always
      - keep
    default: keep
  rpc:
    description:
      - Whether programs that administer sessions have to secure their calls (C(fEncryptRPCTraffic)).
      - Only the policy C(Require secure RPC communication) decides that, and no policy value is written. With
        V(secure), a note says where the policy does not require it.
      - CIS benchmarks, DISA STIGs and Microsoft's security baselines want it.
    type: str
    choices:
      - secure
      - keep
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
  - winfleet.rdp._options.lease
seealso:
  - module: winfleet.rdp.diagnosis_info
  - module: winfleet.rdp.probe_info
  - module: winfleet.rdp.rollback
  - name: Win32_TSGeneralSetting
    description: The class whose methods set layer and encryption.
    link: https://learn.microsoft.com/windows/win32/termserv/win32-tsgeneralsetting
"""

EXAMPLES = r"""
- name: Require TLS where the host's TLS is proved to work
  winfleet.rdp.security_layer:

- name: Meet the benchmarks for the native layer and the logon screen as well
  winfleet.rdp.security_layer:
    encryption: high
    logon_prompt: always
    rpc: secure

- name: Let clients in without TLS for half an hour, while its certificate is being repaired
  winfleet.rdp.security_layer:
    layer: negotiate
    lease: 30m

- name: Only let security be negotiated again
  winfleet.rdp.security_layer:
    layer: keep
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
    - remedy: security_layer
      kind: registry
      item: HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp\SecurityLayer
      before:
        type: REG_DWORD
        data: 1
      after:
        type: REG_DWORD
        data: 2
      undo: exact
      reason: the security layer is wanted 2 (tls)
      risk: medium
      compliance:
        - benchmark: CIS Microsoft Windows Benchmarks, L1
          item: 18.10.57.3.9.3
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
