"""Repair of text decoded with the wrong codec (mojibake).

Repaired: UTF-8 decoded with a one-byte codec, Windows-1256 decoded as Latin-1 or Windows-1251, ISO 8859-6 decoded as
Latin-1; in the whole text, or in some words of it. `encodings` detects what is not repaired.
"""

import codecs
import re
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Final, NamedTuple

from dataset_tools.arabic.encodings import (
    FEW_TEXTS,
    LEAST_LETTERS,
    LEAST_SHARE,
    has_word,
    iso_read_as_latin,
    latin_bytes,
    plausible,
    share_arabic,
    undecodable,
)
from dataset_tools.arabic.letters import LETTERS, needs_look

__all__ = ["repair_mojibake"]

# ftfy can change only text with one of these: the lead byte of a UTF-8 sequence decoded as Latin, Greek, Cyrillic or
# box drawing. Tested first, because importing ftfy is slow.
_LATIN_LEAD: Final = re.compile("[\x80-\x9f\xa1-\xa9\xac\xae\xaf\xb1-\xba\xbc-\u052f\u221a\u2248\u2500-\u259f]")


class _Reader(NamedTuple):
    """A codec that UTF-8 was decoded with: its characters as bytes, and lead bytes D8-DB before bytes 80-BF."""

    to_byte: dict[int, int]
    pair: re.Pattern[str]


def _reader(codec: str) -> _Reader:
    # Browsers decode a byte that the codec does not define to a control character.
    chars = [bytes([byte]).decode(codec, "ignore") or chr(byte) for byte in range(256)]
    pair = f"[{''.join(chars[0xD8:0xDC])}][{re.escape(''.join(chars[0x80:0xC0]))}]"
    return _Reader({ord(char): byte for byte, char in enumerate(chars)}, re.compile(pair))


_READERS: Final = {codec: _reader(codec) for codec in ("cp1256", "cp1251", "iso8859_5", "koi8_r")}
_READ_AS_1256: Final = _READERS["cp1256"].pair
# These six letters are half of Arabic text; Scandinavian or Portuguese letters rarely become them.
_FREQUENT: Final = frozenset("اليمنو")
_LEAST_FREQUENT: Final = 0.25
_LATIN: Final = re.compile("[\xc0-\xff]")
_CYRILLIC: Final = re.compile("[\u0400-\u045f\u0490\u0491]")
_ASCII_LETTER: Final = re.compile("[A-Za-z]")
# Russian has no capital letter within a word; Arabic letters decoded as Russian have many.
_CAPITAL_INSIDE: Final = re.compile("[а-я][А-Я]")
_LEAST_CAPITALS: Final = 0.1
# Not the no-break space, which is a byte of UTF-8.
_BREAK: Final = re.compile("([ \t\r\n]+)")


def _from_utf8(text: str, codec: str) -> str | None:
    """Return UTF-8 text that was decoded with `codec`; None unless all of it is."""
    try:
        return codecs.charmap_encode(text, "strict", _READERS[codec].to_byte)[0].decode("utf-8")
    except UnicodeError:
        return None


def _utf8_read_as(text: str, codec: str) -> str:
    """Undo UTF-8 decoded with `codec`, if the whole text decodes strictly and is Arabic."""
    decoded = _from_utf8(text, codec) if _READERS[codec].pair.search(text) else None
    return text if decoded is None or share_arabic(decoded)[1] < LEAST_LETTERS else decoded


def _is_utf8_word(word: str, codec: str) -> bool:
    decoded = _from_utf8(word, codec) if _READERS[codec].pair.search(word) else None
    return decoded is not None and any(char in LETTERS for char in decoded)


def _is_1256(decoded: str) -> bool:
    """Return whether text decoded from Windows-1256 is Arabic: nearly all of its letters, and the frequent ones."""
    letters, arabic = share_arabic(decoded)
    different = len(LETTERS.intersection(decoded))
    frequent = sum(char in _FREQUENT for char in decoded)
    return (
        different >= LEAST_LETTERS  # áááá and ÇÇÇ are not Arabic
        and arabic >= LEAST_SHARE * letters
        and frequent >= _LEAST_FREQUENT * arabic
        # Damaged UTF-8 consists of such pairs; real words rarely contain one.
        and 4 * len(_READ_AS_1256.findall(decoded)) < arabic
    )


def _1256_read_as_latin(text: str) -> str:
    """Undo Windows-1256 decoded as Latin-1, if nearly all resulting letters are Arabic.

    `Café` is unchanged because ASCII letters stay Latin, a list of umlauts because the frequent letters of Arabic are
    missing, and UTF-8 because another step repairs it.
    """
    raw = latin_bytes(text)
    if raw is None or raw.isascii():
        return text
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        decoded = raw.decode("cp1256")
    else:
        return text
    # Mac Arabic has the same letters up to ف, then others, which would give wrong words.
    accepted = _is_1256(decoded) and plausible(decoded) >= plausible(raw.decode("mac_arabic"))
    return decoded if accepted else text


def _1256_read_as_cyrillic(text: str) -> str:
    """Undo Windows-1256 decoded as Windows-1251, if capital letters within words show that it is not Russian."""
    capitals = len(_CAPITAL_INSIDE.findall(text))
    if not capitals:
        return text
    try:
        decoded = codecs.charmap_encode(text, "strict", _READERS["cp1251"].to_byte)[0].decode("cp1256")
    except UnicodeError:
        return text
    return decoded if _is_1256(decoded) and capitals >= _LEAST_CAPITALS * share_arabic(decoded)[1] else text


def _utf8_read_as_latin(text: str) -> str:
    """Undo UTF-8 decoded as cp1252, Latin-1, cp437, Mac Roman or similar, by one step of ftfy."""
    if not _LATIN_LEAD.search(text) or undecodable(text) is not None:
        return text
    import ftfy

    # Lossy sequences would become U+FFFD, which hides the damage.
    fixed = ftfy.fix_encoding(text, replace_lossy_sequences=False)
    return text if "\x00" in fixed and "\x00" not in text else fixed


def _is_foreign_word(word: str, letter: re.Pattern[str]) -> bool:
    """Return whether a word has such letters, and no letter of ASCII or of the Arabic script."""
    return (
        letter.search(word) is not None and not _ASCII_LETTER.search(word) and not any(char in LETTERS for char in word)
    )


class _Step(NamedTuple):
    """One wrong decoding: how to undo it, and which words of a text may have it while others are sound."""

    undo: Callable[[str], str]
    may_have: Callable[[str], bool]
    found: re.Pattern[str]
    """Matches every text with such a word, and others."""


_UTF8_STEPS: Final = tuple(
    _Step(partial(_utf8_read_as, codec=codec), partial(_is_utf8_word, codec=codec), reader.pair)
    for codec, reader in _READERS.items()
)
_OTHER_STEPS: Final = (
    _Step(_1256_read_as_latin, partial(_is_foreign_word, letter=_LATIN), _LATIN),
    _Step(_1256_read_as_cyrillic, partial(_is_foreign_word, letter=_CYRILLIC), _CYRILLIC),
    _Step(iso_read_as_latin, partial(_is_foreign_word, letter=_LATIN), _LATIN),
)


def _in_some_words(text: str, step: _Step) -> str:
    """Undo a wrong decoding of some words, if together they pass its test and one is a word of three letters."""
    parts = _BREAK.split(text)
    places = [place for place in range(0, len(parts), 2) if step.may_have(parts[place])]
    if not places or len(places) == len(parts):
        return text
    damaged = " ".join(parts[place] for place in places)
    repaired = step.undo(damaged)
    words = repaired.split(" ")
    if repaired == damaged or len(words) != len(places) or not has_word(repaired):
        return text
    for place, word in zip(places, words, strict=True):
        parts[place] = word
    return "".join(parts)


def _one_layer(text: str) -> str:
    """Undo one wrong decoding of a text, or of some of its words."""
    utf8 = [step for step in _UTF8_STEPS if step.found.search(text)]
    others = [step for step in _OTHER_STEPS if step.found.search(text)]
    # What UTF-8 decodes to is certain, so words are tried before guesses about the whole text.
    in_words = [partial(_in_some_words, step=step) for step in utf8]
    in_other_words = [partial(_in_some_words, step=step) for step in others]
    whole = (step.undo for step in (*utf8, *others))
    attempts: tuple[Callable[[str], str], ...] = (*whole, *in_words, _utf8_read_as_latin, *in_other_words)
    for attempt in attempts:
        if (repaired := attempt(text)) != text:
            return repaired
    return text


@lru_cache(FEW_TEXTS)
def repair_mojibake(text: str) -> str:
    """Undo wrong decodings, layer by layer; ordinary text of any language is unchanged.

    This terminates: each layer turns two or more characters into one, or Latin or Cyrillic characters into Arabic ones,
    and no step does the reverse.
    """
    while needs_look(text) and (repaired := _one_layer(text)) != text:
        text = repaired
    return text
