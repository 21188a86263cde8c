"""Functions of the default repairs, and the patterns of the characters that they change."""

import re
from typing import Final

from dataset_tools.arabic.language import TOKEN, is_kept
from dataset_tools.arabic.letters import (
    ARABIC_LOOK_ALIKES,
    BIDI_CONTROLS,
    EXOTIC_SPACES,
    FARSI_YEH,
    LETTER_CLASS,
    MARK_CLASS,
    PRESENTATION_FORMS,
    TATWEEL,
    ZERO_WIDTH,
    ZWJ,
    ZWNJ,
    char_class,
)
from dataset_tools.arabic.normal_form import nfc
from dataset_tools.arabic.visual_order import in_logical_order, unproven_order

_EMOJI: Final = "\xa9\xae\u2190-\u21ff\u2300-\u23ff\u25a0-\u27bf\u2900-\u2bff\U0001f000-\U0001faff"
_EMOJI_END: Final = _EMOJI + "\u20e3\ufe0f\U000e0020-\U000e007f"

SHAPED: Final = re.compile(f"[{char_class(map(chr, PRESENTATION_FORMS))}]+")
# A tatweel before a mark is the seat of the mark (شَيْـًٔا); a single letter (هـ) has no letter after it. The possessive
# quantifiers keep the time linear.
_LOOSE: Final = f"{TATWEEL}(?![{MARK_CLASS}])"
STRETCHED: Final = re.compile(
    f"(?<=[{LETTER_CLASS}])(?:[{MARK_CLASS}]|{TATWEEL}(?=[{MARK_CLASS}]))*+"
    f"{_LOOSE}[{MARK_CLASS}{TATWEEL}]*+(?=[{LETTER_CLASS}])"
)
_LOOSE_TATWEEL: Final = re.compile(_LOOSE)
_LOOK_ALIKES: Final = "".join(ARABIC_LOOK_ALIKES)
FARSI: Final = re.compile(f"[{_LOOK_ALIKES}]")
BIDI: Final = re.compile(f"[{BIDI_CONTROLS}]+")
# A no-break or thin space may carry a mark.
SPACES: Final = re.compile(f"(?:[{EXOTIC_SPACES}](?![{MARK_CLASS}\u0300-\u036f]))+")
# Scripts of India and Sri Lanka use both joiners in spelling, after a sign or a letter: ශ්‍රී, क्‍ष.
_INDIC: Final = "\u0900-\u0dff"
_JOINER: Final = f"(?<![{_EMOJI_END}{_INDIC}]){ZWJ}|(?<![{_INDIC}]){ZWJ}(?![{_EMOJI}])"
_OTHERS: Final = f"[{ZERO_WIDTH.replace(ZWJ, '').replace(ZWNJ, '')}]|{_JOINER}"
ZERO_WIDTH_CHARACTER: Final = re.compile(f"{_OTHERS}|(?<![{_INDIC}]){ZWNJ}")
# In Persian and Urdu the non-joiner between two letters is part of the spelling; marks may follow the first.
_ZERO_WIDTH_BUT_ZWNJ: Final = re.compile(
    f"{_OTHERS}|(?<![{LETTER_CLASS}{MARK_CLASS}{_INDIC}]){ZWNJ}|(?<![{_INDIC}]){ZWNJ}(?![{LETTER_CLASS}])"
)
_FINAL_FARSI_YEH: Final = re.compile(f"(?<=[{LETTER_CLASS}]){FARSI_YEH}(?![{LETTER_CLASS}{MARK_CLASS}{TATWEEL}{ZWNJ}])")

_FARSI_TABLE: Final = str.maketrans(ARABIC_LOOK_ALIKES)
# The rules search before they replace, which is much faster than `translate` on Arabic text.
_ANY_ZERO_WIDTH: Final = re.compile(f"[{ZERO_WIDTH}]")


def compose(text: str) -> str:
    """Return `text` in NFC; not NFKC, which rewrites ½, m² and ﷺ."""
    return nfc(text)


def unshape(text: str) -> str:
    """Replace presentation forms by their letters; ﷼, ﷺ and isolated marks stay.

    Text in visual order is reversed, or stays if its logical order is not certain.
    """
    if SHAPED.search(text) is None or unproven_order(text):
        return text
    return SHAPED.sub(lambda match: match[0].translate(PRESENTATION_FORMS), in_logical_order(text))


def strip_tatweel(text: str) -> str:
    """Remove the tatweel between Arabic letters; `هـ` and a tatweel that carries a mark stay."""
    if TATWEEL not in text:
        return text
    return STRETCHED.sub(lambda match: _LOOSE_TATWEEL.sub("", match[0]), text)


def replace_farsi_letters(text: str, kept: frozenset[str] = frozenset()) -> str:
    """Replace ی ک ڪ ۃ by ي ك ك ة, except in a word of another language (see `is_kept`)."""
    if FARSI.search(text) is None:
        return text
    return TOKEN.sub(lambda word: word[0] if is_kept(word[0], kept) else word[0].translate(_FARSI_TABLE), text)


def remove_bidi_controls(text: str) -> str:
    """Remove directional marks, embeddings, overrides and isolates."""
    return BIDI.sub("", text)


def remove_zero_width(text: str, kept: frozenset[str] = frozenset()) -> str:
    """Remove zero-width characters and soft hyphens; joiners in an emoji or an Indic script stay.

    The non-joiner stays between the letters of a word of another language (see `is_kept`).
    """
    if _ANY_ZERO_WIDTH.search(text) is None:
        return text
    if ZWNJ in text and any(ZWNJ in word and is_kept(word, kept) for word in TOKEN.findall(text)):
        text = TOKEN.sub(lambda word: word[0] if is_kept(word[0], kept) else word[0].replace(ZWNJ, ""), text)
        return remove_zero_width_but_zwnj(text)
    return ZERO_WIDTH_CHARACTER.sub("", text)


def remove_zero_width_but_zwnj(text: str) -> str:
    """Do as `remove_zero_width`, but keep the non-joiner between two letters."""
    return _ZERO_WIDTH_BUT_ZWNJ.sub("", text) if _ANY_ZERO_WIDTH.search(text) else text


def replace_exotic_spaces(text: str) -> str:
    """Replace each no-break, wide or narrow space by U+0020, unless it carries a mark."""
    return SPACES.sub(lambda match: " " * len(match[0]), text)


def final_farsi_yeh(text: str, kept: frozenset[str] = frozenset()) -> bool:
    """Return whether an Arabic word ends in Farsi yeh, which may mean ى or ي."""
    if FARSI_YEH not in text or _FINAL_FARSI_YEH.search(text) is None:
        return False
    return any(_FINAL_FARSI_YEH.search(word) and not is_kept(word, kept) for word in TOKEN.findall(text))
