"""Character tables of the Arabic script, and a fast test for text that a repair may change.

The tables list letters, marks, controls and spaces; `repair`, `folding` and `compare` use them.
"""

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

HARAKAT: Final = "\u064b\u064c\u064d\u064e\u064f\u0650\u0651\u0652"
"""Tanwin, short vowels, shadda and sukun."""

DIACRITICS: Final = HARAKAT + "\u0670"
"""The characters that `dediac_ar` of CAMeL Tools removes: harakat and superscript (dagger) alef."""

TATWEEL: Final = "\u0640"
ALEF_MAKSURA: Final = "\u0649"
FARSI_YEH: Final = "\u06cc"
KEHEH: Final = "\u06a9"
ZWNJ: Final = "\u200c"
ZWJ: Final = "\u200d"

BIDI_MARKS: Final = "\u061c\u200e\u200f"
"""Directional marks: invisible, but they prevent exact copying."""

BIDI_HIDERS: Final = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""Embeddings, overrides and isolates: they reorder displayed text, so they can hide content."""

BIDI_CONTROLS: Final = BIDI_MARKS + BIDI_HIDERS
ZERO_WIDTH: Final = "\u200b\u200c\u200d\u2060\ufeff\u00ad"
"""Zero-width space, non-joiner, joiner, word joiner, BOM and soft hyphen."""

EXOTIC_SPACES: Final = "\u00a0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u202f\u205f\u3000"

ARABIC_INDIC_DIGITS: Final = "٠١٢٣٤٥٦٧٨٩"
EXTENDED_DIGITS: Final = "۰۱۲۳۴۵۶۷۸۹"
ASCII_DIGITS: Final = "0123456789"

_ARABIC_BLOCKS: Final = (range(0x0600, 0x0700), range(0x0750, 0x0780), range(0x0870, 0x0900))


def _in_arabic_blocks(category: str) -> str:
    """Return the characters of one Unicode category, without presentation forms."""
    return "".join(
        chr(code) for block in _ARABIC_BLOCKS for code in block if unicodedata.category(chr(code)) == category
    )


LETTERS: Final = frozenset(_in_arabic_blocks("Lo"))
"""All letters of the Arabic script, including Persian, Urdu and others, without tatweel."""

MARKS: Final = _in_arabic_blocks("Mn")
"""All combining marks of the Arabic script: harakat, hamza and madda above, Quranic signs."""


def char_class(chars: Iterable[str]) -> str:
    """Return `chars` as ranges for a character class of a regular expression.

    Ranges compile many times faster than hundreds of single letters.
    """
    ranges: list[list[int]] = []
    for code in sorted(map(ord, chars)):
        if ranges and code == ranges[-1][1] + 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges)


LETTER_CLASS: Final = char_class(LETTERS)
"""The letters of the Arabic script, for a character class."""

MARK_CLASS: Final = char_class(MARKS)
"""The marks of the Arabic script, for a character class."""

ARABIC_LOOK_ALIKES: Final = {FARSI_YEH: "ي", KEHEH: "ك", "ڪ": "ك", "ۃ": "ة"}
"""Letters of other languages that replace exactly one Arabic letter in Arabic text."""

HEH_LOOK_ALIKES: Final = "ہھ"
"""Letters of Urdu that look like ه or ة; which one is meant is not certain."""

# Used in Arabic too: dialect sounds and foreign names, Maghrebi and Quranic spelling.
_SHARED: Final = frozenset("پچژگڤڨڥڭݣڢڧڜٱ\u066e\u066f").union(ARABIC_LOOK_ALIKES, HEH_LOOK_ALIKES)
_ARABIC: Final = frozenset(map(chr, (*range(0x0621, 0x063B), *range(0x0641, 0x064B))))
FOREIGN_LETTERS: Final = (LETTERS | frozenset("۽۾")) - _ARABIC - _SHARED
"""Letters that Arabic lacks, of Kurdish, Pashto, Urdu, Uyghur, Malay and others, and two word signs of Sindhi."""

FOREIGN_CLASS: Final = char_class(FOREIGN_LETTERS)
"""The letters that Arabic lacks, for a character class."""

_PERSIAN_WORDS: Final = (
    "است این که را برای می نمی یک چه خود کنید کنم کند شود شده بود هستم هست نیست چیست کجاست چگونه لطفا خواهم میخواهم"
)
PERSIAN_WORDS: Final = frozenset(_PERSIAN_WORDS.split())
"""Persian function words whose spelling does not occur in Arabic."""

_ARABIC_WORDS: Final = (
    "في من على إلى الى عن ما هل هذا هذه ذلك أن ان لا كم متى كيف أين وين ايش شو كان أو هو هي انا أنا "
    "لي لو مع بعد قبل كل بدي عايز ابغى أريد اريد ممكن يوم فی علی إلی الی هی لی متی بدی ابغی"
)
ARABIC_WORDS: Final = frozenset(_ARABIC_WORDS.split())
"""Frequent Arabic words; those that end in yeh also with Farsi yeh."""

# Decomposition tags of presentation forms: shapes of one letter or of joined letters.
_SHAPES: Final = frozenset({"<isolated>", "<initial>", "<medial>", "<final>"})
_ALLAH: Final = 0xFDF2
_WORD_LIGATURES: Final = range(0xFDF0, 0xFE00)


def _presentation_forms() -> dict[int, str]:
    """Derive the table from the Unicode decompositions.

    Not included are forms whose decomposition starts with a space or a tatweel (isolated marks), and the word ligatures
    U+FDF0-FDFD, which are symbols. U+FDF2 is included: text extracted from PDF has it wherever a font joined the four
    letters of the name, also within words, and CAMeL Tools maps it to the same letters.
    """
    table: dict[int, str] = {}
    for code in (*range(0xFB50, 0xFE00), *range(0xFE70, 0xFEFD)):
        tag, *parts = unicodedata.decomposition(chr(code)).split() or [""]
        if tag not in _SHAPES or (code in _WORD_LIGATURES and code != _ALLAH):
            continue
        text = "".join(chr(int(part, 16)) for part in parts)
        if text[0] in LETTERS and all(c in LETTERS or c in MARKS for c in text):
            table[code] = text
    return table


PRESENTATION_FORMS: Final = _presentation_forms()
"""Letters of each presentation form, as a `str.translate` table."""

# Characters that no rule changes in any context: letters of the Arabic keyboard, digits and punctuation. All others
# make `needs_look` scan twice.
PLAIN: Final = (
    "".join(chr(code) for code in range(128) if chr(code) not in "\\&%")
    + "".join(map(chr, (*range(0x0621, 0x063B), *range(0x0641, 0x064B))))
    + "،؛؟٪٫٬"
    + "پچژگڤ"
    + ARABIC_INDIC_DIGITS
)
"""The characters of almost all text."""
# Characters that no rule changes unless their order violates NFC; letters spelled in ASCII are tested separately.
_USUAL: Final = PLAIN + DIACRITICS + "\\&%" + EXTENDED_DIGITS + "–—‘’“”…•€"

# Single members instead of ranges make `re` compile a bitmap, which is twice as fast.
ODD: Final = re.compile(f"[^{re.escape(PLAIN)}]")
"""Matches every character that a default rule might change, and some more."""

_UNUSUAL: Final = re.compile(f"[^{re.escape(_USUAL)}]")
_SPELLED: Final = re.compile(r"\\[ux0-3]|&(?:amp;)*#|%(?:u0|[dDeE][0-9a-fA-F])|u06|U\+0[67]")


def is_arabic_letter(char: str) -> bool:
    """Return whether `char` is one letter of the Arabic script, not a presentation form."""
    return char in LETTERS


def needs_look(text: str) -> bool:
    """Return False only if no default repair rule can change `text`.

    Most text passes the first scan, for characters that are not plain. Vocalised text and typographic punctuation need
    a second scan and the NFC test.
    """
    if text.isascii():
        return _may_be_spelled(text)
    if ODD.search(text) is None:
        return "06" in text and _SPELLED.search(text) is not None
    return _UNUSUAL.search(text) is not None or _may_be_spelled(text) or not unicodedata.is_normalized("NFC", text)


def _may_be_spelled(text: str) -> bool:
    """Return whether a letter may be spelled in ASCII, such as `&#1575;`; see `escapes`."""
    # Four tests for single characters are faster than one search.
    return ("\\" in text or "&" in text or "%" in text or "06" in text) and _SPELLED.search(text) is not None
