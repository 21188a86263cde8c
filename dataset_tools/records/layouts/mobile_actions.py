"""mobile-actions: messages and tools of the chat family, with upper-case types and the split in ``metadata``."""

from collections.abc import Mapping
from typing import Any

from dataset_tools.changes import Log
from dataset_tools.records.declarations import read_tools
from dataset_tools.records.layouts.base import Context, Draft, Layout
from dataset_tools.records.layouts.conversation import draft
from dataset_tools.records.layouts.families import chat_kind
from dataset_tools.records.messages import read_messages
from schemas.record import JsonObject

__all__ = ["LAYOUT"]


def _recognises(row: Mapping[str, Any]) -> bool:
    return chat_kind(row) == "mobile-actions"


def _convert(row: JsonObject, log: Log, context: Context) -> Draft:  # noqa: ARG001 - signature of Layout.convert
    messages, tools = read_messages(row["messages"], log), read_tools(row["tools"], log)
    found = draft(row, messages, tools, {"messages", "tools", "metadata"})
    found["meta"]["split"] = row["metadata"]
    return found


LAYOUT = Layout("mobile-actions", "google/mobile-actions", _recognises, _convert)
