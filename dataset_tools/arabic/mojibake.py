"""Repair of text decoded with the wrong codec (mojibake), and detection of encodings other than UTF-8.

Repaired: UTF-8 decoded with a one-byte codec, and Windows-1256 decoded as Latin-1. Mac Arabic, cp720 and cp864 are only
detected, because short texts in them are ambiguous.
"""

import codecs
import re
from collections.abc import Callable
from typing import Final

from dataset_tools.arabic.letters import LETTERS, PRESENTATION_FORMS, needs_look

_LEAST_LETTERS: Final = 3
_LEAST_SHARE: Final = 0.9

# ftfy can change only text with one of these: the lead byte of a UTF-8 sequence decoded as Latin, Greek, Cyrillic or
# box drawing. Tested first, because importing ftfy is slow.
_LATIN_LEAD: Final = re.compile("[\x80-\x9f\xa1-\xa9\xac\xae\xaf\xb1-\xba\xbc-\u052f\u221a\u2248\u2500-\u259f]")
# Lead bytes D8-DB decoded as Windows-1256, then a continuation byte 80-BF.
_READ_AS_1256: Final = re.compile(
    "[طظعغ][€پ‚ƒ„…†‡ˆ‰ٹ‹Œچژڈگ‘’“”•–—ک™ڑ›œ\u200c\u200dں\u00a0،¢£¤¥¦§¨©ھ«¬\u00ad®¯°±²³´µ¶·¸¹؛»¼½¾؟]"
)
_LATIN_1_SPECIALS: Final = {
    ord(bytes([byte]).decode("cp1252")): byte
    for byte in range(0x80, 0xA0)
    if byte not in (0x81, 0x8D, 0x8F, 0x90, 0x9D)  # undefined in cp1252
}
# These six letters are half of Arabic text; Scandinavian or Portuguese letters rarely become them.
_FREQUENT: Final = frozenset("اليمنو")
_LEAST_FREQUENT: Final = 0.25


def _share_arabic(text: str) -> tuple[int, int]:
    """Return the number of letters in `text`, and of Arabic ones among them."""
    arabic = sum(char in LETTERS for char in text)
    return arabic + sum(char not in LETTERS and char.isalpha() for char in text), arabic


def _latin_bytes(text: str) -> bytes | None:
    """Return the bytes that Latin-1 or cp1252 decode to `text`; None if there are none."""
    try:
        return text.translate(_LATIN_1_SPECIALS).encode("latin-1")
    except UnicodeEncodeError:
        return None


def _utf8_read_as_1256(text: str) -> str:
    """Undo UTF-8 decoded as Windows-1256, if the whole text decodes strictly and is Arabic."""
    if not _READ_AS_1256.search(text):
        return text
    try:
        decoded = text.encode("cp1256").decode("utf-8")
    except UnicodeError:
        return text
    return decoded if _share_arabic(decoded)[1] >= _LEAST_LETTERS else text


def _1256_read_as_latin(text: str) -> str:
    """Undo Windows-1256 decoded as Latin-1, if nearly all resulting letters are Arabic.

    `Café` is unchanged because ASCII letters stay Latin, a list of umlauts because the frequent letters of Arabic are
    missing, and UTF-8 because another step repairs it.
    """
    raw = _latin_bytes(text)
    if raw is None or raw.isascii():
        return text
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        decoded = raw.decode("cp1256")
    else:
        return text
    letters, arabic = _share_arabic(decoded)
    different = len(LETTERS.intersection(decoded))
    frequent = sum(char in _FREQUENT for char in decoded)
    accepted = (
        different >= _LEAST_LETTERS  # áááá and ÇÇÇ are not Arabic
        and arabic >= _LEAST_SHARE * letters
        and frequent >= _LEAST_FREQUENT * arabic
        # Damaged UTF-8 consists of such pairs; real words rarely contain one.
        and 4 * len(_READ_AS_1256.findall(decoded)) < arabic
        # Mac Arabic has the same letters up to ف, then others, which would give wrong words.
        and _plausible(decoded) >= _plausible(raw.decode("mac_arabic"))
    )
    return decoded if accepted else text


def _utf8_read_as_latin(text: str) -> str:
    """Undo UTF-8 decoded as cp1252, Latin-1, cp437, Mac Roman or similar, by one step of ftfy."""
    if not _LATIN_LEAD.search(text) or undecodable(text) is not None:
        return text
    import ftfy

    # Lossy sequences would become U+FFFD, which hides the damage.
    fixed = ftfy.fix_encoding(text, replace_lossy_sequences=False)
    return text if "\x00" in fixed and "\x00" not in text else fixed


_STEPS: Final[tuple[Callable[[str], str], ...]] = (
    _utf8_read_as_1256,
    _1256_read_as_latin,
    _utf8_read_as_latin,
)


def repair_mojibake(text: str) -> str:
    """Undo wrong decodings, layer by layer; ordinary text of any language is unchanged.

    This terminates: each layer turns two or more characters into one, or Latin characters into Arabic ones, and no
    step does the reverse.
    """
    while needs_look(text):
        for step in _STEPS:
            repaired = step(text)
            if repaired != text:
                text = repaired
                break
        else:
            break
    return text


_COMMON: Final = frozenset("اليمنورتبة")
_WORD: Final = re.compile(r"[^\W\d_]+")
_ARTICLE: Final = re.compile("^[وفبك]?ال..")
_FUNCTION_WORDS: Final = frozenset(
    "في من على إلى عن ما هل هذا هذه التي الذي أن لا كم متى كيف أين أريد اريد مع أو هو هي".split()  # noqa: SIM905 - readable words
)
# Letters that only occur at the end of a word, before another letter: evidence of a wrong codec.
_MISPLACED: Final = re.compile("[ةى](?=[^\\W\\d_])")
_LEAST_SCORE: Final = 0.62
_LEAST_NAMED: Final = 5
_UNREPAIRED: Final = {"mac-arabic": "mac_arabic", "cp720": "cp720", "cp864": "cp864"}
_DETECTED: Final = {"windows-1256": "cp1256", **_UNREPAIRED}
_READERS: Final = ("cp437", "mac_roman")


def _plausible(text: str) -> float:
    """Return a score for Arabic: 0 for noise, above 0.6 for Arabic.

    It is based on the share of the ten most frequent letters, on words with the article or function words, and on
    final-only letters within words.
    """
    text = text.translate(PRESENTATION_FORMS)
    letters, arabic = _share_arabic("".join(char for char in text if not char.isascii()))
    words = [word for word in _WORD.findall(text) if not word.isascii()]
    if arabic < max(1, _LEAST_SHARE * letters):
        return 0.0
    common = sum(char in _COMMON for char in text) / arabic
    known = sum(bool(_ARTICLE.match(word)) or word in _FUNCTION_WORDS for word in words)
    symbols = sum(not char.isascii() and not char.isalnum() and char not in "،؛؟«»" for char in text)
    return (
        common
        + min(0.3, 0.5 * known / len(words))
        - 2 * len(_MISPLACED.findall(text)) / arabic
        - symbols / arabic
        - (0 if known else 0.1)
    )


def _has_word(text: str) -> bool:
    """Return whether a word has three different Arabic letters; 12° 13° 14° yields one letter per word."""
    return any(len(LETTERS.intersection(word)) >= _LEAST_LETTERS for word in _WORD.findall(text))


def _best_codec(raw: bytes, candidates: dict[str, str]) -> str | None:
    """Return the name of the codec whose text has the highest score for Arabic; None if all are low."""
    best, name = _LEAST_SCORE, None
    for label, codec in candidates.items():
        text = raw.decode(codec, "replace").translate(PRESENTATION_FORMS)
        score = _plausible(text)
        if score > best and _share_arabic(text)[1] >= _LEAST_NAMED and _has_word(text):
            best, name = score, label
    return name


def undecodable(text: str) -> str | None:
    """Return the codec of wrongly decoded text that is detected but not repaired; None for other text.

    Detects Mac Arabic (also ISO 8859-6, with the same letters), cp720 and cp864, decoded as Latin-1, cp1252, cp437 or
    Mac Roman. Requires five Arabic letters, a word with three different ones, and three letters in `text`.
    """
    if text.isascii() or any(char in LETTERS for char in text):
        return None
    if sum(not char.isascii() for char in text) < _LEAST_NAMED:
        return None
    if sum(not char.isascii() and char.isalpha() for char in text) < _LEAST_LETTERS:
        return None  # symbols, such as degrees or French quotes
    ascii_letters = sum(char.isascii() and char.isalpha() for char in text)
    if 2 * ascii_letters > sum(not char.isascii() for char in text):
        return None  # mostly Latin words with accents
    raws = [_latin_bytes(text)]
    for reader in _READERS:
        try:
            raws.append(text.encode(reader))
        except UnicodeEncodeError:
            continue
    names = (_best_codec(raw, _DETECTED) for raw in raws if raw is not None)
    return next((name for name in names if name in _UNREPAIRED), None)


def guess_bytes_encoding(raw: bytes) -> str | None:
    """Return the likely encoding of bytes that are not UTF-8, for an error message.

    The result is "utf-16", "windows-1256", "mac-arabic", "cp720" or "cp864"; None for UTF-8 and anything else. Only the
    first 64 KiB are read.
    """
    sample = raw[: 1 << 16]
    if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    for half in (sample[1::2], sample[::2]):
        # One byte of each pair is 00 for ASCII or 06 for Arabic.
        if half and (half.count(0) + half.count(6)) > _LEAST_SHARE * len(half):
            return "utf-16"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError:
        return _best_codec(sample, _DETECTED)
    return None
