# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Attacks by means of XML and SOAP. Each gives the body of one answer, for the request that it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.support.hostile.http import answer
from tests.support.hostile.server import Attack, Request

Body = Callable[[Request], bytes]

NAMESPACES = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "a": "http://schemas.xmlsoap.org/ws/2004/08/addressing",
    "w": "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd",
    "n": "http://schemas.xmlsoap.org/ws/2004/09/enumeration",
    "x": "http://schemas.xmlsoap.org/ws/2004/09/transfer",
    "f": "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault",
    "p": "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/cimv2/Win32_Service",
    "xsi": "http://www.w3.org/2001/XMLSchema-instance",
}
_DECLARED = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items())

SECRET_FILE = "file:///etc/hostname"
MILLION = 1_000_000


def envelope(body: str, relates_to: str, prologue: str = "", header: str = "") -> str:
    """A SOAP envelope in Windows' own prefixes."""
    related = f"<a:RelatesTo>{relates_to}</a:RelatesTo>"
    return (
        f"{prologue}<s:Envelope {_DECLARED}><s:Header>{related}{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
    )


def batch(items: str, context: str = "", ended: bool = True, name: str = "EnumerateResponse") -> str:
    """The answer to Enumerate or Pull."""
    end = "<w:EndOfSequence/>" if ended else ""
    return f"<n:{name}><n:EnumerationContext>{context}</n:EnumerationContext><w:Items>{items}</w:Items>{end}</n:{name}>"


def service(**properties: str) -> str:
    """An instance of Win32_Service; the values are markup."""
    written = "".join(f"<p:{name}>{value}</p:{name}>" for name, value in properties.items())
    return f"<p:Win32_Service>{written}</p:Win32_Service>"


def wrapped(body: str, prologue: str = "", encoding: str = "utf-8") -> Body:
    """This content in an envelope that belongs to the request."""
    return lambda request: envelope(body, request.message_id, prologue).encode(encoding, "surrogatepass")


def entities(levels: int) -> str:
    """The billion laughs: ten to the power of C(levels) characters."""
    more = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, levels + 1))
    return f'<!DOCTYPE s:Envelope [<!ENTITY e0 "ha">{more}]>'


REFUSED: Mapping[str, Body] = {
    "entity bomb": wrapped("&e9;", entities(9)),
    "quadratic bomb": wrapped("&e0;" * 20000, f'<!DOCTYPE a [<!ENTITY e0 "{"x" * 50000}">]>'),
    "DTD": wrapped("", "<!DOCTYPE a>"),
    "external entity": wrapped("&e;", f'<!DOCTYPE a [<!ENTITY e SYSTEM "{SECRET_FILE}">]>'),
    "external subset": wrapped("", '<!DOCTYPE a SYSTEM "http://127.0.0.1:1/x.dtd">'),
    "parameter entity": wrapped("", f'<!DOCTYPE a [<!ENTITY % e SYSTEM "{SECRET_FILE}">%e;]>'),
    "deep": wrapped("<a>" * 100_000 + "</a>" * 100_000),
    "deep and not closed": wrapped("<a>" * 150_000),
    "wide": wrapped("<a/>" * 500_000),
    "attributes": wrapped("<a " + " ".join(f"b{n}=''" for n in range(500_000)) + "/>"),
    "namespaces": wrapped("<a " + " ".join(f"xmlns:b{n}='u'" for n in range(400_000)) + "/>"),
    "long namespace": wrapped(
        f"<y:a xmlns:y='{'u' * MILLION}'>" + "".join(f"<y:a{n}/>" for n in range(90_000)) + "</y:a>"
    ),
    "NUL": wrapped("<a>\0</a>"),
    "control characters": wrapped("<a>\x01\x08\x1b[2J</a>"),
    "references to control characters": wrapped("<a>&#27;[2J&#0;</a>"),
    "surrogates": wrapped("<a>\ud800</a>"),
    "broken UTF-8": lambda request: b"<a>\xff\xfe\xc0\x80</a>",
    "UTF-7": wrapped("+ADw-a+AD4-", '<?xml version="1.0" encoding="utf-7"?>'),
    "UTF-32": wrapped("", '<?xml version="1.0" encoding="utf-32"?>', "utf-32"),
    "EBCDIC": wrapped("", '<?xml version="1.0" encoding="cp037"?>'),
    "encoding that is no text": wrapped("", '<?xml version="1.0" encoding="base64"?>'),
    "wrong RelatesTo": lambda request: envelope(batch(""), "uuid:00000000-0000-0000-0000-000000000000").encode(),
    "no RelatesTo": lambda request: envelope(batch(""), "").encode(),
    "two envelopes": lambda request: envelope(batch(""), request.message_id).encode() * 2,
    "SOAP 1.1": lambda request: (
        b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body/></s:Envelope>'
    ),
    "no envelope": lambda request: b"<html/>",
    "no body": lambda request: b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"/>',
    "empty body": wrapped(""),
    "the request itself": lambda request: request.body,
    "answer to another operation": wrapped("<x:ResourceCreated/>"),
    "items that hold nothing": wrapped(batch("<w:Item/>")),
    "reference to nothing": wrapped(batch("<w:Item><a:EndpointReference/></w:Item>")),
    "empty context": wrapped(batch("", ended=False)),
    "text for a number": wrapped(batch(service(ProcessId="many"))),
    "number out of range": wrapped(batch(service(ProcessId="4294967296"))),
    "number far below zero": wrapped(batch(service(ProcessId="-2147483649"))),
    "number of a million digits": wrapped(batch(service(ProcessId="9" * MILLION))),
    "number with underscores": wrapped(batch(service(ProcessId="1_0"))),
    "Arabic digits": wrapped(batch(service(ProcessId="\u0661\u0662"))),
    "text for a truth value": wrapped(batch(service(Started="perhaps"))),
    "element for a number": wrapped(batch(service(ProcessId="<p:a/>"))),
    "fault": wrapped("<s:Fault/>"),
    "fault with junk": wrapped(
        "<s:Fault><s:Code><s:Subcode><s:Value>:::</s:Value></s:Subcode></s:Code>"
        "<s:Reason><s:Text>\x9b2J{{ 1 }}</s:Text></s:Reason>"
        f'<s:Detail><f:WSManFault Code="{"9" * 10000}"/></s:Detail></s:Fault>'
    ),
}
"""What must end in an error of ours, whatever else becomes of it."""


def soap(body: Body) -> Attack:
    """The attack over HTTP."""
    return lambda request: [answer(body(request))]


def endless_pulls(size: int = 1) -> Attack:
    """An enumeration that gives something with every Pull, with a new context each time, and never ends."""

    def attack(request: Request) -> list[bytes]:
        name = "PullResponse" if request.action == "Pull" else "EnumerateResponse"
        content = batch(service(Name="x" * size), f"context-{request.number}", ended=False, name=name)
        return [answer(envelope(content, request.message_id).encode())]

    return attack


def patient_host(request: Request) -> list[bytes]:
    """An enumeration whose every Pull times out, which leaves its context good."""
    if request.action == "Enumerate":
        return [answer(envelope(batch("", "context", ended=False), request.message_id).encode())]
    fault = (
        "<s:Fault><s:Code><s:Value>s:Receiver</s:Value><s:Subcode><s:Value>w:TimedOut</s:Value></s:Subcode></s:Code>"
        '<s:Detail><f:WSManFault Code="2150858793"/></s:Detail></s:Fault>'
    )
    return [answer(envelope(fault, request.message_id).encode(), "500 Internal Server Error")]


def _shell(received: str) -> Body:
    """A shell that opens and runs, and answers each Receive with this."""

    def body(request: Request) -> bytes:
        created = (
            "<x:ResourceCreated><a:ReferenceParameters><w:ResourceURI>u</w:ResourceURI><w:SelectorSet>"
            '<w:Selector Name="ShellId">1</w:Selector></w:SelectorSet></a:ReferenceParameters></x:ResourceCreated>'
        )
        answers = {
            "Create": created,
            "Command": "<p:CommandResponse><p:CommandId>1</p:CommandId></p:CommandResponse>",
            "Receive": f"<p:ReceiveResponse>{received}</p:ReceiveResponse>",
        }
        return envelope(answers.get(request.action, "<p:Done/>"), request.message_id).encode()

    return body


def _done(code: str) -> str:
    return f'<p:CommandState State="CommandState/Done"><p:ExitCode>{code}</p:ExitCode></p:CommandState>'


SHELL: Mapping[str, Body] = {
    "no end": _shell(""),
    "output without end": _shell(f'<p:Stream Name="stdout">{"QUFB" * 100_000}</p:Stream>'),
    "streams without end": _shell("".join(f'<p:Stream Name="{n}">QUFB</p:Stream>' for n in range(20_000))),
    "no base64": _shell('<p:Stream Name="stdout">*</p:Stream>'),
    "base64 in Cyrillic": _shell('<p:Stream Name="stdout">\u0430</p:Stream>'),
    "exit code that is no number": _shell(_done("x")),
    "exit code with two signs": _shell(_done("--1")),
    "exit code in Arabic digits": _shell(_done("\u0661")),
    "exit code of a million digits": _shell(_done("9" * MILLION)),
}
"""Shells whose commands come to no good end."""
