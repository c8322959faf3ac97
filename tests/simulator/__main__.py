# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Start a fleet: ``python -m tests.simulator --hosts 5 --break host003=key_unreadable --inventory hosts.yml``."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from aiohttp import web

from tests.simulator.authority import ANOTHER_CHANNEL, FLAWS, Files, winrm_context, write_certificates
from tests.simulator.breakages import BREAKAGES, Breakage
from tests.simulator.control import application
from tests.simulator.faults import NAMED
from tests.simulator.fleet import Fleet, FleetOptions
from tests.simulator.host import DEFAULT_CREDENTIAL
from tests.simulator.inventory import USER, write_inventory
from tests.simulator.switches import SWITCHES, parse
from tests.simulator.traits import TRAITS
from tests.simulator.windows.editions import EDITIONS, LANGUAGES

AUTHS = ("ntlm", "basic", "negotiate", "certificate", "credssp", "every")
MAX_SECONDS = 3600


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until a signal or the time limit, or the parent's end where asked. Exit code 0, or 2 for wrong arguments."""
    options = _parser().parse_args(arguments)
    if _listed(options):
        return 0
    try:
        _check_places(options)
        fleet = Fleet(_fleet_options(options))
    except (ValueError, OSError) as error:
        return _refused(error)
    with tempfile.TemporaryDirectory(prefix="winfleet-simulator-") as folder:
        return asyncio.run(_serve(fleet, options, Path(folder)))


def _refused(error: Exception) -> int:
    sys.stderr.write(f"simulator: {error}\n")
    return 2


def _check_places(options: argparse.Namespace) -> None:
    """Directories are made by whoever wants them. Raises ValueError."""
    inventory = options.inventory
    if inventory is not None and (inventory.is_dir() or not inventory.parent.is_dir()):
        raise ValueError(f"--inventory {inventory}: a file in a directory that exists is expected")
    if options.control is not None and not 0 <= options.control < 2**16:
        raise ValueError(f"--control {options.control}: a port of 0 to 65535 is expected")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulator", description="A fleet of simulated Windows hosts."
    )
    add = parser.add_argument
    add("--hosts", type=int, default=1, metavar="N", help="how many; they are named host001 and so on")
    add("--seed", type=int, default=0, help="decides versions, languages, identities")
    add("--break", dest="breakages", action="append", default=[], metavar="HOST=NAME[+NAME]", help="plant causes")
    add("--trait", dest="traits", action="append", default=[], metavar="HOST=NAME[+NAME]", help="plant oddities")
    add("--version", dest="versions", action="append", default=[], metavar="HOST=VERSION", help=", ".join(EDITIONS))
    add("--language", dest="languages", action="append", default=[], metavar="HOST=LANG", help=", ".join(LANGUAGES))
    add("--switch", dest="switches", action="append", default=[], metavar="NAME=VALUE", help="see --list-switches")
    add("--auth", choices=AUTHS, default="ntlm", help="of the inventory; every: all at once, over HTTP and HTTPS")
    add("--channel-binding", choices=("None", "Relaxed", "Strict"), default="Relaxed", help="CbtHardeningLevel")
    add("--password", default=DEFAULT_CREDENTIAL, help="of every account on every host")
    add("--relayed", action="store_true", help="somebody in between: hosts see another TLS channel than clients")
    add("--certificate-flaw", choices=FLAWS, default="none", help="what is wrong with the certificate of WinRM")
    add("--https", action="store_true", help="WinRM over HTTPS (always with --auth certificate)")
    add("--connection", choices=("winrm", "psrp"), default="winrm", help="connection plugin of the inventory")
    add("--inventory", type=Path, metavar="FILE", help="write an inventory here")
    add("--control", type=int, metavar="PORT", help="control port on 127.0.0.1; 0 for any, which is printed")
    add("--network", default="", metavar="127.X.0.0/16", help="addresses of the hosts; any free one by default")
    add("--latency", type=float, default=0.0, metavar="MS", help="how much longer each exchange takes")
    add("--instant-powershell", action="store_true", help="Ansible's PowerShell gets a result; nothing is executed")
    add("--max-seconds", type=float, default=MAX_SECONDS, help="stop after so long (default %(default)s)")
    add("--with-parent", action="store_true", help="stop when the process that started this one has ended")
    for name in ("breakages", "traits", "switches", "faults"):
        add(f"--list-{name}", action="store_true", help=f"print the {name} as NAME: MEANING and stop")
    return parser


def _told(breakage: Breakage) -> str:
    return f"{breakage.meaning} (cause {breakage.cause})" if breakage.cause else breakage.meaning


def _listed(options: argparse.Namespace) -> bool:
    tables: Mapping[str, Mapping[str, str]] = {
        "list_breakages": {name: _told(item) for name, item in BREAKAGES.items()},
        "list_traits": {name: item.meaning for name, item in TRAITS.items()},
        "list_switches": {
            name: f"{item.meaning} ({' | '.join(map(str, item.choices))})" for name, item in SWITCHES.items()
        },
        "list_faults": {name: item.meaning for name, item in NAMED.items()},
    }
    asked = [table for option, table in tables.items() if getattr(options, option)]
    for table in asked:
        sys.stdout.writelines(f"{name}: {meaning}\n" for name, meaning in table.items())
    return bool(asked)


def _fleet_options(options: argparse.Namespace) -> FleetOptions:
    return FleetOptions(
        hosts=options.hosts, seed=options.seed, auth=options.auth, https=options.https, password=options.password,
        channel_binding=options.channel_binding,
        network=".".join(options.network.split(".")[:2]) if options.network else "",
        breakages=_lists(options.breakages, BREAKAGES, "breakage"), traits=_lists(options.traits, TRAITS, "trait"),
        versions=_choices(options.versions, tuple(EDITIONS)), languages=_choices(options.languages, LANGUAGES),
        latency=options.latency / 1000, instant_powershell=options.instant_powershell,
        switches={name: parse(name, value) for name, value in _pairs(options.switches)},
    )  # fmt: skip


def _pairs(given: Sequence[str]) -> list[tuple[str, str]]:
    """``NAME=VALUE`` arguments. Raises ValueError."""
    pairs = [text.partition("=") for text in given]
    wrong = [text for text, (_name, sign, _value) in zip(given, pairs, strict=True) if not sign]
    if wrong:
        raise ValueError(f"NAME=VALUE is expected: {', '.join(wrong)}")
    return [(name, value) for name, _sign, value in pairs]


def _lists(given: Sequence[str], known: Mapping[str, object], what: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for host, names in _pairs(given):
        found.setdefault(host, []).extend(names.split("+"))
    unknown = {name for names in found.values() for name in names} - set(known)
    if unknown:
        raise ValueError(f"unknown {what}: {', '.join(sorted(unknown))}")
    return found


def _choices(given: Sequence[str], known: tuple[str, ...]) -> dict[str, str]:
    found = dict(_pairs(given))
    unknown = set(found.values()) - set(known)
    if unknown:
        raise ValueError(f"{', '.join(sorted(unknown))} is none of {', '.join(known)}")
    return found


async def _serve(fleet: Fleet, options: argparse.Namespace, folder: Path) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    files = _certificates(fleet, folder, options.certificate_flaw)
    tls = winrm_context(files, client_certificates=fleet.options.auth in ("certificate", "every")) if files else None
    channel = ANOTHER_CHANNEL if options.relayed else files.channel if files else b""
    try:
        await fleet.start(tls, files.client_der if files else b"", channel)
        runner = await _control(fleet, options.control)
        if options.inventory is not None:
            write_inventory(options.inventory, fleet, options.connection, files)
    except OSError as error:
        await fleet.close()
        return _refused(error)
    watch = asyncio.ensure_future(_watch(stop, options))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await fleet.run(stop)
    watch.cancel()
    if runner is not None:
        await runner.cleanup()
    await fleet.close()
    return 0


def _certificates(fleet: Fleet, folder: Path, flaw: str) -> Files | None:
    if not fleet.options.secure:
        return None
    addresses, names = [plan.address for plan in fleet.plans], [plan.name for plan in fleet.plans]
    return write_certificates(folder, addresses, names, USER, flaw)


async def _control(fleet: Fleet, port: int | None) -> web.AppRunner | None:
    if port is None:
        return None
    runner = web.AppRunner(application(fleet), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    sys.stdout.write(f"control http://127.0.0.1:{runner.addresses[0][1]}\n")
    return runner


async def _watch(stop: asyncio.Event, options: argparse.Namespace) -> None:
    """Stop at the time limit, or with the parent where asked, and say which it was."""
    parent, end = os.getppid(), time.monotonic() + options.max_seconds
    while time.monotonic() < end and not (options.with_parent and os.getppid() != parent):
        await asyncio.sleep(0.5)
    stop.set()
    why = f"after {options.max_seconds:g} s (--max-seconds)" if time.monotonic() >= end else "with its parent process"
    sys.stderr.write(f"simulator: stopped {why}\n")


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        sys.exit(main())
