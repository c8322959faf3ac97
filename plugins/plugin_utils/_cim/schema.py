# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The CIM classes that this collection reads and changes, as tables.

PRIVATE to the collection. Types of values come from here and are never guessed from a host's text. Properties that are
not listed are not decoded.
"""

from __future__ import annotations

import typing as t
from collections.abc import Mapping

from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.types import (
    BOOLEAN,
    DATETIME,
    REFERENCE,
    SINT32,
    STRING,
    UINT8,
    UINT16,
    UINT32,
    UINT64,
    CimClass,
    Method,
    array,
    instance,
    of,
)
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.uri import Resource, resource

CIMV2 = "root/cimv2"
STANDARD = "root/StandardCimv2"
TERMINAL = "root/cimv2/TerminalServices"
TASK_SCHEDULER = "root/Microsoft/Windows/TaskScheduler"
ENCRYPTION = "root/cimv2/Security/MicrosoftVolumeEncryption"
MI = "Microsoft Win32 documentation, FWP/wmi (CDXML cmdlets over WS-Management)"

# --- registry --------------------------------------------------------------------------------------------------------

_KEY = {"hDefKey": UINT32, "sSubKeyName": STRING}
_VALUE = {**_KEY, "sValueName": STRING}
_DESCRIPTOR = {"Descriptor": instance("Win32_SecurityDescriptor")}


def _getter(**out: t.Any) -> Method:
    return Method(params=_VALUE, out=out, static=True, read_only=True)


def _setter(**value: t.Any) -> Method:
    return Method(params={**_VALUE, **value}, static=True)


STD_REG_PROV = CimClass(
    name="StdRegProv",
    namespace="root/default",
    source="Microsoft Win32 documentation, RegProv/stdregprov; recorded EnumKey answer (Openwsman)",
    methods={
        "EnumKey": Method(params=_KEY, out={"sNames": array(STRING)}, static=True, read_only=True),
        "EnumValues": Method(
            params=_KEY, out={"sNames": array(STRING), "Types": array(SINT32)}, static=True, read_only=True
        ),
        "GetStringValue": _getter(sValue=STRING),
        "GetExpandedStringValue": _getter(sValue=STRING),
        "GetMultiStringValue": _getter(sValue=array(STRING)),
        "GetDWORDValue": _getter(uValue=UINT32),
        "GetQWORDValue": _getter(uValue=UINT64),
        "GetBinaryValue": _getter(uValue=array(UINT8)),
        "SetStringValue": _setter(sValue=STRING),
        "SetExpandedStringValue": _setter(sValue=STRING),
        "SetMultiStringValue": _setter(sValue=array(STRING)),
        "SetDWORDValue": _setter(uValue=UINT32),
        "SetQWORDValue": _setter(uValue=UINT64),
        "SetBinaryValue": _setter(uValue=array(UINT8)),
        "CreateKey": Method(params=_KEY, static=True),
        "DeleteKey": Method(params=_KEY, static=True),
        "DeleteValue": Method(params=_VALUE, static=True),
        "CheckAccess": Method(
            params={**_KEY, "uRequired": UINT32}, out={"bGranted": BOOLEAN}, static=True, read_only=True
        ),
        "GetSecurityDescriptor": Method(params=_KEY, out=_DESCRIPTOR, static=True, read_only=True),
        "SetSecurityDescriptor": Method(params={**_KEY, **_DESCRIPTOR}, static=True),
    },
)

# --- security descriptors --------------------------------------------------------------------------------------------

WIN32_TRUSTEE = CimClass(
    name="Win32_Trustee",
    namespace=CIMV2,
    source="Microsoft Win32 documentation, WmiSdk/win32-trustee",
    properties={
        **of(STRING, "Domain Name SIDString"),
        "SID": array(UINT8),
        "SidLength": UINT32,
        "TIME_CREATED": UINT64,
    },
)
WIN32_ACE = CimClass(
    name="Win32_ACE",
    namespace=CIMV2,
    source="Microsoft Win32 documentation, WmiSdk/win32-ace",
    properties={
        **of(UINT32, "AccessMask AceFlags AceType"),
        **of(STRING, "GuidInheritedObjectType GuidObjectType"),
        "TIME_CREATED": UINT64,
        "Trustee": instance("Win32_Trustee"),
    },
)
WIN32_SECURITY_DESCRIPTOR = CimClass(
    name="Win32_SecurityDescriptor",
    namespace=CIMV2,
    source="Microsoft Win32 documentation, WmiSdk/win32-securitydescriptor",
    properties={
        "ControlFlags": UINT32,
        **of(array(instance("Win32_ACE")), "DACL SACL"),
        **of(instance("Win32_Trustee"), "Owner Group"),
        "TIME_CREATED": UINT64,
    },
)
WIN32_SECURITY_DESCRIPTOR_HELPER = CimClass(
    name="Win32_SecurityDescriptorHelper",
    namespace=CIMV2,
    source="Microsoft Win32 documentation, WmiSdk/win32-securitydescriptorhelper",
    methods={
        "SDDLToWin32SD": Method(params={"SDDL": STRING}, out=_DESCRIPTOR, static=True, read_only=True),
        "Win32SDToSDDL": Method(params=_DESCRIPTOR, out={"SDDL": STRING}, static=True, read_only=True),
        "SDDLToBinarySD": Method(params={"SDDL": STRING}, out={"BinarySD": array(UINT8)}, static=True, read_only=True),
        "BinarySDToSDDL": Method(params={"BinarySD": array(UINT8)}, out={"SDDL": STRING}, static=True, read_only=True),
    },
)

# --- services --------------------------------------------------------------------------------------------------------

_SERVICE_PROPERTIES = {
    **of(BOOLEAN, "AcceptPause AcceptStop DelayedAutoStart DesktopInteract Started"),
    **of(STRING, "Caption Description DisplayName ErrorControl Name PathName ServiceType StartMode StartName State"),
    **of(STRING, "Status SystemName"),
    **of(UINT32, "CheckPoint ExitCode ProcessId ServiceSpecificExitCode TagId WaitHint"),
}
_SERVICE_METHODS = {
    **dict.fromkeys(("StartService", "StopService", "PauseService", "ResumeService", "InterrogateService"), Method()),
    "ChangeStartMode": Method(params={"StartMode": STRING}),
}

WIN32_SERVICE = CimClass(
    name="Win32_Service",
    namespace=CIMV2,
    source="Microsoft Win32 documentation, CIMWin32Prov/win32-service; recorded enumeration of Server 2016",
    keys=("Name",),
    properties=_SERVICE_PROPERTIES,
    methods=_SERVICE_METHODS,
)
WIN32_TERMINAL_SERVICE = CimClass(
    name="Win32_TerminalService",
    namespace=CIMV2,
    source="recorded enumeration of Win32_Service on Server 2016, where TermService has this subclass",
    keys=("Name",),
    properties={**_SERVICE_PROPERTIES, **of(UINT32, "DisconnectedSessions TotalSessions EstimatedSessionCapacity")},
    methods=_SERVICE_METHODS,
)
WIN32_DEPENDENT_SERVICE = CimClass(
    name="Win32_DependentService",
    namespace=CIMV2,
    source="Microsoft Win32 documentation, CIMWin32Prov/win32-dependentservice",
    keys=("Antecedent", "Dependent"),
    properties={**of(REFERENCE, "Antecedent Dependent"), "TypeOfDependency": UINT16},
)

# --- host ------------------------------------------------------------------------------------------------------------

WIN32_OPERATING_SYSTEM = CimClass(
    name="Win32_OperatingSystem",
    namespace=CIMV2,
    source="Microsoft Win32 documentation, CIMWin32Prov/win32-operatingsystem (a singleton)",
    properties={
        **of(STRING, "BuildNumber BuildType CSDVersion CSName Caption CountryCode Locale Manufacturer Name"),
        **of(STRING, "OSArchitecture RegisteredUser SerialNumber SystemDirectory SystemDrive Version WindowsDirectory"),
        **of(UINT32, "NumberOfProcesses NumberOfUsers OSLanguage OSProductSuite OperatingSystemSKU ProductType"),
        "SuiteMask": UINT32,
        **of(UINT64, "FreePhysicalMemory FreeVirtualMemory TotalVirtualMemorySize TotalVisibleMemorySize"),
        **of(UINT16, "OSType ServicePackMajorVersion ServicePackMinorVersion"),
        "CurrentTimeZone": SINT32,
        "MUILanguages": array(STRING),
        "Primary": BOOLEAN,
        **of(DATETIME, "InstallDate LastBootUpTime LocalDateTime"),
    },
    methods={
        "Reboot": Method(),
        "Shutdown": Method(),
        "Win32Shutdown": Method(params=of(SINT32, "Flags Reserved")),
        "Win32ShutdownTracker": Method(
            params={"Timeout": UINT32, "Comment": STRING, "ReasonCode": UINT32, "Flags": SINT32}
        ),
    },
)
WIN32_COMPUTER_SYSTEM = CimClass(
    name="Win32_ComputerSystem",
    namespace=CIMV2,
    source="Microsoft Win32 documentation, CIMWin32Prov/win32-computersystem",
    keys=("Name",),
    properties={
        **of(STRING, "DNSHostName Domain Manufacturer Model Name SystemType UserName Workgroup"),
        **of(BOOLEAN, "HypervisorPresent PartOfDomain"),
        **of(UINT16, "DomainRole PCSystemType"),
        "TotalPhysicalMemory": UINT64,
        "Roles": array(STRING),
    },
)
WIN32_USER_ACCOUNT = CimClass(
    name="Win32_UserAccount",
    namespace=CIMV2,
    source="Microsoft Win32 documentation, CIMWin32Prov/win32-useraccount",
    keys=("Domain", "Name"),
    properties={
        **of(STRING, "Caption Domain FullName Name SID"),
        **of(BOOLEAN, "Disabled LocalAccount Lockout PasswordChangeable PasswordExpires PasswordRequired"),
        "AccountType": UINT32,
        "SIDType": UINT8,
    },
)
WIN32_QUICK_FIX_ENGINEERING = CimClass(
    name="Win32_QuickFixEngineering",
    namespace=CIMV2,
    source="Microsoft Win32 documentation, CIMWin32Prov/win32-quickfixengineering",
    keys=("HotFixID",),
    properties=of(STRING, "Description HotFixID InstalledBy InstalledOn"),
)
WIN32_NETWORK_ADAPTER_CONFIGURATION = CimClass(
    name="Win32_NetworkAdapterConfiguration",
    namespace=CIMV2,
    source="Microsoft Win32 documentation, CIMWin32Prov/win32-networkadapterconfiguration",
    keys=("Index",),
    properties={
        **of(STRING, "DNSDomain DNSHostName Description MACAddress ServiceName SettingID"),
        **of(array(STRING), "DefaultIPGateway DNSDomainSuffixSearchOrder DNSServerSearchOrder IPAddress IPSubnet"),
        **of(BOOLEAN, "DHCPEnabled IPEnabled"),
        **of(UINT32, "Index InterfaceIndex MTU"),
    },
)
WIN32_PROCESS = CimClass(
    name="Win32_Process",
    namespace=CIMV2,
    source="MS-WSMV 4.1.4; Microsoft Win32 documentation, CIMWin32Prov/win32-process and its GetOwner",
    keys=("Handle",),
    properties={
        **of(STRING, "CommandLine ExecutablePath Handle Name"),
        **of(UINT32, "HandleCount ParentProcessId ProcessId SessionId ThreadCount"),
        "CreationDate": DATETIME,
    },
    methods={
        "Create": Method(params=of(STRING, "CommandLine CurrentDirectory"), out={"ProcessId": UINT32}, static=True),
        "GetOwner": Method(out=of(STRING, "User Domain"), read_only=True),
    },
)
CIM_DATA_FILE = CimClass(
    name="CIM_DataFile",
    namespace=CIMV2,
    source="recorded class definition of CIM_DataFile",
    keys=("Name",),
    properties={
        **of(STRING, "Description Drive Extension FSName FileName FileType Manufacturer Name Path Version"),
        **of(BOOLEAN, "Archive Compressed Encrypted Hidden Readable System Writeable"),
        "AccessMask": UINT32,
        "FileSize": UINT64,
        **of(DATETIME, "CreationDate LastAccessed LastModified"),
    },
    methods={
        "Copy": Method(params={"FileName": STRING}),
        "Rename": Method(params={"FileName": STRING}),
        "Delete": Method(),
        "TakeOwnerShip": Method(),
    },
)
WIN32_DIRECTORY = CimClass(
    name="Win32_Directory",
    namespace=CIMV2,
    source="recorded class definition of Win32_Directory",
    keys=("Name",),
    properties=of(STRING, "Drive FileName Name Path"),
)
WIN32_LOGICAL_FILE_SECURITY_SETTING = CimClass(
    name="Win32_LogicalFileSecuritySetting",
    namespace=CIMV2,
    source="recorded class definition of Win32_LogicalFileSecuritySetting",
    keys=("Path",),
    properties={"Path": STRING, "ControlFlags": UINT32, "OwnerPermissions": BOOLEAN},
    methods={
        "GetSecurityDescriptor": Method(out=_DESCRIPTOR, read_only=True),
        "SetSecurityDescriptor": Method(params=_DESCRIPTOR),
    },
)
WIN32_LOGICAL_DISK = CimClass(
    name="Win32_LogicalDisk",
    namespace=CIMV2,
    source="Microsoft Win32 documentation, CIMWin32Prov/win32-logicaldisk",
    keys=("DeviceID",),
    properties={"DeviceID": STRING, **of(UINT64, "FreeSpace Size")},
)
WIN32_NT_LOG_EVENT = CimClass(
    name="Win32_NTLogEvent",
    namespace=CIMV2,
    source="Microsoft Win32 documentation, EventLogProv/win32-ntlogevent",
    keys=("Logfile", "RecordNumber"),
    properties={
        **of(STRING, "CategoryString ComputerName Logfile Message SourceName Type User"),
        **of(UINT16, "Category EventCode"),
        **of(UINT32, "EventIdentifier RecordNumber"),
        "EventType": UINT8,
        "Data": array(UINT8),
        "InsertionStrings": array(STRING),
        **of(DATETIME, "TimeGenerated TimeWritten"),
    },
)
RSOP_REGISTRY_POLICY_SETTING = CimClass(
    name="RSOP_RegistryPolicySetting",
    namespace="root/rsop/computer",
    source="Microsoft Win32 documentation, Policy/rsop-registrypolicysetting",
    keys=("id", "precedence"),
    properties={
        **of(STRING, "GPOID SOMID command id name registryKey valueName"),
        **of(UINT32, "precedence valueType"),
        "value": array(UINT8),
        "deleted": BOOLEAN,
        "creationTime": DATETIME,
    },
)
RSOP_GPO = CimClass(
    name="RSOP_GPO",
    namespace="root/rsop/computer",
    source="Microsoft Win32 documentation, Policy/rsop-gpo",
    keys=("id",),
    properties={
        **of(STRING, "fileSystemPath guidName id name"),
        **of(BOOLEAN, "accessDenied enabled filterAllowed"),
        "version": UINT32,
    },
)

# --- terminal services -----------------------------------------------------------------------------------------------

WIN32_TERMINAL_SERVICE_SETTING = CimClass(
    name="Win32_TerminalServiceSetting",
    namespace=TERMINAL,
    source="Microsoft Win32 documentation, TermServ/win32-terminalservicesetting",
    keys=("ServerName",),
    properties={
        **of(STRING, "Caption DirectConnectLicenseServers HomeDirectory LicensingName ProfilePath ServerName"),
        **of(UINT32, "ActiveDesktop AllowTSConnections DeleteTempFolders DisableForcibleLogoff EnableDFSS"),
        **of(UINT32, "EnableAutomaticReconnection EnableDiskFSS EnableNetworkFSS EnableRemoteDesktopMSI"),
        **of(UINT32, "FallbackPrintDriverType LicensingType LimitedUserSessions Logons PolicySourceAllowTSConnections"),
        **of(UINT32, "PolicySourceLicensingType PolicySourceSingleSession PolicySourceDisableForcibleLogoff"),
        **of(UINT32, "RedirectSmartCards SessionBrokerDrainMode SingleSession TerminalServerMode TimeZoneRedirection"),
        **of(UINT32, "UseRDEasyPrintDriver UseTempFolders UserPermission"),
    },
    methods={
        "SetAllowTSConnections": Method(params=of(UINT32, "AllowTSConnections ModifyFirewallException")),
        "SetSingleSession": Method(params={"SingleSession": UINT32}),
        "GetGracePeriodDays": Method(out={"DaysLeft": UINT32}, read_only=True),
        "GetSpecifiedLicenseServerList": Method(out={"SpecifiedLSList": array(STRING)}, read_only=True),
    },
)
WIN32_TS_GENERAL_SETTING = CimClass(
    name="Win32_TSGeneralSetting",
    namespace=TERMINAL,
    source="Microsoft Win32 documentation, TermServ/win32-tsgeneralsetting",
    keys=("TerminalName",),
    properties={
        **of(STRING, "Caption CertificateName Comment SSLCertificateSHA1Hash TerminalName TerminalProtocol Transport"),
        **of(UINT32, "MinEncryptionLevel SecurityLayer UserAuthenticationRequired WindowsAuthentication"),
        **of(UINT32, "PolicySourceMinEncryptionLevel PolicySourceSecurityLayer"),
        **of(UINT32, "PolicySourceUserAuthenticationRequired SSLCertificateSHA1HashType"),
        "Certificates": array(UINT8),
    },
    methods={
        "SetEncryptionLevel": Method(params={"MinEncryptionLevel": UINT32}),
        "SetSecurityLayer": Method(params={"SecurityLayer": UINT32}),
        "SetUserAuthenticationRequired": Method(params={"UserAuthenticationRequired": UINT32}),
    },
)
WIN32_TS_ACCOUNT = CimClass(
    name="Win32_TSAccount",
    namespace=TERMINAL,
    source="Microsoft Win32 documentation, TermServ/win32-tsaccount",
    keys=("TerminalName", "AccountName"),
    properties={
        **of(STRING, "AccountName SID TerminalName"),
        **of(UINT32, "AuditFail AuditSuccess PermissionsAllowed PermissionsDenied"),
    },
)
WIN32_TS_PERMISSIONS_SETTING = CimClass(
    name="Win32_TSPermissionsSetting",
    namespace=TERMINAL,
    source="Microsoft Win32 documentation, TermServ/win32-tspermissionssetting",
    keys=("TerminalName",),
    properties={
        **of(STRING, "StringSecurityDescriptor TerminalName"),
        **of(UINT32, "DenyAdminPermissionForCustomization PolicySourceDenyAdminPermissionForCustomization"),
    },
)

# --- RD Gateway ------------------------------------------------------------------------------------------------------

_LISTED = {"SetEnabled": Method(params={"Enabled": BOOLEAN}), "Delete": Method()}
_USERS = {"SetUserGroupNames": Method(params={"UserGroupNames": STRING})}
_RAP = {
    **of(STRING, "Name Description ResourceGroupType ResourceGroupName UserGroupNames ProtocolNames PortNumbers"),
    "Enabled": BOOLEAN,
}
_CAP_SHARED = {
    **of(STRING, "Name UserGroupNames ComputerGroupNames"),
    **of(BOOLEAN, "Enabled DiskDrivesDisabled PrintersDisabled SerialPortsDisabled ClipboardDisabled"),
    **of(BOOLEAN, "PlugAndPlayDevicesDisabled AllowOnlySDRServers"),
    **of(UINT32, "DeviceRedirectionType IdleTimeout SessionTimeout SessionTimeoutAction"),
}
_CAP_GIVEN = {**_CAP_SHARED, **of(BOOLEAN, "Password SmartCard SecureId CookieAuthentication")}
_RESOURCES = of(STRING, "Name Description Resources")

WIN32_TS_GATEWAY_CONNECTION_POLICY = CimClass(
    name="Win32_TSGatewayConnectionAuthorizationPolicy",
    namespace=TERMINAL,
    source="Microsoft Win32 documentation, TermServ/win32-tsgatewayconnectionauthorizationpolicy",
    keys=("Name",),
    properties={
        **_CAP_SHARED,
        **of(BOOLEAN, "PasswordAllowed SmartcardAllowed SecureIdAllowed CookieAuthenticationAllowed HasNapAttributes"),
        "Order": UINT32,
    },
    methods={
        "Create": Method(params=_CAP_GIVEN, static=True),
        "Update": Method(params=_CAP_GIVEN),
        **_LISTED,
        **_USERS,
    },
)
WIN32_TS_GATEWAY_RESOURCE_POLICY = CimClass(
    name="Win32_TSGatewayResourceAuthorizationPolicy",
    namespace=TERMINAL,
    source="Microsoft Win32 documentation, TermServ/win32-tsgatewayresourceauthorizationpolicy",
    keys=("Name",),
    properties=_RAP,
    methods={
        "Create": Method(params=_RAP, static=True),
        "Update": Method(params=_RAP),
        "SetPortNumbers": Method(params={"PortNumbers": STRING}),
        **_LISTED,
        **_USERS,
    },
)
WIN32_TS_GATEWAY_RESOURCE_GROUP = CimClass(
    name="Win32_TSGatewayResourceGroup",
    namespace=TERMINAL,
    source="Microsoft Win32 documentation, TermServ/win32-tsgatewayresourcegroup",
    keys=("Name",),
    properties={**_RESOURCES, "AssociatedRAPs": STRING},
    methods={
        "Create": Method(params=_RESOURCES, static=True),
        "Update": Method(params=_RESOURCES),
        "Delete": Method(),
        "SetResources": Method(params={"Resources": STRING}),
    },
)
WIN32_TS_GATEWAY_CONNECTION = CimClass(
    name="Win32_TSGatewayConnection",
    namespace=TERMINAL,
    source="Microsoft Win32 documentation, TermServ/win32-tsgatewayconnection",
    keys=("ConnectionKey",),
    properties=of(STRING, "ConnectionKey UserName ClientAddress ConnectedResource"),
)
WIN32_TS_GATEWAY_SERVER_SETTINGS = CimClass(
    name="Win32_TSGatewayServerSettings",
    namespace=TERMINAL,
    source="Microsoft Win32 documentation, TermServ/win32-tsgatewayserversettings",
    properties={
        **of(UINT32, "MaxConnections MaximumAllowedConnectionsBySku MaxLogEvents MaxProtocols SslBridging"),
        **of(BOOLEAN, "CentralCAPEnabled EnforceChannelBinding IsConfigured UnlimitedConnections"),
        "SkuName": STRING,
        "CertHash": array(UINT8),
    },
    methods={
        "SetCertificate": Method(params={"CertHash": array(UINT8)}),
        "RefreshCertContext": Method(params={"CertHash": array(UINT8)}),
        "Configure": Method(),
        "GetIPAndPort": Method(
            params={"TransportType": UINT16}, out={"IPAddress": STRING, "Port": UINT16}, read_only=True
        ),
        "EnableTransport": Method(params={"TransportType": UINT16, "Enable": BOOLEAN}),
        "IsTransportEnabled": Method(params={"TransportType": UINT16}, out={"Enabled": BOOLEAN}, read_only=True),
        "GetProtocolName": Method(params={"ProtocolId": UINT32}, out={"ProtocolName": STRING}, read_only=True),
    },
)

# --- network ---------------------------------------------------------------------------------------------------------

_RULE_KEYS = ("CreationClassName", "PolicyRuleName", "SystemCreationClassName", "SystemName")
_FILTER_KEYS = ("CreationClassName", "Name", "SystemCreationClassName", "SystemName")
_NAMED = of(STRING, "Caption CreationClassName Description ElementName InstanceID SystemCreationClassName SystemName")

MSFT_NET_FIREWALL_RULE = CimClass(
    name="MSFT_NetFirewallRule",
    namespace=STANDARD,
    source=MI,
    keys=_RULE_KEYS,
    properties={
        **_NAMED,
        **of(STRING, "CommonName DisplayGroup DisplayName Owner PolicyRuleName PolicyStoreSource RuleGroup RuleUsage"),
        "Status": STRING,
        **of(UINT16, "Action ConditionListType Direction EdgeTraversalPolicy Enabled ExecutionStrategy"),
        **of(UINT16, "PolicyDecisionStrategy PolicyStoreSourceType PrimaryStatus Priority Profiles SequencedActions"),
        "StatusCode": UINT32,
        "EnforcementStatus": array(UINT16),
        **of(array(STRING), "Platforms PolicyKeywords PolicyRoles RemoteDynamicKeywordAddresses"),
        **of(BOOLEAN, "LocalOnlyMapping LooseSourceMapping Mandatory"),
    },
    methods={"Enable": Method(), "Disable": Method()},
)
MSFT_NET_PROTOCOL_PORT_FILTER = CimClass(
    name="MSFT_NetProtocolPortFilter",
    namespace=STANDARD,
    source=MI,
    keys=_FILTER_KEYS,
    properties={
        **_NAMED,
        **of(STRING, "Name Protocol"),
        **of(array(STRING), "IcmpType LocalPort RemotePort"),
        "DynamicTransport": UINT32,
    },
    partial_put=True,
)
MSFT_NET_ADDRESS_FILTER = CimClass(
    name="MSFT_NetAddressFilter",
    namespace=STANDARD,
    source=MI,
    keys=_FILTER_KEYS,
    properties={**_NAMED, "Name": STRING, **of(array(STRING), "LocalAddress RemoteAddress")},
    partial_put=True,
)
MSFT_NET_APPLICATION_FILTER = CimClass(
    name="MSFT_NetApplicationFilter",
    namespace=STANDARD,
    source=MI,
    keys=_FILTER_KEYS,
    properties={**_NAMED, **of(STRING, "Name AppPath Package")},
    partial_put=True,
)
MSFT_NET_SERVICE_FILTER = CimClass(
    name="MSFT_NetServiceFilter",
    namespace=STANDARD,
    source=MI,
    keys=_FILTER_KEYS,
    properties={**_NAMED, **of(STRING, "Name ServiceName")},
    partial_put=True,
)
MSFT_NET_FIREWALL_PROFILE = CimClass(
    name="MSFT_NetFirewallProfile",
    namespace=STANDARD,
    source=MI,
    keys=("InstanceID",),
    properties={
        **of(STRING, "Caption Description ElementName InstanceID LogFileName Name"),
        **of(UINT16, "AllowInboundRules AllowLocalFirewallRules AllowLocalIPsecRules AllowUnicastResponseToMulticast"),
        **of(UINT16, "AllowUserApps AllowUserPorts DefaultInboundAction DefaultOutboundAction"),
        **of(UINT16, "Enabled EnableStealthModeForIPsec LogAllowed LogBlocked LogIgnored NotifyOnListen"),
        "LogMaxSizeKilobytes": UINT64,
        "DisabledInterfaceAliases": array(STRING),
    },
    partial_put=True,
)
MSFT_NET_CONNECTION_PROFILE = CimClass(
    name="MSFT_NetConnectionProfile",
    namespace=STANDARD,
    source="Microsoft Win32 documentation, FWP/wmi/nlm; Get-NetConnectionProfile",
    keys=("InstanceID",),
    properties={
        **of(STRING, "InstanceID InterfaceAlias Name"),
        **of(UINT32, "IPv4Connectivity IPv6Connectivity InterfaceIndex NetworkCategory"),
    },
)
MSFT_NET_TCP_CONNECTION = CimClass(
    name="MSFT_NetTCPConnection",
    namespace=STANDARD,
    source="Microsoft Win32 documentation, FWP/wmi/nettcpipprov; Get-NetTCPConnection",
    keys=("InstanceID",),
    properties={
        **of(STRING, "InstanceID LocalAddress RemoteAddress"),
        **of(UINT16, "LocalPort RemotePort"),
        **of(UINT8, "AppliedSetting OffloadState State"),
        "OwningProcess": UINT32,
        "CreationTime": DATETIME,
    },
)
MSFT_NET_UDP_ENDPOINT = CimClass(
    name="MSFT_NetUDPEndpoint",
    namespace=STANDARD,
    source="Microsoft Win32 documentation, FWP/wmi/nettcpipprov; Get-NetUDPEndpoint",
    keys=("InstanceID",),
    properties={
        **of(STRING, "InstanceID LocalAddress"),
        "LocalPort": UINT16,
        "OwningProcess": UINT32,
        "CreationTime": DATETIME,
    },
)
MSFT_DNS_CLIENT_CACHE = CimClass(
    name="MSFT_DNSClientCache",
    namespace=STANDARD,
    source="Microsoft Win32 documentation, FWP/wmi/dnsclientcimprov; Clear-DnsClientCache",
    keys=("Entry", "Name"),
    properties={
        **of(STRING, "Data Entry Name"),
        **of(UINT32, "DataLength Status TimeToLive"),
        **of(UINT16, "Section Type"),
    },
    methods={"Clear": Method(static=True)},
)

# --- BitLocker -------------------------------------------------------------------------------------------------------

WIN32_ENCRYPTABLE_VOLUME = CimClass(
    name="Win32_EncryptableVolume",
    namespace=ENCRYPTION,
    source="Microsoft Win32 documentation, SecProv/win32-encryptablevolume",
    keys=("DeviceID",),
    properties={**of(STRING, "DeviceID DriveLetter PersistentVolumeID"), **of(UINT32, "ProtectionStatus VolumeType")},
    methods={
        "GetKeyProtectors": Method(
            params={"KeyProtectorType": UINT32}, out={"VolumeKeyProtectorID": array(STRING)}, read_only=True
        )
    },
)

# --- scheduled tasks -------------------------------------------------------------------------------------------------

_TASK = {"TaskName": STRING, "TaskPath": STRING}

MSFT_TASK_DYNAMIC_INFO = CimClass(
    name="MSFT_TaskDynamicInfo",
    namespace=TASK_SCHEDULER,
    source="recorded class definitions of root/Microsoft/Windows/TaskScheduler",
    properties={
        **_TASK,
        **of(DATETIME, "LastRunTime NextRunTime"),
        **of(UINT32, "LastTaskResult NumberOfMissedRuns"),
    },
)
MSFT_SCHEDULED_TASK = CimClass(
    name="MSFT_ScheduledTask",
    namespace=TASK_SCHEDULER,
    source="recorded class definitions of root/Microsoft/Windows/TaskScheduler, recorded Delete",
    keys=("TaskName", "TaskPath"),
    properties={**_TASK, **of(STRING, "Author Description SecurityDescriptor URI"), "State": UINT8},
)
PS_SCHEDULED_TASK = CimClass(
    name="PS_ScheduledTask",
    namespace=TASK_SCHEDULER,
    source="recorded class definitions of root/Microsoft/Windows/TaskScheduler (the cmdlets of ScheduledTasks)",
    methods={
        "RegisterByXml": Method(params={**_TASK, **of(STRING, "Password User Xml"), "Force": BOOLEAN}, static=True),
        "StartByPath": Method(params=_TASK, static=True),
        "StopByPath": Method(params=_TASK, static=True),
        "DisableByName": Method(params=_TASK, static=True),
        "ExportByName": Method(params=_TASK, out={"cmdletOutput": STRING}, static=True, read_only=True),
        "GetInfoByName": Method(
            params=_TASK, out={"cmdletOutput": instance("MSFT_TaskDynamicInfo")}, static=True, read_only=True
        ),
    },
)

CLASSES: Mapping[str, CimClass] = {
    value.name.casefold(): value for value in list(globals().values()) if isinstance(value, CimClass)
}


def known(class_name: str) -> CimClass | None:
    """Return the table of a class by its name, whose case does not matter, or None when there is none."""
    return CLASSES.get(class_name.casefold())


def resource_of(table: CimClass, style: str) -> Resource:
    """Return a class's resource in a URI style."""
    return resource(table.namespace, table.name, style)
