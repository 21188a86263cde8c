"""The record as JSON Schema and as types: both agree, and the bundled sample is valid."""

import json
from typing import Any, get_type_hints

import pytest
from jsonschema import Draft202012Validator

import schemas
from dataset_tools.bundled import sample_path
from schemas import record as types

SCHEMA = schemas.load("record")
SHAPES = {
    "Record": SCHEMA,
    "Source": SCHEMA["properties"]["source"],
    "Message": SCHEMA["$defs"]["message"],
    "ToolCall": SCHEMA["$defs"]["tool_call"],
    "FunctionCall": SCHEMA["$defs"]["tool_call"]["properties"]["function"],
    "Tool": SCHEMA["$defs"]["tool"],
    "Function": SCHEMA["$defs"]["tool"]["properties"]["function"],
}
# Every record written by the project has these fields; they are optional in records written by hand.
WRITTEN = {"dialect", "domain", "source", "meta"}


@pytest.mark.parametrize("name", SHAPES)
def test_types_and_schema_have_the_same_fields(name: str) -> None:
    """Each typed dictionary has the schema's properties in its order, and the same ones are required."""
    typed, shape = getattr(types, name), SHAPES[name]
    assert list(get_type_hints(typed)) == list(shape["properties"])
    assert typed.__required_keys__ - WRITTEN == set(shape["required"])


def test_the_roles_are_the_same() -> None:
    """The schema allows the roles that the type names."""
    assert list(types.Role.__args__) == SHAPES["Message"]["properties"]["role"]["enum"]


def test_the_schemas_are_valid_themselves() -> None:
    """Each schema is valid JSON Schema, Draft 2020-12."""
    for name in schemas.names():
        Draft202012Validator.check_schema(schemas.load(name))
    assert schemas.names() == ["record"]


def test_an_unknown_name_lists_the_schemas() -> None:
    """The error for an unknown schema lists the existing ones."""
    with pytest.raises(KeyError, match="no schema named 'tool'; schemas: record"):
        schemas.load("tool")


def test_the_schema_accepts_the_sample() -> None:
    """Every row of the bundled sample is a record."""
    validator = Draft202012Validator(SCHEMA)
    lines = sample_path().read_text(encoding="utf-8").splitlines()
    assert len(lines) == 480
    assert all(validator.is_valid(json.loads(line)) for line in lines)


_CALL = {"type": "function", "function": {"name": "f", "arguments": {}}}


@pytest.mark.parametrize(
    "message",
    [
        {"role": "user"},
        {"role": "assistant"},
        {"role": "tool", "content": "{}"},
        {"role": "tool", "name": "f", "content": ["x"]},
        {"role": "tool", "name": "f", "content": None},
        {"role": "user", "content": {"a": 1}},
        {"role": "assistant", "content": {}},
        {"role": "system", "content": "أنت مساعد"},
        {"role": "user", "content": "مرحبا", "tool_calls": [_CALL]},
        {"role": "assistant", "tool_calls": []},
        {"role": "assistant", "tool_calls": [{"type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "user", "content": "مرحبا", "weight": 1},
    ],
    ids=str,
)
def test_the_schema_refuses_what_the_template_cannot_render(message: dict[str, Any]) -> None:
    """Each of these messages makes a record invalid."""
    row = {"id": "r", "messages": [message], "tools": []}
    assert not Draft202012Validator(SCHEMA).is_valid(row)


@pytest.mark.parametrize("content", ["", "حار", {}, {"temp": 31, "days": [{"max": None}]}], ids=str)
def test_a_result_is_text_or_an_object(content: Any) -> None:
    """Objects of any form are allowed in tool messages."""
    row = {"id": "r", "messages": [{"role": "tool", "name": "f", "content": content}], "tools": []}
    assert Draft202012Validator(SCHEMA).is_valid(row)
