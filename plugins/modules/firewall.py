#!/usr/bin/python

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation only: the work is done by plugins/action/firewall.py on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: firewall
short_description: Let Remote Desktop through Windows Firewall by its built-in rules
version_added: 0.1.0
author:
  - winfleet.rdp contributors (@winfleet)
description:
  - Opens or closes the built-in rules C(RemoteDesktop-UserMode-In-TCP) and C(RemoteDesktop-UserMode-In-UDP), for the
    port that the listener is set to and the wanted network profiles.
  - Rules are found by name, never by display name or group, which are localised.
  - A rule that is for public networks while it is disabled, as one for any profile is, is narrowed before it is enabled
    unless O(profiles) says otherwise, so that no public network is opened on the way. One that is enabled is narrowed
    first, to what it lets in before and afterwards, and then widened. Where two of its ports, profiles and addresses
    have nothing in common with the wanted ones, it is disabled for the moment in between.
  - What rules of policy let in already, everybody or at least O(remote_addresses), needs no rule of the host's own, so
    without O(profiles) none is opened for those networks. A rule that demands more than that, as IPsec, does not count
    here.
  - Where a profile ignores local rules none is changed. RV(policy_held) names the policy if no rule of policy lets in
    there.
  - Policy is what group policy or device management, such as Intune, brings. Of a value that both set, group policy's
    counts. What the administrative template C(Allow inbound Remote Desktop exceptions) lets in counts as a rule.
  - A change that opens public networks has the RV(changes[].risk) V(high), and RV(notes) say that anybody near can try
    to log on there. It is planned only where a network that the host is connected to is public, or O(profiles) names
    public ones.
  - The firewall itself is never switched off, and no rule is created or removed but for a built-in one that is missing,
    see O(built_in_rules).
  - A built-in rule that is missing, or that somebody has made one that blocks, makes O(state=enabled) fail where
    nothing else lets users in, unless O(built_in_rules) says otherwise. Where one that blocks is enabled,
    O(state=disabled) leaves it and O(block_rules) decides about it.
  - The built-in rules let in Windows' own Remote Desktop alone, so O(state=enabled) is refused for a Home edition,
    which takes no connections. Another product there needs a rule of its own.
  - A block rule beats every rule that lets in. One for the listener's port and one of O(transports) is named and makes
    the task fail, since Remote Desktop is not let in by then; see O(block_rules). One that is for some addresses alone,
    or that demands more, as one adapter or one address of the host, is named in RV(notes), and so is a connection
    security rule that drops what IPsec does not protect, and what the built-in rule over TCP demands beside port and
    addresses. A rule for all addresses of IPv4 is for everybody.
options:
  state:
    description:
      - V(enabled) lets connections to the listener's port in.
      - V(disabled) disables the built-in rules. What says whom to let in is without effect then, which RV(notes) say.
    type: str
    choices:
      - enabled
      - disabled
    default: enabled
  profiles:
    description:
      - The profiles that the rules are to be for, exactly. One of them that ignores local rules is not added.
      - V(active) stands for the profiles of the networks that the host is connected to now. One that Windows cannot
        identify is public.
      - When it is not given, the active profiles are added to those that the rule has; a disabled rule is not for
        public networks then, unless one is active.
    type: list
    elements: str
    choices:
      - active
      - domain
      - private
      - public
      - any
  transports:
    description:
      - Which of the built-in rules are meant.
    type: list
    elements: str
    choices:
      - tcp
      - udp
    default:
      - tcp
      - udp
  remote_addresses:
    description:
      - The only addresses that may connect, as addresses (C(192.0.2.7), C(2001:db8::7)), subnets (C(192.0.2.0/24),
        C(192.0.2.0/255.255.255.0)), ranges (C(192.0.2.1-192.0.2.9)), or the words V(LocalSubnet), V(DNS), V(DHCP),
        V(WINS), V(DefaultGateway), V(Internet), V(Intranet), V(IntranetRemoteAccess), V(PlayToDevice) and
        V(CaptivePortal), which a C(4) or C(6) at the end restricts to IPv4 or IPv6. Their case and order
        do not count, since Windows keeps neither.
      - Where a rule of policy lets others in as well, RV(policy_held) names it, since no rule of the host's own can
        narrow that. Another rule of the host's own that does so is named in RV(notes).
      - V(Any) stands alone and takes the limit away. An empty list is refused, and so is what Windows Firewall does not
        know.
      - Left as they are when not given. Where another rule of the host's own or of policy lets in some addresses by
        then, and the built-in one would let in others too, that one is left as it is and RV(notes) name the other. The
        task fails if nobody would be let in by then to some port or in some profile that is wanted.
    type: list
    elements: str
  port:
    description:
      - A port to let in besides the one that the listener is set to, such as the one that it is to have next.
      - Without it the rules are for the listener's port alone. A port on which the listener still is until its next
        start stays open too, and RV(notes) say so.
      - See O(winfleet.rdp.remote_desktop#module:port) for how to change the listener's port.
    type: int
  block_rules:
    description:
      - What happens to enabled rules that block the port for everybody. Somebody made them, so ask first.
      - V(keep) leaves them and names them.
      - V(disable) disables those of the host's own store that are for the port alone over TCP or over UDP. Roll-back
        enables them again.
      - A rule that blocks other ports too, or that policy brought, is never changed.
    type: str
    choices:
      - keep
      - disable
    default: keep
  built_in_rules:
    description:
      - What happens to a built-in rule of O(transports) that is needed, and is missing or does not let users in any
        more. Somebody did that, so ask first.
      - V(keep) leaves it and names it.
      - V(restore) makes a missing one as Windows has it, and sets the action of one that blocks, or lets in what IPsec
        has authenticated alone, to allow. It is disabled until everything else about it is right.
      - Roll-back sets the action back, and deletes a rule that was made, whatever others have changed about it since.
      - M(winfleet.rdp.remediate) names both and leaves them to you.
    type: str
    choices:
      - keep
      - restore
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
  - Whether the administrative template C(Allow inbound Remote Desktop exceptions) blocks the port where it is set to
    Disabled is not known, so it does not count then, nor do its addresses.
  - A connection security rule is named with the addresses that it is between. Whether clients are among them is left to
    you. Those of group policy and of the host itself are read; the Firewall CSP of device management has none.
seealso:
  - module: winfleet.rdp.remote_desktop
  - module: winfleet.rdp.diagnosis_info
  - module: winfleet.rdp.rollback
  - name: MSFT_NetFirewallRule
    description: The class of firewall rules.
    link: https://learn.microsoft.com/windows/win32/fwp/wmi/wfascimprov/msft-netfirewallrule
"""

EXAMPLES = r"""
- name: Let Remote Desktop in on the networks that the hosts are connected to
  winfleet.rdp.firewall:

- name: Let it in on domain networks alone, and from the administrators' network alone
  winfleet.rdp.firewall:
    profiles:
      - domain
    remote_addresses:
      - 192.0.2.0/24

- name: Let it in on public networks too, which has a high risk, from one network alone
  winfleet.rdp.firewall:
    profiles:
      - active
      - public
    remote_addresses:
      - 192.0.2.0/24

- name: Let it in although the hosts have a rule of their own that blocks it, as its owners agreed
  winfleet.rdp.firewall:
    block_rules: disable

- name: Use TCP only
  winfleet.rdp.firewall:
    state: disabled
    transports:
      - udp
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
      description: V(firewall_rule), or V(restart) where an earlier run has left one to be done.
      type: str
    item:
      description: The name of the firewall rule, or of the service.
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
