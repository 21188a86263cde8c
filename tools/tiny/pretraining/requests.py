"""Requests of a user with tool and values, and the expected calls."""

from typing import Any, NamedTuple

from dataset_tools.records.messages import call
from schemas.record import ToolCall
from tools.tiny.pretraining.parameters import Parameter
from tools.tiny.pretraining.tools import MadeTool, opening
from tools.tiny.pretraining.values import Value
from tools.tiny.pretraining.words import Draw

__all__ = ["Wish", "changed", "repeated", "spoken", "wish"]


class Wish(NamedTuple):
    """A request for one tool.

    Attributes:
        tool: the tool.
        said: the request's text.
        arguments: arguments of the expected call.
    """

    tool: MadeTool
    said: str
    arguments: dict[str, Any]

    def call(self) -> ToolCall:
        """Return the expected call."""
        return call(self.tool.name, self.arguments)


def wish(draw: Draw, tool: MadeTool, tools: list[MadeTool]) -> Wish:
    """Return a request for a tool with all required and some optional values, in random order."""
    values = _values(draw, tool)
    parts = [made.said for made in values.values()]
    draw.rng.shuffle(parts)
    # Some requests consist of values only.
    bare = any(one.telling for one in tool.parameters if one.name in values) and draw.chance(0.12)
    opened = draw.listed("bare") if bare else opening(draw, tool, tools)
    return Wish(tool, _composed(draw, opened, parts), {name: one.meant for name, one in values.items()})


def repeated(draw: Draw, tool: MadeTool, tools: list[MadeTool]) -> list[Wish]:
    """Return one request for several calls of a tool, which differ in one value or in all."""
    if draw.chance(0.4):
        return _side_by_side(draw, tool, tools)
    first = _values(draw, tool)
    varied = next(one for one in tool.parameters if one.name in first)
    fixed = {name: one for name, one in first.items() if name != varied.name}
    values: list[Value] = []
    for _ in range(draw.pick((2, 2, 3))):
        made = varied.mention(draw)
        if made.meant not in [one.meant for one in values]:
            values.append(made)
    joined = (" and " if draw.english else draw.pick((" و", " و", "، ", " و "))).join([one.said for one in values])
    said = _composed(draw, opening(draw, tool, tools), [joined, *[one.said for one in fixed.values()]])
    same = {name: one.meant for name, one in fixed.items()}
    return [Wish(tool, said, {**same, varied.name: one.meant}) for one in values]


def _side_by_side(draw: Draw, tool: MadeTool, tools: list[MadeTool]) -> list[Wish]:
    """Return several calls of a tool, each with its own values, after one opening."""
    calls = [_values(draw, tool)]
    calls += [{name: _by_name(tool, name).mention(draw) for name in calls[0]} for _ in range(draw.pick((1, 1, 2)))]
    joint = " and " if draw.english else draw.pick((" و", " و ", "، و", " وكمان "))
    parts = joint.join([" ".join([made.said for made in one.values()]) for one in calls])
    said = _composed(draw, opening(draw, tool, tools), [parts])
    wishes = [Wish(tool, said, {name: made.meant for name, made in one.items()}) for one in calls]
    return [one for at, one in enumerate(wishes) if one.arguments not in [other.arguments for other in wishes[:at]]]


def _by_name(tool: MadeTool, name: str) -> Parameter:
    return next(one for one in tool.parameters if one.name == name)


def changed(draw: Draw, before: Wish) -> Wish:
    """Return a follow-up: the same request with another value."""
    parameter = draw.pick([one for one in before.tool.parameters if one.name in before.arguments])
    made = parameter.mention(draw)
    frames = (
        ("what about {}", "and {}", "the same {}")
        if draw.english
        else ("و{}", "طيب و{}", "وإذا {}", "ونفس الشي {}", "لا، {}")
    )
    return Wish(before.tool, draw.pick(frames).format(made.said), {**before.arguments, parameter.name: made.meant})


def spoken(draw: Draw, said: str) -> str:
    """Add a greeting, an aside or punctuation to a request."""
    if draw.chance(0.3):
        said = f"{draw.listed('greetings')}{draw.pick((' ', ', ' if draw.english else '، '))}{said}"
    if draw.chance(0.08):
        said = f"{draw.words(3)}{draw.pick((' ', ', ' if draw.english else '، '))}{said}"
    if draw.chance(0.2):
        aside = draw.listed("asides") if draw.chance(0.7) else draw.words(4)
        said = f"{said}, {aside}" if draw.english else f"{said}{draw.pick((' ', '، '))}{aside}"
    if draw.chance(0.25):
        said = f"{said} {draw.listed('closings')}"
    return said + draw.pick(("", "", ".", "?" if draw.english else "؟"))


def _values(draw: Draw, tool: MadeTool) -> dict[str, Value]:
    chosen: list[Parameter] = [one for one in tool.parameters if one.name in tool.required or draw.chance(0.35)]
    return {one.name: one.mention(draw) for one in chosen}


def _composed(draw: Draw, opened: str, parts: list[str]) -> str:
    """Join the opening and the values, mostly in this order."""
    if parts and draw.chance(0.15):
        return f"{parts[0]}{draw.pick((' ', ', ' if draw.english else '، '))}{' '.join([opened, *parts[1:]])}"
    separators = (" ", " ", " and ", ", ") if draw.english else (" ", " ", " و", "، ", "، ")
    said = opened
    for at, part in enumerate(parts):
        said += (draw.pick(separators) if at else " ") + part
    return said.strip()
