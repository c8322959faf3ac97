# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who the machine is: names, addresses, SIDs, accounts."""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass, field

from tests.simulator.windows.security import ADMINISTRATORS, AUTHENTICATED_USERS, EVERYONE, USERS


@dataclass(frozen=True)
class Account:
    """A local account; ``groups`` are SIDs."""

    name: str
    sid: str
    password: str
    groups: frozenset[str]


@dataclass
class Machine:
    """Identity of one host. ``address`` is where it is reached, ``own_address`` what its network adapter says.

    ``local_accounts_denied`` is the user right SeDenyRemoteInteractiveLogonRight given to local accounts (S-1-5-113),
    ``ntlm_restricted`` that accounts may not log on by NTLM, as members of Protected Users. ``free_memory`` is what
    programs can still commit, in kilobytes.
    """

    name: str
    computer_name: str
    guid: str
    sid: str
    accounts: dict[str, Account]
    address: str = "127.0.0.1"
    own_address: str = "10.20.0.10"
    domain: str = ""
    network_category: int = 1
    certificates: dict[bytes, str] = field(default_factory=dict)
    local_accounts_denied: bool = False
    ntlm_restricted: bool = False
    free_memory: int = 6_000_000

    @property
    def dns_name(self) -> str:
        return f"{self.computer_name.lower()}.{self.domain}" if self.domain else self.computer_name

    def account(self, user: str) -> Account | None:
        """The account, written with or without the computer's name in front."""
        prefix, separator, name = user.rpartition("\\")
        if separator and prefix.lower() not in (self.computer_name.lower(), ".", "workgroup"):
            return None
        return self.accounts.get(name.lower())


def build_machine(name: str, seed: int, password: str) -> Machine:
    """A machine whose SIDs and GUID follow from its name and ``seed``."""
    rng = random.Random(f"{seed}/{name}")
    sid = "S-1-5-21-" + "-".join(str(rng.randrange(10**8, 2**32 - 1)) for _part in range(3))
    guid = str(uuid.UUID(int=rng.getrandbits(128), version=4))
    everyone = frozenset({EVERYONE, AUTHENTICATED_USERS, USERS, "S-1-5-2"})
    accounts = {
        "administrator": Account("Administrator", f"{sid}-500", password, everyone | {ADMINISTRATORS}),
        "ansible": Account("ansible", f"{sid}-1001", password, everyone | {ADMINISTRATORS}),
        "operator": Account("operator", f"{sid}-1002", password, everyone),
    }
    return Machine(name, name.upper(), guid, sid, accounts)
