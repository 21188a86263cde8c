"""Opt-in folds: spelling differences removed on request, on both sides of a row together.

The folds are CAMeL Tools' own functions, compiled once into one `str.translate` table.  Nothing
here is applied by default: a fold loses information.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from dataset_tools.arabic.letters import ARABIC_INDIC_DIGITS, EXTENDED_DIGITS

Fold = Callable[[str], str]

FOLDS: Final = ("dediac", "alef", "alef-maksura", "teh-marbuta", "digits")
"""The folds by name, in the order in which they are documented; any order gives the same text."""

# CAMeL Tools touches no letter outside the Arabic blocks and their presentation forms.
_CODES: Final = (*range(0x0600, 0x0900), *range(0xFB50, 0xFF00))


def camel_function(name: str) -> Fold:
    """Return CAMeL Tools' own function for the fold `name`; raise ValueError if there is none.

    CAMeL Tools has no function for digits alone: its `arclean` map has them, and only its entries
    for the digits are used, because it also turns ٫ into a comma and deletes what it does not list.
    """
    check_names([name])
    from camel_tools.utils import dediac, normalize

    if name == "digits":
        return _camel_digits()
    functions: dict[str, Fold] = {
        "dediac": dediac.dediac_ar,
        "alef": normalize.normalize_alef_ar,
        "alef-maksura": normalize.normalize_alef_maksura_ar,
        "teh-marbuta": normalize.normalize_teh_marbuta_ar,
    }
    return functions[name]


def _camel_digits() -> Fold:
    """Return the digit part of CAMeL Tools' `arclean` map as a function."""
    from camel_tools.utils.charmap import CharMapper

    clean: Fold = CharMapper.builtin_mapper("arclean").map_string
    table = {ord(char): clean(char) for char in ARABIC_INDIC_DIGITS + EXTENDED_DIGITS}
    return lambda text: text.translate(table)


def check_names(names: Sequence[str]) -> None:
    """Raise ValueError, listing the allowed names, if one of `names` is not a fold."""
    unknown = [name for name in names if name not in FOLDS]
    if unknown:
        message = f"unknown fold {', '.join(unknown)}; choose from {', '.join(FOLDS)}"
        raise ValueError(message)


def compile_fold(names: Sequence[str]) -> Fold:
    """Return one function that applies the folds `names` in order; ValueError on an unknown name.

    Each fold maps characters one by one, so evaluating CAMeL Tools' function on every character
    it could change, once, gives a table with the same result and several times the speed.
    """
    check_names(names)
    functions = [camel_function(name) for name in names]
    table: dict[int, str] = {}
    for code in _CODES:
        char = folded = chr(code)
        for function in functions:
            folded = function(folded)
        if folded != char:
            table[code] = folded
    return _translator(table)


def _translator(table: Mapping[int, str]) -> Fold:
    """Return `str.translate` with `table`; ASCII text, which no fold changes, skips it."""
    return lambda text: text if text.isascii() else text.translate(table)
