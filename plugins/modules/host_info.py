#!/usr/bin/python

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation only: the work is done by plugins/action/host_info.py on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_info
short_description: Read from Windows hosts all that decides about Remote Desktop
version_added: 0.1.0
author:
  - winfleet.rdp contributors (@winfleet)
description:
  - Observes settings with the policy above them, services, firewall, listener and events, in a handful of requests.
  - Each item is a value, absent, or unreadable. That Windows does not have it and that we may not see it are
    different things.
  - A saved RV(observation) can be analysed later without a connection, see
    O(winfleet.rdp.diagnosis_info#module:observation).
options:
  areas:
    description:
      - What to read.
      - V(identity) is name, version and clock; V(membership) is the domain or workgroup; V(settings) are the values of
        C(Terminal Server) and C(RDP-Tcp) with their policies; V(services) are C(TermService) and those about it;
        V(firewall) are the rules and profiles that touch Remote Desktop; V(listener) is who listens on the port;
        V(events) are the events of Schannel, C(TermService), Netlogon, the LSA and TCP in the time of O(since);
        V(attempts) is who connected in that time, where the listener complained of too many connections that do not
        finish negotiating.
      - V(obstacles) is what stands in a listener's way though it is set up right; V(client) are the machine's own
        clients; V(client_connections) is how many of their connections went over to UDP in the time of O(since), and
        how many of those broke off; V(dns) is what is remembered of names; V(winsock) are the providers above
        Windows' own; V(products) are known products that filter traffic; V(updates) are the installed updates;
        V(revision) is the revision of the build, which they raise; V(machine) is what tells clones of a disk apart;
        V(keys) are the listener's certificate and its key; V(certificates) are those of the machine's personal store;
        V(key_owners) are the owners of the other keys in the folder; V(key_copies) are the copies of it that
        M(winfleet.rdp.machine_keys) put aside; V(key_stores) are the permissions of the certificate's store;
        V(channel_key) tells whether WinRM's HTTPS listener shares the listener's key;
        V(gateway) is the RD Gateway role, where the host has it; V(gateway_events) is whom it let through or refused in
        the time of O(since), and why it did not serve.
      - V(owed) are a restart of C(TermService) and a reboot that an earlier run of this collection left to be done, and
        that have not happened since.
      - V(permissions) are the rights of each account on the listener, as C(WINSTATION) bitmasks; V(licensing) is how a
        session host is licensed.
    type: list
    elements: str
    choices:
      - identity
      - membership
      - settings
      - leases
      - owed
      - services
      - listener
      - firewall
      - permissions
      - licensing
      - events
      - attempts
      - obstacles
      - client
      - client_connections
      - dns
      - winsock
      - products
      - updates
      - revision
      - machine
      - keys
      - certificates
      - key_owners
      - key_copies
      - key_stores
      - channel_key
      - gateway
      - gateway_events
    default:
      - identity
      - membership
      - settings
      - leases
      - owed
      - services
      - listener
      - firewall
      - permissions
      - licensing
      - events
      - attempts
      - obstacles
      - client
      - client_connections
      - dns
      - winsock
      - products
      - updates
      - revision
      - machine
      - keys
      - certificates
      - key_owners
      - key_copies
      - key_stores
      - channel_key
      - gateway
      - gateway_events
extends_documentation_fragment:
  - winfleet.rdp._attributes
  - winfleet.rdp._attributes.actiongroup_rdp
  - winfleet.rdp._attributes.info
  - winfleet.rdp._options.since
  - winfleet.rdp._options.wire
seealso:
  - module: winfleet.rdp.diagnosis_info
  - module: winfleet.rdp.probe_info
"""

EXAMPLES = r"""
- name: Observe everything
  winfleet.rdp.host_info:
  register: host

- name: Show what decides whether connections are allowed
  ansible.builtin.debug:
    var: host.effective.deny_connections

- name: Keep the observation for later
  ansible.builtin.copy:
    content: "{{ host.observation | to_nice_json }}"
    dest: "observations/{{ inventory_hostname }}.json"
    mode: "0600"
  delegate_to: localhost

- name: Read the settings alone
  winfleet.rdp.host_info:
    areas:
      - settings
      - leases
"""

RETURN = r"""
observation:
  description: What was read. An area that was not asked for is none; one that could not be read is named in
    C(unread).
  returned: success
  type: dict
  contains:
    taken_at:
      description: When, by the controller's clock, ISO 8601.
      type: str
    identity:
      description: Name, version, role, language, boot time and clock of the host.
      type: dict
    membership:
      description: The domain or workgroup (C(domain)), and whether it is a domain (C(in_domain)).
      type: dict
    settings:
      description:
        - For each setting what is stored locally (C(local)) and by policy (C(policy)), each with C(state), which is
          V(value), V(absent) or V(unreadable), C(data), C(type) and C(reason), and who wrote the policy value
          (C(policy_owner)).
      type: dict
    leases:
      description: The leases that the host has a record of, also those that have ended. Each with the C(lease) itself,
        whether its task is C(armed), whether it has C(ended) or is still C(pending), the C(number) that the setting has
        and the host's clock then (C(now)).
      type: list
      elements: dict
    owed:
      description: V(restart) and V(reboot) that an earlier run has left to be done.
      type: list
      elements: str
    keys:
      description: The certificates that the listener can serve (C(own), C(pinned_certificate)), the folder of machine
        keys with its files and permissions, and what stands in the way of a renewal.
      type: dict
    certificates:
      description: The certificates of the machine's personal store.
      type: list
      elements: dict
    key_owners:
      description: Who else uses a key file, in words, by its name (C(owners)), and which ones WinRM does (C(channel)).
      type: dict
    key_copies:
      description: Paths of the copies of C(MachineKeys) that M(winfleet.rdp.machine_keys) put aside.
      type: list
      elements: str
    key_stores:
      description: Who may write to the registry keys in which the listener's certificate is kept, as SDDL by key.
      type: dict
    channel_key:
      description: Names of WinRM's HTTPS listeners whose certificate has the key of the listener's own one.
      type: list
      elements: str
    services:
      description: State, start mode, process and account of each service; sessions for C(TermService).
      type: dict
    firewall:
      description: The rules that touch Remote Desktop, the profiles, and which of them are active.
      type: dict
    listener:
      description: The port, the processes that listen on it, and how many connections are established.
      type: dict
    permissions:
      description: The accounts with a right on the listener by C(sid), and what is C(allowed) and C(denied) to them.
      type: list
      elements: dict
    licensing:
      description: Whether the host is a C(session_host), its licensing C(mode) and C(servers), and the C(days_left) of
        its grace period.
      type: dict
    events:
      description: Source, number, time and inserted strings of each event. Messages are left out, since they are
        localised.
      type: list
      elements: dict
    attempts:
      description: How many connections each address made, the busiest first. Empty where the listener did not complain.
      type: dict
    obstacles:
      description: What can stand in the listener's way though its settings are right. The library of C(TermService) and
        the class that drives the listener, other listeners, port proxies, IPsec rules, flags of an unfinished setup,
        and where a connection broker sends users.
      type: dict
    client:
      description: The Remote Desktop clients of this machine. C(programs) has the file version of each.
      type: dict
    client_connections:
      description: How many connections from this machine went over to UDP of late (C(over_udp)), and how many of those
        broke off (C(broken)).
      type: dict
    dns:
      description: The addresses that the DNS client remembers of names (C(cached)), those that the resolver has
        (C(resolved)), and those that a run of this collection has flushed before (C(flushed)).
      type: dict
    winsock:
      description: The layered C(providers) of Winsock's catalogs, the C(counters) of the catalogs, and when this
        collection last reset them (C(reset_at)).
      type: dict
    gateway:
      description: The RD Gateway role. The service's C(state), empty on a host without the role, its certificates,
        policies, resource groups and transports.
      type: dict
    gateway_events:
      description: What the RD Gateway tells of connections, the newest first, each with C(id), C(user) and C(target).
      type: list
      elements: dict
    logon:
      description: Always none here; M(winfleet.rdp.diagnosis_info) tells what came of an attempt to log on.
      type: dict
    probe:
      description: Always none here; M(winfleet.rdp.diagnosis_info) adds it.
      type: dict
    other_probes:
      description: Always empty here.
      type: list
      elements: dict
    products:
      description: Services that run of known products that filter traffic, and of the Azure guest agent.
      type: list
      elements: str
    updates:
      description: Ids of the installed updates.
      type: list
      elements: str
    revision:
      description: The revision of the build (UBR), which cumulative updates raise.
      type: int
    machine:
      description: MachineGuid and machine SID, by which clones of a disk are told.
      type: str
    unread:
      description: The areas and items that could not be read, and why.
      type: dict
effective:
  description: Each setting as Windows acts on it, by its id. Each has what follows.
  returned: success
  type: dict
  contains:
    value:
      description: The number; none where no source settles Windows' default.
      type: int
    decided_by:
      description: V(policy), V(local) or V(default).
      type: str
    word:
      description: The number and its meaning.
      type: str
    path:
      description: The registry value.
      type: str
  sample:
    deny_connections:
      value: 1
      decided_by: policy
      word: 1 (denied)
      path: HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\fDenyTSConnections
operations:
  description: How many WS-Management operations the task took on the host.
  returned: success
  type: int
  sample: 9
"""
