"""Numbers in text, as numerals and number words.

`parse_number` is strict, to convert a string to a typed argument. `numbers_in` is generous, to check whether an
argument's value occurs in a text.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from typing import Final, TypeAlias

from dataset_tools.arabic.compare import fold_letters
from dataset_tools.arabic.number_words import (
    DUALS,
    FRACTIONS,
    HUNDRED_ENDINGS,
    HUNDREDS,
    PERCENT,
    WORDS,
)

Numeric: TypeAlias = int | float

_GROUP_OR_DECIMAL: Final = re.compile(r"[-−]?\d{1,3}\.\d{3}")
_TO_ASCII: Final = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹٫−", "01234567890123456789.-", ",٬")
# Longer runs of digits are identifiers, and Python refuses to convert very long ones.
_MOST_DIGITS: Final = 40
_NUMERAL: Final = re.compile(r"([+\-−]?)((?:0|[1-9][0-9]{0,2}(?:[,٬][0-9]{3})+|[1-9][0-9]*))(?:[.٫]([0-9]+))?")
_SYSTEMS: Final = tuple(
    (re.compile(f"[{first}-{last}]"), str.maketrans(digits, "0123456789"))
    for first, last, digits in (("٠", "٩", "٠١٢٣٤٥٦٧٨٩"), ("۰", "۹", "۰۱۲۳۴۵۶۷۸۹"))
)


def parse_number(text: str) -> Numeric | None:
    """Return the number that `text` consists of, or None for anything else.

    Accepts ASCII, Arabic-Indic and extended digits, a sign, `.` or ٫ before decimals, `,` or ٬ between groups of three.
    Whole numbers are int. None for leading zeros (`0551234567` is an identifier), mixed digit systems, spaces,
    exponents and percentages.
    """
    if not text or len(text) > _MOST_DIGITS:
        return None
    systems = 0
    if not text.isascii():
        for digits, to_ascii in _SYSTEMS:
            if digits.search(text):
                systems += 1
                text = text.translate(to_ascii) if not re.search("[0-9]", text) else ""
    match = _NUMERAL.fullmatch(text)
    if match is None or systems > 1:
        return None
    sign, whole, decimals = match.groups()
    digits_only = ("-" if sign in ("-", "−") else "") + whole.replace(",", "").replace("٬", "")
    return int(digits_only) if decimals is None else float(f"{digits_only}.{decimals}")


def exact_number(text: str) -> Numeric | None:
    """Return the number that `text` consists of, if it is unambiguous and can be stored exactly.

    None, in addition to `parse_number`, for `+966…` (a telephone number), `1.000` (a thousand or one) and decimals that
    a double rounds.
    """
    number = parse_number(text)
    if number is None or text[0] == "+" or _GROUP_OR_DECIMAL.fullmatch(text):
        return None
    if isinstance(number, float):
        plain = text.translate(_TO_ASCII)
        return number if Decimal(plain) == Decimal(repr(number)) else None
    return number


@cache
def _lexicon() -> dict[str, Numeric]:
    """Return the value of every number word by its folded spelling, with and without prefixes."""
    values: dict[str, Numeric] = {}
    for fraction, words in FRACTIONS.items():
        values.update(dict.fromkeys(fold_letters(words).split(), fraction))
    values.update(dict.fromkeys(fold_letters(DUALS).split(), 2))
    for hundred, stems in HUNDREDS.items():
        endings = HUNDRED_ENDINGS.split()
        values.update({fold_letters(a + b): hundred for a in stems.split() for b in endings})
    for value, words in WORDS.items():
        values.update(dict.fromkeys(fold_letters(words).split(), value))
    prefixed = {prefix + word: value for word, value in values.items() if not word.isascii() for prefix in _PREFIXES}
    return prefixed | values  # a word without prefix takes precedence


_PERCENT: Final = frozenset((*fold_letters(PERCENT).split(), "%", "٪"))
_PREFIXES: Final = ("بال", "عال", "هال", "كال", "ال", "لل", "ب", "ل", "ف", "ع")
# أحد alone means Sunday or someone; before عشر it is a number. Joined to one word, as in dialects.
_ELEVEN: Final = re.compile(r"\b(و?)(?:احد|احدي) عشره?\b")
_LESS: Final = "الا"
_AND: Final = ("و", "and")
# The text is folded, so digits are ASCII and مئة is مءه. Words come before numerals because most tokens are words.
_TOKEN: Final = re.compile(
    r"في الم(?:ءه|اءه|يه)\b|[^\W\d_]+|(?<![\w.])[+\-−]?[0-9]+(?:[.,٫٬،][0-9]+)*|[0-9]+(?:[.,٫٬،][0-9]+)*|[%٪]"
)
_THOUSAND: Final = 1000
_LARGEST: Final = 10**18  # result of number words


def eleven_joined(text: str) -> str:
    """Return ``text`` with أحد عشر and إحدى عشرة as one word; it must be folded, with single spaces."""
    return _ELEVEN.sub(r"\1حداشر", text) if " عشر" in text else text


@cache
def _telling() -> frozenset[str]:
    """Return all words that are or join numbers; any other word ends a number."""
    words = _lexicon().keys()
    return frozenset((*words, *("و" + word for word in words), *_AND, *_PERCENT, _LESS))


def _numeral(token: str) -> list[Numeric]:
    """Return the possible values of digits with separators, the most likely first."""
    digits = token.lstrip("+-−")
    if digits.isdecimal() and len(token) <= _MOST_DIGITS:  # fast path with the same result
        number = int(digits)
        if digits[0] == "0" and digits != "0":
            return [number]
        return [number if token[0] in "+0123456789" else -number, number]
    exact = parse_number(token)
    parts: list[Numeric] = [int(part) for part in re.findall("[0-9]{1,40}", token)]
    if exact is not None:
        return [exact, abs(exact)]
    # Two parts with a comma are a decimal in the Maghreb (3,5); others are dates or versions.
    decimal = re.fullmatch(r"([+\-−]?[0-9]{1,20})[,،]([0-9]{1,20})", token)
    if decimal:
        return [float(f"{decimal[1].replace('−', '-')}.{decimal[2]}"), *parts]
    return parts


def _word(token: str) -> tuple[Numeric | None, bool]:
    """Return the value of a word, and whether و joins it to the words before."""
    values = _lexicon()
    value = values.get(token)
    if value is None and token[0] == "و":
        value = values.get(token[1:])
        return value, value is not None
    return value, False


def joined_number(total: Numeric, value: Numeric, *, joined: bool, ascii_word: bool) -> Numeric | None:
    """Return the number of a word of `value` together with the words before it, or None if it starts a new number.

    `joined` means that و precedes the word, `ascii_word` that it is English, which needs no و. A result over 10**18
    starts a new number, so that repeating مليون has a bound.
    """
    number = _joined(total, value, joined=joined, ascii_word=ascii_word)
    return None if number is None or abs(number) > _LARGEST else number


def _joined(  # noqa: PLR0911 - one result per kind of word
    total: Numeric, value: Numeric, *, joined: bool, ascii_word: bool
) -> Numeric | None:
    if isinstance(total, float) or total < 0:
        return total * value if value >= _THOUSAND and not joined else None
    if isinstance(value, float):
        return total + value if joined else None
    group = total % _THOUSAND
    if value >= _THOUSAND:
        if joined:
            return total + value if total > value and total % value == 0 else None
        return total - group + group * value if group else total * value
    if value == 100 and (not ascii_word) < group < 10 and not joined:  # noqa: PLR2004 - unit before hundred
        return total - group + group * value
    if value == 10 and 0 < group % 100 < 10 and not joined:  # noqa: PLR2004 - خمسة عشر
        return total + value
    if not joined and not (ascii_word and value < 10 and group >= 20):  # noqa: PLR2004 - twenty five
        return None
    place = 1 if value < 10 else 10 if value < 100 else 100  # noqa: PLR2004
    free = group // place % 10 == 0 and (not 10 < value < 20 or group % 100 == 0)  # noqa: PLR2004
    return total + value if free and total else None


def _readings(tokens: list[str]) -> Iterator[Numeric]:  # noqa: C901 - one branch per kind of token
    """Yield every number in the tokens, including the parts of a compound."""
    total: Numeric | None = None
    joining = less = False
    telling = _telling()
    for token in tokens:
        if token not in telling and token.isalpha():  # most words
            total, joining, less = None, False, False
            continue
        if token in _AND:
            joining = True
            continue
        if token == _LESS and total is not None:
            less = True
            continue
        if token in _PERCENT or token.startswith("في "):
            if total is not None:
                yield total / 100
            total = None
            continue
        if token[-1].isdigit():
            readings = _numeral(token)
            yield from readings
            total, joining, less = (readings[0] if readings else None), False, False
            continue
        value, joined = _word(token)
        if value is None:
            total, joining, less = None, False, False
            continue
        yield value
        joined = joined or joining
        if total is None:
            # A fraction joined to a noun adds to one: ساعة ونص is an hour and a half.
            if joined and isinstance(value, float):
                yield 1 + value
            total = value
        elif less and isinstance(value, float):
            total -= value
        else:
            fitted = joined_number(total, value, joined=joined, ascii_word=token.isascii())
            total = value if fitted is None else fitted
        joining = less = False
        yield total


def numbers_in(text: str) -> set[Numeric]:
    """Return every number in `text`, written in digits or in words.

    Supports number words of Modern Standard, Gulf, Egyptian, Levantine and Maghrebi Arabic and English, compounds,
    duals such as يومين, and percentages (20% yields 20 and 0.2). Parts of compounds, dates and decimals with a comma
    are returned as well.
    """
    return set(_readings(_TOKEN.findall(eleven_joined(fold_letters(text)))))
