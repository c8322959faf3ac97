# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Show the working tree to Ansible as the installed collection winfleet.rdp.

``build/collections/ansible_collections/winfleet/rdp`` becomes a directory with one link for each visible entry of
the checkout. A link to the checkout itself would contain ``build/`` and thus itself. Harmless to run again, and at
the same time as another run.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VIEW = ROOT / "build" / "collections" / "ansible_collections" / "winfleet" / "rdp"


def make_live_view() -> None:
    """Link what is new in the checkout, and drop the links of what is gone."""
    VIEW.mkdir(parents=True, exist_ok=True)
    for entry in ROOT.iterdir():
        if entry.name != "build" and not entry.name.startswith("."):
            with contextlib.suppress(FileExistsError):
                (VIEW / entry.name).symlink_to(os.path.relpath(entry, VIEW))
    for link in VIEW.iterdir():
        if not link.exists():
            link.unlink(missing_ok=True)


if __name__ == "__main__":
    make_live_view()
