"""HeshamHaroon's Arabic function calling: one question and one call, with declarations from ``--tools-file``."""

from collections.abc import Mapping
from typing import Any

from dataset_tools.changes import Log
from dataset_tools.errors import RowError
from dataset_tools.records.layouts.base import Context, Draft, Layout
from dataset_tools.records.layouts.conversation import MessageBuilder, draft
from dataset_tools.records.layouts.families import carrier
from dataset_tools.records.literals import read_arguments
from dataset_tools.records.messages import call
from schemas.record import JsonObject

__all__ = ["LAYOUT"]


def _recognises(row: Mapping[str, Any]) -> bool:
    return carrier(row) == "query_ar" and ("function_name" in row or "requires_function" in row)


def _convert(row: JsonObject, log: Log, context: Context) -> Draft:
    if not context.tools:
        raise RowError("no-declarations", "the row names a function but declares none", hint="pass --tools-file FILE")
    if not isinstance(row["query_ar"], str):
        raise RowError("unreadable-messages", "query_ar is not text")
    conversation = MessageBuilder(log)
    conversation.say("user", row["query_ar"])
    used = {"query_ar", "function_name", "arguments"}
    name = row.get("function_name")
    if row.get("requires_function", bool(name)):
        if not isinstance(name, str) or not name:
            raise RowError("missing-call", "requires_function is true, but function_name is empty")
        path = "messages[1].tool_calls[0].function.arguments"
        conversation.call([call(name, read_arguments(row.get("arguments"), log, path))])
    else:
        used = {"query_ar"}  # a function name without a call goes to meta
    found = draft(row, conversation.messages, list(context.tools.values()), used)
    found["meta"].setdefault("requires_function", len(conversation.messages) > 1)
    return found


LAYOUT = Layout("heshamharoon", "HeshamHaroon's Arabic function calling", _recognises, _convert)
