# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write the files that the guides show, so that linters can read them.

A code block that has a caption is a whole file, and the caption is its name.
``python -m scripts.doc_files DIRECTORY`` writes those of each guide below a directory of the guide's name.
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

GUIDES = Path(__file__).resolve().parent.parent / "docs" / "docsite" / "rst"

BLOCK = re.compile(
    r"^\.\. code-block:: [\w+]+\n    :caption: (?P<name>\S+)\n\n(?P<body>(?:(?: {4}.*)?\n)+)", re.MULTILINE
)
"""A code block at the margin, to the first line that is not indented."""


def files_of(text: str) -> Iterator[tuple[str, str]]:
    """The name and the content of each file that a guide shows."""
    for block in BLOCK.finditer(text):
        yield block["name"], textwrap.dedent(block["body"]).strip("\n") + "\n"


def write_files(directory: Path) -> list[Path]:
    """Write the files of all guides; they begin as YAML files of ours do. Returns their paths."""
    written = []
    for guide in sorted(GUIDES.glob("*.rst")):
        for name, content in files_of(guide.read_text(encoding="utf-8")):
            path = directory / guide.stem / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"---\n{content}", encoding="utf-8")
            written.append(path)
    return written


if __name__ == "__main__":
    write_files(Path(sys.argv[1]))
