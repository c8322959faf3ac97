#!/usr/bin/python

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Try the RDP handshake from outside."""

from __future__ import annotations

DOCUMENTATION = r"""
module: probe_info
short_description: Try the Remote Desktop handshake from outside, without credentials
version_added: 0.1.0
author:
  - winfleet.rdp contributors (@winfleet)
description:
  - Follows a Remote Desktop connection as far as it goes before anybody logs on, and says at which stage it fails and
    how. The stages are name resolution, TCP, negotiation (X.224), TLS, and the NTLM challenge of CredSSP, which tells
    the host's names, Windows build and clock. UDP transport, loss and latency, and the encryption of Standard RDP
    Security can be asked for.
  - C(Error code 0x904, extended error code 0x7) of a client only says that the socket was closed between negotiation
    and logon. The verdicts of the stages tell the causes apart.
  - In a play for Windows hosts the probe runs on the controller, inside the play's own process, and needs neither the
    host's connection nor its credentials. With C(delegate_to) it runs on that node, which needs Python 3.9 or newer
    and nothing else; so does a task for a host that is no Windows.
  - It uses at most four connections, plus one for each of O(samples). A Windows host counts each as an
    incomplete connection (event 1006 when there are many).
options:
  host:
    description:
      - Name or address of the host to probe.
      - Defaults to C(ansible_host), or the inventory name, of the host that the task is for, also with C(delegate_to).
    type: str
  port:
    description:
      - TCP port of the Remote Desktop listener, and UDP port with O(udp=true).
    type: int
    default: 3389
  timeout:
    description:
      - Seconds that a stage may take on one connection, more than 0 and at most 300.
    type: float
    default: 5.0
  samples:
    description:
      - How many further TCP connects measure loss and latency, 0 to 100.
    type: int
    default: 0
  udp:
    description:
      - Whether to try UDP transport with one datagram, repeated once.
      - Only an answer proves something; a host that stays silent may still offer UDP transport.
    type: bool
    default: false
  stages:
    description:
      - Which stages to run. A stage brings those that it needs.
      - V(native) asks for the encryption of Standard RDP Security where the host selects that.
    type: list
    elements: str
    choices:
      - name
      - tcp
      - x224
      - tls
      - ntlm
      - native
    default:
      - name
      - tcp
      - x224
      - tls
      - ntlm
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
  - ansible.builtin.action_common_attributes.conn
  - ansible.builtin.action_common_attributes.flow
  - winfleet.rdp._attributes.actiongroup_rdp
attributes:
  action:
    support: full
  async:
    support: none
  become:
    support: none
  bypass_host_loop:
    support: none
  check_mode:
    support: full
    details:
      - This action does not modify state.
  connection:
    support: partial
    details:
      - In a play for Windows hosts the connection is not used.
  delegation:
    support: full
    details:
      - To any node that runs Python, but not to a Windows host.
  diff_mode:
    support: N/A
    details:
      - This action does not modify state.
  idempotent:
    description:
      - When run twice in a row outside check mode, with the same arguments, the second invocation indicates no
        change.
      - This assumes that the system controlled/queried by the module has not changed in a relevant way.
    support: full
    details:
      - This action does not modify state.
  platform:
    support: full
    platforms: posix, windows
notes:
  - No certificate is verified, and TLS 1.0 and SHA-1 are accepted, for the probe alone; what the host uses is in the
    result.
seealso:
  - name: MS-RDPBCGR
    description: The protocol whose connection sequence is followed.
    link: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-rdpbcgr/
"""

EXAMPLES = r"""
- name: Probe every host of the play from the controller
  winfleet.rdp.probe_info:
  register: from_controller

- name: Show what was found
  ansible.builtin.debug:
    msg: "{{ from_controller.probe.summary }}"

- name: Probe from a node in the users' network, which decides whether the path is to blame
  winfleet.rdp.probe_info:
    udp: true
    samples: 10
  delegate_to: jumphost.example.org
  register: from_users

- name: Only look whether the port of another host is open
  winfleet.rdp.probe_info:
    host: files.example.org
    port: 33890
    stages:
      - tcp
    timeout: 2
"""

RETURN = r"""
probe:
  description: What the stages found. A stage that did not run has the verdict V(skipped).
  returned: success
  type: dict
  sample:
    host: win01.example.org
    port: 3389
    address: 192.0.2.11
    taken_at: "2026-06-01T12:00:00Z"
    name:
      verdict: resolved
      addresses: [192.0.2.11]
      error:
    tcp:
      verdict: open
      connect_ms: 1.31
      error:
      attempts: []
    x224:
      verdict: negotiates
      windows: true
      protocol_guess:
      asked:
        "0": {outcome: failure, protocol: , failure: 5, failure_name: HYBRID_REQUIRED_BY_SERVER, flags: }
        "1": {outcome: failure, protocol: , failure: 5, failure_name: HYBRID_REQUIRED_BY_SERVER, flags: }
        "3": {outcome: selected, protocol: 2, failure: , failure_name: , flags: 31}
        "11": {outcome: selected, protocol: 8, failure: , failure_name: , flags: 31}
      security_layer:
      nla_required: true
    tls:
      verdict: ok
      alert:
      version: TLSv1.2
      cipher: ECDHE-RSA-AES256-GCM-SHA384
      certificate:
        sha1: 1B3C0C0E6C9A0F5D3A5B5E0E5D6E8A4C9F1D2B7A
        subject: CN=win01.example.org
        not_after: "2026-10-12T08:15:02Z"
        self_signed: true
        expired: false
      received_bytes: 1471
      error:
    ntlm:
      verdict: challenge
      netbios_name: WIN01
      netbios_domain: EXAMPLE
      dns_name: win01.example.org
      dns_domain: example.org
      dns_forest: example.org
      build: 10.0.20348
      server_time: "2026-06-01T12:00:00Z"
      skew_seconds: -0.4
      credssp_version: 6
      error:
    udp:
      verdict: skipped
      rtt_ms:
      mtu:
    native:
      verdict: skipped
      encryption_level:
      encryption_method:
    quality:
    stage: complete
    passed: true
    summary: >-
      win01.example.org port 3389 does RDP over TLSv1.2; NLA is required; the host calls itself win01.example.org
      (Windows 10.0.20348).
  contains:
    host:
      description: What was probed.
      type: str
    port:
      description: The port that was probed.
      type: int
    address:
      description: The address that was used, of several the one that answered; none when the name does not resolve.
      type: str
    taken_at:
      description: When the probe began, ISO 8601 in UTC.
      type: str
    name:
      description: Name resolution.
      type: dict
      contains:
        verdict:
          description: V(literal) (an address was given), V(resolved) or V(failed).
          type: str
        addresses:
          description: All addresses, in the order in which the system prefers them.
          type: list
          elements: str
        error:
          description: Why it failed.
          type: str
    tcp:
      description: The connection.
      type: dict
      contains:
        verdict:
          description: V(open), V(refused), V(timeout), V(unreachable), V(error) or V(skipped).
          type: str
        connect_ms:
          description: How long the connection took, in milliseconds.
          type: float
        error:
          description: Why it failed.
          type: str
        attempts:
          description: The addresses that failed, each with C(address), C(verdict) and C(error).
          type: list
          elements: dict
    x224:
      description: The negotiation.
      type: dict
      contains:
        verdict:
          description:
            - V(negotiates), V(legacy) (answers without negotiating), V(no_reply), V(reset), V(not_rdp) (another program
              answers on the port) or V(skipped).
          type: str
        windows:
          description: Whether the answer bears the mark of Windows; none without an answer, or when signs disagree.
          type: bool
        protocol_guess:
          description: What seems to answer instead of RDP, such as V(http), V(ssh), V(tls) or V(vnc).
          type: str
        asked:
          description:
            - "The answers by what was asked: C(0) Standard RDP, C(1) TLS, C(3) TLS or CredSSP, C(11) all of them."
            - Each has C(outcome) (V(selected), V(failure), V(legacy), V(no_reply), V(reset), V(not_rdp), V(timeout),
              V(refused), V(unreachable), V(error) or V(skipped)), C(protocol) (0, 1, 2 CredSSP, 8 CredSSP with early
              user authorisation), C(failure) and C(failure_name) (as in MS-RDPBCGR 2.2.1.2.2), C(flags),
              C(source_reference) and C(protocol_guess).
            - After two requests without an answer the others are not sent.
          type: dict
        security_layer:
          description: The live C(SecurityLayer), 0 to 2; none where the answers leave it open, as they do when NLA is
            required.
          type: int
        nla_required:
          description: Whether the host insists on NLA; none where the answers leave it open.
          type: bool
    tls:
      description: The TLS handshake.
      type: dict
      contains:
        verdict:
          description:
            - V(ok), V(reset) (dropped after the ClientHello), V(alert), V(timeout), V(not_tls) (something else came),
              V(not_offered), V(controller_cannot) (the TLS library where the probe ran refuses; nothing is proved
              about the host) or V(skipped).
          type: str
        alert:
          description: The number of the alert (RFC 5246 7.2), when it came unencrypted.
          type: int
        version:
          description: Such as V(TLSv1.2).
          type: str
        cipher:
          description: OpenSSL's name of the cipher suite.
          type: str
        certificate:
          description: What the host showed. With C(error), only the hashes could be read.
          type: dict
          contains:
            sha1:
              description: The thumbprint as Windows writes it, upper case without separators.
              type: str
            sha256:
              description: The SHA-256 hash, in the same form.
              type: str
            subject:
              description: The subject's distinguished name.
              type: str
            issuer:
              description: The issuer's distinguished name.
              type: str
            common_name:
              description: The subject's common name.
              type: str
            names:
              description: DNS names and addresses of the subject alternative name.
              type: list
              elements: str
            not_before:
              description: From when it is valid, ISO 8601 in UTC.
              type: str
            not_after:
              description: Until when it is valid, ISO 8601 in UTC.
              type: str
            serial:
              description: The serial number, hexadecimal.
              type: str
            signature_algorithm:
              description: Such as V(sha256WithRSAEncryption).
              type: str
            key_algorithm:
              description: V(RSA), V(EC), or the dotted identifier of another algorithm.
              type: str
            key_bits:
              description: Length of an RSA key; V(null) for others.
              type: int
            self_signed:
              description: Whether subject and issuer are the same. The signature is not verified.
              type: bool
            expired:
              description: Whether it has expired by the clock of the machine that probed.
              type: bool
            not_yet_valid:
              description: Whether its validity has not begun by the same clock.
              type: bool
            key_usage_server_auth:
              description:
                - Whether its extended key usage allows server authentication, or Remote Desktop Authentication, which
                  is that for Remote Desktop alone; none when it has none.
              type: bool
            error:
              description: Why it could not be read.
              type: str
        received_bytes:
          description: How much the host sent; none or little, with V(timeout), speaks of a path that loses full-size
            packets.
          type: int
        error:
          description: What went wrong.
          type: str
    ntlm:
      description: What the host says about itself before anybody logs on.
      type: dict
      contains:
        verdict:
          description:
            - V(challenge), V(closed) or V(refused) (both healthy where clients use Kerberos), V(timeout),
              V(not_ntlm), V(not_offered) or V(skipped).
          type: str
        netbios_name:
          description: The computer's NetBIOS name.
          type: str
        netbios_domain:
          description: The NetBIOS name of its domain, or its own.
          type: str
        dns_name:
          description: The computer's DNS name.
          type: str
        dns_domain:
          description: The DNS name of its domain.
          type: str
        dns_forest:
          description: The DNS name of its forest.
          type: str
        build:
          description: The Windows version and build.
          type: str
        server_time:
          description: The host's clock, ISO 8601 in UTC.
          type: str
        skew_seconds:
          description: How far the host's clock is ahead of the one of the machine that probed; negative when it is
            behind.
          type: float
        credssp_version:
          description: The version of CredSSP; below 5 the host lacks the update for CVE-2018-0886.
          type: int
        error:
          description: What went wrong.
          type: str
    udp:
      description: UDP transport, with O(udp=true).
      type: dict
      contains:
        verdict:
          description: V(answers), V(silent) (which proves nothing), V(unreachable) or V(skipped).
          type: str
        rtt_ms:
          description: The round trip time, in milliseconds.
          type: float
        mtu:
          description: The MTU that the host offers.
          type: int
    native:
      description: The encryption of Standard RDP Security, with V(native) among O(stages).
      type: dict
      contains:
        verdict:
          description: V(ok), V(closed), V(timeout), V(not_mcs) or V(skipped) (also when the host does not select it).
          type: str
        encryption_level:
          description: 0 none, 1 low, 2 client compatible, 3 high, 4 FIPS.
          type: int
        encryption_method:
          description: 0 none, 1 40 bit, 2 128 bit, 8 56 bit, 16 FIPS.
          type: int
    quality:
      description: Loss and latency, with O(samples).
      type: dict
      contains:
        samples:
          description: How many connects were tried.
          type: int
        lost:
          description: How many of them failed.
          type: int
        loss_percent:
          description: The share that failed.
          type: float
        rtt_min_ms:
          description: The shortest time of a connect, in milliseconds.
          type: float
        rtt_median_ms:
          description: The median.
          type: float
        rtt_max_ms:
          description: The longest.
          type: float
    stage:
      description: The stage that failed, V(name), V(tcp), V(x224), V(tls) or V(ntlm); V(complete) when none did.
      type: str
    passed:
      description: Whether the handshake went as far as a healthy host lets a client come that does not log on.
      type: bool
    summary:
      description: The result in one sentence.
      type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.errors import ProbeOptionError
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.options import ARGUMENT_SPEC, from_arguments
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.probe import probe


def main() -> None:
    """Run the probe on this node; the action plugin has filled in the host."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    try:
        options = from_arguments(module.params)
    except ProbeOptionError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, probe=probe(options))


if __name__ == "__main__":
    main()
