# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The codes that Remote Desktop clients show, as data. PRIVATE to the collection.

Sources: disconnect reasons are those of IMsTscAxEvents::OnDisconnected, extended ones those of the enumeration
ExtendedDisconnectReasonCode (Microsoft Win32 documentation, TermServ) and of MS-RDPBCGR 2.2.5.1.1, negotiation failures
of MS-RDPBCGR 2.2.1.2.2, codes of a gateway those of MS-TSGU 2.2.6. A code that is only known from reports of users is
marked as not documented.
"""

from __future__ import annotations

import typing as t
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

Kind = t.Literal["disconnect", "extended", "negotiation", "gateway", "status"]

ON_DISCONNECTED = "https://learn.microsoft.com/windows/win32/termserv/imstscaxevents-ondisconnected"
EXTENDED_REASON = "https://learn.microsoft.com/windows/win32/termserv/extendeddisconnectreasoncode"
BCGR = "https://learn.microsoft.com/openspecs/windows_protocols/ms-rdpbcgr/5073f4ed-1e93-45e1-b039-6e30c385867c"
ERROR_INFO = f"MS-RDPBCGR 2.2.5.1.1, {BCGR}"
NEGOTIATION = f"MS-RDPBCGR 2.2.1.2.2, {BCGR}"
STATUS = "MS-ERREF 2.1.1 and 2.3.1, https://learn.microsoft.com/openspecs/windows_protocols/ms-erref/1bc92ddf-b79e-413c-bbaa-99a5281a6c90"
TSGU = "MS-TSGU 2.2.6, https://learn.microsoft.com/openspecs/windows_protocols/ms-tsgu/0007d661-a86d-4e8f-89f7-7f77f8824188"
REPORTS = "reports of users; no public documentation"


@dataclass(frozen=True)
class Code:
    """One code.

    Attributes:
        name: as the documentation names it; empty where nothing does.
        family: what kind of trouble it tells of, a key of families.FAMILIES.
        likely: causes that this very code speaks for, before those of its family.
    """

    number: int
    name: str
    meaning: str
    family: str
    source: str
    likely: tuple[str, ...] = ()

    @property
    def documented(self) -> bool:
        return self.source != REPORTS


def _reasons(source: str, *rows: tuple[int, str, str, str]) -> tuple[Code, ...]:
    return tuple(
        Code(number, name, meaning, family, source, _LIKELY.get(name, ())) for number, name, meaning, family in rows
    )


_KEY = ("key_unreadable", "key_missing", "key_in_cng", "machine_guid_changed")
_NO_KEY = ("key_missing", "machine_guid_changed", "program_data_moved", "folder_acl")
_DOMAIN = ("trust_broken", "duplicate_machine_sid")

_LIKELY: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "SSL_ERR_CERT_EXPIRED": ("certificate_expired",),
        "SSL_ERR_NO_AUTHENTICATING_AUTHORITY": _DOMAIN,
        "NTE_PERM": ("folder_acl", "store_acl", "key_unreadable"),
        "NTE_BAD_KEYSET": _NO_KEY,
        "SEC_E_UNSUPPORTED_FUNCTION": ("credssp_unpatched",),
        "SEC_E_UNKNOWN_CREDENTIALS": _KEY,
        "SEC_E_NO_AUTHENTICATING_AUTHORITY": _DOMAIN,
        "SEC_E_WRONG_PRINCIPAL": ("wrong_host",),
        "SEC_E_TIME_SKEW": ("time_skew",),
        "SEC_E_CERT_EXPIRED": ("certificate_expired",),
        "SSL_ERR_POLICY_NTLM_ONLY": ("ntlm_refused", "client_ntlm_denied"),
        "SEC_E_BAD_BINDINGS": ("credssp_intercepted", "other_certificate_elsewhere", "client_ntlm_old"),
        "STATUS_BAD_BINDINGS": ("client_ntlm_old", "credssp_intercepted", "other_certificate_elsewhere"),
        "STATUS_TIME_DIFFERENCE_AT_DC": ("time_skew",),
        "STATUS_TRUSTED_RELATIONSHIP_FAILURE": _DOMAIN,
        "STATUS_NO_LOGON_SERVERS": _DOMAIN,
        "STATUS_LOGON_TYPE_NOT_GRANTED": ("logon_right_missing", "listener_permissions"),
        "E_PROXY_RAP_ACCESSDENIED": ("gateway_rap_denied", "gateway_rap_resource", "gateway_rap_disabled"),
        "E_PROXY_REAUTH_RAP_FAILED": ("gateway_rap_denied", "gateway_rap_resource", "gateway_rap_disabled"),
        "E_PROXY_NAP_ACCESSDENIED": ("gateway_cap_denied", "gateway_cap_disabled"),
        "E_PROXY_REAUTH_CAP_FAILED": ("gateway_cap_denied", "gateway_cap_disabled"),
        "E_PROXY_TS_CONNECTFAILED": ("gateway_target_unreachable",),
        "E_PROXY_MAXCONNECTIONSREACHED": ("gateway_limit",),
        "E_PROXY_NOCERTAVAILABLE": ("gateway_certificate_unbound", "gateway_certificate_expired"),
        "E_PROXY_INTERNALERROR": ("gateway_exception", "known_bad_update"),
    }
)
"""Causes that a code speaks for by its own name."""


_DISCONNECT = (
    *_reasons(
        ON_DISCONNECTED,
        (0x0, "NoInfo", "no information", "ended"),
        (0x1, "LocalNotError", "disconnected here, not an error", "ended"),
        (0x2, "RemoteByUser", "disconnected by a user on the host", "ended"),
        (0x3, "ByServer", "disconnected by the host", "ended"),
        (0x104, "DNSLookupFailed", "the name was not found", "name"),
        (0x106, "OutOfMemory", "out of memory", "client"),
        (0x108, "ConnectionTimedOut", "the connection timed out", "unreached"),
        (0x204, "SocketConnectFailed", "the connection failed", "unreached"),
        (0x206, "OutOfMemory2", "out of memory", "client"),
        (0x208, "HostNotFound", "the host was not found", "name"),
        (0x304, "WinsockSendFailed", "sending failed", "dropped"),
        (0x306, "OutOfMemory3", "out of memory", "client"),
        (0x308, "InvalidIPAddr", "the address is not valid", "name"),
        (0x404, "SocketRecvFailed", "receiving failed", "dropped"),
        (0x406, "InvalidSecurityData", "the security data is not valid", "security"),
        (0x408, "InternalError", "internal error", "security"),
        (0x506, "InvalidEncryption", "the method of encryption is not valid", "security"),
        (0x508, "DNSLookupFailed2", "the name was not found", "name"),
        (0x604, "GetHostByNameFailed", "the name could not be looked up", "name"),
        (0x606, "InvalidServerSecurityInfo", "the host's security data is not valid", "security"),
        (0x608, "TimerError", "internal timer error", "client"),
        (0x704, "TimeoutOccurred", "a timeout occurred", "unreached"),
        (0x706, "ServerCertificateUnpackErr", "the host's certificate could not be unpacked", "certificate"),
        (0x804, "InvalidIP", "the address is not valid", "name"),
        (0x807, "SSL_ERR_LOGON_FAILURE", "the logon failed", "credentials"),
        (0x808, "LicensingFailed", "licensing failed", "licence"),
        (0x904, "AtClientWinsockFDCLOSE", "the socket was closed", "dropped"),
        (0x906, "InternalSecurityError", "internal security error", "security"),
        (0x908, "LicensingTimeout", "licensing timed out", "licence"),
        (0xA06, "InternalSecurityError2", "internal security error", "security"),
        (0xA07, "SSL_ERR_NO_SUCH_USER", "the account does not exist", "credentials"),
        (0xB06, "EncryptionError", "encryption failed", "security"),
        (0xB07, "SSL_ERR_ACCOUNT_DISABLED", "the account is disabled", "credentials"),
        (0xC06, "DecryptionError", "decryption failed", "security"),
        (0xC07, "SSL_ERR_ACCOUNT_RESTRICTION", "a restriction of the account forbids the logon", "credentials"),
        (0xC08, "ClientDecompressionError", "decompression failed", "protocol"),
        (0xD07, "SSL_ERR_ACCOUNT_LOCKED_OUT", "the account is locked out", "credentials"),
        (0xE07, "SSL_ERR_ACCOUNT_EXPIRED", "the account has expired", "credentials"),
        (0xF07, "SSL_ERR_PASSWORD_EXPIRED", "the password has expired", "credentials"),
        (0x1207, "SSL_ERR_PASSWORD_MUST_CHANGE", "the password has to be changed first", "credentials"),
        (0x1607, "SSL_ERR_DELEGATION_POLICY", "policy forbids to delegate credentials to the host", "policy"),
        (0x1707, "SSL_ERR_POLICY_NTLM_ONLY", "policy forbids to delegate credentials by NTLM", "policy"),
        (0x1807, "SSL_ERR_NO_AUTHENTICATING_AUTHORITY", "no domain controller could be reached", "credentials"),
        (0x1B07, "SSL_ERR_CERT_EXPIRED", "the certificate has expired", "certificate"),
        (0x1C07, "SSL_ERR_SMARTCARD_WRONG_PIN", "the PIN of the smart card is wrong", "credentials"),
        (0x2107, "SSL_ERR_FRESH_CRED_REQUIRED_BY_SERVER", "the host wants credentials anew", "policy"),
        (0x2207, "SSL_ERR_SMARTCARD_CARD_BLOCKED", "the smart card is blocked", "credentials"),
    ),
    *_reasons(
        REPORTS,
        (0x1104, "", "protocol error; seen with another program on the port and with licence certificates", "protocol"),
        (0x2104, "", "seen in the macOS client, about the certificate", "certificate"),
        (
            0x3000019,
            "",
            "the gateway's administrator ended the session; seen with its certificate expired",
            "gateway",
        ),
    ),
)

_EXTENDED = (
    *_reasons(
        EXTENDED_REASON,
        (0x0, "NoInfo", "no further information", "ended"),
        (0x1, "APIInitiatedDisconnect", "a program disconnected the session", "ended"),
        (0x2, "APIInitiatedLogoff", "a program logged the session off", "ended"),
        (0x3, "ServerIdleTimeout", "the session was idle for too long", "ended"),
        (0x4, "ServerLogonTimeout", "the logon took too long", "refused_session"),
        (0x5, "ReplacedByOtherConnection", "another connection took the session over", "ended"),
        (0x6, "OutOfMemory", "the host is out of memory", "host_fault"),
        (0x7, "ServerDeniedConnection", "the host denied the connection", "dropped"),
        (0x8, "ServerDeniedConnectionFips", "the host demands FIPS encryption and the client has none", "security"),
        (0x9, "ServerInsufficientPrivileges", "the user may not log on over Remote Desktop", "refused_session"),
        (0xA, "ServerFreshCredsRequired", "the host wants credentials anew", "policy"),
        (0xB, "RpcInitiatedDisconnectByUser", "the user disconnected the session with a tool", "ended"),
        (0xC, "LogoffByUser", "the user logged off", "ended"),
        (0x100, "LicenseInternal", "internal error in licensing", "licence"),
        (0x101, "LicenseNoLicenseServer", "no licence server was found", "licence"),
        (0x102, "LicenseNoLicense", "the licence server has no licence left", "licence"),
        (0x103, "LicenseErrClientMsg", "the client sent a licensing message that is not valid", "licence"),
        (0x104, "LicenseHwidDoesntMatchLicense", "the licence was made for another device", "licence"),
        (0x105, "LicenseErrClientLicense", "the client's licence is damaged", "licence"),
        (0x106, "LicenseCantFinishProtocol", "licensing could not be finished", "licence"),
        (0x107, "LicenseClientEndedProtocol", "the client broke licensing off", "licence"),
        (0x108, "LicenseErrClientEncryption", "a licensing message could not be decrypted", "licence"),
        (0x109, "LicenseCantUpgradeLicense", "the licence could not be renewed", "licence"),
        (0x10A, "LicenseNoRemoteConnections", "the host has no licence for remote connections", "licence"),
        (0x300, "RdpEncInvalidCredentials", "the credentials are not valid", "credentials"),
    ),
    *_reasons(
        ERROR_INFO,
        (0xF, "CLOSE_STACK_ON_DRIVER_NOT_READY", "the display driver did not start in time", "host_fault"),
        (0x10, "SERVER_DWM_CRASH", "the window manager of the session crashed", "host_fault"),
        (0x11, "CLOSE_STACK_ON_DRIVER_FAILURE", "the display driver failed to start", "host_fault"),
        (0x12, "CLOSE_STACK_ON_DRIVER_IFACE_FAILURE", "the display driver runs and cannot be used", "host_fault"),
        (0x17, "SERVER_WINLOGON_CRASH", "winlogon crashed", "host_fault"),
        (0x18, "SERVER_CSRSS_CRASH", "csrss crashed", "host_fault"),
        (0x19, "SERVER_SHUTDOWN", "the host shuts down", "host_fault"),
        (0x1A, "SERVER_REBOOT", "the host restarts", "host_fault"),
        (0x400, "CB_DESTINATION_NOT_FOUND", "the target could not be found", "broker"),
        (0x402, "CB_LOADING_DESTINATION", "the target is being loaded", "broker"),
        (0x404, "CB_REDIRECTING_TO_DESTINATION", "the client is being redirected", "broker"),
        (0x405, "CB_SESSION_ONLINE_VM_WAKE", "the virtual machine is being woken", "broker"),
        (0x406, "CB_SESSION_ONLINE_VM_BOOT", "the virtual machine is starting", "broker"),
        (0x407, "CB_SESSION_ONLINE_VM_NO_DNS", "the virtual machine's address is not known", "broker"),
        (0x408, "CB_DESTINATION_POOL_NOT_FREE", "no virtual machine is free", "broker"),
        (0x409, "CB_CONNECTION_CANCELLED", "the connection was cancelled", "broker"),
        (0x410, "CB_CONNECTION_ERROR_INVALID_SETTINGS", "the settings of the connection are not valid", "broker"),
        (0x411, "CB_SESSION_ONLINE_VM_BOOT_TIMEOUT", "the virtual machine did not start in time", "broker"),
        (0x412, "CB_SESSION_ONLINE_VM_SESSMON_FAILED", "the virtual machine could not be watched", "broker"),
    ),
)

_NEGOTIATION_FAILURES = _reasons(
    NEGOTIATION,
    (1, "SSL_REQUIRED_BY_SERVER", "the host wants TLS and the client did not offer it", "security"),
    (2, "SSL_NOT_ALLOWED_BY_SERVER", "the host allows Standard RDP security only", "security"),
    (3, "SSL_CERT_NOT_ON_SERVER", "the host has no certificate that it could use", "certificate"),
    (4, "INCONSISTENT_FLAGS", "the client's request contradicts itself", "protocol"),
    (5, "HYBRID_REQUIRED_BY_SERVER", "the host wants Network Level Authentication", "security"),
    (6, "SSL_WITH_USER_AUTH_REQUIRED_BY_SERVER", "the host wants TLS and a certificate of the user", "security"),
)

_GATEWAY = _reasons(
    TSGU,
    (0x59D8, "E_PROXY_INTERNALERROR", "the gateway has met an error of its own", "gateway"),
    (0x59DA, "E_PROXY_RAP_ACCESSDENIED", "no resource policy lets the user through (event 301)", "gateway"),
    (0x59DB, "E_PROXY_NAP_ACCESSDENIED", "no connection policy lets the user in (event 201)", "gateway"),
    (0x59DD, "E_PROXY_TS_CONNECTFAILED", "the gateway does not reach the host (event 304)", "gateway"),
    (0x59DF, "E_PROXY_ALREADYDISCONNECTED", "the connection has been closed already", "gateway"),
    (0x59E6, "E_PROXY_MAXCONNECTIONSREACHED", "the gateway has as many connections as it may (event 203)", "gateway"),
    (0x59E8, "E_PROXY_NOTSUPPORTED", "the gateway does not support what was asked for", "gateway"),
    (0x59E9, "E_PROXY_CAPABILITYMISMATCH", "client and gateway demand different capabilities", "gateway"),
    (0x59ED, "E_PROXY_QUARANTINE_ACCESSDENIED", "the client does not meet the gateway's health policy", "gateway"),
    (0x59EE, "E_PROXY_NOCERTAVAILABLE", "the gateway has no certificate that it could use", "gateway"),
    (0x59F6, "E_PROXY_SESSIONTIMEOUT", "the time that the gateway allows has ended", "gateway"),
    (0x59F7, "E_PROXY_COOKIE_BADPACKET", "the cookie of the authentication is not valid", "gateway"),
    (0x59F8, "E_PROXY_COOKIE_AUTHENTICATION_ACCESS_DENIED", "the cookie does not let the user in", "gateway"),
    (0x59F9, "E_PROXY_UNSUPPORTED_AUTHENTICATION_METHOD", "the gateway takes no such authentication", "gateway"),
    (0x59FA, "E_PROXY_REAUTH_AUTHN_FAILED", "the user could not be authenticated once more", "gateway"),
    (0x59FB, "E_PROXY_REAUTH_CAP_FAILED", "no connection policy lets the user in any more", "gateway"),
    (0x59FC, "E_PROXY_REAUTH_RAP_FAILED", "no resource policy lets the user through any more", "gateway"),
    (0x59FD, "E_PROXY_SDR_NOT_SUPPORTED_BY_TS", "the host cannot redirect devices as the gateway demands", "gateway"),
    (0x5A00, "E_PROXY_REAUTH_NAP_FAILED", "the client does not meet the health policy any more", "gateway"),
)
"""As events of the gateway have them, in decimal; clients show most with FACILITY_WIN32 before (0x8007....)."""

WIN32 = 0x80070000
"""An HRESULT that carries a code of Windows in its lower half (MS-ERREF 2.1.2)."""

FROM_NT = 0x10000000
"""The bit that makes an HRESULT of an NTSTATUS (MS-ERREF 2.1); TermDD 56 has statuses with it, such as 0xD0000184."""

_STATUSES = (
    *(replace(code, number=WIN32 | code.number) for code in _GATEWAY),
    *_reasons(
        STATUS,
        (0x80090010, "NTE_PERM", "access to keys is denied; events 1057 and 1058 have it", "certificate"),
        (0x80090016, "NTE_BAD_KEYSET", "there is no such key; events 1057 and 1058 have it", "certificate"),
        (
            0x80090302,
            "SEC_E_UNSUPPORTED_FUNCTION",
            "the function is not supported; clients call it CredSSP encryption oracle remediation",
            "policy",
        ),
        (0x80090303, "SEC_E_TARGET_UNKNOWN", "no authority knows the host by that name", "name"),
        (0x80090304, "SEC_E_INTERNAL_ERROR", "the Local Security Authority cannot be contacted", "credentials"),
        (0x80090308, "SEC_E_INVALID_TOKEN", "a message of the authentication is not valid", "security"),
        (0x8009030C, "SEC_E_LOGON_DENIED", "the logon was refused", "credentials"),
        (0x8009030D, "SEC_E_UNKNOWN_CREDENTIALS", "the private key of the certificate cannot be used", "certificate"),
        (0x8009030E, "SEC_E_NO_CREDENTIALS", "no credentials were given, or none that could be used", "credentials"),
        (
            0x80090311,
            "SEC_E_NO_AUTHENTICATING_AUTHORITY",
            "no domain controller could be reached for the logon",
            "credentials",
        ),
        (0x80090322, "SEC_E_WRONG_PRINCIPAL", "another host answered than the name says", "name"),
        (0x80090324, "SEC_E_TIME_SKEW", "clocks differ by more than is tolerated", "credentials"),
        (0x80090325, "SEC_E_UNTRUSTED_ROOT", "the certificate is from an authority that is not trusted", "certificate"),
        (0x80090326, "SEC_E_ILLEGAL_MESSAGE", "a message of TLS was not expected or not valid", "security"),
        (0x80090327, "SEC_E_CERT_UNKNOWN", "the certificate could not be processed", "certificate"),
        (0x80090328, "SEC_E_CERT_EXPIRED", "the certificate has expired", "certificate"),
        (0x80090330, "SEC_E_DECRYPT_FAILURE", "what came could not be decrypted", "security"),
        (0x80090331, "SEC_E_ALGORITHM_MISMATCH", "client and host have no algorithm in common", "security"),
        (0x80090346, "SEC_E_BAD_BINDINGS", "the channel binding differs: TLS was opened on the way", "policy"),
        (0xC000006D, "STATUS_LOGON_FAILURE", "name or password is wrong", "credentials"),
        (0xC000005E, "STATUS_NO_LOGON_SERVERS", "no domain controller could be reached for the logon", "credentials"),
        (0xC0000064, "STATUS_NO_SUCH_USER", "there is no such account", "credentials"),
        (0xC000006A, "STATUS_WRONG_PASSWORD", "the password is wrong", "credentials"),
        (0xC000006E, "STATUS_ACCOUNT_RESTRICTION", "a restriction of the account forbids this way to log on", "policy"),
        (0xC000006F, "STATUS_INVALID_LOGON_HOURS", "the account may not log on at this time", "policy"),
        (0xC0000070, "STATUS_INVALID_WORKSTATION", "the account may not log on from this computer", "policy"),
        (0xC0000071, "STATUS_PASSWORD_EXPIRED", "the password has expired", "credentials"),
        (0xC0000072, "STATUS_ACCOUNT_DISABLED", "the account is disabled", "credentials"),
        (0xC0000133, "STATUS_TIME_DIFFERENCE_AT_DC", "clocks differ by more than is tolerated", "credentials"),
        (0xC000015B, "STATUS_LOGON_TYPE_NOT_GRANTED", "the user rights do not allow this kind of logon", "policy"),
        (0xC000018D, "STATUS_TRUSTED_RELATIONSHIP_FAILURE", "the trust to the domain is broken", "credentials"),
        (0xC0000193, "STATUS_ACCOUNT_EXPIRED", "the account has expired", "credentials"),
        (0xC0000224, "STATUS_PASSWORD_MUST_CHANGE", "the password has to be changed first", "credentials"),
        (0xC0000234, "STATUS_ACCOUNT_LOCKED_OUT", "the account is locked", "credentials"),
        (
            0xC000035B,
            "STATUS_BAD_BINDINGS",
            "the channel binding differs: NTLMv1, or TLS opened on the way",
            "policy",
        ),
        (0xC0000413, "STATUS_AUTHENTICATION_FIREWALL_FAILED", "selective authentication forbids the logon", "policy"),
        (0xC00000B5, "STATUS_IO_TIMEOUT", "the other side fell silent", "dropped"),
        (0xC0000184, "STATUS_INVALID_DEVICE_STATE", "the connection was closed before it was set up", "dropped"),
        (0x80080005, "CO_E_SERVER_EXEC_FAILURE", "the prompt for credentials did not start", "client"),
    ),
)


def _table(codes: tuple[Code, ...]) -> Mapping[int, Code]:
    return MappingProxyType({code.number: code for code in codes})


CODES: Mapping[Kind, Mapping[int, Code]] = MappingProxyType(
    {
        "disconnect": _table(_DISCONNECT),
        "extended": _table(_EXTENDED),
        "negotiation": _table(_NEGOTIATION_FAILURES),
        "gateway": _table(_GATEWAY),
        "status": _table(_STATUSES),
    }
)

_RANGES: Mapping[Kind, tuple[tuple[int, int, str, str, str], ...]] = MappingProxyType(
    {
        "disconnect": ((0x3000000, 0x300FFFF, "a code of the RD Gateway's part of the client", "gateway", REPORTS),),
        "extended": (
            (0x1191, 0x1195, "encryption or decryption failed", "security", ERROR_INFO),
            (0x10C9, 0x1196, "a message of the protocol was not valid", "protocol", ERROR_INFO),
            (0x1000, 0x7FFF, "internal protocol error", "protocol", EXTENDED_REASON),
        ),
    }
)
"""First, last, meaning, family and source of codes that have no names of their own here, the narrowest first."""

_CLASSES: Mapping[int, str] = MappingProxyType(
    {0x04: "unreached", 0x06: "security", 0x07: "credentials", 0x08: "client"}
)
"""Families by the last byte of a disconnect reason, observed over those that are documented."""


def kind_of(number: int) -> Kind:
    """What a code most likely is that comes alone: a number that only one table has is from there."""
    if number & 0x80000000:
        return "status"
    if number in CODES["disconnect"]:
        return "disconnect"
    if number in CODES["gateway"]:
        return "gateway"
    protocol = any(first <= number <= last for first, last, *_rest in _RANGES["extended"] if last < _OF_ALL_KINDS)
    return "extended" if protocol or number in CODES["extended"] else "disconnect"


_OF_ALL_KINDS = 0x7FFF
"""The last code of the range that disconnect reasons lie in as well, so that it tells no kind."""


def look_up(kind: Kind, number: int) -> Code:
    """The code; one that no table has gets the family that its number suggests."""
    found = CODES[kind].get(number) or (_nt_status(number) if kind == "status" else None)
    if found is not None:
        return found
    for first, last, meaning, family, source in _RANGES.get(kind, ()):
        if first <= number <= last:
            return Code(number, "", meaning, family, source)
    family = _CLASSES.get(number & 0xFF, "protocol") if kind == "disconnect" else "protocol"
    return Code(number, "", "a code that no public table has; its class is inferred from its number", family, REPORTS)


def _nt_status(number: int) -> Code | None:
    """The status that an HRESULT was made of."""
    status = CODES["status"].get(number & ~FROM_NT) if number & FROM_NT else None
    return replace(status, number=number) if status else None
