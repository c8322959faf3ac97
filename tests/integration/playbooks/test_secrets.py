# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""No secret is in anything that a run leaves: output at the highest verbosity, logs, reports, scratch files, hosts."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from tests.running import RunningFleet, running_fleet
from tests.simulator.fleet import HTTP_PORT
from tests.support.authentication import SERVICE
from tests.support.kdc import REALM, missing, running_kdc
from tests.support.secrets import leaks, leaks_below

PASSWORD = 'Fl33t "Pass" & w0rd/+%'
SECRETS = {
    "password": PASSWORD,
    "wrong password": "Wr0ng-Pass/w0rd+",
    "proxy password": "Pr0xy-Pass w0rd",
    "what a host keeps": "Aut0-Log0n/Secret",
}
AUTOLOGON = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon"

BROKEN = shlex.split("""
    --hosts 5 --max-seconds 600 --version host001=2022 --version host002=2019
    --break host001=rdp_denied+key_unreadable --break host002=rdp_denied
""")
REJECTED, NO_TICKET = "The host rejected the credentials", "Kerberos gave no ticket"


@dataclass(frozen=True)
class Way:
    """How a fleet is reached: options of the simulator, variables beside those of its inventory.

    Attributes:
        wrong: what is said of a wrong password.
    """

    options: tuple[str, ...]
    variables: Mapping[str, object] = field(default_factory=dict)
    wrong: str = REJECTED

    @property
    def kerberos(self) -> bool:
        return self.wrong == NO_TICKET


PRINCIPAL = {"ansible_user": f"Administrator@{REALM}", "ansible_port": HTTP_PORT}
WAYS = {
    "winrm-ntlm": Way(("--connection=winrm", "--auth=ntlm")),
    "psrp-basic": Way(("--connection=psrp", "--auth=basic", "--https")),
    "winrm-credssp": Way(("--connection=winrm", "--auth=credssp", "--https")),
    "psrp-credssp": Way(("--connection=psrp", "--auth=credssp")),
    "winrm-kerberos": Way(
        ("--connection=winrm", "--auth=every"),
        {
            **PRINCIPAL, "ansible_winrm_scheme": "http", "ansible_winrm_transport": "kerberos",
            "ansible_winrm_kerberos_hostname_override": SERVICE, "ansible_winrm_kinit_env_vars": ["KRB5_CONFIG"],
        },
        NO_TICKET,
    ),
    "psrp-kerberos": Way(
        ("--connection=psrp", "--auth=every"),
        {
            **PRINCIPAL, "ansible_psrp_protocol": "http", "ansible_psrp_auth": "kerberos",
            "ansible_psrp_negotiate_hostname_override": SERVICE,
        },
        NO_TICKET,
    ),
}  # fmt: skip

LEAKY = """
from ansible_collections.winfleet.rdp.plugins.plugin_utils._action import CONNECTION, RdpAction


class ActionModule(RdpAction):
    '''A mistake of ours, with a library that puts the password into its exceptions.'''

    spec = CONNECTION

    def rdp_work(self, host, options):
        password = self._connection.get_option("remote_password")
        try:
            raise ValueError(f"user:{password} as {password.encode().hex()}")
        except ValueError as error:
            raise RuntimeError(f"cannot go on with {password!r}") from error
"""

PLAYBOOK = """
- name: All that can be done with a host
  hosts: windows
  gather_facts: false
  tasks:
    - name: Diagnose
      winfleet.rdp.diagnosis_info:
        depth: full
      register: diagnosis
      ignore_unreachable: true
      ignore_errors: true
    - name: Look at all there is
      winfleet.rdp.host_info:
      ignore_unreachable: true
      ignore_errors: true
    - name: Repair
      winfleet.rdp.remediate:
      register: remediation
      ignore_unreachable: true
      ignore_errors: true
    - name: Report
      ansible.builtin.import_role:
        name: winfleet.rdp.rdp_report
      vars:
        rdp_report_variable: remediation
        rdp_report_dir: {directory}/report
        rdp_report_formats: [json, html, csv]
    - name: Weaken for a while
      winfleet.rdp.nla:
        state: "off"
        lease: 30m
      when: inventory_hostname == "host001"
    - name: Find out what the host does
      winfleet.rdp.selftest:
      when: inventory_hostname == "host001"
    - name: Undo
      winfleet.rdp.rollback:
        run: all
      when: inventory_hostname == "host001"
    - name: Make a mistake
      leaky:
      # Its error is what the test looks into; the play goes on.
      ignore_errors: true
      when: inventory_hostname == "host001"
"""

EXPECTED = (
    "The host refuses this account or address (HTTP 403)",
    "The answer is no acceptable XML",
    "No connection: Connection refused",
    "unexpected RuntimeError: cannot go on with",
    "Traceback (most recent call last)",
)
"""What must have happened in each run beside a wrong password, or it proves nothing: refusal, garbage, dead proxy,
mistake."""


CRASHED = "Unexpected Exception, this is probably a bug"
"""What ansible-playbook prints before the traceback when it ends by an exception of its own."""


@dataclass(frozen=True)
class Ground:
    """A fleet with secrets in it, the way to reach it, and the files of a playbook."""

    fleet: RunningFleet
    way: Way
    inventory: Path
    plugins: Path


@pytest.fixture(scope="module")
def ground(request, tmp_path_factory):
    folder, way = tmp_path_factory.mktemp("ground"), WAYS[request.param]
    (folder / "leaky.py").write_text(LEAKY, encoding="utf-8")
    with _realm(way, folder), running_fleet(folder, *BROKEN, *way.options, "--password", PASSWORD) as fleet:
        for host in fleet.hosts():
            value = SECRETS["what a host keeps"]
            fleet.tell(f"/hosts/{host}/command", line=f'reg add "{AUTOLOGON}" /v DefaultPassword /d {value} /f')
        fleet.tell("/hosts/host003/fault", name="http_403", count=10000)
        fleet.tell("/hosts/host004/fault", name="garble", count=10000)
        yield Ground(fleet, way, _with_strangers(fleet, way, folder), folder)


@contextmanager
def _realm(way: Way, folder: Path) -> Iterator[None]:
    """A KDC that knows the account and the hosts' service, where a ticket is to prove who we are."""
    if not way.kerberos:
        yield
        return
    if missing():
        pytest.skip(f"Kerberos needs {', '.join(missing())}, which .ci/run installs")
    place = folder / "realm"
    place.mkdir()
    with running_kdc(place) as kdc, pytest.MonkeyPatch.context() as patched:
        kdc.add_user("Administrator", PASSWORD)
        kdc.add_host(SERVICE)
        for name, value in kdc.environment.items():
            patched.setenv(name, value)
        yield


def _with_strangers(fleet: RunningFleet, way: Way, folder: Path) -> Path:
    content = yaml.safe_load(fleet.inventory.read_text(encoding="utf-8"))
    proxy = f"http://somebody:{SECRETS['proxy password'].replace(' ', '%20')}@127.0.0.1:9"
    hosts = content["windows"]["hosts"]
    content["windows"]["vars"].update(way.variables)
    hosts["host002"]["ansible_password"] = SECRETS["wrong password"]
    hosts["host005"] |= {"ansible_winrm_proxy": proxy, "ansible_psrp_proxy": proxy}
    path = folder / "inventory-with-secrets.yml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


@pytest.fixture
def place() -> Iterator[Path]:
    """Where the run writes all it writes, its home and scratch files included.

    Its path is short: ansible-core 2.21 listens on a Unix socket two folders below TMPDIR, whose path may have 107
    bytes (unix(7)). pytest's own folders under xdist are longer, and then the play ends with an unexpected exception,
    "Local RPC server did not start".
    """
    with tempfile.TemporaryDirectory(prefix="run-") as name:
        yield Path(name)


def _in_states(fleet: RunningFleet) -> dict[str, list[str]]:
    """The secrets that hosts hold or tell through the control port; simulated accounts are not part of it."""
    asked = ("state", "volatile", "counters")
    texts = {host: "".join(str(fleet.ask(f"/hosts/{host}/{what}")) for what in asked) for host in fleet.hosts()}
    return {host: leaks(text.encode(), SECRETS) for host, text in texts.items()}


@pytest.mark.parametrize(
    ("ground", "check"), [("winrm-ntlm", True), *((way, False) for way in WAYS)], indirect=["ground"]
)
def test_nothing_that_a_run_leaves_holds_a_secret(ground, run, place, tmp_path, check):
    playbook = tmp_path / "all.yml"
    playbook.write_text(PLAYBOOK.format(directory=place), encoding="utf-8")
    before = _in_states(ground.fleet)
    played = run(
        playbook,
        ground.inventory,
        "-vvvvv",
        "--diff",
        *(["--check"] if check else []),
        HOME=str(place),
        TMPDIR=str(place),
        ANSIBLE_HOME=str(place / "ansible"),
        ANSIBLE_DISPLAY_TRACEBACK="always",
        ANSIBLE_LOG_PATH=str(place / "ansible.log"),
        ANSIBLE_ACTION_PLUGINS=str(ground.plugins),
        ANSIBLE_CALLBACKS_ENABLED="ansible.builtin.tree,ansible.builtin.junit",
        ANSIBLE_CALLBACK_TREE_DIR=str(place / "results"),
        JUNIT_OUTPUT_DIR=str(place / "junit"),
    )
    # The whole output, since pytest shortens a compared text, and what a crashed Ansible says is in the middle of it.
    lacking = [said for said in (ground.way.wrong, *EXPECTED) if said not in played.output]
    assert not lacking, f"{lacking} not said; ansible-playbook ended with {played.code}:\n{played.output}"
    assert CRASHED not in played.output, f"ansible-playbook ended with {played.code}:\n{played.output}"
    assert {path.name for path in (place / "report").iterdir()} >= {"report.json", "report.html", "report.csv"}
    assert (place / "ansible.log").stat().st_size > 10000
    assert leaks(played.output.encode(), SECRETS) == []
    assert leaks_below(place, SECRETS) == []
    assert _in_states(ground.fleet) == before
    journaled = "winfleet.rdp" in str(ground.fleet.ask("/hosts/host001/state"))
    assert journaled is not check
