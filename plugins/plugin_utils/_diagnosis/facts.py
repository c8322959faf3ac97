# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an observation says, in the terms that causes ask in. PRIVATE to the collection."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from .._model.keys import LEAST_RSA_BITS, WEAK_HASHES
from .._model.observation import (
    ANOTHER_NODE,
    EventRecord,
    FirewallState,
    Observation,
    RuleState,
    ServiceState,
    SettingState,
)
from .._model.plain import Plain
from .._model.rules import ALLOW, LOCAL, RULES, allows, blocks, for_everybody, in_profiles, lets_in_some
from .._model.settings import SETTINGS, Decider, effective, number_of

STAGES = ("name", "tcp", "x224", "tls", "ntlm", "session")
"""The way of a connection, in order. The probe sees all but the last, which only users with credentials reach."""

PROFILE_BITS = {"domain": 1, "private": 2, "public": 4}
TCP_RULE = RULES["tcp"]

AROUND = (timedelta(seconds=-3), timedelta(seconds=20))
"""Events from how long before to how long after its beginning belong to a probe; both clocks tell whole seconds."""


def _telling(earlier: t.Sequence[datetime], until: datetime) -> int:
    """How many events around a probe are more than chance, by how often they came in the minutes before it.

    In the loop the events of its last minute are those of its own earlier probes, and make no pace.

    Few of them may be users' own attempts, so one is enough until half an event is expected in that time anyhow. A
    handshake that fails for its key writes two (recorded at each attempt of mstsc).
    """
    if len(earlier) < _A_PACE or until - min(earlier) < _LONG:
        return 1
    apart = (until - min(earlier)).total_seconds() / len(earlier)
    expected = (AROUND[1] - AROUND[0]).total_seconds() / apart
    return 1 if expected < _LIKELY else int(expected) + 2


_A_PACE, _LONG, _LIKELY = 3, timedelta(minutes=4), 0.5
"""Events that make a pace, the time over which they do, and how many expected ones make the next one likely."""


@dataclass(frozen=True)
class Evidence:
    """One observed fact: what, its value, and where it was read."""

    what: str
    value: Plain
    source: str


@dataclass(frozen=True)
class Facts:
    """Reads an observation. Nothing here decides what is wrong."""

    observation: Observation

    # --- the probe

    @property
    def probed(self) -> bool:
        return self.observation.probe is not None

    @property
    def failed_stage(self) -> str | None:
        """The stage at which the probe failed; None when it passed or there was none."""
        probe = self.observation.probe
        return None if probe is None or probe["passed"] else str(probe["stage"])

    @property
    def reached(self) -> int:
        """How far the probe came, as a number that grows with the stages passed; -1 without a probe."""
        if not self.probed:
            return -1
        return len(STAGES) if self.failed_stage is None else STAGES.index(self.failed_stage)

    def got_past(self, stage: str) -> bool:
        return self.reached > STAGES.index(stage)

    @property
    def passed(self) -> bool:
        return bool(self.observation.probe and self.observation.probe["passed"])

    def probe_verdict(self, stage: str) -> str:
        """The verdict of one stage of the probe; C(skipped) where it was not tried."""
        probe = self.observation.probe or {}
        return str((probe.get(stage) or {}).get("verdict", "skipped"))

    def probed_value(self, stage: str, name: str) -> Plain:
        """What the probe noted at a stage; None where it did not come so far."""
        return t.cast(Plain, ((self.observation.probe or {}).get(stage) or {}).get(name))

    @property
    def vantage(self) -> str:
        """Where the probe was made."""
        return str((self.observation.probe or {}).get("vantage") or ANOTHER_NODE)

    @property
    def elsewhere(self) -> tuple[Facts, ...]:
        """The same host as seen from the other places."""
        return tuple(Facts(replace(self.observation, probe=probe)) for probe in self.observation.other_probes)

    @property
    def udp_silent(self) -> bool:
        """Whether the probe sent a UDP packet that nobody answered; silence is a hint and no proof."""
        return self.probe_verdict("udp") in ("silent", "unreachable")

    def negotiation_failure(self, asked: int) -> int | None:
        """The RDP_NEG_FAILURE code that answered a request for these protocols, if any."""
        probe = self.observation.probe or {}
        answer = (probe.get("x224") or {}).get("asked", {}).get(str(asked), {})
        return answer.get("failure") if answer.get("outcome") == "failure" else None

    def seen(self, stage: str) -> Evidence:
        """What the probe saw at a stage, as evidence."""
        return Evidence(f"probe, stage {stage}", self.probe_verdict(stage), "probe")

    @property
    def no_certificate(self) -> bool:
        """Whether the host says that it has no certificate for TLS (MS-RDPBCGR 2.2.1.2.2, SSL_CERT_NOT_ON_SERVER)."""
        return any(self.negotiation_failure(asked) == 3 for asked in (1, 3, 11))

    @property
    def tls_failure(self) -> str:
        """How TLS fails with a listener that answers; empty where it does not, or nothing shows it."""
        if self.no_certificate:
            return "the listener has no certificate"
        return f"it ends with {self.probe_verdict('tls')}" if self.failed_stage == "tls" else ""

    @property
    def negotiated(self) -> bool:
        """Whether the probe shows that RDP itself answers: TLS was agreed on, or refused for want of a certificate."""
        return self.got_past("x224") or self.no_certificate

    @property
    def expired_certificate_shown(self) -> bool:
        """Whether the handshake showed a certificate that has expired."""
        return bool((self._tls.get("certificate") or {}).get("expired"))

    @property
    def shown_thumbprint(self) -> str:
        """The SHA-1 of the certificate that the handshake showed; empty where it showed none."""
        return str((self._tls.get("certificate") or {}).get("sha1", ""))

    @property
    def shown_certificate_faults(self) -> tuple[str, ...]:
        """What is weak about the certificate that the handshake showed, in the words of CertificateState.faults."""
        shown = self._tls.get("certificate") or {}
        signed = next((name for name in WEAK_HASHES if str(shown.get("signature_algorithm")).startswith(name)), "")
        bits = shown.get("key_bits")
        short = shown.get("key_algorithm") == "RSA" and bits is not None and bits < LEAST_RSA_BITS
        told = ((short, f"its RSA key has {bits} bits"), (bool(signed), f"it is signed with {signed.upper()}"))
        return tuple(text for true, text in told if true)

    @property
    def certificate_doubtful(self) -> bool:
        """Whether certificate or key may be at fault, as far as the probe tells."""
        usage = (self._tls.get("certificate") or {}).get("key_usage_server_auth")
        shown = self.expired_certificate_shown or usage is False or bool(self.shown_certificate_faults)
        return self.failed_stage == "tls" or self.no_certificate or shown

    @property
    def _tls(self) -> t.Mapping[str, t.Any]:
        return (self.observation.probe or {}).get("tls") or {}

    @property
    def client(self) -> bool:
        """Whether this is a client edition (ProductType 1); an unread identity counts as one, to report more."""
        identity = self.observation.identity
        return identity is None or identity.product_type == 1

    # --- settings and services

    def state(self, setting: str) -> SettingState | None:
        return self.observation.settings.get(setting)

    def number(self, setting: str) -> int | None:
        """The effective number of a setting; None when it was not observed or could not be read."""
        return number_of(self.observation, setting)

    def decider(self, setting: str) -> Decider | None:
        state = self.state(setting)
        return effective(SETTINGS[setting], state)[1] if state else None

    def owned(self, setting: str) -> bool:
        """Whether something owns the policy value; not having looked counts as owned."""
        state = self.state(setting)
        return state is not None and state.policy.is_value and state.policy_owner != ""

    def stored(self, setting: str) -> Evidence:
        """A setting as evidence: its deciding value and place."""
        entry, state = SETTINGS[setting], self.observation.settings[setting]
        if state.policy.is_value and entry.policy:
            owner = f" (set by {state.policy_owner})" if state.policy_owner else ""
            return Evidence(f"policy {entry.policy.name}", entry.word(state.policy.data), entry.policy.key + owner)
        found = entry.number(state.local.data)
        said = entry.word(state.local.data if found is None else found)
        data: Plain = "absent" if state.local.state == "absent" else said
        return Evidence(entry.name, data, entry.key)

    def service(self, name: str) -> ServiceState | None:
        return (self.observation.services or {}).get(name)

    @property
    def sessions(self) -> int:
        """Users' sessions as TermService counts them, the disconnected ones included."""
        service = self.service("TermService")
        return (service.total_sessions if service else None) or 0

    def events(self, source: str, *ids: int) -> tuple[EventRecord, ...]:
        return tuple(e for e in self.observation.events or () if e.source.lower() == source.lower() and e.id in ids)

    def events_at_probe(self, source: str, *ids: int) -> tuple[EventRecord, ...]:
        """Events around the probe, by the host's clock; all that were read where its time or the clock is not known.

        None where no more came than had come all along: other servers on a host write the same, at a pace of their own.
        """
        found, began = self.events(source, *ids), self._probe_began
        if began is None:
            return found
        first, last = (began + step for step in AROUND)
        times = [(event, datetime.fromisoformat(event.time) if event.time else None) for event in found]
        ours = tuple(event for event, time in times if time is None or first <= time <= last)
        earlier = [time for _event, time in times if time is not None and time < first]
        return ours if len(ours) >= _telling(earlier, first) else ()

    @property
    def _probe_began(self) -> datetime | None:
        taken_at, identity = (self.observation.probe or {}).get("taken_at"), self.observation.identity
        if not taken_at or identity is None:
            return None
        began = datetime.fromisoformat(str(taken_at).replace("Z", "+00:00"))
        return began + timedelta(seconds=identity.clock_offset_s)

    # --- listener and firewall

    @property
    def port(self) -> int:
        return self.number("port") or 3389

    @property
    def listening(self) -> bool | None:
        """Whether anything listens on the RDP port; None when it was not read."""
        listener = self.observation.listener
        return bool(listener.process_ids) if listener else None

    @property
    def foreign_listener(self) -> bool:
        """Whether the port is listened on, but not by TermService's process."""
        listener, service = self.observation.listener, self.service("TermService")
        if listener is None or service is None or not listener.process_ids:
            return False
        return service.process_id not in listener.process_ids

    @property
    def firewall(self) -> FirewallState | None:
        return self.observation.firewall

    @property
    def guarded_profiles(self) -> int:
        """Active profiles whose firewall blocks what no rule allows, as a bitmask."""
        if self.firewall is None or not self.firewall.running:
            return 0
        return sum(PROFILE_BITS[name] for name in self.active_profiles if self._guards(name))

    @property
    def active_profiles(self) -> tuple[str, ...]:
        """The active profiles; Windows treats a network that it cannot identify as public."""
        return (self.firewall.active if self.firewall else ()) or ("public",)

    def _guards(self, name: str) -> bool:
        profile = self.firewall.profiles.get(name) if self.firewall else None
        return profile is None or (profile.enabled is not False and profile.inbound != "allow")

    def rule(self, name: str) -> RuleState | None:
        """A rule of the host's own store; one that policy brings can have the same name."""
        rules = self.firewall.rules if self.firewall else ()
        return next((rule for rule in rules if (rule.id, rule.store) == (name, LOCAL)), None)

    @property
    def open_rule(self) -> RuleState | None:
        """The built-in rule over TCP where it is enabled and lets in; somebody can have made it one that blocks."""
        rule = self.rule(TCP_RULE)
        return rule if rule is not None and rule.enabled and rule.action == ALLOW else None

    @property
    def demands(self) -> tuple[str, ...]:
        """What the open built-in rule asks for beside port and addresses; nothing where that was not read."""
        found = self.observation.obstacles
        return found.demands if found is not None and self.open_rule is not None else ()

    @property
    def allowed_profiles(self) -> int:
        """Guarded profiles in which some rule lets users in to the RDP port over TCP."""
        rules = self.firewall.rules if self.firewall else ()
        return self._in_guarded(rule.profiles for rule in rules if allows(rule, self.port))

    @property
    def opens_public(self) -> bool:
        """Whether the built-in rule, opened for the active profiles, lets in from public networks and does not now."""
        rule = self.open_rule
        open_now = rule is not None and in_profiles(rule, PROFILE_BITS["public"])
        return "public" in self.active_profiles and not open_now

    @property
    def closed(self) -> bool:
        """Whether the firewall guards some active profile in which nothing allows the RDP port."""
        return self.firewall is not None and self.allowed_profiles != self.guarded_profiles

    @property
    def shut(self) -> bool:
        """Whether the firewall lets in nobody to the RDP port, by no active profile.

        Whom a rule lets in under a condition is somebody.
        """
        return self.firewall is not None and (self.blocked or not any(map(self._lets_in, self.active_profiles)))

    def _lets_in(self, name: str) -> bool:
        """Whether somebody gets in by an active profile."""
        if self.firewall is None or not PROFILE_BITS[name] & self.guarded_profiles:
            return True
        state = self.firewall.profiles.get(name)
        local = state is None or state.local_rules is not False
        rules = (rule for rule in self.firewall.rules if local or rule.store != LOCAL)
        return any(lets_in_some(rule, self.port) and in_profiles(rule, PROFILE_BITS[name]) for rule in rules)

    @property
    def counts_on_domain(self) -> bool:
        """Whether the built-in rule is for the domain's network, and Windows knows none of the host's for that."""
        rule = self.open_rule
        counts = rule is not None and bool(rule.profiles & PROFILE_BITS["domain"])
        return counts and self.closed and "domain" not in self.active_profiles

    @property
    def needs_certificate(self) -> bool:
        """Whether Windows has to make a certificate for the listener, as far as that was read."""
        keys, identity = self.observation.keys, self.observation.identity
        return bool(keys and identity and keys.needs_making(datetime.fromisoformat(identity.local_time)))

    @property
    def block_rules(self) -> tuple[RuleState, ...]:
        """Enabled rules that block the RDP port in a guarded profile; a block beats every allow."""
        rules = self.firewall.rules if self.firewall else ()
        return tuple(rule for rule in rules if blocks(rule, self.port) and self._in_guarded((rule.profiles,)))

    @property
    def blocked(self) -> bool:
        """Whether some rule blocks the RDP port for everybody."""
        return any(for_everybody(rule) for rule in self.block_rules)

    def _in_guarded(self, profiles: t.Iterable[int]) -> int:
        covered = 0
        for bits in profiles:
            covered |= self.guarded_profiles if bits == 0 else bits & self.guarded_profiles
        return covered

    def profiles_with(self, flag: str) -> tuple[str, ...]:
        """Guarded active profiles that nobody gets in by, since C(local_rules) or C(exceptions) is set to false there.

        Where local rules do not count, those of policy do.
        """
        if self.firewall is None:
            return ()
        names = (name for name in self.active_profiles if PROFILE_BITS[name] & self.guarded_profiles)
        states = ((name, self.firewall.profiles.get(name)) for name in names)
        shut = (name for name, state in states if state is not None and getattr(state, flag) is False)
        return tuple(name for name in shut if flag != "local_rules" or not self._let_in_by_policy(name))

    def flag_source(self, name: str, flag: str) -> str:
        """What sets a flag of a profile: a value of policy, or the host's own settings."""
        profile = self.firewall.profiles.get(name) if self.firewall else None
        return (profile.by_policy if profile else {}).get(flag, "MSFT_NetFirewallProfile")

    def _let_in_by_policy(self, profile: str) -> bool:
        rules = self.firewall.rules if self.firewall else ()
        here = (rule for rule in rules if rule.store != LOCAL and in_profiles(rule, PROFILE_BITS[profile]))
        return any(allows(rule, self.port) and for_everybody(rule) for rule in here)
