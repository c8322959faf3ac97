# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Kerberos realm of its own on loopback: MIT's KDC (Debian: krb5-kdc, krb5-admin-server), all its files in a folder.

Nothing of the machine's own Kerberos is read or written: KRB5_CONFIG and KRB5_KDC_PROFILE name files of the folder.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

REALM = "WINFLEET.TEST"
PROGRAMS = ("krb5kdc", "kdb5_util", "kadmin.local", "kinit")
LIBRARIES = ("gssapi", "krb5", "kerberos")
SERVICES = ("HTTP", "WSMAN", "host")
"""What a ticket for WinRM is asked for: by pywinrm, by psrp until ansible-core 2.20, by psrp from 2.21 on.

In Active Directory a host's account answers to all of them.
"""

PATIENCE = 10.0
SEARCH = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"

KRB5_CONF = """
[libdefaults]
    default_realm = {realm}
    dns_lookup_kdc = false
    dns_lookup_realm = false
    dns_canonicalize_hostname = false
    rdns = false
    forwardable = true
    default_ccache_name = FILE:{folder}/ccache
[realms]
    {realm} = {{
        kdc = 127.0.0.1:{port}
    }}
"""

KDC_CONF = """
[kdcdefaults]
    kdc_listen = 127.0.0.1:{port}
    kdc_tcp_listen = 127.0.0.1:{port}
[realms]
    {realm} = {{
        database_name = {folder}/principal
        key_stash_file = {folder}/stash
        acl_file = {folder}/acl
    }}
[logging]
    kdc = FILE:{folder}/kdc.log
"""


class KdcFailed(Exception):
    """The KDC did not start; the message is its log."""


def missing() -> list[str]:
    """What is not installed of all that Kerberos takes: programs of Debian, libraries of requirements/kerberos.txt."""
    absent = [name for name in PROGRAMS if shutil.which(name, path=SEARCH) is None]
    return absent + [name for name in LIBRARIES if find_spec(name) is None]


@dataclass(frozen=True)
class Kdc:
    """A realm that runs. Clients and services find it by the variables in ``environment``."""

    folder: Path
    port: int

    @property
    def environment(self) -> Mapping[str, str]:
        return {
            "KRB5_CONFIG": str(self.folder / "krb5.conf"), "KRB5_KDC_PROFILE": str(self.folder / "kdc.conf"),
            "KRB5_KTNAME": f"FILE:{self.folder / 'keytab'}", "KRB5CCNAME": f"FILE:{self.folder / 'ccache'}",
        }  # fmt: skip

    def add_user(self, name: str, password: str) -> None:
        self._run("kadmin.local", "-r", REALM, "addprinc", "-pw", password, name)

    def add_host(self, host: str) -> None:
        """Make a host's principals with random keys, and put those into the keytab."""
        for name in (f"{service}/{host}" for service in SERVICES):
            self._run("kadmin.local", "-r", REALM, "addprinc", "-randkey", name)
            self._run("kadmin.local", "-r", REALM, "ktadd", "-k", str(self.folder / "keytab"), name)

    def create(self) -> None:
        for name, text in (("krb5.conf", KRB5_CONF), ("kdc.conf", KDC_CONF)):
            (self.folder / name).write_text(text.format(realm=REALM, folder=self.folder, port=self.port))
        self._run("kdb5_util", "-r", REALM, "-P", "a master key of no importance", "create", "-s")

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Run the KDC, and end it by its own process."""
        command = [self._program("krb5kdc"), "-n", "-r", REALM]
        with subprocess.Popen(command, env=self._settings(), stderr=subprocess.STDOUT, stdout=subprocess.PIPE) as kdc:
            try:
                self._await(kdc)
                yield
            finally:
                kdc.terminate()
                kdc.communicate(timeout=PATIENCE)

    def _await(self, kdc: subprocess.Popen[bytes]) -> None:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and kdc.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        log = self.folder / "kdc.log"
        raise KdcFailed(log.read_text() if log.exists() else "it left no log")

    def _run(self, program: str, *arguments: str) -> None:
        command: Sequence[str] = [self._program(program), *arguments]
        done = subprocess.run(command, env=self._settings(), capture_output=True, text=True, check=False)
        if done.returncode:
            raise KdcFailed(f"{program}: {done.stderr or done.stdout}")

    def _settings(self) -> dict[str, str]:
        return {**os.environ, **self.environment}

    @staticmethod
    def _program(name: str) -> str:
        return shutil.which(name, path=SEARCH) or name


@contextmanager
def running_kdc(folder: Path) -> Iterator[Kdc]:
    """A new realm without principals of ours.

    Raises:
        KdcFailed: it could not be made, or did not start.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    kdc = Kdc(folder, port)
    kdc.create()
    with kdc.serving():
        yield kdc
