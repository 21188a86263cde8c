"""Unicode normal forms NFC and NFD in linear time.

`unicodedata.normalize` sorts the marks after a letter by insertion, in quadratic time. Hostile text may have a million
marks, so long runs are sorted here first. The result is the same: normalisation orders marks of different classes, and
the sort keeps the order within a class.
"""

import re
import unicodedata
from functools import cache
from typing import Final, Literal

from dataset_tools.arabic.letters import char_class

__all__ = ["nfc", "nfd"]

_LONG: Final = 64  # consecutive marks: more than in any real text
_MARKS_END: Final = 0x1F000  # no mark that normalisation moves is beyond this code point


def nfc(text: str) -> str:
    """Return `text` composed (NFC)."""
    return _normal("NFC", text)


def nfd(text: str) -> str:
    """Return `text` decomposed (NFD)."""
    return _normal("NFD", text)


def _normal(form: Literal["NFC", "NFD"], text: str) -> str:
    if len(text) > _LONG and not unicodedata.is_normalized(form, text):
        text = _long_runs().sub(lambda match: _in_order(match[0]), text)
    return unicodedata.normalize(form, text)


@cache
def _long_runs() -> re.Pattern[str]:
    """Return a pattern for long runs of marks, including characters that decompose to marks (U+0F73)."""
    decomposed = ((chr(code), unicodedata.normalize("NFD", chr(code))) for code in range(_MARKS_END))
    return re.compile(
        f"[{char_class(char for char, parts in decomposed if unicodedata.combining(parts[0]))}]{{{_LONG},}}"
    )


def _in_order(marks: str) -> str:
    """Return a run of marks decomposed and in canonical order."""
    return "".join(sorted("".join(unicodedata.normalize("NFD", mark) for mark in marks), key=unicodedata.combining))
