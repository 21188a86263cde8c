"""Defects of declarations: invalid schemas, and parts that the chat template drops or cannot express."""

from collections.abc import Iterator
from typing import Any

from dataset_tools.checks.base import Defect, Rows, Scope, Severity, check
from dataset_tools.checks.row_view import Row
from dataset_tools.tool_schema.declaration import ToolView, described_values
from schemas.record import JsonObject

__all__: list[str] = []

# JSON Schema keywords that FunctionGemma's chat template silently drops.
_DROPPED = (
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "pattern",
    "format", "minItems", "maxItems", "uniqueItems", "const", "not", "if", "then", "else", "$ref", "oneOf", "allOf",
    "patternProperties", "prefixItems", "additionalProperties", "default",
)  # fmt: skip
_RESERVED = ("description", "type", "properties", "required", "nullable")


def _nodes(view: ToolView) -> Iterator[tuple[str, JsonObject]]:
    """Yield every schema of a declaration with its path, that of the parameters first."""
    stack: list[tuple[str, Any]] = [(".function.parameters", view.parameters)]
    while stack:
        path, schema = stack.pop()
        if not isinstance(schema, dict):
            continue
        yield path, schema
        properties = schema.get("properties")
        if isinstance(properties, dict):
            stack.extend((f"{path}.properties.{name}", item) for name, item in reversed(properties.items()))
        if isinstance(schema.get("items"), dict):
            stack.append((f"{path}.items", schema["items"]))


@check(Severity.ERROR, Scope.TOOL, example='"type": "strin"')
def invalid_tool_schema(view: ToolView) -> Iterator[Defect]:
    """The parameters of a tool are not a valid JSON Schema of an object (Draft 2020-12), or have outside references.

    Arguments cannot be checked against it, and the template renders it broken.
    """
    error = view.schema_error
    if error is not None:
        where = f".{error.where}" if error.where else ""
        yield Defect(f".function.parameters{where}", error.what)
    elif view.parameters and view.parameters.get("type", "object") != "object":
        kind = view.parameters.get("type")
        yield Defect(".function.parameters.type", f"parameters are {kind!r}; they must be an object")
    elif not isinstance(view.tool["function"].get("parameters", {}), (dict, type(None))):
        yield Defect(".function.parameters", "parameters are not an object")


@check(Severity.WARNING, Scope.TOOL, example='"anyOf": [{"type": "string"}, {"type": "integer"}]')
def unsupported_schema_keyword(view: ToolView) -> Iterator[Defect]:
    """A schema uses a keyword that FunctionGemma's chat template cannot express.

    The template drops these keywords or renders them broken, so the model never sees the constraint.
    """
    for path, schema in _nodes(view):
        for keyword in _DROPPED:
            if schema.get(keyword) is not None:
                yield Defect(f"{path}.{keyword}", f"the template drops {keyword!r}", "state it in the description")
        if schema.get("anyOf") is not None:
            yield Defect(f"{path}.anyOf", "the template renders an empty type for anyOf", "declare one type")
        if isinstance(schema.get("type"), list):
            yield Defect(f"{path}.type", "the template prints a list of types as text", "declare one type")
        if schema.get("enum") is not None and schema.get("type") != "string":
            yield Defect(
                f"{path}.enum", "the template drops enum on anything but a string", "state it in the description"
            )


@check(Severity.WARNING, Scope.TOOL, example='"properties": {"type": {"type": "string"}}')
def reserved_property_name(view: ToolView) -> Iterator[Defect]:
    """A parameter has a name that the chat template reserves.

    The template silently drops a property of this name, but `required` still lists it.
    """
    for path, schema in _nodes(view):
        properties = schema.get("properties")
        for name in _RESERVED:
            if isinstance(properties, dict) and properties.get(name) is not None:
                yield Defect(f"{path}.properties.{name}", f"the template drops a parameter named {name!r}", "rename it")


@check(Severity.WARNING, Scope.TOOL, example='"description": "الجنس (Supported values: male, female)"')
def enum_in_description(view: ToolView) -> Iterator[Defect]:
    """Allowed values are in the text of a description instead of in enum.

    Neither a validator nor a constrained decoder reads prose, and gold values drift from the list.
    """
    for path, schema in _nodes(view):
        values = described_values(schema)
        if values:
            listed = ", ".join(values[:6])
            yield Defect(
                f"{path}.description", f"the description lists {len(values)} values: {listed:.100}", "use enum"
            )


@check(Severity.WARNING, Scope.ROW, example="get_weather declared twice")
def duplicate_tool(rows: Rows) -> Iterator[tuple[Row, Defect]]:
    """A record offers two tools of the same name.

    The prompt gets longer, and a call of either is equally right.
    """
    for row in rows:
        if len(row.names) == len(row.tools):
            continue
        seen: set[str] = set()
        for position, view in enumerate(row.tools):
            if view.name in seen:
                yield row, Defect(f"tools[{position}].function.name", f"{view.name!r} is already declared")
            seen.add(view.name)


@check(Severity.WARNING, Scope.ROW, example='"tools": [one tool]')
def single_tool(rows: Rows) -> Iterator[tuple[Row, Defect]]:
    """A record offers only one tool.

    There is no choice, so the model learns to call any tool that is offered.
    """
    for row in rows:
        if len(row.tools) == 1:
            yield row, Defect("tools", f"only {row.tools[0].name!r} is offered", "add distractors from other rows")
