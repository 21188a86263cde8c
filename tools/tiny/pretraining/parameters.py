"""Parameters of made-up tools, with phrases for their values."""

from collections.abc import Callable
from typing import NamedTuple

from schemas.record import JsonObject
from tools.tiny.pretraining.values import Value, numeric, value
from tools.tiny.pretraining.words import Draw, table

__all__ = ["Parameter", "parameter"]

Mention = Callable[[Draw], Value]


class Parameter(NamedTuple):
    """One argument that a tool takes.

    Attributes:
        name: its name.
        schema: its declaration.
        mention: makes a part of a request and the argument in it.
        telling: whether the mention alone identifies the parameter.
    """

    name: str
    schema: JsonObject
    mention: Mention
    telling: bool = False


def parameter(draw: Draw, *, arabic: bool) -> Parameter:
    """Return a random parameter; ``arabic`` is the language of its description."""
    make = draw.rng.choices(_MAKERS, _WEIGHTS)[0]
    return make(draw, arabic)


def _known(draw: Draw, arabic: bool) -> Parameter:  # noqa: FBT001 - all makers have the same signature
    """Return a parameter of a listed kind: a city, a name, a date, an amount."""
    kind = draw.pick(table()["kinds"])
    frames = kind["say_en" if draw.english else "say"]
    described = draw.pick(kind["ar" if arabic else "en"])
    schema = {"type": numeric(kind["value"]) or "string", "description": _suffixed(draw, described, arabic=arabic)}

    def mention(draw: Draw) -> Value:
        said, meant = value(draw, kind["value"])
        return Value(draw.pick(frames).format(v=said), meant)

    name = (
        draw.pick(kind["names"]) if draw.chance(0.75) else draw.identifier(draw.english_word().lower(), kind["value"])
    )
    return Parameter(name, schema, mention)


def _labelled(draw: Draw, arabic: bool) -> Parameter:  # noqa: FBT001
    """Return a parameter of no known kind; the request names it like its description."""
    label, name, said_label = _label(draw, arabic=arabic)
    kind = draw.pick(("word", "word", "item", "code", "digits", "small", "integer", "amount", "person", "text"))
    schema = {"type": numeric(kind) or "string", "description": _suffixed(draw, label, arabic=arabic)}
    frames = table()["label_says_en" if draw.english else "label_says"]

    def mention(draw: Draw) -> Value:
        said, meant = value(draw, kind)
        return Value(draw.pick(frames).format(d=said_label, v=said), meant)

    return Parameter(name, schema, mention, telling=True)


def _enum(draw: Draw, arabic: bool) -> Parameter:  # noqa: FBT001
    """Return an enum; the request names its values in the same or in other words."""
    label, name, said_label = _label(draw, arabic=arabic)
    said = draw.pick((_coded, _coded, _currencies, _synonyms, _listed, _made_up))(draw)
    schema = {"type": "string", "enum": list(said), "description": _suffixed(draw, label, arabic=arabic)}
    frames = (
        ("{v}", "{v}", "{d} {v}", "by {v}") if draw.english else ("{v}", "{v}", "ال{v}", "{d} {v}", "ب{v}", "نوع {v}")
    )

    def mention(draw: Draw) -> Value:
        meant = draw.pick(list(said))
        return Value(draw.pick(frames).format(d=said_label, v=draw.pick(said[meant])), meant)

    return Parameter(name, schema, mention, telling=True)


def _coded(draw: Draw) -> dict[str, list[str]]:
    """Return English values; an Arabic request names them in Arabic."""
    found = draw.pick(table()["enums"])
    return _some(draw, {code: [code if draw.english else word] for code, word in found})


def _currencies(draw: Draw) -> dict[str, list[str]]:
    """Return currency codes; requests use their names with or without the article."""
    names: dict[str, str] = table()["currencies"]
    if draw.english:
        return _some(draw, {code: [code] for code in names})
    return _some(draw, {code: [word, " ".join([f"ال{part}" for part in word.split()])] for code, word in names.items()})


def _synonyms(draw: Draw) -> dict[str, list[str]]:
    """Return objects that dialects name differently."""
    at = 1 if draw.english else 0
    known = [entry for entry in table()["objects"] if entry[2]]
    return _some(draw, {entry[at]: [entry[at]] if draw.english else [entry[0], *entry[2]] for entry in known})


def _listed(draw: Draw) -> dict[str, list[str]]:
    """Return values in the language of the request."""
    return _made_up(draw) if draw.english else {word: [word] for word in draw.pick(table()["word_enums"])}


def _made_up(draw: Draw) -> dict[str, list[str]]:
    """Return values of random words."""
    return {word: [word] for word in [draw.words(2) for _ in range(draw.rng.randint(2, 6))]}


def _flag(draw: Draw, arabic: bool) -> Parameter:  # noqa: FBT001
    """Return a boolean: with or without something."""
    shown, name = draw.pick(table()["flags"])
    said = name.replace("_", " ") if draw.english else shown
    frames = table()["flag_frames"]
    described, yes, no = frames[-1] if draw.english else draw.pick(frames[:-1])
    description = described.format(f=shown) if arabic else frames[-1][0].format(f=name)

    def mention(draw: Draw) -> Value:
        wanted = draw.chance(0.7)
        return Value((yes if wanted else no).format(f=said), wanted)

    return Parameter(
        draw.pick(("", "", "with_", "has_")) + name, {"type": "boolean", "description": description}, mention
    )


def _list(draw: Draw, arabic: bool) -> Parameter:  # noqa: FBT001
    """Return a list of values of one kind."""
    label, name, said_label = _label(draw, arabic=arabic)
    items: JsonObject = {"type": "string"}
    kind = draw.pick(("word", "item", "person", "city", "time"))
    choices = [draw.word() for _ in range(draw.rng.randint(3, 6))] if draw.chance(0.3) else []
    if choices:
        items["enum"] = list(dict.fromkeys(choices))
    schema = {"type": "array", "items": items, "description": _suffixed(draw, label, arabic=arabic)}

    def mention(draw: Draw) -> Value:
        many = draw.rng.randint(1, 3)
        meant = draw.rng.sample(items["enum"], min(many, len(items["enum"]))) if choices else []
        meant = meant or [value(draw, kind).meant for _ in range(many)]
        joined = (" and " if draw.english else draw.pick((" و", " و ", "، "))).join(meant)
        return Value(
            draw.pick(("{v}", "{d} {v}", "{d}: {v}", "{v}" if draw.english else "على {v}")).format(
                d=said_label, v=joined
            ),
            meant,
        )

    return Parameter(draw.pick((name, name + "s")), schema, mention)


def _object(draw: Draw, arabic: bool) -> Parameter:  # noqa: FBT001
    """Return an object with up to two plain parameters."""
    inner = [draw.pick((_known, _labelled))(draw, arabic) for _ in range(2)]
    parts = list({part.name: part for part in inner}.values())
    label, name, _ = _label(draw, arabic=arabic)
    schema = {
        "type": "object",
        "description": label,
        "properties": {part.name: part.schema for part in parts},
        "required": [part.name for part in parts],
    }

    def mention(draw: Draw) -> Value:
        made = [part.mention(draw) for part in parts]
        meant = {part.name: one.meant for part, one in zip(parts, made, strict=True)}
        return Value(draw.pick((" ", "، ")).join([one.said for one in made]), meant)

    return Parameter(name, schema, mention)


def _some(draw: Draw, said: dict[str, list[str]]) -> dict[str, list[str]]:
    """Return two to seven of the choices, in random order."""
    chosen = draw.rng.sample(list(said), min(len(said), draw.rng.randint(2, 7)))
    return {code: said[code] for code in chosen}


def _label(draw: Draw, *, arabic: bool) -> tuple[str, str, str]:
    """Return the description, the name and the user's word of a parameter without a known kind."""
    shown, name = draw.pick(table()["labels"])
    if draw.chance(0.5):
        shown, name = draw.arabic_word(), draw.english_word().lower()
    if draw.chance(0.4):
        more, more_name = (
            draw.pick(table()["objects"])[:2] if draw.chance(0.6) else (draw.arabic_word(), draw.english_word())
        )
        shown, name = f"{shown.removeprefix('ال')} ال{more.removeprefix('ال')}", f"{more_name.lower()}_{name}"
    english = name.replace("_", " ")
    said = english if draw.english else shown
    if draw.chance(0.3):
        said = draw.pick(said.split())
    return shown if arabic else draw.pick(("the ", "")) + english, draw.identifier(name), said


def _suffixed(draw: Draw, described: str, *, arabic: bool) -> str:
    return f"{described} {draw.pick(table()['suffixes'])}".strip() if arabic else described


_MAKERS: tuple[Callable[[Draw, bool], Parameter], ...] = (_known, _labelled, _enum, _flag, _list, _object)
_WEIGHTS = (42, 20, 15, 8, 10, 5)
