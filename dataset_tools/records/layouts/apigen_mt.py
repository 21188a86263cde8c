"""APIGen-MT: several turns, with calls and results as separate turns, and the policy in ``system``."""

from collections.abc import Mapping
from typing import Any

from dataset_tools.changes import Log
from dataset_tools.errors import RowError
from dataset_tools.records.declarations import read_tools
from dataset_tools.records.layouts.base import Context, Draft, Layout
from dataset_tools.records.layouts.conversation import MessageBuilder, draft, read_call_list, read_turns
from dataset_tools.records.layouts.families import sharegpt_kind
from dataset_tools.records.literals import decode_json
from dataset_tools.records.messages import ROLES
from schemas.record import JsonObject, Role

__all__ = ["LAYOUT"]

_CALL = "function_call"
_ROLES: dict[str, Role] = {**ROLES, _CALL: "assistant"}


def _recognises(row: Mapping[str, Any]) -> bool:
    return sharegpt_kind(row) == "apigen-mt"


def _convert(row: JsonObject, log: Log, context: Context) -> Draft:  # noqa: ARG001 - signature of Layout.convert
    conversation = MessageBuilder(log)
    policy = row.get("system")
    if policy is not None and not isinstance(policy, str):
        raise RowError("unsupported-content", "system is not text")
    if policy:
        conversation.say("developer", policy)
    for speaker, said, _ in read_turns(row["conversations"], _ROLES, log):
        if speaker == _CALL:
            path = f"{conversation.path()}.tool_calls"
            value = decode_json(said, log, path)
            calls = read_call_list(value, log, path)
            if not calls:
                raise RowError("unreadable-calls", f"{path} is an empty list of calls")
            conversation.call(calls)
        elif _ROLES[speaker] == "tool":
            conversation.result(said)
        else:
            conversation.say(_ROLES[speaker], said)
    return draft(row, conversation.messages, read_tools(row.get("tools"), log), {"conversations", "tools", "system"})


LAYOUT = Layout("apigen-mt", "APIGen-MT-5k", _recognises, _convert)
