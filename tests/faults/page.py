# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The page of the documentation with what ``make faults`` has printed."""

from __future__ import annotations

from collections.abc import Iterable

from scripts.reference_pages import RST, page

PAGE = RST / "fault_grid.rst"
WIDEST = 320
"""Characters of a line."""

ABOUT = """\
What ``make faults`` printed when it was run last; below it, parts that were mended or are new since. Each task is run
on a simulated host once without a fault, in *n* operations, and then again for each of them and each kind of fault.
The columns are families of kinds, which the second list tells one by one; each has what passed of what was tried.
What has to hold after each fault, and what does not, is in :ref:`ansible_collections.winfleet.rdp.docsite.faults`. No
real host has taken part.

*Alike* are faults that become the same exception in the client, which looked at nothing by which they differ. One of
them was run in the place of all."""


def write(printed: Iterable[str]) -> None:
    """Put what was printed of the whole grid into the documentation, as it is."""
    PAGE.write_text(text(printed), encoding="utf-8")


def add(printed: Iterable[str]) -> None:
    """Put what was printed of a part of the grid below the rest, as it is."""
    PAGE.write_text(PAGE.read_text(encoding="utf-8") + "\n" + block(printed), encoding="utf-8")


def text(printed: Iterable[str]) -> str:
    """The whole page."""
    head = (*page("fault_grid", "Fault grid"), *ABOUT.splitlines(), "")
    return "\n".join(head) + "\n" + block(printed)


def block(printed: Iterable[str]) -> str:
    """Lines as they are, but for the ends of those that tell at length what was wrong."""
    lines = (f"  {line if len(line) <= WIDEST else f'{line[:WIDEST]}...'}".rstrip() for line in printed)
    return "\n".join((".. code-block:: text", "", *lines)) + "\n"
