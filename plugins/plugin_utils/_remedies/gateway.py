# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

r"""The RD Gateway: its service, its certificate, whom it lets through to where, its UDP transport. PRIVATE.

A user needs a connection policy for one of the own groups, and a resource policy that names the host exactly as the
client asks for it, on its port: a full name does not stand for the short one or for an address (events 201 and 301 of
TerminalServices-Gateway/Operational). What is missing is enabled where it is kept disabled as exactly that, or made;
policies of others are never widened. Source: Microsoft Win32 documentation, TermServ/win32-tsgateway….

UNSURE: whether a bound certificate serves before the service starts again. Public scripts differ in whether they
restart it (that of Certify The Web leaves it to who uses it), so the notes say that it serves at the latest then; the
check live_gateway_certificate of selftest asks a host.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from .._model.change import Change, GatewayKind, Plan, Refusal
from .._model.gateway import SERVICE, GatewayItem, GatewayState
from .._model.keys import CertificateState
from .._model.observation import Observation
from .._model.plain import Plain, to_plain
from . import _certificates as steps
from ._base import Options, Remedy, missing_area

NAME = "gateway"
PREFIX = "winfleet.rdp"
LONGEST = 64
"""Characters of a policy's name."""

_FORBIDDEN = re.compile(r'[<>:;"/\\|?*\t]')
_GROUP = re.compile(r"[^;\\*]+\\[^;\\*]+")
_HOST = re.compile(r"[A-Za-z0-9._-]+")

OPTIONS = {
    "state": {"type": "str", "choices": ["serving", "keep"], "default": "serving"},
    "name": {"type": "str"},
    "thumbprint": {"type": "str"},
    "user_group": {"type": "str"},
    "hosts": {"type": "list", "elements": "str", "default": []},
    "ports": {"type": "list", "elements": "int", "default": [3389]},
    "udp": {"type": "str", "choices": ["keep", "on", "off"], "default": "keep"},
}


def plan(observation: Observation, options: Options) -> Plan:
    """Plan the role to serve, and to let the group through to the hosts."""
    gateway, moment = observation.gateway, steps.now(observation)
    if gateway is None:
        return missing_area("gateway", observation)
    if moment is None:
        return missing_area("identity", observation)
    if not gateway.present:
        return _refused(f"this host has no RD Gateway role (no service {SERVICE}): name the hosts that have it")
    invalid = _invalid(options)
    if invalid.refused:
        return invalid
    serving = options["state"] == "serving"
    service = _service(gateway) if serving else Plan()
    if gateway.unread:
        return service + _refused(
            f"with its service stopped, the gateway tells nothing more ({gateway.unread}); run again"
        )
    certificate = _certificate(gateway, options, moment) if serving else Plan(notes=_idle(options))
    unnamed = _unnamed(gateway, options) if serving and not certificate.refused else ()
    policies = _policies(gateway, options)
    return service + certificate + policies + _udp(gateway, options["udp"]) + Plan(notes=unnamed)


def _idle(options: Options) -> tuple[str, ...]:
    """The options that are about the certificate, where that is left as it is."""
    given = " and ".join(name for name in ("name", "thumbprint") if options[name])
    return (f"state is keep, so this has no effect: {given}",) if given else ()


def _invalid(options: Options) -> Plan:
    """Names and ports are parts of lists, where a semicolon or a star would mean more than one."""
    group, hosts, ports = options["user_group"], options["hosts"], options["ports"]
    shown = (
        (bool(hosts) and not group, "hosts need user_group, which is to reach them", "user_group"),
        (
            bool(group) and not _GROUP.fullmatch(group or ""),
            rf"{group!r} is not of the form DOMAIN\group",
            "user_group",
        ),
        (
            not all(map(_is_host, hosts)),
            f"{hosts!r} holds what is neither a name nor an address; ports stand in the option ports",
            "hosts",
        ),
        (not ports or not all(0 < port < 65536 for port in ports), f"{ports!r} are not ports", "ports"),
    )
    return Plan(refused=tuple(Refusal(message, option) for wrong, message, option in shown if wrong))


def _is_host(text: str) -> bool:
    """Whether a text is a name, or an address as it is; with a colon only an IPv6 address is one."""
    return _HOST.fullmatch(text) is not None or _address(text) is not None


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _service(gateway: GatewayState) -> Plan:
    reason = "the gateway's service is to run, also after a restart of the host"
    mode = Change(NAME, "service_start_mode", SERVICE, gateway.start_mode, "Auto", reason)
    state = Change(NAME, "service_state", SERVICE, gateway.state, "Running", reason)
    return Plan(tuple(change for change in (mode, state) if change.before != change.after))


# --- the certificate


def _certificate(gateway: GatewayState, options: Options, moment: datetime) -> Plan:
    """The bound certificate stays while it serves; else the wanted one, or the best that the store has."""
    bound, names = gateway.bound, _names(gateway, options)
    if options["thumbprint"]:
        return _wanted(gateway, options["thumbprint"], names, moment)
    faults = unfit(bound, names, moment) if bound else ("none is bound that the machine's store has",)
    if bound and not faults:
        return _kept(bound)
    fitting = [item for item in gateway.certificates if not unfit(item, names, moment)]
    if not names:
        return _refused(
            f"the gateway's certificate: {'; '.join(faults)}. Say by name under which name clients reach the gateway, "
            "so that one can be taken from the machine's store, or by thumbprint which one it is to be", "name",
        )  # fmt: skip
    if not fitting:
        named = ", ".join(names)
        return _refused(
            f"the gateway's certificate: {'; '.join(faults)}. The machine's personal store has none for {named} that "
            "could serve: import one with its key", "thumbprint",
        )  # fmt: skip
    best = max(fitting, key=lambda item: (item.not_after, item.not_before, item.thumbprint))
    return _bound(gateway, best, f"the one bound now: {'; '.join(faults)}")


def _names(gateway: GatewayState, options: Options) -> tuple[str, ...]:
    """The names that a certificate has to bear: that of the option, else those that the bound one bears."""
    if options["name"]:
        return (options["name"],)
    return gateway.bound.names if gateway.bound else ()


def _unnamed(gateway: GatewayState, options: Options) -> tuple[str, ...]:
    """That no certificate of a wrong name is noticed where nobody has told the right one: the host does not know it."""
    if options["name"]:
        return ()
    names = ", ".join(_names(gateway, options))
    taken = f"they are taken to use those that the bound certificate bears ({names})" if names else "none is looked for"
    return (f"name does not say under which name clients reach the gateway, so {taken}",)


def _wanted(gateway: GatewayState, given: str, names: Iterable[str], moment: datetime) -> Plan:
    thumbprint = steps.thumbprint(given)
    found = gateway.certificate(thumbprint) if thumbprint else None
    if found is None:
        return _refused(f"the machine's personal store has no certificate {given!r}; import it first", "thumbprint")
    faults = unfit(found, names, moment)
    if faults:
        return _refused(f"the certificate {thumbprint} cannot serve the gateway: {'; '.join(faults)}", "thumbprint")
    return _kept(found) if gateway.thumbprint == thumbprint else _bound(gateway, found, "it is wanted")


def _kept(bound: CertificateState) -> Plan:
    """The bound certificate stays; its key has to be readable all the same."""
    changes = _readable(bound)
    return Plan(changes, notes=(f"{SERVICE} can use the key at the latest once it starts again",) if changes else ())


def unfit(certificate: CertificateState, names: Iterable[str], moment: datetime) -> tuple[str, ...]:
    """Why a certificate cannot serve a gateway that clients reach under these names."""
    file = certificate.key_file
    gone = ("its key file does not exist",) if file and file.dacl.state == "absent" else ()
    missing = tuple(f"it is not for the name {name}" for name in names if not _bears(certificate, name))
    narrow = certificate.rdp_auth and not certificate.server_auth
    other = ("its usage is Remote Desktop Authentication alone, which is for the listener",) if narrow else ()
    return (*certificate.faults(moment), *other, *gone, *missing)


def _bears(certificate: CertificateState, name: str) -> bool:
    """A star stands for the first label alone (RFC 6125 6.4.3)."""
    wanted = name.lower().rstrip(".")
    rest = wanted.partition(".")[2]
    return bool({wanted, f"*.{rest}"} & {own.lower().rstrip(".") for own in certificate.names})


def _bound(gateway: GatewayState, found: CertificateState, reason: str) -> Plan:
    """Roll-back binds the earlier one again; where there was none, Windows has no way to unbind."""
    text = f"the certificate {found.subject} is bound to the gateway: {reason}"
    before = gateway.thumbprint or None
    bind = Change(
        NAME, "gateway_certificate", "the gateway's certificate", before, found.thumbprint, text,
        undo="exact" if before else "none", risk="medium",
    )  # fmt: skip
    return Plan(
        (*_readable(found), bind), notes=(f"clients see the new certificate at the latest once {SERVICE} starts again",)
    )


def _readable(found: CertificateState) -> tuple[Change, ...]:
    """The gateway's service runs as NETWORK SERVICE, as TermService does; that one is not concerned here."""
    file = found.key_file
    if file is None or file.dacl.state != "value":
        return ()
    changes = steps.readable(NAME, file, f"NETWORK SERVICE, under which {SERVICE} runs, cannot read its key")
    return tuple(replace(change, restart=False) for change in changes)


# --- policies


def _policies(gateway: GatewayState, options: Options) -> Plan:
    group, hosts = options["user_group"], tuple(dict.fromkeys(host.lower() for host in options["hosts"]))
    if not group:
        return Plan()
    ports = tuple(dict.fromkeys(options["ports"]))
    missing = [h for h in hosts if not all(gateway.lets_through(group, h, port) for port in ports)]
    resource = _resource(gateway, group, missing, ports) if missing else Plan()
    return _connection(gateway, group) + resource + Plan(notes=tuple(_in_vain(gateway, group, hosts, ports)))


def _in_vain(gateway: GatewayState, group: str, hosts: tuple[str, ...], ports: tuple[int, ...]) -> Iterator[str]:
    """The other names and addresses of hosts by which users might ask in vain; that they are wanted is not known."""
    for host in hosts:
        others = (other for other in _others(gateway, host) if other not in hosts)
        closed = [other for other in others if not all(gateway.lets_through(group, other, port) for port in ports)]
        if closed:
            also = " or ".join(closed)
            yield f"{host} is let through under this name, not as {also}: add to hosts what users ask by"
    unknown = [host for host in hosts if gateway.addresses.get(host) == () and not _is_short(host, hosts)]
    if unknown:
        yield f"the controller knows no address of {', '.join(unknown)}: add to hosts those that users ask by"


def _others(gateway: GatewayState, host: str) -> Iterator[str]:
    """What else a host is called, as far as its name tells or the controller's resolver, but for its own alone."""
    if _address(host):
        return
    short, dot, _domain = host.partition(".")
    if dot:
        yield short
    for text in gateway.addresses.get(host, ()):
        found = _address(text)
        if found and not (found.is_loopback or found.is_link_local):
            yield text


def _is_short(host: str, hosts: Iterable[str]) -> bool:
    return any(other.startswith(f"{host}.") for other in hosts)


def _connection(gateway: GatewayState, group: str) -> Plan:
    """A policy in force for the group is enough, whatever else it asks of the client; that is told."""
    if gateway.central:
        return Plan(notes=("connection policies are kept by another server (NPS) and not looked at here",))
    admitting = list(gateway.lets_in(group))
    if admitting:
        return Plan(notes=_from_some_computers(admitting, group))
    kept = next((item for item in gateway.connections if _is_exactly_for(item, group)), None)
    if kept:
        return Plan((_enabled("gateway_connection_policy", kept, group),))
    name = _free_name(group, gateway.connections)
    reason = f"no connection policy in force is for {group}"
    return Plan((_made("gateway_connection_policy", name, _connection_fields(name, group), reason),))


def _is_exactly_for(item: GatewayItem, group: str) -> bool:
    """Whether a connection policy that is disabled would let in this group, from any computer, and nobody else."""
    enabled = GatewayItem({**item.fields, "Enabled": True})
    return not item.enabled and item.groups == {group.lower()} and enabled.admits and not item.computers


def _from_some_computers(policies: list[GatewayItem], group: str) -> tuple[str, ...]:
    """That a group is let in from members of computer groups alone, whose members are not seen from here."""
    if not all(policy.computers for policy in policies):
        return ()
    computers = ", ".join(sorted(set().union(*(policy.computers for policy in policies))))
    return (f"{group} is let in from computers of these groups alone: {computers}; users of others are refused (201)",)


def _resource(gateway: GatewayState, group: str, missing: list[str], ports: tuple[int, ...]) -> Plan:
    """Smallest first: enable, add to the group's own list, make."""
    exact = [policy for policy in gateway.resources if policy.groups == {group.lower()} and _has(policy, ports)]
    for policy in exact:
        resources = gateway.group_of(policy)
        if not policy.enabled and resources and resources.resources == set(missing):
            return Plan((_enabled("gateway_resource_policy", policy, group),))
    for policy in exact:
        resources = gateway.group_of(policy)
        if policy.enabled and resources and not gateway.is_shared(resources):
            return Plan((_extended(resources, missing, group),))
    return _created(gateway, group, missing, ports)


def _has(policy: GatewayItem, ports: Iterable[int]) -> bool:
    return policy.ports == {str(port) for port in ports}


def _extended(resources: GatewayItem, missing: list[str], group: str) -> Change:
    present = [part for part in str(resources.fields["Resources"]).split(";") if part]
    after = {**resources.fields, "Resources": ";".join([*present, *missing])}
    reason = f"no policy lets {group} reach {', '.join(missing)} under that name"
    return _change("gateway_resource_group", resources.name, to_plain(resources.fields), after, reason)


def _created(gateway: GatewayState, group: str, missing: list[str], ports: tuple[int, ...]) -> Plan:
    listed, about = ";".join(map(str, ports)), f"{group} {' '.join(map(str, ports))}"
    left = _left_behind(gateway, _base(about), missing)
    name = left or _free_name(about, (*gateway.resources, *gateway.groups))
    reason = f"no policy lets {group} reach {', '.join(missing)} on {listed}"
    resources: dict[str, Plain] = {"Name": name, "Description": "", "Resources": ";".join(missing)}
    policy: dict[str, Plain] = {
        "Name": name, "Description": "", "ResourceGroupType": "RG", "ResourceGroupName": name,
        "UserGroupNames": group, "ProtocolNames": gateway.protocol, "PortNumbers": listed, "Enabled": True,
    }  # fmt: skip
    listing = () if left else (_made("gateway_resource_group", name, resources, reason),)
    return Plan((*listing, _made("gateway_resource_policy", name, policy, reason)))


def _left_behind(gateway: GatewayState, base: str, missing: Iterable[str]) -> str:
    """The name of a list of exactly these hosts that a run which was cut off made under this name, and nobody uses."""
    taken = {policy.name.lower() for policy in gateway.resources}
    return next(
        (
            item.name
            for item in gateway.groups
            if item.name.lower() == base.lower()
            and item.resources == set(missing)
            and item.name.lower() not in taken
            and not gateway.is_used(item)
        ),
        "",
    )


def _connection_fields(name: str, group: str) -> dict[str, Plain]:
    """A policy that asks for a password or a smart card and forbids no device."""
    off = dict.fromkeys(
        ("DiskDrivesDisabled", "PrintersDisabled", "SerialPortsDisabled", "ClipboardDisabled",
         "PlugAndPlayDevicesDisabled", "AllowOnlySDRServers", "SecureIdAllowed", "CookieAuthenticationAllowed"), False
    )  # fmt: skip
    none = dict.fromkeys(("DeviceRedirectionType", "IdleTimeout", "SessionTimeout", "SessionTimeoutAction"), 0)
    return {
        "Name": name, "UserGroupNames": group, "ComputerGroupNames": "", "Enabled": True,
        "PasswordAllowed": True, "SmartcardAllowed": True, **off, **none,
    }  # fmt: skip


def _free_name(about: str, taken: Iterable[GatewayItem]) -> str:
    """A name that tells what the policy is about, and that no other has."""
    names, base = {item.name.lower() for item in taken}, _base(about)
    numbered = (base if number == 1 else f"{base} {number}" for number in range(1, len(names) + 2))
    return next(name for name in numbered if name.lower() not in names)


def _base(about: str) -> str:
    return _short(_FORBIDDEN.sub(" ", f"{PREFIX} {about}"))


def _short(name: str) -> str:
    """At most as long as a name may be with a number behind it, and still its own."""
    most = LONGEST - 4
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return name if len(name) <= most else f"{name[: most - 9]} {digest}"


def _enabled(kind: GatewayKind, item: GatewayItem, group: str) -> Change:
    after = {**item.fields, "Enabled": True}
    return _change(kind, item.name, to_plain(item.fields), after, f"it is for exactly {group} and is disabled")


def _made(kind: GatewayKind, name: str, fields: Mapping[str, Plain], reason: str) -> Change:
    return _change(kind, name, None, dict(fields), reason)


def _change(kind: GatewayKind, name: str, before: Plain, after: Plain, reason: str) -> Change:
    return Change(NAME, kind, name, before, after, reason, risk="medium")


def _udp(gateway: GatewayState, wanted: str) -> Plan:
    if wanted == "keep" or gateway.udp is (wanted == "on"):
        return Plan()
    reason = f"the gateway's UDP transport is wanted {wanted}"
    return Plan((Change(NAME, "gateway_transport", "UDP", gateway.udp, wanted == "on", reason),))


def _refused(message: str, option: str = "") -> Plan:
    return Plan(refused=(Refusal(message, option),))


REMEDY = Remedy(name=NAME, areas=("identity", "gateway"), settings=(), options=OPTIONS, plan=plan)
