# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What came of one attempt to log on through CredSSP. PRIVATE to the collection."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

LogonVerdict = t.Literal["accepted", "denied", "rejected", "intercepted", "stopped", "not_tried"]

NOT_TAKEN: frozenset[LogonVerdict] = frozenset({"rejected", "intercepted"})
"""After one of these nobody else tries the same credentials: each further attempt may lock the account."""


@dataclass(frozen=True)
class LogonState:
    """How far the connection's own credentials get with CredSSP; no session is opened. It holds no secret.

    Attributes:
        verdict: C(accepted), or C(denied) where the host knows the account and does not let it log on with Remote
            Desktop; C(rejected) where it does not take the credentials; C(intercepted) where something between ends
            TLS; C(stopped) where another host of this run has not taken them; C(not_tried).
        reason: why, in words; empty for C(accepted).
        status: the NTSTATUS with which the host rejected them, where it said one.
        authorised: whether the host says that the account may log on; None where its protocol has no such answer.
    """

    verdict: LogonVerdict
    reason: str = ""
    status: int | None = None
    authorised: bool | None = None
