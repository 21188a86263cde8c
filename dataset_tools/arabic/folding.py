"""Optional folds of spelling differences, for both inputs and targets.

The folds are functions of CAMeL Tools, compiled into one `str.translate` table. None is applied by default, because a
fold loses information.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from dataset_tools.arabic.letters import ARABIC_INDIC_DIGITS, EXTENDED_DIGITS

Fold = Callable[[str], str]

FOLDS: Final = ("dediac", "alef", "alef-maksura", "teh-marbuta", "digits")
"""Names of the folds; their order does not change the result."""

# CAMeL Tools changes only the Arabic blocks and their presentation forms.
_CODES: Final = (*range(0x0600, 0x0900), *range(0xFB50, 0xFF00))


def camel_function(name: str) -> Fold:
    """Return the function of CAMeL Tools for the fold `name`; raise ValueError for an unknown name.

    CAMeL Tools has no function for digits alone. Only the digits of its `arclean` map are used, because that map also
    turns ٫ into a comma and deletes unlisted characters.
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
    """Return the digits of the `arclean` map of CAMeL Tools as a function."""
    from camel_tools.utils.charmap import CharMapper

    clean: Fold = CharMapper.builtin_mapper("arclean").map_string
    table = {ord(char): clean(char) for char in ARABIC_INDIC_DIGITS + EXTENDED_DIGITS}
    return lambda text: text.translate(table)


def check_names(names: Sequence[str]) -> None:
    """Raise ValueError with the allowed names if one of `names` is not a fold."""
    unknown = [name for name in names if name not in FOLDS]
    if unknown:
        message = f"unknown fold {', '.join(unknown)}; choose from {', '.join(FOLDS)}"
        raise ValueError(message)


def compile_fold(names: Sequence[str]) -> Fold:
    """Return one function that applies the folds `names` in order; raise ValueError for an unknown name.

    Each fold maps single characters, so a table of its results for all characters is equal and several times faster.
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
    """Return `str.translate` with `table`; no fold changes ASCII text."""
    return lambda text: text if text.isascii() else text.translate(table)
