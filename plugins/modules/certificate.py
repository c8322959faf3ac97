#!/usr/bin/python

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation only: the work is done by plugins/action/certificate.py on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: certificate
short_description: Give the Remote Desktop listener a certificate that it can use
version_added: 0.1.0
author:
  - winfleet.rdp contributors (@winfleet)
description:
  - Renews the listener's self-signed certificate, ties the listener to a certificate of the machine's personal store,
    or unties it from one.
  - The self-signed certificate is renewed by the service that owns it, C(SessionEnv), which is restarted; no session
    notices. Windows replaces the private key on the way, so a renewal cannot be undone, and is listed by
    M(winfleet.rdp.rollback) as such.
  - Nothing is done on a connection broker or under a policy for certificate templates, since those manage the
    certificate themselves, nor while Windows servicing waits for a restart, the system drive is full or programs can
    commit less than 64 MiB of memory, nor where the certificate of WinRM's HTTPS listener has the key that would be
    replaced.
  - A certificate that is in order can have a private key that is gone (C(key_missing)), that the listener may not read
    (C(key_unreadable), C(key_in_cng)), or that a cloning tool left with another machine's name
    (C(machine_guid_changed)). RV(notes) then tells which of these is seen; M(winfleet.rdp.machine_keys) mends it.
  - Where the permissions of C(MachineKeys) or of the certificate's store would keep Windows from making a certificate,
    they are put right first, as the methods V(folder_acl) and V(store_acl) of M(winfleet.rdp.machine_keys) do. Where
    they are not shown, a certificate that may serve is not given up; the refusal names the path.
  - A Home edition of Windows takes no connections, and is refused.
options:
  state:
    description:
      - V(valid) leaves the listener with a certificate that has not expired, is for server authentication or for Remote
        Desktop Authentication (C(1.3.6.1.4.1.311.54.1.2)), and has a key and a signature that are strong enough (RSA of
        2048 bits, no SHA-1). A certificate that the listener is tied to stays while it is all that and its private key
        is on the host; otherwise the listener is untied and falls back to its own, which is made first where that is
        due. Where a TLS handshake succeeded before and none does then, it is tied again. Where the controller does not
        probe, the listener is untied only from a certificate that is gone, or where the key of its own one is new or
        shown to be readable.
      - V(bound) ties the listener to the certificate O(thumbprint) (C(SSLCertificateSHA1Hash)), after its usage, its
        validity and its key were checked; C(NETWORK SERVICE) gets read access to its key file where it lacks that. When
        no TLS handshake shows it in the end, it is untied again, and the access taken back. C(TermService) is restarted
        where the listener goes on with the certificate of before; where O(restart) or the host forbids that, it is
        untied again as well. A certificate that somebody else has tied is not made live; RV(notes) says that a restart
        is due. Where the controller does not probe, RV(notes) says that
        nothing shows whether the key works. Where only C(SYSTEM) may see who reads that file, a handshake with the
        certificate shows that the listener can. Before there is one, and before a run has seen who may, check mode
        names the access, with a note, and the run gives it only where it is missing.
      - V(self_signed) unties the listener and leaves it with its own certificate, which is renewed as with V(valid),
        and like there ties it again where no handshake succeeds then.
    type: str
    choices:
      - valid
      - bound
      - self_signed
    default: valid
  thumbprint:
    description:
      - SHA-1 thumbprint of the certificate for O(state=bound). Blanks, colons and the unseen mark that Windows' dialog
        puts before it do not matter.
      - With another O(state) it is refused, since it would be without effect.
    type: str
  renew_before:
    description:
      - Renew the self-signed certificate this many days before it expires, at most 180. It is valid for half a year.
      - What a run has renewed within the last hour is not renewed again, by the journal on the host and the
        controller's clock; RV(notes) tells.
    type: int
    default: 0
extends_documentation_fragment:
  - winfleet.rdp._attributes
  - winfleet.rdp._attributes.actiongroup_rdp
  - winfleet.rdp._attributes.fix
  - winfleet.rdp._options.run
  - winfleet.rdp._options.restart
  - winfleet.rdp._options.probe
  - winfleet.rdp._options.probes
  - winfleet.rdp._options.wire
seealso:
  - module: winfleet.rdp.machine_keys
  - module: winfleet.rdp.diagnosis_info
  - module: winfleet.rdp.rollback
  - name: Win32_TSGeneralSetting
    description: The class that tells which certificate a listener uses.
    link: https://learn.microsoft.com/windows/win32/termserv/win32-tsgeneralsetting
"""

EXAMPLES = r"""
- name: Renew the listener's certificate where it has expired, or will within two weeks
  winfleet.rdp.certificate:
    renew_before: 14

- name: Use the certificate of the company's authority
  winfleet.rdp.certificate:
    state: bound
    thumbprint: "{{ rdp_thumbprint }}"

- name: Go back to Windows' own certificate
  winfleet.rdp.certificate:
    state: self_signed
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
      description:
        - V(registry), or V(restart) of a service.
        - V(file_access) is who may read a key file.
        - V(certificate) and V(key_file) put the listener's own away, V(renewal) lets Windows make them anew.
      type: str
    item:
      description: The registry value or key, the file or folder, or the service.
      type: str
    before:
      description: What was there. None means that it was absent.
      type: raw
    after:
      description: What is there now; V((generated by Windows\)) is what Windows makes by itself.
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
    - remedy: certificate
      kind: renewal
      item: SessionEnv
      before: 755464594947E3911ADC6B20413E184EEDC6F731
      after: (generated by Windows)
      undo: none
      reason: "the listener's certificate: it expired on 2026-05-29T08:00:00+00:00"
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
  description: What else is worth knowing about the run, such as what is wrong with the certificate's key.
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
