"""Values of arguments: the user's words, and the value in the call."""

from collections.abc import Callable
from typing import Any, NamedTuple

from tools.tiny.pretraining.words import Draw, table

__all__ = ["Value", "numeric", "said_number", "value"]

_EASTERN = str.maketrans("0123456789.", "٠١٢٣٤٥٦٧٨٩٫")
_PLATE_LETTERS = "أبحدرسصطعقكلمنهوي"
_CODE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"


class Value(NamedTuple):
    """A value in the user's words and in the call."""

    said: str
    meant: Any


def value(draw: Draw, kind: str) -> Value:
    """Return a value of a kind that ``words.json`` names."""
    made = _KINDS[kind](draw)
    return made if isinstance(made, Value) else Value(made, made)


def numeric(kind: str) -> str | None:
    """Return the JSON type of a kind of numbers; None for text."""
    return {"small": "integer", "integer": "integer", "amount": "number"}.get(kind)


def said_number(draw: Draw, number: float) -> Value:
    """Return a number in ASCII or Arabic-Indic digits, or in words if they are listed."""
    share = draw.rng.random()
    spelled = table()["number_words"].get(str(number))
    if spelled and share < 0.12:
        fitting = [word for word in spelled if word.isascii() == draw.english]
        return Value(draw.pick(fitting or spelled), number)
    if not draw.english and share > 0.75:
        return Value(str(number).translate(_EASTERN), number)
    return Value(str(number), number)


def _small(draw: Draw) -> Value:
    return said_number(draw, draw.rng.randint(1, 12) if draw.chance(0.7) else draw.rng.randint(13, 99))


def _integer(draw: Draw) -> Value:
    return said_number(draw, int(10 ** draw.rng.uniform(0, 6)))


def _amount(draw: Draw) -> Value:
    """Return an amount, more often a round one."""
    number: float = int(10 ** draw.rng.uniform(0.5, 6))
    if draw.chance(0.6):
        number = draw.rng.randint(1, 99) * draw.pick((5, 10, 50, 100, 500, 1000))
    elif draw.chance(0.5):
        number = round(number / draw.pick((10, 100)), draw.pick((1, 1, 2)))
    return said_number(draw, number)


def _city(draw: Draw) -> str:
    if draw.chance(0.5):
        return draw.words(2)
    return str(draw.pick(table()["cities_en" if draw.english else "cities"]))


def _country(draw: Draw) -> str:
    return _city(draw) if draw.english or draw.chance(0.4) else str(draw.pick(table()["countries"]))


def _person(draw: Draw) -> str:
    if draw.chance(0.35):
        return draw.words(2)
    ending = "_en" if draw.english else ""
    names = [draw.pick(table()["given" + ending])]
    if draw.chance(0.7):
        names.append(draw.pick(table()["family" + ending]))
    if not draw.english and draw.chance(0.15):
        names.insert(0, draw.pick(("أبو", "أم", "الأستاذ", "الدكتورة", "عمي", "خالتي")))
    return " ".join(names)


def _date(draw: Draw) -> str:
    lists = table()
    number = str(draw.rng.randint(1, 30))
    if draw.english:
        return str(draw.pick((draw.pick(lists["days_en"]), f"{draw.pick(lists['months_en'])} {number}", _iso(draw))))
    if draw.chance(0.3):
        number = number.translate(_EASTERN)
    return str(draw.pick((
        draw.pick(lists["days"]),
        f"{draw.pick(('يوم ', 'نهار ', ''))}{draw.pick(lists['weekdays'])} {draw.pick(lists['next'])}".strip(),
        f"{draw.pick(('يوم ', 'نهار ', ''))}{number} {draw.pick(lists['months'])}",
        f"{draw.pick(('أول', 'نص', 'آخر', 'مطلع'))} {draw.word()}",
        _iso(draw),
    )))  # fmt: skip


def _iso(draw: Draw) -> str:
    return f"20{draw.rng.randint(20, 39)}-{draw.rng.randint(1, 12):02d}-{draw.rng.randint(1, 28):02d}"


def _time(draw: Draw) -> str:
    clock = f"{draw.rng.randint(1, 23)}:{draw.pick(('00', '15', '30', '45'))}"
    if draw.english:
        return draw.pick((clock, f"{draw.rng.randint(1, 12)} pm"))
    number = str(draw.rng.randint(1, 12))
    number = number.translate(_EASTERN) if draw.chance(0.3) else number
    words: str = draw.pick(table()["times"])
    part = draw.pick(("مساءً", "الصبح", "صباحًا", "العشية", "المسا", "بالليل", "الضهر", ""))
    return draw.pick((clock, words, f"{number} {part}", draw.words(2)))


def _code(draw: Draw) -> str:
    digits = _digits(draw, 7)
    letters = "".join([draw.pick(_CODE_LETTERS) for _ in range(draw.rng.randint(1, 3))])
    if not draw.english and draw.chance(0.2):
        return f"{' '.join([draw.pick(_PLATE_LETTERS) for _ in range(draw.rng.randint(1, 3))])} {digits[:4]}"
    return draw.pick(
        (digits, letters + digits, f"{letters}-{digits}", f"{digits[:4]}-{letters}", f"{letters}{digits[:2]}")
    )


def _digits(draw: Draw, most: int = 11) -> str:
    return "".join([draw.pick("0123456789") for _ in range(draw.rng.randint(3, most))])


def _item(draw: Draw) -> str:
    if draw.chance(0.5):
        return draw.words(3)
    at = 1 if draw.english else 0
    words = [draw.pick(table()["objects"])[at].replace("_", " "), draw.pick(table()["adjectives"])[at]]
    return " ".join(reversed(words) if draw.english else words)


def _quarter(draw: Draw) -> str:
    if draw.english:
        return f"{draw.words(2)} street"
    return f"{draw.pick(table()['quarters'])} {draw.words(2)}" if draw.chance(0.5) else draw.words(2)


_KINDS: dict[str, Callable[[Draw], str | Value]] = {
    "city": _city,
    "country": _country,
    "person": _person,
    "date": _date,
    "time": _time,
    "code": _code,
    "digits": _digits,
    "small": _small,
    "integer": _integer,
    "amount": _amount,
    "item": _item,
    "quarter": _quarter,
    "text": lambda draw: draw.words(5),
    "word": lambda draw: draw.words(2),
}
