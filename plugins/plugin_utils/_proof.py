# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Proof by handshake: the probe, and whether it shows a change to be live. PRIVATE to the collection."""

from __future__ import annotations

import base64
import time
import typing as t
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone

from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.probe import ProbeOptions, probe

from ._diagnosis.facts import Facts
from ._model.change import Change, KeyKind
from ._model.lease import LeaseState
from ._model.observation import ANOTHER_NODE, CONTROLLER, Observation
from ._model.plain import Plain
from ._model.settings import PIN, SETTINGS, Setting

Probe = Mapping[str, t.Any]

KEY_KINDS: frozenset[str] = frozenset(t.get_args(KeyKind))

FRESH = timedelta(minutes=15)
"""How old a probe may be to prove what is written now."""

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
        heard: the ports on which a probe of this task met the host, so that silence there is the path's or soon over.
    """

    address: str
    port: int | None = None
    enabled: bool = True
    given: tuple[Probe, ...] = ()
    sleep: Callable[[float], None] = time.sleep
    handshake: Callable[[ProbeOptions], dict[str, t.Any]] = probe
    udp: bool = False
    heard: set[int] = field(default_factory=set, compare=False)

    def watching(self, changes: Iterable[Change]) -> Prober:
        """The prober that sees what these changes are about: UDP only where they say whether it is served."""
        about_udp = any(change.item == SETTINGS["transport"].path for change in changes)
        return replace(self, udp=True) if about_udp else self

    def look(self, listener_port: Callable[[], int]) -> Probe | None:
        """One probe from the controller, now; None where the controller may not probe."""
        if not self.enabled:
            return None
        port = self.port or listener_port()
        result = self.handshake(ProbeOptions(self.address, port, udp=self.udp))
        if meets(result):
            self.heard.add(port)
        return result

    def brought(self, listener_port: int) -> list[Probe]:
        """The results that may stand as proof: of this host and its port, and made just now."""
        wanted = (self.address.lower(), self.port or listener_port)
        here = (probe for probe in self.given if (str(probe["host"]).lower(), probe["port"]) == wanted)
        return [probe for probe in here if _fresh(probe, datetime.now(timezone.utc).isoformat())]

    def look_until(self, good: Callable[[Probe], bool | None], listener_port: Callable[[], int]) -> Probe | None:
        """Probe until the result is good or patience ends; results that were brought do not change by waiting.

        One that shows nothing (None) ends it too where no probe of this task met the host: a packet may be lost and a
        listener yet to open, but a path that is blocked stays so.
        """
        result = self.look(listener_port)
        for pause in PATIENCE if self.enabled else ():
            seen = True if result is None else good(result)
            if seen or (seen is None and (self.port or listener_port()) not in self.heard):
                break
            self.sleep(pause)
            result = self.look(listener_port)
        return result


def connects(probe: Probe) -> bool:
    """Whether a TCP connection came about, without which nothing is seen of the listener."""
    return bool(probe["tcp"]["verdict"] == "open")


def meets(probe: Probe) -> bool:
    """Whether the host answered on that port, if only to refuse the connection."""
    return connects(probe) or bool(probe["tcp"]["verdict"] == "refused")


def flaw(probe: object) -> str:
    """What keeps something from being a result of probe_info; empty for one."""
    if not isinstance(probe, Mapping):
        return "it is no mapping"
    kinds = {"host": str, "port": int, "passed": bool, "stage": str, "tcp": Mapping, "x224": Mapping, "tls": Mapping}
    wrong = [name for name, kind in kinds.items() if not isinstance(probe.get(name), kind)]
    wrong += [name for name in ("tcp", "x224", "tls") if name not in wrong and "verdict" not in probe[name]]
    wrong += ["taken_at"] if "taken_at" in probe and _moment(str(probe["taken_at"])) is None else []
    return f"it lacks {', '.join(wrong)}, or has something else there" if wrong else ""


def _fresh(probe: Probe, now: str) -> bool:
    """Whether a probe was made in the last quarter of an hour, by the controller's clock."""
    made, seen = _moment(str(probe.get("taken_at"))), _moment(now)
    return made is not None and seen is not None and abs(seen - made) < FRESH


def _moment(stamp: str) -> datetime | None:
    """A moment in ISO 8601; None where it is none, or names no zone."""
    try:
        moment = datetime.fromisoformat(stamp.replace("Z", "+00:00"))
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def telling(prober: Prober, own: Probe | None) -> tuple[Probe | None, tuple[Probe, ...]]:
    """The probe that tells of the host, which is the one that got furthest, and those that tell of other ways to it."""
    if not prober.given:
        return own, ()
    mine = () if own is None else ({**own, "vantage": CONTROLLER},)
    theirs = ({"vantage": ANOTHER_NODE, **probe} for probe in prober.given)
    ranked = sorted((*mine, *theirs), key=lambda probe: Facts(Observation("", probe=probe)).reached, reverse=True)
    return ranked[0], tuple(ranked[1:])


def tls_works(probes: Iterable[Probe | None]) -> bool:
    """Whether some probe completed a TLS handshake with the host."""
    return any(probe and probe["tls"]["verdict"] == "ok" for probe in probes)


@dataclass(frozen=True)
class Lack:
    """Why probes do not prove that a stricter value locks nobody out, and what helps."""

    why: str
    hint: str


_UNSEEN = Lack(
    "nothing proves that this host's TLS works",
    "Let the controller probe, or pass as probes what probe_info on another node has just seen of this host and port",
)
_NO_TLS = Lack(
    "no TLS handshake with this host succeeds",
    "Repair the certificate or its key first (diagnosis_info names the cause)",
)
_NO_CREDSSP = {
    "timeout": "CredSSP is not answered in time",
    "not_ntlm": "CredSSP is answered with something else",
    "not_offered": "the host does not offer CredSSP",
}
_UNTRIED = Lack(
    "the probe did not try CredSSP", "Let probe_info run its stage ntlm, which it does unless told otherwise"
)
_NO_NTLM = Lack(
    "the host answers no NTLM and belongs to no domain, so nobody could authenticate",
    "Allow incoming NTLM (RestrictReceivingNTLMTraffic), or join the host to a domain, whose users have Kerberos",
)


def lacking(probes: Sequence[Probe], stage: str, vouched: Callable[[], bool]) -> Lack | None:
    """What keeps probes from proving a stage; None where one of them does.

    TLS that is given to those alone who authenticate inside of it is no use to anybody where none can.

    Args:
        probes: made just now of this host and port.
        stage: C(tls), or C(ntlm) where users are to authenticate inside of it from now on.
        vouched: whether users of the host can have Kerberos or Entra ID instead of NTLM; asked only where that decides.
    """
    serving = [probe for probe in probes if tls_works([probe])]
    if not serving:
        return _NO_TLS if probes else _UNSEEN
    if stage == "tls" and any(_answered(probe, 1) for probe in serving):
        return None
    lacks = [_no_logon(probe, vouched, told=stage == "ntlm") for probe in serving]
    return None if None in lacks else lacks[0]


def _answered(probe: Probe, protocol: int) -> bool:
    """Whether some request was answered with this protocol (MS-RDPBCGR 2.2.1.2.1)."""
    answers = probe["x224"].get("asked", {}).values()
    return any((answer["outcome"], answer.get("protocol")) == ("selected", protocol) for answer in answers)


def _no_logon(probe: Probe, vouched: Callable[[], bool], told: bool) -> Lack | None:
    """Why nobody can authenticate inside TLS; None where somebody can, or where that need not be told and is not."""
    verdict = str((probe.get("ntlm") or {}).get("verdict", "skipped"))
    if verdict == "skipped":
        return _UNTRIED if told else None
    if verdict in _NO_CREDSSP:
        return Lack(_NO_CREDSSP[verdict], "Look at LSA protection and credential providers (diagnosis_info helps)")
    return _NO_NTLM if verdict in ("closed", "refused") and not vouched() else None


def lets_in(probe: Probe, vouched: Callable[[], bool]) -> bool:
    """Whether some client gets in: over TLS, or with Standard RDP Security as the oldest do, negotiated or not."""
    answers = probe["x224"].get("asked", {}).values()
    native = any(answer["outcome"] == "legacy" for answer in answers) or _answered(probe, 0)
    return native or lacking([probe], "tls", vouched) is None


def refuses(probe: Probe, vouched: Callable[[], bool]) -> bool:
    """Whether the host is seen to let nobody in, or no program listens there; silence shows neither."""
    return not lets_in(probe, vouched) and meets(probe)


def brought_proves(change: Change, observation: Observation, now: bool) -> bool:
    """Whether what other nodes have just brought shows beforehand that a change shuts nobody out.

    That TLS works, for one that wants that proved; and for one of which only a look afterwards would tell, that the
    host lets nobody in, whoever could have Kerberos being taken to have it: which is over once anything was changed.
    """
    brought = (probe for probe in (observation.probe, *observation.other_probes) if probe is not None)
    probes = [probe for probe in brought if _fresh(probe, observation.taken_at)]
    if change.proof:
        return tls_works(probes)
    return change.then != "answer" or (now and {refuses(probe, lambda: True) for probe in probes} == {True})


def live(changes: Sequence[Change], probe: Probe | None) -> bool | None:
    """Whether the changes show in the live handshake; None where nothing tells.

    Only what takes effect at a moment that is unsettled is asked about, of an item that was changed more than once the
    last value. Without a TCP connection nothing is seen of the listener: a firewall may drop it, or refuse it.
    """
    last = latest(changes)
    about_tls = [change for change in last if change.kind in KEY_KINDS or change.item == PIN]
    seen = {
        _tls_live(about_tls, probe),
        _settings_live([change for change in last if change.unsettled and change.item != PIN], probe),
    }
    return False if False in seen else None if None in seen else True


def latest(changes: Iterable[Change]) -> list[Change]:
    """The last change of each item."""
    return list({change.item: change for change in changes}.values())


def _tls_live(about_tls: Sequence[Change], probe: Probe | None) -> bool | None:
    if all(change.restart is not None for change in about_tls):
        return True
    return serves(about_tls, probe) if probe is not None and connects(probe) else None


def _settings_live(settings: Sequence[Change], probe: Probe | None) -> bool | None:
    if probe is None or not settings:
        return None if settings else True
    if any(map(out_of_range, settings)):
        return _drops(probe) if connects(probe) else None
    seen = shows(settings, probe)
    if seen is not None or any(map(shuts, settings)):
        return seen
    return (not _drops(probe) or _refused(settings, probe)) if connects(probe) else None


def _drops(probe: Probe) -> bool:
    """Whether each connection is dropped, as where a number is out of range."""
    return Facts(Observation("", probe=probe)).failed_stage == "x224"


def out_of_range(change: Change) -> bool:
    """Whether a setting is given a number that Windows does not know."""
    setting = _setting(change)
    if setting is None or not setting.choices or not isinstance(change.after, dict):
        return False
    return setting.number(change.after["data"]) not in setting.choices


def _refused(changes: Iterable[Change], probe: Probe) -> bool:
    """Whether RDP answers, if only to refuse: a value that Windows does not know would drop the connection.

    That it allows no TLS (SSL_NOT_ALLOWED_BY_SERVER) is what a listener says too that does not negotiate.
    """
    codes = {answer.get("failure") for answer in probe["x224"].get("asked", {}).values()} - {None}
    negotiating = any(change.item == SETTINGS["negotiation"].path for change in changes)
    return bool(codes - {2} if negotiating else codes)


def serves(changes: Iterable[Change], probe: Probe) -> bool:
    """Whether TLS works, and with the certificate that is to serve by these changes.

    UNSURE: when a change of SSLCertificateSHA1Hash takes effect. Public guides restart TermService after it, others do
    not; so it is looked at, and the check live_pin of selftest asks a host.
    """
    return tls_works([probe]) and not any(_contradicts(change, probe) for change in changes)


def _contradicts(change: Change, probe: Probe) -> bool:
    """Whether the certificate shown is one that was replaced or untied, or another than the one that was tied."""
    shown = str((probe["tls"].get("certificate") or {}).get("sha1", "")).upper()
    if change.kind == "renewal":
        return change.before == shown
    if change.item != PIN:
        return False
    return shown != _pinned(change.after) if change.after is not None else shown == _pinned(change.before)


def shown_by(probe: Probe) -> str:
    """The thumbprint of the certificate with which TLS was established; empty without TLS."""
    shown = str((probe["tls"].get("certificate") or {}).get("sha1", "")).upper()
    return shown if tls_works([probe]) else ""


def way_back(change: Change, acted: Probe, held: bool) -> Change | None:
    """The change from what was written to what the listener acted on, where that was not what was stored; else None.

    Args:
        change: what was written.
        acted: the handshake before it was live, by which somebody got in.
        held: whether the machine's personal store has the certificate that was shown.
    """
    setting = _setting(change)
    number = live_number(setting.id, acted) if setting else None
    if change.item == PIN and held and shown_by(acted) != _pinned(change.before):
        data = base64.b64encode(bytes.fromhex(shown_by(acted))).decode("ascii")
        after: Plain = {"type": "REG_BINARY", "data": data}
    elif number is not None and replaces_unknown(change):
        after = {"type": "REG_DWORD", "data": number}
    else:
        return None
    return replace(change, before=change.after, after=after, reason=ACTED, proof="", then="", compliance=())


DROPPING = ("security_layer", "nla", "encryption")

ACTED = "what the listener acted on before, since what was stored and not live is not known to let anybody in"


def replaces_unknown(change: Change) -> bool:
    """Whether what was stored is a number that Windows does not know, and drops each connection for once it is live.

    Measured by Microsoft's Azure repair script win-fix-rdp-connectivity for these three.
    """
    setting = _setting(change)
    if setting is None or setting.id not in DROPPING or not isinstance(change.before, dict):
        return False
    return change.before["data"] not in setting.choices


def _pinned(value: Plain) -> str:
    """The thumbprint in a value of SSLCertificateSHA1Hash, or nothing."""
    return base64.b64decode(str(value["data"])).hex().upper() if isinstance(value, dict) else ""


def settled(changes: Sequence[Change], probe: Probe) -> bool | None:
    """Whether waiting would show nothing new: the changes are live, and a listener that was started has opened.

    None where the probe shows nothing of them. Where the port is to be closed, silence is as good as anything.
    """
    if not connects(probe) and any(change.kind in ("service_state", "restart") for change in changes):
        return False
    seen = live(changes, probe)
    return True if seen is None and any(map(shuts, changes)) else seen


def shows(changes: Iterable[Change], probe: Probe | None) -> bool | None:
    """Whether the handshake shows the wanted values: False when it contradicts one, None when it is silent.

    Of an item that was changed more than once, the last value counts.
    """
    seen = [_deduced(change, probe) for change in latest(changes) if probe]
    if False in seen:
        return False
    return True if True in seen else None


def _deduced(change: Change, probe: Probe) -> bool | None:
    """Whether negotiation, or the certificate shown, tells of the wanted value; None where neither decides."""
    if change.item == PIN:
        return not _contradicts(change, probe) if tls_works([probe]) else None
    setting = _setting(change)
    if setting and setting.id == "transport":
        return _udp_shows(change, probe)
    if shuts(change):
        return True if probe["tcp"]["verdict"] == "refused" else None  # another program may have the port
    number = live_number(setting.id, probe) if setting else None
    if setting is None:
        return None
    wanted = change.after["data"] if isinstance(change.after, dict) else setting.default
    if number is None:
        return False if setting.id == "security_layer" and wanted == 0 and _offers_tls(probe) else None
    return None if wanted is None else number == wanted


def _setting(change: Change) -> Setting | None:
    return next((setting for setting in SETTINGS.values() if setting.path == change.item), None)


def shuts(change: Change) -> bool:
    """Whether it closes the port."""
    return change.item == SETTINGS["deny_connections"].path and change.after == {"type": "REG_DWORD", "data": 1}


def _offers_tls(probe: Probe) -> bool:
    """Whether TLS or CredSSP was selected: then the live layer is not Standard RDP, whichever of the others it is."""
    return any(answer.get("protocol") for answer in probe["x224"].get("asked", {}).values())


def unproven(changes: Iterable[Change], probe: Probe | None) -> tuple[str, ...]:
    """What a probe that was made cannot show of the changes."""
    about_udp = [change for change in changes if change.item == SETTINGS["transport"].path]
    if probe is None or not about_udp or shows(about_udp, probe) is not None:
        return ()
    return (_UDP_SILENT,)


_UDP_SILENT = (
    "no answer came over UDP, which proves neither way: new connections follow the setting at the latest after a "
    "restart of TermService"
)


def _udp_shows(change: Change, probe: Probe) -> bool | None:
    """An answer over UDP shows that it is served; silence shows nothing."""
    if (probe.get("udp") or {}).get("verdict") != "answers":
        return None
    return not isinstance(change.after, dict) or change.after["data"] != 1


def live_number(setting: str, probe: Probe | None) -> int | None:
    """What the running listener acts on, where the negotiation matrix tells."""
    x224 = (probe or {}).get("x224") or {}
    seen = {"security_layer": x224.get("security_layer"), "nla": x224.get("nla_required")}.get(setting)
    return None if seen is None else int(seen)


def lease_effective(state: LeaseState, probe: Probe | None) -> bool | None:
    """Whether the live handshake shows what a lease weakened, or after its end no longer shows it."""
    number = live_number(state.lease.setting, probe)
    return None if number is None else (number in state.lease.weakened) == state.weak
