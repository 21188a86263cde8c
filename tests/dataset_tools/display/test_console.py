"""Progress: lines for people and for logs, and a bar on a terminal."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from dataset_tools.display import console as module
from dataset_tools.display.console import Progress, ShardProgress, duration
from dataset_tools.pipeline.stage import ShardResult
from dataset_tools.readers.shards import Shard
from dataset_tools.readers.sources import DataFile
from training.cli.progress import AnswerProgress, StepProgress

FILE = DataFile(Path("x.jsonl"), "x", "x.jsonl", "jsonl", "")
STEP = {
    "loss": 0.5, "learning_rate": 1e-3, "gradient_norm": 0.61, "tokens_per_second": 1000.0, "memory_gib": 1.61,
    "seconds": 2.0,
}  # fmt: skip


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Clock that only the test moves."""
    time = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: time[0])
    return time


def _shard(number: int) -> Shard:
    return Shard(number, FILE, 0, 0, 1, 200)


def test_json_lines(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    """Rows, rejects, speed, share and time left; shards of an earlier run only count for the share."""
    part = ShardResult(rows=300)
    part.rejected["unreadable-row"] = 2
    with ShardProgress("clean", 1000, quiet=True, log_json=True) as progress:
        progress.shard_done(_shard(0), ShardResult())
        clock[0] = 20
        progress.shard_done(_shard(1), part)
        assert capsys.readouterr().err == ""
        clock[0] = 40
        progress.shard_done(_shard(2), part)
        first = capsys.readouterr()
        clock[0] = 60
    assert first.out == ""
    counts = {"rows": 600, "rejected": 4, "rows_per_second": 15.0}
    line = {"event": "progress", "command": "clean", **counts, "share": 0.6, "seconds": 40.0, "seconds_left": 40.0}
    assert json.loads(first.err) == line
    assert json.loads(capsys.readouterr().err) == line | {"share": 1.0, "seconds": 60.0, "seconds_left": 0.0}


def test_a_failed_run_has_no_last_json_line(capsys: pytest.CaptureFixture[str]) -> None:
    """The last line means success."""
    with pytest.raises(ValueError, match="stop"), ShardProgress("clean", 1000, log_json=True):
        raise ValueError("stop")
    assert capsys.readouterr().err == ""


def test_lines_without_a_terminal(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    """One line every 30 seconds."""
    part = ShardResult(rows=3000)
    with ShardProgress("clean", 1000) as progress:
        progress.shard_done(_shard(0), part)
        clock[0] = 40
        part.rejected["unreadable-row"] = 7
        progress.shard_done(_shard(1), part)
        clock[0] = 50
        progress.shard_done(_shard(2), part)
    assert capsys.readouterr().err == "clean: 6,000 rows, 7 rejected, 150 rows/s, 40%, 1 min left\n"


def test_quiet_shows_only_warnings(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    """A warning is written, the progress is not."""
    with Progress("train", quiet=True) as progress:
        clock[0] = 60
        progress.show(1, 2, "half")
        progress.print_line("NaN gradient")
    assert capsys.readouterr().err == "train: NaN gradient\n"


def test_a_terminal_has_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bar shows the last text, stays below warnings, and is gone at the end."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with Progress("train") as progress:
        progress.show(1, 2, "step [1] of 2")
        progress.print_line("a warning")
    written = terminal.getvalue()
    assert "step [1] of 2, 50%" in written
    assert written.index("train: a warning") > 0
    assert "━" in written
    assert sys.stderr is terminal


def test_steps(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    """The time left follows the steps of this run, also of a resumed one."""
    with StepProgress(111) as progress:
        clock[0] = 31
        progress.step({"step": 11, **STEP})
    assert capsys.readouterr().err == (
        "train: step 11 of 111, loss 0.500, learning rate 1.0e-03, gradient norm 0.61, 1,000 tokens/s, 1.61 GiB, 10%, "
        "3 min left\n"
    )


def test_answers(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    """The number of answers from an earlier run comes first; speed and time left are of this run."""
    with AnswerProgress() as progress:
        progress.answered(40, 120, 0)
        clock[0] = 40
        progress.answered(80, 120, 900)
    first, second = capsys.readouterr().err.splitlines()
    assert first == "evaluate: resuming with 40 of 120 answers"
    assert second == "evaluate: 80 of 120 answers, 22 tokens/s, 67%, 40 s left"
    with AnswerProgress(quiet=True) as progress:
        progress.answered(40, 120, 0)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("seconds, text", [(59.4, "59 s"), (90, "2 min"), (3599, "60 min"), (5040, "1.4 h")])
def test_durations(seconds: float, text: str) -> None:
    """A time has one unit."""
    assert duration(seconds) == text


def test_the_command_logs(corpus: Path, tmp_path: Path, afg_data: Callable[..., CompletedProcess[str]]) -> None:
    """A short run has one JSON line, with nothing left to do."""
    done = afg_data("clean", corpus, "-o", "out/", "-q", "--log-json", cwd=tmp_path)
    (line,) = done.stderr.splitlines()
    said = json.loads(line)
    assert (said["rows"], said["rejected"], said["share"], said["seconds_left"]) == (480, 24, 1, 0)
