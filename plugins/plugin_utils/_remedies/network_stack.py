# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The DNS client's cache and the Winsock catalog, on machines that connect. PRIVATE to the collection.

A remembered address that the name no longer has sends clients to another machine, which answers as 0x904 does. A cache
is emptied as a whole; Windows fills it again. A Winsock reset takes away what others put into the network stack, and
only their own setup puts it back: it is never planned by itself, only where there is such a provider, and once between
two starts of the host, since only a start makes it live. It empties the catalogs for 32-bit and for 64-bit programs and
leaves name space providers.

What is saved lets a person put an entry back, and roll-back does not: every program reads the catalogs when it first
uses the network, WinRM's too, and they are consistent only once all entries, their order, the ids in the chains and the
counters fit. A value at a time over the network, a roll-back that is cut off half-way leaves a host that nobody reaches
any more, and a library that has gone since breaks every program in the same way.

Sources: MSFT_DNSClientCache.Clear ("equivalent to ipconfig /flushdns"), Microsoft's reference of netsh winsock,
WSAPROTOCOLCHAIN (Winsock2.h).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping

from .._model.change import Change, Plan, Refusal
from .._model.observation import IN_VAIN, DnsState, Observation, WinsockState
from .._model.plain import to_plain
from ._base import Options, Remedy, missing_area

NAME = "network_stack"

OPTIONS = {
    "dns": {"type": "str", "choices": ["stale", "flush", "keep"], "default": "stale"},
    "names": {"type": "list", "elements": "str", "default": []},
    "winsock": {"type": "str", "choices": ["keep", "reset"], "default": "keep"},
}


def plan(observation: Observation, options: Options) -> Plan:
    """Plan the cache flushed where it is stale or that is wanted, and the catalog reset where others are in it."""
    return _dns(observation, options) + _winsock(observation, options)


def needs(options: Options) -> tuple[str, ...]:
    """The areas that these options are about; a cache is not read for no names."""
    looked_at = options["dns"] == "flush" or (options["dns"] == "stale" and options["names"])
    dns = ("dns",) if looked_at else ()
    return (*dns, *(("winsock",) if options["winsock"] == "reset" else ()))


def _dns(observation: Observation, options: Options) -> Plan:
    if options["dns"] == "keep":
        return Plan()
    if options["dns"] == "stale" and not options["names"]:
        return Plan(notes=("no names are given, so no remembered address was looked at",))
    if observation.dns is None:
        return missing_area("dns", observation)
    if options["dns"] == "flush":
        reason = "the DNS client's cache is to be flushed"
        return Plan(changes=(_flush(NAME, None, reason),)) if observation.dns.cached else Plan()
    return stale(observation.dns, NAME)


def stale(dns: DnsState, remedy: str) -> Plan:
    """Plan the cache flushed, by a remedy, where an address of the names that were asked about is none any more."""
    found = {name: old for name, old in dns.cached.items() if _disagrees(old, dns.resolved.get(name, ()))}
    unknown = tuple(f"{name} has no answer here, so nothing tells whether it is stale" for name in _unanswered(dns))
    old_ones = {name: old for name, old in found.items() if dns.flushed.get(name) != old}
    in_vain = tuple(_in_vain(name, old) for name, old in found.items() if name not in old_ones)
    reason = "the resolver disagrees: " + ", ".join(
        f"{name} is remembered as {_told(old_ones[name])}" for name in old_ones
    )
    changes = (_flush(remedy, old_ones, reason),) if old_ones else ()
    return Plan(changes=changes, refused=in_vain, notes=unknown)


def _in_vain(name: str, old: tuple[str, ...]) -> Refusal:
    """A flush that took the same away before has shown that there is more to it than an old answer."""
    if not old:
        again = f"{name}, whose lack of an address a run before has flushed, has none again on this machine"
        return Refusal(f"{again}: its own DNS server does not know the name", "names")
    return Refusal(f"{name}, whose address {_told(old)} a run before has flushed, is {IN_VAIN}", "names")


def _told(addresses: tuple[str, ...]) -> str:
    return " ".join(addresses) or "unknown"


def _unanswered(dns: DnsState) -> Iterable[str]:
    return (name for name in dns.cached if not dns.resolved.get(name))


def _disagrees(cached: tuple[str, ...], resolved: tuple[str, ...]) -> bool:
    """Whether no cached address is among those of the name now; names with many addresses rotate them."""
    if not resolved or not cached:
        return bool(resolved)
    families = {_family(address) for address in cached}
    comparable = [address for address in resolved if _family(address) in families]
    return bool(comparable) and not set(cached) & set(comparable)


def _family(address: str) -> int:
    return ipaddress.ip_address(address.partition("%")[0]).version


def _flush(remedy: str, old_ones: Mapping[str, tuple[str, ...]] | None, reason: str) -> Change:
    before = "entries" if old_ones is None else to_plain(old_ones)
    return Change(remedy, "dns_cache", "the DNS client's cache", before, None, reason, undo="none", risk="none")


def _winsock(observation: Observation, options: Options) -> Plan:
    if options["winsock"] == "keep":
        return Plan()
    if observation.winsock is None:
        return missing_area("winsock", observation)
    winsock = observation.winsock
    if winsock.reset_at:
        return _reset_before(winsock)
    if not winsock.providers:
        return Plan(notes=("the Winsock catalogs hold Windows' own providers alone, so a reset would change nothing",))
    change = Change(
        remedy=NAME,
        kind="winsock",
        item="the Winsock catalog",
        before=to_plain({"providers": winsock.providers, "counters": winsock.counters}),
        after=None,
        reason=f"layered providers are to be taken away: {_named(winsock)}",
        undo="none",
        risk="high",
        reboot=True,
    )
    return Plan(changes=(change,), notes=(_BACK,))


_BACK = (
    "only the setup of their own programs puts layered providers back, or a person from what the journal keeps: "
    "the documentation of network_stack says how"
)


def _reset_before(winsock: WinsockState) -> Plan:
    """A reset is live once the host has started again: a second one before that repeats what did not help."""
    since = f"the Winsock catalog was reset at {winsock.reset_at} and the host has not started since"
    if not winsock.providers:
        return Plan(notes=(f"{since}: the reset is live once it has",))
    message = (
        f"{since}, yet {_named(winsock)} is there again: its own program puts it back, so remove that, or start the "
        "host before the next reset"
    )
    return Plan(refused=(Refusal(message, "winsock"),))


def _named(winsock: WinsockState) -> str:
    """The names, each once: a program puts the same provider into both catalogs."""
    return ", ".join(dict.fromkeys(provider.name for provider in winsock.providers))


REMEDY = Remedy(
    name=NAME,
    areas=("dns", "winsock"),
    settings=(),
    options=OPTIONS,
    plan=plan,
    needs=needs,
)
