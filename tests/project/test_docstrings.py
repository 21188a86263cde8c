"""Docstrings without question words at the start."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("schemas", "dataset_tools", "training", "publishing", "tools", "benchmarks", "docs", "tests")
QUESTION_WORDS = {"What", "Who", "Whose", "Whether", "How", "Where"}


@pytest.mark.parametrize("folder", FOLDERS)
def test_docstrings_start_with_a_noun_phrase_or_a_verb(folder: str) -> None:
    """No docstring starts with What, Who, Whose, Whether, How or Where."""
    files = sorted((ROOT / folder).rglob("*.py"))
    assert files
    assert [found for path in files for found in _question_docstrings(path)] == []


def _question_docstrings(path: Path) -> Iterator[str]:
    """Yield the place and the first line of each docstring in a file that starts with a question word."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first_line = (ast.get_docstring(node) or "").partition("\n")[0]
            if first_line.partition(" ")[0].strip(",:") in QUESTION_WORDS:
                yield f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}: {first_line}"
