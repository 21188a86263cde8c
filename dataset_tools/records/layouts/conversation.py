"""Shared parts of layouts that write calls and results as text: turns, calls, and results matched with calls."""

from typing import Any

from dataset_tools.changes import Change, Log
from dataset_tools.errors import RowError
from dataset_tools.records.layouts.base import Draft
from dataset_tools.records.literals import read_arguments
from dataset_tools.records.messages import call
from schemas.record import JsonObject, Message, Role, Tool, ToolCall

__all__ = ["MessageBuilder", "draft", "read_call_list", "read_turns"]

_OWN = {"id", "dialect", "domain"}
_TURN = {"from", "value"}
_CALL = {"name", "arguments"}


def draft(row: JsonObject, messages: list[Message], tools: list[Tool], used: set[str]) -> Draft:
    """Return a draft; fields that are neither ``used`` nor null go to ``meta``."""
    meta = {key: value for key, value in row.items() if value is not None and key not in used and key not in _OWN}
    found: Draft = {
        "messages": messages,
        "tools": tools,
        "dialect": _own_text(row, "dialect", meta),
        "domain": _own_text(row, "domain", meta),
        "meta": meta,
    }
    identity = row.get("id")
    if isinstance(identity, (str, int)) and not isinstance(identity, bool) and identity != "":
        found["id"] = str(identity)
    elif identity is not None and identity != "":
        meta["id"] = identity
    return found


def _own_text(row: JsonObject, name: str, meta: JsonObject) -> str:
    """Return a text field of the record; a value that is not text goes to ``meta``."""
    value = row.get(name)
    if value is None or isinstance(value, str):
        return value or ""
    meta[name] = value
    return ""


def read_turns(value: Any, roles: dict[str, Role], log: Log) -> list[tuple[str, Any, str]]:  # noqa: ANN401 - foreign data
    """Return ShareGPT turns as (speaker, text, path in the row); other fields of a turn are logged as dropped.

    The text of a tool's turn may also be an object, the result.

    Raises:
        RowError: ``unreadable-messages``, ``unknown-role`` or ``unsupported-content``.
    """
    if not isinstance(value, list) or not value:
        raise RowError("unreadable-messages", "conversations is not a list of turns")
    turns = []
    for position, turn in enumerate(value):
        path = f"conversations[{position}]"
        if not isinstance(turn, dict):
            raise RowError("unreadable-messages", f"{path} is not an object")
        speaker, said = turn.get("from"), turn.get("value")
        if not isinstance(speaker, str) or speaker not in roles:
            raise RowError("unknown-role", f"{path}.from is {speaker!r}", hint=f"known roles: {', '.join(roles)}")
        if not isinstance(said, str) and not (isinstance(said, dict) and roles[speaker] == "tool"):
            raise RowError("unsupported-content", f"{path}.value is not text")
        for key, extra in turn.items():
            if key not in _TURN and extra is not None:
                log.append(Change("dropped-field", f"{path}.{key}", extra, None))
        turns.append((speaker, said, path))
    return turns


def read_call_list(value: Any, log: Log, path: str, start: int = 0) -> list[ToolCall]:  # noqa: ANN401 - foreign data
    """Return the calls of ``{"name": …, "arguments": …}`` objects; one object is a list of one.

    ``start`` is the number of earlier calls of the message, from which paths count.

    Raises:
        RowError: ``unreadable-calls``, or an error of the arguments.
    """
    if isinstance(value, dict):
        value = [value]
    if not isinstance(value, list):
        raise RowError("unreadable-calls", f"{path} is neither a call nor a list of calls")
    calls = []
    for position, raw in enumerate(value, start):
        where = f"{path}[{position}]"
        function = raw.get("function", raw) if isinstance(raw, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str) or not function["name"]:
            raise RowError("unreadable-calls", f"{where} has no function name")
        for key, extra in function.items():
            if key not in _CALL and extra is not None and not (key == "type" and extra == "function"):
                log.append(Change("dropped-field", f"{where}.function.{key}", extra, None))
        arguments = read_arguments(function.get("arguments"), log, f"{where}.function.arguments")
        calls.append(call(function["name"], arguments))
    return calls


class MessageBuilder:
    """Builds the messages of a record in order, and matches results with calls."""

    def __init__(self, log: Log) -> None:
        """Start without messages; ``log`` receives the changes."""
        self.messages: list[Message] = []
        self._log = log
        self._waiting: list[str] = []

    def path(self) -> str:
        """Return the path of the next message."""
        return f"messages[{len(self.messages)}]"

    def say(self, role: Role, content: str) -> None:
        """Add a text message."""
        self.messages.append({"role": role, "content": content})

    def call(self, calls: list[ToolCall], content: str = "") -> None:
        """Add an assistant message with calls, and with the text around them, if any."""
        if not calls:
            self.say("assistant", content)
            return
        message: Message = {"role": "assistant"}
        if content:
            message["content"] = content
        message["tool_calls"] = calls
        self.messages.append(message)
        self._waiting = [item["function"]["name"] for item in calls]

    def result(self, content: str | JsonObject, name: str = "") -> None:
        """Add a tool message; without a name it answers the next call in order (logged as ``named-result``).

        Raises:
            RowError: ``result-without-call``: it has no name, and there is no earlier call.
        """
        if name in self._waiting:
            if len(self._waiting) > 1:
                self._waiting.remove(name)
        elif not name:
            if not self._waiting:
                raise RowError("result-without-call", f"{self.path()} is a tool result without an earlier call")
            name = self._waiting[0] if len(self._waiting) == 1 else self._waiting.pop(0)
            self._log.append(Change("named-result", f"{self.path()}.name", None, name))
        self.messages.append({"role": "tool", "name": name, "content": content})
