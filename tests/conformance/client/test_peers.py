# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Our messages against those that pywinrm and pypsrp build for the same operation."""

from __future__ import annotations

import re
import typing as t
from xml.etree import ElementTree

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman import envelope, uri
from ansible_collections.winfleet.rdp.tests.unit.plugins.plugin_utils._wsman import scripted_wire

pypsrp = pytest.importorskip("pypsrp.wsman", reason="pypsrp is not installed")
winrm = pytest.importorskip("winrm.protocol", reason="pywinrm is not installed")
xmltodict = pytest.importorskip("xmltodict", reason="xmltodict is not installed")

SERVICE = uri.resource("root/cimv2", "Win32_Service", "wmi")
PERSONAL = {"MessageID", "SessionId", "To"}
"""What names one message or one host."""
OURS = {"MaxEnvelopeSize", "DataLocale"}
"""In what we differ on purpose: the size, and a header that clients may leave out (MS-WSMV 3.2.4.1.5)."""


class Silent:
    """A transport that keeps what pypsrp sends."""

    endpoint = "http://host:5985/wsman"

    def __init__(self) -> None:
        self.sent = b""

    def send(self, message: bytes, **_options: t.Any) -> bytes:
        self.sent = message
        related = re.search(b"MessageID>([^<]*)", message).group(1).decode()
        return scripted_wire.envelope("", related)


def by_pypsrp(call: t.Callable[[t.Any], object]) -> bytes:
    wsman = pypsrp.WSMan("host", ssl=False, auth="basic", encryption="never", username="u", password="p")
    wsman.transport = Silent()
    call(wsman)
    return wsman.transport.sent


def selector_set(**selectors: str) -> t.Any:
    made = pypsrp.SelectorSet()
    for name, value in selectors.items():
        made.add_option(name, value)
    return made


def reduced(message: bytes, *, options: bool = True) -> tuple[list[t.Any], list[t.Any]]:
    """Return header and body in a form that neither prefixes nor the order of header elements influence."""
    head, body = list(ElementTree.fromstring(message))
    kept = [
        canonical(node)
        for node in head
        if node.tag.rpartition("}")[2] not in PERSONAL | OURS and (options or not node.tag.endswith("OptionSet"))
    ]
    return sorted(kept, key=str), [canonical(node) for node in body]


def canonical(node: ElementTree.Element) -> tuple[t.Any, ...]:
    """Return an element without mustUnderstand, which pywinrm writes in no namespace, where it means nothing."""
    attributes = sorted(item for item in node.attrib.items() if not item[0].endswith("mustUnderstand"))
    return node.tag, tuple(attributes), (node.text or "").strip(), tuple(canonical(inner) for inner in node)


def tree(markup: str) -> ElementTree.Element:
    return ElementTree.fromstring(markup)


N = f'xmlns:n="{envelope.ENUMERATION}"'
M = f'xmlns:m="{SERVICE.uri}"'
CONTEXT = "<n:EnumerationContext>uuid:1</n:EnumerationContext>"
KEYS = {"Name": "TermService"}

CASES: dict[str, tuple[envelope.Request, t.Callable[[t.Any], object]]] = {
    "get": (
        envelope.build_get(SERVICE, KEYS),
        lambda wsman: wsman.get(SERVICE.uri, selector_set=selector_set(**KEYS)),
    ),
    "delete": (
        envelope.build_delete(SERVICE, KEYS),
        lambda wsman: wsman.delete(SERVICE.uri, selector_set=selector_set(**KEYS)),
    ),
    "pull": (
        envelope.build_pull(SERVICE, "uuid:1", max_elements=5),
        lambda wsman: wsman.pull(
            SERVICE.uri,
            tree(f"<n:Pull {N}>{CONTEXT}<n:MaxElements>5</n:MaxElements></n:Pull>"),
        ),
    ),
    "invoke": (
        envelope.build_invoke(
            SERVICE, "ChangeStartMode", KEYS, envelope.element("m:StartMode", envelope.escape("Manual"))
        ),
        lambda wsman: wsman.invoke(
            f"{SERVICE.uri}/ChangeStartMode",
            SERVICE.uri,
            resource=tree(f"<m:ChangeStartMode_INPUT {M}><m:StartMode>Manual</m:StartMode></m:ChangeStartMode_INPUT>"),
            selector_set=selector_set(**KEYS),
        ),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_our_request_says_what_pypsrps_says(case: str) -> None:
    ours, theirs = CASES[case]
    assert reduced(ours.body) == reduced(by_pypsrp(theirs))


def by_winrm(call: t.Callable[[t.Any], object]) -> bytes:
    protocol = winrm.Protocol("http://host:5985/wsman", username="u", password="p")
    sent: list[bytes] = []

    def keep(message: str) -> bytes:
        sent.append(message.encode())
        related = re.search("<a:MessageID>uuid:([^<]*)", message).group(1)
        return f'<e><x Name="ShellId">S</x><CommandId>C</CommandId><RelatesTo>uuid:{related}</RelatesTo></e>'.encode()

    protocol.send_message = keep
    call(protocol)
    return sent[-1]


def test_opening_a_shell_says_what_pywinrms_says() -> None:
    ours = reduced(envelope.build_shell_create().body)
    theirs = reduced(by_winrm(lambda protocol: protocol.open_shell(codepage=65001, noprofile=True)))
    assert ours == theirs


def test_a_command_says_what_pywinrms_says() -> None:
    ours = reduced(envelope.build_shell_command("S1", "ipconfig", ["/flushdns"]).body)
    theirs = reduced(by_winrm(lambda protocol: protocol.run_command("S1", "ipconfig", ["/flushdns"])))
    assert ours == theirs


def test_closing_a_shell_says_what_pywinrms_says() -> None:
    ours = reduced(envelope.build_shell_delete("S1").body)
    theirs = reduced(by_winrm(lambda protocol: protocol.close_shell("S1", close_session=False)))
    assert ours == theirs


def test_a_header_says_what_pywinrms_says() -> None:
    protocol = winrm.Protocol("http://host:5985/wsman", username="u", password="p")
    head = protocol.build_wsman_header(f"{envelope.TRANSFER}/Get", SERVICE.uri)
    theirs = xmltodict.unparse({"env:Envelope": {**head, "env:Body": None}}).encode()
    assert reduced(envelope.build_get(SERVICE, {}).body) == reduced(theirs)
