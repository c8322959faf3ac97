# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Texts that Windows translates. Whoever relies on one of them breaks on the next host of the fleet."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import yaml

Area = Literal["firewall", "services", "commands", "events", "accounts"]


@lru_cache(maxsize=1)
def _texts() -> dict[str, dict[object, dict[str, str]]]:
    """All ``texts*.yml`` beside this file, laid together."""
    found: dict[str, dict[object, dict[str, str]]] = {}
    for path in sorted(Path(__file__).parent.glob("texts*.yml")):
        document: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        for area, texts in document.items():
            found.setdefault(area, {}).update(texts)
    return found


def translate(area: Area, key: object, language: str, *arguments: object) -> str:
    """The text of ``key`` in ``language``; the key itself when Windows has no resource for it."""
    texts = _texts()[area].get(key)
    return str(key) if texts is None else texts[language].format(*arguments)
