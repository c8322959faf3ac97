# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The catalogue: every setting that governs RDP, as data. PRIVATE to the collection.

Sources: the administrative templates TerminalServer.admx and CipherSuiteOrder.admx (policy names and values), the Win32
TermServ reference (Win32_TSGeneralSetting, Win32_TerminalServiceSetting), Azure support scripts (defaults of the
listener key), CIS benchmarks for Windows (item suffixes, which stay while their prefix moves between versions), the
DISA STIGs, and Microsoft's security baselines, by HardeningKitty's lists of them. A policy value wins over the local
one; a local write under policy succeeds and is without effect.
"""

from __future__ import annotations

import typing as t
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from .change import Compliance, Effect
from .observation import Observation, SettingState
from .plain import Plain
from .reading import Reading

TERMINAL_SERVER = r"HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server"
WINSTATIONS = TERMINAL_SERVER + r"\WinStations"
LISTENER = WINSTATIONS + r"\RDP-Tcp"
WINLOGON = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon"
PIN = LISTENER + r"\SSLCertificateSHA1Hash"
"""The thumbprint of the certificate that the listener is tied to, REG_BINARY, from the machine's personal store."""

POLICY = r"HKLM\SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services"
TLS12_SERVER = r"HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols\TLS 1.2\Server"
TLS13_SERVER = r"HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols\TLS 1.3\Server"
TLS12_CLIENT = r"HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols\TLS 1.2\Client"
CLIENT = r"HKLM\SOFTWARE\Microsoft\Terminal Server Client"
CIPHER_LIST = r"HKLM\SYSTEM\CurrentControlSet\Control\Cryptography\Configuration\Local\SSL\00010002"
CIPHER_POLICY = r"HKLM\SOFTWARE\Policies\Microsoft\Cryptography\Configuration\SSL\00010002"
LSA = r"HKLM\SYSTEM\CurrentControlSet\Control\Lsa"
FIPS = r"HKLM\SYSTEM\CurrentControlSet\Control\Lsa\FIPSAlgorithmPolicy"
GPO_ROOT = (
    r"Computer Configuration\Administrative Templates\Windows Components\Remote Desktop Services"
    r"\Remote Desktop Session Host"
)

UNLIMITED = 0xFFFFFFFF
"""A number of sessions that stands for no limit."""

AT_LEAST = "at_least"
"""Key of the options of a cure that keeps a larger number than it would set; no module has such an option."""

Decider = t.Literal["policy", "local", "default"]


@dataclass(frozen=True)
class Policy:
    """The policy that overrides a setting: where its value lies, and where an administrator finds it."""

    name: str
    title: str
    folder: str
    key: str = POLICY
    root: str = GPO_ROOT

    @property
    def path(self) -> str:
        return f"{self.key}\\{self.name}"

    @property
    def gpo(self) -> str:
        return f"{self.root}\\{self.folder}\\{self.title}"


@dataclass(frozen=True)
class Rule:
    """A benchmark item that wants C(least) or more, or exactly C(exactly), of a setting; some on clients alone."""

    benchmark: str
    item: str
    least: int | None = None
    exactly: int | None = None
    clients_only: bool = False

    def met(self, number: int) -> bool:
        return number == self.exactly if self.exactly is not None else number >= (self.least or 0)


@dataclass(frozen=True)
class Setting:
    """One named value that governs RDP.

    Attributes:
        default: what Windows acts on when the value is absent; None where no public source settles it.
        choices: the legal values and what they mean; empty means any number.
        effect: C(at_once), C(service_restart), C(reboot), or C(unsettled) where sources differ: look at the live state.
    """

    id: str
    key: str
    name: str
    meaning: str
    default: int | None
    effect: t.Literal["at_once", "service_restart", "reboot", "unsettled"]
    choices: Mapping[int, str] = field(default_factory=dict)
    policy: Policy | None = None
    rules: tuple[Rule, ...] = ()
    type: str = "REG_DWORD"

    @property
    def path(self) -> str:
        return f"{self.key}\\{self.name}"

    @property
    def by_policy_alone(self) -> bool:
        """Whether Windows takes it from policy and from nowhere else, so that there is nothing local to write."""
        return self.policy is not None and self.policy.path == self.path

    @property
    def restart(self) -> bool | None:
        """As Change.restart: does a change of this setting need TermService restarted?"""
        return {"at_once": False, "service_restart": True, "reboot": False, "unsettled": None}[self.effect]

    def number(self, data: object) -> int | None:
        """The number that stored data stand for: a string of digits is one where the setting is a string.

        UNSURE: whether Windows takes a DWORD where a string belongs; it counts here.
        """
        if self.type == "REG_SZ" and isinstance(data, str) and data.isdecimal():
            return int(data)
        return data if isinstance(data, int) else None

    @property
    def usual(self) -> str | None:
        """The default as it is stored, where that is a string."""
        return str(self.default) if self.type == "REG_SZ" else None

    def stored(self, number: int) -> Plain:
        """A number as it is stored, in the plain form that changes and the journal carry."""
        return {"type": self.type, "data": str(number) if self.type == "REG_SZ" else number}

    def word(self, number: object) -> str:
        """The meaning of a value, for messages."""
        meaning = self.choices.get(number) if isinstance(number, int) else None
        return f"{number} ({meaning})" if meaning else str(number)


CIS_L1 = "CIS Microsoft Windows Benchmarks, L1"
CIS_L2 = "CIS Microsoft Windows Benchmarks, L2"
BASELINE = "Microsoft security baselines (Windows 11 21H2 to 24H2, Windows Server 2022)"
_STIG = "DISA STIG (Windows Server 2022: V-254369; 2025: V-278116; 2019: V-205637; 11: V-253406; 10: V-220852)"

_STIG_PROMPT = "DISA STIG (Windows Server 2022: V-254367; 2025: V-278114; 2019: V-205809; 11: V-253404; 10: V-220850)"

_STIG_RPC = "DISA STIG (Windows Server 2022: V-254368; 2025: V-278115; 2019: V-205636; 11: V-253405; 10: V-220851)"

_STIG_FIPS = "DISA STIG (Windows Server 2022: V-254480; 2025: V-278230; 2019: V-205842; 11: V-253466; 10: V-220942)"

_STIG_NTLM = "DISA STIG (Windows Server 2022: V-254475; 2025: V-278225; 2019: V-205919; 11: V-253462; 10: V-220938)"

_SESSION_LIMIT = Setting(
    "max_disconnection_time",
    LISTENER,
    "MaxDisconnectionTime",
    "milliseconds after which a disconnected session is ended, 0 never; the CIS L2 benchmarks set 60000, and a restart "
    "of TermService disconnects every session",
    0,
    "at_once",
    policy=Policy("MaxDisconnectionTime", "Set time limit for disconnected sessions", "Session Time Limits"),
)

_CATALOGUE = (
    Setting(
        "deny_connections",
        TERMINAL_SERVER,
        "fDenyTSConnections",
        "whether Remote Desktop connections are refused; when the value is missing the listener stops although WMI "
        "still says that connections are allowed (measured by Microsoft's Azure repair scripts)",
        1,
        "unsettled",
        {0: "allowed", 1: "denied"},
        Policy(
            "fDenyTSConnections",
            "Allow users to connect remotely by using Remote Desktop Services",
            "Connections",
        ),
        rules=(Rule(CIS_L2, "18.10.57.3.2.1", exactly=1, clients_only=True),),
    ),
    Setting(
        "listener_enabled",
        LISTENER,
        "fEnableWinStation",
        "whether the RDP-Tcp listener is enabled",
        1,
        "service_restart",
        {0: "disabled", 1: "enabled"},
    ),
    Setting(
        "port",
        LISTENER,
        "PortNumber",
        "TCP and UDP port of the listener",
        3389,
        "service_restart",
    ),
    Setting(
        "logons_disabled",
        LISTENER,
        "fLogonDisabled",
        "whether the listener refuses new logons; Microsoft's Azure guides reboot after a change, and no client "
        "without an account sees it, so restart TermService where logons are still refused",
        0,
        "at_once",
        {0: "accepted", 1: "refused"},
    ),
    # Its name is that of the error "Remote logins are currently disabled" (7060, ERROR_CTX_WINSTATIONS_DISABLED in the
    # Win32 system error codes); KB186627 does not give it. UNSURE: that every start of TermService stores 0 there, as
    # the termsrv.dll of two builds that were looked into does (CService::ResetRegKeyValues). It is set all the same;
    # the check logons_back of selftest asks a host.
    Setting(
        "remote_logons_disabled",
        WINLOGON,
        "WinStationsDisabled",
        "whether Winlogon refuses every logon from a remote session, as change logon /disable and many scripts that "
        "tune Windows have it; KB186627 tells that command from the listener's own switch. change logon lasts until "
        "Windows restarts; restart TermService where logons are still refused",
        0,
        "at_once",
        {0: "accepted", 1: "refused"},
        type="REG_SZ",
    ),
    # Microsoft's "Troubleshoot an RDP general error in Azure VM" has 1 as what keeps everybody out. UNSURE: Terminal
    # Server 4.0's compatibility scripts read the same value as the choice between default and relaxed permissions.
    # 0 is what Windows has after its setup, and the stricter of those two as well.
    Setting(
        "user_logons_disabled",
        TERMINAL_SERVER,
        "TSUserEnabled",
        "whether users are kept from connecting, against what the value's name says; by Microsoft's Azure guides "
        "nobody gets in while it is 1, by older sources it only gives users' programs more permissions, which is "
        "UNSURE",
        0,
        "at_once",
        {0: "accepted", 1: "refused"},
    ),
    Setting(
        "drain_mode",
        TERMINAL_SERVER,
        "TSServerDrainMode",
        "whether new sessions are kept off this session host",
        0,
        "at_once",
        {0: "off", 1: "until restart", 2: "on"},
    ),
    Setting(
        "sessions_enabled",
        TERMINAL_SERVER,
        "TSEnabled",
        "whether Remote Desktop Services run at all; Microsoft's Azure guides say that it has to be 1, and not when a "
        "change is live, which is UNSURE",
        1,
        "service_restart",
        {0: "disabled", 1: "enabled"},
    ),
    Setting(
        "network_adapter",
        LISTENER,
        "LanAdapter",
        "0 listens on every adapter, another number on that one alone",
        0,
        "service_restart",
    ),
    Setting(
        "negotiation",
        LISTENER,
        "fAllowSecProtocolNegotiation",
        "whether the security protocol is negotiated",
        1,
        "unsettled",
        {0: "off", 1: "on"},
    ),
    Setting(
        "security_layer",
        LISTENER,
        "SecurityLayer",
        "how the connection is secured before logon; a value out of range disconnects at once",
        2,
        "unsettled",
        {0: "rdp", 1: "negotiate", 2: "tls"},
        Policy(
            "SecurityLayer",
            "Require use of specific security layer for remote (RDP) connections",
            "Security",
        ),
        rules=(Rule(CIS_L1, "18.10.57.3.9.3", exactly=2),),
    ),
    Setting(
        "nla",
        LISTENER,
        "UserAuthentication",
        "whether Network Level Authentication is required; a value out of range disconnects at once",
        1,
        "unsettled",
        {0: "off", 1: "required"},
        Policy(
            "UserAuthentication",
            "Require user authentication for remote connections by using Network Level Authentication",
            "Security",
        ),
        rules=(Rule(CIS_L1, "18.10.57.3.9.4", exactly=1),),
    ),
    Setting(
        "encryption",
        LISTENER,
        "MinEncryptionLevel",
        "encryption of the native RDP security layer, without effect under TLS; a value out of range disconnects at "
        "once; sources differ on the default (client_compatible or high)",
        None,
        "unsettled",
        {1: "low", 2: "client_compatible", 3: "high", 4: "fips"},
        Policy("MinEncryptionLevel", "Set client connection encryption level", "Security"),
        rules=(
            Rule(CIS_L1, "18.10.57.3.9.5", least=3),
            Rule(_STIG, "MinEncryptionLevel", least=3),
            Rule(BASELINE, "MinEncryptionLevel", least=3),
        ),
    ),
    # Value, policy and default: Policy CSP, RemoteDesktopServices/PromptForPasswordUponConnection. As the idle times a
    # value of the configuration that each session gets (USERCONFIG, MS-TSTS 2.2.2.18); UNSURE: whether one that begins
    # at once has it after a direct write, since the service has a call by which it reads the registry again
    # (RpcWinStationReadRegistry, MS-TSTS 3.7.4.1.18). No check can ask (UNSEEN); so the change comes with a note.
    Setting(
        "logon_prompt",
        LISTENER,
        "fPromptForPassword",
        "whether the logon screen asks for the password although the client has sent it, as one that was saved; no "
        "client without an account sees it, so restart TermService where a session that begins does not ask",
        0,
        "at_once",
        {0: "where_none_was_sent", 1: "always"},
        Policy("fPromptForPassword", "Always prompt for password upon connection", "Security"),
        rules=(
            Rule(CIS_L1, "18.10.57.3.9.1", exactly=1),
            Rule(_STIG_PROMPT, "fPromptForPassword", exactly=1),
            Rule(BASELINE, "fPromptForPassword", exactly=1),
        ),
    ),
    # Value and policy: Policy CSP, RemoteDesktopServices/RequireSecureRPCCommunication, by which unsecured calls are
    # allowed without a policy. The termsrv.dll of two builds that were looked into requires it then, and where the
    # value is not 0 (CRCMLegacyRpc::Start). That starts its interface anew where the policy has changed; UNSURE:
    # whether each refresh of policy makes it look, which no check can ask (UNSEEN).
    Setting(
        "secure_rpc",
        POLICY,
        "fEncryptRPCTraffic",
        "whether programs that administer sessions have to encrypt and authenticate their calls (RPC); a policy value "
        "alone, and sources differ on what Windows does without",
        None,
        "at_once",
        {0: "not_required", 1: "required"},
        Policy("fEncryptRPCTraffic", "Require secure RPC communication", "Security"),
        rules=(
            Rule(CIS_L1, "18.10.57.3.9.2", exactly=1),
            Rule(_STIG_RPC, "fEncryptRPCTraffic", exactly=1),
            Rule(BASELINE, "fEncryptRPCTraffic", exactly=1),
        ),
    ),
    Setting(
        "transport",
        LISTENER,
        "SelectTransport",
        "whether sessions may use UDP beside TCP",
        2,
        "unsettled",
        {0: "both", 1: "tcp_only", 2: "either"},
        Policy("SelectTransport", "Select RDP transport protocols", "Connections"),
    ),
    Setting(
        "session_limit",
        LISTENER,
        "MaxInstanceCount",
        "how many sessions the listener takes; 999999 and above is no limit",
        UNLIMITED,
        "at_once",
        policy=Policy("MaxInstanceCount", "Limit number of connections", "Connections"),
    ),
    Setting(
        "pending_connections",
        TERMINAL_SERVER,
        "MaxOutstandingConnections",
        "how many connections may be in negotiation before the listener stops taking new ones (event 1006); what "
        "Windows does without the value is not documented",
        None,
        "service_restart",
    ),
    _SESSION_LIMIT,
    Setting(
        "tls12_enabled",
        TLS12_SERVER,
        "Enabled",
        "whether Schannel serves TLS 1.2; any number but 0 does",
        1,
        "reboot",
        {0: "off", 1: "on"},
    ),
    Setting(
        "tls12_disabled_by_default",
        TLS12_SERVER,
        "DisabledByDefault",
        "whether a program has to ask for TLS 1.2 before Schannel serves it; without effect while Enabled is stored",
        0,
        "reboot",
        {0: "no", 1: "yes"},
    ),
    Setting(
        "tls13_enabled",
        TLS13_SERVER,
        "Enabled",
        "whether Schannel serves TLS 1.3, which Windows has since Server 2022 and 11; any number but 0 does",
        1,
        "reboot",
        {0: "off", 1: "on"},
    ),
    Setting(
        "tls13_disabled_by_default",
        TLS13_SERVER,
        "DisabledByDefault",
        "whether a program has to ask for TLS 1.3 before Schannel serves it; without effect while Enabled is stored",
        0,
        "reboot",
        {0: "no", 1: "yes"},
    ),
    Setting(
        "cipher_suites",
        CIPHER_LIST,
        "Functions",
        "the cipher suites that Schannel offers, in order",
        None,
        "reboot",
        policy=Policy(
            "Functions",
            "SSL Cipher Suite Order",
            "SSL Configuration Settings",
            CIPHER_POLICY,
            r"Computer Configuration\Administrative Templates\Network",
        ),
        type="REG_MULTI_SZ",
    ),
    Setting(
        "fips",
        FIPS,
        "Enabled",
        "whether only algorithms that FIPS 140 approves are used",
        0,
        "reboot",
        {0: "off", 1: "on"},
        rules=(Rule(_STIG_FIPS, "FIPSAlgorithmPolicy", exactly=1),),
    ),
    Setting(
        "ntlm_inbound",
        LSA + r"\MSV1_0",
        "RestrictReceivingNTLMTraffic",
        "whether the host takes NTLM from others, which clients need that connect by address",
        0,
        "unsettled",
        {0: "allowed", 1: "denied to domain accounts", 2: "denied"},
    ),
    Setting(
        "client_ntlm_outbound",
        LSA + r"\MSV1_0",
        "RestrictSendingNTLMTraffic",
        "whether this machine's own clients may send NTLM, which they need to connect by address",
        0,
        "unsettled",
        {0: "allowed", 1: "audited", 2: "denied"},
        rules=(Rule(CIS_L1, "2.3.11.12 (outgoing NTLM audited or denied; the number moves)", least=1),),
    ),
    Setting(
        "client_ntlm_level",
        LSA,
        "LmCompatibilityLevel",
        "which NTLM this machine sends and takes; below 3 it answers with NTLMv1",
        3,
        "unsettled",
        {
            0: "LM and NTLM",
            1: "LM and NTLM, with the session security of NTLMv2 where both know it",
            2: "NTLM",
            3: "NTLMv2",
            4: "NTLMv2, LM refused",
            5: "NTLMv2, LM and NTLM refused",
        },
        rules=(
            Rule(CIS_L1, "2.3.11.7", exactly=5),
            Rule(_STIG_NTLM, "LmCompatibilityLevel", exactly=5),
            Rule(BASELINE, "LmCompatibilityLevel", exactly=5),
        ),
    ),
    Setting(
        "client_udp_off",
        CLIENT,
        "DisableUDPTransport",
        "whether this machine's own client does without UDP",
        0,
        "at_once",
        {0: "on", 1: "off"},
        Policy(
            "fClientDisableUDP",
            "Turn Off UDP On Client",
            "Remote Desktop Connection Client",
            POLICY + r"\Client",
            r"Computer Configuration\Administrative Templates\Windows Components\Remote Desktop Services",
        ),
    ),
    Setting(
        "client_authentication",
        CLIENT,
        "AuthenticationLevelOverride",
        "what this machine's own client does where a host's identity cannot be proved; a user's own value and an .rdp "
        "file say it as well",
        None,
        "at_once",
        {0: "connect", 1: "refuse", 2: "warn"},
        Policy(
            "AuthenticationLevel",
            "Configure server authentication for client",
            "Remote Desktop Connection Client",
            root=r"Computer Configuration\Administrative Templates\Windows Components\Remote Desktop Services",
        ),
    ),
    Setting(
        "tls12_client_enabled",
        TLS12_CLIENT,
        "Enabled",
        "whether this machine's own clients may use TLS 1.2; any number but 0 lets them",
        1,
        "reboot",
        {0: "off", 1: "on"},
    ),
    Setting(
        "tls12_client_disabled_by_default",
        TLS12_CLIENT,
        "DisabledByDefault",
        "whether a client has to ask for TLS 1.2; without effect while Enabled is stored",
        0,
        "reboot",
        {0: "no", 1: "yes"},
    ),
)

SETTINGS: Mapping[str, Setting] = MappingProxyType({setting.id: setting for setting in _CATALOGUE})


TLS_SETTINGS = ("tls12_enabled", "tls12_disabled_by_default", "cipher_suites", "fips")
"""What decides whether Schannel can serve TLS at all."""

TLS13_SETTINGS = ("tls13_enabled", "tls13_disabled_by_default")
"""What decides that as well where the cipher suites that could be used are those of TLS 1.3."""

CLIENT_SETTINGS = ("client_udp_off", "tls12_client_enabled", "tls12_client_disabled_by_default")
"""What governs connections from this machine, not to it, and may be changed."""

CLIENTS_OWN = (*CLIENT_SETTINGS, "client_authentication", "client_ntlm_outbound", "client_ntlm_level")
"""The same, with what is only read: it keeps users from impostors, or is the whole domain's business."""


def effective(setting: Setting, state: SettingState) -> tuple[int | None, Decider]:
    """The number Windows acts on, and who decides it: policy before local before the default."""
    deciders: tuple[tuple[Decider, Reading], ...] = (("policy", state.policy), ("local", state.local))
    for decider, reading in deciders:
        number = setting.number(reading.data) if reading.is_value else None
        if number is not None:
            return number, decider
    return setting.default, "default"


def number_of(observation: Observation, setting: str) -> int | None:
    """The effective number of a setting; None when it was not observed or could not be read."""
    state = observation.settings.get(setting)
    if state is None or (state.local.state == "unreadable" and not state.policy.is_value):
        return None
    return effective(SETTINGS[setting], state)[0]


SERVICES_OFF: Mapping[str, str] = MappingProxyType(
    {
        "TermService": "5.21, in older ones 5.22 (TermService disabled)",
        "SessionEnv": "5.20, in older ones 5.21 (SessionEnv disabled)",
        "UmRdpService": "5.22, in older ones 5.23 (UmRdpService disabled)",
    }
)
"""Items of the CIS L2 benchmarks for clients that want a service disabled, by its name."""


def service_off(name: str, effect: Effect) -> Compliance:
    """What is or becomes of the item that wants a service disabled."""
    return Compliance(CIS_L2, SERVICES_OFF[name], effect)


def compliance(setting: Setting, before: int | None, after: int | None, client: bool) -> tuple[Compliance, ...]:
    """The benchmark items that a change from before to after breaks or restores."""
    old, new = (setting.default if number is None else number for number in (before, after))
    if old is None or new is None:
        return ()
    return tuple(
        Compliance(rule.benchmark, rule.item, "restores" if rule.met(new) else "breaks")
        for rule in setting.rules
        if rule.met(old) != rule.met(new) and (client or not rule.clients_only)
    )


def standing(setting: Setting, number: int | None, client: bool) -> tuple[Compliance, ...]:
    """The benchmark items that a setting with this number meets or breaks."""
    found = setting.default if number is None else number
    if found is None:
        return ()
    return tuple(
        Compliance(rule.benchmark, rule.item, "meets" if rule.met(found) else "breaks")
        for rule in setting.rules
        if client or not rule.clients_only
    )
