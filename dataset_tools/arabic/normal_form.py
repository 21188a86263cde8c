"""Unicode's canonical normal forms (NFC and NFD), in linear time for any text.

`unicodedata.normalize` sorts the marks after a letter by insertion, which takes quadratic time.  Letters have a few
marks; a hostile text has a million.  Such runs are sorted here first.  That changes no result: the order of marks of
different classes is what normalisation fixes, and marks of one class keep theirs.
"""

import re
import unicodedata
from functools import cache
from typing import Final, Literal

from dataset_tools.arabic.letters import char_class

__all__ = ["nfc", "nfd"]

_LONG: Final = 64  # marks in a row: more than any writing has, few enough for any sort
_MARKS_END: Final = 0x1F000  # no character from here on is a mark that normalisation moves


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
    """Return the pattern of long runs of marks; some marks are letters by class, and decompose to others (U+0F73)."""
    decomposed = ((chr(code), unicodedata.normalize("NFD", chr(code))) for code in range(_MARKS_END))
    return re.compile(
        f"[{char_class(char for char, parts in decomposed if unicodedata.combining(parts[0]))}]{{{_LONG},}}"
    )


def _in_order(marks: str) -> str:
    """Return a run of marks decomposed and in canonical order."""
    return "".join(sorted("".join(unicodedata.normalize("NFD", mark) for mark in marks), key=unicodedata.combining))
