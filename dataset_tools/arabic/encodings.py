"""Detection of encodings other than UTF-8, in bytes and in text that was decoded wrongly."""

import codecs
import re
from functools import lru_cache
from typing import Final

from dataset_tools.arabic.letters import LETTERS, PRESENTATION_FORMS

__all__ = [
    "guess_bytes_encoding",
    "has_word",
    "iso_read_as_latin",
    "latin_bytes",
    "plausible",
    "share_arabic",
    "undecodable",
]

LEAST_LETTERS: Final = 3
FEW_TEXTS: Final = 16  # cached results: the same texts of a row are asked for several times
LEAST_SHARE: Final = 0.9

_LATIN_1_SPECIALS: Final = {
    ord(bytes([byte]).decode("cp1252")): byte
    for byte in range(0x80, 0xA0)
    if byte not in (0x81, 0x8D, 0x8F, 0x90, 0x9D)  # undefined in cp1252
}
_COMMON: Final = frozenset("اليمنورتبة")
_WORD: Final = re.compile(r"[^\W\d_]+")
_ARTICLE: Final = re.compile("^[وفبك]?ال..")
_FUNCTION_WORDS: Final = frozenset(
    "في من على إلى عن ما هل هذا هذه التي الذي أن لا كم متى كيف أين أريد اريد مع أو هو هي".split()  # noqa: SIM905 - readable words
)
# Letters that only occur at the end of a word, before another letter: evidence of a wrong codec.
_MISPLACED: Final = re.compile("[ةى](?=[^\\W\\d_])")
_LEAST_SCORE: Final = 0.62
_FAIR_SCORE: Final = 0.5
_MARGIN: Final = 0.2
_LEAST_NAMED: Final = 5
_UNREPAIRED: Final = {"mac-arabic": "mac_arabic", "cp720": "cp720", "cp864": "cp864"}
_DETECTED: Final = {"windows-1256": "cp1256", **_UNREPAIRED}
_READERS: Final = ("cp437", "mac_roman")


def share_arabic(text: str) -> tuple[int, int]:
    """Return the number of letters in `text`, and of Arabic ones among them."""
    arabic = sum(char in LETTERS for char in text)
    return arabic + sum(char not in LETTERS and char.isalpha() for char in text), arabic


def latin_bytes(text: str) -> bytes | None:
    """Return the bytes that Latin-1 or cp1252 decode to `text`; None if there are none."""
    try:
        return text.translate(_LATIN_1_SPECIALS).encode("latin-1")
    except UnicodeEncodeError:
        return None


def plausible(text: str) -> float:
    """Return a score for Arabic: 0 for noise, above 0.6 for Arabic.

    It is based on the share of the ten most frequent letters, on words with the article or function words, and on
    final-only letters within words.
    """
    text = text.translate(PRESENTATION_FORMS)
    letters, arabic = share_arabic("".join(char for char in text if not char.isascii()))
    words = [word for word in _WORD.findall(text) if not word.isascii()]
    if arabic < max(1, LEAST_SHARE * letters):
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


def has_word(text: str) -> bool:
    """Return whether a word has three different Arabic letters; 12° 13° 14° yields one letter per word."""
    return any(len(LETTERS.intersection(word)) >= LEAST_LETTERS for word in _WORD.findall(text))


def _best_codec(raw: bytes, candidates: dict[str, str]) -> str | None:
    """Return the name of the codec whose text has the highest score for Arabic; None if all are low."""
    best, name = _LEAST_SCORE, None
    for label, codec in candidates.items():
        text = raw.decode(codec, "replace").translate(PRESENTATION_FORMS)
        score = plausible(text)
        if score > best and share_arabic(text)[1] >= _LEAST_NAMED and has_word(text):
            best, name = score, label
    return name


@lru_cache(FEW_TEXTS)
def iso_read_as_latin(text: str) -> str:
    """Undo ISO 8859-6 decoded as Latin-1, if nearly certain.

    Mac Arabic has the same letters and punctuation, so it is undone as well, unless other characters of it occur.
    """
    if not _may_be_misread(text):
        return text
    raw = latin_bytes(text)
    if raw is None:
        return text
    try:
        decoded = raw.decode("iso8859_6")
    except UnicodeDecodeError:
        return text
    return decoded if _best_codec(raw, _DETECTED) == "mac-arabic" or _much_better(decoded, raw) else text


def _much_better(decoded: str, raw: bytes) -> bool:
    """Return whether a text of some words is far more like Arabic than the same bytes in Windows-1256."""
    score = plausible(decoded)
    better = score > _FAIR_SCORE and score > plausible(raw.decode("cp1256")) + _MARGIN
    return better and share_arabic(decoded)[1] > 2 * _LEAST_NAMED and has_word(decoded)


def _may_be_misread(text: str) -> bool:
    """Return whether a text has no Arabic letter, and enough letters outside ASCII."""
    if text.isascii() or any(char in LETTERS for char in text):
        return False
    if sum(not char.isascii() for char in text) < _LEAST_NAMED:
        return False
    if sum(not char.isascii() and char.isalpha() for char in text) < LEAST_LETTERS:
        return False  # symbols, such as degrees or French quotes
    ascii_letters = sum(char.isascii() and char.isalpha() for char in text)
    return 2 * ascii_letters <= sum(not char.isascii() for char in text)  # else mostly Latin words with accents


@lru_cache(FEW_TEXTS)
def undecodable(text: str) -> str | None:
    """Return the codec of wrongly decoded text that is detected but not repaired; None for other text.

    Detects Mac Arabic (also ISO 8859-6, with the same letters), cp720 and cp864, decoded as Latin-1, cp1252, cp437 or
    Mac Roman, except what `iso_read_as_latin` undoes. Requires five Arabic letters, a word with three different ones,
    and three letters in `text`.
    """
    if not _may_be_misread(text) or iso_read_as_latin(text) != text:
        return None
    raws = [latin_bytes(text)]
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
        if half and (half.count(0) + half.count(6)) > LEAST_SHARE * len(half):
            return "utf-16"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError:
        return _best_codec(sample, _DETECTED)
    return None
