# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman import errors, xml
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.envelope import Request, parse
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import WsmanFault
from ansible_collections.winfleet.rdp.tests.unit.plugins.plugin_utils._wsman.scripted_wire import (
    envelope,
    mi_fault,
    wmi_fault,
)

REQUEST = Request(b"", "uuid:A")


def fault(body: str) -> WsmanFault:
    with pytest.raises(WsmanFault) as caught:
        parse(envelope(body, "uuid:a"), REQUEST)
    return caught.value


@pytest.mark.parametrize("kind", errors.KINDS.values(), ids=lambda kind: kind.name)
@pytest.mark.parametrize("shape", [wmi_fault, lambda code: mi_fault(code, 1)], ids=["WSManFault", "MSFT_WmiError"])
def test_every_known_code_becomes_its_error_in_both_shapes(kind: errors.FaultKind, shape: Callable[[int], str]) -> None:
    raised = fault(shape(kind.code))
    assert raised.__class__ is kind.error
    assert raised.code == kind.code
    assert raised.hint == (kind.hint or kind.error.default_hint) != ""
    assert raised.provider_text == "the provider's words"
    assert f"0x{kind.code:08X} {kind.name}" in str(raised)
    assert raised.wmi_status == (kind.code if kind.name.startswith("WBEM") else None)


def test_the_wmi_status_inside_decides_over_the_code_outside() -> None:
    raised = fault(wmi_fault(0x80338000, "a:DestinationUnreachable", inner=0x8004100E))
    assert raised.__class__ is errors.InvalidNamespace
    assert (raised.code, raised.wmi_status, raised.subcode) == (0x80338000, 0x8004100E, "DestinationUnreachable")
    assert raised.provider == "WMI Provider"


@pytest.mark.parametrize(
    ("subcode", "error"),
    [*errors.SUBCODES.items(), ("SomethingNew", WsmanFault)],
)
def test_an_unknown_code_is_known_by_its_subcode(subcode: str, error: type[WsmanFault]) -> None:
    raised = fault(wmi_fault(0xC0001234, f"w:{subcode}"))
    assert raised.__class__ is error
    assert raised.code == 0xC0001234


@pytest.mark.parametrize(("status", "error"), errors.CIM_STATUS.items())
def test_an_unknown_code_of_the_mi_stack_is_known_by_its_cim_status(status: int, error: type[WsmanFault]) -> None:
    assert fault(mi_fault(0xC0001234, status)).__class__ is error


def test_a_signed_code_is_read_as_unsigned() -> None:
    assert fault(wmi_fault(-2147217394)).code == 0x8004100E


def test_the_extended_error_is_kept() -> None:
    assert fault(mi_fault(0x80041010, 5)).detail["CIMStatusCode"] == "5"


@pytest.mark.parametrize(
    "body",
    [
        "<s:Fault/>",
        "<s:Fault><s:Code><s:Value>s:Sender</s:Value></s:Code></s:Fault>",
        wmi_fault(5).replace('Code="5"', 'Code="five"'),
        wmi_fault(5).replace('Code="5"', f'Code="{"9" * 5000}"'),
    ],
    ids=["empty", "without subcode", "code no number", "code too long"],
)
def test_a_poor_fault_is_still_a_fault(body: str) -> None:
    raised = fault(body)
    assert raised.code is None
    assert str(raised)


def test_text_only_provider_fault() -> None:
    body = (
        "<s:Fault><s:Reason><s:Text/></s:Reason><s:Detail>"
        '<f:WSManFault xmlns:f="urn:f" Code="2147942402"><f:Message>'
        '<f:ProviderFault provider="Shell cmd plugin">The system cannot find the file. </f:ProviderFault>'
        "</f:Message></f:WSManFault></s:Detail></s:Fault>"
    )
    raised = fault(body)
    assert raised.__class__ is errors.NotFound
    assert raised.provider == "Shell cmd plugin"
    assert raised.message == "The system cannot find the file (0x80070002 ERROR_FILE_NOT_FOUND)"


def test_the_edge_adds_the_host() -> None:
    raised = fault(wmi_fault(5))
    raised.host = "host017"
    assert str(raised).startswith("host017: ")
    assert str(raised).endswith(raised.hint)


def test_xml_limits_hold_for_faults_as_well() -> None:
    with pytest.raises(errors.BadAnswer):
        parse(envelope("<s:Fault>" * (xml.MAX_DEPTH + 1) + "</s:Fault>" * (xml.MAX_DEPTH + 1), "uuid:a"), REQUEST)
