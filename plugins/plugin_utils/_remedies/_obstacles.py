# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What keeps users from a Remote Desktop that is switched on, and that a module leaves: its notes. PRIVATE.

The loop has findings instead, so that what only findings are made of is not read for it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from .._model.access import EVERYBODY, LOGON, left_out, may_log_on
from .._model.observation import AccountState, ListenerKey, ListenerState, Observation
from .._model.proxies import taking
from .._model.settings import SETTINGS, effective
from .._model.termservice import LIBRARY, PROTOCOL
from ._base import Options

AREAS = ("obstacles", "listener", "permissions")


def notes(observation: Observation, options: Options, changing: bool) -> Iterator[str]:
    """In words, each with what to do.

    Args:
        observation: what was read; its area listener is about the wanted port, where one is.
        options: those of remote_desktop.
        changing: whether something is changed, so that what does not listen now may do so then.
    """
    if observation.obstacles is None:
        return
    yield from _vendors(observation)
    if options["port"] is None and observation.listener is not None:
        yield from _owner(observation, observation.listener, changing)
    yield from _turned_away(observation, options)


def _vendors(observation: Observation) -> Iterator[str]:
    found = observation.obstacles
    if found is None:
        return
    if found.protocol.lower() not in ("", PROTOCOL):
        yield f"another vendor's protocol object ({found.protocol}) drives RDP-Tcp; only its own setup takes it away"
    if found.library and not found.library.lower().endswith(LIBRARY):
        yield f"TermService runs {found.library} instead of Windows' own library"
    if found.setup:
        yield f"Windows is still being set up ({', '.join(found.setup)}), and takes no connections until that ends"
    yield from map(_another, found.listeners)


def _another(other: ListenerKey) -> str:
    state = "enabled" if other.enabled else "disabled"
    whose = "is a further one of Windows' own" if other.protocol.lower() == PROTOCOL else "is another product's"
    return f"the listener {other.name} (port {other.port or 'unknown'}, {state}) {whose}: left as it is"


def _owner(observation: Observation, listener: ListenerState, changing: bool) -> Iterator[str]:
    """Who has the port, where that is not TermService, which runs (MSFT_NetTCPConnection.OwningProcess)."""
    service = (observation.services or {}).get("TermService")
    proxied = taking(observation.obstacles, listener.port)
    if service is None or service.state != "Running" or proxied:
        return
    denied = _number(observation, "deny_connections") != 0
    if not listener.process_ids and not denied and not changing:
        yield f"TermService runs, and nothing listens on its port {listener.port}: diagnosis_info names the cause"
    elif listener.process_ids and service.process_id not in listener.process_ids:
        yield (
            f"process {', '.join(map(str, listener.process_ids))} listens on port {listener.port} in TermService's "
            "place: move that program, or give the listener another port"
        )


def _turned_away(observation: Observation, options: Options) -> Iterator[str]:
    """Users who come through and are refused a session, by somebody's decision as far as anybody can tell."""
    if options["logons"] == "keep" and _number(observation, "logons_disabled"):
        yield "new logons are refused (fLogonDisabled): set logons to accepted if that is not meant"
    if options["logons"] == "keep" and _number(observation, "remote_logons_disabled"):
        yield "logons from remote sessions are refused (WinStationsDisabled): set logons to accepted to end that"
    if options["drain"] == "keep" and _number(observation, "drain_mode"):
        yield "the host is in drain mode (TSServerDrainMode) and takes no new sessions: set drain to off to end that"
    yield from _permissions(observation.permissions or ())


def _permissions(accounts: Collection[AccountState]) -> Iterator[str]:
    """Whom the listener's permissions keep out; nothing where the edition does not tell them."""
    denied = [account.sid for account in accounts if account.sid in EVERYBODY and account.denied & LOGON]
    for sid in denied:
        yield f"the listener's permissions deny the logon to {_group(sid)}: {_PUT_RIGHT}"
    if any(map(may_log_on, accounts)):
        for sid in (sid for sid in left_out(accounts) if sid not in denied):
            yield f"the listener's permissions do not grant the logon to {_group(sid)}: {_PUT_RIGHT}"
    elif accounts and not denied:
        yield f"the listener's permissions grant the logon to nobody: {_PUT_RIGHT}"


_PUT_RIGHT = "diagnosis_info says how to put them right"


def _group(sid: str) -> str:
    return f"{EVERYBODY[sid]} ({sid})"


def _number(observation: Observation, setting: str) -> int | None:
    state = observation.settings.get(setting)
    return effective(SETTINGS[setting], state)[0] if state else None
