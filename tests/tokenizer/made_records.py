"""Records of every shape that the prompt has a form for, and some that it has not."""

from itertools import chain
from typing import Any

from hypothesis import strategies as st
from prompt_rows import ARGUMENTS, KEYS, MADE_CALLS, NAMES, SCALARS, TEXTS, VALUES, Row, calls, result, say

_PROPERTY_NAMES = KEYS | st.sampled_from(["type", "description", "required", "properties", "nullable", "items", "Type"])
_REQUIRED = st.lists(_PROPERTY_NAMES, max_size=3)


def _schema(inner: st.SearchStrategy[Row], kind: str) -> st.SearchStrategy[Row]:
    """A schema of one type; null stands for what cleaning would have taken out."""
    optional: dict[str, st.SearchStrategy[Any]] = {"description": TEXTS, "nullable": st.booleans(), "default": VALUES}
    if kind == "array":
        optional["items"] = inner | st.builds(lambda one, key: {**one, key: None}, inner, KEYS) | st.just({})
    elif kind == "object":
        optional["required"] = _REQUIRED
        optional["properties"] = st.dictionaries(_PROPERTY_NAMES, inner, max_size=3)
    else:
        optional |= {"enum": st.lists(SCALARS, max_size=3), "minimum": SCALARS, "format": TEXTS}
    written = st.sampled_from([kind, kind.upper(), kind.title()])
    return st.fixed_dictionaries({"type": written}, optional=optional)


_LEAVES = st.sampled_from(["string", "integer", "number", "boolean", "array"]).flatmap(
    lambda kind: _schema(st.just({"type": "string"}), kind)
)
_SCHEMAS = st.recursive(_LEAVES, lambda inner: _schema(inner, "array") | _schema(inner, "object"), max_leaves=6)
_FUNCTIONS = st.fixed_dictionaries(
    {"name": NAMES}, optional={"description": TEXTS, "parameters": _schema(_SCHEMAS, "object") | st.just({})}
)
_TOOLS = st.builds(lambda function: {"type": "function", "function": function}, _FUNCTIONS)
_RESULTS = st.builds(result, TEXTS | ARGUMENTS, NAMES)
_ANSWERS = st.builds(lambda text: say("assistant", text), TEXTS)
_USERS = st.builds(lambda text: say("user", text), TEXTS)
_CALLS = st.builds(lambda made, content: calls(*made, content=content), MADE_CALLS, st.none() | TEXTS)
_ROUNDS = st.builds(lambda called, results: [called, *results], _CALLS, st.lists(_RESULTS, min_size=1, max_size=3))


@st.composite
def records(draw: st.DrawFn) -> Row:
    """A developer's turn or none, whole exchanges, and one that may stop at any point."""
    first = draw(st.sampled_from(["developer", "system", ""]))
    messages = [say(first, draw(TEXTS))] if first else []
    for _ in range(draw(st.integers(0, 2))):
        rounds = draw(st.lists(_ROUNDS, max_size=2))
        messages += [draw(_USERS), *chain.from_iterable(rounds), draw(_ANSWERS)]
    last = [draw(_USERS), *draw(_ROUNDS), *draw(_ROUNDS), draw(_ANSWERS)]
    messages += last[: draw(st.integers(0 if messages else 1, len(last)))]
    tools = draw(st.lists(_TOOLS, max_size=3)) if first else []
    return {"messages": messages, "tools": tools, "add_generation_prompt": draw(st.booleans())}
