# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One host: the views of it that readers and appliers share. PRIVATE to the collection."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cached_property

from ._cim import certificates, tcp, terminal_services
from ._cim import host as host_view
from ._cim.certificates import StoredCertificate
from ._cim.client import CimClient, Outcome
from ._cim.files import Files
from ._cim.firewall import Firewall
from ._cim.registry import Reading, Registry, RegistryValue
from ._cim.services import Service, ServiceError, Services
from ._cim.tasks import Tasks
from ._cim.tcp import PortUse
from ._guard import ensure_private
from ._model.settings import SETTINGS, Setting
from ._wsman.channel import Channel
from ._wsman.errors import InvalidNamespace
from ._wsman.quote import quoted_path
from ._wsman.shell import CmdShell

NO_SERVICE = 1060
"""ERROR_SERVICE_DOES_NOT_EXIST (Win32)."""


class Host:
    """The typed views of one host over one channel, and the few readings that more than one reader needs.

    What cannot change while a task runs is read once: identity, clock offset and machine id, the first two again after
    a reboot. So is the listener's port, which nobody but the task itself is taken to change while it runs. In check
    mode the host opens no shell. ``owes`` has the notes of what is due (see _owed.py), ``void_notes`` those that hold
    no longer. ``kept`` are the names of the keys that the collection kept on the host when that was first looked at,
    None before. ``announced`` is under which name this task writes, ``left_over`` has the names of runs that ended
    without a look at what they made live, and ``looked_at`` those of them that were looked at since (see _live.py).
    ``discreet`` says that no message may tell of the host's users who they are or where they sit, ``may_cut`` that they
    may be cut off by a service that is stopped.
    """

    def __init__(
        self,
        name: str,
        channel: Channel,
        uri_style: str = "wmi",
        *,
        check: bool = False,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = host_view.utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.sleep = sleep
        self.monotonic = monotonic
        self._now = now
        self._certificates: dict[tuple[str, str], StoredCertificate] = {}
        self.channel = channel
        self.cim = CimClient(channel.send, uri_style)
        self.registry = Registry(self.cim)
        self.services = Services(self.cim, monotonic, sleep)
        self.firewall = Firewall(self.cim)
        self.files = Files(self.cim)
        self.tasks = Tasks(self.cim, monotonic, sleep, self.now)
        self.shell = CmdShell(channel, forbidden=check)
        self.owes: dict[str, str] = {}
        self.void_notes: list[str] = []
        self.kept: tuple[str, ...] | None = None
        self.announced = ""
        self.left_over: list[str] = []
        self.looked_at: list[str] = []
        self.discreet = False
        self.may_cut = False
        self._private = False

    def close(self) -> None:
        """Give back what the host holds for us."""
        self.shell.close()

    @cached_property
    def identity(self) -> host_view.Identity:
        return host_view.identity(self.cim, self._now)

    @cached_property
    def revision(self) -> int | None:
        """The revision of the build, which updates raise."""
        return host_view.revision(self.cim)

    def vouched(self) -> bool:
        """Whether a domain or Entra ID vouches for the host's users, who then need no NTLM."""
        return self._vouched

    @cached_property
    def _vouched(self) -> bool:
        return host_view.vouched(self.cim)

    def now(self) -> datetime:
        """The host's clock, as far off ours as it was when the host was first asked, also after a reboot."""
        return self._now() + self._clock_offset

    def clock_ahead(self) -> int:
        """By how many seconds the host's clock is ahead of ours."""
        return round(self._clock_offset.total_seconds())

    @cached_property
    def _clock_offset(self) -> timedelta:
        return self.identity.clock_offset

    def machine_id(self) -> str:
        """MachineGuid and machine SID: clones of a disk share at most one of them after a proper generalisation."""
        return self._machine_id

    @cached_property
    def _machine_id(self) -> str:
        return f"{self.machine_guid or '-'}|{host_view.machine_sid(self.cim) or '-'}"

    def ensure_private(self) -> None:
        """See to it, once, that nobody else reaches what is kept on the host.

        Raises:
            Exposed: others could write there already.
        """
        if not self._private:
            ensure_private(self.registry)
            self._private = True

    def service(self, name: str) -> Service:
        """One service as it is now.

        Raises:
            ServiceError: there is none of this name.
        """
        found = self.services.list([name]).get(name)
        if found is None:
            raise ServiceError(name, "read", NO_SERVICE, "it does not exist on this host")
        return found

    def effective(self, setting_id: str) -> int | None:
        """The number that a setting has now, policy before local before the default."""
        setting = SETTINGS[setting_id]
        policy = ((setting.policy.key, setting.policy.name),) if setting.policy else ()
        for key, name in (*policy, (setting.key, setting.name)):
            reading = self.registry.read(key, name, setting.type)
            number = setting.number(reading.data) if isinstance(reading, RegistryValue) else None
            if number is not None:
                return number
        return setting.default

    @cached_property
    def machine_guid(self) -> str:
        """MachineGuid, the second half of the names of legacy key files; empty when it is not readable."""
        return host_view.machine_guid(self.cim) or ""

    def certificate(self, store: str, thumbprint: str) -> StoredCertificate | None:
        """A certificate of a store of the machine, None when it is not there.

        The thumbprint is the digest of what it names, so nothing else is ever found under it, and it is read once: its
        bytes are the largest answer of a repair.
        """
        found = self._certificates.get((store, thumbprint)) or certificates.read(self.registry, store, thumbprint)
        if found is not None:
            self._certificates[store, thumbprint] = found
        return found

    def has_certificate(self, thumbprint: str) -> bool:
        """Whether the machine's personal store has a certificate that can be read."""
        return bool(thumbprint) and self.certificate("MY", thumbprint) is not None

    @cached_property
    def windows(self) -> str:
        r"""The folder of Windows, such as C:\Windows, which is also taken for what is no path: it goes to cmd.exe."""
        try:
            quoted_path(self.identity.windows)
        except ValueError:
            return r"C:\Windows"
        return self.identity.windows

    def stored(self, setting: Setting) -> Reading:
        """What is stored locally for a setting, now; whether a string expands only where it is not the default."""
        if setting.id == "port":
            return self._port
        return self.registry.read(setting.key, setting.name, setting.type, setting.usual)

    @cached_property
    def _port(self) -> Reading:
        port = SETTINGS["port"]
        return self.registry.read(port.key, port.name, port.type)

    def forget_start(self) -> None:
        """Read when the host started, and what its clock says, when that is next asked for: it was rebooted.

        Windows takes its time from the machine's clock or the hypervisor when it starts, and sets it by the network.
        """
        self.__dict__.pop("identity", None)
        self.__dict__.pop("_clock_offset", None)

    def forget_port(self) -> None:
        """Read the listener's port again when it is next asked for: it was changed."""
        self.__dict__.pop("_port", None)

    def listener_port(self) -> int:
        """The port that the listener is set to; 3389 where it is set to what is no port."""
        data = self._port.data if isinstance(self._port, RegistryValue) else None
        return data if isinstance(data, int) and 0 < data < 65536 else 3389

    def port_use(self, port: int | None = None) -> PortUse:
        """Who listens on the listener's port, and how many are connected to it."""
        return tcp.port_use(self.cim, port or self.listener_port())

    def peers(self, process_id: int) -> Mapping[str, int]:
        """How many connections each remote address has to the listener, whose process this is."""
        return tcp.peers_of(self.cim, self.listener_port(), process_id)

    def set_by_wmi(self, setting: Setting, number: int) -> Outcome | None:
        """Set a setting by its WMI method; None where this edition or the setting has none.

        Raises:
            PolicyHeld: group policy holds it.
        """
        setter = _SETTERS.get(setting.id)
        try:
            return setter(self, number) if setter else None
        except InvalidNamespace:
            return None


def _allow(host: Host, deny: int) -> Outcome | None:
    settings = terminal_services.service_settings(host.cim)
    if settings is None:
        return None
    return terminal_services.set_allow_connections(host.cim, settings, not deny)


def _layer(host: Host, number: int) -> Outcome | None:
    return terminal_services.set_security_layer(host.cim, number)


def _encryption(host: Host, number: int) -> Outcome | None:
    return terminal_services.set_encryption_level(host.cim, number)


def _nla(host: Host, number: int) -> Outcome | None:
    return terminal_services.set_user_authentication(host.cim, bool(number))


_SETTERS: Mapping[str, Callable[[Host, int], Outcome | None]] = {
    "deny_connections": _allow,
    "security_layer": _layer,
    "encryption": _encryption,
    "nla": _nla,
}

SET_BY_WMI = frozenset(_SETTERS)
"""Ids of the settings that have a WMI method."""
