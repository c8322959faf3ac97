# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that Remote Desktop clients open: C(name:type:value) lines. PRIVATE to the collection.

Type i is a whole number, s is text up to the end of the line, b is binary as hexadecimal digits. Names are not case
sensitive, and a client takes the last of two lines with one name. Source: Microsoft's "Supported RDP properties".
"""

from __future__ import annotations

import ipaddress
import re
import typing as t
from collections.abc import Iterator, Mapping

Value: t.TypeAlias = int | str

AUTHENTICATION = {"connect": 0, "refuse": 1, "warn": 2, "none": 3}
"""What a client does when it cannot verify the server: authentication level."""

SECRETS = ("password 51", "gatewayaccesstoken")
"""Properties that hold secrets, which belong in no file."""

WHOLE_NUMBERS = frozenset(
    (
        "administrative session", "allow desktop composition", "allow font smoothing", "audiocapturemode", "audiomode",
        "authentication level", "autoreconnection enabled", "bandwidthautodetect", "bitmapcachepersistenable",
        "bitmapcachesize", "compression", "connection type", "desktop size id", "desktopheight", "desktopscalefactor",
        "desktopwidth", "disable cursor setting", "disable full window drag", "disable menu anims", "disable themes",
        "disable wallpaper", "disableconnectionsharing", "disableudptransport", "displayconnectionbar",
        "dynamic resolution", "enablecredsspsupport", "enablerdsaadauth", "enableworkspacereconnect",
        "encode redirected video capture", "gatewaybrokeringtype", "gatewaycredentialssource",
        "gatewayprofileusagemethod", "gatewayusagemethod", "keyboardhook", "maximizetocurrentdisplays",
        "negotiate security layer", "networkautodetect", "prompt for credentials", "prompt for credentials on client",
        "promptcredentialonce", "rdgiskdcproxy", "redirectclipboard", "redirectcomports", "redirectdrives",
        "redirected video capture encoding quality", "redirectlocation", "redirectposdevices", "redirectprinters",
        "redirectsmartcards", "redirectwebauthn", "remoteapplicationexpandcmdline", "remoteapplicationexpandworkingdir",
        "remoteapplicationmode", "screen mode id", "server port", "session bpp", "singlemoninwindowedmode",
        "smart sizing", "targetisaadjoined", "use multimon", "use redirection server name", "videoplaybackmode",
    )
)  # fmt: skip
"""Properties of the type i: all of that page (MicrosoftDocs/windowsserverdocs, rdp-files.md), those of the file in
MS-RDWR 4.2, and those of files that Microsoft's own client saves (UNSURE of each that they have alone). A client passes
over one that has another type (UNSURE: no source says what it does with it)."""

MOST = 65536
"""Characters of a file that are read: real ones have a few thousand."""

_WHOLE = re.compile(r"\s*-?[0-9]{1,10}\s*")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9 _-]*")
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = re.compile(rf"(?=.{{1,253}}\Z)(?!(?:.*\.)?[0-9]+\Z){_LABEL}(?:\.{_LABEL})*")
"""A name does not end in a number: what does is an address with something wrong in it (RFC 3696, section 2)."""


class NotAnRdpFile(ValueError):
    """What was given does not make a file that a client opens; the message says why."""


def properties(
    host: str,
    port: int | None = None,
    gateway: str | None = None,
    authentication: str = "warn",
    udp: bool = True,
) -> dict[str, Value]:
    """The properties that connect to a host by name or address, over a gateway where there is one.

    UNSURE whether Microsoft's own client heeds disableudptransport: the extension MsRdpEx documents it, Microsoft does
    not; the client's own setting is certain.

    Raises:
        NotAnRdpFile: host, port, gateway or authentication is none.
    """
    if authentication not in AUTHENTICATION:
        raise NotAnRdpFile(f"authentication is {authentication!r}: use one of {', '.join(AUTHENTICATION)}")
    made: dict[str, Value] = {
        "full address": _address(host, port),
        "authentication level": AUTHENTICATION[authentication],
        "enablecredsspsupport": 1,
        "prompt for credentials": 1,
    }
    if gateway:
        made.update({"gatewayhostname": _gateway(gateway), "gatewayusagemethod": 1, "gatewayprofileusagemethod": 1})
    if not udp:
        made["disableudptransport"] = 1
    return made


def _gateway(gateway: str) -> str:
    """A gateway by name or address, with its port where that is not 443.

    So the files of a provider of hosted desktops have it, by which Microsoft's own client connects on Windows and macOS
    (Yandex Cloud Desktop, "Connecting to a desktop"). Microsoft documents the name alone
    (IMsRdpClientTransportSettings::GatewayHostname; UNSURE since when its client takes a port there).
    """
    name, _colon, port = gateway.rpartition(":")
    whole = ":" not in name or (name.startswith("[") and name.endswith("]"))
    if name and whole and port.isascii() and port.isdecimal():
        return _address(name, int(port))
    return _address(gateway, None)


def typed(given: Mapping[str, Value]) -> dict[str, Value]:
    """Properties by name in lower case, text that a whole number is wanted as made one.

    A template gives text for a number before ansible-core 2.19.

    Raises:
        NotAnRdpFile: a property that is a whole number has another text.
    """
    return {name.lower(): _typed(name, value) for name, value in given.items()}


def _typed(name: str, value: Value) -> Value:
    if name.lower() not in WHOLE_NUMBERS or not isinstance(value, str):
        return value
    if not _WHOLE.fullmatch(value):
        raise NotAnRdpFile(f"{name} cannot be {value!r}: use a whole number")
    return int(value)


def _address(host: str, port: int | None) -> str:
    """HOST, HOST:PORT or [V6]:PORT."""
    name = host.strip("[]")
    try:
        shown = f"[{name}]" if ipaddress.ip_address(name).version == 6 else name
    except ValueError:
        if not _HOST.fullmatch(host):
            raise NotAnRdpFile(f"{host!r} is neither a name nor an address") from None
        shown = host
    if port is None:
        return shown
    if not 0 < port < 65536:
        raise NotAnRdpFile(f"port {port} is none: use a number from 1 to 65535")
    return f"{shown}:{port}"


def write(given: Mapping[str, object]) -> str:
    """The file, a line each in the order given, with Windows' line ends.

    Raises:
        NotAnRdpFile: a name or value cannot stand in such a file, or is a secret.
    """
    return "".join(f"{_line(name, value)}\r\n" for name, value in given.items())


def _line(name: str, value: object) -> str:
    if not _NAME.fullmatch(name):
        raise NotAnRdpFile(f"{name!r} is no name of a property")
    if name.lower() in SECRETS:
        raise NotAnRdpFile(f"{name} is a secret: a file is no place for it; users are asked for their credentials")
    if isinstance(value, (bool, int)):
        return f"{name}:i:{int(value)}"
    if not isinstance(value, str) or not value.isprintable():
        raise NotAnRdpFile(f"{name} cannot be {value!r}: use a whole number, or text of one line")
    return f"{name}:s:{value}"


def read(text: str) -> dict[str, Value]:
    """The properties in a file, by name in lower case; secrets are left out.

    Microsoft's client saves UTF-16, which Ansible's lookups take for UTF-8, with surrogates for what is none.

    Raises:
        NotAnRdpFile: it is too long, or a line is no property.
    """
    if len(text) > MOST:
        raise NotAnRdpFile(f"it is longer than {MOST} characters")
    return dict(_properties(_decoded(text) if "\0" in text else text))


def _decoded(text: str) -> str:
    """UTF-16 that was taken for UTF-8, with a byte order mark or as Windows writes it without one."""
    try:
        found = text.encode("utf-8", "surrogateescape")
        marked = found[:2] in (b"\xff\xfe", b"\xfe\xff")
        return found.decode("utf-16" if marked else "utf-16-le")
    except UnicodeError as error:
        raise NotAnRdpFile(
            "it holds zero bytes and is no UTF-16: read it by slurp and decode it with b64decode(encoding='utf-16')"
        ) from error


def _properties(text: str) -> Iterator[tuple[str, Value]]:
    lines = text.lstrip("\ufeff").replace("\r\n", "\n").split("\n")
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        name, first, rest = line.partition(":")
        kind, second, value = rest.partition(":")
        if not (first and second) or kind.lower() not in ("i", "s", "b") or not _NAME.fullmatch(name.strip()):
            raise NotAnRdpFile(f"line {number} is no property: NAME:TYPE:VALUE with the type i, s or b")
        if name.strip().lower() not in SECRETS:
            yield name.strip().lower(), _number(value, number) if kind.lower() == "i" else value


def _number(text: str, line: int) -> int:
    if not _WHOLE.fullmatch(text):
        raise NotAnRdpFile(f"line {line}: {text[:20]!r} is no whole number")
    return int(text)
