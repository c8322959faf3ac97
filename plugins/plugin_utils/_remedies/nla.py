# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Network Level Authentication, required or off. PRIVATE to the collection.

Without it a client reaches the logon screen, and all code behind it, before anybody has authenticated (CVE-2019-0708,
CVE-2019-1181). It is switched off on a lease alone, for users whose clients or expired passwords shut them out until
the cause is repaired. Requiring it is no proof of anything: clients without CredSSP are shut out by intent.
"""

from __future__ import annotations

from .._model.change import Plan
from .._model.observation import Observation
from .._model.settings import SETTINGS, effective
from ._base import POLICY_OPTION, Options, Remedy, Wish, hosting
from ._weaken import LEASE_OPTIONS, plan_guarded, plan_kept

NAME = "nla"

STATES = {"required": 1, "off": 0}

OPTIONS = {
    "state": {"type": "str", "choices": [*STATES, "keep"], "default": "required"},
    **LEASE_OPTIONS,
    **POLICY_OPTION,
}


@hosting
def plan(observation: Observation, options: Options) -> Plan:
    """Plan NLA to be required after CredSSP has answered inside TLS, or off for as long as a lease lasts."""
    if options["state"] == "keep":
        return plan_kept(observation, NAME, "nla")
    number = STATES[options["state"]]
    reason = f"Network Level Authentication is wanted {options['state']}"
    proof = "ntlm" if number and _answers(observation) else ""
    return plan_guarded(observation, Wish(NAME, "nla", number, reason, risk="medium", proof=proof), options)


def _answers(observation: Observation) -> bool:
    """Whether the value lets anybody in once it is live; one that Windows does not know locks out all, TLS or not.

    While it is not live, somebody may get in all the same, who is not to be shut out by what follows.
    """
    state = observation.settings.get("nla")
    return state is None or effective(SETTINGS["nla"], state)[0] in STATES.values()


REMEDY = Remedy(
    name=NAME,
    areas=("identity", "settings", "leases"),
    settings=("nla",),
    options=OPTIONS,
    plan=plan,
)
