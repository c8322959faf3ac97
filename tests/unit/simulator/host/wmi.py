# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small WS-Management client over SimulatedHost.handle, for tests of what stands behind the engine."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

from tests.simulator.host import SimulatedHost

SOAP = "http://www.w3.org/2003/05/soap-envelope"
ADDRESSING = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
WSMAN = "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"
ENUMERATION = "http://schemas.xmlsoap.org/ws/2004/09/enumeration"
TRANSFER = "http://schemas.xmlsoap.org/ws/2004/09/transfer"
WMI = "http://schemas.microsoft.com/wbem/wsman/1/wmi"
WQL = "http://schemas.microsoft.com/wbem/wsman/1/WQL"
ANONYMOUS = f"{ADDRESSING}/role/anonymous"
HKLM = 2147483650

Row = dict[str, object]
Keys = Mapping[str, object]


class Fault(Exception):
    """A SOAP fault: ``code`` of the outer f:WSManFault, and the whole text."""

    def __init__(self, body: bytes) -> None:
        super().__init__(body.decode())
        found = etree.fromstring(body).iter("{*}WSManFault") if body else ()
        self.codes = [int(element.get("Code", "0")) for element in found]


@dataclass
class Wmi:
    """Operations on one host as one account."""

    host: SimulatedHost
    user: str = "Administrator"

    def call(
        self, namespace: str, class_name: str, action: str, body: str, selectors: Keys | None = None
    ) -> etree._Element:
        """Send one request; the first child of the answer's body. Raises Fault."""
        uri = f"{WMI}/{namespace}/{class_name}"
        names = {
            "Get": f"{TRANSFER}/Get",
            "Put": f"{TRANSFER}/Put",
            "Create": f"{TRANSFER}/Create",
            "Delete": f"{TRANSFER}/Delete",
            "Enumerate": f"{ENUMERATION}/Enumerate",
        }
        keys = "".join(
            f"<w:Selector Name={quoteattr(k)}>{escape(str(v))}</w:Selector>" for k, v in (selectors or {}).items()
        )
        header = (
            f"<a:To>http://h:5985/wsman</a:To><w:ResourceURI s:mustUnderstand='true'>{uri}</w:ResourceURI>"
            f"<a:ReplyTo><a:Address>{ANONYMOUS}</a:Address></a:ReplyTo>"
            f"<a:Action s:mustUnderstand='true'>{names.get(action, action)}</a:Action>"
            f"<w:MaxEnvelopeSize>512000</w:MaxEnvelopeSize><a:MessageID>uuid:{uuid.uuid4()}</a:MessageID>"
            f"<w:OperationTimeout>PT20S</w:OperationTimeout>"
        ) + (f"<w:SelectorSet>{keys}</w:SelectorSet>" if selectors else "")
        envelope = (
            f"<s:Envelope xmlns:s='{SOAP}' xmlns:a='{ADDRESSING}' xmlns:w='{WSMAN}' xmlns:n='{ENUMERATION}'>"
            f"<s:Header>{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
        )
        status, answer = self.host.handle(envelope.encode(), self.user)
        if status != 200:
            raise Fault(answer)
        content = etree.fromstring(answer).find(f"{{{SOAP}}}Body")
        assert content is not None
        return content

    def invoke(
        self, class_name: str, method: str, *, ns: str = "root/cimv2", keys: Keys | None = None, **args: object
    ) -> Row:
        """Call a method; its out-parameters as text by name, lists for repeated ones."""
        return self.run(class_name, method, args, ns=ns, keys=keys)

    def run(self, class_name: str, method: str, args: Keys, *, ns: str = "root/cimv2", keys: Keys | None = None) -> Row:
        """The same with the parameters in one mapping."""
        uri = f"{WMI}/{ns}/{class_name}"
        body = f"<p:{method}_INPUT xmlns:p='{uri}'>{_elements(args)}</p:{method}_INPUT>"
        return _row(self.call(ns, class_name, f"{uri}/{method}", body, keys)[0])

    def query(self, wql: str, *, ns: str = "root/cimv2") -> list[Row]:
        """All instances that a WQL query finds."""
        body = (
            f"<n:Enumerate><w:OptimizeEnumeration/><w:MaxElements>1000</w:MaxElements>"
            f"<w:Filter Dialect='{WQL}'>{escape(wql)}</w:Filter></n:Enumerate>"
        )
        content = self.call(ns, "*", "Enumerate", body)
        items = content.find(f".//{{{WSMAN}}}Items")
        assert content.find(f".//{{{WSMAN}}}EndOfSequence") is not None, "the host's enum_shape switch must be complete"
        return [_row(item) for item in items] if items is not None else []

    def put(self, class_name: str, keys: Keys, *, ns: str = "root/cimv2", **changes: object) -> Row:
        """Change properties of an instance."""
        body = f"<p:{class_name} xmlns:p='{WMI}/{ns}/{class_name}'>{_elements(changes)}</p:{class_name}>"
        return _row(self.call(ns, class_name, "Put", body, keys)[0])

    def create(self, class_name: str, *, ns: str = "root/cimv2", **values: object) -> None:
        """Make an instance."""
        body = f"<p:{class_name} xmlns:p='{WMI}/{ns}/{class_name}'>{_elements(values)}</p:{class_name}>"
        self.call(ns, class_name, "Create", body)

    def registry(self, method: str, key: str, name: str | None = None, **args: object) -> Row:
        """Call StdRegProv for a key of HKLM."""
        values = {"hDefKey": HKLM, "sSubKeyName": key, **args} | ({} if name is None else {"sValueName": name})
        return self.run("StdRegProv", method, values, ns="root/default")

    def service(self, name: str, method: str, **args: object) -> str:
        """Call a method of Win32_Service; its ReturnValue."""
        return str(self.run("Win32_Service", method, args, keys={"Name": name})["ReturnValue"])

    def state(self, name: str) -> str:
        """State of a service."""
        return str(self.query(f"select * from Win32_Service where Name='{name}'")[0]["State"])


def _elements(values: Keys) -> str:
    text = ""
    for name, value in values.items():
        for item in value if isinstance(value, (list, bytes)) else [value]:
            shown = str(item).lower() if isinstance(item, bool) else escape(str(item))
            text += f"<p:{name}>{shown}</p:{name}>"
    return text


def _row(element: etree._Element) -> Row:
    row: Row = {}
    for child in element:
        name = etree.QName(child).localname
        value = child.text or ("" if len(child) == 0 else etree.tostring(child).decode())
        if name in row:
            old = row[name]
            row[name] = [*old, value] if isinstance(old, list) else [old, value]
        else:
            row[name] = value
    return row
