#!/usr/bin/python

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation only: the work is done by plugins/action/network_stack.py on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: network_stack
short_description: Flush a stale DNS cache and reset Winsock on machines that connect
version_added: 0.1.0
author:
  - winfleet.rdp contributors (@winfleet)
description:
  - Forgets remembered addresses that a name no longer has, which send clients to another machine, and resets the
    Winsock catalog where others have put providers above Windows' own.
  - A DNS cache is flushed as a whole. Windows fills it again, so there is nothing to undo.
  - A Winsock reset breaks what put the providers there, such as a VPN or a filter, until its own setup has put them
    back. It is made only where it is asked for and there is such a provider, and it takes a reboot to be live. It
    empties the catalogs for 32-bit and for 64-bit programs, and leaves name space providers as they are.
  - M(winfleet.rdp.rollback) lists a reset and does not undo it. Every program reads the catalogs when it first uses the
    network, WinRM's too, and they fit together only once every entry is back, so an undo that is cut off half-way could
    leave a host that nobody reaches any more.
  - To put a provider back, run the setup of its own program. Where there is none any more, RV(changes) and the journal
    hold each entry's key below C(HKLM\SYSTEM\CurrentControlSet\Services\WinSock2\Parameters\Protocol_Catalog9), its
    value C(PackedCatalogItem) as base64, and the counters of the catalogs. Do it at the host's own console, not over
    the network, and export that key first. Give Windows' own entries the numbers that leave those of the saved entries
    free, since entries are numbered from C(000000000001) without a gap and in the order in which programs take them.
    Write each saved entry as REG_BINARY. See that every id in a chain (seven numbers of four bytes from byte 304) is
    still the id of the entry that is meant (the four bytes from byte 296). Set C(Num_Catalog_Entries) and
    C(Num_Catalog_Entries64) to the numbers of keys there are, and C(Next_Catalog_Entry_ID) to no less than was saved.
    C(netsh winsock show catalog) then lists them; start the host again.
options:
  dns:
    description:
      - V(stale) flushes the cache where a remembered address of O(names) is not among those that the controller's
        resolver gives, or where the name is remembered as unknown and has an address. Without O(names) nothing is
        looked at. An address that is there again after a flush comes from the hosts file or from the machine's own DNS
        server, which then has to be corrected. The task fails and says so, and no run of the next day flushes that name
        for the same address again.
      - V(flush) flushes a cache that holds anything.
      - V(keep) leaves it.
    type: str
    choices:
      - stale
      - flush
      - keep
    default: stale
  names:
    description:
      - The names to look at with O(dns=stale), as users connect to them.
    type: list
    elements: str
    default: []
  winsock:
    description:
      - V(reset) runs C(netsh winsock reset) where one of the two catalogs holds layered providers, once between two
        starts of the host. When a provider is there again before the host has started, a further reset is refused,
        since its own program puts it back.
      - V(keep) leaves it.
    type: str
    choices:
      - keep
      - reset
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
seealso:
  - module: winfleet.rdp.diagnosis_info
  - module: winfleet.rdp.rollback
"""

EXAMPLES = r"""
- name: Forget where the host was before it moved
  winfleet.rdp.network_stack:
    names:
      - host17.example.com

- name: Flush the cache whatever it holds
  winfleet.rdp.network_stack:
    dns: flush

- name: Take broken network filters away, and reboot
  winfleet.rdp.network_stack:
    dns: keep
    winsock: reset
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
      description: V(dns_cache) or V(winsock), which are emptied, or V(reboot) of the host.
      type: str
    item:
      description: The cache or the catalog that was emptied, or the host.
      type: str
    before:
      description:
        - What was there. None means that it was absent.
        - Of V(winsock), C(providers) with C(name), C(library), C(key) and C(entry) of each, and C(counters).
      type: raw
    after:
      description: What is there now.
      type: raw
    undo:
      description: V(exact) is undone by roll-back, V(none) is only listed by it.
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
    - remedy: network_stack
      kind: dns_cache
      item: the DNS client's cache
      before:
        host17.example.com:
          - 192.0.2.17
      after: null
      undo: none
      reason: 'the resolver disagrees: host17.example.com is remembered as 192.0.2.17'
      risk: none
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
