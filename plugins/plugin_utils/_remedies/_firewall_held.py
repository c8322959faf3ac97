# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What stands above or beside the built-in rules. PRIVATE to the collection.

That is group policy, device management, and what an administrator of the host has set.
"""

from __future__ import annotations

from .._model.addresses import canonical
from .._model.change import Held, Refusal
from .._model.observation import ProfileState, RuleState
from .._model.plain import Plain, to_plain
from .._model.rules import EXCEPTION, LOCAL, MDM, STORES
from ._firewall_wanted import FLAGS, Wanted

FOLDER = r"Computer Configuration\Windows Settings\Security Settings\Windows Defender Firewall with Advanced Security"
"""Where a group policy has rules and profiles."""

TEMPLATE = (
    r"Computer Configuration\Administrative Templates\Network\Network Connections\Windows Defender Firewall"
    r"\{profile} Profile\Windows Defender Firewall: Allow inbound Remote Desktop exceptions"
)
"""The administrative template of a profile (windowsfirewall.admx)."""

CSP = "./Vendor/MSFT/Firewall/MdmStore"
"""Where device management has them (Microsoft Learn, Firewall CSP)."""


def sample(rule: RuleState) -> str:
    """The first few of a rule's addresses, for a message."""
    return ", ".join(rule.remote_addresses[:3])


def rule_held(rule: RuleState, setting: str, value: Plain, wanted: Plain) -> Held:
    """A rule of policy or device management that is not as wanted, and where it is made."""
    template = rule.id.endswith(EXCEPTION)
    folder = TEMPLATE.format(profile=rule.id.partition("Profile")[0]) if template else rf"{FOLDER}\Inbound Rules"
    node = f"{CSP}/FirewallRules/{rule.id}"
    return _held_at(rule.path, setting, value, wanted, folder, node)


def _held_at(path: str, setting: str, value: Plain, wanted: Plain, folder: str, node: str) -> Held:
    managed = path.startswith(STORES[MDM])
    owner = "device management (MDM)" if managed else ""
    return Held("policy_held", setting, value, wanted, path, node if managed else folder, owner)


def held(wanted: Wanted) -> tuple[Held, ...]:
    """What policy or device management has otherwise than wanted."""
    shut = (_profile_held(profile, flag) for profile, flag in wanted.shut() if flag in profile.by_policy)
    limit = to_plain(canonical(wanted.options["remote_addresses"] or ()))
    wide = (rule for rule in wanted.too_wide() if rule.store != LOCAL)
    setting = "firewall_remote_addresses"
    return (*shut, *(rule_held(rule, setting, to_plain(rule.remote_addresses), limit) for rule in wide))


def too_wide(wanted: Wanted) -> tuple[str, ...]:
    """Rules of the host's own that let in others as well: somebody made them, so they are named."""
    return tuple(
        f"the rule {rule.id} lets in others than remote_addresses, among them {sample(rule)}: narrow it, or disable "
        "it, if that is not meant"
        for rule in wanted.too_wide()
        if rule.store == LOCAL
    )


def closed_locally(wanted: Wanted) -> tuple[Refusal, ...]:
    """Profiles that an administrator of the host has closed to every rule: what was meant so is not undone here."""
    return tuple(
        Refusal(
            f"the {profile.name} profile {FLAGS[flag][0]}, by the host's own setting: change it there if that is not "
            "meant"
        )
        for profile, flag in wanted.shut()
        if flag not in profile.by_policy
    )


def _profile_held(profile: ProfileState, flag: str) -> Held:
    _what, policy, node = FLAGS[flag]
    name = f"{profile.name.title()}Profile"
    folder = rf"{FOLDER}\{profile.name.title()} Profile\{policy}"
    return _held_at(profile.by_policy[flag], f"firewall_{flag}", False, True, folder, f"{CSP}/{name}/{node}")


def without_udp(wanted: Wanted) -> tuple[str, ...]:
    """Where policy lets in over TCP alone, users are served all the same."""
    both = {"tcp", "udp"} <= {*wanted.options["transports"]}
    ignoring = (name for name in wanted.names if both and wanted.flags(name) == ("local_rules",))
    return tuple(
        f"the {name} profile ignores local rules, and policy lets in over TCP alone: Remote Desktop does without UDP"
        for name in ignoring
        if wanted.by_policy(name, "tcp") and not wanted.by_policy(name, "udp")
    )
