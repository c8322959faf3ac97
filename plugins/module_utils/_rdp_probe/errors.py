# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that can go wrong inside the probe.

FOR INTERNAL COLLECTION USE ONLY. None of these leaves `probe.probe`, but for `ProbeOptionError`.
"""

from __future__ import annotations

import socket

#: What a socket raises when its time is over; before Python 3.10 the second is no TimeoutError.
TIMEOUTS = (TimeoutError, socket.timeout)


class ProbeError(Exception):
    """The root of the probe's own errors."""


class ProbeOptionError(ProbeError, ValueError):
    """An option of the probe is out of its range."""


class ParseError(ProbeError):
    """Bytes from the host are not what the protocol's layout says; `data` is what was read."""

    def __init__(self, message: str, data: bytes = b"") -> None:
        """Keep the bytes, which may show what answers on the port."""
        super().__init__(message)
        self.data = data


class ConnectError(ProbeError):
    """No TCP connection came about; `verdict` is refused, timeout, unreachable or error."""

    def __init__(self, verdict: str, message: str) -> None:
        """Keep the one-word verdict beside the system's message."""
        super().__init__(message)
        self.verdict = verdict


class StreamError(ProbeError):
    """An open connection gave less than was waited for; `partial` is what had come by then."""

    def __init__(self, message: str, partial: bytes = b"") -> None:
        """Keep the bytes that had come, which may show what answers on the port."""
        super().__init__(message)
        self.partial = partial


class StreamTimeoutError(StreamError):
    """The stage's time ran out."""


class StreamClosedError(StreamError):
    """The peer closed or reset the connection."""
