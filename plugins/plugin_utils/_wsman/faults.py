# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SOAP faults of Windows, in all their shapes, read into one exception.

PRIVATE to the collection. Shapes: WSManFault with nested provider faults (MS-WSMV 2.2.4.43), and MSFT_WmiError, which
Windows' MI stack sends instead since Windows 8 and Server 2012.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import (
    CIM_STATUS,
    KINDS,
    SUBCODES,
    FaultFacts,
    WsmanFault,
)
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.xml import child, descendants, local, text

if t.TYPE_CHECKING:  # pragma: no cover
    from xml.etree.ElementTree import Element

_HRESULT = re.compile(r"0x([0-9a-fA-F]{1,8})\b")


def read_fault(fault: Element) -> WsmanFault:
    """Return the exception, not raised yet, that an ``s:Fault`` element stands for."""
    subcode = text(child(fault, "Code", "Subcode", "Value")).rpartition(":")[2]
    codes = _codes(fault)
    reason = _squeeze(text(child(fault, "Reason", "Text")))
    provider_text = _provider_text(fault)
    error, hint = _kind(codes, _cim_status(fault), subcode)
    facts = FaultFacts(
        code=codes[0] if codes else None,
        subcode=subcode,
        reason=reason,
        wmi_status=next((known for known in codes if _is_wmi(known)), None),
        provider=next((found.get("provider", "") for found in descendants(fault, "ProviderFault")), ""),
        provider_text=provider_text,
        detail=_extended(fault),
    )
    return error(_message(facts), facts, hint=hint)


def _is_wmi(code: int) -> bool:
    return code >> 8 == 0x800410


def _codes(fault: Element) -> list[int]:
    """Return every code in the fault, outermost first."""
    written = [found.get("Code", "") for found in descendants(fault, "WSManFault")]
    for name in ("error_Code", "StatusCode"):
        written += [text(found) for found in descendants(fault, name)]
    codes = [int(code) & 0xFFFFFFFF for code in written if re.fullmatch(r"-?[0-9]{1,10}", code)]
    for message_id in descendants(fault, "MessageID"):
        codes += [int(digits, 16) for digits in _HRESULT.findall(text(message_id))]
    return codes


def _cim_status(fault: Element) -> int:
    status = next((text(found) for found in descendants(fault, "CIMStatusCode")), "")
    return int(status) if re.fullmatch("[0-9]{1,5}", status) else 0


def _kind(codes: list[int], cim_status: int, subcode: str) -> tuple[type[WsmanFault], str]:
    """Return the exception class and hint: a WMI status is most telling, then other codes, then the subcode."""
    for code in sorted(codes, key=_is_wmi, reverse=True):
        if code in KINDS:
            return KINDS[code].error, KINDS[code].hint
    error = CIM_STATUS.get(cim_status) or SUBCODES.get(subcode) or WsmanFault
    return error, ""


def _provider_text(fault: Element) -> str:
    """Return the innermost message, which is the provider's."""
    texts = [text(found) for found in descendants(fault, "Message")]
    texts += [text(found) for found in descendants(fault, "ProviderFault")]
    return _squeeze(next((found for found in reversed(texts) if found), ""))


def _extended(fault: Element) -> dict[str, str]:
    """Return the filled properties of __ExtendedStatus or MSFT_WmiError."""
    return {
        local(prop): text(prop)
        for name in ("__ExtendedStatus", "MSFT_WmiError")
        for status in descendants(fault, name)
        for prop in status
        if text(prop)
    }


def _message(facts: FaultFacts) -> str:
    said = facts.reason or facts.provider_text or facts.subcode or "The host gives no reason"
    if facts.provider_text not in said:
        said = f"{said.rstrip('. ')}: {facts.provider_text}"
    if facts.code is None:
        return said
    name = f" {KINDS[facts.code].name}" if facts.code in KINDS else ""
    return f"{said.rstrip('. ')} (0x{facts.code:08X}{name})"


def _squeeze(text_: str) -> str:
    return " ".join(text_.split())
