# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks: how the host speaks WS-Management. PRIVATE to the collection. They only read."""

from __future__ import annotations

from .._cim import wql
from .._cim.client import CimClient, read_identity
from .._cim.firewall import MOST_IDS, Source
from .._cim.schema import (
    MSFT_NET_FIREWALL_RULE,
    WIN32_OPERATING_SYSTEM,
    WIN32_SECURITY_DESCRIPTOR_HELPER,
    WIN32_SERVICE,
)
from .._cim.types import CimClass
from .._host import Host
from .._wsman.envelope import build_identify, parse
from .._wsman.errors import AccessDenied, AuthenticationFailed, TransportFailed, WsmanFault
from .._wsman.uri import STYLES
from ._base import Altered, Check, Untold

NOBODY = "winfleet.rdp-selftest"
LARGE = 8
"""Services in one part of an answer, from which on the parts are large; recorded parts have some thirty."""

POLICY_RULES = r"HKLM\SOFTWARE\Policies\Microsoft\WindowsFirewall\FirewallRules"
"""Where policy puts its firewall rules, a value each, whose name is the rule's id (MS-GPFAS 2.2.2, 4.2)."""

OPTIONS = b"<w:OperationTimeout>"
"""What stands behind the options of a request."""

ACTIVE_STORE = b'<w:OptionSet><w:Option Name="wmi:PolicyStore" Type="xs:string">ActiveStore</w:Option></w:OptionSet>'
"""The context value by which Windows' own firewall cmdlets name the store that is in force."""

UNTOLD_VERSION = "OS: 0.0.0"
"""What stands for a version that is not told; Microsoft's documentation says that none is (Win32, WinRM/
detecting-whether-a-remote-computer-supports-ws-management-protocol)."""

TYPED = b' xsi:type="e:Win32_SecurityDescriptor_Type"'
"""How a request says of which class an object in it is (DSP0230 7.2)."""

MISSING_CLASS = CimClass(name="Winfleet_SelfTest", namespace="root/cimv2", source="a class that no host has")


def _styles(host: Host) -> str:
    answering = []
    for style in STYLES:
        try:
            CimClient(host.channel.send, style).get(WIN32_OPERATING_SYSTEM)
        except WsmanFault:
            continue
        answering.append(style)
    return " and ".join(answering) or "neither"


def _one_item(host: Host) -> str:
    before = host.cim.operations
    host.services.list(["TermService"])
    return _messages(host.cim.operations - before)


def _many_items(host: Host) -> str:
    before = host.cim.operations
    found = host.cim.query(WIN32_SERVICE)
    sent = host.cim.operations - before
    if sent == 1:
        return "one part"
    return "large parts" if len(found) >= LARGE * (sent - 1) else "small parts"


def _messages(count: int) -> str:
    return "one message" if count == 1 else f"{count} messages"


def _missing_class(host: Host) -> str:
    return f"0x{_fault(CimClient(host.channel.send), MISSING_CLASS).code or 0:08X}"


def _shapes(host: Host) -> str:
    """The extended errors of a provider of the classic kind and of a newer one."""
    firewall = dict.fromkeys(MSFT_NET_FIREWALL_RULE.keys, NOBODY)
    classic = _fault(host.cim, WIN32_SERVICE, Name=NOBODY)
    newer = _fault(host.cim, MSFT_NET_FIREWALL_RULE, **firewall)
    return f"{_shape(classic)} and {_shape(newer)}"


def _identify(host: Host) -> str:
    """Whoever reaches the port may ask the same, with a header that says that there are no credentials."""
    request = build_identify()
    try:
        version = read_identity(parse(host.channel.send_unauthenticated(request.body), request)).version
    except (AuthenticationFailed, AccessDenied):
        return "no answer"
    except TransportFailed as error:
        raise Untold(str(error)) from error
    return "hidden" if not version or UNTOLD_VERSION in version else "told"


def _active_store(host: Host) -> str:
    """The collection reads the rules of policy from the registry, so it never asks for this store."""
    rules = list(host.registry.values(POLICY_RULES) or ())[:MOST_IDS]
    if not rules:
        raise Untold("no policy brings firewall rules to this host")
    client = CimClient(Altered(host.channel, OPTIONS, ACTIVE_STORE + OPTIONS).send)
    found = client.query(MSFT_NET_FIREWALL_RULE, wql.any_of("InstanceID", rules))
    return "shown" if any(rule.number("PolicyStoreSourceType") != Source.LOCAL for rule in found) else "not shown"


def _embedded(host: Host) -> str:
    """A descriptor is converted, with its type and without it."""
    made = host.cim.invoke(WIN32_SECURITY_DESCRIPTOR_HELPER, "SDDLToWin32SD", {"SDDL": "O:BAG:BAD:(A;;FA;;;SY)"})
    given = {"Descriptor": made.out.get("Descriptor")}
    helper = WIN32_SECURITY_DESCRIPTOR_HELPER
    if not host.cim.invoke(helper, "Win32SDToSDDL", given).ok:
        raise Untold("this host converts no descriptors")
    try:
        taken = CimClient(Altered(host.channel, TYPED, b"").send).invoke(helper, "Win32SDToSDDL", given).ok
    except WsmanFault:
        taken = False
    return "taken" if taken else "refused"


def _shape(fault: WsmanFault) -> str:
    if "CIMStatusCode" in fault.detail or "MessageID" in fault.detail:
        return "MSFT_WmiError"
    return "__ExtendedStatus" if fault.detail else "neither"


def _fault(client: CimClient, cls: CimClass, **keys: str) -> WsmanFault:
    try:
        client.get(cls, **keys)
    except WsmanFault as fault:
        return fault
    raise Untold(f"the host has what it should not have: {cls.name} {keys}")


CHECKS = (
    Check(
        "uri_styles",
        "Which names of classes does the service take?",
        "wmi and dmtf",
        {
            "wmi and dmtf": "uri_style is free to choose",
            "wmi": "uri_style has to stay wmi here",
            "dmtf": "uri_style has to be dmtf here",
        },
        _styles,
    ),
    Check(
        "one_item",
        "How many messages does a query take that gives one item?",
        "one message",
        {
            "one message": "the budgets of the documentation hold",
            "2 messages": "every query costs one message more than the documentation says",
        },
        _one_item,
    ),
    Check(
        "many_items",
        "In which parts does the host answer a query that gives many items?",
        "large parts",
        {
            "one part": "queries cost less than the documentation says",
            "large parts": "the budgets of the documentation hold",
            "small parts": "the host answers in small parts, so the firewall and the events cost more messages",
        },
        _many_items,
    ),
    Check(
        "missing_class",
        "Which code does a class have that does not exist?",
        "0x80338000",
        {
            "0x80338000": "a class that is missing reads as an object that is missing, which readers expect",
            "0x80041010": "a class that is missing is told from an object that is missing; both are expected",
        },
        _missing_class,
    ),
    Check(
        "fault_shape",
        "How do providers of the classic kind and newer ones say what went wrong?",
        "__ExtendedStatus and MSFT_WmiError",
        {
            "__ExtendedStatus and MSFT_WmiError": "messages name the provider's own reason",
            "__ExtendedStatus and __ExtendedStatus": "both shapes are read, so messages are the same",
            "MSFT_WmiError and MSFT_WmiError": "both shapes are read, so messages are the same",
        },
        _shapes,
    ),
    Check(
        "identify_version",
        "Does the service tell the version of Windows before anybody has logged on?",
        "hidden",
        {
            "hidden": "as Microsoft documents it; the version is read after logon, as is done now",
            "told": "whoever reaches the port learns the version; it is read after logon, as is done now",
            "no answer": "the service wants a logon before it says anything; nothing depends on it",
        },
        _identify,
    ),
    Check(
        "firewall_active_store",
        "Does the store ActiveStore show the firewall rules of policy? Tells only where policy brings some.",
        "shown",
        {
            "shown": "they could be asked for by their class; they are read from the registry, as is done now",
            "not shown": "they are read from the registry, as is done now",
        },
        _active_store,
    ),
    Check(
        "embedded_type",
        "Is an object within a request taken without its type?",
        "refused",
        {
            "refused": "the type that is sent is needed",
            "taken": "the type that is sent is not needed",
        },
        _embedded,
    ),
)
