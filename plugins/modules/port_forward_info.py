#!/usr/bin/python

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation only: the work is done by plugins/action/port_forward_info.py on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: port_forward_info
short_description: Say where the way to a host is blocked, and what to enter on the device there
version_added: 0.1.0
author:
  - winfleet.rdp contributors (@winfleet)
description:
  - Tells from probes inside and outside where the way to a host ends, and from its addresses how often it is
    translated. Double NAT and carrier NAT are named.
  - Gives the rule that lets Remote Desktop through on the device, for the networks that users come from alone, and what
    takes it back. Safer ways come first.
  - Enters nothing anywhere, and needs no connection.
options:
  device:
    description:
      - The device that the rule is for.
    type: str
    choices:
      - generic
      - openwrt
      - mikrotik
      - pfsense
      - cisco_ios
      - nftables
      - azure_nsg
      - aws
      - gcp
    default: generic
  source:
    description:
      - The networks that users come from.
      - Without any, or with one as wide as the internet, the task fails unless O(accept_internet_exposure) is true.
    type: list
    elements: str
    default: []
  address:
    description:
      - The host's address in its own network. By default C(ansible_host), where that is an address.
    type: str
  port:
    description:
      - The port of the host's listener.
    type: int
    default: 3389
  external_port:
    description:
      - The port outside, by default O(port). Another one than 3389 keeps nobody out. Security groups of clouds cannot
        translate it.
    type: int
  external_address:
    description:
      - The address that users connect to. Needed with O(device=cisco_ios).
    type: str
  wan_address:
    description:
      - The address that the router in front of the host has outside, as its status page shows it.
    type: str
  addresses:
    description:
      - The host's addresses, if there are more than O(address).
    type: list
    elements: str
    default: []
  probes:
    description:
      - Results of M(winfleet.rdp.probe_info), each with C(vantage) added, which is V(inside) or V(outside).
    type: list
    elements: dict
    default: []
  accept_internet_exposure:
    description:
      - Whether a rule that opens the port to the whole internet may be given. Only a real boolean sets it.
    type: bool
    default: false
extends_documentation_fragment:
  - winfleet.rdp._attributes.report
  - winfleet.rdp._attributes.actiongroup_rdp
attributes:
  bypass_host_loop:
    description: Forces a global task that does not execute per host.
    support: none
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    support: full
    details:
      - This action does not modify state.
seealso:
  - module: winfleet.rdp.probe_info
  - module: winfleet.rdp.diagnosis_info
"""

EXAMPLES = r"""
- name: Probe from inside
  winfleet.rdp.probe_info:
  register: inside

- name: Probe from outside
  winfleet.rdp.probe_info:
    host: rdp.example.org
  delegate_to: outside.example.net
  register: outside

- name: Say what to enter on the router
  winfleet.rdp.port_forward_info:
    device: openwrt
    source:
      - 203.0.113.0/24
    address: 192.168.1.10
    wan_address: 198.51.100.7
    probes:
      - "{{ inside.probe | combine({'vantage': 'inside'}) }}"
      - "{{ outside.probe | combine({'vantage': 'outside'}) }}"
  register: guidance

- name: Show it
  ansible.builtin.debug:
    msg: "{{ guidance.rule.text }}"
"""

RETURN = r"""
blocked:
  description: Where the way ends, V(open) (nowhere), V(host) (on the host itself), V(path) or V(unknown).
  returned: success
  type: str
  sample: path
translation:
  description:
    - How the address is translated, V(none), V(single), V(double) (two routers), V(carrier) (by the provider, so that
      forwarding is of no use), V(other_way) (users connect to another address than the router's) or V(unknown).
  returned: success
  type: str
  sample: single
summary:
  description: Both in words.
  returned: success
  type: str
  sample: >-
    The port is open inside and closed outside: the way between is blocked. One router translates: forward the port
    there.
alternatives:
  description: Safer ways to let users in.
  returned: success
  type: list
  elements: str
rule:
  description: What to enter; none where nothing has to be opened or no rule would help.
  returned: success
  type: dict
  contains:
    language:
      description: What the text is, V(text), V(shell), V(routeros), V(form), V(ios) or V(nft).
      type: str
    text:
      description: What to enter.
      type: str
    undo:
      description: What takes it back.
      type: str
    notes:
      description: What else has to hold.
      type: list
      elements: str
    document:
      description: The rule as the device's interface takes it; none where it takes no data.
      type: raw
  sample:
    language: text
    text: |
      1. Forward TCP the outside address port 3389 to 192.168.1.10 port 3389.
      2. Allow that from 203.0.113.0/24 alone; drop it from anywhere else, and log what is dropped.
      3. Do not forward UDP.
    undo: |
      Remove the forward of TCP the outside address port 3389 and the filter rule that goes with it.
    notes: []
    document:
exposed:
  description: Whether the rule opens the port to the whole internet.
  returned: success
  type: bool
warnings:
  description: What is dangerous about the rule.
  returned: success
  type: list
  elements: str
"""
