"""Progress as lines of JSON: what a log or a machine reads while a run is at work."""

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from dataset_tools.display import console
from dataset_tools.display.console import Progress
from dataset_tools.pipeline.stage import Part
from dataset_tools.readers.shards import Shard
from dataset_tools.readers.sources import DataFile

FILE = DataFile(Path("x.jsonl"), "x", "x.jsonl", "jsonl", "")


def test_what_a_line_says(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Rows, rejects, speed, share and time left; what was done by an earlier run counts for the share alone."""
    clock = [0.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: clock[0])
    part = Part(rows=300)
    part.rejected["unreadable-row"] = 2
    with Progress("clean", 1000, log_json=True) as progress:
        progress.shard_done(Shard(0, FILE, 0, 0, 1, 200), Part())
        clock[0] = 20
        progress.shard_done(Shard(1, FILE, 0, 0, 1, 200), part)
        assert capsys.readouterr().err == ""
        clock[0] = 40
        progress.shard_done(Shard(2, FILE, 0, 0, 1, 200), part)
        first = capsys.readouterr()
        clock[0] = 60
    assert first.out == ""
    assert json.loads(first.err) == {
        "event": "progress", "command": "clean", "rows": 600, "rejected": 4, "rows_per_second": 15.0, "share": 0.6,
        "seconds": 40.0, "seconds_left": 40.0,
    }  # fmt: skip
    (last,) = capsys.readouterr().err.splitlines()
    assert json.loads(last)["seconds"] == 60


def test_what_people_read(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Where no terminal is watching, the same in words, every 30 seconds."""
    clock = [0.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: clock[0])
    part = Part(rows=3000)
    with Progress("clean", 1000) as progress:
        progress.shard_done(Shard(0, FILE, 0, 0, 1, 200), part)
        clock[0] = 40
        part.rejected["unreadable-row"] = 7
        progress.shard_done(Shard(1, FILE, 0, 0, 1, 200), part)
    assert capsys.readouterr().err == "clean: 6,000 rows, 7 rejected, 40%, 150 rows/s, 60 s left\n"


def test_the_command_logs(corpus: Path, tmp_path: Path, afg_data: Callable[..., CompletedProcess[str]]) -> None:
    """Even a short run ends with one line, after which nothing is left."""
    done = afg_data("clean", corpus, "-o", "out/", "-q", "--log-json", cwd=tmp_path)
    (line,) = done.stderr.splitlines()
    said = json.loads(line)
    assert (said["rows"], said["rejected"], said["share"], said["seconds_left"]) == (480, 24, 1, 0)
