"""Rows and strategies that the tests of prompt and template share, and the recorded texts of the chat template."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

TRIGGER = "You are a model that can do function calling with the following functions"
ROOT = Path(__file__).parents[1]

Row = dict[str, Any]


def goldens() -> list[Row]:
    """Rows with the text that the published template gave for each; the test is skipped where they are not at hand."""
    data = Path(os.environ.get("AFG_SHARED_DATA") or ROOT.parent / "shared" / "data")
    path = data.parent / "golden" / "render.jsonl"
    if not path.is_file():
        pytest.skip(f"no recorded renderings in {path}: set AFG_SHARED_DATA to the folder next to theirs")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def tool(name: str = "f", **parameters: Any) -> Row:
    """A declaration; without ``properties`` it has no parameters."""
    function: Row = {"name": name, "description": "د"}
    if parameters:
        function["parameters"] = {"type": "object", **parameters}
    return {"type": "function", "function": function}


def call(name: str = "f", **arguments: Any) -> Row:
    """One call of an assistant message."""
    return {"type": "function", "function": {"name": name, "arguments": arguments}}


def calls(*made: Row, content: str | None = None) -> Row:
    """An assistant message with calls."""
    text = {} if content is None else {"content": content}
    return {"role": "assistant", **text, "tool_calls": list(made)}


def say(role: str, content: Any) -> Row:
    """A message of text."""
    return {"role": role, "content": content}


def result(content: Any, name: str = "f") -> Row:
    """A tool's result."""
    return {"role": "tool", "name": name, "content": content}


def row(*messages: Row, tools: list[Row] | None = None) -> Row:
    """A row that begins with the developer's turn."""
    return {
        "id": "r",
        "messages": [say("developer", TRIGGER), *messages],
        "tools": [tool()] if tools is None else tools,
    }


def call_row(**arguments: Any) -> Row:
    """A row with one call of those arguments."""
    return row(say("user", "س"), calls(call(**arguments)))


# Letters that the format gives a meaning, and Arabic; of the control tokens only the short ones could come of them.
_LETTERS = st.sampled_from('{},:[]\n "\\<>_abescTrue0159.-+eأبجدة٣،😀')
_WORDS = st.text(_LETTERS, max_size=12) | st.text(st.characters(codec="utf-8"), max_size=6)
TEXTS = _WORDS.filter(lambda text: not re.search("<(pad|eos|bos|unk|escape)>", text))
KEYS = st.sampled_from(["city", "City", "b", "المدينة", "a b", "x.y-z", "<", "call", '"q"']) | st.text(
    st.sampled_from("abXYمنط_.-\"'<>"), min_size=1, max_size=5
)
NUMBERS = (
    st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([1e-07, 1e300, -0.0, 1.0, 10**40, -(2**63)])
)
SCALARS = st.booleans() | NUMBERS | TEXTS
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)
ARGUMENTS = st.dictionaries(KEYS, VALUES, max_size=4)
NAMES = st.sampled_from(["get_weather", "a.b-c", "طقس_اليوم", "ns:f", "call"])
MADE_CALLS = st.lists(
    st.builds(lambda name, arguments: {"type": "function", "function": {"name": name, "arguments": arguments}},
              NAMES, ARGUMENTS), min_size=1, max_size=3,
)  # fmt: skip
