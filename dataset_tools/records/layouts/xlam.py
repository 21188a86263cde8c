"""xLAM: one question, its calls and the tools, the last two as JSON text.

Parameters map names directly to properties, with Python's type names ("int, optional"). A row without answers ends with
the user's message, because the data has no other answer.
"""

from collections.abc import Mapping
from typing import Any

from dataset_tools.changes import Log
from dataset_tools.errors import RowError
from dataset_tools.records.declarations import read_tools
from dataset_tools.records.layouts.base import Context, Draft, Layout
from dataset_tools.records.layouts.conversation import MessageBuilder, draft, read_call_list
from dataset_tools.records.layouts.families import carrier
from dataset_tools.records.literals import decode_json
from schemas.record import JsonObject

__all__ = ["LAYOUT"]


def _recognises(row: Mapping[str, Any]) -> bool:
    return carrier(row) == "query" and "answers" in row and "tools" in row


def _convert(row: JsonObject, log: Log, context: Context) -> Draft:  # noqa: ARG001 - signature of Layout.convert
    if not isinstance(row["query"], str):
        raise RowError("unreadable-messages", "query is not text")
    conversation = MessageBuilder(log)
    conversation.say("user", row["query"])
    answers = row["answers"]
    if isinstance(answers, str):
        answers = decode_json(answers or "[]", log, "answers")
    calls = read_call_list([] if answers is None else answers, log, "messages[1].tool_calls")
    if calls:
        conversation.call(calls)
    found = draft(row, conversation.messages, read_tools(row["tools"], log), {"query", "answers", "tools"})
    found["meta"].setdefault("requires_function", bool(calls))
    return found


LAYOUT = Layout("xlam", "xLAM-60k and sets in its layout", _recognises, _convert)
