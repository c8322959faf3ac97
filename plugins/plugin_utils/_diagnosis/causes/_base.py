# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a cause is, and the kinds of evidence that many causes share. PRIVATE to the collection."""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ..._model.change import Compliance, Risk
from ..._model.ciphers import overrides
from ..._model.settings import SETTINGS, standing
from ..facts import Evidence, Facts

Shown = tuple[Evidence, ...]
Touched = tuple[Compliance, ...]
Severity = t.Literal["critical", "high", "medium", "low"]


@dataclass(frozen=True)
class Cure:
    """A remedy and the options under which it does the least that cures the cause."""

    remedy: str
    options: Mapping[str, t.Any] = field(default_factory=dict)


def _untouched(_facts: Facts) -> Touched:
    return ()


def _never(_facts: Facts) -> bool:
    return False


@dataclass(frozen=True)
class Cause:
    """A known reason for failure.

    Attributes:
        stage: the stage of a connection that it breaks (facts.STAGES).
        shows: the evidence for it in an observation; empty when there is none.
        certain: whether that evidence alone proves it; else it is likely only while its stage is what fails.
        contributes: whether its evidence is a hint that never explains a failure alone.
        veils: whether it keeps others of its own stage from being seen, as whoever is not let in is told no more.
        always: whether no probe rules it out, since it keeps others than the prober away.
        exposes: whether its cures open what is closed now, which is of high risk; C(risk) is theirs otherwise.
        touches: the benchmark items that the state found meets or breaks, which its cure may turn round.
        by_hand: what to do where no remedy exists or policy holds it.
    """

    id: str
    title: str
    stage: str
    severity: Severity
    shows: Callable[[Facts], Shown]
    verify: str
    cures: tuple[Cure, ...] = ()
    risk: Risk = "low"
    certain: bool = True
    contributes: bool = False
    always: bool = False
    veils: bool = False
    exposes: Callable[[Facts], bool] = _never
    touches: Callable[[Facts], Touched] = _untouched
    by_hand: str = ""
    sources: tuple[str, ...] = ()

    @property
    def hides(self) -> bool:
        """Whether it keeps later stages from being seen, or its own, so that more may be wrong behind it."""
        return self.stage != "session" or self.veils

    @property
    def ruled_out_by(self) -> str:
        """The evidence against it as the reason for a failure; behind the handshake, what verifies a cure as well."""
        if self.always or self.stage == "session":
            return self.verify
        return f"a handshake that gets past the stage {self.stage}"


SUPPORT = "https://learn.microsoft.com/troubleshoot/azure/virtual-machines/windows/troubleshoot-rdp-general-error"
TWO_WAYS = "https://support.microsoft.com/kb/186627"
"""change logon and the listener's own switch are two means to refuse logons."""

TERMSERV = "https://learn.microsoft.com/windows/win32/termserv/win32-tsgeneralsetting"
REPAIR = "https://github.com/Azure/repair-script-library"
BCGR = "https://learn.microsoft.com/openspecs/windows_protocols/ms-rdpbcgr/1b3920e7-0116-4345-bc45-f2c4ad012761"
FIREWALL = (
    "https://learn.microsoft.com/windows/security/operating-system-security/network-security/windows-firewall/rules"
)

MSRD = "https://learn.microsoft.com/troubleshoot/windows-client/windows-tss/introduction-to-troubleshootingscript-toolset-tss"
MANAGER = "Microsoft-Windows-TerminalServices-RemoteConnectionManager"

LISTENS = "probe_info: the TCP stage opens"
NEGOTIATES = "probe_info: asking for CredSSP (0xB) is answered with a selected protocol"


def local(setting: str, *numbers: int) -> Callable[[Facts], Shown]:
    """Shown when the setting's effective number is one of these and no policy decides it."""

    def shows(facts: Facts) -> Shown:
        if facts.decider(setting) != "local" or facts.number(setting) not in numbers:
            return ()
        return (facts.stored(setting),)

    return shows


def either(*ways: Callable[[Facts], Shown]) -> Callable[[Facts], Shown]:
    """Shown when at least one of these is, with the evidence of all."""
    return lambda facts: tuple(evidence for way in ways for evidence in way(facts))


def by_policy(setting: str, *numbers: int, owned: bool) -> Callable[[Facts], Shown]:
    """Shown when policy decides the setting and its number is one of these."""

    def shows(facts: Facts) -> Shown:
        decided = facts.decider(setting) == "policy" and facts.number(setting) in numbers
        return (facts.stored(setting),) if decided and facts.owned(setting) is owned else ()

    return shows


def out_of_range(setting: str) -> Callable[[Facts], Shown]:
    """Shown when the number stored is none that Windows knows."""

    def shows(facts: Facts) -> Shown:
        number = facts.number(setting)
        return () if number is None or number in SETTINGS[setting].choices else (facts.stored(setting),)

    return shows


def of_settings(*settings: str) -> Callable[[Facts], Touched]:
    """The benchmark items about these settings; of one that was not read, none."""

    def touches(facts: Facts) -> Touched:
        read = (name for name in settings if facts.state(name) is not None)
        found = (standing(SETTINGS[name], facts.number(name), facts.client) for name in read)
        return tuple(item for items in found for item in items)

    return touches


def on_clients(item: Compliance) -> Callable[[Facts], Touched]:
    """One item of the benchmarks of client editions."""
    return lambda facts: (item,) if facts.client else ()


def disabled_service(service: str) -> Callable[[Facts], Shown]:
    def shows(facts: Facts) -> Shown:
        found = facts.service(service)
        if found is None or found.start_mode != "Disabled":
            return ()
        return (Evidence(f"{service} start mode", "Disabled", "Win32_Service"),)

    return shows


ENABLE = Cure("remote_desktop", {"state": "enabled"})


def overridden(facts: Facts, enabled: str, by_default: str) -> Shown:
    """What switches a version of TLS off for servers or for clients."""
    return tuple(facts.stored(name) for name in overrides(facts.observation, enabled, by_default))
