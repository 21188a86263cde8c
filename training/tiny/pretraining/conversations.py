"""Whole records: one call, several, several turns, and requests that no tool answers."""

import json
import random
from typing import Any

from schemas.record import JsonObject
from training.tiny.pretraining.requests import Wish, changed, repeated, spoken, wish
from training.tiny.pretraining.tools import MadeTool, offered, opening
from training.tiny.pretraining.values import said_number
from training.tiny.pretraining.words import ENGLISH, LANGUAGES, Draw, table

__all__ = ["DEVELOPER", "record"]

DEVELOPER = "You are a model that can do function calling with the following functions"
"""The sentence without which FunctionGemma calls nothing; the sample's rows begin with it too."""

_LANGUAGE_WEIGHTS = (20, 16, 16, 16, 16, 16)
_ARABIC_DESCRIPTIONS = 0.85


def record(rng: random.Random) -> JsonObject:
    """A conversation that no other row has."""
    draw = Draw(rng, rng.choices(LANGUAGES, _LANGUAGE_WEIGHTS)[0])
    arabic = draw.chance(0.1 if draw.language == ENGLISH else _ARABIC_DESCRIPTIONS)
    tools = offered(draw, arabic=arabic)
    make = rng.choices((_single, _parallel, _turns, _negative), (52, 16, 18, 14))[0]
    messages = [{"role": "developer", "content": DEVELOPER}, *make(draw, tools)]
    return {"messages": messages, "tools": [tool.declaration for tool in tools]}


def _single(draw: Draw, tools: list[MadeTool]) -> list[JsonObject]:
    asked = wish(draw, draw.pick(tools), tools)
    return _exchange(draw, asked.said, [asked], answered=draw.chance(0.2))


def _parallel(draw: Draw, tools: list[MadeTool]) -> list[JsonObject]:
    if len(tools) == 1 or draw.chance(0.5):
        wishes = repeated(draw, draw.pick(tools), tools)
        said = wishes[0].said
    else:
        wishes = [wish(draw, tool, tools) for tool in draw.rng.sample(tools, 2)]
        joint = draw.listed("and_then")
        said = f" {joint} ".join([one.said for one in wishes])
    return _exchange(draw, said, wishes, answered=draw.chance(0.2))


def _turns(draw: Draw, tools: list[MadeTool]) -> list[JsonObject]:
    first = wish(draw, draw.pick(tools), tools)
    second = changed(draw, first) if draw.chance(0.6) else wish(draw, draw.pick(tools), tools)
    return [
        *_exchange(draw, first.said, [first], answered=True),
        *_exchange(draw, second.said, [second], answered=draw.chance(0.3)),
    ]


def _negative(draw: Draw, tools: list[MadeTool]) -> list[JsonObject]:
    """Small talk, a request without a value that is needed, or one for something else."""
    share = draw.rng.random()
    if share < 0.3:  # noqa: PLR2004 - the shares stand side by side
        said, answer = draw.listed("talk")
    elif share < 0.55 or len(tools) == 1:  # noqa: PLR2004
        tool = draw.pick(tools)
        lacking = next(one for one in tool.parameters if one.name in tool.required)
        said, answer = opening(draw, tool, tools), draw.listed("asks").format(d=lacking.schema["description"])
    else:
        unknown = tools.pop()
        said = wish(draw, unknown, [*tools, unknown]).said
        answer = _filled(draw, draw.listed("refusals"), unknown)
    return [{"role": "user", "content": spoken(draw, said)}, {"role": "assistant", "content": answer}]


def _exchange(draw: Draw, said: str, wishes: list[Wish], *, answered: bool) -> list[JsonObject]:
    """A request and its calls, and if it is answered their results and what the model says of them."""
    messages: list[JsonObject] = [
        {"role": "user", "content": spoken(draw, said)},
        {"role": "assistant", "tool_calls": [one.call() for one in wishes]},
    ]
    if answered:
        results = [_result(draw, one) for one in wishes]
        messages += [
            {
                "role": "tool",
                "name": one.tool.name,
                "content": json.dumps(result, ensure_ascii=False, separators=(",", ":")),
            }
            for one, result in zip(wishes, results, strict=True)
        ]
        key, shown = draw.pick(list(results[0].items()))
        answer = _filled(draw, draw.listed("done").replace("{k}", key).replace("{v}", str(shown)), wishes[0].tool)
        messages.append({"role": "assistant", "content": answer})
    return messages


def _result(draw: Draw, asked: Wish) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for _ in range(draw.rng.randint(1, 2)):
        shown = draw.words(2) if draw.chance(0.5) else said_number(draw, draw.rng.randint(1, 9999)).meant
        result[draw.pick(table()["response_keys"])] = shown
    for name, value in asked.arguments.items():
        if isinstance(value, str) and draw.chance(0.4):
            result[name] = value
    return result


def _filled(draw: Draw, answer: str, tool: MadeTool) -> str:
    concept = tool.concept
    noun, thing = (concept.verb, concept.english_thing) if draw.english else (concept.action[3], concept.thing)
    return answer.replace("{noun}", noun.replace("_", " ")).replace("{object}", thing.replace("_", " "))
