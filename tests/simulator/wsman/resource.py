# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Resource URIs of CIM classes, in the two styles that Windows takes (MS-WSMV 3.1.4.1.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tests.simulator.wsman import faults, names
from tests.simulator.wsman.envelope import EndpointReference, Request
from tests.simulator.wsman.faults import fault

NAMESPACE_SELECTOR = "__cimnamespace"
DEFAULT_NAMESPACE = "root/hardware"


@dataclass(frozen=True)
class Target:
    """A class, or ``*`` for a query, in a namespace with forward slashes; `uri` as the caller wrote it."""

    style: Literal["wmi", "dmtf"]
    namespace: str
    class_name: str
    uri: str

    def uri_of(self, class_name: str, namespace: str | None = None) -> str:
        """The URI of another class in the caller's style and spelling."""
        if self.style == "dmtf":
            return names.DMTF_PREFIX + class_name
        return f"{names.WMI_PREFIX}{namespace or self.namespace}/{class_name}"


def is_cim(uri: str) -> bool:
    """Whether a URI names a CIM class or a query on a namespace."""
    lower = uri.lower()
    return lower.startswith((names.WMI_PREFIX, names.DMTF_PREFIX)) or lower == names.DMTF_ALL


def target_of(request: Request) -> Target:
    """The target of a request. Raises a fault for a URI that is none, or a namespace said twice and differently."""
    selector = request.selectors.get(NAMESPACE_SELECTOR)
    if isinstance(selector, EndpointReference):
        raise fault(faults.SELECTOR_TYPE)
    return read_target(request.resource_uri, selector)


def read_target(uri: str, selector: str | None) -> Target:
    """The target of a URI and its ``__cimnamespace`` selector."""
    lower = uri.lower()
    if lower.startswith(names.WMI_PREFIX):
        return _wmi_target(uri, selector)
    namespace = DEFAULT_NAMESPACE if selector is None else selector.replace("\\", "/").strip("/")
    class_name = "*" if lower == names.DMTF_ALL else uri[len(names.DMTF_PREFIX) :]
    if not class_name or "/" in class_name:
        raise fault(faults.INVALID_RESOURCE_URI)
    return Target("dmtf", namespace, class_name, uri)


def _wmi_target(uri: str, selector: str | None) -> Target:
    namespace, separator, class_name = uri[len(names.WMI_PREFIX) :].rpartition("/")
    if not separator or not class_name or not namespace:
        raise fault(faults.INVALID_RESOURCE_URI)
    if selector is not None and selector.replace("\\", "/").lower() != namespace.lower():
        raise fault(faults.INVALID_CIM_NAMESPACE)
    return Target("wmi", namespace, class_name, uri)
