"""Nullability: the same verdict as the validator, in bounded time."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from dataset_tools.tool_schema.coercion import admits_null, with_nullable
from dataset_tools.tool_schema.validator import Validator

_TYPES = st.sampled_from(["string", "null", "object"])
_LEAVES = st.fixed_dictionaries(
    {},
    optional={
        "type": _TYPES | st.lists(_TYPES, min_size=1, max_size=2, unique=True),
        "enum": st.sampled_from([["a"], ["a", None]]),
        "const": st.just("a"),
        "nullable": st.booleans(),
        "$ref": st.sampled_from(["#/$defs/text", "#/$defs/both"]),
    },
)
_SCHEMAS = st.recursive(
    _LEAVES,
    lambda inner: st.tuples(
        _LEAVES, st.dictionaries(st.sampled_from(["anyOf", "allOf"]), st.lists(inner, min_size=1, max_size=3))
    ).map(lambda parts: {**parts[0], **parts[1]}),
    max_leaves=8,
)
_DEFS = {"text": {"type": "string"}, "both": {"type": ["string", "null"]}}


@settings(deadline=None)
@given(_SCHEMAS)
def test_null_is_admitted_where_the_validator_takes_it(schema: dict[str, Any]) -> None:
    """With `nullable` converted to JSON Schema, both agree about every schema."""
    root = {"$defs": _DEFS, "properties": {"x": schema}}
    assert admits_null(schema, root) is Validator(with_nullable(root)).is_valid({"x": None})


def test_a_parameter_may_be_named_like_the_word() -> None:
    """Keys under properties are names, and values under const are data."""
    schema = {"properties": {"nullable": True, "type": {"const": {"nullable": True, "type": "x"}}}}
    assert with_nullable(schema) == schema


def test_circles_and_towers_of_references_end() -> None:
    """A schema that refers to itself refuses null; one that doubles with each level is visited once."""
    assert not admits_null({"$ref": "#"}, {"$ref": "#"})
    tower = {str(n): {"anyOf": [{"$ref": f"#/{n + 1}"}, {"$ref": f"#/{n + 1}"}]} for n in range(500)}
    assert not admits_null(tower["0"], tower)
