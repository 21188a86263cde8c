"""``dedup`` into a folder of parts, with resume."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from dataset_tools.dedup.dedup import DedupOptions, dedup
from dataset_tools.dedup.keys import ShardKeys
from dataset_tools.errors import RowError, UsageError
from dataset_tools.executor.run import Work
from dataset_tools.pipeline.outputs import Outputs
from dataset_tools.pipeline.stage import RunReport
from dataset_tools.pipeline.to_parts import FolderOutputs
from dataset_tools.readers.shards import Shard
from tests.dataset_tools.io.stages import rows_of
from tests.dataset_tools.pipeline.runs import contents, outputs_in


@pytest.fixture(scope="module")
def repeated(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the corpus with a third of it repeated, so that duplicates are far apart."""
    lines = corpus.read_text(encoding="utf-8").splitlines(keepends=True)
    path = tmp_path_factory.mktemp("repeated") / "raw.jsonl"
    path.write_text("".join([*lines, *lines[::3]]), encoding="utf-8")
    return path


def _outputs(folder: Path, *, resume: bool = False) -> FolderOutputs:
    return replace(outputs_in(folder, resume=resume, ending=".jsonl"), trace=None)


@pytest.fixture(scope="module")
def whole(repeated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the output of one uninterrupted worker."""
    folder = tmp_path_factory.mktemp("whole")
    dedup([str(repeated)], _outputs(folder))
    return folder


def test_the_parts_hold_what_one_file_holds(repeated: Path, whole: Path, tmp_path: Path) -> None:
    """Records and rejects equal those of a run into one file; many rows are dropped."""
    one = Outputs(tmp_path / "one.jsonl", tmp_path / "one.rejects.jsonl")
    report = dedup([str(repeated)], one)
    parts = sorted((whole / "out").glob("part-*.jsonl"))
    assert len(parts) > 10
    assert b"".join(path.read_bytes() for path in parts) == one.records.read_bytes()
    assert (whole / "out/rejects.jsonl").read_bytes() == one.rejects.read_bytes()
    assert report.rejected["duplicate"] > 100
    assert len(list(rows_of(one.records))) == report.rows_out


@pytest.mark.parametrize("workers", [2, 3])
def test_bytes_do_not_depend_on_workers(workers: int, repeated: Path, whole: Path, tmp_path: Path) -> None:
    """Any number of workers writes the same bytes."""
    dedup([str(repeated)], _outputs(tmp_path), DedupOptions(work=Work(workers=workers)))
    assert contents(tmp_path) == contents(whole)


class _StoppedError(Exception):
    """Error that ends a run."""


@pytest.mark.parametrize("stop", [4, 11, 30])
def test_it_resumes_where_it_stopped(stop: int, repeated: Path, whole: Path, tmp_path: Path) -> None:
    """A resumed run reads rows again, writes no part twice, and gives the same bytes."""

    def stopping(shard: Shard, part: object) -> None:
        if shard.index >= stop and not isinstance(part, ShardKeys):
            raise _StoppedError

    with pytest.raises(_StoppedError):
        dedup([str(repeated)], _outputs(tmp_path), on_shard=stopping)
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("part-*")}
    assert kept
    dedup([str(repeated)], _outputs(tmp_path, resume=True))
    assert contents(tmp_path) == contents(whole)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


def test_a_whole_folder_is_verified_and_not_read_again(repeated: Path, whole: Path) -> None:
    """The report is the same, and no shard is read."""
    done: list[Shard] = []

    def again(*, resume: bool = False) -> RunReport:
        return dedup([str(repeated)], _outputs(whole, resume=resume), on_shard=lambda shard, _: done.append(shard))

    assert again(resume=True).rejected["duplicate"] > 100
    with pytest.raises(UsageError, match="holds a complete dataset"):
        again()
    assert done == []


def test_other_refused_rows_are_noticed(repeated: Path, tmp_path: Path) -> None:
    """A resumed run with other refused rows is rejected."""
    place, error = str(repeated), RowError("duplicate", "found elsewhere", repeats="1")
    dedup([place], _outputs(tmp_path), refused={place: {3: error}})
    with pytest.raises(UsageError, match=r"cannot be resumed: refused was \w+, and is \w+ now"):
        dedup([place], _outputs(tmp_path, resume=True), refused={place: {4: error}})


def test_the_command_writes_parts(
    repeated: Path, afg_data: Callable[..., CompletedProcess[str]], tmp_path: Path
) -> None:
    """A trailing slash selects parts, an option their format; the folder can be read and resumed."""
    command = ("dedup", repeated, "-o", "distinct/", "--parts", "jsonl.zst", "--workers", "2", "--quiet")
    assert afg_data(*command, cwd=tmp_path).returncode == 0
    assert (tmp_path / "distinct/part-00000.jsonl.zst").is_file()
    assert afg_data(*command, cwd=tmp_path).returncode == 2
    assert afg_data(*command, "--resume", cwd=tmp_path).returncode == 0
    assert afg_data("stats", "distinct/", "--json", cwd=tmp_path).returncode == 0
