"""The one record type that flows through the project, as types.

A record is one conversation with the tools it offers, in the layout of the OpenAI API that TRL and transformers read:
arguments are objects, never JSON text. ``record.schema.json`` is the same shape as data.
"""

from typing import Any, Literal, NotRequired, TypeAlias, TypedDict

JsonObject: TypeAlias = dict[str, Any]
Role: TypeAlias = Literal["developer", "user", "assistant", "tool"]


class FunctionCall(TypedDict):
    """The name of a tool and the arguments to call it with."""

    name: str
    arguments: JsonObject


class ToolCall(TypedDict):
    """One call that the assistant makes."""

    type: Literal["function"]
    function: FunctionCall


class Message(TypedDict):
    """One message: an assistant message holds ``content``, ``tool_calls`` or both; a tool message has a ``name``."""

    role: Role
    content: NotRequired[str]
    tool_calls: NotRequired[list[ToolCall]]
    name: NotRequired[str]


class Function(TypedDict):
    """What a tool declares; ``parameters`` is a JSON Schema of an object."""

    name: str
    description: NotRequired[str]
    parameters: NotRequired[JsonObject]


class Tool(TypedDict):
    """A function declaration in its wrapper."""

    type: Literal["function"]
    function: Function


class Source(TypedDict):
    """Where a record came from. ``line`` counts from 1: a line of a text file, a row of a table or of an array."""

    dataset: str
    file: str
    line: int


class Record(TypedDict):
    """One conversation; ``meta`` keeps what a foreign layout knew beyond this."""

    id: str
    messages: list[Message]
    tools: list[Tool]
    dialect: str
    domain: str
    source: Source
    meta: JsonObject
