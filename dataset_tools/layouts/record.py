"""The project's own record, as its commands write it."""

from collections.abc import Mapping
from typing import Any

from dataset_tools.changes import Change, Log
from dataset_tools.layouts.base import Context, Draft, Layout, text
from dataset_tools.layouts.families import chat_kind
from dataset_tools.messages import read_messages
from dataset_tools.tool_schemas import read_tools
from schemas.record import JsonObject

__all__ = ["LAYOUT"]


_FIELDS = {"id", "messages", "tools", "dialect", "domain", "source", "meta"}


def _recognises(row: Mapping[str, Any]) -> bool:
    return chat_kind(row) == "record"


def _convert(row: JsonObject, log: Log, context: Context) -> Draft:  # noqa: ARG001 - a layout's signature
    meta = row.get("meta")
    for key, value in row.items():
        if value is not None and (key not in _FIELDS or (key == "meta" and not isinstance(value, dict))):
            log.append(Change("dropped-field", key, value, None))
    draft: Draft = {
        "messages": read_messages(row["messages"], log),
        "tools": read_tools(row["tools"], log),
        "dialect": text(row.get("dialect")),
        "domain": text(row.get("domain")),
        "meta": meta if isinstance(meta, dict) else {},
    }
    if isinstance(row.get("id"), str):
        draft["id"] = row["id"]
    return draft


LAYOUT = Layout("record", "arabic-functiongemma's own record", _recognises, _convert)
