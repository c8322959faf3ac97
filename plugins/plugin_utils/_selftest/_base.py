# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a check is, and what comes of one. PRIVATE to the collection."""

from __future__ import annotations

import typing as t
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from .._host import Host
from .._wsman.channel import Channel
from .._wsman.errors import AccessDenied, AuthenticationFailed, TransportFailed, WsmanError

SERVER_2019 = 17763
"""Build of Windows 10 1809 and Server 2019."""

Verdict = t.Literal["as_expected", "deviates", "could_not_tell"]


class Untold(WsmanError):
    """A check that cannot tell on this host; the message says why."""


@dataclass(frozen=True)
class Check:
    """A fact that no public source settles, or that much is built upon, and how a host tells it.

    Attributes:
        asks: what it is about, as a question.
        expected: the finding that the collection's simulator is built upon.
        means: what each finding that is known to be possible means for the collection.
        look: asks the host; gives the finding in a few words. What it makes for that, it takes away again.
        writes: whether it needs scratch objects on the host.
        before_2019: what is expected instead on Windows before 10 1809 and Server 2019, where that differs.
    """

    name: str
    asks: str
    expected: str
    means: Mapping[str, str]
    look: Callable[[Host], str]
    writes: bool = False
    before_2019: str = ""

    def expects(self, host: Host) -> str:
        return self.before_2019 if self.before_2019 and host.identity.build < SERVER_2019 else self.expected


@dataclass(frozen=True)
class Outcome:
    """A check on a host. C(means) is what the finding means for the collection, or why nothing was found."""

    name: str
    asks: str
    expected: str
    found: str
    verdict: Verdict
    means: str


def judge(check: Check, host: Host) -> Outcome:
    """Look at a host, and say whether it is as expected.

    Raises:
        TransportFailed, AuthenticationFailed, AccessDenied: the host cannot be asked at all.
    """
    expected = check.expects(host)
    try:
        found = check.look(host)
    except (TransportFailed, AuthenticationFailed, AccessDenied):
        raise
    except WsmanError as error:
        return Outcome(check.name, check.asks, expected, "", "could_not_tell", str(error))
    verdict: Verdict = "as_expected" if found == expected else "deviates"
    return Outcome(check.name, check.asks, expected, found, verdict, check.means.get(found, UNKNOWN))


UNKNOWN = "nobody has reported this finding yet; please tell the maintainers"


POLL = 30.0
"""Seconds between looks at what takes minutes."""


def wait(host: Host, done: Callable[[], bool], patience: float) -> bool:
    """Whether something was so within so many seconds."""
    for _look in range(int(patience / POLL)):
        if done():
            return True
        host.sleep(POLL)
    return done()


@dataclass
class Altered:
    """A channel that sends one thing in place of another, which the collection itself never does."""

    channel: Channel
    given: bytes
    instead: bytes

    def __post_init__(self) -> None:
        self.timeout = self.channel.timeout

    def send(self, body: bytes, *, repeatable: bool) -> bytes:
        return self.channel.send(body.replace(self.given, self.instead), repeatable=repeatable)


@dataclass(frozen=True)
class Scratch:
    """Names that nothing else on the host has."""

    token: str = field(default_factory=lambda: uuid.uuid4().hex[:12])

    @property
    def name(self) -> str:
        return f"winfleet.rdp-selftest-{self.token}"
