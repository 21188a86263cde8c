"""Atomic folders: complete or not there."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dataset_tools.errors import OutputError, UsageError
from dataset_tools.io.atomic_folder import AtomicFolder
from tests.dataset_tools.samples.build_rows import write_rows
from tests.prompt_rows import row, say
from training.tiny import tokenizer_path

ROOT = Path(__file__).parents[3]
PATTERNS = ("data-*.txt", "note.json")

# A folder that stays unfinished until the process ends.
UNFINISHED = """
import sys
from pathlib import Path
from dataset_tools.io.atomic_folder import AtomicFolder
with AtomicFolder(Path(sys.argv[1]), ["*.txt"]) as folder:
    folder.write("data.txt", b"half")
    print("written", flush=True)
    sys.stdin.read()
"""


def _names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def _fill(path: Path, **files: bytes) -> None:
    with AtomicFolder(path, PATTERNS) as folder:
        for name, content in files.items():
            folder.write(f"data-{name}.txt", content)


def test_the_name_is_free_until_the_end(tmp_path: Path) -> None:
    """During writing, the name is free or belongs to the older folder."""
    path = tmp_path / "out"
    with AtomicFolder(path, PATTERNS) as folder:
        folder.write("data-1.txt", b"one")
        folder.append("note.json", b"a")
        folder.append("note.json", b"b")
        assert not path.exists()
    assert {entry.name: entry.read_bytes() for entry in path.iterdir()} == {"data-1.txt": b"one", "note.json": b"ab"}
    with AtomicFolder(path, PATTERNS) as folder:
        folder.write("data-2.txt", b"two")
        assert _names(path) == ["data-1.txt", "note.json"]
    assert _names(path) == ["data-2.txt"]
    assert _names(tmp_path) == ["out"]


@pytest.mark.parametrize("kind", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_a_failure_leaves_the_older_folder(tmp_path: Path, kind: type[BaseException]) -> None:
    """Nothing of the new folder is left."""
    path = tmp_path / "out"
    _fill(path, old=b"old")
    with pytest.raises(kind), AtomicFolder(path, PATTERNS) as folder:  # noqa: PT012 - the block is what is tested
        folder.write("data-new.txt", b"new")
        raise kind
    assert _names(path) == ["data-old.txt"]
    assert _names(tmp_path) == ["out"]


def test_a_foreign_file_that_appears_during_the_run_is_kept(tmp_path: Path) -> None:
    """The older folder is checked again before it is removed."""
    path = tmp_path / "out"
    _fill(path, old=b"old")
    with pytest.raises(UsageError, match=r"holds thesis\.docx"), AtomicFolder(path, PATTERNS) as folder:  # noqa: PT012
        folder.write("data-new.txt", b"new")
        (path / "thesis.docx").write_bytes(b"years")
    assert _names(path) == ["data-old.txt", "thesis.docx"]
    assert _names(tmp_path) == ["out"]


def test_a_folder_inside_is_foreign(tmp_path: Path) -> None:
    """This holds even if its name matches the patterns."""
    (tmp_path / "out" / "data-1.txt").mkdir(parents=True)
    with pytest.raises(UsageError, match=r"holds data-1\.txt"), AtomicFolder(tmp_path / "out", PATTERNS):
        pass
    assert _names(tmp_path / "out") == ["data-1.txt"]


def test_a_link_to_a_folder_stays_a_link(tmp_path: Path) -> None:
    """The target of the link is replaced."""
    _fill(tmp_path / "real", old=b"old")
    (tmp_path / "out").symlink_to(tmp_path / "real")
    _fill(tmp_path / "out", new=b"new")
    assert (tmp_path / "out").is_symlink()
    assert _names(tmp_path / "real") == ["data-new.txt"]


def test_a_parent_that_is_a_file_is_an_error(tmp_path: Path) -> None:
    """A file has the name of a parent folder."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="choose another"), AtomicFolder(tmp_path / "file" / "out", PATTERNS):
        pass
    assert _names(tmp_path) == ["file"]


def test_an_unfinished_folder_that_is_removed(tmp_path: Path) -> None:
    """The older folder stays, and the error is reported."""
    path = tmp_path / "out"
    _fill(path, old=b"old")
    with pytest.raises(OutputError), AtomicFolder(path, PATTERNS) as folder:  # noqa: PT012
        folder.write("data-new.txt", b"new")
        (partial,) = tmp_path.glob(".out.*")
        (partial / "data-new.txt").unlink()
        partial.rmdir()
    assert _names(path) == ["data-old.txt"]
    assert _names(tmp_path) == ["out"]


def test_a_process_that_is_killed_leaves_nothing_under_the_name(tmp_path: Path) -> None:
    """The written files stay under a hidden name and do not disturb the next run."""
    path = tmp_path / "out"
    command = [sys.executable, "-c", UNFINISHED, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"written\n"
        process.kill()
    assert not path.exists()
    (left,) = _names(tmp_path)
    assert left.startswith(".out.")
    _fill(path, new=b"new")
    assert _names(path) == ["data-new.txt"]


# A commit that is killed between the two renames.
BETWEEN = """
import signal, sys
from pathlib import Path
from dataset_tools.io.atomic_folder import AtomicFolder
rename = Path.rename
def rename_or_die(self, target):
    if self.name.endswith(".partial"):
        signal.raise_signal(signal.SIGKILL)
    return rename(self, target)
Path.rename = rename_or_die
with AtomicFolder(Path(sys.argv[1]), ["data-*.txt"]) as folder:
    folder.write("data-new.txt", b"new")
"""


@pytest.mark.parametrize("linked", [False, True])
def test_a_kill_between_the_two_renames_loses_nothing(tmp_path: Path, linked: bool) -> None:  # noqa: FBT001
    """The next run restores the older folder first, even if that run fails."""
    path = tmp_path / "out"
    if linked:
        path.symlink_to(tmp_path / "real")
        (tmp_path / "real").mkdir()
    _fill(path, old=b"old")
    assert subprocess.run([sys.executable, "-c", BETWEEN, str(path)], cwd=ROOT, check=False).returncode == -9
    assert not path.exists()
    with pytest.raises(RuntimeError), AtomicFolder(path, PATTERNS) as folder:
        raise RuntimeError
    assert _names(path) == ["data-old.txt"]
    assert folder.path == path
    _fill(path, newer=b"newer")
    assert _names(path) == ["data-newer.txt"]
    assert not list(tmp_path.glob("*.old"))


@pytest.mark.parametrize("kind", [OSError, KeyboardInterrupt])
def test_a_commit_that_fails_half_way_leaves_the_older_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[BaseException]
) -> None:
    """The second rename fails, after the first one has freed the name."""
    path = tmp_path / "out"
    _fill(path, old=b"old")
    rename = Path.rename

    def refuse(source: Path, target: Path) -> Path:
        if source.name.endswith(".partial"):
            raise kind
        return rename(source, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(OutputError if kind is OSError else kind):
        _fill(path, new=b"new")
    assert _names(path) == ["data-old.txt"]
    assert _names(tmp_path) == ["out"]


def test_a_replaced_folder_is_not_restored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a kill at the end of a commit, the next run removes the replaced folder."""
    path = tmp_path / "out"
    _fill(path, old=b"old")
    with monkeypatch.context() as patch:
        rename = Path.rename
        patch.setattr(Path, "rename", lambda old, new: None if new.name.endswith(".partial") else rename(old, new))
        _fill(path, new=b"new")
    assert len(_names(tmp_path)) == 2
    assert _names(path) == ["data-new.txt"]
    _fill(path, newer=b"newer")
    assert _names(path) == ["data-newer.txt"]
    assert _names(tmp_path) == ["out"]


def test_all_files_are_flushed_before_the_rename(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A loss of power after the end leaves no empty file, however the files were written."""
    synced: set[int] = set()
    sync = os.fsync

    def note(opened: int) -> None:
        synced.add(os.fstat(opened).st_ino)
        sync(opened)

    monkeypatch.setattr(os, "fsync", note)
    with AtomicFolder(tmp_path / "out", PATTERNS) as folder:
        folder.write("data-1.txt", b"one")
        folder.append("note.json", b"a")
        folder.append("note.json", b"b")
        folder.file("data-2.txt").write_bytes(b"two")
    assert {entry.stat().st_ino for entry in (tmp_path / "out").iterdir()} <= synced


def test_an_interrupted_build_leaves_nothing(tmp_path: Path) -> None:
    """Ctrl-C while rows are read prints one line, exits with 130 and leaves no folder."""
    source = tmp_path / "rows.jsonl"
    one = {**row(say("user", "س" * 400), say("assistant", "لا " * 400)), "id": "r"}
    write_rows(source, [one] * 20_000)
    command = [sys.executable, "-m", "dataset_tools", "build", str(source), "-o", str(tmp_path / "out")]
    command += ["--tokenizer", str(tokenizer_path()), "--verify", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, cwd=ROOT) as process:
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob(".out.*")) and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.decode() == "afg-data: interrupted; saved work is kept, partial output files are removed\n"
    assert _names(tmp_path) == ["rows.jsonl"]


# A build that is interrupted while an endless file is hashed in the background.
ENDLESS = """
import sys
from pathlib import Path
from dataset_tools.samples.stage import SampleOptions
from dataset_tools.samples.build import BuildOptions, build
from dataset_tools.readers.sources import DataFile, Stamps
from dataset_tools.records.reading import Inputs
def interrupt(*_):
    raise KeyboardInterrupt
paths = [Path(sys.argv[1]), Path("/dev/zero")]
files = tuple(DataFile(path, "x", "x", "jsonl", "") for path in paths)
inputs = Inputs((), files, (), Stamps(paths))
build(inputs, Path(sys.argv[2]), sys.argv[3], BuildOptions(samples=SampleOptions(verify=0)), on_shard=interrupt)
"""


def test_an_interrupted_build_does_not_wait_until_its_inputs_are_hashed(tmp_path: Path) -> None:
    """It ends immediately, whatever their size."""
    source = tmp_path / "rows.jsonl"
    write_rows(source, [{**row(say("user", "لا"), say("assistant", "لا")), "id": "r"}])
    command = [sys.executable, "-c", ENDLESS, str(source), str(tmp_path / "out"), str(tokenizer_path())]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, timeout=30)
    assert done.stderr.endswith(b"KeyboardInterrupt\n")
    assert _names(tmp_path) == ["rows.jsonl"]
