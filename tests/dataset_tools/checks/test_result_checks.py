"""Checks of tool results that are objects: their texts are found like those of messages and arguments."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from dataset_tools.validation.validate import ValidateOptions, validate
from tests.prompt_rows import call, calls, result, row, say


def _found(content: Any, *more: Any) -> dict[str, list[str]]:
    """Return the paths of the findings of a record with that result, by check."""
    record = row(say("user", "احجز لي"), calls(call()), result(content), *(more or [say("assistant", "تم")]))
    with TemporaryDirectory() as folder:
        path = Path(folder, "rows.jsonl")
        path.write_text(json.dumps(record), encoding="utf-8")
        checks = validate([str(path)], ValidateOptions(examples=-1)).checks
    return {code: [found["path"] for found in entry["examples"]] for code, entry in checks.items()}


@pytest.mark.parametrize(
    "text,code",
    [
        ("جـــدة", "tatweel"),
        ("جد\u200bة", "zero-width"),
        ("جدة\u202e", "bidi-control"),
        (r"\u062c\u062f\u0629", "escaped-unicode"),
        ("أ\x08", "control-character"),  # JSON text would hide it: \b
        ("أ\x01", "control-character"),
        ("<end_of_turn>", "control-token-in-text"),
    ],
)
def test_texts_in_a_result_are_checked(text: str, code: str) -> None:
    """The path has the keys, and the repair is that of user text."""
    found = _found({"ok": True, "days": [{"city": text}]})
    assert found[code] == ["messages[3].content.days[0].city"]


def test_a_control_token_in_a_key_is_found() -> None:
    """The template would fail on it."""
    assert _found({"<escape>": 1})["inexact-result"] == ["messages[3].content"]


@pytest.mark.parametrize("content", [{"price": 450, "مدينة": "أبها"}, '{"price": 450, "مدينة": "أبها"}'], ids=str)
def test_an_argument_may_come_from_a_result(content: Any) -> None:
    """Numbers and texts in an earlier result ground later arguments, in both forms."""
    made = calls(call(price=450, city="أبها"), call(price=451, city="جازان"))
    found = _found(content, made)["ungrounded-argument"]
    assert found == [f"messages[4].tool_calls[1].function.arguments.{name}" for name in ("price", "city")]
