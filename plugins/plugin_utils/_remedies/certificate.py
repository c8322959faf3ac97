# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The listener's certificate: valid, bound to one of the machine's store, or Windows' own. PRIVATE to the collection.

The listener uses the certificate that SSLCertificateSHA1Hash names, from the machine's personal store, else the
self-signed one that SessionEnv makes when it starts and there is none or it has expired (Win32_TSGeneralSetting;
Microsoft's Azure repair script win-fix-rdp-certificate). A connection broker and a policy for certificate templates
manage it themselves. An expired certificate alone makes clients warn; it does not keep Windows' own client out.
"""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import datetime, timedelta

from .._model.change import Change, Plan, Refusal
from .._model.keys import CertificateState, KeysState
from .._model.observation import Observation
from .._model.plain import Plain
from .._model.scope import Scope
from .._model.settings import PIN
from . import _certificates as steps
from . import _permissions
from ._base import Options, Remedy, hosting, missing_area

NAME = "certificate"

LONGEST_AHEAD = 180
"""Days. Windows' own certificate is valid for half a year, so further ahead each run would find it due again."""

OPTIONS = {
    "state": {"type": "str", "choices": ["valid", "bound", "self_signed"], "default": "valid"},
    "thumbprint": {"type": "str"},
    "renew_before": {"type": "int", "default": 0},
}


@hosting
def plan(observation: Observation, options: Options) -> Plan:
    """Plan the listener to have a certificate that it can use; nothing while it has one."""
    return _permissions.secured(NAME, observation, _wanted(observation, options))


def undecided(observation: Observation, options: Options) -> Scope:
    """What the plan turns out to hang on besides."""
    return _permissions.hinging(observation, _wanted(observation, options))


def _wanted(observation: Observation, options: Options) -> Plan:
    """What is wanted, whatever the permissions on which it hangs."""
    keys, moment = observation.keys, steps.now(observation)
    if keys is None:
        return missing_area("keys", observation)
    if moment is None:
        return missing_area("identity", observation)
    invalid = _invalid(options)
    if invalid.refused:
        return invalid
    if options["state"] == "bound":
        wanted = _bound(observation, keys, options, moment)
    else:
        wanted = _valid(observation, keys, options, moment)
    hindered = steps.hindrances(observation, keys, wanted.changes)
    return hindered if hindered.refused else wanted


def _invalid(options: Options) -> Plan:
    """What would be ignored, or would renew the certificate again and again."""
    state, ahead = options["state"], options["renew_before"]
    unused = f"thumbprint is for the state bound, and the state is {state}: set state to bound, or leave thumbprint out"
    beyond = f"renew_before is {ahead}: use days from 0 to {LONGEST_AHEAD}; Windows' certificate lasts half a year"
    unnamed = "state bound needs a thumbprint, which names a certificate of the machine's personal store"
    shown = (
        (state == "bound" and not options["thumbprint"], unnamed, "thumbprint"),
        (bool(options["thumbprint"]) and state != "bound", unused, "thumbprint"),
        (not 0 <= ahead <= LONGEST_AHEAD, beyond, "renew_before"),
    )
    return Plan(refused=tuple(Refusal(message, option) for wrong, message, option in shown if wrong))


def _valid(observation: Observation, keys: KeysState, options: Options, moment: datetime) -> Plan:
    """A pinned certificate that serves stays; else Windows' own certificate is made valid, and the pin goes.

    In this order, so that where Windows makes none the listener keeps what it has, unless that or its key is gone.
    UNSURE: whether Windows makes its own while the listener is tied to another; where not, the listener stays tied and
    the run says so. The check made_while_tied of selftest asks a host.
    """
    shown = steps.handshake(observation)
    if not keys.pinned:
        return _own_made_valid(keys, options, moment, shown)
    faults = _faults(keys.pinned_certificate, moment) if keys.pinned_certificate else ("it is not in the store",)
    if options["state"] == "valid" and not faults:
        return Plan(notes=steps.key_notes(keys, shown))
    reason = "; ".join(faults) or "Windows' own certificate is wanted"
    text = f"the listener is tied to the certificate {keys.pinned}: {reason}"
    unpinned = Plan((_pin(keys.pinned, "", text, "tls" if shown == "ok" else ""),))
    untied = replace(keys, pinned="", pinned_certificate=None)
    own = _own_made_valid(untied, options, moment)
    if keys.pinned_certificate is None or not keys.pinned_certificate.has_key:
        return unpinned + own
    if not (observation.watched or own.changes or untied.readable or _seen_granted(untied)):
        return Plan(refused=(Refusal(f"{text}. It stays so, since {_UNPROVED}"),))
    return own + unpinned


def _seen_granted(keys: KeysState) -> bool:
    """Whether a run before this one saw that the listener may read the key of its own certificate."""
    return bool(keys.own and keys.own.key_file and keys.own.key_file.granted)


_UNPROVED = (
    "without a probe of the controller nothing shows that the key of Windows' own certificate can be read. Let the "
    "controller probe, or see to the key first: the method ace of machine_keys"
)


def _own_made_valid(keys: KeysState, options: Options, moment: datetime, shown: str = "") -> Plan:
    """Where there is none or it has expired, a restart of SessionEnv makes one; any other has to go first.

    What is wrong with its key alone is another module's to mend, and told; C(shown) is how TLS ended with it.
    """
    own = keys.own
    if own is None:
        return Plan(steps.made(NAME, keys, "the listener has no certificate of its own"))
    faults = own.faults(moment, timedelta(days=options["renew_before"]))
    reason = f"the listener's certificate: {'; '.join(faults)}"
    if datetime.fromisoformat(own.not_after) <= moment:
        return Plan(steps.made(NAME, keys, reason))
    if faults and keys.just_renewed:
        return Plan(notes=(f"{reason}; Windows made it for a run within the last hour, so it is not renewed again",))
    return Plan(steps.renewed_whole(NAME, keys, reason)) if faults else Plan(notes=steps.key_notes(keys, shown))


def _bound(observation: Observation, keys: KeysState, options: Options, moment: datetime) -> Plan:
    """Tie the listener to a certificate of the machine's personal store, once all that can be checked is right."""
    thumbprint = steps.thumbprint(options["thumbprint"] or "")
    if not thumbprint:
        return _refused(f"thumbprint has to be 40 hexadecimal digits, not {options['thumbprint']!r}")
    if observation.certificates is None:
        return missing_area("certificates", observation)
    found = next((item for item in observation.certificates if item.thumbprint == thumbprint), None)
    if found is None:
        return _refused(f"the machine's personal store has no certificate {thumbprint}; import it first")
    faults = _faults(found, moment)
    if faults:
        return _refused(f"the certificate {thumbprint} cannot serve the listener: {'; '.join(faults)}")
    readable = _readable(observation, keys, found)
    if keys.pinned == thumbprint:
        return readable + Plan(notes=_late(observation, thumbprint))
    pinned = _pin(keys.pinned, thumbprint, f"the listener is wanted with the certificate {found.subject}", "tls")
    return readable + Plan((pinned,), notes=() if observation.watched else (_UNTRIED,))


def _late(observation: Observation, thumbprint: str) -> tuple[str, ...]:
    """That the listener goes on with another certificate than it is tied to, as the handshake shows."""
    shown = steps.served(observation).upper()
    text = f"the listener is tied to it already and still shows {shown}: it serves once TermService starts again"
    return (text,) if shown not in ("", thumbprint) else ()


_UNTRIED = (
    "without a probe of the controller nothing shows that the listener can use the key of this certificate: probe the "
    "host from where you can, and take it back with the module rollback where no TLS handshake succeeds"
)


def _faults(certificate: CertificateState, moment: datetime) -> tuple[str, ...]:
    """Why it cannot serve the listener; a key that was not imported with it is a reason as well."""
    file = certificate.key_file
    missing = (f"its key file {file.path} does not exist",) if file and not certificate.has_key else ()
    return (*certificate.faults(moment), *missing)


def _readable(observation: Observation, keys: KeysState, certificate: CertificateState) -> Plan:
    """NETWORK SERVICE may read the key; where only SYSTEM sees whether it may, a handshake tells that it does.

    Without a handshake the entry is added along with the pin, unless a run before saw it there, and taken for done
    where the listener is tied already.
    """
    file = certificate.key_file
    hidden = file is not None and file.dacl.state == "unreadable"
    if file is None or (hidden and (file.cng or steps.served(observation) == certificate.thumbprint)):
        return Plan()
    unseen, tied = f"only SYSTEM sees who may read {file.path}", keys.pinned == certificate.thumbprint
    refuted, known = tied and steps.handshake(observation) == "reset", steps.seen_granted(file)
    if hidden and not refuted and (tied or known):
        return Plan(notes=known or (f"{unseen}, and no handshake shows whether the listener can",))
    changes = steps.readable(NAME, file, "NETWORK SERVICE, under which TermService runs, cannot read its key")
    looks = (
        f"{unseen}: the run looks as SYSTEM and adds the entry where it is missing, which check mode cannot foretell"
    )
    return Plan(changes, notes=(looks,) if hidden else ())


def _pin(before: str, after: str, reason: str, then: str) -> Change:
    """SSLCertificateSHA1Hash from one thumbprint to another; what has to serve a handshake then, or it is undone."""
    return Change(NAME, "registry", PIN, _hash(before), _hash(after), reason, risk="medium", restart=None, then=then)


def _hash(thumbprint: str) -> Plain:
    """The value as the journal carries it; none without a thumbprint."""
    data = base64.b64encode(bytes.fromhex(thumbprint)).decode("ascii")
    return {"type": "REG_BINARY", "data": data} if thumbprint else None


def _refused(message: str) -> Plan:
    return Plan(refused=(Refusal(message, "thumbprint"),))


def needs(options: Options) -> tuple[str, ...]:
    """The machine's personal store is looked at for a certificate to bind to."""
    return (*_AREAS, "certificates") if options["state"] == "bound" else _AREAS


_AREAS = ("identity", "services", "keys")

REMEDY = Remedy(
    name=NAME,
    areas=(*_AREAS, "certificates", "key_stores"),
    needs=needs,
    undecided=undecided,
    settings=(),
    options=OPTIONS,
    plan=plan,
    probed=True,
)
