"""Which predicted call answers which gold call: parallel calls have no order, so the best pairing counts.

How well two calls agree is a level: the strictest rule under which all their arguments are equal, or NEVER.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from schemas.record import JsonObject
from training.answers.questions import GoldCall
from training.evaluate.equality_rules import NEVER, RULES, EqualityRule, is_blank, strictest

__all__ = ["CallMatch", "Pairing", "agree", "match"]

Unscored = Mapping[str, frozenset[str]]

# What a pair is worth: the name goes before everything, a right value before a right name of an argument.
_NAME, _VALUE, _KEY = 1_000_000, 1_000, 1


@dataclass(slots=True)
class CallMatch:
    """How a predicted call answers a gold call of the same name.

    Attributes:
        level: the strictest rule that holds the calls equal; NEVER if none does.
        arguments: gold argument to its own level; absent where the argument is.
        missing: gold arguments that the prediction lacks.
        unexpected: predicted arguments that gold lacks.
    """

    level: int = EqualityRule.RAW
    arguments: dict[str, int] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)


def agree(gold: GoldCall, arguments: JsonObject, unscored: frozenset[str] = frozenset()) -> CallMatch:
    """Compare the arguments of two calls of one tool.

    A null argument is an absent one. Under the fair rule an empty text is absent too, and what a benchmark leaves
    ``unscored`` counts on neither side.
    """
    found = CallMatch()
    for name, accepted in gold.accepted.items():
        value = arguments.get(name)
        if value is not None:
            level = min(strictest(value, one, gold.name, name) for one in accepted)
            if level == NEVER and is_blank(value):
                level = EqualityRule.FAIR if name in gold.optional else NEVER
            found.arguments[name] = level
        elif name in gold.optional:
            continue
        else:
            found.missing.append(name)
            level = EqualityRule.FAIR if any(is_blank(one) for one in accepted) else NEVER
        found.level = max(found.level, EqualityRule.FAIR if name in unscored else level)
    for name, value in arguments.items():
        if name not in gold.accepted and value is not None:
            found.unexpected.append(name)
            found.level = max(found.level, EqualityRule.FAIR if name in unscored or is_blank(value) else NEVER)
    return found


class Pairing(NamedTuple):
    """How the calls of an answer match those of gold.

    Attributes:
        level: the strictest rule under which all calls can be paired so that all are equal; NEVER if there is none.
        pairs: the pairing that agrees most, by positions in gold and answer; calls that are left over stand alone, and
            a pair without an agreement is one of different names.
    """

    level: int
    pairs: list[tuple[int | None, int | None, CallMatch | None]]


def match(gold: Sequence[GoldCall], predicted: Sequence[JsonObject], unscored: Unscored) -> Pairing:
    """Pair the calls as well as can be."""
    if not gold or not predicted:
        alone = [(at, None, None) for at in range(len(gold))], [(None, at, None) for at in range(len(predicted))]
        return Pairing(NEVER if gold or predicted else EqualityRule.RAW, [*alone[0], *alone[1]])
    agreements = _agreements(gold, predicted, unscored)
    rows, columns = _best([[_worth(one) for one in row] for row in agreements])
    pairs: list[tuple[int | None, int | None, CallMatch | None]] = [
        (row, column, agreements[row][column]) for row, column in zip(rows, columns, strict=True)
    ]
    pairs.extend((at, None, None) for at in range(len(gold)) if at not in rows)
    pairs.extend((None, at, None) for at in range(len(predicted)) if at not in columns)
    return Pairing(_level(agreements) if len(gold) == len(predicted) else NEVER, pairs)


def _level(agreements: Sequence[Sequence[CallMatch | None]]) -> int:
    """The strictest rule under which some pairing makes all calls equal."""
    levels = [[NEVER if one is None else one.level for one in row] for row in agreements]
    if len(levels) == 1:
        return levels[0][0]
    for rule in RULES:
        rows, columns = _best([[int(level <= rule) for level in row] for row in levels])
        if all(levels[row][column] <= rule for row, column in zip(rows, columns, strict=True)):
            return rule
    return NEVER


def _agreements(
    gold: Sequence[GoldCall], predicted: Sequence[JsonObject], unscored: Unscored
) -> list[list[CallMatch | None]]:
    return [
        [
            agree(one, other["arguments"], unscored.get(one.name, frozenset())) if one.name == other["name"] else None
            for other in predicted
        ]
        for one in gold
    ]


def _worth(found: CallMatch | None) -> int:
    if found is None:
        return 0
    right = sum(level < NEVER for level in found.arguments.values())
    return _NAME + _VALUE * right + _KEY * (len(found.arguments) - len(found.unexpected)) + (NEVER - found.level)


def _best(worth: Sequence[Sequence[int]]) -> tuple[list[int], list[int]]:
    """The assignment of rows to columns that is worth most: Hungarian, but for the one pair that most rows have."""
    if len(worth) == len(worth[0]) == 1:
        return [0], [0]
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(worth, maximize=True)
    return rows.tolist(), columns.tolist()
