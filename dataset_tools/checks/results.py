"""Defects of tool results: objects encoded as text, and objects that the prompt cannot express exactly."""

from collections.abc import Iterator

from dataset_tools.checks.base import Defect, Repair, Rows, Scope, Severity, check
from dataset_tools.checks.row_view import Row
from dataset_tools.prompt.round_trip import result_problem
from dataset_tools.records.results import decoded

__all__: list[str] = []


@check(Severity.WARNING, Scope.ROW, example='"content": "{\\"ok\\": true}"', repair=Repair.CLEAN)
def result_encoded(rows: Rows) -> Iterator[tuple[Row, Defect]]:
    """A tool result is an object encoded as JSON text.

    The chat template escapes the text as one value, but writes the keys of an object, as runtimes do.
    """
    for row in rows:
        for index, message in enumerate(row.messages):
            content = message.get("content")
            if message["role"] != "tool" or not isinstance(content, str):
                continue
            value, problem = decoded(content)
            if value is not None or problem:
                hint = f"clean keeps the text: {problem}; a person decides" if problem else ""
                shown = f"the result is text, not an object: {content!r:.80}"
                yield row, Defect(f"messages[{index}].content", shown, hint)


@check(Severity.ERROR, Scope.ROW, example='{"name": "...", "response": "..."} or the key "a:b"')
def inexact_result(rows: Rows) -> Iterator[tuple[Row, Defect]]:
    """The chat template cannot express a tool result exactly.

    The chat template fails on it, or the model reads another object than the tool returned.
    """
    for row in rows:
        for index, message in enumerate(row.messages):
            content = message.get("content")
            if isinstance(content, dict) and (problem := result_problem(content)):
                yield row, Defect(f"messages[{index}].content", problem)
