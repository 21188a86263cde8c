"""The record type of the project.

A record is one conversation with the tools it offers, in the format of the OpenAI API that TRL and transformers read:
arguments are objects, never JSON text, and a structured tool result stays an object. ``record.schema.json`` is the same
type as JSON Schema.
"""

from typing import Any, Literal, NotRequired, TypeAlias, TypedDict

JsonObject: TypeAlias = dict[str, Any]
Role: TypeAlias = Literal["developer", "user", "assistant", "tool"]


class FunctionCall(TypedDict):
    """Name and arguments of a tool call."""

    name: str
    arguments: JsonObject


class ToolCall(TypedDict):
    """One tool call of the assistant."""

    type: Literal["function"]
    function: FunctionCall


class Message(TypedDict):
    """One message. An assistant message has ``content``, ``tool_calls`` or both; a tool message has a ``name``.

    ``content`` is text; in a tool message it may also be an object, the structured result of the tool.
    """

    role: Role
    content: NotRequired[str | JsonObject]
    tool_calls: NotRequired[list[ToolCall]]
    name: NotRequired[str]


class Function(TypedDict):
    """Declaration of a function; ``parameters`` is a JSON Schema of type object."""

    name: str
    description: NotRequired[str]
    parameters: NotRequired[JsonObject]


class Tool(TypedDict):
    """Wrapper of a function declaration."""

    type: Literal["function"]
    function: Function


class Source(TypedDict):
    """Origin of a record; ``line`` is the line, table row or array element, from 1."""

    dataset: str
    file: str
    line: int


class Record(TypedDict):
    """One conversation; ``meta`` holds further fields of the source."""

    id: str
    messages: list[Message]
    tools: list[Tool]
    dialect: str
    domain: str
    source: Source
    meta: JsonObject
