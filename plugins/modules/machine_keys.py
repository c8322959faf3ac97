#!/usr/bin/python

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation only: the work is done by plugins/action/machine_keys.py on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: machine_keys
short_description: Make the private key of the Remote Desktop listener usable
version_added: 0.1.0
author:
  - winfleet.rdp contributors (@winfleet)
description:
  - Repairs what keeps the listener from reading its private key, by the smallest step that works, and proves each step
    by a TLS handshake.
  - The usual advice renames the folder C(MachineKeys). It holds the keys of every other service of the host, of IIS,
    SQL Server and WinRM among them, so that is the last of eight methods here, and refused while it would touch them.
  - Administrators may neither see nor change the permissions of the listener's key file on Windows Server 2019 and
    later. Such steps are done by a scheduled task that runs once as SYSTEM and is gone afterwards. Check mode, which
    makes none, takes the entry for missing there unless a handshake succeeds or an earlier run saw the entry; the run
    finds what stands in its place and keeps it for M(winfleet.rdp.rollback).
  - A folder of very many keys takes long to copy. Such a step is waited for as long as the host lets a task run, which
    is an hour. Where the controller loses the host meanwhile, the step goes on there; until it has ended, the module
    and M(winfleet.rdp.rollback) say so, begin no other one, and leave its entry in the journal.
  - The key of WinRM's own HTTPS listener is never touched. Where its certificate has the very key of the listener of
    Remote Desktop, what replaces that key is refused. Give WinRM a certificate with a key of its own there.
  - A Home edition of Windows takes no connections, and is refused.
options:
  state:
    description:
      - V(usable) makes the key usable.
      - V(restored) brings back what O(method=copy_aside) and O(method=rename) have put aside. Keys that are missing
        from C(MachineKeys) come back with their permissions, none that is there is overwritten, and the copy is
        removed once nothing is missing and the permissions of what came back are seen to be those of the copy. Where
        O(method=rename) was cut off while the folder had no name, the one that was put aside takes it again.
      - Keys that services have made under the same names while those of before were away are then kept in
        C(MachineKeys_made), or the first of C(MachineKeys_made1) and so on that is free. The task fails to say so, as
        does M(winfleet.rdp.rollback) in RV(winfleet.rdp.rollback#module:left).
      - Only folders count that the journal on the host has as put aside by this module. Others whose name begins with
        C(MachineKeys_), such as one that somebody renamed by hand, are named and left as they are.
    type: str
    choices:
      - usable
      - restored
    default: usable
  method:
    description:
      - The step to take. None is taken while TLS works with a valid certificate, except for O(method=folder_acl), and
        none is repeated within an hour.
      - The task fails where no TLS handshake succeeds in the end, whatever the reason. With V(auto) the message names
        the cause where it is no fault of the key, and the module that cures it, such as M(winfleet.rdp.schannel). In
        check mode what earlier tasks of the play would cure is a reason too.
      - V(auto) takes the smallest that the evidence calls for, and larger ones up to V(key) where it did not help.
      - V(restart) restarts C(SessionEnv), which makes a certificate and a key where they are missing or expired.
      - V(ace) lets C(NETWORK SERVICE) read the one key file.
      - V(store_acl) lets SYSTEM write to the certificate store of the listener again.
      - V(certificate) deletes the self-signed certificate and lets Windows make a new one.
      - V(key) moves the key file of the listener aside as well.
      - Where the permissions of the folder, or of the certificate's store, keep Windows from making a certificate, the
        methods that have one made put them right first, as V(folder_acl) and V(store_acl) do. Where they are not shown,
        a certificate that may serve is not given up; the refusal names the path.
      - V(folder_acl) puts the default permissions of the folder itself back, not of what lies in it. The check
        C(folder_reach) of M(winfleet.rdp.selftest) tells whether a host keeps to that; where it finds that all which a
        folder contains is changed as well, use neither this module nor M(winfleet.rdp.certificate) there.
      - V(copy_aside) copies the whole folder to C(MachineKeys_old), or the first of C(MachineKeys_old2) and so on that
        is free, compares the copy with the folder, and then does as V(key). Nobody else's key moves.
      - Keys are compared by their sizes and times and by their permissions, as C(icacls) shows these. It shows no
        owners, which are copied and not compared. When a rename is rolled back, the old folder itself takes its name
        again; what services have made or changed since is copied into it with its permissions, and compared as well.
      - V(rename) makes a copy beside in the same way and compares it; then the folder is renamed, and the copy, which
        has the default permissions and every key but the listener's, takes its name. It is for a folder that nothing
        else repairs. A copy that is not like the folder leaves everything as it was.
    type: str
    choices:
      - auto
      - restart
      - ace
      - store_acl
      - certificate
      - key
      - folder_acl
      - copy_aside
      - rename
    default: auto
  accept_shared_keys:
    description:
      - Whether O(method=rename) may be taken while the folder holds keys of others. They are away between the two
        renames. What a service writes while the folder is copied comes after it, so that is away for that long. The
        refusal lists them with their owners.
    type: bool
    default: false
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
  - module: winfleet.rdp.certificate
  - module: winfleet.rdp.diagnosis_info
  - module: winfleet.rdp.rollback
  - name: Default permissions for the MachineKeys folders
    description: Microsoft's article about them.
    link: https://learn.microsoft.com/troubleshoot/windows-server/windows-security/default-permissions-machinekeys-folders
"""

EXAMPLES = r"""
- name: Make the listener's key usable, by the smallest step that works
  winfleet.rdp.machine_keys:

- name: Keep a copy of all keys before the listener gets a new one
  winfleet.rdp.machine_keys:
    method: copy_aside

- name: Replace a folder that nothing else repairs, with the keys of others in the new one
  winfleet.rdp.machine_keys:
    method: rename
    accept_shared_keys: true

- name: Remove what was put aside again, once nothing is missing
  winfleet.rdp.machine_keys:
    state: restored
"""

RETURN = r"""
changes:
  description:
    - The changes in the order in which they were made, in check mode those that would be made.
    - Each was journaled on the host before it was made. M(winfleet.rdp.rollback) undoes those whose
      RV(changes[].undo) is V(exact), and lists the others.
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
        - V(file_access) is who may read a key file, V(folder_dacl) the permissions of the key folder itself,
          V(key_dacl) those of the certificate's store in the registry.
        - V(certificate) and V(key_file) put the listener's own away, V(renewal) lets Windows make them anew.
        - V(key_copy) is a copy of the key folder, V(key_folder) its rename.
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
    - remedy: machine_keys
      kind: file_access
      item: C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys\f686aace6942fb7f7ceb231212eef4a4_faec0aed-…
      before:
        S-1-5-20: ""
      after:
        S-1-5-20: (A;;0x120089;;;S-1-5-20)
      undo: exact
      reason: NETWORK SERVICE cannot read the listener's private key
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
