"""Hermes function calling: calls in ``<tool_call>`` tags, results in ``<tool_response>`` tags.

The system turn that repeats the tools and explains the tags is dropped and counted, because the record declares the
tools; any other system turn is kept. Rows of the JSON-mode configurations have no calls and are rejected.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from dataset_tools.changes import Change, Log
from dataset_tools.errors import RowError
from dataset_tools.records.declarations import read_tools
from dataset_tools.records.layouts.base import Context, Draft, Layout
from dataset_tools.records.layouts.conversation import MessageBuilder, draft, read_call_list, read_turns
from dataset_tools.records.layouts.embedded import find_tool_list, read_objects, split_tags
from dataset_tools.records.layouts.families import sharegpt_kind
from dataset_tools.records.literals import decode_json
from dataset_tools.records.messages import ROLES
from dataset_tools.records.results import result_content
from schemas.record import JsonObject, Tool, ToolCall

__all__ = ["LAYOUT"]

_TOOLS = "<tools>"
# A JSON-mode system turn has the schema of the document to write.
_SCHEMA = "<schema>"


def _recognises(row: Mapping[str, Any]) -> bool:
    return sharegpt_kind(row) == "hermes"


def _convert(row: JsonObject, log: Log, context: Context) -> Draft:  # noqa: ARG001 - signature of Layout.convert
    turns = read_turns(row["conversations"], ROLES, log)
    _reject_json_mode(row, turns)
    conversation = MessageBuilder(log)
    declared = ""
    for speaker, said, path in turns:
        role = ROLES[speaker]
        if role == "developer" and _TOOLS in said:
            declared = said
            log.append(Change("dropped-field", path, said, None))
        elif role == "assistant":
            _answer(said, conversation, log)
        elif role == "tool":
            _results(said, conversation, log)
        else:
            conversation.say(role, said)
    if not conversation.messages:
        raise RowError("unreadable-messages", "conversations has declarations only")
    tools = read_tools(row["tools"], log) if row.get("tools") else _declared(declared, log)
    return draft(row, conversation.messages, tools, {"conversations", "tools"})


def _reject_json_mode(row: JsonObject, turns: list[tuple[str, Any, str]]) -> None:
    system = "".join(said for speaker, said, _ in turns if ROLES[speaker] == "developer")
    if row.get("tools") or _TOOLS in system:
        return
    if _SCHEMA in system or row.get("tools") is None:
        if any("<tool_call>" in said for _, said, _ in turns):
            return
        raise RowError("not-function-calling", "the row has neither tools nor calls, as in JSON mode")


def _declared(system: str, log: Log) -> list[Tool]:
    """Return the tools in the last pair of tags; the prose before explains the tags and so has them too."""
    start = system.rfind(_TOOLS)
    if start < 0:
        return []
    end = system.find("</tools>", start)
    listed = system[start + len(_TOOLS) : end if end >= 0 else len(system)].strip()
    if not listed:
        return []
    if listed.startswith("["):
        found = find_tool_list(listed, log, "tools")
        return read_tools(found.value if found else decode_json(listed, log, "tools"), log)
    return read_tools(read_objects(listed, 0, log, "tools"), log)


def _answer(said: str, conversation: MessageBuilder, log: Log) -> None:
    content, written = split_tags(said, "tool_call", conversation.path())
    calls: list[ToolCall] = []
    for text in written:
        path = f"{conversation.path()}.tool_calls"
        value = decode_json(text, log, f"{path}[{len(calls)}]")
        calls.extend(read_call_list(value, log, path, len(calls)))
    conversation.call(calls, content)


def _results(said: str | JsonObject, conversation: MessageBuilder, log: Log) -> None:
    if isinstance(said, dict):
        conversation.result(said)
        return
    outside, written = split_tags(said, "tool_response", conversation.path())
    if outside and written:
        log.append(Change("dropped-field", f"{conversation.path()}.content", outside, None))
    for text in written or [said]:
        name, content = _named_result(text, conversation.path())
        conversation.result(content, name)


def _named_result(text: str, path: str) -> tuple[str, str | JsonObject]:
    """Return the tool name and the result of ``{"name": …, "content": …}``; else no name and the text unchanged."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return "", text
    if not isinstance(value, dict) or value.keys() != {"name", "content"} or not isinstance(value["name"], str):
        return "", text
    return value["name"], result_content(value["content"], path)


LAYOUT = Layout("hermes", "Hermes function calling v1", _recognises, _convert)
