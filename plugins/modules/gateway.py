#!/usr/bin/python

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation only: the work is done by plugins/action/gateway.py on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gateway
short_description: Keep a Remote Desktop Gateway serving, and let a user group through to hosts
version_added: 0.1.0
author:
  - winfleet.rdp contributors (@winfleet)
description:
  - For hosts that have the role RD Gateway; elsewhere it says so and fails.
  - Sees to the service C(TSGateway) and its certificate, and to whether the gateway's policies let a user group reach
    hosts. What is missing is enabled where it is kept disabled as exactly that, added to a list that only a policy for
    exactly this group and these ports uses, or made. Policies of others are never widened.
  - A user needs a connection policy (CAP, else event 201) and a resource policy (RAP, else event 301). A resource
    policy names a host exactly as the client asks for it. The full name does not stand for the short one or for the
    address.
options:
  state:
    description:
      - V(serving) has the service start with Windows and run, and a certificate bound that serves.
      - V(keep) leaves service and certificate as they are, also where O(name) or O(thumbprint) is given, which
        RV(notes) says then.
    type: str
    choices:
      - serving
      - keep
    default: serving
  name:
    description:
      - The name under which clients reach the gateway, which its certificate has to bear.
      - Defaults to the names that the bound certificate bears. The host does not know by which name clients ask for it,
        so without this option no bound certificate of a wrong name is noticed. RV(notes) names what it bears then.
    type: str
  thumbprint:
    description:
      - SHA-1 thumbprint of the certificate to bind, from the machine's personal store.
      - Where it is not given, a bound certificate that serves stays. In place of one that does not, the certificate of
        the store is bound that bears the name, has a key and ends last. Of several that end at the same moment it is
        the one that began last, and of those the one whose thumbprint is the greatest, so that every run takes the
        same.
    type: str
  user_group:
    description:
      - The group whose members are to be let through, as C(DOMAIN\group).
      - Without O(hosts) it gets a connection policy alone where it has none, and reaches what resource policies name.
    type: str
  hosts:
    description:
      - The hosts that O(user_group) is to reach, under each name and address by which users ask for them.
      - They are taken as they are given. The short name of a full one and the addresses that the controller's resolver
        has of a name are never added, since they might be another machine's where the gateway is. Where one of them is
        not let through, RV(notes) says so, and names those of which the controller knows no address. Of an address no
        name is looked up.
    type: list
    elements: str
    default: []
  ports:
    description:
      - The ports on which O(hosts) are to be reached.
    type: list
    elements: int
    default:
      - 3389
  udp:
    description:
      - Whether the gateway offers its UDP transport (port 3391). V(keep) leaves it as it is.
    type: str
    choices:
      - keep
      - "on"
      - "off"
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
notes:
  - Members of computer groups of Active Directory are not seen from the gateway, so a resource policy for such a group
    is not taken to let anybody through.
  - Nor is seen who is in a user group. A policy for another group is not taken to let O(user_group) through, also where
    that group holds the same users.
seealso:
  - module: winfleet.rdp.diagnosis_info
  - module: winfleet.rdp.rollback
  - name: Win32_TSGatewayResourceAuthorizationPolicy
    description: The class of resource policies.
    link: https://learn.microsoft.com/windows/win32/termserv/win32-tsgatewayresourceauthorizationpolicy
"""

EXAMPLES = r"""
- name: Keep the gateway serving under its name
  winfleet.rdp.gateway:
    name: gateway.corp.example

- name: Let a group reach a session host under each of its names
  winfleet.rdp.gateway:
    user_group: CORP\Remote Users
    hosts:
      - rdp01.corp.example
      - rdp01
      - 192.0.2.31

- name: Offer no UDP where the path breaks it
  winfleet.rdp.gateway:
    state: keep
    udp: "off"
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
      description: V(registry), V(service_start_mode), V(service_state), V(file_access), V(gateway_certificate),
        V(gateway_connection_policy), V(gateway_resource_policy), V(gateway_resource_group) or V(gateway_transport).
      type: str
    item:
      description: The name of the policy, the resource group or the service.
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
    - remedy: gateway
      kind: gateway_resource_group
      item: winfleet.rdp CORP Remote Users 3389
      before: null
      after:
        Name: winfleet.rdp CORP Remote Users 3389
        Description: ""
        Resources: rdp01.corp.example;rdp01;192.0.2.31
      undo: exact
      reason: no policy lets CORP\Remote Users reach rdp01.corp.example, rdp01, 192.0.2.31 on 3389
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
