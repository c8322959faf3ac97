# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write the pages of the documentation that are made from the collection's own tables.

``make pages`` writes them; a test tells when they are not up to date.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from ansible_collections.winfleet.rdp.plugins.plugin_utils._diagnosis.causes import CAUSES
from ansible_collections.winfleet.rdp.plugins.plugin_utils._diagnosis.codes import (
    CODES,
    FAMILIES,
    Code,
    Family,
    Kind,
)

from scripts.live_view import ROOT

RST = ROOT / "docs" / "docsite" / "rst"

INTRODUCTION = """\
A code is a symptom. The filter :ansplugin:`winfleet.rdp.explain_code#filter` says of one what stands here, and the
module :ansplugin:`winfleet.rdp.diagnosis_info#module` finds the cause. Codes in italics have no public documentation;
what is said about them comes from reports of users.
"""

KINDS: Mapping[Kind, tuple[str, str]] = {
    "disconnect": ("Error codes", "What ``mstsc.exe`` calls error code, and event 1026 of the client its reason."),
    "extended": ("Extended error codes", "What the host sent, or what the client filled in."),
    "negotiation": ("Negotiation failures", "What a host answers to a request for a security protocol."),
    "status": ("Windows status codes", "Seen in event 4625, in ``TermDD`` 56 and in the texts of CredSSP."),
}


def error_codes() -> str:
    """The codes of clients, by kind and by the family that says what to look at."""
    return "\n".join((*page("error_codes", "Error codes of Remote Desktop clients"), *_codes_body()))


def _codes_body() -> Iterator[str]:
    yield INTRODUCTION
    for kind, (title, text) in KINDS.items():
        yield from ("", *heading(title, "-"), text, "")
        yield from table(("Code", "Decimal", "Name", "Meaning", "Class"), map(_code_row, CODES[kind].values()))
    yield from ("", *heading("Classes", "-"), "What to look at, the likeliest causes first.", "")
    yield from table(("Class", "Says", "Causes", "Evidence"), map(_family_row, FAMILIES, FAMILIES.values()))


def _code_row(code: Code) -> tuple[str, ...]:
    number = f"``0x{code.number:X}``" if code.documented else f"*0x{code.number:X}*"
    return number, str(code.number), f"``{code.name}``" if code.name else "", code.meaning, code.family


def _family_row(name: str, family: Family) -> tuple[str, ...]:
    causes = "; ".join(CAUSES[cause].title for cause in family.causes)
    return name, family.title, causes, "; ".join(family.gather)


# --- reStructuredText


def page(name: str, title: str) -> Iterator[str]:
    """How every page begins."""
    yield ".."
    # REUSE-IgnoreStart
    yield "  Copyright (c) 2026, winfleet.rdp contributors"
    yield "  GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)"
    yield "  SPDX-License-Identifier: GPL-3.0-or-later"
    # REUSE-IgnoreEnd
    yield ""
    yield "  Written by a command of the Makefile; do not edit."
    yield from ("", f".. _ansible_collections.winfleet.rdp.docsite.{name}:", "")
    yield from (*heading(title, "="), ".. contents::", "  :local:", "")


def heading(title: str, line: str) -> tuple[str, str, str]:
    """A title with its line and a blank one."""
    return title, line * len(title), ""


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """A list-table."""
    yield from (".. list-table::", "  :header-rows: 1", "")
    for row in (head, *rows):
        yield from (f"  {'* -' if index == 0 else '  -'} {cell}".rstrip() for index, cell in enumerate(row))


PAGES: Mapping[str, Callable[[], str]] = {"error_codes": error_codes}


def main() -> None:
    """Write every page."""
    for name, text in PAGES.items():
        (RST / f"{name}.rst").write_text(text() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
