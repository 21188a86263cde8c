"""Text decoded with the wrong codec, and bytes in a codec that is not UTF-8.

Repaired: UTF-8 read as a one-byte codec, and Windows-1256 read as Latin-1.  Mac Arabic, cp720 and
cp864 are named, never repaired: short texts in them cannot be told apart with certainty.
"""

import codecs
import re
from collections.abc import Callable
from typing import Final

from dataset_tools.arabic.letters import LETTERS, PRESENTATION_FORMS, needs_look

_LEAST_LETTERS: Final = 3
_LEAST_SHARE: Final = 0.9

# What ftfy can act on holds at least one of these: the lead byte of a UTF-8 sequence read as
# Latin, Greek, Cyrillic or box drawing.  Tested first because importing ftfy is slow.
_LATIN_LEAD: Final = re.compile("[\x80-\x9f\xa1-\xa9\xac\xae\xaf\xb1-\xba\xbc-\u052f\u221a\u2248\u2500-\u259f]")
# Lead bytes D8-DB, as Windows-1256 shows them, then a continuation byte 80-BF.
_READ_AS_1256: Final = re.compile(
    "[طظعغ][€پ‚ƒ„…†‡ˆ‰ٹ‹Œچژڈگ‘’“”•–—ک™ڑ›œ\u200c\u200dں\u00a0،¢£¤¥¦§¨©ھ«¬\u00ad®¯°±²³´µ¶·¸¹؛»¼½¾؟]"
)
_LATIN_1_SPECIALS: Final = {
    ord(bytes([byte]).decode("cp1252")): byte
    for byte in range(0x80, 0xA0)
    if byte not in (0x81, 0x8D, 0x8F, 0x90, 0x9D)  # undefined in cp1252
}
# Six letters make up half of Arabic text; Scandinavian or Portuguese letters seldom become them.
_FREQUENT: Final = frozenset("اليمنو")
_LEAST_FREQUENT: Final = 0.25


def _share_arabic(text: str) -> tuple[int, int]:
    """Return how many letters `text` has, and how many of them are Arabic."""
    arabic = sum(char in LETTERS for char in text)
    return arabic + sum(char not in LETTERS and char.isalpha() for char in text), arabic


def _latin_bytes(text: str) -> bytes | None:
    """Return the bytes that Latin-1 or cp1252 would have shown as `text`."""
    try:
        return text.translate(_LATIN_1_SPECIALS).encode("latin-1")
    except UnicodeEncodeError:
        return None


def _utf8_read_as_1256(text: str) -> str:
    """Undo UTF-8 read as Windows-1256: the whole string, strictly, and Arabic must come out."""
    if not _READ_AS_1256.search(text):
        return text
    try:
        decoded = text.encode("cp1256").decode("utf-8")
    except UnicodeError:
        return text
    return decoded if _share_arabic(decoded)[1] >= _LEAST_LETTERS else text


def _1256_read_as_latin(text: str) -> str:
    """Undo Windows-1256 read as Latin-1, if nearly every letter comes out Arabic.

    `Café` stays because ASCII letters stay Latin; a list of umlauts stays because it lacks the
    letters that Arabic cannot do without; UTF-8 stays because it has its own repair.
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
        different >= _LEAST_LETTERS  # áááá or ÇÇÇ, a letter or two over and over, is no Arabic
        and arabic >= _LEAST_SHARE * letters
        and frequent >= _LEAST_FREQUENT * arabic
        # Damaged UTF-8 decodes to such pairs throughout; real words hardly have one.
        and 4 * len(_READ_AS_1256.findall(decoded)) < arabic
        # Mac Arabic has the same letters up to ف, then others: it would come out as wrong words.
        and _plausible(decoded) >= _plausible(raw.decode("mac_arabic"))
    )
    return decoded if accepted else text


def _utf8_read_as_latin(text: str) -> str:
    """Undo UTF-8 read as cp1252, Latin-1, cp437, Mac Roman and their like: ftfy's one step."""
    if not _LATIN_LEAD.search(text) or undecodable(text) is not None:
        return text
    import ftfy

    # Lossy sequences would come out as U+FFFD: a guess that hides the damage.
    fixed = ftfy.fix_encoding(text, replace_lossy_sequences=False)
    return text if "\x00" in fixed and "\x00" not in text else fixed


_STEPS: Final[tuple[Callable[[str], str], ...]] = (
    _utf8_read_as_1256,
    _1256_read_as_latin,
    _utf8_read_as_latin,
)


def repair_mojibake(text: str) -> str:
    """Undo wrong decodings, layer by layer, until none is left.

    Ordinary text of any language is returned unchanged.  Ends because each layer undone turns two
    characters or more into one, or Latin characters into Arabic ones, and none does the reverse.
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
    "في من على إلى عن ما هل هذا هذه التي الذي أن لا كم متى كيف أين أريد اريد مع أو هو هي".split()  # noqa: SIM905 - as readable words
)
# Letters that only end a word, then another letter: a sign of the wrong codec.
_MISPLACED: Final = re.compile("[ةى](?=[^\\W\\d_])")
_LEAST_SCORE: Final = 0.62
_LEAST_NAMED: Final = 5
_UNREPAIRED: Final = {"mac-arabic": "mac_arabic", "cp720": "cp720", "cp864": "cp864"}
_DETECTED: Final = {"windows-1256": "cp1256", **_UNREPAIRED}
_READERS: Final = ("cp437", "mac_roman")


def _plausible(text: str) -> float:
    """Score how much `text` reads like Arabic: 0 is noise, above 0.6 is Arabic.

    Three signs: the share of the ten most frequent letters, words with the article or function
    words, and the absence of final-only letters within words.
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
    """Whether three different Arabic letters stand in one word: 12° 13° 14° gives a single letter in each."""
    return any(len(LETTERS.intersection(word)) >= _LEAST_LETTERS for word in _WORD.findall(text))


def _best_codec(raw: bytes, candidates: dict[str, str]) -> str | None:
    """Return the name of the codec under which `raw` reads most like Arabic, if any does."""
    best, name = _LEAST_SCORE, None
    for label, codec in candidates.items():
        text = raw.decode(codec, "replace").translate(PRESENTATION_FORMS)
        score = _plausible(text)
        if score > best and _share_arabic(text)[1] >= _LEAST_NAMED and _has_word(text):
            best, name = score, label
    return name


def undecodable(text: str) -> str | None:
    """Name the codec whose bytes `text` shows, if it is one that is detected but not repaired.

    Looks for Mac Arabic (also ISO 8859-6, which has the same letters), cp720 and cp864, read as
    Latin-1, cp1252, cp437 or Mac Roman.  Needs five letters or more, a word of three different
    ones, and three letters in what is shown; None for anything else.
    """
    if text.isascii() or any(char in LETTERS for char in text):
        return None
    if sum(not char.isascii() for char in text) < _LEAST_NAMED:
        return None
    if sum(not char.isascii() and char.isalpha() for char in text) < _LEAST_LETTERS:
        return None  # signs, such as the degrees of a forecast or French quotes with their spaces
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
    """Name the encoding of bytes that are not UTF-8, for an error message.

    Returns "utf-16", "windows-1256", "mac-arabic", "cp720", "cp864", or None where the bytes are
    UTF-8 after all or resemble none of them.  Reads the first 64 KiB only.
    """
    sample = raw[: 1 << 16]
    if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    for half in (sample[1::2], sample[::2]):
        # One byte of every pair is the block number: 00 for ASCII, 06 for Arabic.
        if half and (half.count(0) + half.count(6)) > _LEAST_SHARE * len(half):
            return "utf-16"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError:
        return _best_codec(sample, _DETECTED)
    return None
