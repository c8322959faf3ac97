# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

r"""States of simulated hosts: where two differ, and what of that a change accounts for.

A change accounts for the very thing that it names and for nothing beside it: who is let read one key file does not
excuse what became of another, nor of the folder. What SessionEnv makes when it starts (the listener's own certificate,
the file of its key, and the value that points at the certificate) is accounted for by each change that has it started,
but only where there is another certificate in the store than before.
"""

from __future__ import annotations

import re
import typing as t
from collections.abc import Callable, Iterable, Iterator, Mapping

from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.change import Change

State = Mapping[str, t.Any]
Path = tuple[str, ...]
"""The way to a value in a state, in lower case since Windows' names have no case."""

JOURNAL = r"HKLM\SOFTWARE\winfleet.rdp"


def without_journal(state: State) -> State:
    """A host's state without the journal. Tasks, files and rules of ours belong to it like anybody else's."""
    kept = {key: data for key, data in state["registry"].items() if not _beneath(key, JOURNAL)}
    return {**state, "registry": kept}


def without_journals(states: Mapping[str, State]) -> dict[str, State]:
    """The states of several hosts without their journals."""
    return {name: without_journal(state) for name, state in states.items()}


def _beneath(path: str, top: str) -> bool:
    return f"{path}\\".lower().startswith(f"{top}\\".lower())


# --- where states differ


def leaves(state: t.Any, path: Path = ()) -> Iterator[tuple[Path, t.Any]]:
    """Each value of a state with its path; a list of things that have names is taken by the names."""
    if isinstance(state, list) and state and all(isinstance(item, Mapping) and "Name" in item for item in state):
        yield from leaves({item["Name"]: item for item in state}, path)
    elif isinstance(state, Mapping) and state:
        for name, value in state.items():
            yield from leaves(value, (*path, str(name).lower()))
    else:
        yield path, tuple(state) if isinstance(state, list) else state


def differing(before: State, after: State) -> set[Path]:
    """The paths whose values differ; not those at which there is nothing in one state and something in the other."""
    one, other = (dict(leaves(state)) for state in _apart(before, after))
    away = {path for path in {*one, *other} if one.get(path, _NONE) != other.get(path, _NONE)}
    return away - {path[:length] for path in away for length in range(len(path))}


def _apart(one: t.Any, other: t.Any) -> tuple[t.Any, t.Any]:
    """Both without what is the same in them, which is most of them."""
    if not (isinstance(one, Mapping) and isinstance(other, Mapping)):
        return one, other
    both = {name: _apart(one[name], other[name]) for name in one if name in other and one[name] != other[name]}
    first = {name: value for name, value in one.items() if name not in other}
    second = {name: value for name, value in other.items() if name not in one}
    return (
        first | {name: pair[0] for name, pair in both.items()},
        second | {name: pair[1] for name, pair in both.items()},
    )


_NONE = object()


# --- what a change accounts for

STORE = r"hklm\software\microsoft\systemcertificates\remote desktop\certificates"
POINTER = (r"hklm\system\currentcontrolset\control\terminal server\winstations", "values", "selfsignedcertificate")
FIREWALL_RULES = r"hklm\system\currentcontrolset\services\sharedaccess\parameters\firewallpolicy\firewallrules"
PORT_PROXIES = r"hklm\system\currentcontrolset\services\portproxy"
SERVICES = r"hklm\system\currentcontrolset\services"
WINSOCK = r"hklm\system\currentcontrolset\services\winsock2\parameters\protocol_catalog9"
OWN_KEY = re.compile(
    r"[a-z]:\\programdata\\microsoft\\crypto\\rsa\\machinekeys\\f686aace6942fb7f7ceb231212eef4a4_[0-9a-f-]{36}"
)
THUMBPRINT = re.compile("[0-9a-f]{40}", re.IGNORECASE)
UNNAMED = "<thumbprint>"

WAITING = ("\\rebootpending", "\\rebootrequired")
RENAMED = r"hklm\system\currentcontrolset\control\session manager"
"""Windows clears these when it starts: marks of updates that waited for it, and there the files to be renamed."""

Owns = Callable[[Path], bool]


def outside(paths: Iterable[Path], changes: Iterable[Change]) -> list[Path]:
    """The paths that no change accounts for."""
    away = set(paths)
    owners = [_OWNERS[change.kind](change.item.lower(), change, away) for change in changes]
    return sorted(path for path in away if not any(owns(path) for owns in owners))


def _registry(item: str, _change: Change, _away: set[Path]) -> Owns:
    """The value itself, or a key above it that had to be made."""
    key, _backslash, name = item.rpartition("\\")
    return lambda path: (
        path[0] == "registry"
        and (path[1:] == (key, "values", name) or (path[2:] == ("values",) and _beneath(key, path[1])))
    )


def _start_mode(item: str, _change: Change, _away: set[Path]) -> Owns:
    places = {("services", item, "start"), ("registry", rf"{SERVICES}\{item}", "values", "start")}
    return lambda path: path in places


def _rule(item: str, _change: Change, _away: set[Path]) -> Owns:
    stored = ("registry", FIREWALL_RULES, "values", item)
    return lambda path: path == stored or path[:3] == ("firewall", "rules", item)


def _lease(item: str, _change: Change, _away: set[Path]) -> Owns:
    """While it stands, the lease owns its task."""
    return lambda path: path[:2] == ("tasks", rf"\winfleet.rdp-lease-{item}")


def _port_proxy(item: str, _change: Change, _away: set[Path]) -> Owns:
    kind, _space, place = item.rpartition(" ")
    return _registry(rf"{PORT_PROXIES}\{kind or 'v4tov4'}\tcp\{place}", _change, _away)


def _winsock(_item: str, _change: Change, _away: set[Path]) -> Owns:
    return lambda path: path[0] == "registry" and _beneath(path[1], WINSOCK)


def _nothing(_item: str, _change: Change, _away: set[Path]) -> Owns:
    """What is stored nowhere that outlives a start."""
    return lambda path: False


def _started(_item: str, _change: Change, away: set[Path]) -> Owns:
    """What Windows makes anew when its services start."""
    made = any(_is_certificate(path) for path in away)
    return lambda path: made and (_is_certificate(path) or path[1:] == POINTER or _is_own_key(path))


def unnamed(key: str) -> str:
    """A registry key in which a certificate is called the same whichever it is."""
    return THUMBPRINT.sub(UNNAMED, key)


def _is_certificate(path: Path) -> bool:
    return path[0] == "registry" and unnamed(path[1]) == rf"{STORE}\{UNNAMED}"


def _is_own_key(path: Path) -> bool:
    return path[0] == "files" and OWN_KEY.fullmatch(path[1]) is not None


def _reboot(item: str, change: Change, away: set[Path]) -> Owns:
    """Marks that Windows takes away when it starts go as well, which the trait pending_reboot leaves."""
    made = _started(item, change, away)
    return lambda path: made(path) or (path[0] == "registry" and _is_mark(path))


def _is_mark(path: Path) -> bool:
    renamed = path[1] == RENAMED and path[2:] in (("values",), ("values", "pendingfilerenameoperations"))
    return renamed or path[1].endswith(WAITING)


def _descriptor(room: str) -> Callable[[str, Change, set[Path]], Owns]:
    def owner(item: str, _change: Change, _away: set[Path]) -> Owns:
        return lambda path: path == (room, item, "descriptor")

    return owner


def _certificate(item: str, _change: Change, _away: set[Path]) -> Owns:
    return lambda path: path[0] == "registry" and path[1] in (item, unnamed(item))


def _key_file(item: str, _change: Change, _away: set[Path]) -> Owns:
    """The file, and what it is called where it was moved aside."""
    aside = re.compile(rf"{re.escape(item)}(?:\.old\d*)?")
    return lambda path: path[0] == "files" and aside.fullmatch(path[1]) is not None


def _key_copy(item: str, change: Change, away: set[Path]) -> Owns:
    """The copy; where it is merged back, also the keys that are missing and come out of it."""
    folder = str(change.before).lower() if change.after is None else ""
    held = {path[1].rpartition("\\")[2] for path in away if path[0] == "files" and _beneath(path[1], item)}
    back = {rf"{folder}\{name}" for name in held} if folder else set()
    return lambda path: path[0] == "files" and (_beneath(path[1], item) or path[1] in back)


def _key_folder(item: str, change: Change, _away: set[Path]) -> Owns:
    """The folder that was put aside, the default permissions of the new one, and the listener's key, which it lacks."""
    old = str(change.after or change.before).lower()
    own = ("files", item, "descriptor")
    return lambda path: path == own or _is_own_key(path) or (path[0] == "files" and _beneath(path[1], old))


def _of_gateway(room: str) -> Callable[[str, Change, set[Path]], Owns]:
    """A thing by its name in one of the gateway's lists."""
    return lambda item, _change, _away: lambda path: path[:3] == ("gateway", room, item)


def _gateway_certificate(_item: str, _change: Change, _away: set[Path]) -> Owns:
    """Also that the role was set up, which comes with its first certificate."""
    return lambda path: path in {("gateway", "certificate"), ("gateway", "configured")}


def _gateway_transport(_item: str, _change: Change, _away: set[Path]) -> Owns:
    """That of UDP, which Windows numbers 2."""
    return lambda path: path == ("gateway", "transports", "2")


_OWNERS: Mapping[str, Callable[[str, Change, set[Path]], Owns]] = {
    "registry": _registry,
    "service_start_mode": _start_mode,
    "service_state": _started,
    "firewall_rule": _rule,
    "lease": _lease,
    "restart": _started,
    "reboot": _reboot,
    "dns_cache": _nothing,
    "winsock": _winsock,
    "port_proxy": _port_proxy,
    "file_access": _descriptor("files"),
    "folder_dacl": _descriptor("files"),
    "key_dacl": _descriptor("registry"),
    "certificate": _certificate,
    "key_file": _key_file,
    "renewal": _started,
    "key_copy": _key_copy,
    "key_folder": _key_folder,
    "gateway_connection_policy": _of_gateway("connections"),
    "gateway_resource_policy": _of_gateway("resources"),
    "gateway_resource_group": _of_gateway("groups"),
    "gateway_certificate": _gateway_certificate,
    "gateway_transport": _gateway_transport,
}
