# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the listener acts on what is stored, as handshake and host tell. PRIVATE to the collection.

Some settings are live at once on some hosts, and on others only when TermService starts. A run looks after it has
written one. Where it is cut off before, the value is stored and nothing tells the next run that it is not live, but the
announcement that was left (see _writer.py). That run then compares all such settings with the handshake; without
anything left over it does not, so that what others have set is their own to make live.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ._cim.registry import RegistryValue
from ._host import Host
from ._model.change import Change
from ._model.lease import LeaseState
from ._model.settings import PIN, SETTINGS, number_of
from ._observe import observe
from ._owed import SERVICE, all_live, due_after_lease, started_since
from ._proof import PATIENCE, Probe, Prober, latest, live, out_of_range, settled, shows, shuts

SHOWN = ("deny_connections", "negotiation", "security_layer", "nla", "encryption", "transport")
"""Settings whose moment of effect is unsettled, and that a handshake shows, or that end it where they are wrong."""

UNTOLD = (
    "a run has not seen whether what it wrote is live, and no handshake shows it now: let the controller reach the "
    "listener"
)


def look(host: Host, prober: Prober, changes: Sequence[Change]) -> Probe | None:
    """A probe of what changes are about, until they are live or patience ends."""
    return prober.watching(changes).look_until(lambda probe: settled(changes, probe), host.listener_port)


def is_live(host: Host, changes: Sequence[Change], proof: Probe | None) -> bool | None:
    """Whether the changes are live: by the probe, and where it tells nothing of the listener, by the host itself."""
    seen = live(changes, proof)
    if seen is not None:
        return seen
    unsettled = latest(change for change in changes if change.restart is None)
    if any(change.remedy != "remote_desktop" for change in unsettled):
        return _by_host(host)
    opens = not any(map(shuts, unsettled))
    return listens(host, opens) == opens


def _by_host(host: Host) -> bool | None:
    """Whether what is stored is live, as far as the host tells; None where only a handshake would.

    It listens as what is stored says, or does not. Where it is not to, nothing else shows that could be stale.
    """
    if not host.service(SERVICE).process_id:
        return True  # read when it starts
    denied = host.effective("deny_connections")
    if denied == 1:
        return not listens(host, False)
    return None if denied or listens(host) or _shut_otherwise(host) else False


def _shut_otherwise(host: Host) -> bool:
    """Whether something else that is stored keeps the listener from opening, where a restart helps nothing."""
    needed = ("listener_enabled", "sessions_enabled", "network_adapter")
    return any(host.effective(name) != SETTINGS[name].default for name in needed)


def listens(host: Host, wanted: bool = True) -> bool:
    """Whether the host listens on the RDP port, or begins or ceases to within the time that Windows takes for it."""
    for pause in PATIENCE:
        if _has_listener(host, wanted) == wanted:
            return wanted
        host.sleep(pause)
    return _has_listener(host, wanted)


def _has_listener(host: Host, wanted: bool) -> bool:
    """Whether anything listens on the port, where TermService is to; and whether that does, where it is not to."""
    found = host.port_use().listeners
    if wanted:
        return bool(found)
    ours = host.service(SERVICE).process_id
    return any(socket.process_id == ours for socket in found)


def due_unnoted(host: Host, prober: Prober, leases: Iterable[LeaseState], probe: Probe | None) -> bool:
    """Whether a restart is due of which no note tells, but the end of a lease, or what a run left that was cut off."""
    return due_after_lease(host, leases, probe) or due_after_cut(host, prober)


def due_after_cut(host: Host, prober: Prober) -> bool:
    """Whether the listener is seen to act on something else than what is stored, since a run ended before it looked."""
    seen = (started_since(host) or stored_is_live(host, prober)) if host.left_over else None
    if seen:
        all_live(host)
    if seen is False:
        host.owes.setdefault("restart", "")
    return seen is False


def stored_is_live(host: Host, prober: Prober) -> bool | None:
    """Whether what is stored is live; None where nothing tells."""
    seen = observe(host, ("settings",), SHOWN)
    stored = [*_as_stored({name: number_of(seen, name) for name in SHOWN}), *_pinned(host)]
    shut = any(map(shuts, stored))
    proof = prober.watching(stored).look_until(lambda probe: shut or _shows(stored, probe), host.listener_port)
    found = _shows(stored, proof)
    return _by_host(host) if found is None else found


Numbers = Mapping[str, int | None]


def _shows(stored: Sequence[Change], proof: Probe | None) -> bool | None:
    """Whether each is live: where one shows, as an answer over UDP does, it says nothing of the others.

    Without TLS no certificate is shown, which says nothing of the one that is pinned.
    """
    if shows([change for change in stored if change.item == PIN], proof) is False:
        return False
    seen = {live([change], proof) for change in stored if change.item != PIN}
    return False if False in seen else None if None in seen else True


def _as_stored(numbers: Numbers) -> list[Change]:
    """What a handshake would show of the settings, if all of them were live.

    Where connections are denied it shows nothing else, with a number out of range that alone, and so with Standard RDP
    Security, negotiated or not.
    """
    if numbers["deny_connections"] == 1:
        return [_wanted("deny_connections", 1)]
    wanted = [_wanted(name, number) for name, number in numbers.items() if number is not None]
    if unknown := [change for change in wanted if out_of_range(change)]:
        return unknown
    if 0 in (numbers["negotiation"], numbers["security_layer"]):
        return [_wanted("security_layer", 0)]
    return wanted


def _wanted(name: str, number: int) -> Change:
    setting = SETTINGS[name]
    return Change("", "registry", setting.path, None, setting.stored(number), "as it is stored", restart=None)


def _pinned(host: Host) -> list[Change]:
    """The certificate that the listener is tied to; without one, Windows chooses what it shows."""
    key, _separator, name = PIN.rpartition("\\")
    found = host.registry.read(key, name, "REG_BINARY")
    after = found.to_plain() if isinstance(found, RegistryValue) else None
    return [Change("", "registry", PIN, None, after, "as it is stored", restart=None)] if after else []
