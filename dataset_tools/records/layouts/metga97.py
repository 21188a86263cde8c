"""metga97's Arabic sets: messages, tools as JSON text, and facts about the row in ``meta``."""

from collections.abc import Mapping
from typing import Any

from dataset_tools.changes import Log
from dataset_tools.records.declarations import read_tools
from dataset_tools.records.layouts.base import Context, Draft, Layout, text
from dataset_tools.records.layouts.conversation import draft
from dataset_tools.records.layouts.families import chat_kind
from dataset_tools.records.messages import read_messages
from schemas.record import JsonObject

__all__ = ["LAYOUT"]


def _recognises(row: Mapping[str, Any]) -> bool:
    return chat_kind(row) == "metga97"


def _convert(row: JsonObject, log: Log, context: Context) -> Draft:  # noqa: ARG001 - signature of Layout.convert
    messages, tools = read_messages(row["messages"], log), read_tools(row["tools"], log)
    found = draft(row, messages, tools, {"messages", "tools", "meta"})
    # Facts in ``meta`` win over fields of the row with the same name, which are kept as ``row.NAME``.
    for key, value in row["meta"].items():
        if key in found["meta"]:
            found["meta"][f"row.{key}"] = found["meta"][key]
        found["meta"][key] = value
    found["dialect"] = found["dialect"] or text(row["meta"].get("dialect"))
    found["domain"] = found["domain"] or text(row["meta"].get("domain"))
    return found


LAYOUT = Layout("metga97", "metga97's Arabic function calling", _recognises, _convert)
