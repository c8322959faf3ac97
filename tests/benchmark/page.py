# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The page of the documentation with what was measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from textwrap import fill

from scripts.reference_pages import heading, page, table
from tests.benchmark import plays
from tests.benchmark.figures import Json, budgets, growth
from tests.benchmark.measurements import BROKEN, FORKS, ONE_BROKEN_OF, SCALE_AUTH, Compared, Results
from tests.benchmark.runs import Figures

NAME = "benchmark"
TITLE = "What a fleet costs"


INTRODUCTION = """\
Measured on {day} by ``{command}`` on a machine with {cores} cores and {memory_gb} GB of memory, with Python
{python}, ansible-core {ansible_core} and {forks} forks; its load was {load} when that began.
The hosts are simulated, on loopback addresses, and their own work took a part of the same cores; of the figures below
only the wall time has that in it. Real hosts take their own time on top, for PowerShell most of all. A latency is added
to each exchange with a host, but not to the opening of a connection. Ansible's start is in all figures, and is a large
part of those of small fleets.
Where a fleet is said to have broken hosts, one in {one_of} is, in one of these ways: {broken}.
"""

COMPARED = """\
On a fleet with broken hosts: the playbook *remediate*, and the play at the end of this page, which sees to the same
with modules of ``ansible.windows`` and ``community.windows``. **Its PowerShell is not executed**: the simulated hosts
answer at once with a well-formed result, so the peer is charged only for what its controller sends, and it finds
nothing to repair. Ours tries the handshake, repairs the hosts that are broken, waits for restarts, and proves it. Bytes
are those of both directions, with HTTP and authentication, and with the handshakes that ours makes.
"""

FLOORS = """\
One task with :ansplugin:`winfleet.rdp.diagnosis_info#module` for healthy hosts, and the same play with a task that
Ansible runs for each host in the same way and that does nothing.
"""

SCALE = """\
The playbook *diagnose* on a fleet with broken hosts, with its report as JSON and HTML, and with {auth} authentication.
Memory is that of the largest process, which is Ansible's own; each fork takes its private part besides. Growth is
how much longer each host takes than in the smallest fleet, first here and then in the play that does nothing.
"""


def text(results: Results, machine: Json, command: str) -> str:
    """The whole page; the command is what it was made with."""
    sections = (_compared(results), _floors(results), _scale(results), _probed(results), _budgets(results), _peer())
    lines = (line for section in sections for line in section)
    return "\n".join((*page(NAME, TITLE), _introduction(machine, command), *lines)) + "\n"


def _introduction(machine: Json, command: str) -> str:
    day = datetime.now(timezone.utc).date()
    broken = ", ".join(f"``{name}``" for name in BROKEN)
    about = {"day": day, "forks": FORKS, "one_of": ONE_BROKEN_OF, "broken": broken, "command": command}
    said = INTRODUCTION.format(**about, **machine)
    return fill(said, 120, break_long_words=False, break_on_hyphens=False) + "\n"


def _compared(results: Results) -> Iterator[str]:
    yield from (*heading("Beside a play of general modules", "-"), COMPARED)
    yield from (*table(_COLUMNS, (row for both in results.compared.values() for row in _pair(both))), "")
    if results.broken:
        yield from ("Ours where every host is broken:", "")
        rows = (_row(auth, "0 ms", "ours", figures) for auth, figures in results.broken.items())
        yield from (*table(_COLUMNS, rows), "")


_COLUMNS = (
    "Authentication", "Latency", "Play", "Hosts", "Requests a host", "KB a host", "Controller's CPU a host", "Wall",
)  # fmt: skip


def _pair(both: Compared) -> Iterator[tuple[str, ...]]:
    latency = f"{both.latency_ms:g} ms"
    yield _row(both.auth, latency, "ours", both.ours)
    yield _row(both.auth, latency, "peer", both.peer)
    ratios = (
        both.peer.requests_per_host / both.ours.requests_per_host,
        both.peer.bytes_per_host / both.ours.bytes_per_host,
        both.peer.cpu_per_host / both.ours.cpu_per_host,
        both.peer.usage.wall_s / both.ours.usage.wall_s,
    )
    yield (both.auth, latency, "*peer, times ours*", "", *(f"*{ratio:.1f}*" for ratio in ratios))


def _row(auth: str, latency: str, play: str, figures: Figures) -> tuple[str, ...]:
    return (
        auth,
        latency,
        play,
        str(figures.hosts),
        f"{figures.requests_per_host:.1f}",
        f"{figures.bytes_per_host / 1000:.1f}",
        f"{figures.cpu_per_host * 1000:.0f} ms",
        f"{figures.usage.wall_s:.1f} s",
    )


def _floors(results: Results) -> Iterator[str]:
    yield from (*heading("Beside a task that does nothing", "-"), FLOORS)
    rows = (
        (
            floor.auth,
            str(floor.noop.hosts),
            f"{floor.noop.usage.wall_s:.1f} s",
            f"{floor.diagnose.usage.wall_s:.1f} s",
            f"{floor.ratio:.2f}",
        )
        for floor in results.floors.values()
    )
    yield from (*table(("Authentication", "Hosts", "Nothing", "Diagnosis", "Times"), rows), "")


def _scale(results: Results) -> Iterator[str]:
    yield from (*heading("As the fleet grows", "-"), SCALE.format(auth=SCALE_AUTH))
    rows = (_scaled(hosts, both.diagnose, growth(results, hosts)) for hosts, both in results.scale.items())
    yield from (*table(_SCALE_COLUMNS, rows), "")


_SCALE_COLUMNS = (
    "Hosts", "Wall", "Wall a host", "Growth", "Growth of nothing", "Controller's CPU a host", "Memory", "A fork's own",
)  # fmt: skip


def _scaled(hosts: int, figures: Figures, growing: tuple[float, float]) -> tuple[str, ...]:
    return (
        str(hosts),
        f"{figures.usage.wall_s:.1f} s",
        f"{figures.wall_per_host * 1000:.1f} ms",
        *(f"{part:.2f}" for part in growing),
        f"{figures.cpu_per_host * 1000:.0f} ms",
        f"{figures.usage.memory_mb:.0f} MB",
        f"{figures.usage.fork_mb:.0f} MB",
    )


def _probed(results: Results) -> Iterator[str]:
    for probed in results.probed.values():
        yield from heading("The probe", "-")
        yield f"{probed.hosts} hosts, by a play with :ansplugin:`winfleet.rdp.probe_info#module`:"
        yield f"{probed.per_s:.0f} hosts a second."
        if probed.nmap_per_s:
            yield "By ``nmap`` with its scripts ``rdp-ntlm-info``, ``rdp-enum-encryption`` and ``ssl-cert``:"
            yield f"{probed.nmap_per_s:.0f} hosts a second."
        yield ""


def _budgets(results: Results) -> Iterator[str]:
    yield from heading("Budgets", "-")
    rows = (
        (row.name, f"{row.most:.3g}", f"{row.measured:.3g}", "yes" if row.held else "no") for row in budgets(results)
    )
    yield from (*table(("What", "At most", "Measured", "Held"), rows), "")


def _peer() -> Iterator[str]:
    yield from heading("The peer's play", "-")
    yield from (
        ".. code-block:: yaml",
        "",
        *_indented(plays.text(plays.play("Peer", list(plays.peer_tasks()))).splitlines()),
    )


def _indented(lines: Iterable[str]) -> Iterator[str]:
    return (f"  {line}".rstrip() for line in lines)
