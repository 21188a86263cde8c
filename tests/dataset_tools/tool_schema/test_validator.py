"""Compiled schemas: correct verdicts, matching explanations, and safety against hostile schemas."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import referencing
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset_tools.tool_schema.validator import InvalidSchemaError, SchemaError, Validator, dotted
from tests.properties import examples

ROOT = Path(__file__).parents[3]
TYPES = ["string", "integer", "number", "boolean", "null", "array", "object"]
PATTERNS = ["^05[0-9]{8}$", "^[a-z]+$", "[0-9]", "^(جدة|الرياض)$", "^.{2,4}$", "a|b", "^$", "^(?!x)"]
FORMATS = ["date", "ipv4", "ipv6", "uuid", "email", "date-time", "time"]
WORDS = st.sampled_from(
    ["", "جدة", "الرياض", "a", "ab", "x1", "0551234567", "٣", "2026-02-28", "2026-02-31", "127.0.0.1", "::1", "a@b.co",
     "2026-05-01T10:00:00Z", "10:00:00Z", "12345678-1234-1234-1234-123456789abc"]
)  # fmt: skip
NUMBERS = st.integers(-5, 12) | st.sampled_from([0.0, 0.5, 3.0, -2.25, 1e-7, 2**53, 2**63 - 1])
SCALARS = st.none() | st.booleans() | NUMBERS | WORDS
NAMES = st.sampled_from(["city", "days", "type", "المدينة"])
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=6
)

# Where the two engines give different verdicts, and ours (jsonschema-rs) decides: schema, value, our verdict.
DISAGREEMENTS: list[tuple[dict[str, Any], Any, bool]] = [
    ({"pattern": r"^\d$"}, "٣", False),  # JSON Schema's patterns are ECMA-262's, where \d is 0 to 9
    ({"pattern": "^a$"}, "a\n", False),  # and $ is the end of the text, not of its last line
    ({"multipleOf": 3}, 1e300, False),  # one computes with the exact value of the float, the other with its rounding
    ({"format": "email"}, "@", False),  # jsonschema asks for no more than the sign
]


def _leaf_schemas() -> st.SearchStrategy[dict[str, Any]]:
    small = st.integers(0, 4)
    return st.one_of(
        st.fixed_dictionaries({"type": st.sampled_from(TYPES)}),
        st.fixed_dictionaries({"type": st.lists(st.sampled_from(TYPES), min_size=1, max_size=3, unique=True)}),
        st.fixed_dictionaries({"enum": st.lists(SCALARS, min_size=1, max_size=4)}),
        st.fixed_dictionaries({"const": SCALARS}),
        st.fixed_dictionaries({}, optional={"minimum": NUMBERS, "exclusiveMaximum": NUMBERS}),
        st.fixed_dictionaries({}, optional={"minLength": small, "maxLength": small}),
        st.fixed_dictionaries({}, optional={"minItems": small, "maxItems": small, "uniqueItems": st.booleans()}),
        st.fixed_dictionaries({"multipleOf": st.sampled_from([1, 2, 3, 0.5])}),
        st.fixed_dictionaries({"pattern": st.sampled_from(PATTERNS)}),
        st.fixed_dictionaries({"format": st.sampled_from(FORMATS)}),
        st.fixed_dictionaries({"required": st.lists(NAMES, max_size=3, unique=True)}),
    )


def _grow(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    some = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        st.fixed_dictionaries(
            {"properties": st.dictionaries(NAMES, inner, max_size=3)},
            optional={
                "type": st.just("object"),
                "required": st.lists(NAMES, max_size=2, unique=True),
                "additionalProperties": st.booleans() | inner,
            },
        ),
        st.fixed_dictionaries({"items": inner}),
        st.fixed_dictionaries({"patternProperties": st.dictionaries(st.sampled_from(PATTERNS), inner, max_size=2)}),
        st.fixed_dictionaries({"anyOf": some}),
        st.fixed_dictionaries({"oneOf": some}),
        st.fixed_dictionaries({"allOf": some}),
        st.fixed_dictionaries({"not": inner}),
        st.fixed_dictionaries({"if": inner, "then": inner}, optional={"else": inner}),
    )


SCHEMAS = st.recursive(_leaf_schemas(), _grow, max_leaves=5)


def _jsonschema(schema: dict[str, Any]) -> Any:
    base = jsonschema.Draft202012Validator
    return base(schema, format_checker=base.FORMAT_CHECKER, registry=referencing.Registry())


def _nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(depth):
        schema = {"type": "object", "properties": {"a": schema}}
    return schema


def _errors(schema: dict[str, Any], value: Any) -> list[SchemaError]:
    return list(Validator(schema).errors(value))


@settings(max_examples=examples(500))
@given(SCHEMAS, VALUES)
def test_verdict_and_explanation_agree(schema: dict[str, Any], value: Any) -> None:
    """There are errors if and only if the value is invalid, each with a path in the value."""
    validator = Validator(schema)
    errors = list(validator.errors(value))
    assert (not errors) is validator.is_valid(value)
    for error in errors:
        part = value
        for step in error.path:
            part = part[step]
        assert error.message
        assert error.keyword


@settings(max_examples=examples(500))
@given(SCHEMAS, VALUES)
def test_verdict_is_the_reference_implementation_s(schema: dict[str, Any], value: Any) -> None:
    """jsonschema-rs and jsonschema agree on generated schemas and values."""
    assert Validator(schema).is_valid(value) is _jsonschema(schema).is_valid(value)


@pytest.mark.parametrize("schema, value, verdict", DISAGREEMENTS)
def test_known_disagreements(schema: dict[str, Any], value: Any, verdict: bool) -> None:  # noqa: FBT001
    """If both differ, our verdict counts and is explained; this test reports a difference that disappears."""
    validator = Validator(schema)
    assert validator.is_valid(value) is verdict
    assert _jsonschema(schema).is_valid(value) is not verdict
    assert bool(list(validator.errors(value))) is not verdict


def test_explanation() -> None:
    """An error has path, keyword, message and the allowed value."""
    schema = {
        "type": "object",
        "properties": {"city": {"enum": ["جدة", "الرياض"]}, "days": {"type": "integer"}},
        "required": ["city"],
    }
    assert _errors(schema, {"days": "٣"}) == [
        SchemaError(("days",), "type", "'٣' is not of type 'integer'", "integer"),
        SchemaError((), "required", "'city' is a required property", ["city"]),
    ]
    assert _errors(schema, {"city": "جده"}) == [
        SchemaError(("city",), "enum", "'جده' is not one of ['جدة', 'الرياض']", ["جدة", "الرياض"]),
    ]


def test_engine_s_own_explanation() -> None:
    """Explanations of the engine also have path, keyword and allowed value."""
    schema = {
        "properties": {"city": {"enum": ["جدة"]}, "type": False},
        "patternProperties": {"^x_": {"type": "integer"}},
    }
    errors = _errors(schema, {"city": "جده", "type": 1, "x_a": "ب"})
    assert {(error.path, error.keyword) for error in errors} == {
        (("city",), "enum"),
        (("type",), "falseSchema"),
        (("x_a",), "type"),
    }
    assert next(error.allowed for error in errors if error.keyword == "enum") == ["جدة"]


def test_dotted() -> None:
    """A path is written as in JavaScript, and the root is empty."""
    assert dotted(()) == ""
    assert dotted(("items", 2, "name")) == ".items[2].name"


@pytest.fixture
def counting_server() -> Iterator[tuple[str, list[str]]]:
    """Yield a local server that answers every request with a schema, and the requested paths."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            body = b'{"type": "string"}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(
    "template",
    [
        {"$ref": "URL/schema.json"},
        {"properties": {"a": {"$ref": "URL/schema.json#/$defs/x"}}},
        {"$id": "URL/root.json", "properties": {"a": {"$ref": "other.json"}}},
        {"$dynamicRef": "URL/schema.json"},
    ],
)
def test_remote_references_are_never_fetched(counting_server: tuple[str, list[str]], template: dict[str, Any]) -> None:
    """A schema that refers to a server is invalid, and the server gets no request."""
    url, asked = counting_server
    schema = json.loads(json.dumps(template).replace("URL", url))
    with pytest.raises(InvalidSchemaError) as caught:
        Validator(schema)
    assert url in caught.value.what
    assert asked == []


def test_a_remote_dialect_is_not_fetched(counting_server: tuple[str, list[str]]) -> None:
    """An unknown dialect is not fetched: the schema is read as Draft 2020-12."""
    url, asked = counting_server
    nested = {"$schema": f"{url}/dialect", "type": "integer"}
    validator = Validator({"$schema": f"{url}/dialect", "properties": {"a": nested}})
    assert [error.keyword for error in validator.errors({"a": "ب"})] == ["type"]
    assert asked == []


def test_files_are_never_read(tmp_path: Path) -> None:
    """A reference to a local file makes the schema invalid, even if the file is a schema."""
    file = tmp_path / "schema.json"
    file.write_text('{"type": "string"}', encoding="utf-8")
    with pytest.raises(InvalidSchemaError):
        Validator({"$ref": file.as_uri()})


HOSTILE = "a" * 40 + "!"
BACKTRACKING: list[tuple[dict[str, Any], Any]] = [
    ({"pattern": "^(a+)+$"}, HOSTILE),
    ({"pattern": "^(?=(a+)+$)"}, HOSTILE),
    ({"pattern": "^(?!b)(a+)+$"}, HOSTILE),
    ({"patternProperties": {"^(a+)+$": False}, "additionalProperties": False}, {HOSTILE: 1}),
    ({"patternProperties": {"^(?=(a+)+$)": False}, "additionalProperties": False}, {HOSTILE: 1}),
    ({"propertyNames": {"pattern": "^(a+)+$"}}, {HOSTILE: 1}),
    # A part that names its own dialect is where jsonschema would go back to Python's patterns.
    (
        {"properties": {"a": {"$schema": "http://json-schema.org/draft-07/schema#", "pattern": "^(a+)+$"}}},
        {"a": HOSTILE},
    ),
    (
        {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "properties": {"a": {"$ref": "#"}},
            "pattern": "^(a+)+$",
        },
        {"a": HOSTILE},
    ),
    ({"type": "integer", "anyOf": [{"pattern": "^(a+)+$"}, {"pattern": "^(?=(a|a)+$)"}]}, HOSTILE),
]


def test_backtracking_patterns_end() -> None:
    """Patterns that would take Python's engine years are refused or decided, also in explanations."""
    code = (
        "import json, sys\n"
        "from dataset_tools.tool_schema.validator import Validator\n"
        "for schema, value in json.load(sys.stdin):\n"
        "    validator = Validator(schema)\n"
        "    print(validator.is_valid(value), bool(list(validator.errors(value))))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps(BACKTRACKING),
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
        cwd=ROOT,
    )
    assert done.stderr == ""
    assert done.stdout.split("\n")[:-1] == ["False True"] * len(BACKTRACKING)


def test_recursive_references() -> None:
    """A schema may be recursive; one that only refers to itself accepts everything."""
    assert Validator({"$ref": "#"}).is_valid({"a": 1})
    tree = {"type": "object", "properties": {"child": {"$ref": "#"}}, "additionalProperties": False}
    assert Validator(tree).is_valid({"child": {"child": {}}})
    assert [error.path for error in _errors(tree, {"child": {"child": {"x": 1}}})] == [("child", "child")]


def test_deep_schema_is_refused() -> None:
    """A schema that is nested too deeply for the engine is invalid and does not crash."""
    with pytest.raises(InvalidSchemaError, match=r"[Rr]ecursion"):
        Validator(_nested(900))


def test_schema_of_some_depth_is_explained() -> None:
    """Errors have the right path, much deeper than in real schemas."""
    value: Any = 1
    for _ in range(60):
        value = {"a": value}
    assert [error.path for error in _errors(_nested(60), value)] == [("a",) * 60]


@pytest.mark.parametrize("depth", [90, 300, 5000])
def test_deep_value_is_explained(depth: int) -> None:
    """A value that is nested too deeply gets a verdict and a short reason."""
    value: Any = "جدة"
    for _ in range(depth):
        value = [value]
    tree = {"anyOf": [{"type": "string"}, {"type": "array", "minItems": 2, "items": {"$ref": "#"}}]}
    for schema in ({"type": "string"}, {"enum": [1]}, tree):
        errors = _errors(schema, value)
        assert len(errors) == 1
        assert len(errors[0].message) < 500
    assert Validator({"items": {"$ref": "#"}}).is_valid(value)


def test_what_is_no_json_is_refused() -> None:
    """A value that is not JSON is refused with a reason if the engine has to check it."""
    assert [error.keyword for error in _errors({"items": {"type": "string"}}, [object()])] == ["schema"]


@pytest.mark.parametrize(
    "schema, where",
    [
        ({"properties": {"a": {"pattern": "("}}}, "properties.a.pattern"),
        ({"patternProperties": {"[": {}}}, "patternProperties.["),
        ({"$ref": "#/$defs/x"}, ""),
        ({"properties": {"a": {"type": "strin"}}}, "properties.a.type"),
        ({"required": "city"}, "required"),
        ({"minimum": "1"}, "minimum"),
    ],
)
def test_invalid_schemas(schema: dict[str, Any], where: str) -> None:
    """An invalid schema is refused when it is compiled, with the path of the error."""
    with pytest.raises(InvalidSchemaError) as caught:
        Validator(schema)
    assert caught.value.where == where
    assert caught.value.what
    assert "\n" not in caught.value.what


def _doubling(levels: int) -> dict[str, Any]:
    parts = {f"a{n}": {"anyOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(levels)}
    return {"$defs": {**parts, f"a{levels}": {"type": "integer"}}, "$ref": "#/$defs/a0"}


def test_references_that_multiply_without_end_are_refused() -> None:
    """A small schema whose references double at each of 40 levels is invalid."""
    with pytest.raises(InvalidSchemaError, match="references multiply"):
        Validator(_doubling(40))


def test_references_that_multiply_are_not_explained_at_length() -> None:
    """A value with thousands of violations gets one short message."""
    validator = Validator(_doubling(11))
    assert validator.is_valid(3)
    assert not validator.is_valid("ثلاثة")
    (error,) = validator.errors("ثلاثة")
    assert error.message == "the value violates the schema in too many ways to list"
