"""Comparison key that is equal for spellings of the same text, and names of spelling differences.

The key is never written into a dataset.
"""

import codecs
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from dataset_tools.arabic.letters import (
    ALEF_MAKSURA,
    ARABIC_INDIC_DIGITS,
    ASCII_DIGITS,
    BIDI_CONTROLS,
    EXTENDED_DIGITS,
    FARSI_YEH,
    KEHEH,
    MARKS,
    PRESENTATION_FORMS,
    TATWEEL,
    ZERO_WIDTH,
)
from dataset_tools.arabic.normal_form import nfc, nfd

Table = Mapping[int, str | None]

_PUNCTUATION_BLOCKS: Final = (
    range(0xC0),
    range(0x0600, 0x0700),
    range(0x2000, 0x2070),
    range(0x3000, 0x3040),
    range(0xFD3E, 0xFD40),
    range(0xFE10, 0xFE70),
    range(0xFF00, 0xFF70),
)


def _delete(chars: str) -> Table:
    """Return a table that deletes `chars`."""
    return dict.fromkeys(map(ord, chars))


def _punctuation() -> Table:
    """Return a table that replaces punctuation (not currency or mathematical signs) by spaces."""
    codes = (code for block in _PUNCTUATION_BLOCKS for code in block)
    return {code: " " for code in codes if unicodedata.category(chr(code))[0] == "P"}


TABLES: Final[dict[str, Table]] = {
    "presentation forms": PRESENTATION_FORMS,
    "invisible characters": _delete(BIDI_CONTROLS + ZERO_WIDTH),
    "tatweel": _delete(TATWEEL),
    "diacritics": _delete(MARKS),
    # Hamza carriers are interchanged (مسؤول, مسئول), so all become ء; on an alef the hamza is often omitted, so it is
    # dropped. ء alone is a letter and stays.
    "hamza": {ord(char): plain for char, plain in zip("أإآٱؤئ", "ااااءء", strict=True)},
    "yeh": {ord(ALEF_MAKSURA): "ي", ord(FARSI_YEH): "ي"},
    "kaf": {ord(KEHEH): "ك"},
    "teh marbuta": {ord("ة"): "ه"},
    "digits": {
        ord(digit): ASCII_DIGITS[value]
        for digits in (ARABIC_INDIC_DIGITS, EXTENDED_DIGITS)
        for value, digit in enumerate(digits)
    },
    "punctuation": _punctuation(),
}
"""The differences that the key ignores, by name: `str.translate` tables in order."""

_CASE: Final = "letter case"
_SPACES: Final = "spaces"
DIFFERENCES: Final = (*TABLES, _CASE, _SPACES)
"""All names that `same_but_for` may use."""

# The characters of most Arabic text, few enough for one byte each.
_ORDINARY: Final = (
    "".join(map(chr, (*range(0x0621, 0x063B), *range(0x0640, 0x0653), 0x0670)))
    + "،؛؟٪٫٬پچژگڤٱ«»–—…“”‘’\u00a0"
    + FARSI_YEH
    + KEHEH
    + ARABIC_INDIC_DIGITS
    + EXTENDED_DIGITS
    + ZERO_WIDTH
    + "\u200e\u200f"
)


def _merge(tables: Iterable[Table]) -> dict[int, str]:
    """Return one table with the effect of applying `tables` in order."""
    in_order = tuple(tables)
    merged: dict[int, str] = {}
    for code in set().union(*in_order):
        text = chr(code)
        for table in in_order:
            text = text.translate(table)
        merged[code] = text
    return merged


def _caseless(text: str) -> str:
    """Return `text` case-folded and composed, as the Unicode standard defines caseless matching."""
    return nfc(nfd(text).casefold())


def _compiled(table: Mapping[int, str]) -> Callable[[str], str]:
    """Return a function that removes case and applies `table`.

    `str.translate` takes 70 ns per Arabic character. An encoding with one byte per character takes a tenth of that,
    for text of ordinary characters; other text is translated.
    """
    ordinary = "".join(map(chr, range(128))) + _ORDINARY
    results = [table.get(ord(char), char.lower()) for char in ordinary]
    padding = "\ufffe" * (256 - len(ordinary))  # marks an unused byte for the codec
    to_byte = codecs.charmap_build(ordinary + padding)
    to_text = "".join(result or "\ufffe" for result in results) + padding
    deleted = bytes(byte for byte, result in enumerate(results) if not result)

    def apply(text: str) -> str:
        try:
            raw, _ = codecs.charmap_encode(text, "strict", to_byte)
        except UnicodeEncodeError:
            translated = _caseless(text).translate(table)
            return nfc(translated)
        return codecs.charmap_decode(raw.translate(None, deleted), "strict", to_text)[0]

    return apply


_TABLE: Final = _merge(TABLES.values())
_fold: Final = _compiled(_TABLE)
fold_letters: Final = _compiled({code: text for code, text in _TABLE.items() if code not in TABLES["punctuation"]})
"""Fold letters and digits of a text as `compare_key` does, but keep punctuation."""


def compare_key(text: str) -> str:
    """Return the key under which two spellings of the same text are equal.

    Ignores diacritics, tatweel, presentation forms, invisible characters, letter case, punctuation and repeated
    spaces; folds alefs, hamza carriers (ؤ ئ to ء), ى and ی to ي, ک to ك, ة to ه, and digits to ASCII. Differences of
    meaning stay, such as a word with and without ء.
    """
    return " ".join(_fold(text).split())


def _ignoring(names: Iterable[str], text: str) -> str:
    """Return `text` without the differences `names`."""
    chosen = tuple(names)
    text = _caseless(text) if _CASE in chosen else nfc(text)
    for name, table in TABLES.items():
        if name in chosen:
            text = text.translate(table)
    return " ".join(text.split()) if _SPACES in chosen else text


def same_but_for(first: str, second: str) -> str | None:
    """Return the names of the differences between two spellings, such as "hamza and yeh".

    None if they are equal or have different keys.
    """
    if first == second or compare_key(first) != compare_key(second):
        return None
    needed = [
        name
        for name in DIFFERENCES
        if _ignoring((other for other in DIFFERENCES if other != name), first)
        != _ignoring((other for other in DIFFERENCES if other != name), second)
    ]
    return " and ".join(needed) or "Unicode composition"
