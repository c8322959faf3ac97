# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What codes of one kind of trouble have in common: the causes they lead to, and what tells these apart. PRIVATE."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Family:
    """Codes that are looked into in the same way.

    Attributes:
        causes: ids of the table of causes, the likeliest first.
        gather: the evidence that tells them apart.
    """

    title: str
    causes: tuple[str, ...] = ()
    gather: tuple[str, ...] = ()


_PROBE = "probe_info from the controller and from the user's network: which stage fails"
_HOST = "diagnosis_info: listener, services, settings and firewall as the host sees them"
_SCHANNEL = "the System log around an attempt: Schannel 36870, 36871, 36874"
_CLIENT_LOG = "on the client, TerminalServices-RDPClient/Operational, event 1026: the reason in decimal"
_SECURITY_LOG = "the Security log of the host: event 4625 with its status, where logons are audited"
_NAME = "Resolve-DnsName on the client; nslookup passes by the hosts file and split DNS"

FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "dropped": Family(
            "the connection was made, then the host or something between dropped it in negotiation, TLS or CredSSP",
            (
                # what is on record for exactly 0x904 with 0x7 comes first
                "key_unreadable",
                "key_missing",
                "certificate_missing",
                "certificate_expired",
                "security_layer_rdp",
                "port_taken",
                "credssp_silent",
                "wrong_host",
                "certificate_pinned_missing",
                "udp_path_silent",
                "security_layer_rdp_by_policy",
                "key_in_cng",
                "machine_guid_changed",
                "program_data_moved",
                "store_acl",
                "folder_acl",
                "tls_server_disabled",
                "tls12_disabled",
                "cipher_suites_empty",
                "cipher_suites_mismatch",
                "fips_mismatch",
                "tls_unserved",
                "security_layer_invalid",
                "encryption_level_invalid",
                "nla_value_invalid",
                "negotiation_disabled",
                "port_proxy",
                "listener_port_shared",
                "path_mtu",
                "handshake_broken_elsewhere",
                "security_product",
                "path_poor",
                "connection_flood",
                "session_limit",
                "known_bad_update",
                "client_known_bad_update",
                "client_tls12_disabled",
                "client_udp_path_broken",
                "winsock_layered",
            ),
            (_PROBE, _SCHANNEL, _HOST, _CLIENT_LOG),
        ),
        "unreached": Family(
            "the host's port could not be reached",
            (
                "firewall_rule_disabled",
                "firewall_rule_missing",
                "firewall_rule_turned",
                "firewall_rule_demands",
                "firewall_wrong_profile",
                "firewall_domain_unrecognised",
                "firewall_port_mismatch",
                "firewall_blocked_by_rule",
                "firewall_local_rules_ignored",
                "firewall_shields_up",
                "firewall_blocks_some_addresses",
                "rdp_denied",
                "rdp_denied_by_policy",
                "rdp_denied_by_orphan_policy",
                "deny_value_missing",
                "termservice_stopped",
                "termservice_disabled",
                "listener_disabled",
                "sessions_disabled",
                "lan_adapter_missing",
                "port_excluded",
                "connection_flood",
                "path_blocked",
                "path_blocked_elsewhere",
                "name_differs_elsewhere",
                "ipsec_rules",
                "service_dll_replaced",
                "foreign_protocol",
                "setup_unfinished",
                "home_edition",
                "ports_exhausted",
            ),
            (_PROBE, _HOST),
        ),
        "name": Family(
            "the client could not find the host by its name",
            ("name_unresolved", "name_unresolved_elsewhere", "wrong_host", "name_differs_elsewhere"),
            (_NAME, _PROBE),
        ),
        "security": Family(
            "the two sides did not agree on security, or what came could not be decrypted",
            (
                "security_layer_rdp",
                "security_layer_rdp_by_policy",
                "encryption_level_invalid",
                "negotiation_disabled",
                "port_taken",
                "tls_server_disabled",
                "tls12_disabled",
                "cipher_suites_mismatch",
                "fips_mismatch",
                "client_tls12_disabled",
            ),
            (_PROBE, _SCHANNEL, _HOST),
        ),
        "certificate": Family(
            "the host's certificate was not accepted or could not be read",
            (
                "certificate_missing",
                "certificate_expired",
                "certificate_wrong_usage",
                "certificate_weak",
                "key_unreadable",
                "store_acl",
                "other_certificate_elsewhere",
                "credssp_intercepted",
                "client_authentication_strict",
            ),
            (_PROBE, _SCHANNEL),
        ),
        "credentials": Family(
            "the logon was refused",
            (
                "logon_rejected",
                "duplicate_machine_sid",
                "trust_broken",
                "time_skew",
                "ntlm_refused",
                "client_ntlm_denied",
                "broker_address_stale",
            ),
            (_SECURITY_LOG, _CLIENT_LOG),
        ),
        "policy": Family(
            "a policy of client or host forbids the way of authentication",
            (
                "credssp_unpatched",
                "ntlm_refused",
                "client_ntlm_denied",
                "client_ntlm_old",
                "logon_rejected",
                "logon_right_missing",
            ),
            (_SECURITY_LOG, _HOST),
        ),
        "refused_session": Family(
            "the host took the connection and refused the session",
            (
                "logons_disabled",
                "drain_mode",
                "user_logons_disabled",
                "session_limit",
                "logon_right_missing",
                "listener_permissions",
                "listener_group_missing",
            ),
            (_HOST,),
        ),
        "licence": Family(
            "no licence was given for the session",
            ("license_grace_over", "license_mode_missing"),
            (_HOST, "RemoteConnectionManager 1068, 1069"),
        ),
        "gateway": Family(
            "the RD Gateway ended or refused the connection",
            (
                "gateway_rap_denied",
                "gateway_rap_resource",
                "gateway_cap_denied",
                "gateway_target_unreachable",
                "gateway_cap_disabled",
                "gateway_rap_disabled",
                "gateway_certificate_expired",
                "gateway_certificate_unbound",
                "gateway_service_stopped",
                "gateway_service_disabled",
                "gateway_limit",
                "gateway_exception",
            ),
            ("TerminalServices-Gateway/Operational on the gateway: 201, 301, 304", _CLIENT_LOG),
        ),
        "broker": Family(
            "the connection broker could not place the session", ("broker_address_stale",), ("the broker's event logs",)
        ),
        "host_fault": Family("a component of the host crashed or the host went down", (), ("the host's System log",)),
        "protocol": Family(
            "a message did not have the form that the protocol demands: a filter on the way, or a faulty program",
            ("port_taken",),
            (_PROBE, "the System log of the host: TermDD 50 and 56"),
        ),
        "client": Family(
            "the client itself failed",
            ("client_known_bad_update", "client_too_old", "rd_client_too_old"),
            (_CLIENT_LOG,),
        ),
        "ended": Family("the session was ended, which is no fault by itself"),
    }
)
