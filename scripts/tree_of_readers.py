# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The page that says what is read of a host, and what makes it read more; part of scripts/reference_pages.py."""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Iterator, Mapping

from ansible_collections.winfleet.rdp.plugins.plugin_utils._diagnosis.facts import Facts
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.observation import Observation
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.scope import Scope
from ansible_collections.winfleet.rdp.plugins.plugin_utils._observe import AREAS
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies import REMEDIES, defaults
from ansible_collections.winfleet.rdp.plugins.plugin_utils._scope import scope

INTRODUCTION = """\
A handshake is tried first, and only what can explain its outcome is read: a healthy host takes a handful of requests.
What an area holds is said by the module :ansplugin:`winfleet.rdp.host_info#module`.
"""

_EXPIRED = {"verdict": "ok", "certificate": {"expired": True}}

OUTCOMES: Mapping[str, Mapping[str, t.Any] | None] = {
    "The handshake passes": {"passed": True, "stage": "complete"},
    "It passes, and UDP stays without an answer": {
        "passed": True, "stage": "complete", "udp": {"verdict": "silent"},
    },
    "It passes, and NTLM is refused": {"passed": True, "stage": "complete", "ntlm": {"verdict": "closed"}},
    "It passes, and shows a doubtful certificate": {"passed": True, "stage": "complete", "tls": _EXPIRED},
    "The name is not found, or the port does not open": {"passed": False, "stage": "tcp"},
    "The host does not negotiate": {"passed": False, "stage": "x224"},
    "TLS does not come up": {"passed": False, "stage": "tls"},
    "NTLM does not begin": {"passed": False, "stage": "ntlm"},
    "No probe was made": None,
}  # fmt: skip

AFTERWARDS = """\
* Users are connected: the setting ``session_limit``, since a full listener turns away the next one.
* The port does not open or nothing negotiates, and no finding explains it: the area ``obstacles``.
* The port does not open, the built-in rule of the firewall is for the domain's network, and Windows knows none of the
  host's networks for that: the area ``membership``.
* The cipher suites that are set leave something only with one kind of key, or only with TLS 1.3: the area ``keys``
  where the handshake showed no certificate, and the settings ``tls13_enabled`` and ``tls13_disabled_by_default``.
* A finding is direct: the areas that its remedies decide on, as below, and their settings.
* After each step of a repair: what the step has changed, and what the stage calls for that fails now. What was read
  back when it was written, or is proved by the handshake, is not read again.
* ``depth: full`` reads every area and setting at once. Hints about what the host does to others need it.
"""


def text() -> Iterator[str]:
    """The page below its title."""
    yield INTRODUCTION
    yield from ("What the handshake calls for", "----------------------------", "")
    for outcome, probe in OUTCOMES.items():
        yield from _read(outcome, scope(Facts(Observation("", probe=probe))))
    yield from ("What comes after that", "---------------------", "", AFTERWARDS)
    yield from ("What remedies decide on", "-----------------------", "")
    for name, remedy in REMEDIES.items():
        areas = remedy.areas_for(defaults(remedy.options))
        yield f":ansplugin:`winfleet.rdp.{name}#module`"
        asked = f"{_named(remedy.areas, AREAS)}, only as its options ask for them"
        yield from (f"  {_named(areas, AREAS) or asked}", "")


def _read(outcome: str, found: Scope) -> Iterator[str]:
    yield from (outcome, f"  Areas: {_named(found.areas, AREAS)}.", "", f"  Settings: {_named(found.settings)}.", "")


def _named(names: Iterable[str], order: tuple[str, ...] = ()) -> str:
    found = list(names)
    ordered = [name for name in order if name in found] or found
    return ", ".join(f"``{name}``" for name in ordered)
