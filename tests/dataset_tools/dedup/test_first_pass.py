"""Fatal rows in commands that read every row twice: each is counted."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dataset_tools.dedup.dedup import DedupOptions, dedup
from dataset_tools.dedup.keys import ShardKeys
from dataset_tools.errors import InputError
from dataset_tools.executor.run import Work
from dataset_tools.pipeline.outputs import Outputs
from dataset_tools.pipeline.to_parts import FolderOutputs
from dataset_tools.split.split import SplitOptions, SplitReport, split
from tests.dataset_tools.executor.poison import PoisonReadOptions
from tests.dataset_tools.io.stages import record
from tests.dataset_tools.pipeline.runs import contents

ROWS, FATAL, COPY = 60, 3, 57
"""Number of rows, the fatal line, and the line of its duplicate."""

FIRST, SECOND, BOTH = "while", "unless", "exit"
"""Passes in which the row is fatal; the flag is removed between them."""


READING = PoisonReadOptions()
"""Reading options whose rows control the process that reads them."""


def _write(folder: Path, way: str) -> Path:
    """Write rows of which one is fatal in some pass, and the flag."""
    flag = folder / "flag"
    flag.touch()
    rows: list[dict[str, Any]] = [dict(record(line)) for line in range(1, ROWS + 1)]
    rows[COPY - 1]["messages"] = rows[FATAL - 1]["messages"]
    rows[FATAL - 1]["act"] = f"{way} {flag}" if way != BOTH else way
    path = folder / "raw.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def _without_flag(folder: Path) -> Callable[[Any, Any], None]:
    def on_shard(_: Any, part: Any) -> None:
        if isinstance(part, ShardKeys):
            (folder / "flag").unlink()

    return on_shard


def _reasons(path: Path) -> list[tuple[int, str]]:
    lines = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return [(line["line"], line["code"]) for line in lines]


@pytest.mark.parametrize("way", [FIRST, SECOND, BOTH])
def test_dedup(way: str, tmp_path: Path) -> None:
    """The row is a reject; its duplicate is kept unless the first pass could read the row."""
    source = _write(tmp_path, way)
    outputs = Outputs(tmp_path / "one.jsonl", tmp_path / "one.rejects.jsonl")
    options = DedupOptions(near=None, reading=READING, work=Work(workers=2))
    report = dedup([str(source)], outputs, options, on_shard=_without_flag(tmp_path))
    expected = [(FATAL, "poison-row"), *([(COPY, "duplicate")] if way == SECOND else [])]
    assert _reasons(outputs.rejects) == expected
    assert (report.rows_in, report.rows_out) == (ROWS, ROWS - len(expected))
    ids = [json.loads(line)["id"] for line in outputs.records.read_text(encoding="utf-8").splitlines()]
    gone = {f"r{line}" for line, _ in expected}
    assert ids == [f"r{line}" for line in range(1, ROWS + 1) if f"r{line}" not in gone]


def test_one_in_each_reading(tmp_path: Path) -> None:
    """A fatal row of the first pass is skipped when its shard is repeated for another row."""
    source = _write(tmp_path, FIRST)
    lines = source.read_text(encoding="utf-8").splitlines(keepends=True)
    lines[9] = lines[9].replace("{", f'{{"act": "{SECOND} {tmp_path / "flag"}", ', 1)
    source.write_text("".join(lines), encoding="utf-8")
    outputs = Outputs(tmp_path / "one.jsonl", tmp_path / "one.rejects.jsonl")
    report = dedup(
        [str(source)],
        outputs,
        DedupOptions(near=None, reading=READING, work=Work(workers=2)),
        on_shard=_without_flag(tmp_path),
    )
    assert _reasons(outputs.rejects) == [(FATAL, "poison-row"), (10, "poison-row")]
    assert (report.rows_in, report.rows_out) == (ROWS, ROWS - 2)


@pytest.mark.parametrize("way", [FIRST, SECOND, BOTH])
def test_split(way: str, tmp_path: Path) -> None:
    """The row is a reject, and the report of the splits matches their files."""
    source = _write(tmp_path, way)
    options = SplitOptions(format="jsonl", near=None, reading=READING, work=Work(workers=2), test=0.3, validation=0.2)
    report = split([str(source)], tmp_path / "data", options, on_shard=_without_flag(tmp_path))
    assert _reasons(tmp_path / "data.rejects.jsonl") == [(FATAL, "poison-row")]
    assert report.rejected == {"poison-row": 1}
    _require_true(report)


def test_split_against_what_it_repeats(tmp_path: Path) -> None:
    """A leaking row that is fatal in the second pass is counted once, as fatal."""
    source = _write(tmp_path, SECOND)
    (tmp_path / "held_out.jsonl").write_text(json.dumps(record(FATAL)) + "\n")

    def on_shard(_: Any, part: Any) -> None:
        if isinstance(part, ShardKeys) and part.file == str(source):
            (tmp_path / "flag").unlink()

    options = SplitOptions(
        format="jsonl", near=None, reading=READING, work=Work(workers=2), against=(str(tmp_path / "held_out.jsonl"),)
    )
    report = split([str(source)], tmp_path / "data", options, on_shard=on_shard)
    assert report.rejected == {"leaked-question": 1, "poison-row": 1}
    assert [(entry["line"], entry["code"]) for entry in report.facts["removed"]] == [(COPY, "leaked-question")]
    _require_true(report)


def _require_true(report: SplitReport) -> None:
    facts = report.facts
    written = {name: (report.output / f"{name}.jsonl").read_text(encoding="utf-8") for name in facts["splits"]}
    assert {name: entry["rows"] for name, entry in facts["splits"].items()} == {
        name: text.count("\n") for name, text in written.items()
    }
    assert facts["rows_out"] == sum(entry["rows"] for entry in facts["splits"].values())
    assert facts["rows_in"] == ROWS == facts["rows_out"] + sum(facts["rejected"].values())


class _StoppedError(Exception):
    """Error that ends a run."""


def _outputs(folder: Path, *, resume: bool = False) -> FolderOutputs:
    return FolderOutputs(folder / "out", ".jsonl", resume=resume, part_bytes=4_000, shard_bytes=4_000)


def _dedup(source: Path, folder: Path, *, resume: bool = False, stop: int | None = None) -> None:
    """Dedup into small parts; ``stop`` before that shard of the second pass is written."""

    def on_shard(shard: Any, part: Any) -> None:
        if stop is not None and shard.index >= stop and not isinstance(part, ShardKeys):
            raise _StoppedError

    dedup([str(source)], _outputs(folder, resume=resume), DedupOptions(near=None, reading=READING), on_shard=on_shard)


def _begun(source: Path, folder: Path) -> None:
    with pytest.raises(_StoppedError):
        _dedup(source, folder, stop=3)
    assert len(list((folder / "out").glob("part-*"))) == 2


def test_a_resumed_run_decides_as_the_run_before(tmp_path: Path) -> None:
    """A row that was fatal in the first run stays fatal, because its duplicate was not compared with it."""
    source = _write(tmp_path, FIRST)
    _dedup(source, tmp_path / "whole")
    _begun(source, tmp_path / "other")
    (tmp_path / "flag").unlink()
    _dedup(source, tmp_path / "other", resume=True)
    assert contents(tmp_path / "other") == contents(tmp_path / "whole")
    assert _reasons(tmp_path / "other/out/rejects.jsonl") == [(FATAL, "poison-row")]


def test_a_newly_fatal_row_is_an_error(tmp_path: Path) -> None:
    """Existing parts stay, and the run resumes where the row is readable."""
    source = _write(tmp_path, SECOND)
    _dedup(source, tmp_path / "whole")
    _begun(source, tmp_path / "other")
    before = contents(tmp_path / "other")
    (tmp_path / "flag").unlink()
    said = r"raw\.jsonl:3: cannot be resumed: the row was readable in the first run; now the process that"
    with pytest.raises(InputError, match=said):
        _dedup(source, tmp_path / "other", resume=True)
    assert contents(tmp_path / "other") == before
    (tmp_path / "flag").touch()
    _dedup(source, tmp_path / "other", resume=True)
    assert contents(tmp_path / "other") == contents(tmp_path / "whole")


def test_nothing_is_kept_of_a_run_without_a_part(tmp_path: Path) -> None:
    """Fatal rows of an earlier run without a finished part have no effect."""
    source = _write(tmp_path, FIRST)
    _dedup(source, tmp_path / "whole")
    _begun(source, tmp_path / "other")
    work = tmp_path / "other/out/.unfinished"
    for marker in work.glob("[0-9]*.json"):
        marker.unlink()
    assert json.loads((work / "fatal.json").read_bytes())
    (tmp_path / "flag").unlink()
    _dedup(source, tmp_path / "other", resume=True)
    rejects = tmp_path / "other/out/rejects.jsonl"
    assert _reasons(rejects) == [(COPY, "duplicate")]
