# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""HTTP as the connection libraries do it, made safe: bounded answers, no redirects, errors in our own words.

PRIVATE to the collection. Neither pywinrm nor pypsrp bounds what it reads, and requests follows redirects, which would
post a write again.
"""

from __future__ import annotations

import builtins
import time
import typing as t
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman import _libs
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import (
    AccessDenied,
    AuthenticationFailed,
    BadAnswer,
    ConnectionLost,
    EncodingLimit,
    FaultFacts,
    TransportFailed,
    WsmanError,
)
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.xml import MAX_BYTES

BODY_SECONDS = 120.0
"""The longest that an answer's body may take to arrive."""


class BoundedAdapter:
    """Passes requests on to another adapter of a requests session, and bounds the bodies of the answers.

    It bounds when the body is read, not before: authentication needs the untouched socket for channel bindings.
    """

    def __init__(self, inner: t.Any, clock: Callable[[], float] = time.monotonic) -> None:
        self.inner = inner
        self._clock = clock

    def send(self, request: t.Any, **arguments: t.Any) -> t.Any:
        """Send as the inner adapter does; what follows on this connection comes through here too."""
        response = self.inner.send(request, **arguments)
        response.connection = self
        response.raw.stream = lambda *_amount, **_options: self._chunks(response.raw)
        return response

    def close(self) -> None:
        """Close the inner adapter's connections."""
        self.inner.close()

    def _chunks(self, raw: t.Any) -> Iterator[bytes]:
        """Yield the body as it arrives; raise BadAnswer when it is too large, TransportFailed when it is too slow."""
        read = getattr(raw, "read1", raw.read)
        end, size = self._clock() + BODY_SECONDS, 0
        while chunk := read(65536, decode_content=True):
            size += len(chunk)
            if size > MAX_BYTES:
                raise BadAnswer(f"The answer is larger than {MAX_BYTES} bytes")
            if self._clock() > end:
                raise TransportFailed(f"The answer takes longer than {BODY_SECONDS:g} seconds to arrive", sent=True)
            yield chunk


def bounded(session: t.Any) -> t.Any:
    """Return the requests session, with bounded bodies and without redirects.

    The libraries have taken over proxies from the environment when they built it; looking for them again with every
    message would take longer than to write one.
    """
    session.max_redirects = 0
    session.trust_env = False
    for prefix, adapter in list(session.adapters.items()):
        if not isinstance(adapter, BoundedAdapter):
            session.mount(prefix, BoundedAdapter(adapter))
    return session


# --- errors ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Translation:
    """One exception class of a library, which may not be installed, and the error it becomes."""

    library: t.Any
    name: str
    error: Callable[[Exception], WsmanError]

    def fits(self, error: Exception) -> bool:
        return self.library is not None and isinstance(error, getattr(self.library, self.name))


_CERTIFICATE = (
    "Renew or trust the certificate of the host's WinRM listener, or set the connection's certificate options."
)
_PATH = "Check the port, the connection's path option, and the IP filter of the host's WinRM service."

_STATUSES: Mapping[int, Callable[[], WsmanError]] = {
    400: lambda: ConnectionLost("The host cannot decrypt the message any more (HTTP 400)", sent=False),
    401: lambda: AuthenticationFailed("The host rejected the credentials (HTTP 401)"),
    403: lambda: AccessDenied("The host refuses this account or address (HTTP 403)"),
    404: lambda: BadAnswer("There is no WS-Management service at this address (HTTP 404)", hint=_PATH),
    413: lambda: EncodingLimit("The request is too large for the host (HTTP 413)", FaultFacts(subcode="EncodingLimit")),
    500: lambda: AccessDenied("The host refuses unencrypted messages, or this account (HTTP 500 without a fault)"),
    503: lambda: TransportFailed("The host's WinRM service is not available (HTTP 503)", sent=False),
}


def fault_body(error: Exception) -> bytes | None:
    """Return the SOAP message that came with an HTTP error status, or None when there is none."""
    text = str(getattr(error, "response_text", "") or "")
    return text.encode() if "Envelope" in text[:2000] else None


def translate(error: Exception) -> WsmanError:
    """Return our error for one of the libraries'; their texts, in which a secret could be, are not repeated."""
    if isinstance(error, WsmanError):
        return error
    for row in _TRANSLATIONS:
        if row.fits(error):
            return row.error(error)
    return BadAnswer(f"The answer cannot be read as WinRM sends it ({type(error).__name__})")


def _rejected(_error: Exception) -> WsmanError:
    return AuthenticationFailed("The host rejected the credentials")


def _unauthenticated(error: Exception) -> WsmanError:
    return AuthenticationFailed(f"No authentication succeeded that both sides know ({type(error).__name__})")


def _status(error: Exception) -> WsmanError:
    """Return the error for an HTTP status whose body is no SOAP message."""
    code = int(getattr(error, "code", 0))
    known = _STATUSES.get(code)
    return known() if known else BadAnswer(f"The host answers with HTTP status {code}")


def _tls(error: Exception) -> WsmanError:
    return TransportFailed(f"TLS failed: {_cause(error)}", sent=False, hint=_CERTIFICATE)


def _redirect(_error: Exception) -> WsmanError:
    return BadAnswer("The host redirects to another address, which is not followed")


def _connect_timeout(_error: Exception) -> WsmanError:
    return TransportFailed("The connection timed out", sent=False)


def _read_timeout(_error: Exception) -> WsmanError:
    return TransportFailed("The host did not answer in time")


def _broken(error: Exception) -> WsmanError:
    """Tell a connection that never came to be from one that broke."""
    never = ("NewConnectionError", "NameResolutionError")
    if any(type(cause).__name__ in never for cause in _causes(error)):
        return TransportFailed(f"No connection: {_cause(error)}", sent=False)
    return ConnectionLost(f"The connection broke: {_cause(error)}")


_TRANSLATIONS = (
    _Translation(_libs.WINRM_EXCEPTIONS, "InvalidCredentialsError", _rejected),
    _Translation(_libs.WINRM_EXCEPTIONS, "WinRMTransportError", _status),
    _Translation(_libs.PYPSRP_EXCEPTIONS, "AuthenticationError", _rejected),
    _Translation(_libs.PYPSRP_EXCEPTIONS, "WinRMTransportError", _status),
    _Translation(_libs.SPNEGO_EXCEPTIONS, "SpnegoError", _unauthenticated),
    _Translation(_libs.REQUESTS_EXCEPTIONS, "SSLError", _tls),
    _Translation(_libs.REQUESTS_EXCEPTIONS, "TooManyRedirects", _redirect),
    _Translation(_libs.REQUESTS_EXCEPTIONS, "ConnectTimeout", _connect_timeout),
    _Translation(_libs.REQUESTS_EXCEPTIONS, "Timeout", _read_timeout),
    _Translation(_libs.REQUESTS_EXCEPTIONS, "ConnectionError", _broken),
    _Translation(_libs.REQUESTS_EXCEPTIONS, "ChunkedEncodingError", _broken),
    # requests_ntlm raises it when the host offers no NTLM challenge.
    _Translation(builtins, "PermissionError", _unauthenticated),
    _Translation(builtins, "OSError", _broken),
)


def _cause(error: BaseException) -> str:
    """Return what the operating system or the TLS library said at the bottom of a chain of exceptions."""
    root = list(_causes(error))[-1]
    return str(getattr(root, "verify_message", None) or getattr(root, "strerror", None) or root)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and those that caused it; urllib3 keeps some in ``reason`` and ``args``."""
    found: BaseException | None = error
    for _level in range(10):
        if found is None:
            return
        yield found
        inner = [getattr(found, "reason", None), *found.args, found.__cause__, found.__context__]
        found = next((item for item in inner if isinstance(item, BaseException)), None)
