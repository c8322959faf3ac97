# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What reads a host's bytes and texts, each with what it may raise: anything else is a bug.

A case that once was a bug is kept in C(once), and tried by every run.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import struct
import typing as t
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe import certificate as probe_certificate
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe import der, mcs, ntlm, tls, udp, x224
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.errors import ParseError
from ansible_collections.winfleet.rdp.plugins.plugin_utils import _rdp_file
from ansible_collections.winfleet.rdp.plugins.plugin_utils._action import EXPECTED
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim import (
    certificates,
    channels,
    descriptors,
    schema,
    tasks,
    values,
)
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.types import CimType, Kind
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model import sddl
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.change import Change
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.lease import Lease
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.plain import NotPlain, from_plain
from ansible_collections.winfleet.rdp.plugins.plugin_utils._observe._firewall_policy import parse_rule
from ansible_collections.winfleet.rdp.plugins.plugin_utils._sealed import Tampered, seal, unseal
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman import envelope
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.envelope import Request
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import WsmanError, WsmanFault
from hypothesis import strategies as st

from tests.fuzz.hosts import CHANGES, Edit, meet
from tests.fuzz.mutation import spoilt_bytes, spoilt_text
from tests.support.hostile import soap

NOW = datetime.datetime(2026, 1, 2, tzinfo=datetime.timezone.utc)
REQUEST = Request(b"", "uuid:1")


@dataclass(frozen=True)
class Target:
    """One reader.

    Attributes:
        read: takes what the strategy gives; the checks of what it returns are in it.
        raises: what it may raise.
        once: inputs that were bugs.
        moment: examples for a run of all tests.
    """

    read: Callable[[t.Any], object]
    given: st.SearchStrategy[t.Any]
    raises: tuple[type[Exception], ...] = ()
    once: tuple[t.Any, ...] = ()
    moment: int = 150

    def check(self, value: t.Any) -> None:
        """Read; let pass what may be raised."""
        with contextlib.suppress(*self.raises):
            self.read(value)


# --- WS-Management

_SERVICE = soap.service(
    Name="TermService", ProcessId="1", Started="true", InstallDate="<p:a>20200101000000.000000+000</p:a>"
)
_ITEM = (
    f"<w:Item>{_SERVICE}<a:EndpointReference><a:ReferenceParameters><w:ResourceURI>u</w:ResourceURI><w:SelectorSet>"
    '<w:Selector Name="Name">x</w:Selector></w:SelectorSet></a:ReferenceParameters></a:EndpointReference></w:Item>'
)
_FAULT = (
    "<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>w:InternalError</s:Value></s:Subcode></s:Code>"
    '<s:Reason><s:Text xml:lang="">no</s:Text></s:Reason><s:Detail><f:WSManFault Code="2150858793" Machine="h">'
    '<f:Message><f:ProviderFault provider="WMI" path="x.dll"><f:WSManFault Code="5"><f:Message>inner</f:Message>'
    "</f:WSManFault></f:ProviderFault></f:Message></f:WSManFault><p:MSFT_WmiError><p:CIMStatusCode>6</p:CIMStatusCode>"
    "<p:MessageID>HRESULT 0x80041002</p:MessageID><p:error_Code>2147749890</p:error_Code></p:MSFT_WmiError>"
    "</s:Detail></s:Fault>"
)


def _soap(text: str) -> None:
    reply = envelope.parse(text.encode("utf-8", "surrogatepass"), REQUEST)
    for item in envelope.read_batch(reply).items:
        if item.value is not None:
            values.read_instance(item.value, schema.WIN32_SERVICE)


def _fault(text: str) -> None:
    document = soap.envelope(text, "uuid:1").encode("utf-8", "surrogatepass")
    try:
        envelope.parse(document, REQUEST)
    except WsmanFault as fault:
        if not fault.hint or not (fault.code is None or 0 <= fault.code < 2**32):
            raise AssertionError("a fault without a hint, or with a code out of range") from fault
        raise


def _value(given: tuple[str, CimType]) -> None:
    text, kind = given
    reply = envelope.parse(soap.envelope(f"<p:X>{text}</p:X>", "uuid:1").encode("utf-8", "surrogatepass"), REQUEST)
    found = values.read_properties(reply.first, {"V": kind}).get("V") if reply.first is not None else None
    if isinstance(found, datetime.datetime):
        assert found.tzinfo is not None
        assert found.astimezone(datetime.timezone.utc) - NOW is not None


_VALUES = spoilt_text(
    "<p:V>1</p:V>",
    "<p:V>true</p:V><p:V>2</p:V>",
    "<p:V><cim:Datetime xmlns:cim='c'>2024-05-06T07:08:09.123Z</cim:Datetime></p:V>",
    "<p:V><p:I>0001-01-01T00:00:00+14:00</p:I></p:V>",
    "<p:V><p:I>9999-12-31T23:59:59-14:00</p:I></p:V>",
    "<p:V><p:I>P1DT2H3M4.5S</p:I></p:V>",
    "<p:V><p:I>20240506070809.123456+120</p:I></p:V>",
    "<p:V xsi:type='p:Win32_Service_Type'><p:Name>x</p:Name></p:V>",
)
_BEYOND_UTC = ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "00010101000000.000000+840")
_KINDS = st.sampled_from([CimType(kind, array, "Win32_Service") for kind in Kind for array in (False, True)])

_TASK = (
    '<Task version="1.2"><Triggers><TimeTrigger><StartBoundary>2024-01-01T00:00:00Z</StartBoundary></TimeTrigger>'
    "</Triggers><Principals><Principal><UserId>S-1-5-18</UserId></Principal></Principals><Settings><Enabled>true"
    "</Enabled></Settings><Actions><Exec><Command>cmd.exe</Command><Arguments>/c x</Arguments></Exec></Actions></Task>"
)
_EVENT = (
    "<Event><System><EventID>36871</EventID></System><EventData><Data Name='a'>1</Data></EventData>"
    "<UserData><x><y>2</y></x></UserData></Event>"
)

# --- what is in values

_RULE = (
    "v2.30|Action=Allow|Active=TRUE|Dir=In|Protocol=6|Profile=Domain|Profile=Private|LPort=3389|RA4=LocalSubnet|"
    r"App=%SystemRoot%\system32\svchost.exe|Svc=termservice|Name=@FirewallAPI.dll,-28775|"
)
_SDDL = "O:BAG:SYD:PAI(A;OICI;FA;;;SY)(D;;0x1f01ff;;;S-1-5-20)(A;ID;GR;;;AU)S:(AU;SA;FA;;;WD)"


def _sddl(text: str) -> None:
    found = sddl.parse(text)
    assert sddl.parse(str(found)) == found, "what is written is not what was read"


def _sid(packed: bytes) -> None:
    assert descriptors.pack_sid(descriptors.unpack_sid(packed))[1:] == packed[1:]


def _records(*records: tuple[int, bytes]) -> bytes:
    return b"".join(struct.pack("<III", number, 1, len(data)) + data for number, data in records)


def _key_info() -> bytes:
    text = "container\0provider\0".encode("utf-16-le")
    return struct.pack("<7I", 28, 28 + 20, 24, 0x20, 0, 0, 1) + text


def _sequence(*parts: bytes) -> bytes:
    return der.encode(der.SEQUENCE, b"".join(parts))


def _certificate() -> bytes:
    """A certificate's structure in few bytes; its signature is none."""
    name = _sequence(der.encode(0x31, _sequence(der.encode(6, b"\x55\x04\x03"), der.encode(0x0C, b"host"))))
    times = _sequence(der.encode(0x17, b"240101000000Z"), der.encode(0x18, b"20300101000000Z"))
    algorithm = _sequence(der.encode(6, bytes.fromhex("2a864886f70d01010b")), der.encode(5, b""))
    numbers = _sequence(der.encode(2, b"\x00\xc1" + bytes(31)), der.encode(2, b"\x01\x00\x01"))
    key = _sequence(_sequence(der.encode(6, bytes.fromhex("2a864886f70d010101"))), der.encode(3, b"\0" + numbers))
    usage = _sequence(
        der.encode(6, b"\x55\x1d\x25"), der.encode(4, _sequence(der.encode(6, b"\x2b\x06\x01\x05\x05\x07\x03\x01")))
    )
    names = _sequence(
        der.encode(6, b"\x55\x1d\x11"), der.encode(4, _sequence(der.encode(0x82, b"host"), der.encode(0x87, bytes(4))))
    )
    body = _sequence(
        der.encode(0xA0, der.encode(2, b"\x02")), der.encode(2, b"\x01"), algorithm, name, times, name, key,
        der.encode(0xA3, _sequence(usage, names)),
    )  # fmt: skip
    return _sequence(body, algorithm, der.encode(3, bytes(33)))


def _stored(blob: bytes) -> None:
    certificates.key_file_stem((certificates.parse(blob).key or certificates.KeyLink("", "", 0)).container)


def _shown(data: bytes) -> None:
    json.dumps(str(probe_certificate.read_certificate(data, NOW)))


def _challenge() -> bytes:
    names = b"".join(struct.pack("<HH", kind, 8) + "HOST".encode("utf-16-le") for kind in range(1, 6))
    info = names + struct.pack("<HHQ", 7, 8, 133_000_000_000_000_000) + bytes(4)
    head = struct.pack(
        "<8sLHHLL8s8sHHL", b"NTLMSSP\0", 2, 0, 0, 56, 0x02000000, bytes(8), bytes(8), len(info), len(info), 56
    )
    message = head + struct.pack("<BBH3xB", 10, 0, 20348, 15) + info
    tokens = der.encode(0xA1, _sequence(_sequence(der.encode(0xA0, der.encode(4, message)))))
    return _sequence(der.encode(0xA0, der.encode(2, b"\x06")), tokens)


_PLAIN_LEASE = '{"setting": "nla", "weakened": [0], "restores": 1, "lasts": 60, "until": "2026-01-01T00:00:00Z"}'
_PLAIN_CHANGE = (
    '{"kind": "registry", "item": "x", "before": {"type": "REG_SZ", "data": "a"}, "after": null, "undo": "exact"}'
)


def _plain(text: str) -> None:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return
    from_plain(t.cast(t.Any, Lease if "setting" in text else Change), data)


_DEEP = "[" * 100_000


def _rdp(text: str) -> None:
    found = _rdp_file.read(text)
    assert _rdp_file.read(_rdp_file.write(found)) == found, "what is written is not what was read"


TARGETS: Mapping[str, Target] = {
    "soap": Target(
        _soap,
        spoilt_text(soap.envelope(soap.batch(_ITEM), "uuid:1"), soap.envelope(_FAULT, "")),
        (WsmanError,),
    ),
    "faults": Target(_fault, spoilt_text(_FAULT), (WsmanError,)),
    "values": Target(
        _value,
        st.tuples(_VALUES, _KINDS),
        (WsmanError,),
        tuple((f"<p:V><p:I>{text}</p:I></p:V>", CimType(Kind.DATETIME)) for text in _BEYOND_UTC),
    ),
    "tasks": Target(tasks.parse, spoilt_text(_TASK), (WsmanError,)),
    "events": Target(
        lambda data: list(channels._events("Security", data)),
        spoilt_bytes(_EVENT.encode(), (_EVENT * 2).encode()),
        (WsmanError,),
        (f"<Event><System><EventID>{'9' * 5000}</EventID></System></Event>".encode(),),
    ),
    "certificate_blobs": Target(_stored, spoilt_bytes(_records((2, _key_info()), (32, _certificate()))), (WsmanError,)),
    "sddl": Target(_sddl, spoilt_text(_SDDL), (sddl.InvalidSddl,)),
    "firewall_rules": Target(lambda text: parse_rule("x", text), spoilt_text(_RULE)),
    "records": Target(_plain, spoilt_text(_PLAIN_LEASE, _PLAIN_CHANGE), (NotPlain,)),
    "seals": Target(
        unseal,
        spoilt_text(seal({"setting": "nla", "weakened": [0], "lease": {"until": "2026-01-01T00:00:00Z", "lasts": 60}})),
        (Tampered,),
        (f'{"0" * 32}{{"a":{_DEEP}}}',),
    ),
    "rdp_files": Target(
        _rdp,
        spoilt_text("full address:s:host:3389\r\nauthentication level:i:2\r\nuse multimon:i:0\r\nx:b:0aff\r\n"),
        (_rdp_file.NotAnRdpFile,),
    ),
    "x224": Target(
        x224.parse_confirm,
        spoilt_bytes(bytes.fromhex("0ed000001234000200080002000000"), bytes.fromhex("06d00000123400")),
        (ParseError,),
    ),
    "mcs": Target(
        mcs.parse_connect_response,
        spoilt_bytes(bytes.fromhex("02f0807f6603020a01000201003003020100040e000500147c00012a14760a0101000101")),
        (ParseError,),
    ),
    "ntlm": Target(lambda data: ntlm.parse_reply(data, NOW), spoilt_bytes(_challenge()), (ParseError,)),
    "certificates": Target(_shown, spoilt_bytes(_certificate())),
    "alerts": Target(tls.find_alert, spoilt_bytes(bytes.fromhex("15030300020228"), bytes.fromhex("1603030001020203"))),
    "sids": Target(
        _sid,
        spoilt_bytes(bytes.fromhex("010500000000000515000000010000000200000003000000f4010000")),
        (descriptors.Untold,),
    ),
    "hosts": Target(meet, CHANGES, EXPECTED, (("certificate_expired", "2016", [Edit(0, 0, 1, "-1")]),), 12),
    "udp": Target(
        lambda data: udp.parse_syn_ack(data, 1),
        spoilt_bytes(struct.pack(">LHHLHH", 1, 64, 5, 2, 1232, 1232)),
        (ParseError,),
    ),
}
"""All readers by name."""
