"""ToolACE: tools in the prose of the system field, calls as ``[Get Weather(city="مسقط")]``.

System prose before the tools becomes the developer turn, unless it only introduces the list. Prose after the list
describes the pythonic answer format, which the record does not use; it is dropped and counted.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from dataset_tools.changes import Change, Log
from dataset_tools.errors import RowError
from dataset_tools.records.declarations import read_tools
from dataset_tools.records.layouts.base import Context, Draft, Layout, text
from dataset_tools.records.layouts.conversation import MessageBuilder, draft, read_turns
from dataset_tools.records.layouts.embedded import find_tool_list
from dataset_tools.records.layouts.families import sharegpt_kind
from dataset_tools.records.layouts.pythonic import parse_calls
from dataset_tools.records.messages import ROLES, call
from dataset_tools.records.results import result_content
from schemas.record import JsonObject, Tool

__all__ = ["LAYOUT"]

# The published set introduces the list of tools with this sentence.
_INTRODUCTION = "expert in composing functions"


def _recognises(row: Mapping[str, Any]) -> bool:
    return sharegpt_kind(row) == "toolace"


def _convert(row: JsonObject, log: Log, context: Context) -> Draft:  # noqa: ARG001 - signature of Layout.convert
    conversation = MessageBuilder(log)
    tools = _system(text(row["system"]), conversation, log)
    for speaker, said, _ in read_turns(row["conversations"], ROLES, log):
        role = ROLES[speaker]
        if role == "assistant":
            _answer(said, conversation)
        elif role == "tool":
            _results(said, conversation, log)
        else:
            conversation.say(role, said)
    return draft(row, conversation.messages, tools, {"system", "conversations"})


def _system(prose: str, conversation: MessageBuilder, log: Log) -> list[Tool]:
    """Return the tools in the system prose, and keep the prose before them."""
    found = find_tool_list(prose, log, "tools")
    if found is None and "[" in prose and '"name"' in prose:
        # As prose, it would look like a conversation without tools.
        raise RowError("unreadable-tools", "the list of tools in system cannot be read")
    before, after = (prose[: found.start], prose[found.end :]) if found else (prose, "")
    before, after = before.strip(), after.strip()
    if _INTRODUCTION in before or not any(map(str.isalpha, before)):
        if before:
            log.append(Change("dropped-field", "system", before, None))
    else:
        log.append(Change("kept-prose", f"{conversation.path()}.content", prose, before))
        conversation.say("developer", before)
    if after:
        log.append(Change("dropped-field", "system", after, None))
    return read_tools(found.value, log) if found else []


def _answer(said: str, conversation: MessageBuilder) -> None:
    try:
        calls = parse_calls(said)
    except ValueError as error:
        raise RowError("unreadable-calls", f"{conversation.path()}.tool_calls: {error}") from error
    if calls is None:
        conversation.say("assistant", said)
    else:
        conversation.call([call(name, arguments) for name, arguments in calls])


def _results(said: str | JsonObject, conversation: MessageBuilder, log: Log) -> None:
    """Add the results of one turn: one message for each entry of a list of ``{"name": …, "results": …}``."""
    if isinstance(said, dict):
        conversation.result(said)
        return
    try:
        entries = orjson.loads(said)
    except orjson.JSONDecodeError:
        entries = None
    if not isinstance(entries, list) or not entries or not all(map(_is_result, entries)):
        conversation.result(said)
        return
    if len(entries) > 1:
        log.append(Change("split-results", conversation.path(), said, None))
    for entry in entries:
        conversation.result(result_content(entry["results"], conversation.path()), entry["name"])


def _is_result(entry: object) -> bool:
    """Return whether an entry names its tool and has nothing that splitting would lose."""
    if not isinstance(entry, dict) or entry.keys() != {"name", "results"}:
        return False
    return isinstance(entry["name"], str) and entry["name"] != ""


LAYOUT = Layout("toolace", "ToolACE", _recognises, _convert)
