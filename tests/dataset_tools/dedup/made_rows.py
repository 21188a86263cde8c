"""Small rows for dedup tests: question, calls and offered tools."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def row(
    identity: str, question: str, *calls: tuple[str, Any], offered: Iterable[str] = ("a", "b"), **fields: Any
) -> dict[str, Any]:
    """Return a record with one question, some calls and its offered tools."""
    made = [{"type": "function", "function": {"name": name, "arguments": arguments}} for name, arguments in calls]
    answer = {"role": "assistant", "tool_calls": made} if calls else {"role": "assistant", "content": "لا أستطيع"}
    tools = [{"type": "function", "function": {"name": name, "parameters": {"type": "object"}}} for name in offered]
    return {"id": identity, "messages": [{"role": "user", "content": question}, answer], "tools": tools, **fields}


def write(path: Path, rows: Iterable[Any]) -> str:
    """Write rows as JSON Lines; return the file's name."""
    lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return str(path)


def read(path: Path) -> list[Any]:
    """Return the rows of a JSON Lines file; none if there is no file."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
