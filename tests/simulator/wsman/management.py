# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the service says about itself: Identify, its configuration, and class definitions as CIM-XML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Union

from lxml import etree
from lxml.etree import _Element as Element

from tests.simulator.wsman import faults, names, xml
from tests.simulator.wsman.calls import Reply
from tests.simulator.wsman.envelope import Request
from tests.simulator.wsman.fault_xml import WBEM_INVALID_CLASS, WBEM_INVALID_NAMESPACE
from tests.simulator.wsman.faults import fault
from tests.simulator.wsman.provider import CimError, HostPort
from tests.simulator.wsman.resource import DEFAULT_NAMESPACE, NAMESPACE_SELECTOR
from tests.simulator.wsman.schema import ClassSchema, MethodSchema, ParamSchema, PropertySchema, TypeRef

Tree = Mapping[str, Union[object, "Tree"]]

DEFAULTS: Mapping[str, object] = {
    "MaxEnvelopeSizekb": 500,
    "MaxTimeoutms": 60000,
    "MaxBatchItems": 32000,
    "MaxProviderRequests": 4294967295,
    "MaxConcurrentOperations": 4294967295,
    "MaxConcurrentOperationsPerUser": 1500,
    "EnumerationTimeoutms": 240000,
    "MaxConnections": 300,
    "MaxPacketRetrievalTimeSeconds": 120,
    "AllowUnencrypted": False,
    "Basic": False,
    "Kerberos": True,
    "Negotiate": True,
    "Certificate": False,
    "CredSSP": False,
    "CbtHardeningLevel": "Relaxed",
    "AllowRemoteAccess": True,
    "AllowRemoteShellAccess": True,
    "IdleTimeout": 7200000,
    "MaxConcurrentUsers": 2147483647,
    "MaxShellRunTime": 2147483647,
    "MaxProcessesPerShell": 2147483647,
    "MaxMemoryPerShellMB": 2147483647,
    "MaxShellsPerUser": 30,
    "RootSDDL": "O:NSG:BAD:P(A;;GA;;;BA)(A;;GR;;;IU)S:P(AU;FA;GA;;;WD)(AU;SA;GXGW;;;WD)",
}
_AUTH = ("Basic", "Kerberos", "Negotiate", "Certificate", "CredSSP")
_SERVICE = (
    "RootSDDL",
    "MaxConcurrentOperations",
    "MaxConcurrentOperationsPerUser",
    "EnumerationTimeoutms",
    "MaxConnections",
    "MaxPacketRetrievalTimeSeconds",
    "AllowUnencrypted",
)
_WINRS = (
    "AllowRemoteShellAccess",
    "IdleTimeout",
    "MaxConcurrentUsers",
    "MaxShellRunTime",
    "MaxProcessesPerShell",
    "MaxMemoryPerShellMB",
    "MaxShellsPerUser",
)
_PROFILE_PREFIX = "http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile"
_PROFILES = {
    "http/basic": "Basic",
    "https/basic": "Basic",
    "http/spnego-kerberos": "Negotiate",
    "https/spnego-kerberos": "Negotiate",
    "https/mutual": "Certificate",
}


def setting(host: HostPort, name: str) -> object:
    """One setting of the service; what the host leaves out has Windows' default."""
    return host.winrm_config().get(name, DEFAULTS[name])


def number(host: HostPort, name: str) -> int:
    """A setting that is a number."""
    value = setting(host, name)
    if not isinstance(value, int):
        raise TypeError(f"{name} is {value!r}, not a number")
    return value


def identify(host: HostPort, *, authenticated: bool, hide_version: bool) -> bytes:
    """The whole answer to Identify, which has no addressing headers (MS-WSMV 3.1.4.1.23)."""
    root = etree.Element(names.tag(names.SOAP, "Envelope"), nsmap={"s": names.SOAP})
    root.set(names.tag(names.XML, "lang"), "en-US")
    xml.add(root, names.tag(names.SOAP, "Header"))
    body = xml.add(root, names.tag(names.SOAP, "Body"))
    answer = etree.SubElement(body, names.tag(names.IDENTITY, "IdentifyResponse"), nsmap={"wsmid": names.IDENTITY})
    about = host.identify()
    xml.add(answer, names.tag(names.IDENTITY, "ProtocolVersion"), names.WSMAN)
    xml.add(answer, names.tag(names.IDENTITY, "ProductVendor"), about["ProductVendor"])
    version = "OS: 0.0.0 SP: 0.0 Stack: 3.0" if hide_version and not authenticated else about["ProductVersion"]
    xml.add(answer, names.tag(names.IDENTITY, "ProductVersion"), version)
    if authenticated:
        _security_profiles(answer, host)
    return xml.serialize(root)


def _security_profiles(answer: Element, host: HostPort) -> None:
    holder = xml.add(answer, names.tag(names.IDENTITY, "SecurityProfiles"))
    for end, method in _PROFILES.items():
        if setting(host, method):
            xml.add(holder, names.tag(names.IDENTITY, "SecurityProfileName"), f"{_PROFILE_PREFIX}/{end}")


def is_config(uri: str) -> bool:
    """Whether a URI names the service's configuration or a part of it."""
    return uri.lower() == names.CONFIG or uri.lower().startswith(f"{names.CONFIG}/")


def config(request: Request, host: HostPort) -> Reply:
    """The configuration, or the part that the URI names (``…/config/service/auth``)."""
    if request.action != names.GET:
        raise fault(faults.ACCESS_DENIED)
    name, tree = "Config", _config_tree(host)
    for part in request.resource_uri[len(names.CONFIG) :].strip("/").split("/"):
        name, tree = _step(name, tree, part)
    uri = request.resource_uri
    root = etree.Element(names.tag(uri, name), nsmap={"cfg": uri})
    _write_tree(root, uri, tree)
    return Reply(f"{names.GET}Response", [root])


def _step(name: str, tree: Tree, part: str) -> tuple[str, Tree]:
    if not part:
        return name, tree
    for key, value in tree.items():
        if key.lower() == part.lower() and isinstance(value, Mapping):
            return key, value
    raise fault(faults.NOT_FOUND)


def _config_tree(host: HostPort) -> Tree:
    def some(*wanted: str) -> dict[str, object]:
        return {name: setting(host, name) for name in wanted}

    ports = {"HTTP": 5985, "HTTPS": 5986}
    client_auth = {"Basic": True, "Digest": True, "Kerberos": True, "Negotiate": True, "Certificate": True}
    client = {"NetworkDelayms": 5000, "URLPrefix": "wsman", "AllowUnencrypted": False}
    return {
        **some("MaxEnvelopeSizekb", "MaxTimeoutms", "MaxBatchItems", "MaxProviderRequests"),
        "Client": {**client, "Auth": {**client_auth, "CredSSP": False}, "DefaultPorts": ports, "TrustedHosts": ""},
        "Service": {
            **some(*_SERVICE),
            "Auth": some(*_AUTH, "CbtHardeningLevel"),
            "DefaultPorts": ports,
            "IPv4Filter": "*",
            "IPv6Filter": "*",
            "EnableCompatibilityHttpListener": False,
            "EnableCompatibilityHttpsListener": False,
            "CertificateThumbprint": "",
            **some("AllowRemoteAccess"),
        },
        "Winrs": some(*_WINRS),
    }


def _write_tree(parent: Element, uri: str, tree: Tree) -> None:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            _write_tree(xml.add(parent, names.tag(uri, name)), uri, value)
        else:
            xml.add(parent, names.tag(uri, name), str(value).lower() if isinstance(value, bool) else str(value))


def class_definition(request: Request, host: HostPort) -> Reply:
    """The definition of the class that the selectors name (MS-WSMV 3.1.4.1.38)."""
    if request.action != names.GET:
        raise fault(faults.ACTION_NOT_SUPPORTED)
    namespace = str(request.selectors.get(NAMESPACE_SELECTOR, DEFAULT_NAMESPACE)).replace("\\", "/")
    if not host.schemas().has_namespace(namespace):
        raise CimError(WBEM_INVALID_NAMESPACE)
    schema = host.schemas().find(namespace, str(request.selectors.get("classname", "")))
    if schema is None:
        raise CimError(WBEM_INVALID_CLASS)
    return Reply(f"{names.GET}Response", [_class_element(schema)])


def _class_element(schema: ClassSchema) -> Element:
    root = etree.Element("CLASS", {"NAME": schema.name})
    if schema.superclass:
        root.set("SUPERCLASS", schema.superclass)
    for prop in sorted(schema.properties.values(), key=lambda item: item.name.lower()):
        _property_element(root, prop)
    for method in schema.methods.values():
        _method_element(root, method)
    return root


def _property_element(parent: Element, prop: PropertySchema) -> None:
    element = _typed(parent, "PROPERTY", prop.name, prop.type)
    for name, present in (("key", prop.key), ("read", True), ("write", prop.writable)):
        if present:
            _qualifier(element, name)


def _method_element(parent: Element, method: MethodSchema) -> None:
    element = xml.add(parent, "METHOD", None, {"NAME": method.name})
    if method.returns is not None:
        element.set("TYPE", method.returns.name)
    if method.static:
        _qualifier(element, "static")
    for direction, params in (("In", method.inputs), ("Out", method.outputs)):
        for param in params.values():
            _param_element(element, param, direction)


def _param_element(parent: Element, param: ParamSchema, direction: str) -> None:
    _qualifier(_typed(parent, "PARAMETER", param.name, param.type), direction)


def _typed(parent: Element, kind: str, name: str, type_: TypeRef) -> Element:
    if type_.name == "reference":
        tag, attributes = f"{kind}.REFERENCE", {"NAME": name, "REFERENCECLASS": type_.class_name}
    else:
        tag = f"{kind}.ARRAY" if type_.array else kind
        attributes = {"NAME": name, "TYPE": "string" if type_.name == "instance" else type_.name}
        if type_.name == "instance":
            attributes["EmbeddedObject"] = "instance"
    return xml.add(parent, tag, None, attributes)


def _qualifier(parent: Element, name: str) -> None:
    xml.add(xml.add(parent, "QUALIFIER", None, {"NAME": name, "TYPE": "boolean"}), "VALUE", "TRUE")
