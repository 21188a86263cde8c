"""AISA-ArabicFC: messages and offered tools; the rendering and the thoughts are not used.

The stored ``text`` contradicts the messages (it has two developer turns), and the full list of tools was not offered to
the model. Both are dropped and counted.
"""

from collections.abc import Mapping
from typing import Any

from dataset_tools.changes import Change, Log
from dataset_tools.records.declarations import read_tools
from dataset_tools.records.layouts.base import Context, Draft, Layout
from dataset_tools.records.layouts.conversation import draft
from dataset_tools.records.layouts.families import chat_kind
from dataset_tools.records.messages import read_messages
from schemas.record import JsonObject

__all__ = ["LAYOUT"]

_USED = {"messages", "tools", "tools_sampled", "text"}


def _recognises(row: Mapping[str, Any]) -> bool:
    return chat_kind(row) == "aisa"


def _convert(row: JsonObject, log: Log, context: Context) -> Draft:  # noqa: ARG001 - signature of Layout.convert
    offered = row.get("tools_sampled")
    unused = ("text",) if offered is None else ("text", "tools")
    if offered is None:
        offered = row.get("tools")
    for key in unused:
        if row.get(key) is not None:
            log.append(Change("dropped-field", key, row[key], None))
    return draft(row, read_messages(row["messages"], log), read_tools(offered, log), _USED)


LAYOUT = Layout("aisa", "AISA-ArabicFC", _recognises, _convert)
