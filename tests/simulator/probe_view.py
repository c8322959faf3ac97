# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a perfect probe from outside would see of a host, computed from its live state.

Shape::

    {"tcp": "open" | "refused" | "timeout" | "not_rdp", "port": 3389,
     "asked": {"0": ["failure", 5], "1": ["failure", 5], "3": ["selected", 2], "11": ["selected", 8]},  # or ["closed"]
     "tls": "ok" | "reset" | "alert_40" | "alert_80" | None,           # None: no answer selected TLS
     "certificate": {"thumbprint", "subject", "not_before", "not_after", "server_auth",
                     "hash", "key_bits"} | None,
     "ntlm": {"netbios_name", "dns_name", "build", "time"} | "closed" | None,
     "udp": True | False}

Like every attempt it leaves its events: Schannel 36870 twice when the key cannot be read.
"""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from tests.simulator.windows.certificates import SERVING, StoredCertificate
from tests.simulator.windows.system import Windows

ASKED = (0, 1, 3, 11)
OPENSSL_NAMES = {"TLS 1.0": "TLSv1", "TLS 1.1": "TLSv1.1", "TLS 1.2": "TLSv1.2", "TLS 1.3": "TLSv1.3"}


def tcp_outcome(windows: Windows, port: int) -> str:
    """What a connection attempt to ``port`` meets."""
    if not windows.admits("TCP", port):
        return "timeout"
    if port == windows.listener.port_taken:
        return "not_rdp"
    listening = windows.listener.is_listening() and port == windows.listener.live().port
    silent = windows.switches["firewall_stealth"] and windows.services.running("MpsSvc")
    return "open" if listening else "timeout" if silent else "refused"


def probe_view(windows: Windows, port: int | None = None) -> dict[str, object]:
    """See the module; ``port`` is the one stored for the listener unless given."""
    wanted = windows.listener.stored().port if port is None else port
    view: dict[str, object] = {
        "tcp": tcp_outcome(windows, wanted), "port": wanted, "asked": {}, "tls": None, "tls_version": None,
        "certificate": None,
        "ntlm": None, "udp": windows.listener.udp_enabled() and windows.admits("UDP", wanted),
    }  # fmt: skip
    if view["tcp"] == "open":
        view.update(_handshake(windows))
    return view


def _handshake(windows: Windows) -> dict[str, object]:
    replies = {requested: windows.listener.negotiate(requested) for requested in ASKED}
    asked = {
        str(requested): ["closed"] if reply.kind == "closed" else [reply.kind, reply.code]
        for requested, reply in replies.items()
    }
    selected = [reply.code for reply in replies.values() if reply.kind == "selected" and reply.code]
    if not selected:
        return {"asked": asked}
    outcome, certificate = windows.listener.tls_attempt()
    view: dict[str, object] = {"asked": asked, "tls": outcome}
    if outcome != "ok" or certificate is None:
        return view
    view["tls_version"] = OPENSSL_NAMES[max(windows.listener.protocols)]
    return view | {"certificate": _certificate(certificate), "ntlm": _ntlm(windows) if max(selected) >= 2 else None}


def _certificate(stored: StoredCertificate) -> dict[str, object]:
    certificate = stored.certificate
    return {
        "thumbprint": stored.thumbprint, "subject": certificate.subject.rfc4514_string(),
        "not_before": certificate.not_valid_before_utc.isoformat(),
        "not_after": certificate.not_valid_after_utc.isoformat(), "server_auth": _serves(certificate),
        "hash": certificate.signature_hash_algorithm.name if certificate.signature_hash_algorithm else "",
        "key_bits": _length(certificate),
    }  # fmt: skip


def _length(certificate: x509.Certificate) -> int | None:
    """Bits of an RSA key; None for others."""
    key = certificate.public_key()
    return key.key_size if isinstance(key, RSAPublicKey) else None


def _serves(certificate: x509.Certificate) -> bool | None:
    """Whether the extended key usage allows server authentication; None without one."""
    for extension in certificate.extensions:
        if isinstance(extension.value, x509.ExtendedKeyUsage):
            return any(serving in extension.value for serving in SERVING)
    return None


def _ntlm(windows: Windows) -> object:
    if windows.listener.ntlm_denied:
        return "closed"
    machine = windows.machine
    return {
        "netbios_name": machine.computer_name, "dns_name": machine.dns_name, "build": windows.edition.build,
        "time": windows.clock.now().isoformat(),
    }  # fmt: skip
