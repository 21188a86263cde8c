"""Optimal pairing of predicted calls with gold calls, because parallel calls have no order.

The level of a pair is the strictest rule under which all arguments are equal, or NEVER.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from schemas.record import JsonObject
from training.answers.questions import GoldCall
from training.evaluate.equality_rules import NEVER, RULES, EqualityRule, is_blank, strictest

__all__ = ["CallMatch", "Pairing", "agree", "match"]

Unscored = Mapping[str, frozenset[str]]

# Weights of a pair: an equal name counts most, then a right value, then a right argument name.
_NAME, _VALUE, _KEY = 1_000_000, 1_000, 1


@dataclass(slots=True)
class CallMatch:
    """A predicted call compared with a gold call of the same name.

    Attributes:
        level: the strictest rule under which the calls are equal; NEVER without one.
        arguments: level of each gold argument that was predicted.
        missing: gold arguments that were not predicted.
        unexpected: predicted arguments that are not gold.
    """

    level: int = EqualityRule.RAW
    arguments: dict[str, int] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)


def agree(gold: GoldCall, arguments: JsonObject, unscored: frozenset[str] = frozenset()) -> CallMatch:
    """Compare the arguments of two calls of one tool.

    A null argument counts as absent. Under the fair rule an empty text does, too, and ``unscored`` parameters
    are ignored.
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
    """The calls of an answer, paired with those of gold.

    Attributes:
        level: the strictest rule under which some pairing makes all calls equal; NEVER without one.
        pairs: the best pairing, by index in gold and in the answer; None for a call without partner. The names of a
            pair without :class:`CallMatch` differ.
    """

    level: int
    pairs: list[tuple[int | None, int | None, CallMatch | None]]


def match(gold: Sequence[GoldCall], predicted: Sequence[JsonObject], unscored: Unscored) -> Pairing:
    """Pair the calls of an answer with those of gold."""
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
    """Return the strictest rule under which some pairing makes all calls equal."""
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
    """Return the assignment of rows to columns with the largest sum; most answers have one call and need no search."""
    if len(worth) == len(worth[0]) == 1:
        return [0], [0]
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(worth, maximize=True)
    return rows.tolist(), columns.tolist()
