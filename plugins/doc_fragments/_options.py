# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options that modules share. PRIVATE to the collection."""

from __future__ import annotations


class ModuleDocFragment:
    """One fragment for each concern; a module extends those that it has."""

    WIRE = r"""
options:
  uri_style:
    description:
      - How classes are named in WS-Management requests.
      - V(wmi) names them as C(http://schemas.microsoft.com/wbem/wsman/1/wmi/NAMESPACE/CLASS).
      - V(dmtf) names them as C(http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CLASS) with the namespace as the
        selector C(__cimnamespace), as the CIM cmdlets of Windows do. Try it where a filter on the way refuses the
        other.
    type: str
    choices:
      - wmi
      - dmtf
    default: wmi
"""

    PROBE = r"""
options:
  rdp_host:
    description:
      - Name or address under which users reach the host, for the probe.
      - Defaults to C(ansible_host), or the inventory name.
    type: str
  rdp_port:
    description:
      - TCP port to probe. Set it where users reach the host through a port that is forwarded.
      - Defaults to the port of the host's own listener (C(PortNumber) of C(RDP-Tcp)).
    type: int
  probe_from:
    description:
      - Where the Remote Desktop handshake is tried from.
      - V(controller) tries it from the controller.
      - V(none) tries none, for a controller that has no way to the host's Remote Desktop port. The proof then is
        what the host says of itself, or what probes on other nodes say, and nothing is called blocked. No fix changes
        then what decides how clients connect, since nothing would show whether they still do; but where probes from
        other nodes that were just made show that TLS works, or that nobody gets in anyway.
    type: str
    choices:
      - controller
      - none
    default: controller
"""

    LOGON = r"""
options:
  logon_check:
    description:
      - Whether to try, where the handshake passes, if the host takes the credentials of its Ansible connection for
        Remote Desktop. CredSSP runs up to the host's answer to them and the connection is closed then, so that no
        session is opened.
      - Credentials that are wrong on many hosts lock an account. Each host is asked once, the hosts of a run take
        turns, and once a host has not taken them no other host of the run is asked.
      - The password goes over TLS, sealed with NTLM, to the host alone, after it has proven that it knows the
        account and that TLS ends with it. A host without the update for CVE-2018-0886 gets none.
      - It uses NTLM, so that connections without a password, and hosts that deny NTLM, are not tried, and accounts
        that may use Kerberos alone are rejected.
      - Takes V(true) and V(false) and no words in their place.
    type: bool
    default: false
"""

    PROBES = r"""
options:
  probes:
    description:
      - Results of M(winfleet.rdp.probe_info) that other nodes have brought, each the value of
        RV(winfleet.rdp.probe_info#module:probe).
      - Add C(vantage) to each, in words, to have it named in the evidence.
      - Of several probes, the controller's own included, the one that got furthest tells of the host. One that failed
        earlier tells of the way from there.
    type: list
    elements: dict
    default: []
"""

    RESTART = r"""
options:
  restart:
    description:
      - Whether the service C(TermService) may be restarted where a change is not live without. A restart disconnects
        every Remote Desktop session; WinRM is not touched. Where C(MaxDisconnectionTime) is set, Windows logs
        disconnected users off after that time.
      - V(never) leaves the restart to you and says so in RV(ignore:needs).
      - A restart that a run before could not make is made up, or said again, until the service has been restarted.
      - V(when_idle) restarts only while nobody has a session. Otherwise RV(ignore:needs) says how many sessions a
        restart would cut, from which addresses users are connected, and whether they would be logged off. It names up
        to five users who are signed in, as far as the host tells, also one at its console. So user names are in
        results and reports. Who sits at the console hinders a reboot alone, which would log them off.
      - V(always) restarts also while users are connected. The reason of the restart, which is one of the changes,
        then says the same of the sessions that it cut.
    type: str
    choices:
      - never
      - when_idle
      - always
    default: when_idle
  allow_reboot:
    description:
      - Whether the host may be rebooted where a change is not live without; the task then waits until it is back and
        goes on. O(restart) holds for a reboot as well.
      - O(restart=when_idle) reboots only while nobody is signed in, at the host's console neither. Otherwise
        RV(ignore:needs) names whom a reboot would log off. With O(restart=always) the reason of the reboot does.
      - A host that would not come back by itself is never rebooted. That is one whose WinRM has to be started by
        hand, or whose BitLocker asks for a PIN, a key or a password.
      - Where it is not set, RV(ignore:needs) says that a reboot is due.
    type: bool
    default: false
"""

    RUN = r"""
options:
  run_id:
    description:
      - Name of the run under which the changes are journaled on the host, and by which M(winfleet.rdp.rollback)
        finds them.
      - At most 64 letters, digits, dots, underscores and dashes. Made from the time when it is not given.
    type: str
"""

    POLICY = r"""
options:
  remove_orphaned_policy:
    description:
      - Whether a policy value that no policy owns any more may be removed, where it keeps a wanted value from having
        effect. Repair scripts and hardening roles leave such values behind.
      - A value that a group policy object, the local policy or a management agent owns is never touched, but
        reported in RV(ignore:policy_held).
    type: bool
    default: false
"""

    LEASE = r"""
options:
  lease:
    description:
      - For how long the host may be weakened, as a number and a unit, C(s), C(m), C(h) or C(d), from V(1m) to V(24h),
        such as V(30m). Weakening is refused without.
      - A scheduled task that is registered on the host before the weakening ends it, also when the controller is gone
        by then, the host was rebooted, or runs on a battery. It puts the value back only while that is still what
        the lease made of it.
      - Where the host was off at the end, the task runs after its start; Windows may take ten minutes for that.
      - The end is by the host's clock. So no lease is granted while that differs from the controller's by more than
        five minutes, and one whose end is further off than it lasts, since the clock was set back, is ended by the
        next run.
      - A host has one lease for a setting. A run that wants the same again during the lease changes nothing. Another
        value wanted during the lease is taken into it, and its end stays.
      - Wanting the old value or a stronger one ends the lease at once. So does M(winfleet.rdp.rollback) of the run that
        granted it.
    type: str
  renew_lease:
    description:
      - Whether a lease may follow one that still runs or that ended within the last 24 hours, so that a play which runs
        on a schedule does not make a weakening permanent unnoticed. It also allows to weaken again what somebody has
        set right during a lease.
      - Every run that has it moves the end, so leave it out of what runs on a schedule.
      - Takes V(true) and V(false) and nothing else.
    type: bool
    default: false
  accept_permanent_weakening:
    description:
      - Whether the host may be weakened without O(ignore:lease), until somebody undoes it. It is journaled and named in
        RV(ignore:notes).
      - Takes V(true) and V(false) and nothing else.
    type: bool
    default: false
"""

    SINCE = r"""
options:
  since:
    description:
      - How far back events are read, as a number and a unit, C(s), C(m), C(h) or C(d), such as V(10m) or V(2h).
    type: str
    default: 10m
"""
