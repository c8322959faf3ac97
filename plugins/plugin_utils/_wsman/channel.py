# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The conversation with one host's WS-Management service, borrowed from the play's own connection plugin.

PRIVATE to the collection. Authentication, encryption, certificates and proxies are what the user configured for
``ansible.builtin.winrm`` or ``ansible.builtin.psrp``; neither the shell of the one nor the runspace of the other is
opened. This is the only module of the package that imports Ansible.
"""

from __future__ import annotations

import time
import typing as t
from collections.abc import Callable

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman import _libs
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import (
    ChannelUnavailable,
    ConnectionLost,
    NoTicket,
    TransportFailed,
)
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.http import (
    bounded,
    fault_body,
    translate,
    without_credentials,
)
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.uri import STYLES

if t.TYPE_CHECKING:  # pragma: no cover
    from ansible.plugins.connection import ConnectionBase

IDLE_SECONDS = 60.0
"""After this, a new connection is made: HTTP.sys closes idle ones after 120 s, and a write must not find out."""


KINIT_FAILED = "Kerberos auth failure"
"""How the winrm plugin's message begins when kinit has failed (ansible-core 2.16 to 2.21)."""


class Line(t.Protocol):
    """A library's authenticated HTTP session to one host."""

    timeout: int
    """Seconds that the host may take for one operation, below the session's own read timeout."""

    def send(self, body: bytes) -> bytes:
        """POST a message and return the answer's body; raise the library's own exceptions."""

    def send_unauthenticated(self, body: bytes) -> bytes:
        """POST an Identify without credentials, with the session's TLS settings and proxy, and return the answer."""

    def drop(self) -> None:
        """Forget the session, so that the next message opens a new one."""

    def close(self) -> None:
        """Give back to the connection plugin what was borrowed."""


class Channel:
    """Sends messages to one host. Not for use by several threads at once."""

    def __init__(
        self, line: Line, host: str, uri_style: str = "wmi", clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.host = host
        self.uri_style = uri_style
        self.timeout = line.timeout
        self._line = line
        self._clock = clock
        self._used: float | None = None

    def send(self, body: bytes, *, repeatable: bool) -> bytes:
        """Return the host's answer, which may be a SOAP fault.

        A lost or stale connection is made anew and the message sent again once, if it is ``repeatable``. Raise
        TransportFailed, AuthenticationFailed, AccessDenied, BadAnswer or EncodingLimit.
        """
        if self._used is not None and self._clock() - self._used > IDLE_SECONDS:
            self._line.drop()
        try:
            return self._send(body)
        except ConnectionLost:
            if not repeatable:
                raise
            return self._send(body)

    def send_unauthenticated(self, body: bytes) -> bytes:
        """Return what the host answers to an Identify from somebody who has not logged on.

        It goes over a connection of its own. Raise as ``send`` does; AuthenticationFailed where the host wants a logon.
        """
        try:
            return self._line.send_unauthenticated(body)
        except Exception as error:
            failure = translate(error)
            failure.host = failure.host or self.host
            raise failure from error

    def close(self) -> None:
        """End the conversation and leave the connection plugin as it was."""
        self._line.close()

    def _send(self, body: bytes) -> bytes:
        try:
            answer = self._line.send(body)
        except Exception as error:
            fault = fault_body(error)
            if fault is None:
                self._line.drop()
                failure = translate(error)
                failure.host = failure.host or self.host
                raise failure from error
            answer = fault
        self._used = self._clock()
        return answer


def open_channel(connection: ConnectionBase, *, uri_style: str = "wmi") -> Channel:
    """Return a channel over a play's connection; raise ChannelUnavailable for one that cannot carry it.

    Nothing is sent yet, except where the user lists several winrm transports: then the plugin tries them.
    """
    if uri_style not in STYLES:
        raise ValueError(f"uri_style is one of {', '.join(STYLES)}, not {uri_style!r}")
    opener = _OPENERS.get(connection.transport)
    if opener is None:
        raise ChannelUnavailable(
            f"The connection plugin {connection.transport!r} does not speak WS-Management",
            hint="Set ansible_connection to winrm or psrp for this host.",
        )
    if connection.become is not None:
        raise ChannelUnavailable(
            "WS-Management operations cannot change the user with become",
            hint="Set become: false for these tasks and connect as an administrator of the host.",
        )
    host = str(t.cast(t.Any, connection).get_option("remote_addr"))
    return Channel(opener(connection), host, uri_style)


# --- lines -----------------------------------------------------------------------------------------------------------


class WinrmLine:
    """The pywinrm transport of a winrm connection."""

    def __init__(self, connection: t.Any) -> None:
        self._connection = connection
        self._borrowed = connection.protocol is not None
        if not self._borrowed:
            _connect_winrm(connection)
        self._transport = connection.protocol.transport
        self.timeout = int(connection.protocol.operation_timeout_sec)

    def send(self, body: bytes) -> bytes:
        """POST a message; the session is bounded before anything is received over it."""
        self._session()
        answer: bytes = self._transport.send_message(body)
        return answer

    def _session(self) -> t.Any:
        transport = self._transport
        if transport.session is None:
            encrypt = type(transport).setup_encryption.__get__(transport)
            transport.setup_encryption = lambda session: encrypt(bounded(session))
        return bounded(transport.build_session())

    def send_unauthenticated(self, body: bytes) -> bytes:
        """POST an Identify without credentials."""
        transport = self._transport
        return without_credentials(self._session(), transport.endpoint, body, transport.read_timeout_sec)

    def drop(self) -> None:
        """Forget session and encryption context."""
        self._transport.close_session()
        self._transport.encryption = None

    def close(self) -> None:
        """Close a session of our own; a connection that the plugin had opened itself stays as it is."""
        if self._borrowed:
            return
        self.drop()
        if not self._connection.shell_id:
            self._connection.protocol = None
            self._connection._connected = False
            _delete_tickets(self._connection)


def _delete_tickets(connection: t.Any) -> None:
    """Delete the Kerberos tickets that kinit has put into a file for the plugin.

    The plugin leaves that to the file object (_kerb_ccache, ansible-core 2.16 to 2.21), which goes with the process.
    But Ansible's workers end by os._exit, so each task would leave its tickets, good for hours, in TMPDIR.
    """
    cache = getattr(connection, "_kerb_ccache", None)
    if cache is not None:
        cache.close()


def _connect_winrm(connection: t.Any) -> None:
    """Let the plugin build its protocol object without the cmd shell that it always opens.

    A host may refuse shells (CIS: Allow Remote Shell Access) and still answer CIM operations. A shell id that is set
    already keeps the plugin from opening one. Where it has to find out which of several transports works, it may.
    """
    several = len(connection.get_option("transport") or ()) > 1
    if not several:
        connection.shell_id = "none"
    try:
        connection._connect()
    except AnsibleConnectionFailure as error:
        _delete_tickets(connection)
        if error.message.startswith(KINIT_FAILED):
            raise NoTicket(f"Kerberos gave no ticket: {error.message.partition(': ')[2]}") from error
        raise TransportFailed(f"The winrm connection failed: {error.message}", sent=False) from error
    except AnsibleError as error:
        raise ChannelUnavailable(
            f"The winrm connection cannot be used: {error.message}",
            hint="Install what the connection plugin asks for on the controller, and check its variables.",
        ) from error
    finally:
        if not several:
            connection.shell_id = None


class PsrpLine:
    """A pypsrp transport of our own, built as the psrp connection would build its own."""

    def __init__(self, connection: t.Any) -> None:
        library = _libs.need(_libs.PYPSRP, "pypsrp")
        connection._build_kwargs()
        try:
            self._wsman = library.WSMan(**connection._psrp_conn_kwargs)
        except (ValueError, ImportError) as error:
            raise ChannelUnavailable(
                f"The psrp connection cannot be used: {error}",
                hint="Check the ansible_psrp_ variables, and that the libraries for its authentication are installed.",
            ) from error
        self._transport = self._wsman.transport
        self.timeout = int(self._wsman.operation_timeout)

    def send(self, body: bytes) -> bytes:
        """POST a message; the session is bounded before anything is received over it."""
        self._session()
        answer: bytes = self._transport.send(body)
        return answer

    def _session(self) -> t.Any:
        transport = self._transport
        transport.session = bounded(transport.session or transport._build_session())
        return transport.session

    def send_unauthenticated(self, body: bytes) -> bytes:
        """POST an Identify without credentials."""
        transport = self._transport
        return without_credentials(self._session(), transport.endpoint, body, transport.read_timeout)

    def drop(self) -> None:
        """Forget session and encryption context."""
        self._transport.close()
        self._transport.session = None
        self._transport.encryption = None

    def close(self) -> None:
        """Close our session; the plugin's own was never opened."""
        self.drop()


_OPENERS: dict[str, Callable[[t.Any], Line]] = {"winrm": WinrmLine, "psrp": PsrpLine}
