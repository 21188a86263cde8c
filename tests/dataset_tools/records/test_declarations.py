"""Conversion of foreign declarations to function-wrapped JSON Schema."""

from typing import TYPE_CHECKING, Any

import pytest

from dataset_tools.errors import RowError
from dataset_tools.records.declarations import TYPE_NAMES, read_tools

if TYPE_CHECKING:
    from dataset_tools.changes import Log


def _parameters(parameters: Any) -> tuple[Any, list[str]]:
    log: Log = []
    (tool,) = read_tools([{"type": "function", "function": {"name": "f", "parameters": parameters}}], log)
    return tool["function"].get("parameters"), [change.rule for change in log]


@pytest.mark.parametrize(
    "name,meaning",
    [
        *((name, {"type": meant}) for name, meant in TYPE_NAMES.items()),
        ("STRING", {"type": "string"}),
        ("List[int]", {"type": "array", "items": {"type": "integer"}}),
        ("List[Dict[str, int]]", {"type": "array", "items": {"type": "object"}}),
        ("List[Optional[int]]", {"type": "array", "items": {"type": "integer"}}),
        ("Tuple[float, float]", {"type": "array", "items": {"type": "number"}}),
        ("Tuple[int, str]", {"type": "array"}),
        ("Tuple[int, ...]", {"type": "array", "items": {"type": "integer"}}),
        ("Tuple[int, Callable]", {"type": "array"}),
        ("Tuple[List[int], List[int]]", {"type": "array", "items": {"type": "array", "items": {"type": "integer"}}}),
        ("Tuple[Dict[str, int], List[int]]", {"type": "array"}),
        ("List[Tuple[str, int]]", {"type": "array", "items": {"type": "array"}}),
        ("List[any]", {"type": "array"}),
        ("List[", {"type": "List["}),
        ("Tuple[int], str]", {"type": "array"}),
        ("Dict[str, int]", {"type": "object"}),
        ("List[Union[int, str]]", {"type": "array"}),
        ("any", {}),
        ("Callable[[float], float]", {"type": "Callable[[float], float]"}),
        ("n" * 500, {"type": "n" * 500}),
    ],
)
def test_type_names(name: str, meaning: dict[str, Any]) -> None:
    """Foreign type names become those of JSON Schema; unknown names are kept."""
    found, _ = _parameters({"type": "object", "properties": {"x": {"type": name}}})
    assert found["properties"]["x"] == meaning


@pytest.mark.parametrize("name", ["int, optional", "Optional[int]", "typing.Optional[int]"])
def test_an_optional_type_leaves_required(name: str) -> None:
    """An optional property is removed from ``required``."""
    schema = {"type": "object", "properties": {"x": {"type": name}, "y": {"type": "string"}}, "required": ["x", "y"]}
    found, rules = _parameters(schema)
    assert found["properties"]["x"] == {"type": "integer"}
    assert found["required"] == ["y"]
    assert rules == ["type-name", "optional-type"]


def test_a_property_map_becomes_a_schema() -> None:
    """The property map of xLAM becomes a schema, also with parameters named type or properties."""
    found, rules = _parameters({"type": {"type": "str"}, "properties": {"type": "int", "default": 1}})
    assert found == {
        "type": "object",
        "properties": {"type": {"type": "string"}, "properties": {"type": "integer", "default": 1}},
        "required": ["type"],
    }
    assert rules == ["property-map", "type-name", "type-name"]


def test_paths_of_a_cached_declaration() -> None:
    """Changes of a cached declaration have its present path."""
    raw = {"name": "f", "parameters": {"type": "dict", "properties": {}}}
    for count in (1, 3, 200):
        log: Log = []
        tools = read_tools([raw] * count, log)
        assert all(tool is tools[0] for tool in tools)
        expected = [f"tools[{n}]{end}" for n in range(count) for end in ("", ".function.parameters.type")]
        assert [change.path for change in log] == expected


def test_fields_of_the_wrapper_are_dropped() -> None:
    """Other fields of the wrapper are dropped and logged in the order of the row."""
    log: Log = []
    tool = {"type": "function", "function": {"name": "f"}, **dict.fromkeys("qwerty", 1), "z": None}
    assert read_tools([tool], log) == [{"type": "function", "function": {"name": "f"}}]
    assert [change.path for change in log] == [f"tools[0].{letter}" for letter in "qwerty"]


@pytest.mark.parametrize(
    "value",
    [
        '[{"name": "f"}]',
        ['{"name": "f"}'],
        [{"name": "f"}],
        {"name": "f"},
        "[{'name': 'f'}]",
        [{"type": "function", "name": "f"}],
    ],
)
def test_the_forms_of_a_list(value: Any) -> None:
    """Tools may be JSON text, a list of JSON texts, a list, a single tool, Python text, or flat."""
    assert read_tools(value, []) == [{"type": "function", "function": {"name": "f"}}]


@pytest.mark.parametrize(
    "value,code",
    [
        (5, "unreadable-tools"),
        ([5], "unreadable-tools"),
        ([{"description": "بلا اسم"}], "unreadable-tools"),
        ([{"name": ""}], "unreadable-tools"),
        ([{"name": "f", "x": 2**70}], "unreadable-tools"),
        ("[", "unreadable-json"),
    ],
)
def test_unreadable_declarations(value: Any, code: str) -> None:
    """Each fault has its code."""
    with pytest.raises(RowError) as caught:
        read_tools(value, [])
    assert caught.value.code == code


@pytest.mark.parametrize("levels", [70, 150, 600])
def test_a_schema_that_is_nested_too_deeply(levels: int) -> None:
    """It is rejected before the limits of Python and orjson are reached."""
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(levels):
        schema = {"type": "array", "items": schema}
    with pytest.raises(RowError) as caught:
        read_tools([{"name": "f", "parameters": {"type": "object", "properties": {"x": schema}}}], [])
    assert caught.value.code == "schema-too-deep"


def test_a_long_type_name_is_kept() -> None:
    """Text that is too long for a type name is not searched for one."""
    for name in (" " * 200_000, "int" + " " * 200):
        found, _ = _parameters({"x": {"type": name}})
        assert found["properties"]["x"] == {"type": name}
