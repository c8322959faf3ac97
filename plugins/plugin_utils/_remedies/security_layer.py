# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Security layer and encryption of the listener. PRIVATE to the collection.

Weakening needs a lease. Requiring TLS (layer 2) where the host's TLS is broken locks everybody out,
so it is preceded by a TLS handshake with this very host; from layer 0, which answers no TLS at all, the way goes over
negotiate. That shuts everybody out too where TLS is broken and NLA required (HYBRID_REQUIRED_BY_SERVER, MS-RDPBCGR
2.2.1.2.2), so a host that let somebody in before must do so still. A number that Windows does not know drops every
connection, so TLS shuts out nobody there but by what the listener may still act on, which is looked at. A listener that
does not negotiate answers no TLS either: negotiation is switched on first, and off again where that shuts out whoever
got in. MinEncryptionLevel governs the native RDP layer alone: raising it never cures and never breaks TLS. What the
logon screen asks for comes after all that, and secure RPC is for policy alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from .._model.change import Plan
from .._model.observation import Observation, SettingState
from .._model.reading import value
from .._model.settings import SETTINGS, number_of
from ._base import POLICY_OPTION, Options, Remedy, Wish, hosting, plan_setting
from ._weaken import LEASE_OPTIONS, due_first, plan_guarded, plan_kept

NAME = "security_layer"

LAYERS = {"rdp": 0, "negotiate": 1, "tls": 2}
ENCRYPTION = {"low": 1, "client_compatible": 2, "high": 3, "fips": 4}

OPTIONS = {
    "layer": {"type": "str", "choices": [*LAYERS, "keep"], "default": "tls"},
    "encryption": {"type": "str", "choices": [*ENCRYPTION, "keep"], "default": "keep"},
    "negotiation": {"type": "str", "choices": ["on", "keep"], "default": "on"},
    "logon_prompt": {"type": "str", "choices": ["always", "keep"], "default": "keep"},
    "rpc": {"type": "str", "choices": ["secure", "keep"], "default": "keep"},
    **LEASE_OPTIONS,
    **POLICY_OPTION,
}


@hosting
def plan(observation: Observation, options: Options) -> Plan:
    """Plan what leases owe, negotiation, the encryption level, the prompt, then the layer; weaker values on a lease.

    The layer comes last: its proof is a handshake, which an encryption level out of range would drop.
    """
    return due_first(_steps(observation, options))


def _steps(observation: Observation, options: Options) -> Iterator[Plan]:
    if options["negotiation"] == "on":
        yield _negotiation(observation, options)
    yield _encryption(observation, options)
    if options["logon_prompt"] == "always":
        yield _prompt(observation, options)
    if options["rpc"] == "secure":
        yield _rpc(observation)
    if options["layer"] == "keep":
        yield plan_kept(observation, NAME, "security_layer")
    else:
        yield _layer(observation, LAYERS[options["layer"]], options)


def _negotiation(observation: Observation, options: Options) -> Plan:
    """Switched on it requires TLS where the layer does, and no handshake proves TLS before; so what follows counts."""
    planned = plan_setting(observation, Wish(NAME, "negotiation", 1, "security negotiation is off"), options)
    return replace(planned, changes=tuple(replace(change, then="answer") for change in planned.changes))


def _layer(observation: Observation, wanted: int, options: Options) -> Plan:
    wish = _layer_wish(wanted, "tls" if wanted == LAYERS["tls"] else "")
    if wanted == LAYERS["negotiate"] and not _offers_tls(observation):
        wish = replace(wish, then="answer")

    def steps(seen: Observation) -> Plan:
        if not wish.proof or _offers_tls(seen):
            return plan_setting(seen, wish, options)
        if number_of(seen, "security_layer") in (LAYERS["rdp"], None):
            return _via_negotiate(seen, options)
        return plan_setting(seen, replace(wish, proof="", then="answer"), options)

    return plan_guarded(observation, wish, options, steps)


def _via_negotiate(observation: Observation, options: Options) -> Plan:
    """From a layer that offers no TLS: offer it first, prove it, then require it."""
    first = plan_setting(observation, _layer_wish(LAYERS["negotiate"]), options)
    if not first.changes:
        return first
    state = observation.settings["security_layer"]
    negotiated = SettingState(value(LAYERS["negotiate"], "REG_DWORD"), policy_owner=state.policy_owner)
    after = Observation(observation.taken_at, observation.identity, {"security_layer": negotiated})
    return first + plan_setting(after, _layer_wish(LAYERS["tls"], "tls"), options)


def _layer_wish(number: int, proof: str = "") -> Wish:
    reason = f"the security layer is wanted {SETTINGS['security_layer'].word(number)}"
    return Wish(NAME, "security_layer", number, reason, risk="medium" if proof else "low", proof=proof)


def _encryption(observation: Observation, options: Options) -> Plan:
    if options["encryption"] == "keep":
        return plan_kept(observation, NAME, "encryption")
    wanted = ENCRYPTION[options["encryption"]]
    reason = f"the encryption level is wanted {SETTINGS['encryption'].word(wanted)}"
    enough = wanted == ENCRYPTION["high"]  # all that benchmarks ask for
    return plan_guarded(observation, Wish(NAME, "encryption", wanted, reason, at_least=enough), options)


def _prompt(observation: Observation, options: Options) -> Plan:
    """UNSURE when it is live, and nobody sees it who does not log on (see UNSEEN of the self-test), so that is said."""
    wish = Wish(NAME, "logon_prompt", 1, "the password is to be asked for")
    planned = plan_setting(observation, wish, options)
    return planned + Plan(notes=(_PROMPT_UNSEEN,) if planned.changes else ())


_PROMPT_UNSEEN = (
    "that the logon screen asks for the password shows to those alone who log on: restart TermService where a session "
    "that begins after the change does not ask"
)


def _rpc(observation: Observation) -> Plan:
    """What policy lacks, in a note: it alone decides, and no policy value is written."""
    setting = SETTINGS["secure_rpc"]
    state = observation.settings.get(setting.id)
    if state is None or setting.policy is None or state.policy.state == "unreadable":
        return Plan(notes=(f"whether policy requires secure RPC ({setting.path}) could not be read",))
    if state.policy.is_value and state.policy.data == 1:
        return Plan()
    found = setting.word(state.policy.data) if state.policy.is_value else "not set"
    wanting = ", ".join(f"{rule.benchmark} {rule.item}" for rule in setting.rules)
    note = f"secure RPC is for Group Policy to require: {setting.policy.gpo} is {found}; wanted by {wanting}"
    return Plan(notes=(note,))


def _offers_tls(observation: Observation) -> bool:
    return number_of(observation, "security_layer") in (LAYERS["negotiate"], LAYERS["tls"])


REMEDY = Remedy(
    name=NAME,
    areas=("identity", "settings", "leases"),
    settings=("security_layer", "encryption", "negotiation", "logon_prompt", "secure_rpc"),
    options=OPTIONS,
    plan=plan,
    spared={"logon_prompt": "logon_prompt", "secure_rpc": "rpc"},
)
