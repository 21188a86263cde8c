"""Damage to the letters of Arabic text.

Each edit returns the damaged text, or None if it does not fit.
"""

import random
import re
import unicodedata
from functools import cache

__all__ = [
    "add_bidi", "add_tatweel", "add_zero_width", "decompose", "escape", "exotic_space", "farsi_letters", "present",
]  # fmt: skip

# Letters that join the next letter.
_JOINING = set("بتثجحخسشصضطظعغفقكلمنهيئ")
_DIACRITIC = re.compile(r"[\u064b-\u0652\u0670]")
_PRESENTATION = (*range(0xFB50, 0xFDF0), *range(0xFE80, 0xFEF5))
# (joins the previous letter, joins the next one) -> position name in Unicode.
_PLACES = {
    (False, False): "<isolated>",
    (False, True): "<initial>",
    (True, True): "<medial>",
    (True, False): "<final>",
}
_ZERO_WIDTH = "\u200b\ufeff\u2060"
_SPACES = "\u00a0\u202f\u2003\u2009\u3000"
_BIDI = (("\u202b", "\u202c"), ("\u200f", ""), ("\u2067", "\u2069"), ("\u202e", "\u202c"))


@cache
def _forms() -> dict[tuple[str, str], str]:
    """Return presentation forms by letter and position, from the decompositions in Unicode."""
    forms: dict[tuple[str, str], str] = {}
    for code in _PRESENTATION:
        place, *letters = unicodedata.decomposition(chr(code)).split() or [""]
        if place in {"<isolated>", "<initial>", "<medial>", "<final>"} and len(letters) == 1:
            forms[chr(int(letters[0], 16)), place] = chr(code)
    return forms


def present(word: str, _rng: random.Random) -> str | None:
    """Return a word in presentation forms, as in text copied from a PDF."""
    shaped = []
    for index, letter in enumerate(word):
        before = index > 0 and word[index - 1] in _JOINING
        after = index + 1 < len(word) and letter in _JOINING
        shaped.append(_forms().get((letter, _PLACES[before, after]), letter))
    changed = "".join(shaped)
    return None if changed == word else changed


def add_tatweel(word: str, rng: random.Random) -> str | None:
    """Stretch a word between two joined letters; not after the first letter, where tatweel has a meaning."""
    places = [i for i in range(2, len(word)) if word[i - 1] in _JOINING]
    if not places:
        return None
    place = rng.choice(places)
    return word[:place] + "\u0640" * rng.choice((1, 2, 4)) + word[place:]


def farsi_letters(word: str, _rng: random.Random) -> str | None:
    """Use Farsi yeh and keheh in a word; a final yeh is kept, because it could mean alef maksura."""
    changed = word[:-1].replace("ي", "\u06cc").replace("ك", "\u06a9") + word[-1].replace("ك", "\u06a9")
    return None if changed == word else changed


def add_zero_width(text: str, rng: random.Random) -> str | None:
    """Insert an invisible character between two letters."""
    place = rng.randrange(1, len(text))
    return text[:place] + rng.choice(_ZERO_WIDTH) + text[place:]


def exotic_space(text: str, rng: random.Random) -> str | None:
    """Replace one space by another kind of space."""
    places = [i for i, character in enumerate(text) if character == " "]
    if not places:
        return None
    place = rng.choice(places)
    return text[:place] + rng.choice(_SPACES) + text[place + 1 :]


def add_bidi(text: str, rng: random.Random) -> str | None:
    """Put direction controls around a text."""
    opening, closing = rng.choice(_BIDI)
    return opening + text + closing


def decompose(word: str, _rng: random.Random) -> str | None:
    """Decompose hamzas and maddas of a word into separate marks."""
    changed = unicodedata.normalize("NFD", word)
    return None if changed == word or _DIACRITIC.search(word) else changed


def escape(text: str, _rng: random.Random) -> str | None:
    r"""Replace each character beyond ASCII by a literal ``\\uXXXX``."""
    changed = "".join(c if c.isascii() else f"\\u{ord(c):04x}" for c in text)
    return None if changed == text else changed
