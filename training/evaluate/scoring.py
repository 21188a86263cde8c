"""Verdict on one answer, from which every metric is counted."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from schemas.record import JsonObject, Tool
from training.answers.predictions import Prediction
from training.answers.questions import GoldCall, Question
from training.evaluate.aliases import unscored
from training.evaluate.call_matching import CallMatch, Pairing, match
from training.evaluate.equality_rules import NEVER

__all__ = ["ERRORS", "ArgumentScore", "Mistake", "Verdict", "judge"]

ERRORS = {
    "unreadable": "the output has a call that cannot be parsed",
    "missed-call": "gold has a call, the output has none",
    "false-call": "gold has no call, the output has one",
    "count": "fewer or more calls than gold",
    "wrong-name": "a call names another tool",
    "missing": "a call lacks an argument",
    "unexpected": "a call has an extra argument",
    "type": "an argument has another type",
    "value": "an argument has another value",
}
"""Classes of errors with their meaning, after the taxonomy of the Berkeley leaderboard."""

_JSON_TYPES: Mapping[type, str] = {
    bool: "boolean", int: "number", float: "number", str: "string", list: "array", dict: "object", type(None): "null"
}  # fmt: skip


class ArgumentScore(NamedTuple):
    """A gold argument, and the strictest rule under which it is right; NEVER if it is wrong or absent."""

    tool: str
    parameter: str
    type: str
    level: int


class Mistake(NamedTuple):
    """An error under the fair rule; ``parameter`` is empty if the whole call is wrong."""

    error: str
    tool: str
    parameter: str = ""


@dataclass(slots=True)
class Verdict:
    """Verdict on one answer.

    Attributes:
        id: of the record.
        dialect: of the record.
        domain: of the record.
        tools: the distinct tools of the gold calls.
        prompt: the last user message.
        gold: the gold calls.
        calls: the predicted calls.
        text: the raw output, if there is one.
        problem: the reason why the output could not be parsed; empty if it could.
        named: True if exactly gold's tools are called, each as often.
        level: the strictest rule under which all calls are right, NEVER without one; None without gold calls.
        pairs: index in gold, index in calls, and level of each common argument.
        keys: number of argument names that are right, predicted, and gold.
        arguments: every gold argument.
        mistakes: every error under the fair rule.
    """

    id: str
    dialect: str
    domain: str
    tools: list[str]
    prompt: str
    gold: list[JsonObject]
    calls: list[JsonObject]
    text: str
    problem: str
    named: bool
    level: int | None
    pairs: list[tuple[int | None, int | None, dict[str, int]]] = field(default_factory=list)
    keys: tuple[int, int, int] = (0, 0, 0)
    arguments: list[ArgumentScore] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)

    @property
    def right(self) -> bool:
        """True if the answer is right under the fair rule."""
        return not self.problem and self.named and self.level != NEVER

    def as_json(self) -> JsonObject:
        """Return the verdict as a JSON object."""
        return {
            **{name: getattr(self, name) for name in self.__slots__},
            "arguments": [list(score) for score in self.arguments],
            "mistakes": [list(mistake) for mistake in self.mistakes],
        }


def judge(question: Question, answer: Prediction) -> Verdict:
    """Return the verdict on an answer."""
    gold, calls = question.gold, answer.calls
    left_out = unscored(question.benchmark)
    wanted = [call.name for call in gold]
    named = not answer.problem and Counter(wanted) == Counter(call["name"] for call in calls)
    matched = match(gold, calls, left_out)
    verdict = Verdict(
        id=question.id,
        dialect=question.dialect,
        domain=question.domain,
        tools=list(dict.fromkeys(wanted)),
        prompt=question.prompt,
        gold=[call.as_json() for call in gold],
        calls=calls,
        text=answer.text,
        problem=answer.problem,
        named=named,
        level=matched.level if gold else None,
        pairs=[(at, other, found.arguments if found else {}) for at, other, found in matched.pairs],
    )
    verdict.mistakes.extend(_call_mistakes(verdict))
    _score_arguments(verdict, question, matched, left_out)
    return verdict


def _score_arguments(
    verdict: Verdict, question: Question, matched: Pairing, left_out: Mapping[str, frozenset[str]]
) -> None:
    """Add every gold argument and every mistake in the arguments to a verdict."""
    gold, calls = question.gold, verdict.calls
    right = 0
    for at, other, found in matched.pairs:
        if at is None:
            continue
        wanted, name = gold[at], gold[at].name
        if found is not None and other is not None:
            right += len(found.arguments)
            if found.level == NEVER:
                verdict.mistakes.extend(
                    _argument_mistakes(wanted, calls[other], found, left_out.get(name, frozenset()))
                )
        elif other is not None:
            verdict.mistakes.append(Mistake("wrong-name", calls[other]["name"]))
        agreement = found or CallMatch(missing=[key for key in wanted.accepted if key not in wanted.optional])
        types = _types(question.tools, name)
        for parameter, level in (*agreement.arguments.items(), *((key, NEVER) for key in agreement.missing)):
            kind = types.get(parameter) or _JSON_TYPES[type(wanted.accepted[parameter][0])]
            verdict.arguments.append(ArgumentScore(name, parameter, kind, level))
    predicted = sum(value is not None for call in calls for value in call["arguments"].values())
    verdict.keys = (right, predicted, len(verdict.arguments))


def _call_mistakes(verdict: Verdict) -> list[Mistake]:
    """Return the mistakes of an answer as a whole."""
    gold, calls = verdict.gold, verdict.calls
    if verdict.problem:
        return [Mistake("unreadable", "")]
    if gold and not calls:
        return [Mistake("missed-call", tool) for tool in verdict.tools]
    if calls and not gold:
        return [Mistake("false-call", call["name"]) for call in calls]
    return [Mistake("count", "")] if len(gold) != len(calls) else []


def _argument_mistakes(wanted: GoldCall, call: JsonObject, found: CallMatch, left_out: frozenset[str]) -> list[Mistake]:
    """Return the mistakes in the arguments of a call of the right tool."""
    tool = wanted.name
    mistakes = [Mistake("missing", tool, name) for name in found.missing if name not in left_out]
    mistakes += [Mistake("unexpected", tool, name) for name in found.unexpected if name not in left_out]
    for name, level in found.arguments.items():
        if level == NEVER and name not in left_out:
            kinds = {_JSON_TYPES[type(value)] for value in wanted.accepted[name]}
            error = "value" if _JSON_TYPES[type(call["arguments"][name])] in kinds else "type"
            mistakes.append(Mistake(error, tool, name))
    return mistakes


def _types(tools: list[Tool], name: str) -> dict[str, str]:
    """Return the parameters of a tool that declare a single type, with the type in lower case."""
    function = next((tool["function"] for tool in tools if tool["function"]["name"] == name), None)
    parameters = function.get("parameters") if function else None
    properties = parameters.get("properties") if isinstance(parameters, dict) else None
    if not isinstance(properties, dict):
        return {}
    return {
        parameter: kind.lower()
        for parameter, schema in properties.items()
        if isinstance(schema, dict) and isinstance(kind := schema.get("type"), str)
    }
