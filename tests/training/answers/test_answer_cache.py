"""The cache of answers: valid lines are kept, and write errors are reported."""

from pathlib import Path

import orjson
import pytest

from dataset_tools.errors import OutputError
from training.answers.answer_cache import AnswerCache

KEYS = {"a": "k1", "b": "k2", "ج": "k3"}
ANSWER = {"text": "نعم", "tokens": 2, "stopped": True}


def test_answers_are_on_disk_as_soon_as_they_are_added(tmp_path: Path) -> None:
    """Answers are appended as they come; at the end they are in the order of the questions."""
    path = tmp_path / "answers.jsonl"
    answers = AnswerCache(path, KEYS)
    for name in ("ج", "a", "b"):
        answers.add(name, ANSWER, {"device": "cpu"})
        last = orjson.loads(path.read_bytes().splitlines()[-1])
        assert last == {"id": name, **ANSWER, "key": KEYS[name], "made_by": {"device": "cpu"}}
    answers.finish(["a", "b", "ج"])
    assert [orjson.loads(line)["id"] for line in path.read_bytes().splitlines()] == ["a", "b", "ج"]


def test_other_lines_are_ignored(tmp_path: Path) -> None:
    """A truncated line, another key, an unknown id, predictions made elsewhere, and other content are dropped."""
    path = tmp_path / "answers.jsonl"
    lines = [
        {"id": "a", **ANSWER, "key": "k1", "made_by": {"device": "cuda"}},
        {"id": "b", **ANSWER, "key": "old"},
        {"id": "z", **ANSWER, "key": "k1"},
        {"id": "ج", "text": "made elsewhere"},
        ["a"],
        7,
    ]
    path.write_bytes(b"\n".join(map(orjson.dumps, lines)) + b'\n{"id":"b","text":"torn')
    answers = AnswerCache(path, KEYS)
    assert list(answers.rows) == ["a"]
    assert answers.facts == {"device": "cuda"}
    assert [orjson.loads(line)["id"] for line in path.read_bytes().splitlines()] == ["a"]


def test_a_folder_in_place_of_the_file_is_an_output_error(tmp_path: Path) -> None:
    """The error comes before a model is loaded."""
    with pytest.raises(OutputError):
        AnswerCache(tmp_path, KEYS)
