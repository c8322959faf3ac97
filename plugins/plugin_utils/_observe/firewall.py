# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reader: firewall rules that touch the RDP port, profiles and active networks. PRIVATE to the collection."""

from __future__ import annotations

from .._cim.firewall import Action, Category, Profile, Rule
from .._model.observation import FirewallState, ProfileState, RuleState
from ._request import Request

_ACTIVE = {Category.DOMAIN: "domain", Category.PRIVATE: "private", Category.PUBLIC: "public"}
_INBOUND = {int(Action.ALLOW): "allow", int(Action.BLOCK): "block"}


def read(request: Request) -> FirewallState:
    rules = {rule.instance_id: rule for rule in request.host.firewall.rules_for_port(request.host.listener_port())}
    rules.update({rule.instance_id: rule for rule in request.host.firewall.rdp_rules()})
    profiles = {name.lower(): _profile(profile) for name, profile in request.host.firewall.profiles().items()}
    active = {_ACTIVE[Category(number)] for number in request.host.firewall.active_categories().values()}
    running = request.host.services.list(["MpsSvc"])
    return FirewallState(
        rules=tuple(_rule(rule) for rule in rules.values()),
        profiles=profiles,
        active=tuple(sorted(active)),
        running=all(service.running for service in running.values()),
    )


def _rule(rule: Rule) -> RuleState:
    return RuleState(
        id=rule.instance_id,
        enabled=rule.enabled,
        action=rule.action,
        profiles=int(rule.profiles),
        protocol=rule.protocol,
        local_ports=rule.ports,
        remote_addresses=rule.remote_addresses,
        store=rule.source,
    )


def _profile(profile: Profile) -> ProfileState:
    return ProfileState(
        name=profile.name.lower(),
        enabled=profile.enabled,
        inbound=_INBOUND.get(profile.default_inbound),
        local_rules=profile.allow_local_rules,
        exceptions=profile.allow_inbound_rules,
    )
