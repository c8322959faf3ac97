# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Appliers: the DNS client's cache and the Winsock catalog. PRIVATE to the collection.

Both are emptied as a whole, which Windows has no way back from; a busy host fills its cache again at once.
"""

from __future__ import annotations

import typing as t
from collections.abc import Mapping
from datetime import timezone

from .._cim.network import cached_names, catalog_counters, clear_cache, layered_providers
from .._guard import ROOT
from .._host import Host
from .._journal import WINSOCK_RESET, note_flushed
from .._model.change import Change
from .._model.observation import IN_VAIN
from .._model.plain import Plain, to_plain
from .._wsman.errors import InvalidClass, InvalidNamespace
from ._base import Applier, ApplyError, NotKept


def _read_cache(host: Host, change: Change) -> Plain:
    """What was there before, while any of it is there still."""
    stale = _stale(change)
    left = _left(host, stale) if stale else cached_names(host.cim)
    return change.before if left else None


def _stale(change: Change) -> Mapping[str, t.Any]:
    """The addresses that are to be forgotten by name; none where the whole cache is."""
    return change.before if isinstance(change.before, dict) else {}


def _left(host: Host, stale: Mapping[str, t.Any]) -> list[str]:
    """The names that are remembered as before."""
    cached = {entry.name: list(entry.addresses) for entry in cached_names(host.cim, stale)}
    return [name for name in stale if cached.get(name) == stale[name]]


def _flush(host: Host, change: Change) -> None:
    """Flush, and note which addresses that took away, so that no run does it again where it does not help.

    Raises:
        NotKept: one is there again at once.
    """
    _clear_cache(host)
    stale = _stale(change)
    if not stale:
        return
    note_flushed(host.registry, host.now().astimezone(timezone.utc), stale)
    left = _left(host, stale)
    if left:
        raise NotKept(f"the DNS client's cache was flushed, and {', '.join(left)} is {IN_VAIN}")


def _clear_cache(host: Host) -> None:
    """By the class; where Windows lacks it, by its own command."""
    try:
        outcome = clear_cache(host.cim)
    except (InvalidClass, InvalidNamespace):
        _run(host, "ipconfig /flushdns", "nothing was changed by it")
        return
    if not outcome.ok:
        raise ApplyError(f"the DNS client's cache was not flushed: Windows answers {outcome.return_value}")


def _read_winsock(host: Host) -> Plain:
    """As the remedy saves it; None where the catalogs hold Windows' own providers alone."""
    providers = [provider.to_plain() for provider in layered_providers(host.registry)]
    return to_plain({"providers": providers, "counters": catalog_counters(host.registry)}) if providers else None


def _reset_winsock(host: Host) -> None:
    """Reset the catalog and note the reboot that it waits for, so that no run does it again before.

    One command does both: a run that is cut off leaves neither or both, since the host goes on without it.
    """
    note = f'reg add "{ROOT}" /v {WINSOCK_RESET} /t REG_SZ /d "{host.owes["reboot"]}" /f'
    left = "the catalog is as it was, or it was reset and that could not be noted, as where reg.exe is forbidden"
    _run(host, f"netsh winsock reset && {note}", left)


def _run(host: Host, command: str, left: str) -> None:
    """Run a command of Windows by its exit code: what it prints is localised. ``left`` is what a failure may leave."""
    output = host.shell.run(command)
    if output.exit_code:
        raise ApplyError(f"the host's command {command!r} ended with code {output.exit_code}: {left}")


DNS_CACHE = Applier(_read_cache, lambda host, change, _nothing: _flush(host, change), verified=False)
WINSOCK = Applier(lambda host, _reset: _read_winsock(host), lambda host, *_reset: _reset_winsock(host), by_shell=True)
