# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The RDP handshake tried from outside, as far as it goes without credentials.

FOR INTERNAL COLLECTION USE ONLY. Standard library only, so that it runs on any node; safe in many threads at once.
"""

from __future__ import annotations

import dataclasses
import datetime
import time
import typing as t

from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.certificate import iso_time
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.dialogue import Dialogue
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.errors import ConnectError
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.matrix import X224Result
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.mcs import NativeResult
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.name import NameResult, resolve
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.ntlm import NtlmResult
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.options import ProbeOptions
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.quality import Quality, measure
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.stream import connect
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.summary import failed_stage, summarise
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.tls import TlsResult
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.udp import UdpResult, ask_udp
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.visible import one_line

if t.TYPE_CHECKING:  # pragma: no cover
    import socket

__all__ = ["ProbeOptions", "probe"]

#: Which failure to tell when several addresses fail: the one that says most about the host.
_TELLING = ("refused", "timeout", "unreachable", "error")


@dataclasses.dataclass(frozen=True)
class Attempt:
    """How one address of several failed to connect."""

    address: str
    verdict: str
    error: str


@dataclasses.dataclass(frozen=True)
class TcpResult:
    """How the connection came about.

    Attributes:
        verdict: `open`, `refused`, `timeout`, `unreachable`, `error` or `skipped`.
        connect_ms: How long it took.
        error: Why it failed, in the system's words.
        attempts: The addresses that failed.
    """

    verdict: str = "skipped"
    connect_ms: float | None = None
    error: str | None = None
    attempts: tuple[Attempt, ...] = ()


@dataclasses.dataclass(frozen=True)
class Report:
    """All results; `stage` is the one that failed, or `complete`."""

    host: str
    port: int
    address: str | None
    taken_at: str
    name: NameResult
    tcp: TcpResult = dataclasses.field(default_factory=TcpResult)
    x224: X224Result = dataclasses.field(default_factory=X224Result)
    tls: TlsResult = dataclasses.field(default_factory=TlsResult)
    ntlm: NtlmResult = dataclasses.field(default_factory=NtlmResult)
    udp: UdpResult = dataclasses.field(default_factory=UdpResult)
    native: NativeResult = dataclasses.field(default_factory=NativeResult)
    quality: Quality | None = None
    stage: str = "name"
    passed: bool = False
    summary: str = ""


def probe(options: ProbeOptions) -> dict[str, t.Any]:
    """Run the stages and return the report as plain data; raises nothing that the host can cause.

    The shape is the RETURN of the module `probe_info`.
    """
    report = _run(options)
    report = dataclasses.replace(report, stage=failed_stage(report))
    report = dataclasses.replace(report, passed=report.stage == "complete", summary=summarise(report))
    plain: dict[str, t.Any] = _plain(report)
    return plain


def _run(options: ProbeOptions) -> Report:
    """Run stage after stage; the report still lacks its conclusion."""
    taken_at = iso_time(datetime.datetime.now(datetime.timezone.utc))
    name = resolve(options.host, options.timeout)
    address = name.addresses[0] if name.addresses else None
    report = Report(options.host, options.port, address, taken_at, name)
    if address is None or not (options.runs("tcp") or options.udp or options.samples):
        return report
    if options.runs("tcp"):
        report = _run_tcp(options, report)
    return _run_extras(options, report)


def _run_tcp(options: ProbeOptions, report: Report) -> Report:
    """Connect, and talk on that connection."""
    tcp, address, sock = _connect_any(report.name.addresses, options.port, options.timeout)
    report = dataclasses.replace(report, tcp=tcp, address=address)
    if sock is None:
        return report
    if not options.runs("x224"):
        sock.close()
        return report
    dialogue = Dialogue(options, address)
    dialogue.run(sock)
    return dataclasses.replace(report, x224=dialogue.x224, tls=dialogue.tls, ntlm=dialogue.ntlm, native=dialogue.native)


def _connect_any(addresses: t.Sequence[str], port: int, seconds: float) -> tuple[TcpResult, str, socket.socket | None]:
    """Try each address with its share of the time left; return the result, its address and the connection."""
    deadline = time.monotonic() + seconds
    attempts: list[Attempt] = []
    for index, address in enumerate(addresses):
        started = time.monotonic()
        try:
            sock = connect(address, port, (deadline - started) / (len(addresses) - index))
        except ConnectError as error:
            attempts.append(Attempt(address, error.verdict, str(error)))
            continue
        elapsed = round((time.monotonic() - started) * 1000, 2)
        return TcpResult("open", elapsed, attempts=tuple(attempts)), address, sock
    worst = min(attempts, key=lambda attempt: _TELLING.index(attempt.verdict))
    return TcpResult(worst.verdict, error=worst.error, attempts=tuple(attempts)), worst.address, None


def _run_extras(options: ProbeOptions, report: Report) -> Report:
    """Try UDP and measure the path where that was asked for."""
    if report.address is None:
        return report
    udp, quality = report.udp, report.quality
    if options.udp:
        udp = ask_udp(report.address, options.port, options.timeout)
    if options.samples and report.tcp.verdict in ("open", "skipped"):
        quality = measure(report.address, options.port, options.samples, options.timeout, options.pause)
    return dataclasses.replace(report, udp=udp, quality=quality)


def _plain(value: t.Any) -> t.Any:
    """Turn dataclasses, tuples and mappings into what JSON has; keys become strings, texts are on one line."""
    if dataclasses.is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, t.Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    return one_line(value) if isinstance(value, str) else value
