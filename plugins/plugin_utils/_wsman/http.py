# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""HTTP as the connection libraries do it, made safe: bounded answers, no redirects, errors in our own words.

PRIVATE to the collection. Neither pywinrm nor pypsrp bounds what it reads, and requests follows redirects, which would
post a write again.
"""

from __future__ import annotations

import builtins
import typing as t
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman import _libs
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.bounds import Allowance, bound_pool
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import (
    AccessDenied,
    AuthenticationFailed,
    BadAnswer,
    ConnectionLost,
    EncodingLimit,
    FaultFacts,
    NoTicket,
    TransportFailed,
    WsmanError,
)

BOUNDARY = 'boundary="Encrypted Boundary"'
"""The only boundary between parts (MS-WSMV 2.2.9.1). pypsrp puts the host's into a regular expression as it is."""

AUTHENTICATING = (401, 407)

NO_TOKEN = (403, 404, 503)
"""Statuses that say that no token will come: refused, nobody there, not available."""

UNAUTHENTICATED: Mapping[str, str] = {
    "Content-Type": "application/soap+xml;charset=UTF-8",
    "WSMANIDENTIFY": "unauthenticated",
}
"""By the second header a service knows an Identify that it may answer to anybody (DSP0226 11, Note)."""


class BoundedAdapter:
    """Passes requests on to another adapter of a requests session, and looks at the answers before the libraries do."""

    def __init__(self, inner: t.Any) -> None:
        self.inner = inner
        self.allowance = Allowance()
        # The second name is that of requests before 2.32.
        for name in ("get_connection_with_tls_context", "get_connection"):
            if original := getattr(inner, name, None):
                setattr(inner, name, self._bounding(original))
        if hasattr(inner.max_retries, "new"):
            # A host may not say how long we sleep.
            inner.max_retries = inner.max_retries.new(respect_retry_after_header=False)

    def send(self, request: t.Any, **arguments: t.Any) -> t.Any:
        """Send as the inner adapter does; what follows on this connection comes through here too."""
        self.allowance.answer()
        response = self.inner.send(request, **arguments)
        response.connection = self
        _refuse_compressed(response)
        _refuse_within_credssp(request, response)
        if _is_encrypted(request):
            _refuse_plain(response)
        return response

    def close(self) -> None:
        """Close the inner adapter's connections."""
        self.inner.close()

    def _bounding(self, original: Callable[..., t.Any]) -> Callable[..., t.Any]:
        return lambda *arguments, **options: bound_pool(original(*arguments, **options), self.allowance)


def bounded(session: t.Any) -> t.Any:
    """Return the requests session for one message: bounded answers as they are, no redirects.

    The libraries have taken over proxies from the environment when they built it; looking for them again with every
    message would take longer than to write one.
    """
    session.max_redirects = 0
    session.trust_env = False
    session.headers["Accept-Encoding"] = "identity"
    for prefix, adapter in list(session.adapters.items()):
        if isinstance(adapter, BoundedAdapter):
            adapter.allowance.renew()
        else:
            session.mount(prefix, BoundedAdapter(adapter))
    return session


def without_credentials(session: t.Any, endpoint: str, body: bytes, timeout: float | None) -> bytes:
    """POST an Identify as nobody: of the authenticated session it takes the TLS settings and the proxy alone.

    Raise the error of the status where the answer is none with status 200.
    """
    with _libs.need(_libs.REQUESTS, "requests").Session() as plain:
        plain.verify, plain.proxies = session.verify, session.proxies
        response = bounded(plain).post(endpoint, data=body, headers=UNAUTHENTICATED, timeout=timeout)
        answer: bytes = response.content
    if response.status_code != 200:
        raise by_status(response.status_code)
    return answer


def _refuse_compressed(response: t.Any) -> None:
    """Raise BadAnswer for an answer that nobody asked to compress: a few bytes of it may stand for gigabytes."""
    encoding = response.headers.get("Content-Encoding", "identity")
    if encoding.strip().lower() != "identity":
        response.close()
        raise BadAnswer("The answer is compressed, which WinRM does not do")


def _refuse_within_credssp(request: t.Any, response: t.Any) -> None:
    """Raise the error of its status for an answer that requests-credssp would search for its next token in vain."""
    said = request.headers.get("Authorization") or ""
    scheme = said.decode("latin-1") if isinstance(said, bytes) else str(said)
    if scheme.startswith("CredSSP ") and response.status_code in NO_TOKEN:
        response.close()
        raise by_status(response.status_code)


def _is_encrypted(message: t.Any) -> bool:
    return "encrypted" in (message.headers.get("Content-Type") or "").lower()


def _refuse_plain(response: t.Any) -> None:
    """Raise the error of its status for an answer in the clear to an encrypted message: anybody may have written it."""
    kind = response.headers.get("Content-Type") or ""
    if response.status_code in AUTHENTICATING or (_is_encrypted(response) and BOUNDARY in kind):
        return
    response.close()
    if response.status_code < 400:
        raise BadAnswer("The host answers in the clear to an encrypted message")
    raise by_status(response.status_code)


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


def _spnego(error: Exception) -> WsmanError:
    """GSSAPI speaks only for Kerberos here; what it says names principals and no secrets."""
    base = getattr(error, "base_error", None)
    if isinstance(base, Exception) and type(base).__module__.startswith("gssapi"):
        return _no_ticket(base)
    return _unauthenticated(error)


def _no_ticket(error: Exception) -> WsmanError:
    return NoTicket(f"Kerberos gave no ticket: {error}")


def _status(error: Exception) -> WsmanError:
    """Return the error for an HTTP status whose body is no SOAP message."""
    return by_status(int(getattr(error, "code", 0)))


def by_status(code: int) -> WsmanError:
    """Return the error that an HTTP status stands for where there is no SOAP fault to tell more."""
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
    _Translation(_libs.CREDSSP_EXCEPTIONS, "NTStatusException", _rejected),
    _Translation(_libs.CREDSSP_EXCEPTIONS, "AuthenticationException", _unauthenticated),
    _Translation(_libs.KERBEROS_EXCEPTIONS, "KerberosExchangeError", _no_ticket),
    _Translation(_libs.KERBEROS_EXCEPTIONS, "MutualAuthenticationError", _no_ticket),
    _Translation(_libs.KRB5, "Krb5Error", _no_ticket),
    _Translation(_libs.SPNEGO_EXCEPTIONS, "SpnegoError", _spnego),
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
