# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What one host costs on the wire: operations and bytes of a whole remediation, in process.

Counted are SOAP messages and their bytes as they are before HTTP and message encryption, which add headers of their own
to each operation and do not depend on what is asked.
"""

from __future__ import annotations

import re
import typing as t
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ansible_collections.winfleet.rdp.plugins.plugin_utils import _result
from ansible_collections.winfleet.rdp.plugins.plugin_utils._course import Limits
from ansible_collections.winfleet.rdp.plugins.plugin_utils._examine import examine
from ansible_collections.winfleet.rdp.plugins.plugin_utils._host import Host
from ansible_collections.winfleet.rdp.plugins.plugin_utils._job import Job
from ansible_collections.winfleet.rdp.plugins.plugin_utils._loop import remediate

from tests.simulator.host import SimulatedHost
from tests.support.in_process import Wire, prober

_ACTION = re.compile(rb"<a:Action[^>]*>([^<]*)<")
_RESOURCE = re.compile(rb"<w:ResourceURI[^>]*>([^<]*)<")
_FROM = re.compile(rb" from (\w+)")
_VALUE_NAME = re.compile(rb"<m:sValueName>([^<]*)<")
_KEY = re.compile(rb"<m:sSubKeyName>([^<]*)<")


@dataclass
class Amount:
    """Operations, and bytes to the host and from it."""

    operations: int = 0
    up: int = 0
    down: int = 0

    @property
    def bytes(self) -> int:
        return self.up + self.down

    def add(self, other: Amount) -> None:
        self.operations += other.operations
        self.up += other.up
        self.down += other.down


@dataclass
class Meter(Wire):
    """A wire that remembers each message: what it asked for, of what, and its size with that of its answer."""

    log: list[tuple[str, str, Amount]] = field(default_factory=list)

    def send(self, body: bytes, *, repeatable: bool) -> bytes:
        answer = super().send(body, repeatable=repeatable)
        self.log.append((kind(body), subject(body), Amount(1, len(body), len(answer))))
        return answer

    @property
    def total(self) -> Amount:
        total = Amount()
        for _kind, _subject, amount in self.log:
            total.add(amount)
        return total

    def by_kind(self) -> Mapping[str, Amount]:
        """What each class and method cost, the most bytes first."""
        found: dict[str, Amount] = defaultdict(Amount)
        for name, _subject, amount in self.log:
            found[name].add(amount)
        return dict(sorted(found.items(), key=lambda item: -item[1].bytes))


def kind(body: bytes) -> str:
    """Class and method of a message, such as C(StdRegProv.EnumKey) or C(Enumerate Win32_Service)."""
    action, resource = (_first(pattern, body) for pattern in (_ACTION, _RESOURCE))
    name, wanted = action.rpartition("/")[2], resource.rpartition("/")[2]
    if wanted == "*":
        return f"{name} {_first(_FROM, body)}".strip()
    return f"{wanted}.{name}" if action.startswith(resource.rpartition("/")[0]) else f"{name} {wanted}"


def subject(body: bytes) -> str:
    """The registry key and value that a message is about; empty for other messages."""
    return "\\".join(filter(None, (_first(pattern, body) for pattern in (_KEY, _VALUE_NAME))))


def _first(pattern: re.Pattern[bytes], body: bytes) -> str:
    match = pattern.search(body)
    return match[1].decode() if match else ""


@dataclass(frozen=True)
class Cost:
    """What one host took from the first probe to the verdict, and what its result says."""

    planted: tuple[str, ...]
    version: str
    verdict: str
    meter: Meter
    result: Mapping[str, t.Any]
    diagnosis: Mapping[str, t.Any]


def cost(planted: Iterable[str], version: str, switches: Mapping[str, object] = MappingProxyType({})) -> Cost:
    """The whole remediation of a host with these breakages, as the module does it with its defaults."""
    names = tuple(planted)
    simulated = SimulatedHost.build(version, breakages=names, switches=switches)
    meter = Meter(simulated)
    clock = simulated.clock
    host = Host(
        simulated.name,
        t.cast(t.Any, meter),
        sleep=clock.advance,
        now=clock.now,
        monotonic=lambda: clock.now().timestamp(),
    )
    doing = Job(host, prober(simulated), "20260101T000000Z-00000000", check=False)
    found = examine(host, doing.prober, 600)
    course = remediate(doing, found, Limits())
    host.close()
    return Cost(
        names, version, course.verdict, meter, _result.remediated(course, doing.run_id), _result.diagnosed(found)
    )
