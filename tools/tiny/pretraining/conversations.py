"""Generated conversations: one user, a few tools, many requests.

Declarations are most of a row's text but only calls are trained, so long conversations teach more for the same work.
"""

import json
import random
from typing import Any

from schemas.record import JsonObject
from tools.tiny.pretraining.requests import Wish, changed, repeated, spoken, wish
from tools.tiny.pretraining.tools import MadeTool, offered, opening
from tools.tiny.pretraining.values import said_number
from tools.tiny.pretraining.words import ENGLISH, LANGUAGES, Draw, table

__all__ = ["DEVELOPER", "record"]

DEVELOPER = "You are a model that can do function calling with the following functions"
"""Sentence that FunctionGemma needs before it calls tools; the sample's rows begin with it, too."""

_LANGUAGE_WEIGHTS = (20, 16, 16, 16, 16, 16)
_ARABIC_DESCRIPTIONS = 0.85
_REQUESTS = (1, 3, 5, 7, 9, 11)


def record(rng: random.Random) -> JsonObject:
    """Return a random conversation."""
    draw = Draw(rng, rng.choices(LANGUAGES, _LANGUAGE_WEIGHTS)[0])
    arabic = draw.chance(0.1 if draw.language == ENGLISH else _ARABIC_DESCRIPTIONS)
    tools = offered(draw, arabic=arabic)
    # A tool that some requests ask for but that is not offered.
    absent = tools.pop() if len(tools) > 2 and draw.chance(0.5) else None
    messages: list[JsonObject] = [{"role": "developer", "content": DEVELOPER}]
    said: Wish | None = None
    for left in reversed(range(draw.pick(_REQUESTS))):
        answered = left > 0 or draw.chance(0.3)
        if draw.chance(0.1):
            messages += _negative(draw, tools, absent)
            continue
        if said and draw.chance(0.25):
            wishes = [changed(draw, said)]
        elif draw.chance(0.2):
            wishes = _parallel(draw, tools)
        else:
            wishes = [wish(draw, draw.pick(tools), tools)]
        messages += _exchange(draw, wishes, answered=answered)
        said = wishes[0] if len(wishes) == 1 else None
    return {"messages": messages, "tools": [tool.declaration for tool in tools]}


def _parallel(draw: Draw, tools: list[MadeTool]) -> list[Wish]:
    """Return several calls of one request, each with its text."""
    if len(tools) == 1 or draw.chance(0.6):
        return repeated(draw, draw.pick(tools), tools)
    wishes = [wish(draw, tool, tools) for tool in draw.rng.sample(tools, 2)]
    said = f" {draw.listed('and_then')} ".join([one.said for one in wishes])
    return [one._replace(said=said) for one in wishes]


def _negative(draw: Draw, tools: list[MadeTool], absent: MadeTool | None) -> list[JsonObject]:
    """Return a turn without a call: small talk, a request without a required value, or one for another tool."""
    share = draw.rng.random()
    if share < 0.3:
        said, answer = draw.listed("talk")
    elif share < 0.6 or absent is None:
        tool = draw.pick(tools)
        lacking = next(one for one in tool.parameters if one.name in tool.required)
        said, answer = opening(draw, tool, tools), draw.listed("asks").format(d=lacking.schema["description"])
    else:
        said = wish(draw, absent, [*tools, absent]).said
        answer = _filled(draw, draw.listed("refusals"), absent)
    return [{"role": "user", "content": spoken(draw, said)}, {"role": "assistant", "content": answer}]


def _exchange(draw: Draw, wishes: list[Wish], *, answered: bool) -> list[JsonObject]:
    """Return a request and its calls; if ``answered``, also their results and the final answer."""
    messages: list[JsonObject] = [
        {"role": "user", "content": spoken(draw, wishes[0].said)},
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
    shown = draw.words(2) if draw.chance(0.5) else said_number(draw, draw.rng.randint(1, 9999)).meant
    result: dict[str, Any] = {draw.pick(table()["response_keys"]): shown}
    said = {name: value for name, value in asked.arguments.items() if isinstance(value, str) and draw.chance(0.15)}
    return result | said


def _filled(draw: Draw, answer: str, tool: MadeTool) -> str:
    concept = tool.concept
    noun, thing = (concept.verb, concept.english_thing) if draw.english else (concept.action[3], concept.thing)
    return answer.replace("{noun}", noun.replace("_", " ")).replace("{object}", thing.replace("_", " "))
