# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The NTLM stage: one CredSSP message with an NTLM NEGOTIATE, and the names, build and clock in the CHALLENGE.

No credentials are sent. FOR INTERNAL COLLECTION USE ONLY. Layouts: MS-CSSP 2.2.1 (TSRequest); MS-NLMP 2.2.1.1
(NEGOTIATE), 2.2.1.2 (CHALLENGE), 2.2.2.1 (AV_PAIR), 2.2.2.10 (VERSION).
"""

from __future__ import annotations

import codecs
import dataclasses
import datetime
import struct
import typing as t

from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe import der
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.certificate import iso_time
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.errors import (
    ParseError,
    StreamClosedError,
    StreamTimeoutError,
)

if t.TYPE_CHECKING:  # pragma: no cover
    from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.tls import TlsChannel

_CREDSSP_VERSION = 6
_UTF_16 = codecs.lookup("utf-16-le")
_SIGNATURE = b"NTLMSSP\x00"
_NEGOTIATE, _CHALLENGE = 1, 2
# 56, KEY_EXCH, 128, VERSION, EXTENDED_SESSIONSECURITY, ALWAYS_SIGN, NTLM, LM_KEY, SEAL, SIGN, TARGET, OEM, UNICODE
_NEGOTIATE_FLAGS = 0xE20882B7
_FLAG_VERSION = 0x02000000
_VERSION = struct.Struct("<BBH3xB")
_CHALLENGE_HEAD = struct.Struct("<8sLHHLL8s8sHHL")
_AV_HEAD = struct.Struct("<HH")
_AV_END, _AV_TIMESTAMP = 0, 7
_AV_NAMES: dict[int, str] = {
    1: "netbios_name",
    2: "netbios_domain",
    3: "dns_name",
    4: "dns_domain",
    5: "dns_forest",
}
_LONGEST_REPLY = 16384
_FILETIME_EPOCH = datetime.datetime(1601, 1, 1, tzinfo=datetime.timezone.utc)


@dataclasses.dataclass(frozen=True)
class NtlmResult:
    """What the host says about itself before anybody logs on.

    Attributes:
        verdict: `challenge`, `closed` (after our NEGOTIATE), `refused` (by a CredSSP error), `timeout`, `not_ntlm`,
            `not_offered` (no CredSSP negotiated) or `skipped`.
        build: Windows version such as `10.0.20348`.
        server_time: ISO 8601, UTC.
        skew_seconds: How far the host's clock is ahead of ours; negative when behind.
        credssp_version: 6 since the update for CVE-2018-0886 (MS-CSSP 2.2.1).
        error: What went wrong.
    """

    verdict: str = "skipped"
    netbios_name: str | None = None
    netbios_domain: str | None = None
    dns_name: str | None = None
    dns_domain: str | None = None
    dns_forest: str | None = None
    build: str | None = None
    server_time: str | None = None
    skew_seconds: float | None = None
    credssp_version: int | None = None
    error: str | None = None


def negotiate_message() -> bytes:
    """Form a CredSSP TSRequest that holds an NTLM NEGOTIATE without names."""
    ntlm = struct.pack("<8sLL", _SIGNATURE, _NEGOTIATE, _NEGOTIATE_FLAGS) + bytes(16) + _VERSION.pack(10, 0, 17763, 15)
    token = der.encode(der.SEQUENCE, der.encode(0xA0, der.encode(der.OCTET_STRING, ntlm)))
    version = der.encode(0xA0, der.encode(der.INTEGER, bytes((_CREDSSP_VERSION,))))
    return der.encode(der.SEQUENCE, version + der.encode(0xA1, der.encode(der.SEQUENCE, token)))


def challenge(channel: TlsChannel) -> NtlmResult:
    """Ask for the CHALLENGE over TLS; raises nothing that the host can cause."""
    try:
        channel.send(negotiate_message())
        return parse_reply(read_reply(channel), datetime.datetime.now(datetime.timezone.utc))
    except StreamTimeoutError as error:
        return NtlmResult("timeout", error=str(error))
    except StreamClosedError as error:
        return NtlmResult("closed", error=str(error))
    except ParseError as error:
        return NtlmResult("not_ntlm", error=str(error))


def read_reply(channel: TlsChannel, begun: bytes = b"") -> bytes:
    """Read one DER element, of which `begun` has come already; raises ParseError and StreamError."""
    data = begun or channel.receive(_LONGEST_REPLY)
    if data[0] != der.SEQUENCE:
        raise ParseError("no CredSSP message", data)
    while True:
        length = der.total_length(data)
        if length is not None and length > _LONGEST_REPLY:
            raise ParseError("the CredSSP message is too long", data)
        if length is not None and len(data) >= length:
            return data[:length]
        data += channel.receive(_LONGEST_REPLY)


def parse_reply(data: bytes, now: datetime.datetime) -> NtlmResult:
    """Read a TSRequest from the host, which came at `now` (with a time zone); raises ParseError."""
    fields = {field.tag: field for field in der.parse(data).expect(der.SEQUENCE).children()}
    version = _optional_integer(fields.get(0xA0))
    status = _optional_integer(fields.get(0xA4))
    if status is not None:
        return NtlmResult("refused", credssp_version=version, error=f"CredSSP error 0x{status & 0xFFFFFFFF:08X}")
    tokens = fields.get(0xA1)
    if tokens is None:
        raise ParseError("the CredSSP message holds no token", data)
    return dataclasses.replace(parse_challenge(tokens.content, now), credssp_version=version)


def _optional_integer(field: der.Element | None) -> int | None:
    """Read an explicitly tagged INTEGER when it is there; raises ParseError."""
    return None if field is None else der.integer(der.parse(field.content))


def parse_challenge(data: bytes, now: datetime.datetime) -> NtlmResult:
    """Read the first NTLM CHALLENGE within `data`, bare or inside SPNEGO; raises ParseError."""
    start = data.find(_SIGNATURE)
    message = data[start:] if start >= 0 else b""
    if len(message) < _CHALLENGE_HEAD.size:
        raise ParseError("no NTLM message in the CredSSP token", data)
    head = _CHALLENGE_HEAD.unpack_from(message)
    kind, flags, length, offset = head[1], head[5], head[8], head[10]
    if kind != _CHALLENGE or offset + length > len(message):
        raise ParseError("the NTLM message is no whole CHALLENGE", data)
    return NtlmResult("challenge", build=_build(message, flags), **_target_info(message[offset : offset + length], now))


def _build(message: bytes, flags: int) -> str | None:
    """Read the VERSION that follows the head when the flag says that it is there."""
    if not flags & _FLAG_VERSION or len(message) < _CHALLENGE_HEAD.size + _VERSION.size:
        return None
    major, minor, build, _dummy = _VERSION.unpack_from(message, _CHALLENGE_HEAD.size)
    return f"{major}.{minor}.{build}"


def _target_info(data: bytes, now: datetime.datetime) -> dict[str, t.Any]:
    """Read names and clock from the AV_PAIRs; raises ParseError."""
    found: dict[str, t.Any] = {}
    for kind, value in _av_pairs(data):
        if kind in _AV_NAMES:
            found[_AV_NAMES[kind]] = _UTF_16.decode(value, "replace")[0]
        elif kind == _AV_TIMESTAMP:
            found.update(_clock(value, now))
    return found


def _av_pairs(data: bytes) -> t.Iterator[tuple[int, bytes]]:
    """Yield the pairs before MsvAvEOL; raises ParseError at the end when that is missing, as when one is cut off."""
    position = 0
    while position + _AV_HEAD.size <= len(data):
        kind, length = _AV_HEAD.unpack_from(data, position)
        if kind == _AV_END:
            return
        position += _AV_HEAD.size + length
        yield kind, data[position - length : position]
    raise ParseError("the NTLM target information is cut off", data)


def _clock(value: bytes, now: datetime.datetime) -> dict[str, t.Any]:
    """Read a FILETIME: 100 ns since 1601, UTC (MS-DTYP 2.3.3); raises ParseError."""
    if len(value) != 8:
        raise ParseError("the NTLM timestamp has a wrong length", value)
    try:
        moment = _FILETIME_EPOCH + datetime.timedelta(microseconds=int.from_bytes(value, "little") // 10)
    except OverflowError as error:
        raise ParseError("the NTLM timestamp is out of range", value) from error
    return {"server_time": iso_time(moment), "skew_seconds": round((moment - now).total_seconds(), 1)}
