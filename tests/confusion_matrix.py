# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write the page with the confusion matrix: what is found for every planted cause, over all versions and pairs.

``make matrix-of-causes`` writes it from simulated hosts, in half an hour; ``python -m tests.confusion_matrix 20`` takes
every twentieth pair alone.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

from scripts.reference_pages import RST, heading, page, table
from tests.simulator.breakages import cause_of
from tests.support.matrix import (
    HINTS,
    KNOWN,
    OTHER_WAYS,
    PAIR_VERSION,
    TURNS_INTO,
    VERSIONS,
    Trial,
    pairs,
    trial,
)

NAME = "confusion_matrix"


def _single(planted: str) -> list[Trial]:
    return [trial((planted,), version) for version in VERSIONS]


def _pair(pair: tuple[str, str]) -> Trial:
    return trial(pair, PAIR_VERSION)


def text(every: int) -> str:
    """The whole page, with one pair of so many."""
    possible = pairs()
    with ProcessPoolExecutor() as pool:
        alone = (*KNOWN, *OTHER_WAYS)
        singles = dict(zip(alone, pool.map(_single, alone), strict=True))
        hints = dict(zip(HINTS, pool.map(_single, HINTS), strict=True))
        both = list(pool.map(_pair, possible[::every], chunksize=8))
    return "\n".join(
        (*page(NAME, "Confusion matrix"), *_singles(singles), *_hints(hints), *_pairs(both, len(possible)))
    )


def _singles(rows: dict[str, list[Trial]]) -> Iterator[str]:
    yield f"Each cause was planted alone in a simulated host of each of {len(VERSIONS)} versions of Windows"
    yield f"({', '.join(VERSIONS)}). No real host has taken part. *Found* counts the versions on which it is the first"
    yield "direct finding; a number beside another cause says how often that one came first instead. Where a cause"
    yield "stands in brackets, what was planted is another way to it."
    yield from ("", *heading("One cause", "-"))
    yield from table(
        ("Planted", "Found", "Instead", "Also direct", "Verdict of the loop", "Beyond its remedies"),
        (_row(planted, trials) for planted, trials in rows.items()),
    )


def _hints(rows: dict[str, list[Trial]]) -> Iterator[str]:
    yield from ("", *heading("Hints", "-"))
    yield "These harm others than the host's own users, or say nothing for certain. They are listed in full depth, as"
    yield from ("contributing, and explain no failure. *Listed* counts the versions.", "")
    yield from table(
        ("Planted", "Listed", "Also direct", "Changes of the loop"),
        (_hint(planted, trials) for planted, trials in rows.items()),
    )


def _hint(planted: str, trials: list[Trial]) -> tuple[str, ...]:
    listed = sum((planted, "contributing") in {(f.id, f.relation) for f in tried.findings} for tried in trials)
    direct = {name for tried in trials for name in tried.found}
    changes = sum(len(tried.course.changes) for tried in trials)
    return f"``{planted}``", f"{listed} of {len(trials)}", ", ".join(sorted(direct)), str(changes)


def _row(planted: str, trials: list[Trial]) -> tuple[str, ...]:
    first = Counter(tried.found[0] if tried.found else "nothing" for tried in trials)
    also = {name for tried in trials for name in tried.found[1:]} - {cause_of(planted)}
    beyond = {name for tried in trials for name in tried.beyond}
    return (
        _named(planted),
        f"{first.pop(cause_of(planted), 0)} of {len(trials)}",
        _counted(first),
        ", ".join(sorted(also)),
        _counted(Counter(tried.course.verdict for tried in trials)),
        ", ".join(sorted(beyond)),
    )


def _named(planted: str) -> str:
    """The breakage, with the cause where it is another way to one."""
    cause = cause_of(planted)
    return f"``{planted}``" if cause == planted else f"``{planted}`` (``{cause}``)"


def _counted(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counter.most_common())


def _pairs(trials: list[Trial], possible: int) -> Iterator[str]:
    yield from ("", *heading("Two causes", "-"))
    taken = "All" if len(trials) == possible else f"Evenly taken, {len(trials)} of the"
    where = f"planted in hosts of version {PAIR_VERSION}"
    yield f"{taken} {possible} pairs of causes were {where}."
    yield "What is another way to a cause was tried alone, above. The remedies of hints do not count: nothing is"
    yield "changed for a hint. One of them is a direct cause where no handshake passes, under the name"
    yield from (f"``{TURNS_INTO['tls12_disabled']}``.", "")
    yield from table(
        ("What was measured", "Pairs"),
        (
            (
                "both causes are listed, or the one in front says that it hides more",
                _share(not t.missed for t in trials),
            ),
            ("both causes are listed at first", _share(not t.unlisted for t in trials)),
            ("no change outside the remedies of the two causes", _share(not t.beyond for t in trials)),
            ("the verdict is what a whole diagnosis afterwards shows", _share(t.honest for t in trials)),
        ),
    )
    yield from ("", "How the loop ended: " + _counted(Counter(t.course.verdict for t in trials)) + ".")
    wrong = [tried for tried in trials if tried.missed or tried.beyond or not tried.honest]
    if wrong:
        yield from ("", "Pairs that fell short:", "")
        yield from (f"* ``{' '.join(tried.planted)}``: missed {tried.missed}, beyond {tried.beyond}" for tried in wrong)


def _share(held: Iterator[bool]) -> str:
    outcomes = list(held)
    return f"{sum(outcomes)} of {len(outcomes)}"


if __name__ == "__main__":
    (RST / f"{NAME}.rst").write_text(text(int(sys.argv[1]) if sys.argv[1:] else 1) + "\n", encoding="utf-8")
