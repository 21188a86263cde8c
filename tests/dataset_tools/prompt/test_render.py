"""The prompt equals the template's text byte for byte, or there is an error with path and reason."""

import copy
import pickle
from typing import Any

import pytest
from hypothesis import given, settings

from dataset_tools.errors import AfgError
from dataset_tools.prompt.render import RenderError, render, segments
from tests.prompt_rows import ARGUMENTS, TRIGGER, Row, call, call_row, calls, goldens, result, row, say, tool

CALL_END = "<end_function_call><start_function_response>"


def _declared(**schema: Any) -> str:
    """Return the text of a declared property ``p``."""
    text = render(row(say("user", "س"), tools=[tool(properties={"p": schema})]))
    return text.split("properties:{", 1)[1].rsplit("},type:<escape>OBJECT<escape>}}<end", 1)[0]


def _called(**arguments: Any) -> str:
    """Return the text of a call with those arguments, from its first brace."""
    return render(call_row(**arguments)).split("call:f", 1)[1].removesuffix(CALL_END)


def test_every_recorded_rendering_is_met_byte_for_byte() -> None:
    """Renderings of the published template."""
    rows = goldens()
    assert len(rows) >= 90
    assert [found["id"] for found in rows if render(found) != found["text"]] == []


def test_the_generation_flag_may_come_from_the_row_or_the_caller() -> None:
    """Both request the header of the model's turn."""
    asked = row(say("user", "س"))
    expected = render(asked) + "<start_of_turn>model\n"
    assert render(asked, generation_prompt=True) == expected
    assert render({**asked, "add_generation_prompt": True}) == expected
    assert render({**asked, "add_generation_prompt": False}) == render(asked)


def test_after_a_result_the_model_goes_on_in_its_own_turn() -> None:
    """There is no header there, before an answer, another call or the end."""
    begun = [say("user", "س"), calls(call(a=1)), result("ج")]
    text = render(row(*begun))
    assert text.endswith("response:f{value:<escape>ج<escape>}<end_function_response>")
    assert render(row(*begun), generation_prompt=True) == text
    assert render(row(*begun, say("assistant", "تم"))) == text + "تم<end_of_turn>\n"
    assert render(row(*begun, calls(call()))) == text + "<start_function_call>call:f{}" + CALL_END


@pytest.mark.parametrize(
    "arguments, expected",
    [
        ({}, "{}"),
        ({"b": 1, "A": 2, "a": 3, "ب": 4}, "{A:2,a:3,b:1,ب:4}"),
        ({"x": 1e-07, "y": 1.0, "z": 1e16, "w": -0.0}, "{w:-0.0,x:1e-07,y:1.0,z:1e+16}"),
        ({"n": 10**30, "t": True, "f": False}, "{f:false,n:1000000000000000000000000000000,t:true}"),
        ({"n": None, "l": [None]}, "{l:[None],n:None}"),
        ({"o": {"b": {}, "A": [[], {}]}}, "{o:{A:[[],{}],b:{}}}"),
        ({"s": " {},:[]\n", "e": ""}, "{e:<escape><escape>,s:<escape> {},:[]\n<escape>}"),
    ],
)
def test_values_are_written_as_the_template_writes_them(arguments: Row, expected: str) -> None:
    """Keys are sorted case-insensitively, numbers are Python's repr, null is None, strings are unchanged."""
    assert _called(**arguments) == expected


@pytest.mark.parametrize(
    "schema, expected",
    [
        ({"type": "string"}, "p:{description:<escape><escape>,type:<escape>STRING<escape>}"),
        (
            {"type": "string", "description": " و ", "enum": ["ب", 1]},
            "p:{description:<escape> و <escape>,enum:[<escape>ب<escape>,1],type:<escape>STRING<escape>}",
        ),
        (
            {"type": "integer", "enum": [1], "minimum": 0, "default": 3, "format": "x", "nullable": True},
            "p:{description:<escape><escape>,type:<escape>INTEGER<escape>}",
        ),
        ({"type": "object"}, "p:{description:<escape><escape>,properties:{},type:<escape>OBJECT<escape>}"),
        (
            {"type": "object", "properties": {"type": {"type": "string"}}, "required": ["type"]},
            "p:{description:<escape><escape>,properties:{},required:[<escape>type<escape>],type:<escape>OBJECT<escape>}",
        ),
        ({"type": "array"}, "p:{description:<escape><escape>,type:<escape>ARRAY<escape>}"),
        ({"type": "array", "items": {}}, "p:{description:<escape><escape>,type:<escape>ARRAY<escape>}"),
        (
            {"type": "array", "items": {"type": "integer", "minimum": 1, "Default": None, "enum": [1, 2]}},
            (
                "p:{description:<escape><escape>,items:{enum:[1,2],minimum:1,type:<escape>INTEGER<escape>},"
                "type:<escape>ARRAY<escape>}"
            ),
        ),
        (
            {"type": "array", "items": {"type": "array", "items": {"type": "string"}}},
            (
                "p:{description:<escape><escape>,items:{items:{<escape>type<escape>:<escape>string<escape>},"
                "type:<escape>ARRAY<escape>},type:<escape>ARRAY<escape>}"
            ),
        ),
    ],
)
def test_properties_are_declared_as_the_template_declares_them(schema: Row, expected: str) -> None:
    """Keywords of the type are between description and type; keywords that the template drops are dropped."""
    assert _declared(**schema) == expected


def test_a_tool_without_parameters_has_no_block() -> None:
    """Empty and missing parameters are omitted; empty properties leave only the type."""
    ends: dict[str, list[Row]] = {
        "<escape>د<escape>}<end": [{}, {"parameters": {}}],
        "<escape>د<escape>,parameters:{type:<escape>OBJECT<escape>}}<end": [
            {"parameters": {"type": "object", "properties": {}, "required": []}}
        ],
    }
    for expected, functions in ends.items():
        for extra in functions:
            declared = {"function": {"name": "f", "description": "د", **extra}}
            assert f"declaration:f{{description:{expected}_" in render(row(say("user", "س"), tools=[declared]))


def test_contents_are_trimmed_and_several_developers_keep_their_turns() -> None:
    """White space around a message is removed; only the first developer turn has the declarations."""
    text = render(row(say("user", "\n أ "), say("assistant", " ب\t"), say("developer", " ت "), say("user", "ث")))
    assert text.endswith(
        "<end_function_declaration><end_of_turn>\n<start_of_turn>user\nأ<end_of_turn>\n"
        "<start_of_turn>model\nب<end_of_turn>\n"
        "<start_of_turn>developer\nت<end_of_turn>\n<start_of_turn>user\nث<end_of_turn>\n"
    )


USER, ANSWER = say("user", "س"), say("assistant", "ج")
PROPERTY = "tools[0].function.parameters.properties.p"


def _with(schema: Any) -> Row:
    return row(USER, tools=[tool(properties={"p": schema})])


def _deep(levels: int) -> Row:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return call_row(a=value)


REFUSED: list[tuple[str, Row, str, str]] = [
    ("no messages", {"messages": [], "tools": []}, "messages", "no messages"),
    ("tools as text", {"messages": [USER], "tools": "[]"}, "tools", "must be a list"),
    ("tools without a developer", {"messages": [USER], "tools": [tool()]}, "messages[0]", "without a developer turn"),
    ("user after a call", row(USER, calls(call()), USER), "messages[3]", "unanswered call"),
    ("answer after a call", row(USER, calls(call()), ANSWER), "messages[3]", "unanswered call"),
    ("developer after a call", row(USER, calls(call()), say("developer", "x")), "messages[3]", "unanswered call"),
    ("generation after a call", {**call_row(), "add_generation_prompt": True}, "messages", "generation prompt"),
    ("user after a result", row(USER, calls(call()), result("x"), USER), "messages[4]", "directly after a result"),
    ("result without a call", row(USER, result("x")), "messages[2]", "result without a call"),
    ("result after an answer", row(USER, ANSWER, result("x")), "messages[3]", "result without a call"),
    ("result without a name", row(USER, calls(call()), {"role": "tool", "content": "x"}), "messages[3].name", "null"),
    ("result as a list", row(USER, calls(call()), result(["x"])), "messages[3].content", "text or an object"),
    (
        "wrapped result",
        row(USER, calls(call()), result({"name": "f", "response": 1})),
        "messages[3].content",
        "keys name and response",
    ),
    ("later system message", row(USER, ANSWER, say("system", "x")), "messages[3]", "system message"),
    ("unknown role", row(say("human", "x")), "messages[1].role", "unknown role"),
    ("content in parts", row(say("user", [{"type": "text", "text": "x"}])), "messages[1].content", "must be text"),
    ("no content", row({"role": "user"}), "messages[1].content", "must be text, not null"),
    ("silent assistant", row(USER, {"role": "assistant"}), "messages[2]", "neither content nor calls"),
    ("arguments as text", row(USER, calls({"function": {"name": "f", "arguments": "{}"}})),
     "messages[2].tool_calls[0].function.arguments", "decode the text first"),
    ("no arguments", row(USER, calls({"function": {"name": "f"}})),
     "messages[2].tool_calls[0].function.arguments", "must be an object"),
    ("call without wrapper", row(USER, calls({"name": "f", "arguments": {}})), "messages[2].tool_calls[0]", "wrapper"),
    ("call without a name", row(USER, calls({"function": {"name": "", "arguments": {}}})),
     "messages[2].tool_calls[0].function.name", "name is missing"),
    ("infinity", call_row(a=[float("inf")]), "messages[2].tool_calls[0].function.arguments.a[0]", "inf is not"),
    ("not a number", call_row(a=float("nan")), "messages[2].tool_calls[0].function.arguments.a", "nan is not"),
    ("endless digits", call_row(a=10**5000), "messages[2].tool_calls[0].function.arguments.a", "4000 digits"),
    ("no JSON", call_row(a={1}), "messages[2].tool_calls[0].function.arguments.a", "a set is not a JSON"),
    ("a key that is no text", call_row(a={1: 2}), "messages[2].tool_calls[0].function.arguments.a", "not int"),
    ("too deep", _deep(200), "messages[2].tool_calls[0].function.arguments.a" + "[0]" * 199, "nested deeper than 200"),
    ("tool without wrapper", row(USER, tools=[{"name": "f", "parameters": {}}]), "tools[0]", "wrapper"),
    ("tool that is no object", row(USER, tools=["f"]), "tools[0]", "wrapper"),  # type: ignore[list-item]
    ("tool without a name", row(USER, tools=[tool("")]), "tools[0].function.name", "name is missing"),
    ("null description", row(USER, tools=[{"function": {"name": "f", "description": None}}]),
     "tools[0].function.description", "not null"),
    ("parameters without type", row(USER, tools=[{"function": {"name": "f", "parameters": {"properties": {}}}}]),
     "tools[0].function.parameters", "no type"),
    ("parameters as text", row(USER, tools=[{"function": {"name": "f", "parameters": "x"}}]),
     "tools[0].function.parameters", "must be a schema"),
    ("a tool that is no JSON", row(USER, tools=[tool(properties={"p": {1}})]), "tools[0]", "cannot be written as JSON"),
    ("list of types", _with({"type": ["string", "null"]}), f"{PROPERTY}.type", "list of types"),
    ("anyOf", _with({"anyOf": [{"type": "string"}]}), PROPERTY, "anyOf instead of a type"),
    ("empty type", _with({"type": ""}), PROPERTY, "no type"),
    ("schema that is no object", _with(True), PROPERTY, "must be a schema"),  # noqa: FBT003
    ("null property description", _with({"type": "string", "description": None}), f"{PROPERTY}.description", "null"),
    ("enum that is no list", _with({"type": "string", "enum": {"a": 1}}), f"{PROPERTY}.enum", "must be a list"),
    ("required that is no list", _with({"type": "object", "properties": {}, "required": True}),
     f"{PROPERTY}.required", "list of names"),
    ("object without properties", _with({"type": "object", "additionalProperties": False}), PROPERTY, "'additional"),
    ("items with two types", _with({"type": "array", "items": {"type": ["string", "null"]}}),
     f"{PROPERTY}.items.type", "list of types"),
    ("items with anyOf", _with({"type": "array", "items": {"anyOf": []}}), f"{PROPERTY}.items", "anyOf instead"),
    ("properties as a list", _with({"type": "object", "properties": [1]}), f"{PROPERTY}.properties", "an object"),
    ("nested property", _with({"type": "array", "items": {"type": "object", "properties": {"q": {}}}}),
     f"{PROPERTY}.items.properties.q", "no type"),
]  # fmt: skip


@pytest.mark.parametrize("bad, where, what", [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_what_the_template_cannot_express_is_an_error(bad: Row, where: str, what: str) -> None:
    """The error is our own, has path and reason, is the same each time, and can be pickled."""
    for _ in range(2):  # a failed declaration is remembered, too
        with pytest.raises(RenderError) as caught:
            render(bad)
        assert caught.value.where == where
        assert what in str(caught.value)
    assert isinstance(caught.value, AfgError)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301 - our own bytes


TOKENS = ["pad", "eos", "bos", "unk", "escape", "start_of_turn", "end_of_turn"] + [
    f"{side}_function_{what}" for side in ("start", "end") for what in ("declaration", "call", "response")
]


@pytest.mark.parametrize("name", TOKENS)
def test_a_control_token_in_any_text_is_refused(name: str) -> None:
    """This holds for messages, names, keys, values, results and declarations; similar text is allowed."""
    token = f"أ<{name}>"
    bad = [
        {"messages": [say("developer", token)], "tools": []},
        row(say("user", token)),
        row(USER, say("assistant", token)),
        call_row(**{token: 1}),
        call_row(a=token),
        call_row(a=[{"b": token}]),
        row(USER, calls(call(token))),
        row(USER, calls(call()), result(token)),
        row(USER, calls(call()), result({token: 1})),
        row(USER, calls(call()), result("x", token)),
        row(USER, tools=[tool(token)]),
        row(USER, tools=[{"function": {"name": "f", "description": token}}]),
        _with({"type": "string", "description": token}),
        _with({"type": "string", "enum": [token]}),
        _with({"type": token}),
        row(USER, tools=[tool(properties={token: {"type": "string"}})]),
        row(USER, tools=[tool(required=[token])]),
    ]
    for one in bad:
        with pytest.raises(RenderError, match=f"control token <{name}>"):
            render(one)
    assert f"<{name} >" in render(row(say("user", f"<{name} >")))


def test_an_altered_tool_is_declared_as_it_is_now() -> None:
    """Declarations are cached by content, not by object."""
    declared = tool()
    first = render(row(USER, tools=[declared]))
    declared["function"]["description"] = "جديد"
    assert render(row(USER, tools=[declared])) == first.replace("<escape>د<escape>", "<escape>جديد<escape>")


@given(ARGUMENTS)
@settings(max_examples=50)
def test_rendering_leaves_the_row_alone_and_is_its_segments(arguments: Row) -> None:
    """The row is unchanged, and the text is the concatenation of the segments."""
    given_row = call_row(o=arguments)
    before = copy.deepcopy(given_row)
    assert render(given_row) == "".join(segment.text for segment in segments(given_row))
    assert given_row == before
    assert render(given_row).startswith(f"<bos><start_of_turn>developer\n{TRIGGER}<start_function_declaration>")
