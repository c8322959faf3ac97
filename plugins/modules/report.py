#!/usr/bin/python

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation only: the work is done by plugins/action/report.py on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: report
short_description: Merge the results of many hosts into one report on the controller
version_added: 0.1.0
author:
  - winfleet.rdp contributors (@winfleet)
description:
  - Takes what tasks with M(winfleet.rdp.diagnosis_info) or M(winfleet.rdp.remediate) have registered for the hosts
    of the batch, merges it into the report of a directory, and shows it on the console as one table.
  - For each host the newest result stands, with the changes of its last repair. Hosts of earlier batches and earlier
    runs in the same directory stay. Several plays may report to one directory at once.
  - A host that was not reached is there with the verdict V(unreachable) and the reason, if its task has
    C(ignore_unreachable); one whose task failed with the verdict V(unresolved) and the reason.
  - Run it once for a batch, with C(run_once). It needs no connection.
options:
  path:
    description:
      - The directory on the controller that the report is kept in, made where it is missing.
      - When it is not given, nothing is written and only the hosts of this batch are shown.
    type: path
  formats:
    description:
      - The formats to write. V(json) is C(report.json), which batches are merged in and which is always written.
      - V(html) is C(report.html), one page for a browser that needs no network. It shows the fleet at a glance, and
        each host with its evidence and changes, to search, sort, filter and print.
      - V(csv) is C(report.csv), one row for each host in UTF-8. What a spreadsheet would take for a formula begins with
        an apostrophe.
    type: list
    elements: str
    choices:
      - json
      - csv
      - html
    default:
      - json
  variable:
    description:
      - The name of the variable in which the results were registered.
      - Either this or O(merge) has to be given.
    type: str
  hosts:
    description:
      - The hosts to report on, by default those of the batch (C(ansible_play_batch)).
    type: list
    elements: str
  merge:
    description:
      - Report files (C(report.json)) of other directories, such as those of job slices, to merge in.
      - It does not matter in which order reports are merged, nor whether they overlap.
    type: list
    elements: path
  console:
    description:
      - Whether to show the table on the console. Of more than forty hosts only those that need attention are shown.
      - Set the environment variable E(COLUMNS) to have it wider where there is no terminal.
    type: bool
    default: true
extends_documentation_fragment:
  - winfleet.rdp._attributes.report
  - winfleet.rdp._attributes.actiongroup_rdp
notes:
  - The report is written in check mode as well, and writing it is no change.
  - Control characters and marks that reorder text, which a hostile host could send, are shown as escapes on the
    console.
seealso:
  - module: winfleet.rdp.diagnosis_info
  - module: winfleet.rdp.remediate
"""

EXAMPLES = r"""
- name: Diagnose, also where a host cannot be reached
  winfleet.rdp.diagnosis_info:
  ignore_unreachable: true
  register: diagnosis

- name: Report on all hosts of the batch
  winfleet.rdp.report:
    path: reports/2026-06-01
    variable: diagnosis
  run_once: true

- name: Report as a page and as a table as well
  winfleet.rdp.report:
    path: reports/2026-06-01
    formats: [csv, html]
    variable: diagnosis
  run_once: true

- name: Merge the reports of job slices
  winfleet.rdp.report:
    path: reports/2026-06-01
    formats: [html]
    merge: "{{ query('ansible.builtin.fileglob', 'slices/*.json') }}"
  run_once: true
"""

RETURN = r"""
files:
  description: The files that were written.
  returned: success
  type: list
  elements: str
  sample:
    - reports/2026-06-01/report.json
totals:
  description: The whole report in numbers; without O(path), the batch.
  returned: success
  type: dict
  contains:
    hosts:
      description: How many hosts there are.
      type: int
    clones:
      description: Groups of hosts that share a machine SID, as copies of one installed disk do. It is known of hosts
        that were diagnosed with O(winfleet.rdp.diagnosis_info#module:depth=full).
      type: list
      elements: list
    verdicts:
      description: How many hosts there are of each verdict.
      type: dict
    causes:
      description: How many hosts had each direct cause, the most frequent first.
      type: dict
    changes:
      description: How many changes were made, by the last repair of each host.
      type: int
    needs:
      description: How many hosts need a C(restart) and how many a C(reboot).
      type: dict
  sample:
    hosts: 12
    clones: []
    verdicts:
      policy_held: 1
      repaired: 9
      healthy: 2
    causes:
      firewall_rule_disabled: 3
      rdp_denied: 2
    changes: 14
    needs:
      restart: 0
      reboot: 0
left_out:
  description: Hosts that have no result in the variable.
  returned: success
  type: list
  elements: str
"""
