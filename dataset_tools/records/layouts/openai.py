"""OpenAI and TRL: messages and tools.

OpenAI encodes arguments as JSON text and links results by ``tool_call_id``; TRL has objects and names.
"""

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
    return chat_kind(row) == "openai"


def _convert(row: JsonObject, log: Log, context: Context) -> Draft:  # noqa: ARG001 - signature of Layout.convert
    tools = row["tools"] if "tools" in row else row["functions"]
    return draft(row, read_messages(row["messages"], log), read_tools(tools, log), {"messages", "tools", "functions"})


LAYOUT = Layout("openai", "OpenAI fine-tuning files and TRL datasets", _recognises, _convert)
