# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The CIM operations, one method each, over any function that sends a message.

PRIVATE to the collection.
"""

from __future__ import annotations

import typing as t
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim import schema, wql
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.types import UINT32, CimClass, Method
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.values import (
    Instance,
    Scalar,
    Sendable,
    Value,
    plain,
    read_instance,
    read_properties,
    write_properties,
)
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman import envelope, uri, xml
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.enumeration import Enumeration, drain
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.envelope import (
    EndpointReference,
    Item,
    Option,
    Reply,
    Request,
    Selector,
)
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import (
    BadAnswer,
    NotFound,
    WsmanFault,
    during,
)
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.uri import Resource
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.xml import Markup, element

if t.TYPE_CHECKING:  # pragma: no cover
    from xml.etree.ElementTree import Element


MODIFIED = "wmiarray:__MIInstanceModifiedPropertiesList"
"""The option in which Windows' own client names the properties that a Put changes."""

INCOMPLETE = "InvalidRepresentation"
"""The subcode with which a Put is refused, before anything is changed, for what it lacks (WS-Transfer 3.2)."""


class Send(t.Protocol):
    """Sends one message and returns the answer; ``repeatable`` ones may be sent again on a lost connection."""

    def __call__(self, body: bytes, *, repeatable: bool) -> bytes:
        """Return the body of the answer."""


@dataclass(frozen=True)
class Outcome:
    """What a method returned. ``return_value`` is None where the provider sends none, which means success."""

    return_value: int | None
    out: Mapping[str, Value] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether the method says that it succeeded."""
        return not self.return_value


@dataclass(frozen=True)
class ServiceIdentity:
    """The answer to Identify: ``version`` is such as ``OS: 10.0.14393 SP: 0.0 Stack: 3.0``."""

    vendor: str
    version: str


class CimClient:
    """CIM operations on one host.

    Every operation raises WsmanError: TransportFailed, BadAnswer, or a WsmanFault subclass. A wrong method, property
    or type is a mistake in our code and raises ValueError before anything is sent. ``operations`` counts messages.
    """

    def __init__(self, send: Send, uri_style: str = "wmi", timeout: int = envelope.TIMEOUT) -> None:
        self._send = send
        self._style = uri_style
        self._timeout = timeout
        self.operations = 0

    # --- reading ---

    def get(self, cls: CimClass, **keys: Scalar) -> Instance:
        """Return the instance with these keys (a singleton has none); raise NotFound when there is none."""
        return read_instance(self._get_element(cls, keys), cls)

    def find(self, cls: CimClass, **keys: Scalar) -> Instance | None:
        """Return the instance with these keys, or None when there is none."""
        try:
            return self.get(cls, **keys)
        except NotFound:
            return None

    def query(
        self,
        cls: CimClass,
        where: str = "",
        select: Sequence[str] = ("*",),
        *,
        with_epr: bool = False,
        limit: int | None = None,
    ) -> list[Instance]:
        """Return the instances for which a condition of the ``wql`` module holds, at most ``limit``.

        ``with_epr`` adds to each the reference whose selectors name it in later operations. The enumeration is drained,
        or released where the limit ends it.
        """
        target = uri.resource(cls.namespace, "*", self._style)
        filter_ = envelope.wql_filter(wql.select(cls.name, where, select))
        wanted = Enumeration(target, filter_, with_epr, limit, self._timeout)
        items = self._enumerate(wanted, f"reading {cls.name}")
        return [read_instance(_object(item), cls, selected=select, epr=item.reference) for item in items]

    def associated(
        self, source: CimClass, keys: Mapping[str, Scalar], association: CimClass, role: str, result_role: str,
        result: CimClass,
    ) -> list[Instance]:  # fmt: skip
        """Return the ``result`` instances that an association ties to one of ``source``.

        ``role`` is the association's property for the source, ``result_role`` the one for the result.
        """
        origin = schema.resource_of(source, self._style)
        selectors = {**_namespace_selector(origin), **_selectors(source, keys)}
        reference = EndpointReference(origin.uri, selectors)
        filter_ = envelope.association_filter(reference, association.name, role, result_role)
        target = uri.resource(source.namespace, "*", self._style)
        wanted = Enumeration(target, filter_, timeout=self._timeout)
        items = self._enumerate(wanted, f"reading {association.name}")
        return [read_instance(_object(item), result) for item in items]

    def identify(self) -> ServiceIdentity:
        """Return what the WS-Management service says about itself."""
        return read_identity(self._exchange(envelope.build_identify(), "asking WinRM for its version", repeatable=True))

    # --- changing ---

    def invoke(
        self,
        cls: CimClass,
        method: str,
        args: Mapping[str, Sendable] | None = None,
        keys: Mapping[str, Scalar] | None = None,
        *,
        read_only: bool = False,
        about: str = "",
    ) -> Outcome:
        """Call a method: static without keys, of an instance with all of them, of a singleton without.

        ``about`` is what errors name besides the method, such as a path.

        A non-zero return value is a result, not an error. The call is never sent twice, unless it only reads.
        """
        described = _method(cls, method, keys)
        target = schema.resource_of(cls, self._style)
        parameters = write_properties(args or {}, described.params, "m", self._style)
        request = envelope.build_invoke(target, method, _selectors(cls, keys or {}), parameters, timeout=self._timeout)
        step = f"calling {cls.name}.{method}" + (f" for {about}" if about else "")
        output = self._exchange(request, step, repeatable=read_only or described.read_only).first
        if output is None:
            return Outcome(None)
        values = read_properties(output, {**described.out, "ReturnValue": UINT32})
        return_value = values.pop("ReturnValue", None)
        return Outcome(return_value if isinstance(return_value, int) else None, values)

    def put(
        self,
        cls: CimClass,
        keys: Mapping[str, Scalar],
        changes: Mapping[str, Sendable],
        current: Instance | None = None,
    ) -> Instance | None:
        """Change properties of an instance; return it as the host answers, or None when it answers without.

        Where the class takes it, only the changes are sent; otherwise the whole instance is changed and sent with the
        names of the changed properties, as Windows' own client does (recorded). It is read before, unless it has just
        been read as ``current``. UNSURE: whether every version takes
        part of an instance; one that complains of what is missing has changed nothing, and is sent the whole.
        """
        written = write_properties(changes, cls.properties, "m", self._style)
        if cls.partial_put:
            try:
                return self._put(cls, keys, written)
            except WsmanFault as fault:
                if fault.subcode != INCOMPLETE:
                    raise
        read = current.whole if current else None
        whole = Markup(_unchanged(self._get_element(cls, keys) if read is None else read, changes) + written)
        return self._put(cls, keys, whole, tuple(Option(MODIFIED, name, "xs:string") for name in changes))

    def _put(
        self, cls: CimClass, keys: Mapping[str, Scalar], written: Markup, options: Sequence[Option] = ()
    ) -> Instance | None:
        target = schema.resource_of(cls, self._style)
        body = element(f"m:{cls.name}", written, {"xmlns:m": target.uri})
        request = envelope.build_put(target, _selectors(cls, keys), body, options, timeout=self._timeout)
        first = self._exchange(request, f"changing {cls.name}", repeatable=False).first
        return None if first is None else read_instance(first, cls)

    def create(
        self, cls: CimClass, values: Mapping[str, Sendable], options: Sequence[Option] = ()
    ) -> Mapping[str, Selector]:
        """Create an instance; return its keys as selectors. Raise AlreadyExists when there is one."""
        target = schema.resource_of(cls, self._style)
        body = element(
            f"m:{cls.name}", write_properties(values, cls.properties, "m", self._style), {"xmlns:m": target.uri}
        )
        request = envelope.build_create(target, body, options, timeout=self._timeout)
        created = envelope.read_created(self._exchange(request, f"creating {cls.name}", repeatable=False))
        return keys_of(created)

    def delete(self, cls: CimClass, **keys: Scalar) -> None:
        """Delete the instance with these keys; raise NotFound when there is none."""
        target = schema.resource_of(cls, self._style)
        request = envelope.build_delete(target, _selectors(cls, keys), timeout=self._timeout)
        self._exchange(request, f"deleting {cls.name}", repeatable=False)

    # --- the wire ---

    def _exchange(self, request: Request, step: str, *, repeatable: bool) -> Reply:
        self.operations += 1
        with during(step):
            return envelope.parse(self._send(request.body, repeatable=repeatable), request)

    def _get_element(self, cls: CimClass, keys: Mapping[str, Scalar]) -> Element:
        target = schema.resource_of(cls, self._style)
        request = envelope.build_get(target, _selectors(cls, keys), timeout=self._timeout)
        first = self._exchange(request, f"reading {cls.name}", repeatable=True).first
        if first is None:
            raise BadAnswer(f"The answer to Get of {cls.name} holds no object")
        return first

    def _enumerate(self, wanted: Enumeration, step: str) -> list[Item]:
        return drain(lambda request, *, repeatable: self._exchange(request, step, repeatable=repeatable), wanted)


def read_identity(reply: Reply) -> ServiceIdentity:
    """Return what an answer to Identify says; raise BadAnswer for what is none (DSP0226 11)."""
    first = reply.first
    if first is None or xml.local(first) != "IdentifyResponse":
        raise BadAnswer("The service does not answer Identify as WS-Management demands")
    vendor, version = (xml.text(xml.child(first, name)) for name in ("ProductVendor", "ProductVersion"))
    return ServiceIdentity(vendor, version)


def keys_of(reference: EndpointReference) -> dict[str, Selector]:
    """Return the keys in a reference, without the namespace that Windows adds to them."""
    return {name: value for name, value in reference.selectors.items() if name != uri.NAMESPACE_SELECTOR}


def _method(cls: CimClass, method: str, keys: Mapping[str, Scalar] | None) -> Method:
    """Return the method's table; raise ValueError when the call does not fit it."""
    described = cls.methods.get(method)
    if described is None:
        raise ValueError(f"{cls.name} has no method {method}")
    needed = () if described.static else cls.keys
    if missing := set(needed) - set(keys or {}):
        raise ValueError(f"{cls.name}.{method} needs the keys {', '.join(sorted(missing))}")
    return described


def _selectors(cls: CimClass, keys: Mapping[str, Scalar]) -> dict[str, Selector]:
    """Return keys as selectors; what a reference brought is text already."""
    return {name: _selector(cls, name, value) for name, value in keys.items()}


def _selector(cls: CimClass, name: str, value: Scalar) -> Selector:
    if isinstance(value, (str, EndpointReference)):
        return value
    if name not in cls.properties:
        raise ValueError(f"{cls.name} has no property {name}")
    return plain(value, cls.properties[name])


def _namespace_selector(target: Resource) -> dict[str, Selector]:
    return {uri.NAMESPACE_SELECTOR: target.namespace} if target.namespace else {}


def _object(item: Item) -> Element:
    if item.value is None:
        raise BadAnswer("An enumerated item holds no object")
    return item.value


def _unchanged(current: Element, changes: Mapping[str, Sendable]) -> Markup:
    """Return the instance's other properties as they came, whether the class's table knows them or not."""
    return xml.join(_copy(node) for node in current if xml.local(node) not in changes)


def _copy(node: Element) -> Markup:
    """Return an element with its namespace declared on it; of the attributes only xsi:nil matters to a provider."""
    attributes = {"xmlns:c": xml.namespace(node)} | ({"xsi:nil": "true"} if xml.is_nil(node) else {})
    inner = xml.join(_copy(part) for part in node) if len(node) else xml.escape(node.text or "")
    return element(f"c:{xml.local(node)}", inner, attributes)
