# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the probe, for the library and for the module.

FOR INTERNAL COLLECTION USE ONLY.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.errors import ProbeOptionError

#: Each stage needs those before it; `native` goes on from `x224`.
STAGES = ("name", "tcp", "x224", "tls", "ntlm", "native")
DEFAULT_STAGES = ("name", "tcp", "x224", "tls", "ntlm")
_NEEDS: dict[str, tuple[str, ...]] = {
    "name": (),
    "tcp": ("name",),
    "x224": ("name", "tcp"),
    "tls": ("name", "tcp", "x224"),
    "ntlm": ("name", "tcp", "x224", "tls"),
    "native": ("name", "tcp", "x224"),
}

#: The options of the module `probe_info`.
ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    "host": {"type": "str"},
    "port": {"type": "int", "default": 3389},
    "timeout": {"type": "float", "default": 5.0},
    "samples": {"type": "int", "default": 0},
    "udp": {"type": "bool", "default": False},
    "stages": {"type": "list", "elements": "str", "choices": list(STAGES), "default": list(DEFAULT_STAGES)},
}


@dataclasses.dataclass(frozen=True)
class ProbeOptions:
    """What to probe, and how.

    Attributes:
        host: Name or literal address.
        port: TCP port, and UDP port with `udp`.
        timeout: Seconds that a stage may take on one connection, more than 0 and at most 300.
        samples: How many further TCP connects measure loss and latency, 0 to 100.
        udp: Whether to try UDP transport.
        stages: Which stages to run; those that they need run too.
        pause: Seconds between connections, 0 to 60; the host counts them as incomplete connections.
    """

    host: str
    port: int = 3389
    timeout: float = 5.0
    samples: int = 0
    udp: bool = False
    stages: tuple[str, ...] = DEFAULT_STAGES
    pause: float = 0.2

    def __post_init__(self) -> None:
        """Check the ranges; raises ProbeOptionError."""
        rules = (
            ("host", 1 <= len(self.host) <= 255 and self.host.isprintable(), "1 to 255 printable characters"),
            ("port", 1 <= self.port <= 65535, "1 to 65535"),
            ("timeout", 0 < self.timeout <= 300, "more than 0 and at most 300 seconds"),
            ("samples", 0 <= self.samples <= 100, "0 to 100"),
            ("pause", 0 <= self.pause <= 60, "0 to 60 seconds"),
            ("stages", bool(self.stages) and set(self.stages) <= set(STAGES), "one or more of " + ", ".join(STAGES)),
        )
        for option, holds, allowed in rules:
            if not holds:
                raise ProbeOptionError(f"{option} must be {allowed}, not {getattr(self, option)!r}")

    def runs(self, stage: str) -> bool:
        """Whether this stage runs, asked for or needed by one that is."""
        return any(stage == asked or stage in _NEEDS[asked] for asked in self.stages)


def from_arguments(arguments: t.Mapping[str, t.Any]) -> ProbeOptions:
    """Form the options from validated module arguments, `host` included; raises ProbeOptionError."""
    return ProbeOptions(
        host=str(arguments["host"] or ""),
        port=arguments["port"],
        timeout=arguments["timeout"],
        samples=arguments["samples"],
        udp=arguments["udp"],
        stages=tuple(str(stage) for stage in arguments["stages"]),
    )
