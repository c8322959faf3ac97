# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The demo: a simulated fleet of broken hosts is diagnosed, repaired and diagnosed again (``make demo``).

It runs the playbooks that a user runs, as they are. What they print is kept in build/demo/; the console shows their
tables. Its exit code says whether everything came as it should.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.running import BUILD, ROOT, FleetDied, Played, RunningFleet, play, running_fleet

PLACE = BUILD / "demo"
AFTERWARDS = PLACE / "afterwards"


@dataclass(frozen=True)
class Host:
    """A host of the demo: its Windows, its language, and what is wrong with it."""

    version: str
    language: str
    cause: str = ""
    trait: str = ""

    @property
    def healthy(self) -> bool:
        return not self.cause

    @property
    def held(self) -> bool:
        return self.cause.endswith("_by_policy")


FLEET: Mapping[str, Host] = {
    "host001": Host("2022", "en"),
    "host002": Host("2016", "en", "rdp_denied"),
    "host003": Host("2019", "de", "deny_value_missing"),
    "host004": Host("10", "ja", "listener_disabled"),
    "host005": Host("11", "en", "termservice_disabled"),
    "host006": Host("2025", "de", "firewall_rule_disabled"),
    "host007": Host("11", "ja", "firewall_wrong_profile"),
    "host008": Host("2022", "de", "firewall_port_mismatch"),
    "host009": Host("2019", "en", "security_layer_rdp"),
    "host010": Host("2016", "ja", "drain_mode", "session_host_role"),
    "host011": Host("2025", "en", "security_layer_rdp_by_policy"),
    "host012": Host("10", "de"),
}


@dataclass(frozen=True)
class Step:
    """A playbook, what a user would expect of it, and how it should end."""

    title: str
    playbook: str
    options: tuple[str, ...]
    code: int

    @property
    def reads(self) -> bool:
        """Whether it may write to no host."""
        return self.playbook == "diagnose" or "--check" in self.options


STEPS = (
    Step("What is wrong? Nothing is changed.", "diagnose", ("-e", f"rdp_report_dir={PLACE}"), 0),
    Step(
        "What would be done? A dry run, which ends with 2 since a policy holds host011.",
        "remediate",
        ("--check", "--diff"),
        2,
    ),
    Step(
        "Do it: each change is journaled on its host, made, and proved with a handshake.",
        "remediate",
        ("-e", f"rdp_report_dir={PLACE}"),
        2,
    ),
    Step("What is wrong now?", "diagnose", ("-e", f"rdp_report_dir={AFTERWARDS}"), 0),
)


def main() -> int:
    """Exit code 0 when all came as expected, 1 otherwise."""
    shutil.rmtree(PLACE, ignore_errors=True)
    PLACE.mkdir(parents=True)
    started = time.monotonic()
    say(f"A fleet of {len(FLEET)} simulated Windows hosts, each broken in another way, starts on the loopback.")
    try:
        with running_fleet(PLACE, *fleet_options()) as fleet:
            surprises = list(run(fleet))
    except FleetDied as error:
        say(f"The simulated fleet did not start: {error}")
        return 1
    say(f"\nThat took {time.monotonic() - started:.0f} s.")
    say(f"Report for a browser: {shown(PLACE / 'report.html')}; for programs: {shown(PLACE / 'report.json')}")
    say("What each playbook printed: " + ", ".join(shown(path) for path in sorted(PLACE.glob("*.log"))))
    say("The same commands work on real hosts with an inventory of yours: README.md goes on from here.")
    for surprise in surprises:
        say(f"NOT AS EXPECTED: {surprise}")
    return 1 if surprises else 0


def fleet_options() -> Iterator[str]:
    """The fleet, in the simulator's words."""
    yield from ("--hosts", str(len(FLEET)), "--max-seconds", "600")
    for name, host in FLEET.items():
        yield from ("--version", f"{name}={host.version}", "--language", f"{name}={host.language}")
        if host.cause:
            yield from ("--break", f"{name}={host.cause}")
        if host.trait:
            yield from ("--trait", f"{name}={host.trait}")


def run(fleet: RunningFleet) -> Iterator[str]:
    """Run the steps, showing their tables; yields what is not as expected."""
    for number, step in enumerate(STEPS, 1):
        writes = fleet.count("writes")
        played = show(number, step, fleet.inventory)
        if played.code != step.code:
            yield f"step {number} ended with {played.code} instead of {step.code}:\n{played.output[-3000:]}"
        if step.reads and fleet.count("writes") != writes:
            yield f"step {number} wrote to a host"
    yield from judge(verdicts(PLACE), verdicts(AFTERWARDS))


def show(number: int, step: Step, inventory: Path) -> Played:
    """Say what is done and with which command, do it, show the table and keep the rest."""
    arguments = (f"winfleet.rdp.{step.playbook}", "-i", shown(inventory), *map(shorten, step.options))
    say(f"\n{number}. {step.title}\n   $ ansible-playbook {' '.join(arguments)}\n")
    played = play(f"winfleet.rdp.{step.playbook}", inventory, "--forks", "12", *step.options, environment=console())
    (PLACE / f"{number}-{step.playbook}.log").write_text(played.output, encoding="utf-8")
    for line in table(played.output):
        say(line)
    return played


def console() -> dict[str, str]:
    """As wide as this terminal, and as colourful."""
    width = min(shutil.get_terminal_size((150, 24)).columns, 170)
    return {
        "COLUMNS": str(width),
        **({"ANSIBLE_NOCOLOR": "", "ANSIBLE_FORCE_COLOR": "1"} if sys.stdout.isatty() else {}),
    }


def table(output: str) -> Iterator[str]:
    """The report's table, from its header to the line that counts the hosts."""
    inside = False
    for line in output.splitlines():
        inside = inside or line.startswith("HOST ")
        if inside:
            yield line
        if line.startswith(f"{len(FLEET)} hosts:"):
            return


def verdicts(directory: Path) -> dict[str, str]:
    """Each host's verdict in a report."""
    report = json.loads((directory / "report.json").read_text(encoding="utf-8"))
    return {host["host"]: host["verdict"] for host in report["hosts"]}


def judge(repaired: Mapping[str, str], afterwards: Mapping[str, str]) -> Iterator[str]:
    """What is not as expected of each host."""
    for name, host in FLEET.items():
        done = "healthy" if host.healthy else "policy_held" if host.held else "repaired"
        after = "policy_held" if host.held else "healthy"
        if repaired.get(name) != done:
            yield f"{name} ({host.cause or 'healthy'}) is {repaired.get(name)} after remediate instead of {done}"
        if afterwards.get(name) != after:
            yield f"{name} ({host.cause or 'healthy'}) is {afterwards.get(name)} in the end instead of {after}"


def shown(path: Path) -> str:
    """A path as a user would type it."""
    return str(path.relative_to(ROOT))


def shorten(option: str) -> str:
    """An option with the path that a user would type."""
    return option.replace(f"{ROOT}/", "")


def say(text: str) -> None:
    """Print at once, also into a pipe."""
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
