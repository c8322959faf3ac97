# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import itertools
import typing as t

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman import enumeration as en
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.envelope import Reply, Request, parse, wql_filter
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import (
    BadAnswer,
    ConnectionLost,
    InvalidQuery,
    ProviderFailed,
    Timeout,
)
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.uri import resource
from ansible_collections.winfleet.rdp.tests.unit.plugins.plugin_utils._wsman.scripted_wire import (
    Sent,
    Wire,
    enumerated,
    instance,
    pulled,
    wmi_fault,
)

TARGET = resource("root/cimv2", "*", "wmi")
ONE = instance("Win32_Service", "<p:Name>A</p:Name>")


def drain(wire: Wire, limit: int | None = None) -> int:
    def exchange(request: Request, *, repeatable: bool) -> Reply:
        return parse(wire(request.body, repeatable=repeatable), request)

    found = en.drain(exchange, en.Enumeration(TARGET, wql_filter("select * from Win32_Service"), limit=limit))
    wire.done()
    return len(found)


def test_a_complete_answer_needs_one_request() -> None:
    wire = Wire()
    wire.on("Enumerate", enumerated(ONE, ONE)).expect(repeatable=True)
    assert drain(wire) == 2


def test_pulls_follow_each_new_context_and_are_never_repeated() -> None:
    wire = Wire()
    wire.on("Enumerate", enumerated(ONE, context="uuid:1", ended=False))
    wire.on("Pull", pulled(ONE, ONE, context="uuid:2", ended=False)).expect(repeatable=False).check(
        lambda sent: _context(sent, "uuid:1")
    )
    wire.on("Pull", pulled(ONE)).check(lambda sent: _context(sent, "uuid:2"))
    assert drain(wire) == 4


def _context(sent: Sent, expected: str) -> None:
    assert dict(sent.arguments)["EnumerationContext"] == expected


def test_a_pull_without_a_new_context_goes_on_with_the_old_one() -> None:
    wire = Wire()
    wire.on("Enumerate", enumerated(context="uuid:1", ended=False))
    wire.on("Pull", pulled(ONE, ended=False))
    wire.on("Pull", pulled(ONE)).check(lambda sent: _context(sent, "uuid:1"))
    assert drain(wire) == 2


def test_what_is_not_wanted_any_more_is_released() -> None:
    wire = Wire()
    wire.on("Enumerate", enumerated(ONE, context="uuid:1", ended=False)).check(lambda sent: _max(sent.arguments, "2"))
    wire.on("Pull", pulled(ONE, ONE, context="uuid:2", ended=False))
    wire.on("Release", "").check(lambda sent: _context(sent, "uuid:2"))
    assert drain(wire, limit=2) == 2


def _max(arguments: list[tuple[str, str]], expected: str) -> None:
    assert dict(arguments)["MaxElements"] == expected


def test_a_release_of_what_the_host_has_forgotten_is_no_error() -> None:
    wire = Wire()
    wire.on("Enumerate", enumerated(ONE, context="uuid:1", ended=False))
    wire.on("Release", wmi_fault(0x80338000))
    assert drain(wire, limit=1) == 1


def test_a_pull_that_times_out_is_tried_again_with_the_same_context() -> None:
    wire = Wire()
    wire.on("Enumerate", enumerated(context="uuid:1", ended=False))
    wire.on("Pull", wmi_fault(0x80338029, "w:TimedOut"))
    wire.on("Pull", pulled(ONE)).check(lambda sent: _context(sent, "uuid:1"))
    assert drain(wire) == 1


def test_patience_ends() -> None:
    wire = Wire()
    wire.on("Enumerate", enumerated(context="uuid:1", ended=False))
    for _attempt in range(en.PATIENCE):
        wire.on("Pull", wmi_fault(0x80338029, "w:TimedOut"))
    wire.on("Release", "")
    with pytest.raises(Timeout):
        drain(wire)


@pytest.mark.parametrize("release", [wmi_fault(0x8033801B, "n:InvalidEnumerationContext"), BadAnswer("no XML")])
def test_a_pull_that_fails_gives_the_enumeration_back_and_its_own_error_is_told(release: t.Any) -> None:
    wire = Wire()
    wire.on("Enumerate", enumerated(context="uuid:1", ended=False))
    wire.on("Pull", wmi_fault(0x80041004, ""))
    wire.on("Release", release)
    with pytest.raises(ProviderFailed):
        drain(wire)


def test_a_connection_lost_between_pulls_starts_over_once() -> None:
    wire = Wire()
    wire.on("Enumerate", enumerated(ONE, context="uuid:1", ended=False))
    wire.on("Pull", ConnectionLost("reset"))
    wire.on("Enumerate", enumerated(ONE, ONE))
    assert drain(wire) == 2


def test_a_connection_that_stays_lost_is_an_error() -> None:
    wire = Wire()
    for _attempt in range(2):
        wire.on("Enumerate", enumerated(ONE, context="uuid:1", ended=False))
        wire.on("Pull", ConnectionLost("reset"))
    with pytest.raises(ConnectionLost):
        drain(wire)


def test_a_query_that_the_host_refuses_is_not_repeated() -> None:
    wire = Wire()
    wire.on("Enumerate", wmi_fault(0x8033801A, "n:CannotProcessFilter"))
    with pytest.raises(InvalidQuery):
        drain(wire)


class Endless(Wire):
    """A host whose enumeration never ends."""

    def __init__(self, items: str) -> None:
        super().__init__()
        self.items = items
        self.numbers = itertools.count()

    def __call__(self, body: bytes, *, repeatable: bool) -> bytes:
        release = b"/Release</a:Action>" in body
        more = "" if release else self.items
        name = enumerated if b"/Enumerate</a:Action>" in body else pulled
        self.on("Release" if release else "Enumerate" if name is enumerated else "Pull",
                "" if release else name(more, context=f"uuid:{next(self.numbers)}", ended=False))  # fmt: skip
        return super().__call__(body, repeatable=repeatable)


@pytest.mark.parametrize("items", ["", ONE, instance("A", "x" * 2_000_000)], ids=["empty", "small", "large"])
def test_an_endless_enumeration_is_given_up_and_released(items: str) -> None:
    wire = Endless(items)
    with pytest.raises(BadAnswer, match="does not end"):
        drain(wire)
    assert wire.sent[-1].action.endswith("/Release")
    assert len(wire.sent) <= en.MAX_PULLS + 2
    assert sum(len(sent.bytes) for sent in wire.sent) < 2_000_000


def test_an_enumeration_that_breaks_off_is_refused() -> None:
    wire = Wire()
    wire.on("Enumerate", enumerated(ONE, ended=False))
    with pytest.raises(BadAnswer, match="breaks off"):
        drain(wire)
