#!/usr/bin/python

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation only: the work is done by plugins/action/selftest.py on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: selftest
short_description: Find out what a Windows host does where no public source says it
version_added: 0.1.0
author:
  - winfleet.rdp contributors (@winfleet)
description:
  - Checks on a real host the facts that this collection is built upon, and those that public sources leave open. Each
    check tells what was expected, what was found, and what that means for the collection.
  - The read half, which is the default, changes nothing. It opens two cmd shells, in which C(whoami) and C(ver) run,
    and closes them, and asks once what the WinRM service says about itself to somebody who has not logged on, over a
    connection of its own with the same address and TLS settings.
  - The write half works on objects of its own, which nothing on the host uses, and takes them away again also when a
    check fails. They are a key below C(HKLM\SOFTWARE\winfleet.rdp\Selftest), a firewall rule that is never enabled, a
    folder below C(%SystemRoot%\Temp), and scheduled tasks. No setting of Remote Desktop and no entry of the journal is
    touched.
  - The lab half changes settings of Remote Desktop for a moment, see O(lab_half). On a host that may be thrown away it
    goes further, see O(disposable).
  - What it does not settle is listed with the reasons in the guide of the self-test.
  - The result names neither the host nor its users, nor the addresses that they are connected from, so that it can be
    sent to the maintainers, which is welcome for every version of Windows, and most of all where something deviates.
options:
  write_half:
    description:
      - Whether to run the write half as well. It waits for three leases of a minute each to end, so it takes a few
        minutes.
      - In check mode it is left out.
      - Takes V(true) and V(false) and nothing else.
    type: bool
    default: false
  lab_half:
    description:
      - Whether to find out when changes of the listener are live, and what it does then. That needs a host that nobody
        uses, on which a handshake succeeds. Network Level Authentication is switched off and the security layer set to
        V(rdp), each on a lease of ten minutes, connections are refused, Remote Desktop Services and UDP are switched
        off, and the listener is tied to a certificate that does not exist, each for a moment; then all is as before.
        TermService is restarted for some of it.
      - The changes are journaled under O(run_id), so that M(winfleet.rdp.rollback) undoes what a run that was cut off
        has left.
      - While somebody has a session nothing is changed, and these checks cannot tell.
      - In check mode it is left out.
      - Takes V(true) and V(false) and nothing else.
    type: bool
    default: false
  disposable:
    description:
      - Whether this host may be thrown away afterwards, so that the lab half also does what it cannot undo. It needs
        O(lab_half).
      - The listener gets another self-signed certificate, at which clients will warn, and very likely another key. The
        certificate and the key before are lost.
      - Where other services keep keys in the folder MachineKeys, that has another name for half a minute. They may make
        new keys meanwhile, which are deleted, and work again only after a restart of the host.
      - On an RD Gateway the service C(TSGateway) is stopped for a moment, while nobody is connected by way of it.
        Where the machine's personal store has another certificate that could serve, clients see that one meanwhile.
      - A program is started by way of WMI, which ends at once. Security products may take that for an attack.
      - For a moment 150 connections are opened that go no further than the first message. Nobody may get in meanwhile,
        and sensors on the way may take it for an attack.
      - Where a user is connected by Remote Desktop, one such session is disconnected and ended after a minute, with all
        that is not saved. While somebody is connected most other checks cannot tell, so run the module twice.
      - With O(allow_reboot) the host is rebooted as well.
      - In check mode it is left out.
      - Takes V(true) and V(false) and nothing else.
    type: bool
    default: false
  allow_reboot:
    description:
      - Whether the host may be rebooted to find out whether missed starts of tasks are made up for, which takes about
        half an hour, and whether users prevent a reboot. It needs O(disposable).
      - Users who are connected to the host then lose their sessions with all that is not saved. Where they do prevent
        the reboot, it may still come when they let it.
      - A host that would not come back by itself is not rebooted.
      - Takes V(true) and V(false) and nothing else.
    type: bool
    default: false
  account:
    description:
      - What the account of the connection is. By default it is an administrator's.
      - With V(unprivileged) and V(remote_management_user) the module finds out how an account without rights is
        refused, by two requests, and does nothing else; O(write_half) and O(lab_half) are refused then. Give that
        account to the task as to any other, by C(ansible_user) and C(ansible_password).
      - V(remote_management_user) is a member of the group Remote Management Users (S-1-5-32-580) and of no other group
        with rights, V(unprivileged) not even of that.
    type: str
    choices: [administrator, unprivileged, remote_management_user]
    default: administrator
extends_documentation_fragment:
  - winfleet.rdp._attributes
  - winfleet.rdp._attributes.actiongroup_rdp
  - winfleet.rdp._attributes.info
  - winfleet.rdp._options.run
  - winfleet.rdp._options.probe
  - winfleet.rdp._options.wire
seealso:
  - module: winfleet.rdp.host_info
  - module: winfleet.rdp.diagnosis_info
attributes:
  check_mode:
    details:
      - Only the read half runs.
    support: full
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
"""

EXAMPLES = r"""
- name: Look, without changing anything
  winfleet.rdp.selftest:

- name: Try everything on a lab host
  winfleet.rdp.selftest:
    write_half: true
    lab_half: true
  register: tried

- name: Find out how an account without rights is refused
  winfleet.rdp.selftest:
    account: unprivileged
  vars:
    ansible_user: operator
    ansible_password: "{{ vault_operator_password }}"

- name: Keep the result, to send it to the maintainers
  ansible.builtin.copy:
    content: "{{ {'windows': tried.windows, 'checks': tried.checks} | to_nice_json }}"
    dest: "selftest-{{ tried.windows.build }}.json"
    mode: "0600"
  delegate_to: localhost
"""

RETURN = r"""
windows:
  description: What the host runs. An account without rights learns the version and the build, and nothing else.
  returned: success
  type: dict
  contains:
    caption:
      description: The edition, as Windows names it.
      type: str
    version:
      description: The version.
      type: str
    build:
      description: The build.
      type: int
    revision:
      description: The revision of the build, which updates raise; none where it is not readable.
      type: int
    product_type:
      description: V(1) is a workstation, V(2) a domain controller, V(3) a server.
      type: int
    language:
      description: The language, as an LCID.
      type: int
  sample:
    caption: Microsoft Windows Server 2022 Datacenter
    version: 10.0.20348
    build: 20348
    revision: 2700
    product_type: 3
    language: 1033
checks:
  description: The checks that were made, in their order.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The check.
      type: str
    asks:
      description: What it is about.
      type: str
    expected:
      description: What the collection expects.
      type: str
    found:
      description: What was found. Empty where nothing tells.
      type: str
    verdict:
      description: V(as_expected), V(deviates) or V(could_not_tell).
      type: str
    means:
      description: What the finding means for the collection, or why nothing was found.
      type: str
  sample:
    - name: key_permissions
      asks: May administrators see who may use the listener's private key?
      expected: hidden
      found: hidden
      verdict: as_expected
      means: they are read as SYSTEM, by a task, and check mode cannot show them
deviations:
  description: The names of the checks that deviate.
  returned: success
  type: list
  elements: str
  sample: []
summary:
  description: One line.
  returned: success
  type: str
  sample: "18 as expected, 0 deviate, 2 could not tell"
operations:
  description: How many WS-Management operations the task took on the host.
  returned: success
  type: int
  sample: 22
"""
