"""The record of this project, as its commands write it."""

from collections.abc import Mapping
from typing import Any

from dataset_tools.changes import Change, Log
from dataset_tools.records.declarations import read_tools
from dataset_tools.records.layouts.base import Context, Draft, Layout, text
from dataset_tools.records.layouts.families import chat_kind, has_own_source
from dataset_tools.records.messages import read_messages
from schemas.record import JsonObject

__all__ = ["LAYOUT"]


_READ = {"messages", "tools"}
_KINDS: dict[str, tuple[type, ...]] = {"id": (str, int), "dialect": (str,), "domain": (str,), "meta": (dict,)}


def _recognises(row: Mapping[str, Any]) -> bool:
    return chat_kind(row) == "record"


def _convert(row: JsonObject, log: Log, context: Context) -> Draft:  # noqa: ARG001 - signature of Layout.convert
    meta, identity = row.get("meta"), row.get("id")
    for key, value in row.items():
        if value is not None and not _is_kept(row, key):
            log.append(Change("dropped-field", key, value, None))
    draft: Draft = {
        "messages": read_messages(row["messages"], log),
        "tools": read_tools(row["tools"], log),
        "dialect": text(row.get("dialect")),
        "domain": text(row.get("domain")),
        "meta": meta if isinstance(meta, dict) else {},
    }
    if isinstance(identity, _KINDS["id"]) and not isinstance(identity, bool):
        draft["id"] = str(identity)
    return draft


def _is_kept(row: JsonObject, key: str) -> bool:
    """Return whether the record has this field with a value of this type."""
    if key == "source":
        return has_own_source(row)
    return key in _READ or (isinstance(row[key], _KINDS.get(key, ())) and not isinstance(row[key], bool))


LAYOUT = Layout("record", "arabic-functiongemma's own record", _recognises, _convert)
