"""Strategies for records that the prompt can express, and for some that it cannot."""

from itertools import chain

from hypothesis import strategies as st

from tests.prompt_rows import ARGUMENTS, KEYS, MADE_CALLS, NAMES, SCALARS, TEXTS, Row, calls, result, say

_PROPERTY_NAMES = st.sampled_from(
    ["city", "City", "المدينة", "x.y-z", "type", "description", "required", "properties", "nullable", "items", "Type"]
)
_REQUIRED = st.lists(_PROPERTY_NAMES, max_size=3)
_SMALL = st.none() | st.booleans() | st.integers(-9, 9) | TEXTS
_ENUM = st.lists(_SMALL, max_size=3)


def _schema(inner: st.SearchStrategy[Row], kind: str, *, fewest: int = 0) -> st.SearchStrategy[Row]:
    """Return a schema of one type, with keywords that the format keeps for some types only."""
    written = {"type": st.sampled_from([kind, kind.upper(), kind.title()])}
    optional = {"description": TEXTS, "enum": _ENUM, "nullable": st.booleans()}
    if kind == "array":
        optional["items"] = _ITEMS | inner
    elif kind == "object":
        optional["required"] = _REQUIRED
        written["properties"] = st.dictionaries(_PROPERTY_NAMES, inner, min_size=fewest, max_size=3)
    else:
        optional |= {"minimum": _SMALL, "format": TEXTS}
    return st.fixed_dictionaries(written, optional=optional)


# An array's items keep all their keywords, whatever these hold.
_ITEMS = st.just({}) | st.fixed_dictionaries(
    {"type": st.sampled_from(["string", "object", "integer"])},
    optional={
        "enum": _ENUM,
        "default": st.none() | st.lists(st.dictionaries(KEYS, SCALARS, max_size=2), max_size=2),
        "required": _REQUIRED,
        "properties": st.dictionaries(_PROPERTY_NAMES, st.just({"type": "string", "enum": ["أ"]}), max_size=2),
        "description": st.none() | TEXTS,
    },
)
_KINDS = st.sampled_from(["string", "integer", "number", "boolean", "array"])
_LEAVES = _KINDS.flatmap(lambda kind: _schema(st.just({"type": "string"}), kind))
_SCHEMAS = st.recursive(_LEAVES, lambda inner: _schema(inner, "array") | _schema(inner, "object"), max_leaves=4)
_FUNCTIONS = st.fixed_dictionaries(
    {"name": NAMES, "parameters": _schema(_SCHEMAS, "object", fewest=1)}, optional={"description": TEXTS}
) | st.fixed_dictionaries({"name": NAMES}, optional={"parameters": st.just({})})
TOOLS = st.builds(lambda function: {"type": "function", "function": function}, _FUNCTIONS)
_RESULTS = st.builds(result, TEXTS | ARGUMENTS, NAMES)
_ANSWERS = st.builds(lambda text: say("assistant", text), TEXTS)
_USERS = st.builds(lambda text: say("user", text), TEXTS)
_CALLS = st.builds(lambda made, content: calls(*made, content=content), MADE_CALLS, st.none() | TEXTS)
_ROUNDS = st.builds(lambda called, results: [called, *results], _CALLS, st.lists(_RESULTS, min_size=1, max_size=3))


@st.composite
def records(draw: st.DrawFn) -> Row:
    """Return messages: an optional developer turn, complete exchanges, and one that may stop anywhere."""
    first = draw(st.sampled_from(["developer", "developer", "system", ""]))
    messages = [say(first, draw(TEXTS))] if first else []
    for _ in range(draw(st.integers(0, 2))):
        rounds = draw(st.lists(_ROUNDS, max_size=2))
        messages += [draw(_USERS), *chain.from_iterable(rounds), draw(_ANSWERS)]
    last = [draw(_USERS), *draw(_ROUNDS), *draw(_ROUNDS), draw(_ANSWERS)]
    messages += last[: draw(st.integers(0 if messages else 1, len(last)))]
    tools = draw(st.lists(TOOLS, max_size=2)) if first else []
    return {"messages": messages, "tools": tools, "add_generation_prompt": draw(st.booleans())}
