"""Execution of a stage: results in order, errors unchanged, and a quick end."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from dataset_tools.bundled import sample_path
from dataset_tools.errors import InputError, RowError, UsageError
from dataset_tools.executor.run import Work, run
from dataset_tools.readers.shards import Shard
from dataset_tools.readers.sources import DataFile
from tests.dataset_tools.executor import poison
from tests.dataset_tools.io import stages

ROOT = Path(__file__).parents[3]
FILE = DataFile(Path("x.jsonl"), "x", "x.jsonl", "jsonl", "")

FAMILY = 4
"""Child processes of a run with two workers: both, the fork server and its resource tracker."""


def _shards(count: int) -> Iterator[Shard]:
    return (Shard(index, FILE, index, index + 1, 10 * index + 1) for index in range(count))


@pytest.mark.parametrize("workers", [1, 2])
def test_results_in_order(workers: int) -> None:
    """Results come in the order of the shards, even if later ones finish first, each after its callback."""
    done: list[int] = []
    results = run(
        stages.slow_at_first,
        _shards(9),
        Work(workers=workers),
        on_done=lambda shard, result: done.append(shard.index + result),
    )
    for count, result in enumerate(results, 1):
        assert result == count - 1
        assert done == [2 * index for index in range(count)]


@pytest.mark.parametrize("workers", [1, 2])
def test_errors_of_the_stage(workers: int) -> None:
    """An error arrives unchanged, after the earlier results."""
    results = run(stages.fail_at_two, _shards(6), Work(workers=workers))
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(InputError) as caught:
        next(results)
    assert str(caught.value) == "x.jsonl:7: broken (mend it)"
    with pytest.raises(RowError) as row:
        next(run(stages.row_error, _shards(2), Work(workers=workers)))
    assert (row.value.code, row.value.hint) == ("unreadable-row", "mend it")


def test_a_worker_that_always_dies() -> None:
    """A worker that dies whichever row is skipped becomes an error with file, rows and a hint."""
    with pytest.raises(InputError, match="was killed by SIGKILL") as caught:
        list(run(stages.die_at_two, _shards(8), Work(workers=2)))
    assert caught.value.where.startswith("x.jsonl:")
    assert "--workers" in caught.value.hint


def test_shards_are_taken_as_needed() -> None:
    """At most two shards per worker are in progress, so memory does not depend on their number."""
    taken = 0

    def shards() -> Iterator[Shard]:
        nonlocal taken
        for shard in _shards(1000):
            taken += 1
            yield shard

    results = run(stages.slow_at_first, shards(), Work(workers=2))
    next(results)
    assert taken <= 5
    results.close()


def test_the_stage_is_pickled_once_per_worker() -> None:
    """The stage is pickled per worker, not per shard."""
    stage = stages.Encode("x.jsonl")
    results = run(stage, _shards(2), Work(workers=2))
    with pytest.raises(InputError, match="No such file"):
        next(results)
    assert 1 <= stage.pickled <= 2


def test_one_worker_needs_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """A single worker is this process."""
    monkeypatch.delitem(sys.modules, "dataset_tools.executor.worker_pool", raising=False)
    assert list(run(lambda shard: shard.index, _shards(3), Work(workers=1))) == [0, 1, 2]
    assert "dataset_tools.executor.worker_pool" not in sys.modules
    assert list(run(lambda shard: shard.index, _shards(0), Work(workers=8))) == []


def test_closing_while_a_result_is_sent() -> None:
    """Closing the generator while a worker sends a large result does not block."""
    for pause in range(8):
        results = run(poison.large, _shards(50), Work(workers=2), isolated=True)
        next(results)
        time.sleep(0.01 * (pause % 5))
        results.close()


def test_no_workers() -> None:
    """Fewer than one worker is a usage error."""
    with pytest.raises(UsageError):
        list(run(lambda shard: shard.index, _shards(1), Work(workers=0)))


def test_a_script_from_standard_input() -> None:
    """A script that workers cannot import is a usage error, not a lack of memory."""
    script = """
from dataset_tools.errors import UsageError
from tests.dataset_tools.executor.test_run import Work, _shards, run, stages
try:
    list(run(stages.slow_at_first, _shards(3), Work(workers=2), isolated=True))
except UsageError as error:
    print(error)
"""
    command = [sys.executable, "-"]
    done = subprocess.run(command, check=False, input=script, capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.stdout.startswith("a script from standard input cannot use worker processes, which import it (write it")
    assert (done.stderr, done.returncode) == ("", 0)


UNGUARDED = """
import sys
from pathlib import Path
from dataset_tools.cleaning.clean import CleanOptions, clean
from dataset_tools.errors import UsageError
from dataset_tools.executor.run import Work
from dataset_tools.pipeline.to_parts import FolderOutputs
from dataset_tools.pipeline.outputs import Outputs
target, workers, *inputs = sys.argv[1:]
outputs = FolderOutputs(Path(target), ".jsonl") if target == "parts" else Outputs(Path(target), Path("rejects.jsonl"))
try:
    clean(inputs, outputs, CleanOptions(work=Work(workers=int(workers))))
except UsageError as error:
    print(error)
"""


@pytest.mark.parametrize("target, workers", [("parts", 1), ("parts", 2), ("clean.jsonl", 2)])
def test_a_script_without_an_entry_point(target: str, workers: int, tmp_path: Path) -> None:
    """Workers that start the work of an unguarded script again end the run with the reason and the remedy."""
    script = tmp_path / "script.py"
    script.write_text(UNGUARDED)
    inputs = [f"{number}.jsonl" for number in range(3)]
    for name in inputs:
        (tmp_path / name).write_bytes(sample_path().read_bytes())
    done = subprocess.run(
        [sys.executable, str(script), target, str(workers), *inputs],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout == (
        f"{script}: worker processes import this script, which fails or starts its work again in each of them "
        '(put what it does below `if __name__ == "__main__":`)\n'
    )
    assert (done.stderr, done.returncode) == ("", 0)


SLEEPER = """
import sys
from tests.dataset_tools.io import stages
from tests.dataset_tools.executor import poison
from tests.dataset_tools.executor.test_run import _shards
from dataset_tools.executor.run import Work, run
if __name__ == "__main__":
    try:
        list(run(stages.sleep_long, _shards(10), Work(workers=2)))
    except KeyboardInterrupt:
        print("interrupted")
"""


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Return a function that starts a run with sleeping workers."""
    script = tmp_path / "sleeper.py"
    script.write_text(SLEEPER)
    started: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        options: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen([sys.executable, script], env=environment, start_new_session=True, **options)
        started.append(process)
        deadline = time.monotonic() + 20
        while len(_family(process.pid)) < FAMILY and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.5)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def _family(pid: int) -> list[int]:
    """Return the ids of all descendants: workers are children of the fork server."""
    if not Path(f"/proc/self/task/{os.getpid()}/children").exists():
        pytest.skip("needs /proc to see processes")
    children: list[int] = []
    with suppress(OSError):  # it may end at any time
        for task in Path(f"/proc/{pid}/task").iterdir():
            children.extend(map(int, (task / "children").read_text().split()))
    return [*children, *(other for child in children for other in _family(child))]


def _all_gone(pids: list[int]) -> bool:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if not any(Path(f"/proc/{pid}/exe").exists() and _alive(pid) for pid in pids):
            return True
        time.sleep(0.05)
    return False


def _alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def test_ctrl_c_ends_it_quietly(sleeper: Callable[[], subprocess.Popen[str]]) -> None:
    """Ctrl-C, which reaches every process, ends all of them at once with one message."""
    process = sleeper()
    children = _family(process.pid)
    assert len(children) == FAMILY
    os.killpg(process.pid, signal.SIGINT)
    output, errors = process.communicate()
    assert output == "interrupted\n"
    assert errors == ""
    assert _all_gone(children)


def test_workers_do_not_outlive_a_killed_parent(sleeper: Callable[[], subprocess.Popen[str]]) -> None:
    """Workers end when their parent is killed."""
    process = sleeper()
    children = _family(process.pid)
    assert len(children) == FAMILY
    process.kill()
    process.communicate()
    assert _all_gone(children)
