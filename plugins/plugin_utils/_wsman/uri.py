# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names of resources on the wire: the only place that forms a resource URI.

PRIVATE to the collection. Source: MS-WSMV 3.1.4.1.1 and recorded requests of Windows' own CIM cmdlets.
"""

from __future__ import annotations

from dataclasses import dataclass

WMI = "http://schemas.microsoft.com/wbem/wsman/1/wmi"
DMTF = "http://schemas.dmtf.org/wbem/wscim/1"
SHELL = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"
CMD = f"{SHELL}/cmd"

NAMESPACE_SELECTOR = "__cimnamespace"
STYLES = ("wmi", "dmtf")


@dataclass(frozen=True)
class Resource:
    """A class, or ``*`` for a query, in the form of one URI style.

    ``namespace`` is what goes into the selector ``__cimnamespace``; empty where the URI names the namespace, because
    Windows faults on both that differ.
    """

    uri: str
    namespace: str = ""


def resource(namespace: str, class_name: str, style: str) -> Resource:
    """Return the resource of a class (``*``: of queries) in a namespace such as ``root/cimv2``.

    Raise ValueError for a style that is not in STYLES.
    """
    if style not in STYLES:
        raise ValueError(f"uri_style is one of {', '.join(STYLES)}, not {style!r}")
    path = namespace.replace("\\", "/").strip("/")
    if style == "wmi":
        return Resource(f"{WMI}/{path}/{class_name}")
    return Resource(f"{DMTF}/*" if class_name == "*" else f"{DMTF}/cim-schema/2/{class_name}", path)
