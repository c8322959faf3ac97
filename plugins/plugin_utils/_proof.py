# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Proof by handshake: the probe, and whether it shows a change to be live. PRIVATE to the collection."""

from __future__ import annotations

import time
import typing as t
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.probe import ProbeOptions, probe

from ._diagnosis.facts import Facts
from ._model.change import Change
from ._model.observation import Observation
from ._model.settings import SETTINGS

Probe = Mapping[str, t.Any]

PATIENCE = (0.5, 1.0, 1.5, 2.0)
"""Seconds waited between looks while a listener that was just enabled opens; Windows takes a few seconds."""


@dataclass(frozen=True)
class Prober:
    """Where the probe goes, or the results that other nodes have brought.

    Attributes:
        address: the host as its users reach it.
        port: the port to probe; None follows the listener.
        enabled: whether the controller may probe itself.
        given: results of probe_info on other nodes.
    """

    address: str
    port: int | None = None
    enabled: bool = True
    given: tuple[Probe, ...] = ()
    sleep: Callable[[float], None] = time.sleep
    handshake: Callable[[ProbeOptions], dict[str, t.Any]] = probe

    def look(self, listener_port: Callable[[], int]) -> Probe | None:
        """One probe from the controller; else the first that was brought; else None."""
        if not self.enabled:
            return self.given[0] if self.given else None
        return self.handshake(ProbeOptions(host=self.address, port=self.port or listener_port()))

    def look_until(self, good: Callable[[Probe], bool], listener_port: Callable[[], int]) -> Probe | None:
        """Probe until the result is good or patience ends; results that were brought do not change by waiting."""
        result = self.look(listener_port)
        for pause in PATIENCE if self.enabled else ():
            if result is None or good(result):
                break
            self.sleep(pause)
            result = self.look(listener_port)
        return result


def tls_works(probes: Iterable[Probe | None]) -> bool:
    """Whether some probe completed a TLS handshake with the host."""
    return any(probe and probe["tls"]["verdict"] == "ok" for probe in probes)


def live(changes: Sequence[Change], probe: Probe | None) -> bool | None:
    """Whether the changes show in the live handshake; None where nothing tells.

    Only settings whose moment of effect is unsettled are asked about.
    """
    unsettled = [change for change in changes if change.kind == "registry" and change.restart is None]
    if probe is None or not unsettled:
        return None if unsettled else True
    if shows(unsettled, probe) is False:
        return False
    facts = Facts(Observation("", probe=probe))
    return facts.failed_stage not in ("tcp", "x224")


def shows(changes: Iterable[Change], probe: Probe | None) -> bool | None:
    """Whether the negotiation matrix shows the wanted values: False when it contradicts one, None when it is silent."""
    seen = [_deduced(change, probe) for change in changes if probe]
    if False in seen:
        return False
    return True if True in seen else None


def _deduced(change: Change, probe: Probe) -> bool | None:
    """Whether the negotiation matrix shows the wanted value; None where it does not decide."""
    x224 = probe.get("x224") or {}
    seen = {SETTINGS["security_layer"].path: x224.get("security_layer"), SETTINGS["nla"].path: x224.get("nla_required")}
    number = seen.get(change.item)
    if number is None or not isinstance(change.after, dict):
        return None
    return int(number) == change.after["data"]
