"""Inputs and outputs in stores: the same rows and bytes as with local files."""

import gzip
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess

import fsspec
import pytest

from dataset_tools.cleaning.clean import CleanOptions, clean, import_data
from dataset_tools.dedup.dedup import dedup
from dataset_tools.errors import InputError, InterruptionError, UsageError
from dataset_tools.executor.ray import RayCluster
from dataset_tools.executor.run import Work
from dataset_tools.io.remote_path import RemotePath, as_path
from dataset_tools.pipeline.outputs import Outputs
from dataset_tools.pipeline.stage import ShardResult
from dataset_tools.pipeline.to_parts import FolderOutputs
from dataset_tools.readers.shards import Shard
from dataset_tools.readers.sources import find_files
from dataset_tools.validation.validate import validate
from tests.dataset_tools.executor.ray_nodes import ENVIRONMENT
from tests.dataset_tools.io.range_server import range_server
from tests.dataset_tools.io.stages import rows_of
from tests.dataset_tools.pipeline.runs import PART_BYTES, ROOT, SHARD_BYTES, contents, start_clean
from training.tiny import tokenizer_path


@pytest.fixture
def memory() -> Iterator[RemotePath]:
    """An empty folder in a store in memory."""
    place = RemotePath("memory://store")
    place.remove_all()
    yield place
    place.remove_all()


def _outputs(place: Path, *, resume: bool = False) -> FolderOutputs:
    return FolderOutputs(
        place / "out",
        report=place / "report.json",
        trace=place / "trace.jsonl.gz",
        resume=resume,
        part_bytes=PART_BYTES,
        shard_bytes=SHARD_BYTES,
    )


def _held(place: RemotePath) -> dict[str, bytes]:
    return {path.relative_to(place).as_posix(): path.read_bytes() for path in place.files()}


def test_a_folder_of_parts_in_a_store(corpus: Path, undisturbed: Path, memory: RemotePath) -> None:
    """Every file in the store has the same bytes as a local one, and the folder is a valid input."""
    report = clean([str(corpus)], _outputs(memory))
    held = _held(memory)
    local = {path.relative_to(undisturbed).as_posix(): path for path in undisturbed.rglob("*") if path.is_file()}
    assert held.keys() == local.keys()
    assert {name for name, path in local.items() if path.read_bytes() != held[name]} == {"report.json"}
    assert json.loads(held["report.json"])["output"] == "memory:///store/out"
    names = [file.name for file in find_files([str(memory / "out")])]
    assert names == sorted(path.name for path in (undisturbed / "out").glob("part-*"))
    assert [file.name for file in find_files(["memory://store/out/*"])] == names
    for path in ("report.json", "trace.jsonl.gz"):
        (memory / path).unlink()
    assert [file.name for file in find_files(["memory://store"])] == [f"out/{name}" for name in names]
    assert validate(["memory://store/out/"]).rows == report.rows_out


def test_dedup_into_a_store(corpus: Path, memory: RemotePath, tmp_path: Path) -> None:
    """One file or parts, and the rejects, have the same bytes as local files."""
    dedup([str(corpus)], Outputs(tmp_path / "x.jsonl", tmp_path / "x.rejects.jsonl"))
    dedup([str(corpus)], Outputs(memory / "x.jsonl", memory / "x.rejects.jsonl"))
    parts = replace(_outputs(memory), ending=".jsonl", report=None, trace=None)
    dedup([str(corpus)], parts)
    held = _held(memory)
    records, rejects = (tmp_path / "x.jsonl").read_bytes(), (tmp_path / "x.rejects.jsonl").read_bytes()
    assert (held["x.jsonl"], held["x.rejects.jsonl"], held["out/rejects.jsonl"]) == (records, rejects, rejects)
    assert b"".join(held[name] for name in sorted(held) if name.startswith("out/part-")) == records


def test_an_interrupted_run_to_a_store(corpus: Path, memory: RemotePath) -> None:
    """Finished parts are kept, the folder is not an input, and `--resume` yields the bytes of an undisturbed run."""
    clean([str(corpus)], _outputs(memory / "whole"))
    expected = _held(memory / "whole")

    def stop(shard: Shard, _: ShardResult) -> None:
        if shard.index == 20:
            raise KeyboardInterrupt

    place = memory / "run"
    with pytest.raises(InterruptionError, match="memory:///store/run/out: interrupted"):
        clean([str(corpus)], _outputs(place), on_shard=stop)
    done = [name for name in _held(place) if name.startswith("out/.unfinished/0")]
    assert len(done) >= 3
    with pytest.raises(InputError, match=r"memory:///store/run/out: the run that writes this folder is not finished"):
        find_files([str(place)])
    with pytest.raises(UsageError, match="the folder holds an unfinished run"):
        clean([str(corpus)], _outputs(place))
    (place / "out/part-00001.parquet").unlink()
    clean([str(corpus)], _outputs(place, resume=True))
    found = _held(place)
    assert found.keys() == expected.keys()
    assert [name for name in found if name != "report.json" and found[name] != expected[name]] == []
    clean([str(corpus)], _outputs(place, resume=True))
    with pytest.raises(UsageError, match="the folder holds a complete dataset"):
        clean([str(corpus)], _outputs(place))


def test_a_glob_in_a_store_verifies_the_parts(corpus: Path, memory: RemotePath) -> None:
    """Sizes are checked as for local files."""
    clean([str(corpus)], _outputs(memory))
    part = memory / "out/part-00001.parquet"
    fsspec.filesystem("memory").pipe_file("/store/out/part-00001.parquet", part.read_bytes()[:-1])
    with pytest.raises(InputError, match=r"out/part-00001\.parquet: \S+ bytes, but \S+ according to manifest\.json"):
        find_files(["memory://store/out/*"])
    part.unlink()
    with pytest.raises(InputError, match=r"out/part-00001\.parquet: this part of manifest\.json is missing"):
        find_files(["memory://store/out/*"])


def test_methods_of_path_work_on_the_store(memory: RemotePath) -> None:
    """Text, bytes, creation, renaming and removal; nothing reaches the local file system."""
    file = memory / "folder" / "a.txt"
    file.parent.mkdir(parents=True)
    file.touch()
    assert file.read_bytes() == b""
    assert file.write_text("سطر\n", encoding="utf-8") == 4
    file.touch()
    assert file.read_text(encoding="utf-8") == file.open(encoding="utf-8").read() == "سطر\n"
    assert file.write_bytes(b"12") == file.stat().st_size == 2
    moved = file.rename(file.with_name("b.txt"))
    assert str(moved) == "memory:///store/folder/b.txt"
    assert (file.exists(), moved.exists(), moved.is_file(), moved.is_absolute()) == (False, True, True, True)
    assert moved.absolute() == moved.resolve() == moved
    assert file.parent.replace(memory / "other") == memory / "other"
    assert _held(memory) == {"other/b.txt": b"12"}
    with pytest.raises(FileExistsError, match="memory:///store/other"):
        (memory / "other").mkdir()
    with pytest.raises(FileExistsError):
        (memory / "other/b.txt").touch(exist_ok=False)
    (memory / "other/b.txt").unlink()
    (memory / "other/b.txt").unlink(missing_ok=True)
    for read in (file.read_text, file.read_bytes, file.stat, file.unlink, lambda: file.rename(moved)):
        with pytest.raises(FileNotFoundError, match="memory:///store/folder/"):
            read()


def test_methods_that_a_store_lacks_are_refused(memory: RemotePath, tmp_path: Path) -> None:
    """The error names the path and the next step."""
    file = memory / "a.txt"
    refused: list[Callable[[], object]] = [
        lambda: file.chmod(0o600), file.owner, file.readlink, lambda: file.symlink_to("b"), lambda: file.samefile("b"),
        lambda: file.rglob("*"), lambda: list(file.glob("**/*.txt")), lambda: file.open("w"), lambda: file.open("ab"),
        lambda: file.rename(tmp_path / "a.txt"), lambda: file.replace("s3://bucket/a.txt"),
    ]  # fmt: skip
    for call in refused:
        with pytest.raises(UsageError, match=r"^memory:///store/a\.txt: .* \(.*\)$"):
            call()
    assert _held(memory) == {}


@pytest.mark.usefixtures("memory")
def test_what_a_store_holds_is_found(corpus: Path) -> None:
    """A file, a folder and a glob select the same files, with the same names, as local ones."""
    for name in ("b/x.jsonl", "a.jsonl.gz", ".hidden.jsonl", "b/.h/x.jsonl", "notes.txt", "b/y.jsonl.part"):
        content = corpus.read_bytes()
        fsspec.filesystem("memory").pipe_file(
            f"/store/{name}", gzip.compress(content) if name.endswith("gz") else content
        )
    found = find_files(["memory://store"])
    assert [(file.dataset, file.name, file.place) for file in found] == [
        ("store", "a.jsonl.gz", "memory:///store/a.jsonl.gz"),
        ("store", "b/x.jsonl", "memory:///store/b/x.jsonl"),
    ]
    assert [file.name for file in find_files(["memory://store/*/*.jsonl"])] == ["b/x.jsonl"]
    (file,) = find_files(["memory://store/a.jsonl.gz"])
    assert (file.dataset, file.name, file.compression) == ("a", "a.jsonl.gz", "gz")
    assert [row.value for row in rows_of(file.path)] == [row.value for row in rows_of(corpus)]
    with pytest.raises(InputError, match="memory:///store/none: there is no such file or folder"):
        find_files(["memory://store/none"])
    with pytest.raises(InputError, match=r"memory:///store/\*\.parquet: no file matches"):
        find_files(["memory://store/*.parquet"])
    with pytest.raises(InputError, match=r"notes\.txt: unknown file format"):
        find_files(["memory://store/notes.txt"])
    with pytest.raises(UsageError, match="is given twice"):
        find_files(["memory://store/b/x.jsonl", "memory://store/b"])


def test_workers_read_ranges(corpus: Path, tmp_path: Path, memory: RemotePath) -> None:
    """Workers fetch only their part of a file: lines of JSON Lines, row groups of Parquet, all of gzip."""
    table = clean([str(corpus)], Outputs(tmp_path / "raw.parquet", tmp_path / "r.jsonl"))
    (tmp_path / "raw.jsonl").write_bytes(corpus.read_bytes())
    (tmp_path / "packed.jsonl.gz").write_bytes(gzip.compress(corpus.read_bytes()))
    with range_server(tmp_path) as (address, ranges):
        for name in ("raw.jsonl", "packed.jsonl.gz", "raw.parquet"):
            there = import_data([f"{address}/{name}"], _outputs(memory / name))
            here = import_data([str(tmp_path / name)], _outputs(tmp_path / f"of-{name}"))
            assert there.rows_out == here.rows_out
            parts = {name: content for name, content in _held(memory / name).items() if "part-" in name}
            local = tmp_path / f"of-{name}"
            assert parts == {
                path.relative_to(local).as_posix(): path.read_bytes() for path in local.rglob("part-*.parquet")
            }
        assert table.rows_out == 456
        with pytest.raises(InputError, match=rf"{address}/none\.jsonl: there is no such file"):
            find_files([f"{address}/none.jsonl"])
    assert any(not asked.startswith("bytes=0-") for asked in ranges)


@pytest.mark.parametrize("name", ["raw.jsonl", "packed.jsonl.gz", "one.json", "raw.parquet"])
def test_a_connection_is_cut(name: str, corpus: Path, tmp_path: Path) -> None:
    """A cut in any response is reported with its place and never taken for the end of the file."""
    lines = corpus.read_bytes().splitlines()
    (tmp_path / "raw.jsonl").write_bytes(corpus.read_bytes())
    (tmp_path / "packed.jsonl.gz").write_bytes(gzip.compress(corpus.read_bytes()))
    (tmp_path / "one.json").write_bytes(b"[" + b",".join(line for line in lines if line.startswith(b'{"')) + b"]")
    clean([str(corpus)], Outputs(tmp_path / "raw.parquet", tmp_path / "r.jsonl"))
    rows = validate([str(tmp_path / name)]).rows
    number = 0
    while True:
        with range_server(tmp_path, [number]) as (address, ranges):
            try:
                assert validate([f"{address}/{name}"]).rows == rows
            except InputError as error:
                failure = error
            else:
                break
        assert failure.where.startswith(f"{address}/{name}")
        assert "ClientPayloadError: Response payload is not completed" in failure.what
        assert failure.hint == "the failure may be temporary: try again"
        number += 1
    assert number == len(ranges) >= 3


def test_errors_of_stores(corpus: Path, tmp_path: Path, afg_data: Callable[..., CompletedProcess[str]]) -> None:
    """Missing packages, unknown schemes, and commands that do not write to stores are reported."""
    done = afg_data("clean", corpus, "-o", "s3://bucket/out/", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("afg-data: s3://bucket/out: Install s3fs to access S3 (install the fsspec package")
    done = afg_data("clean", corpus, "-o", "hf://datasets/org/name/", cwd=tmp_path)
    assert (done.returncode, done.stderr.split(" (")[0]) == (
        2, "afg-data: hf://datasets/org/name/: the output cannot be on the Hub",
    )  # fmt: skip
    done = afg_data("validate", "nope://bucket/raw/", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (
        2, "afg-data: nope://bucket/raw: Protocol not known: nope (install the fsspec package for this store)\n",
    )  # fmt: skip
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        place = f"ftp://127.0.0.1:{nobody.getsockname()[1]}/x.jsonl"
        done = afg_data("clean", corpus, "-o", place, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (
            3, f"afg-data: {place}: Connection refused (choose another file with -o)\n",
        )  # fmt: skip
        done = afg_data("validate", place, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (
            2, f"afg-data: {place}: Connection refused (the failure may be temporary: try again)\n",
        )  # fmt: skip
    for command in (["split"], ["report"], ["build", "--tokenizer", str(tokenizer_path())]):
        done = afg_data(*command, corpus, "-o", "s3://bucket/x.html", cwd=tmp_path)
        assert done.returncode == 2
        assert done.stderr.startswith("afg-data: s3://bucket/x.")
        assert "only `afg-data import`, `clean` and `dedup` write to a store" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_names_with_a_scheme_are_remote() -> None:
    """Only names with a scheme are remote; a path that has lost a slash is recognised."""
    assert [str(as_path(name)) for name in ("s3://b/k", Path("s3://b/k"), "file:///a", "a/b", "C:/x", "s3:/b")] == [
        "s3://b/k", "s3://b/k", "file:///a", "a/b", "C:/x", "s3:/b",
    ]  # fmt: skip
    assert [type(as_path(name)) for name in ("a:b//c", "s3:/b")] == [type(Path("x"))] * 2


def test_a_killed_writer_leaves_no_temporary_file(tmp_path: Path) -> None:
    """A file for a store takes no local space once its process has ended."""
    script = """
import signal, sys
from dataset_tools.io.writer import AtomicFile
from dataset_tools.io.remote_path import RemotePath
with AtomicFile(RemotePath(sys.argv[1])) as file:
    file.write(b"half" * 10_000)
    if sys.argv[2:]:
        signal.raise_signal(signal.SIGKILL)
"""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    run = [sys.executable, "-c", script, f"file://{tmp_path}/x.jsonl"]
    environment = {**os.environ, "TMPDIR": str(temporary)}
    assert subprocess.run([*run, "kill"], cwd=ROOT, env=environment, check=False).returncode == -9
    assert [path.name for path in tmp_path.rglob("*")] == ["tmp"]
    assert subprocess.run(run, cwd=ROOT, env=environment, check=False).returncode == 0
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["tmp", "x.jsonl"]
    assert (tmp_path / "x.jsonl").read_bytes() == b"half" * 10_000


@pytest.mark.slow
def test_killed_while_writing_to_a_store(corpus: Path, tmp_path: Path) -> None:
    """A command that is killed several times resumes and yields the same bytes."""
    whole, folder = tmp_path / "whole", tmp_path / "run"
    whole.mkdir()
    folder.mkdir()
    process = start_clean(whole, corpus, "-o", f"file://{whole}/out/")
    assert (*process.communicate(), process.returncode) == ("", "", 0)
    for count in (1, 3, 6):
        process = start_clean(folder, corpus, "-o", f"file://{folder}/out/", "--resume")
        deadline = time.monotonic() + 60
        while len(list((folder / "out/.unfinished").glob("[0-9]*.json"))) < count:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert not (folder / "out/manifest.json").exists()
    process = start_clean(folder, corpus, "-o", f"file://{folder}/out/", "--resume")
    assert (*process.communicate(), process.returncode) == ("", "", 0)
    assert json.loads((folder / "report.json").read_bytes())["output"] == f"file://{folder}/out"
    assert contents(folder) == contents(whole)


@pytest.mark.slow
@pytest.mark.cluster
def test_a_cluster_reads_and_fills_stores(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers of a Ray cluster read the store, retry failures, and yield the bytes of one machine."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "raw.jsonl").write_bytes(corpus.read_bytes())
    # One of the workers' answers is cut, and Ray does that shard again.
    with range_server(tmp_path, [8]) as (address, ranges):
        for engine in (RayCluster(tasks=2), None):
            place = RemotePath(f"file://{tmp_path}/{'ray' if engine else 'local'}")
            clean([f"{address}/raw.jsonl"], _outputs(place), CleanOptions(work=Work(engine=engine)))
    assert not ranges[8].startswith("bytes=0-")  # the command itself reads the whole file
    assert ranges.count(ranges[8]) == 3  # twice by the cluster
    assert contents(tmp_path / "ray").keys() == contents(tmp_path / "local").keys()
    found, expected = _held(RemotePath(f"file://{tmp_path}/ray")), _held(RemotePath(f"file://{tmp_path}/local"))
    assert [name for name in found if name != "report.json" and found[name] != expected[name]] == []
