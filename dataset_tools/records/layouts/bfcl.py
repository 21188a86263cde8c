"""The Berkeley function-calling leaderboard (v3, v4): questions in one file, accepted answers in another.

The first accepted value of an argument is gold; if it is ``""``, the argument is optional and omitted. All accepted
values stay in ``meta``. Irrelevance questions have no answers, because no tool fits: the record ends with the user's
message.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dataset_tools.changes import Log
from dataset_tools.errors import RowError
from dataset_tools.records.declarations import read_tools
from dataset_tools.records.layouts.base import Context, Draft, Layout, text
from dataset_tools.records.layouts.conversation import draft
from dataset_tools.records.layouts.families import carrier
from dataset_tools.records.messages import call, read_messages
from schemas.record import JsonObject, ToolCall

__all__ = ["LAYOUT"]

_ANSWERS = "possible_answer"
_NESTING = 60
_OMITTED = object()


def _recognises(row: Mapping[str, Any]) -> bool:
    if carrier(row) == "question":
        return ("function" in row or "involved_classes" in row) and not ("correct_answer" in row and "answers" in row)
    return carrier(row) == "ground_truth" and "id" in row


def _convert(row: JsonObject, log: Log, context: Context) -> Draft:
    if "question" not in row:
        raise RowError(
            "answers-without-questions",
            "the row has accepted answers only",
            hint="read the file of questions; its answers are found automatically",
        )
    messages = read_messages(_single_turn(row), log, "messages")
    truth = _truth(row, context)
    found = draft(row, messages, read_tools(row.get("function"), log), {"question", "function"})
    found["meta"]["requires_function"] = truth is not None
    if truth is not None:
        messages.append({"role": "assistant", "tool_calls": _gold_calls(truth)})
        found["meta"][_ANSWERS] = truth
    return found


def _single_turn(row: JsonObject) -> Any:  # noqa: ANN401 - foreign data
    """Return the messages of the only turn.

    Raises:
        RowError: ``multi-turn-question``, or ``unreadable-messages``.
    """
    turns = row["question"]
    if isinstance(turns, str):
        return [{"role": "user", "content": turns}]
    if not isinstance(turns, list) or not turns:
        raise RowError("unreadable-messages", "question is not a list of turns")
    if not isinstance(turns[0], list):
        return turns
    if len(turns) > 1 or "involved_classes" in row:
        what = f"question has {len(turns)} turns, and their answers depend on a simulated state"
        raise RowError("multi-turn-question", what)
    return turns[0]


def _truth(row: JsonObject, context: Context) -> list[Any] | None:
    """Return the accepted answers of a question; None if no tool fits.

    Raises:
        RowError: ``missing-answer`` or ``unreadable-answers``.
    """
    identity = text(row.get("id"))
    answers = context.companions.get(identity)
    if answers is None:
        if "irrelevance" in identity:
            return None
        what = "has none for it" if context.companions else "is missing"
        raise RowError(
            "missing-answer",
            f"question {identity or 'without id'} has no accepted answer: the file of answers {what}",
            hint="put possible_answer_<name of the question file> next to the question file",
        )
    truth = answers.get("ground_truth")
    if not isinstance(truth, list) or not truth:
        raise RowError("unreadable-answers", "ground_truth is not a list of calls")
    return truth


def _gold_calls(truth: list[Any]) -> list[ToolCall]:
    calls = []
    for position, accepted in enumerate(truth):
        path = f"ground_truth[{position}]"
        if not isinstance(accepted, dict) or not accepted or "" in accepted:
            raise RowError("unreadable-answers", f"{path} is not an object of a name and its arguments")
        for name, arguments in accepted.items():
            if not isinstance(arguments, dict):
                raise RowError("unreadable-answers", f"{path}.{name} is not an object of arguments")
            calls.append(call(name, _gold_object(arguments, f"{path}.{name}", 0)))
    return calls


def _gold_object(accepted: JsonObject, path: str, depth: int) -> JsonObject:
    """Return the gold value of every key that is not omitted."""
    found = {name: _first(values, f"{path}.{name}", depth) for name, values in accepted.items()}
    return {name: value for name, value in found.items() if value is not _OMITTED}


def _first(values: Any, path: str, depth: int) -> Any:  # noqa: ANN401 - foreign data
    if not isinstance(values, list):  # a single accepted value
        return _gold(values, path, depth)
    return _gold(values[0], path, depth) if values and values[0] != "" else _OMITTED


def _gold(value: Any, path: str, depth: int) -> Any:  # noqa: ANN401 - foreign data
    """Return a gold value; objects in it, also inside lists, have lists of accepted values too."""
    if depth > _NESTING:
        raise RowError("unreadable-answers", f"{path} is nested more than {_NESTING} levels deep")
    if isinstance(value, dict):
        return _gold_object(value, path, depth + 1)
    if isinstance(value, list):
        return [_gold(item, path, depth + 1) for item in value]
    return value


def _companions(path: Path) -> list[Path]:
    if not path.name.startswith("BFCL_"):
        return []
    same_folder = path.parent / f"{_ANSWERS}_{path.name}"
    below = path.parent / _ANSWERS / path.name
    # Forks keep the answers next to the questions; the original has them in a folder, without the prefix.
    candidates = (same_folder, below, path.parent / _ANSWERS / same_folder.name)
    return [candidate for candidate in candidates if candidate.is_file()][:1]


LAYOUT = Layout("bfcl", "Berkeley function-calling leaderboard, v3 and v4", _recognises, _convert, _companions)
