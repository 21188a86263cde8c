"""Inputs that change between two passes are reported, and no output is written."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dataset_tools.dedup.dedup import DedupOptions, dedup
from dataset_tools.dedup.keys import KeyPart
from dataset_tools.errors import InputError
from dataset_tools.pipeline.to_file import Outputs
from dataset_tools.records.reading import Reading
from dataset_tools.split.split import SplitOptions, split
from tests.dataset_tools.io.stages import record

ROWS = 20


def _lines(*numbers: int) -> str:
    return "".join(json.dumps({**record(number), "id": f"{at}"}) + "\n" for at, number in enumerate(numbers, start=1))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Rows of which the last repeats the first."""
    path = tmp_path / "raw.jsonl"
    path.write_text(_lines(*range(1, ROWS), 1))
    return path


def _replace(path: Path, text: str) -> None:
    """Replace a file atomically."""
    other = path.with_name("other")
    other.write_text(text)
    other.replace(path)


def _between(change: Callable[[], object]) -> Callable[[Any, Any], None]:
    """Return a callback for shards that changes something after the first pass."""

    def on_shard(_: Any, part: Any) -> None:
        if isinstance(part, KeyPart):
            change()

    return on_shard


CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a row before": (
        lambda path: _replace(path, _lines(99) + path.read_text()),
        "the input changed while it was read",
    ),
    "another row": (
        lambda path: _replace(path, path.read_text().replace("؟", "!", 1)),
        "the input changed while it was read",
    ),
    "only the time": (lambda path: os.utime(path, ns=(0, 0)), "the input changed while it was read"),
    "the last row gone": (
        lambda path: _replace(path, "".join(path.read_text().splitlines(keepends=True)[:-1])),
        rf":{ROWS}: the row was there before, and is not any more",
    ),
}
"""Changes of the file, and the expected message."""


@pytest.mark.parametrize("name", CHANGES)
def test_dedup_into_a_file(name: str, source: Path, tmp_path: Path) -> None:
    """No file appears."""
    change, said = CHANGES[name]
    outputs = Outputs(tmp_path / "one.jsonl", tmp_path / "one.rejects.jsonl")
    with pytest.raises(InputError, match=said):
        dedup([str(source)], outputs, DedupOptions(near=None), on_shard=_between(lambda: change(source)))
    assert [path.name for path in tmp_path.iterdir()] == ["raw.jsonl"]


@pytest.mark.parametrize("name", CHANGES)
def test_split(name: str, source: Path, tmp_path: Path) -> None:
    """No folder appears; a new row is reported with its line."""
    change, said = CHANGES[name]
    said = rf":{ROWS + 1}: the row was not there before" if name == "a row before" else said
    with pytest.raises(InputError, match=said):
        split(
            [str(source)],
            tmp_path / "data",
            SplitOptions(format="jsonl", near=None),
            on_shard=_between(lambda: change(source)),
        )
    assert [path.name for path in tmp_path.iterdir()] == ["raw.jsonl"]


def test_other_input_files(source: Path, tmp_path: Path) -> None:
    """A tools file and evaluation data must not change either."""
    tools, held_out = tmp_path / "tools.json", tmp_path / "held_out.jsonl"
    tools.write_text(json.dumps(record(1)["tools"]))
    held_out.write_text(_lines(77))
    touched = _between(lambda: os.utime(tools, ns=(0, 0)))
    outputs = Outputs(tmp_path / "one.jsonl", tmp_path / "one.rejects.jsonl")
    with pytest.raises(InputError, match=r"tools\.json: the input changed"):
        dedup([str(source)], outputs, DedupOptions(near=None, reading=Reading(tools_file=tools)), on_shard=touched)
    for path in (tools, held_out):
        options = SplitOptions(near=None, reading=Reading(tools_file=tools), against=(str(held_out),))
        touched = _between(lambda path=path: os.utime(path, ns=(5, 5)))
        with pytest.raises(InputError, match=rf"{path.name}: the input changed"):
            split([str(source)], tmp_path / "data", options, on_shard=touched)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["held_out.jsonl", "raw.jsonl", "tools.json"]
