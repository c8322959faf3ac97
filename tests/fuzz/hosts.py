# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A whole remediation of a simulated host some of whose answers are spoilt: wrong types, missing values, junk."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from xml.sax.saxutils import escape

from ansible_collections.winfleet.rdp.plugins.plugin_utils import _result
from ansible_collections.winfleet.rdp.plugins.plugin_utils._course import Limits
from ansible_collections.winfleet.rdp.plugins.plugin_utils._examine import examine
from ansible_collections.winfleet.rdp.plugins.plugin_utils._loop import remediate
from hypothesis import strategies as st

from tests.simulator.breakages import BREAKAGES
from tests.simulator.host import SimulatedHost
from tests.support import in_process

JUNK = (
    "", " ", "0", "1", "-1", "2", "255", "65536", "4294967295", "99999999999999999999", "true", "x", "{{ 1 }}",
    "C:\\", "\\\\", "S-1-5-18", "O:BAG:SYD:(A;;FA;;;SY)", "D:", "v2.30|Action=Allow|Dir=In|", "3389", "3389-1",
    "[]", '{"a": 1}', "null", "2024-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "P1D",
    "20240101000000.000000+000", "A" * 3000, "\n\nok: [x]", "*", "Any", "::1", "10.0.0.0/33", "AAAA", "=", "\u0661",
    "\x9b2J",
)  # fmt: skip

_LEAF = re.compile(r"(<[^/>?!][^>]*[^/>]>|<[^/>?!]>)([^<]*)(</)")


@dataclass(frozen=True)
class Edit:
    """In answer number C(message), counted from 0, the texts of leaves from number C(leaf) on, C(count) of them."""

    message: int
    leaf: int
    count: int
    junk: str


EDITS = st.builds(
    Edit, st.integers(0, 60), st.integers(0, 80), st.sampled_from([1, 1, 1, 5, 500]), st.sampled_from(JUNK)
)
CHANGES = st.tuples(
    st.sampled_from(sorted(BREAKAGES)), st.sampled_from(["2016", "2022", "11"]), st.lists(EDITS, min_size=1, max_size=4)
)


class SpoiltHost(SimulatedHost):
    """A simulated host with edits on its answers."""

    edits: tuple[Edit, ...] = ()
    answered = 0

    def handle(self, body: bytes, user: str = "Administrator") -> tuple[int, bytes]:
        status, answer = super().handle(body, user)
        for edit in self.edits:
            if edit.message == self.answered:
                answer = _edited(answer, edit)
        self.answered += 1
        return status, answer


def _edited(answer: bytes, edit: Edit) -> bytes:
    head, body_tag, body = answer.decode().partition("Body>")
    number = 0

    def change(found: re.Match[str]) -> str:
        nonlocal number
        number += 1
        spoilt = edit.leaf < number <= edit.leaf + edit.count
        return f"{found[1]}{escape(edit.junk) if spoilt else found[2]}{found[3]}"

    return f"{head}{body_tag}{_LEAF.sub(change, body)}".encode()


def meet(given: tuple[str, str, list[Edit]]) -> None:
    """Examine in full, remediate, and form the result; what the result holds is plain data."""
    breakage, version, edits = given
    simulated = SpoiltHost.build(version, breakages=[breakage])
    assert isinstance(simulated, SpoiltHost)
    simulated.edits = tuple(edits)
    job = in_process.job(simulated)
    course = remediate(job, examine(job.host, job.prober, 600, full=True), Limits())
    json.dumps(_result.remediated(course, job.run_id))
