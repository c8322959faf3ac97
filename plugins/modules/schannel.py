#!/usr/bin/python

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation only: the work is done by plugins/action/schannel.py on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: schannel
short_description: Take away Schannel settings that leave no way to serve TLS
version_added: 0.1.0
author:
  - winfleet.rdp contributors (@winfleet)
description:
  - Takes away what keeps Windows from serving TLS to Remote Desktop, so that Windows' own default counts again. That is
    an override that switches TLS 1.2 off for servers, one of TLS 1.3 where no other version could be served with the
    cipher suites that are set, and a cipher policy with no suite that the listener's certificate could be served with.
  - Most suites are for one kind of key. Lists are judged by the key of the certificate that the handshake shows, else
    by that of the certificate that the host has for its listener. Where neither tells, as of a certificate that was
    enrolled by a policy's template, no list is found wanting for its key.
  - Nothing is switched on that this version of Windows does not have, older protocols are left as they are, and FIPS
    mode is never switched off. Where FIPS mode and the cipher policy together leave nothing, the policy gives way or is
    reported.
  - Schannel reads these settings when Windows starts. With O(allow_reboot) the host is rebooted and waited for, unless
    it would not come back by itself or users would feel it; otherwise RV(needs) says that a reboot is due.
options:
  state:
    description:
      - V(usable) leaves TLS 1.2 and at least one cipher suite to be served.
      - The policy above the cipher suites is C(SSL Cipher Suite Order).
    type: str
    choices:
      - usable
    default: usable
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
notes:
  - The list of elliptic curves (policy C(ECC Curve Order), the value C(EccCurves) beside the cipher suites) is not
    judged. What Schannel makes of an empty one, or of names that it does not know, is documented nowhere.
  - Algorithms that are switched off by C(Enabled=0) below C(SCHANNEL\Ciphers), C(SCHANNEL\Hashes) or
    C(SCHANNEL\KeyExchangeAlgorithms) are not looked at either. Tools such as IIS Crypto write such values.
seealso:
  - module: winfleet.rdp.diagnosis_info
  - module: winfleet.rdp.rollback
  - module: winfleet.rdp.probe_info
  - name: Protocols in TLS/SSL (Schannel SSP)
    description: Which versions of Windows have which versions of TLS.
    link: https://learn.microsoft.com/windows/win32/secauthn/protocols-in-tls-ssl--schannel-ssp-
"""

EXAMPLES = r"""
- name: Make TLS possible again, and leave the reboot to the maintenance window
  winfleet.rdp.schannel:

- name: Make TLS possible again now
  winfleet.rdp.schannel:
    allow_reboot: true
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
      description: V(registry), or V(reboot) of the host.
      type: str
    item:
      description: The registry value with its key, or the host.
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
    - remedy: schannel
      kind: registry
      item: HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols\TLS 1.2\Server\Enabled
      before:
        type: REG_DWORD
        data: 0
      after: null
      undo: exact
      reason: TLS 1.2 is switched off for servers
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
      setting: cipher_suites
      value: ""
      wanted: a list with a suite that the listener can use
      path: HKLM\SOFTWARE\Policies\Microsoft\Cryptography\Configuration\SSL\00010002\Functions
      policy: >-
        Computer Configuration\Administrative Templates\Network\SSL Configuration Settings\SSL Cipher Suite Order
      owner: group policy 'Hardening'
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
    restart: false
    reboot: true
    why:
      - 'allow_reboot is not set: the host was not rebooted'
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
