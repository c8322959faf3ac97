# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes the picture of the report's page in the documentation (``make picture``), with Chromium."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from ansible_collections.winfleet.rdp.plugins.plugin_utils._report_page import to_html

from scripts.places import ROOT
from tests.support.chromium import find_chromium, running_chromium
from tests.support.reports import fleet

PICTURE = ROOT / "docs" / "report.png"
WIDTH, HEIGHT = 1280, 860
"""In pixels."""


def main() -> int:
    """Exit code 1 where there is no Chromium."""
    program = find_chromium()
    if not program:
        print("Chromium is not installed (Debian: apt-get install chromium)")
        return 1
    with tempfile.TemporaryDirectory() as place:
        PICTURE.write_bytes(picture(program, Path(place)))
    print(PICTURE.relative_to(ROOT))
    return 0


def picture(program: str, place: Path) -> bytes:
    """The page of a made-up fleet as PNG."""
    path = place / "report.html"
    path.write_text(to_html(fleet(69)), encoding="utf-8")
    with running_chromium(program, place / "profile") as browser:
        page = browser.page()
        page.resize(WIDTH, HEIGHT)
        page.open(path)
        page.run("document.documentElement.style.scrollbarWidth = 'none'")
        return page.picture()


if __name__ == "__main__":
    sys.exit(main())
