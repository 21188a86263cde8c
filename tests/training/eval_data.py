"""Small records and answers for the tests of evaluation."""

import json
from pathlib import Path
from typing import Any

DEVELOPER = {
    "role": "developer",
    "content": "You are a model that can do function calling with the following functions",
}
TOOLS: list[dict[str, Any]] = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "حالة الطقس",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
                "required": ["city"],
            },
        },
    },
    {
        "type": "function",
        "function": {
            "name": "convert",
            "description": "تحويل عملة",
            "parameters": {
                "type": "object",
                "properties": {"amount": {"type": "number"}, "currency": {"type": "string"}},
                "required": ["amount"],
            },
        },
    },
]


def call(name: str, **arguments: Any) -> dict[str, Any]:
    """Return a call in the form of the parser."""
    return {"name": name, "arguments": arguments}


def record(
    identity: str, *calls: dict[str, Any], dialect: str = "msa", domain: str = "weather", **meta: Any
) -> dict[str, Any]:
    """Return a record with the calls as gold; without calls it has a text answer."""
    answer: dict[str, Any] = {"role": "assistant"}
    if calls:
        answer["tool_calls"] = [{"type": "function", "function": one} for one in calls]
    else:
        answer["content"] = "أهلًا بك"
    return {
        "id": identity,
        "messages": [DEVELOPER, {"role": "user", "content": f"سؤال {identity}"}, answer],
        "tools": TOOLS,
        "dialect": dialect,
        "domain": domain,
        "source": {"dataset": "made", "file": "made.jsonl", "line": 1},
        "meta": meta,
    }


def write_lines(path: Path, rows: list[Any]) -> Path:
    """Write rows as JSON Lines."""
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path
