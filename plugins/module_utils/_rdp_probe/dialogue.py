# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The dialogue with one open port: the negotiation matrix, and what goes on from it on the same connections.

FOR INTERNAL COLLECTION USE ONLY.
"""

from __future__ import annotations

import time
import typing as t

from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe import mcs, ntlm, tls, x224
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.errors import ConnectError
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.matrix import (
    ASK_ORDER,
    NOTHING_ASKED,
    X224Result,
    conclude,
)
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.stream import Stream, connect

if t.TYPE_CHECKING:  # pragma: no cover
    import socket

    from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.options import ProbeOptions

#: After so many requests without a confirm the rest is not asked: each is an incomplete connection.
_PATIENCE = 2


class Dialogue:
    """Four connections at most: one for each request of the matrix; TLS, NTLM and MCS go on where they can.

    The results are in the attributes when `run` returns; each has its own `skipped`.
    """

    def __init__(self, options: ProbeOptions, address: str) -> None:
        """Prepare; nothing is sent. `address` is a literal."""
        self._options = options
        self._address = address
        self._answers = dict(NOTHING_ASKED)
        self.x224 = X224Result()
        self.tls = tls.TlsResult()
        self.ntlm = ntlm.NtlmResult()
        self.native = mcs.NativeResult()

    def run(self, first: socket.socket) -> None:
        """Ask everything; `first` is the connection that the TCP stage opened and is closed here."""
        waiting: socket.socket | None = first
        for asked in ASK_ORDER:
            self._answers[asked] = self._connection(asked, waiting)
            waiting = None
            if self._is_hopeless():
                break
        self.x224 = conclude(self._answers)
        self._mark_not_offered()

    def _connection(self, asked: int, waiting: socket.socket | None) -> x224.Answer:
        """Use one connection: ask, and go on from the answer."""
        try:
            sock = waiting or self._open()
        except ConnectError as error:
            return x224.Answer(error.verdict)
        with Stream(sock) as stream:
            stream.begin(self._options.timeout)
            answer = x224.ask(stream, asked)
            if answer.outcome == "selected":
                self._go_on(stream, answer.protocol or x224.PROTOCOL_RDP)
        return answer

    def _open(self) -> socket.socket:
        """Open another connection after the pause; raises ConnectError."""
        time.sleep(self._options.pause)
        return connect(self._address, self._options.port, self._options.timeout)

    def _go_on(self, stream: Stream, protocol: int) -> None:
        """Run the stages that follow the protocol selected, unless they have run already."""
        if protocol == x224.PROTOCOL_RDP:
            self._run_native(stream)
        elif self.tls.verdict == "skipped" and self._options.runs("tls"):
            self._run_tls(stream, protocol)

    def _run_native(self, stream: Stream) -> None:
        """Ask for the encryption of Standard RDP Security."""
        if self._options.runs("native") and self.native.verdict == "skipped":
            stream.begin(self._options.timeout)
            self.native = mcs.ask_encryption(stream)

    def _run_tls(self, stream: Stream, protocol: int) -> None:
        """Do the TLS handshake, and the NTLM stage when CredSSP was selected."""
        stream.begin(self._options.timeout)
        self.tls, channel = tls.handshake(stream, self._options.host)
        if channel and protocol in x224.CREDSSP_PROTOCOLS and self._options.runs("ntlm"):
            stream.begin(self._options.timeout)
            self.ntlm = ntlm.challenge(channel)

    def _is_hopeless(self) -> bool:
        """Whether asking on would add incomplete connections and no knowledge."""
        outcomes = [answer.outcome for answer in self._answers.values()]
        answered = {"selected", "failure", "legacy"}.intersection(outcomes)
        silent = len(outcomes) - outcomes.count("skipped") >= _PATIENCE
        return "not_rdp" in outcomes or (silent and not answered)

    def _mark_not_offered(self) -> None:
        """Tell a stage that had no occasion from one that nobody asked for."""
        if self.x224.verdict not in ("negotiates", "legacy"):
            return
        if self._options.runs("tls") and self.tls.verdict == "skipped":
            self.tls = tls.TlsResult("not_offered")
        if self._options.runs("ntlm") and not self.x224.selected & x224.CREDSSP_PROTOCOLS:
            self.ntlm = ntlm.NtlmResult("not_offered")
