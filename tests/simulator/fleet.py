# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many simulated hosts in one process, each on its own loopback address with real ports."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import resource
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone

from tests.simulator import powershell
from tests.simulator.host import DEFAULT_CREDENTIAL, Place, SimulatedHost
from tests.simulator.http.server import Server, serve
from tests.simulator.rdp.ports import RdpPorts
from tests.simulator.windows.clock import Clock
from tests.simulator.windows.editions import FLEET_VERSIONS

LOG = logging.getLogger(__name__)
HTTP_PORT, HTTPS_PORT = 5985, 5986
HOSTS_PER_BLOCK = 250
MOST_HOSTS = 250 * HOSTS_PER_BLOCK
TICK_SECONDS = 0.25
LANGUAGE_MIX = ("en", "en", "en", "de", "ja")
SOCKETS_PER_HOST = 3


class NoFreeNetwork(OSError):
    """No part of 127.0.0.0/8 is free."""


@dataclass(frozen=True)
class Plan:
    """What one host shall be."""

    name: str
    address: str
    version: str
    language: str
    breakages: tuple[str, ...] = ()
    traits: tuple[str, ...] = ()


@dataclass(frozen=True)
class FleetOptions:
    """What the whole fleet shall be. The mappings are by host name; ``network`` is like ``127.42``, empty for any.

    ``latency`` is in seconds for each exchange; ``instant_powershell`` is told in `tests.simulator.powershell`.
    """

    hosts: int
    seed: int = 0
    auth: str = "ntlm"
    https: bool = False
    network: str = ""
    breakages: Mapping[str, Sequence[str]] = field(default_factory=dict)
    traits: Mapping[str, Sequence[str]] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    languages: Mapping[str, str] = field(default_factory=dict)
    switches: Mapping[str, object] = field(default_factory=dict)
    password: str = DEFAULT_CREDENTIAL
    channel_binding: str = "Relaxed"
    latency: float = 0.0
    instant_powershell: bool = False

    @property
    def secure(self) -> bool:
        """Whether WinRM is reached over HTTPS."""
        return self.https or self.auth in ("certificate", "every")

    @property
    def ports(self) -> tuple[int, ...]:
        """WinRM's ports: one, or both where every way of authentication is open."""
        return (HTTP_PORT, HTTPS_PORT) if self.auth == "every" else (HTTPS_PORT if self.secure else HTTP_PORT,)

    def winrm(self) -> dict[str, object]:
        """WinRM's own settings that this way of authentication needs."""
        unencrypted = self.auth == "basic" and not self.secure
        return {
            **{name: self.auth in (name.lower(), "every") for name in ("Basic", "Certificate", "CredSSP")},
            "Negotiate": True, "AllowUnencrypted": unencrypted, "CbtHardeningLevel": self.channel_binding,
        }  # fmt: skip


def plan_fleet(options: FleetOptions, network: str) -> list[Plan]:
    """Name, address, version and language of each host; the mix follows from the seed alone.

    Raises ValueError for a name in ``options`` that no host has.
    """
    if not 0 < options.hosts <= MOST_HOSTS:
        raise ValueError(f"the number of hosts must be 1 to {MOST_HOSTS}")
    width = max(3, len(str(options.hosts)))
    names = [f"host{number:0{width}}" for number in range(1, options.hosts + 1)]
    for given in (options.breakages, options.traits, options.versions, options.languages):
        strangers = set(given) - set(names)
        if strangers:
            raise ValueError(f"no such host: {', '.join(sorted(strangers))} (hosts are {names[0]} to {names[-1]})")
    return [_plan(options, network, number, name) for number, name in enumerate(names)]


def _plan(options: FleetOptions, network: str, number: int, name: str) -> Plan:
    rng = random.Random(f"{options.seed}/{name}")
    version, language = rng.choice(FLEET_VERSIONS), rng.choice(LANGUAGE_MIX)
    return Plan(
        name, f"{network}.{number // HOSTS_PER_BLOCK}.{number % HOSTS_PER_BLOCK + 1}",
        options.versions.get(name, version), options.languages.get(name, language),
        tuple(options.breakages.get(name, ())), tuple(options.traits.get(name, ())),
    )  # fmt: skip


@dataclass
class Member:
    """One running host."""

    plan: Plan
    host: SimulatedHost
    server: Server
    ports: RdpPorts
    winrm_open: bool = True
    written: bool = False
    moving: asyncio.Task[None] | None = None

    def reconcile(self) -> None:
        """Make RDP's and WinRM's sockets agree with the host's state."""
        self.ports.reconcile()
        wanted = self.host.winrm_open()
        if wanted != self.winrm_open and (self.moving is None or self.moving.done()):
            self.winrm_open = wanted
            self.moving = asyncio.ensure_future(
                self.server.start_listening() if wanted else self.server.stop_listening()
            )

    async def settled(self) -> None:
        """Wait until WinRM's ports are as the last `reconcile` wanted them."""
        if self.moving is not None:
            await self.moving

    def tick(self) -> None:
        """Let the host's clock do what is due, and WinRM's ports follow what has been written."""
        if self.host.clock.run_due() or self.written:
            self.written = False
            self.reconcile()

    def changed(self) -> None:
        """Something was written: RDP's ports follow at once, WinRM's after the answer is out."""
        self.written = True
        self.ports.reconcile()

    def reset_counters(self) -> None:
        """Count from zero."""
        self.host.counters.reset()
        self.server.traffic.__init__()  # type: ignore[misc]  # the server keeps this very object

    def counters(self) -> dict[str, object]:
        """The host's counters with the traffic of its WinRM ports."""
        traffic = self.server.traffic
        return {
            **self.host.counters.to_json(), "requests": traffic.requests, "connections": traffic.connections,
            "wire_bytes_in": traffic.received, "wire_bytes_out": traffic.sent, "sealed_messages": traffic.sealed,
            "unsealed_messages": traffic.unsealed, "logons": dict(traffic.logons),
        }  # fmt: skip


class Fleet:
    """All hosts of a process."""

    def __init__(self, options: FleetOptions) -> None:
        self.options = options
        self.members: dict[str, Member] = {}
        self.network, self._guard = claim_network(options.network)
        self.plans = plan_fleet(options, self.network)

    async def start(
        self, tls: ssl.SSLContext | None = None, client_certificate: bytes = b"", channel: bytes = b""
    ) -> None:
        """Build every host and open its ports; ``tls``, the client's DER and the channel's name are for HTTPS."""
        raise_file_limit(SOCKETS_PER_HOST * len(self.plans) + 200)
        for plan in self.plans:
            self.members[plan.name] = await self._start(plan, tls, client_certificate, channel)

    async def _start(self, plan: Plan, tls: ssl.SSLContext | None, client_certificate: bytes, channel: bytes) -> Member:
        clock = Clock(datetime.now(timezone.utc), ticking=True)
        host = SimulatedHost.build(
            plan.version, plan.language, breakages=plan.breakages, traits=plan.traits, switches=self.options.switches,
            seed=self.options.seed, place=Place(plan.name, clock, self.options.password, self.options.winrm()),
        )  # fmt: skip
        host.powershell = powershell.answer if self.options.instant_powershell else None
        machine = host.windows.machine
        machine.address = machine.own_address = plan.address
        if client_certificate:
            machine.certificates[client_certificate] = "Administrator"
        host.windows.network.winrm_ports = self.options.ports
        http, https = (port if port in self.options.ports else None for port in (HTTP_PORT, HTTPS_PORT))
        server = await serve(host, plan.address, http, https, tls, engine=host.engine, channel=channel)
        server.latency = self.options.latency
        ports = RdpPorts(host.windows, plan.address, lambda: self._connected(host), self.options.latency)
        member = Member(plan, host, server, ports)
        host.changed.append(member.changed)
        member.reconcile()
        return member

    @staticmethod
    def _connected(host: SimulatedHost) -> None:
        host.counters.rdp_connections += 1

    async def run(self, stop: asyncio.Event) -> None:
        """Let time pass for all hosts until ``stop``."""
        while not stop.is_set():
            for member in self.members.values():
                _tick(member)
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(stop.wait(), TICK_SECONDS)

    async def close(self) -> None:
        """Close all ports."""
        for member in self.members.values():
            member.ports.close()
            await member.server.close()
        self._guard.close()

    def advance(self, seconds: float, names: Sequence[str] = ()) -> None:
        """Let time pass faster, for some hosts or for all."""
        for name in names or list(self.members):
            member = self.members[name]
            member.host.clock.advance(seconds)
            member.reconcile()


def _tick(member: Member) -> None:
    """A mistake in one host is told on stderr, and leaves the others running."""
    try:
        member.tick()
    except Exception:
        LOG.exception("%s: time did not pass", member.plan.name)


def claim_network(wanted: str = "") -> tuple[str, socket.socket]:
    """A free ``127.X`` and a socket that keeps other fleets out. Raises NoFreeNetwork."""
    for network in [wanted] if wanted else _candidates():
        guard = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            guard.bind((f"{network}.255.254", HTTP_PORT))
        except OSError:
            guard.close()
        else:
            guard.listen(1)
            return network, guard
    raise NoFreeNetwork(f"no free network {wanted or '127.0.0.0/8'}")


def _candidates() -> Iterator[str]:
    numbers = list(range(20, 250))
    random.shuffle(numbers)
    return (f"127.{number}" for number in numbers)


def raise_file_limit(needed: int) -> None:
    """Allow the process as many open files as the system lets it have. Raises OSError when those are too few."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise OSError(f"{needed} open files are needed, the hard limit is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
