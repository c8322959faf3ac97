# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hypothesis strategies that spoil good samples: what is almost right gets further into a parser than noise does."""

from __future__ import annotations

import typing as t
from collections.abc import Sequence

from hypothesis import strategies as st

Text = t.TypeVar("Text", str, bytes)

NUMBERS = ("0", "-1", "--1", "1_0", "9" * 5000, "0x", "0x" + "f" * 40, "\u0661", "1e999", "NaN", "4294967296", "\u00b2")
MARKUP = (
    "<",
    ">",
    "&",
    "&#0;",
    "&#x1b;",
    "]]>",
    "<a>",
    "</a>",
    "<!--",
    "<?",
    "<!DOCTYPE a>",
    '"',
    "'",
    "xsi:nil='true'",
)
MARKS = ("\0", "\r", "\n", "\ud800", "\ufeff", "|", "=", ":", ";", "(", ")", "S-1-5-", "0", "P", "T", "Z", "+99:99")
BYTES = tuple(bytes([value]) * count for value in (0, 1, 0x30, 0x7F, 0x80, 0x84, 0xFF) for count in (1, 2, 4))


def spoilt(samples: Sequence[Text], inserted: Sequence[Text]) -> st.SearchStrategy[Text]:
    """A sample with up to six spans of it replaced, by nothing, by itself twice, or by something that is inserted."""
    edits = st.lists(
        st.tuples(st.integers(0, 2**16), st.integers(0, 24), st.integers(0, 2), st.sampled_from(inserted)), max_size=6
    )
    return st.builds(_edited, st.sampled_from(samples), edits)


def _edited(sample: Text, edits: list[tuple[int, int, int, Text]]) -> Text:
    for where, length, times, new in edits:
        start = where % (len(sample) + 1)
        span = sample[start : start + length]
        sample = sample[:start] + span * times + (new if times == 0 else new[:0]) + sample[start + length :]
    return sample


def spoilt_text(*samples: str) -> st.SearchStrategy[str]:
    """Spoilt samples of text, now and then any text at all."""
    return st.one_of(spoilt(samples, (*NUMBERS, *MARKUP, *MARKS)), st.text(max_size=80))


def spoilt_bytes(*samples: bytes) -> st.SearchStrategy[bytes]:
    """Spoilt samples of bytes, now and then any bytes at all."""
    return st.one_of(spoilt(samples, BYTES), st.binary(max_size=80))
