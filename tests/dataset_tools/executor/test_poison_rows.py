"""Isolation of fatal rows: a row that kills or blocks its process is rejected, and no other row is lost."""

import gzip
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataset_tools.cleaning.repairer import Repairer
from dataset_tools.errors import InputError
from dataset_tools.executor.poison_rows import Guard
from dataset_tools.executor.process_setup import Limits
from dataset_tools.executor.run import Work, run
from dataset_tools.pipeline.stage import Job, RecordStage
from dataset_tools.readers.shards import Shard, plan_shards
from dataset_tools.readers.sources import find_files
from dataset_tools.records.reading import Inputs
from tests.dataset_tools.executor import fatal_column, poison
from tests.dataset_tools.io.stages import record
from tests.dataset_tools.pipeline.runs import ROOT, contents, outputs_in

SHORT = Limits(shard=20, row=10, megabyte=0)
"""Seconds instead of minutes, but enough to start a process."""


def _write(path: Path, acts: dict[int, str], rows: int = 60) -> Path:
    """Write rows of which some, by line, act on the process."""
    lines = [json.dumps({"n": line} | ({"act": acts[line]} if line in acts else {})) for line in range(1, rows + 1)]
    path.write_text("\n".join(lines) + "\n")
    return path


def _done(
    path: Path,
    workers: int,
    stage: Callable[[Shard], list[Any]] = poison.rows,
    *,
    limits: Limits = SHORT,
    isolated: bool = False,
) -> list[tuple[int, str]]:
    shards = plan_shards(find_files([str(path)]), 200)
    work = Work(workers=workers, limits=limits)
    return [row for result in run(stage, shards, work, isolated=isolated) for row in result]


@pytest.mark.parametrize("line", [1, 17, 60])
@pytest.mark.parametrize("way", [way for way in poison.WAYS if way not in ("hang", "stuck")])
def test_only_the_fatal_row_is_rejected(way: str, line: int, tmp_path: Path) -> None:
    """Every other row is read in order, and the reject names the cause, for any position of the fatal row."""
    path = _write(tmp_path / "x.jsonl", {line: way})
    expected = [(number, "") for number in range(1, 61)]
    hint = "(the run continues without it; please report such a row)"
    expected[line - 1] = (line, f"poison-row: the process that read it {poison.WAYS[way]} {hint}")
    assert _done(path, 2) == expected


@pytest.mark.parametrize("way", ["hang", "stuck"])
def test_a_row_that_hangs(way: str, tmp_path: Path) -> None:
    """A row that exceeds its time limit is rejected, whether or not it holds the GIL."""
    done = _done(_write(tmp_path / "x.jsonl", {31: way}), 2, limits=Limits(shard=6, row=1, megabyte=0))
    assert [line for line, _ in done] == list(range(1, 61))
    assert [(line, error.split(" (")[0]) for line, error in done if error] == [
        (31, "poison-row: the process that read it did not finish within 1 seconds")
    ]


def test_the_time_limit_of_a_compressed_shard(tmp_path: Path) -> None:
    """The limit of a shard depends on its own rows, not on the size of the file."""
    rows = [{"n": line, "text": random.Random(line).randbytes(4000).hex()} for line in range(1, 41)]
    lines = [json.dumps(row) for row in rows] + ['{"n": 41}', '{"n": 42, "act": "hang"}']
    path = tmp_path / "x.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    assert path.stat().st_size > 100_000
    shards = plan_shards(find_files([str(path)]), 200)
    assert max(shard.bytes_to_read for shard in shards) < 10_000
    done = _done(path, 2, limits=Limits(shard=4, row=1, megabyte=400))
    assert [line for line, error in done if error] == [42]


def test_a_result_that_is_cut_off(tmp_path: Path) -> None:
    """A process that dies while it sends its result is reported like any other."""
    (shard,) = plan_shards(find_files([str(_write(tmp_path / "x.jsonl", {}))]))
    with pytest.raises(InputError, match="was killed by SIGKILL, although no row is fatal alone"):
        Guard(poison.ended_while_sending, SHORT).result(shard)


def test_several_fatal_rows(tmp_path: Path) -> None:
    """Each of several fatal rows is found, also consecutive ones, for any number of workers."""
    path = _write(tmp_path / "x.jsonl", {3: "kill", 4: "exit", 5: "crash", 40: "kill", 58: "memory"})
    for workers, isolated in ((2, False), (3, False), (1, True), (2, True)):
        done = _done(path, workers, isolated=isolated)
        assert [line for line, _ in done] == list(range(1, 61))
        assert [line for line, error in done if error] == [3, 4, 5, 40, 58]


def test_a_single_shard(tmp_path: Path) -> None:
    """With more than one worker, a single shard is also read in another process."""
    path = _write(tmp_path / "x.jsonl", {2: "kill"}, rows=3)
    assert [line for line, error in _done(path, 2) if error] == [2]


def test_a_row_that_is_fatal_after_reading(tmp_path: Path) -> None:
    """It is found even if the process dies only after all rows of the shard were read."""
    path = _write(tmp_path / "x.jsonl", {17: "crash"})
    assert [row for row in _done(path, 2, poison.rows_first) if row[1]] == [(17, "poison-row")]


def test_a_fatal_row_of_parquet(tmp_path: Path) -> None:
    """Rows of Parquet keep their numbers after a fatal row."""
    acts = [{17: "kill", 29: "exit"}.get(line, "") for line in range(1, 61)]
    table = pa.table({"n": list(range(1, 61)), "act": acts})
    pq.write_table(table, tmp_path / "x.parquet", row_group_size=10)
    done = _done(tmp_path / "x.parquet", 2)
    assert [line for line, _ in done] == list(range(1, 61))
    assert [line for line, error in done if error] == [17, 29]


def test_a_parquet_value_that_is_fatal_to_decode(tmp_path: Path) -> None:
    """A known fatal value is not decoded again."""
    acts = [{17: "kill", 18: "memory", 29: "exit", 30: "crash"}.get(line, "") for line in range(1, 61)]
    table = pa.table(
        {"n": list(range(1, 61)), "act": pa.ExtensionArray.from_storage(fatal_column.ActType(), pa.array(acts))}
    )
    pq.write_table(table, tmp_path / "x.parquet", row_group_size=40)
    done = _done(tmp_path / "x.parquet", 2, fatal_column.rows)
    assert [line for line, _ in done] == list(range(1, 61))
    assert [(line, error.split(" (")[0]) for line, error in done if error] == [
        (17, "poison-row: the process that read it was killed by SIGKILL"),
        (18, "poison-row: the process that read it ran out of memory"),
        (29, "poison-row: the process that read it ended with exit code 3"),
        (30, "poison-row: the process that read it was killed by SIGSEGV"),
    ]


def test_known_fatal_rows_are_skipped(tmp_path: Path) -> None:
    """Known fatal rows are skipped in the search for others, in JSON Lines and in Parquet."""
    path = _write(tmp_path / "x.jsonl", {3: "kill", 40: "exit"})
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    table = pa.table({"n": [row["n"] for row in rows], "act": [row.get("act", "") for row in rows]})
    pq.write_table(table, tmp_path / "x.parquet")
    for name in ("x.jsonl", "x.parquet"):
        (shard,) = plan_shards(find_files([str(tmp_path / name)]))
        guard = Guard(poison.rows, SHORT)
        done = guard.result(replace(shard, poison=((3, "was fatal before"),)))
        known, new = [(line, error) for line, error in done if error]
        assert known == (3, "poison-row: was fatal before (the run continues without it; please report such a row)")
        assert (new[0], "exit code 3" in new[1]) == (40, True)
        assert guard.found == 1


def test_rows_that_are_only_fatal_together(tmp_path: Path) -> None:
    """If no row is fatal alone, the run ends with the place and a hint."""
    with pytest.raises(InputError, match=r"ended with exit code 1, although no row is fatal alone \(most often"):
        _done(_write(tmp_path / "x.jsonl", {}), 2, poison.too_many)  # type: ignore[arg-type]


def test_many_consecutive_fatal_rows(tmp_path: Path) -> None:
    """Ten consecutive fatal rows end the run: the machine is broken, not the rows."""
    path = _write(tmp_path / "x.jsonl", dict.fromkeys(range(20, 50), "kill"))
    with pytest.raises(InputError, match=r"x\.jsonl:\d+: 10 consecutive rows .* was killed by SIGKILL"):
        list(run(poison.rows, plan_shards(find_files([str(path)]), 100_000), Work(workers=2)))


@pytest.fixture
def poisoned(tmp_path: Path) -> Path:
    """Write records, of which three are fatal in different ways."""
    source = tmp_path / "raw.jsonl"
    acts = {3: "exit", 100: "kill", 101: "crash"}
    rows = [{**record(line), **({"act": acts[line]} if line in acts else {})} for line in range(1, 121)]
    source.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return source


@pytest.mark.slow
def test_clean_rejects_fatal_rows(poisoned: Path, tmp_path: Path) -> None:
    """Rejects of a folder of parts have file, line and reason, for any number of workers."""
    for workers in (1, 2):
        outputs = outputs_in(tmp_path / str(workers))
        stage = RecordStage(poison.PoisonConverter(), Repairer().repair, outputs.records, trace=True)
        inputs, work = Inputs.of([str(poisoned)]), Work(workers=workers, limits=SHORT)
        report = outputs.write(Job(command="clean", inputs=inputs, stage=stage, work=work))
        assert (report.rows_in, report.rows_out, report.rejected) == (120, 117, {"poison-row": 3})
        rejects = [json.loads(line) for line in outputs.rejects_file.read_text(encoding="utf-8").splitlines()]
        assert [(reject["file"], reject["line"], reject["reason"].split()[-1]) for reject in rejects] == [
            ("raw.jsonl", 3, "3"), ("raw.jsonl", 100, "SIGKILL"), ("raw.jsonl", 101, "SIGSEGV"),
        ]  # fmt: skip
        assert '"act": "kill"' in rejects[1]["row"]
    assert contents(tmp_path / "1") == contents(tmp_path / "2")


COPY = """
import multiprocessing, sys
from dataset_tools.executor.run import Work, run
from dataset_tools.executor.process_setup import can_fork
from dataset_tools.readers.shards import plan_shards
from dataset_tools.readers.sources import find_files
from tests.dataset_tools.executor import poison
if __name__ == "__main__":
    assert can_fork()
    results = run(poison.rows, plan_shards(find_files([sys.argv[1]]), 200), Work(workers=2))
    rows = next(results)
    print([(line, error.split(" (")[0]) for line, error in rows if error])
    rows += [row for result in results for row in result]
    print([line for line, _ in rows] == list(range(1, 61)), [line for line, error in rows if error])
    results = run(poison.rows, plan_shards(find_files([sys.argv[1]]), 200), Work(workers=2))
    next(results)
    results.close()
    print(multiprocessing.active_children())
"""


def test_a_forked_worker(tmp_path: Path) -> None:
    """A process without threads forks its first worker, which a fatal row may kill."""
    if sys.platform != "linux":
        pytest.skip("no forks on this system")
    script = tmp_path / "first.py"
    script.write_text(COPY)
    path = _write(tmp_path / "x.jsonl", {2: "kill", 30: "crash", 55: "exit"})
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(script), str(path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    first, rest, left = done.stdout.splitlines()
    assert first.startswith("[(2, 'poison-row: ")
    assert "SIGKILL" in first
    assert rest == "True [2, 30, 55]"
    assert left == "[]"
    assert done.stderr == ""
