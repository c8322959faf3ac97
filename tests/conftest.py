# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lets ``ansible_collections.winfleet.rdp`` be imported and played, wherever the checkout lies.

pytest-ansible reads ``ANSIBLE_COLLECTIONS_PATH`` once this file has been loaded. ansible-test comes with a tree and
an environment of its own, which are left alone.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from hypothesis import settings

# The same examples in every CI run, so that a red one can be seen again; new ones whenever a person runs the tests.
# Neither has a deadline: two cores that do other work as well say nothing of our code.
settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("person", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "person")

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"


def use_live_view() -> None:
    """Make the live view, and point Ansible and this process at it; keep all that tests write inside build/."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        subprocess.run([sys.executable, str(ROOT / "scripts" / "live_view.py")], check=True)
    collections = str(BUILD / "collections")
    os.environ["ANSIBLE_COLLECTIONS_PATH"] = collections
    os.environ.setdefault("ANSIBLE_HOME", str(BUILD / "ansible"))
    # The machine's own Kerberos realm, if it has one, is none of the tests' business.
    os.environ["KRB5_CONFIG"] = os.devnull
    os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(BUILD / "hypothesis"))
    if collections not in sys.path:
        sys.path.insert(0, collections)


if "ANSIBLE_CONTROLLER_MIN_PYTHON_VERSION" not in os.environ:
    use_live_view()
