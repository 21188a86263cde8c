"""Conversion of chat messages of the OpenAI family.

OpenAI, TRL, mobile-actions, metga97 and AISA differ only in names and wrappers, so their layouts share this reader.
"""

from typing import Any, cast

from dataset_tools.changes import Change, Log
from dataset_tools.errors import RowError
from dataset_tools.records.literals import read_arguments
from dataset_tools.records.results import json_text
from schemas.record import JsonObject, Message, Role, ToolCall

__all__ = ["ROLES", "call", "read_messages"]

ROLES: dict[str, Role] = {
    "developer": "developer",
    "system": "developer",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "model": "assistant",
    "tool": "tool",
    "function": "tool",
    "observation": "tool",
}
"""Role names of public datasets, each with its name in a record."""

_PLAIN = ("role", "content")
_SPEAKERS = {"developer", "user", "assistant"}
_FIELDS = {"role", "content", "tool_calls", "name"}
# Fields of the OpenAI API that the order of messages and the names of tool messages make redundant.
_BOOKKEEPING = {"tool_call_id", "function_call", "refusal", "annotations", "audio", "weight"}


def call(name: str, arguments: JsonObject) -> ToolCall:
    """Return a tool call of a record."""
    return {"type": "function", "function": {"name": name, "arguments": arguments}}


def read_messages(value: Any, log: Log, path: str = "messages") -> list[Message]:  # noqa: ANN401 - foreign data
    """Return the messages of a record, and log changed and dropped fields.

    Raises:
        RowError: ``unreadable-messages``, ``unknown-role``, ``unsupported-content``, or an error of the arguments.
    """
    if not isinstance(value, list) or not value:
        raise RowError("unreadable-messages", f"{path} is not a list of messages")
    names: dict[str, str] = {}
    messages: list[Message] = []
    for position, raw in enumerate(value):
        if type(raw) is dict and len(raw) == len(_PLAIN):
            # Most messages have a known role and text: the same result as `_read`, in a third of the time.
            role, content = raw.get("role"), raw.get("content")
            if type(content) is str and type(role) is str and role in _SPEAKERS:
                messages.append(cast("Message", {"role": role, "content": content}))
                continue
        messages.append(_read(raw, log, f"{path}[{position}]", names))
    return messages


def _read(raw: Any, log: Log, path: str, names: dict[str, str]) -> Message:  # noqa: ANN401 - foreign data
    if not isinstance(raw, dict):
        raise RowError("unreadable-messages", f"{path} is not an object")
    role = _role(raw.get("role"), log, path)
    message: JsonObject = {"role": role}
    calls = raw.get("tool_calls")
    if calls is None and raw.get("function_call") is not None:
        calls = [{"function": raw["function_call"]}]
    content = raw.get("content")
    if type(content) is not str and not (role == "tool" and type(content) is dict):
        content = _content(content, log, path)
    if content is not None and (content or not calls):
        message["content"] = content
    elif content == "":
        log.append(Change("empty-content", f"{path}.content", content, None))
    if calls:
        message["tool_calls"] = _calls(calls, log, path, names)
    if role == "tool":
        _name_result(raw, message, log, path, names)
        _unwrap_result(message, log, path)
    elif raw.get("name") is not None:
        message["name"] = raw["name"]
    if not raw.keys() <= _FIELDS:
        _count_dropped(raw, log, path)
    return cast("Message", message)


def _role(value: Any, log: Log, path: str) -> Role:  # noqa: ANN401 - foreign data
    role = ROLES.get(value) if isinstance(value, str) else None
    if role is None:
        raise RowError("unknown-role", f"{path}.role is {value!r}", hint=f"known roles: {', '.join(ROLES)}")
    if role != value:
        log.append(Change("role-name", f"{path}.role", value, role))
    return role


def _content(value: Any, log: Log, path: str) -> str | None:  # noqa: ANN401 - foreign data
    """Return content as text: joined text parts of the OpenAI API, an object as JSON, or None for null."""
    if value is None:
        return None
    if isinstance(value, list):
        parts = [part.get("text") if isinstance(part, dict) else part for part in value]
        texts = [part for part in parts if isinstance(part, str)]
        if len(texts) == len(parts):
            text = "".join(texts)
            log.append(Change("joined-parts", f"{path}.content", value, text))
            return text
    if isinstance(value, dict):
        text = json_text(value, f"{path}.content")
        log.append(Change("encoded-result", f"{path}.content", value, text))
        return text
    raise RowError("unsupported-content", f"{path}.content is neither text nor text parts")


def _calls(value: Any, log: Log, path: str, names: dict[str, str]) -> list[ToolCall]:  # noqa: ANN401 - foreign data
    """Return the calls of the message at ``path``, and add their ids to ``names``."""
    if not isinstance(value, list):
        raise RowError("unreadable-messages", f"{path}.tool_calls is not a list of calls")
    calls = []
    for position, raw in enumerate(value):
        function = raw.get("function", raw) if isinstance(raw, dict) else None
        name = function.get("name") if isinstance(function, dict) else None
        if function is None or not isinstance(name, str):
            raise RowError("unreadable-messages", f"{path}.tool_calls[{position}] has no function name")
        if isinstance(raw.get("id"), str):
            names[raw["id"]] = name
        arguments = function.get("arguments")
        if type(arguments) is not dict:
            arguments = read_arguments(arguments, log, f"{path}.tool_calls[{position}].function.arguments")
        calls.append(call(name, arguments))
    return calls


def _name_result(raw: JsonObject, message: JsonObject, log: Log, path: str, names: dict[str, str]) -> None:
    """Set the tool name of a tool message: its own name, or that of the call with its id."""
    name = raw.get("name")
    link = raw.get("tool_call_id")
    if name is None and isinstance(link, str) and link in names:
        name = names[link]
        log.append(Change("named-result", f"{path}.name", None, name))
    if name is not None:
        message["name"] = name


def _unwrap_result(message: JsonObject, log: Log, path: str) -> None:
    """Move name and result out of ``{"name": …, "response": …}``, the form of FunctionGemma's documentation.

    An object that names another tool is a result with these two keys.
    """
    content = message.get("content")
    if not isinstance(content, dict) or content.keys() != {"name", "response"}:
        return
    name, response = content["name"], content["response"]
    if isinstance(name, str) and message.get("name", name) == name and isinstance(response, (str, dict)):
        log.append(Change("unwrapped-result", f"{path}.content", content, response))
        message |= {"content": response, "name": name}


def _count_dropped(raw: JsonObject, log: Log, path: str) -> None:
    # In the order of the row: the order of a set differs between processes.
    for key, value in raw.items():
        if value is not None and key not in _FIELDS and key not in _BOOKKEEPING:
            log.append(Change("dropped-field", f"{path}.{key}", value, None))
