"""Resume of a folder of parts: the same bytes as an uninterrupted run."""

import errno
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dataset_tools.cleaning.clean import CleanOptions, ImportOptions, clean, import_data
from dataset_tools.errors import AfgError, InputError, InterruptionError, OutputError, UsageError
from dataset_tools.executor import process_setup
from dataset_tools.executor.run import Work
from dataset_tools.io import atomic_folder
from dataset_tools.pipeline.stage import ShardResult
from dataset_tools.readers.shards import Shard, plan_shards
from dataset_tools.readers.sources import find_files
from dataset_tools.records.reading import ReadOptions
from tests.dataset_tools.pipeline.runs import ROOT, SHARD_BYTES, clean_into, contents, outputs_in, start_clean


class _StoppedError(Exception):
    """Error that ends a run."""


def _stop_at(index: int, error: type[BaseException] = _StoppedError) -> Callable[[Shard, ShardResult], None]:
    """Ends a run before the result of a shard is taken."""

    def on_shard(shard: Shard, _: ShardResult) -> None:
        if shard.index >= index:
            raise error

    return on_shard


def _begin(source: Path, folder: Path, stop: int = 20, error: type[BaseException] = _StoppedError) -> None:
    """Run clean and stop it at a shard."""
    with pytest.raises((error, InterruptionError) if error is KeyboardInterrupt else error):
        clean([str(source)], outputs_in(folder), on_shard=_stop_at(stop, error))


def _is_unfinished(folder: Path) -> bool:
    return (folder / "out/.unfinished").is_dir() and not (folder / "out/manifest.json").exists()


@pytest.mark.parametrize("stop", [4, 5, 17, 40])
def test_it_resumes_where_it_stopped(stop: int, corpus: Path, undisturbed: Path, tmp_path: Path) -> None:
    """A resumed run skips the shards of finished parts and gives the bytes of an uninterrupted run."""
    _begin(corpus, tmp_path, stop)
    assert _is_unfinished(tmp_path)
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("part-*")}
    assert kept
    done: list[int] = []
    seen: list[int] = []

    def on_shard(shard: Shard, part: ShardResult) -> None:
        seen.append(shard.index)
        if part.rows:
            done.append(shard.index)

    clean([str(corpus)], outputs_in(tmp_path, resume=True), on_shard=on_shard)
    assert contents(tmp_path) == contents(undisturbed)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert stop - 4 <= done[0] <= stop
    assert done == list(range(done[0], done[-1] + 1))
    assert seen == list(range(done[-1] + 1))


def test_stopped_again_and_again(corpus: Path, undisturbed: Path, tmp_path: Path) -> None:
    """A run that finishes one part at a time completes, with varying numbers of workers."""
    reached, runs = 4, 0
    while True:
        outputs = outputs_in(tmp_path, resume=True)
        try:
            clean([str(corpus)], outputs, CleanOptions(work=Work(workers=1 + runs % 2)), on_shard=_stop_at(reached))
            break
        except _StoppedError:
            reached, runs = reached + 7, runs + 1
    assert runs > 7
    assert contents(tmp_path) == contents(undisturbed)


def test_a_run_without_a_part_leaves_no_folder(corpus: Path, tmp_path: Path) -> None:
    """A run that ends before its first part leaves no folder."""
    _begin(corpus, tmp_path, 2)
    assert contents(tmp_path) == {}
    assert list(tmp_path.iterdir()) == []


DAMAGE: dict[str, Callable[[Path], object]] = {
    "half a marker": lambda out: _halve(out / ".unfinished/00001.json"),
    "an empty marker": lambda out: (out / ".unfinished/00001.json").write_bytes(b""),
    "another marker": lambda out: (out / ".unfinished/00001.json").write_bytes(b"[1]"),
    "no marker": lambda out: (out / ".unfinished/00002.json").unlink(),
    "half a part": lambda out: _halve(out / "part-00002.parquet"),
    "no part": lambda out: (out / "part-00000.parquet").unlink(),
    "one byte of a part": lambda out: _turn(out / "part-00001.parquet"),
    "half a piece of the trace": lambda out: _halve(out / ".unfinished/00002.trace.jsonl.gz"),
    "one byte of the rejects": lambda out: _turn(min(out.glob(".unfinished/*.rejects.jsonl"))),
    "no piece of the trace": lambda out: (out / ".unfinished/00002.trace.jsonl.gz").unlink(),
    "what a killed writer left": lambda out: (out / ".part-00004.parquet.123-4.partial").write_bytes(b"PAR1"),
    "a part of which nobody knows": lambda out: (out / "part-00004.parquet").write_bytes(b"PAR1"),
}


def _halve(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _turn(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_part_is_written_again(name: str, corpus: Path, undisturbed: Path, tmp_path: Path) -> None:
    """A truncated, changed or missing file costs its part only; the final bytes are the same."""
    _begin(corpus, tmp_path)
    DAMAGE[name](tmp_path / "out")
    clean_into(corpus, tmp_path, resume=True)
    assert contents(tmp_path) == contents(undisturbed)


def _tools(folder: Path) -> Path:
    path = folder / "tools.json"
    path.write_text('[{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]')
    return path


@dataclass(frozen=True, slots=True, kw_only=True)
class _MoreOptions(CleanOptions):
    """Options of a command with a new field."""

    dots: tuple[str, ...] = ()


def test_a_new_option_is_compared(corpus: Path, tmp_path: Path) -> None:
    """Every option field is in the plan and the report automatically."""
    with pytest.raises(_StoppedError):
        clean([str(corpus)], outputs_in(tmp_path), _MoreOptions(dots=("a",)), on_shard=_stop_at(20))
    again = outputs_in(tmp_path, resume=True)
    with pytest.raises(UsageError, match=r"cannot be resumed: dots was \['a'\], and is none now"):
        clean([str(corpus)], again, _MoreOptions())
    report = clean([str(corpus)], again, _MoreOptions(dots=("a",), work=Work(workers=2)))
    assert report.options == {
        "fold": [],
        "developer_turn": True,
        "layout": "",
        "tools_file": "",
        "rename_tools": False,
        "dots": ["a"],
    }


def test_changes_are_refused(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Changed bytes, sizes, options, tools and versions are named, and nothing is written."""
    source = tmp_path / "raw.jsonl"
    source.write_bytes(corpus.read_bytes())
    tools = _tools(tmp_path)
    with pytest.raises(_StoppedError):
        import_data(
            [str(source)],
            outputs_in(tmp_path),
            ImportOptions(reading=ReadOptions(tools_file=tools)),
            on_shard=_stop_at(20),
        )

    def refused(kind: type[AfgError], what: str, *, rename: bool = False, **outputs: Any) -> None:
        before = contents(tmp_path)
        with pytest.raises(kind, match=rf"out: cannot be resumed: {what}.* \(use the same inputs, .*, or remove"):
            import_data(
                [str(source)],
                outputs_in(tmp_path, resume=True, **outputs),
                ImportOptions(reading=ReadOptions(tools_file=tools), rename_tools=rename),
            )
        assert contents(tmp_path) == before

    refused(UsageError, "rename_tools was none, and is True now", rename=True)
    refused(UsageError, r"parts_format was \.parquet, and is \.jsonl now", ending=".jsonl")
    with monkeypatch.context() as patch:
        patch.setattr(process_setup, "version", lambda name: "9.9" if name == "ftfy" else "1")
        refused(UsageError, r"arabic-functiongemma was .*, and is 1 now")
    before = source.read_bytes()
    _turn(source)
    refused(InputError, r"\S+/raw\.jsonl has different content now")
    source.write_bytes(before + b"{}\n")
    refused(InputError, rf"\S+/raw\.jsonl has {len(before) + 3:,} bytes now, and had {len(before):,}")
    source.write_bytes(before)
    tools.write_text(tools.read_text().replace('"f"', '"g"'))
    refused(InputError, r"\S+/tools\.json has different content now")
    _tools(tmp_path)
    more = source.rename(tmp_path / "other.jsonl")
    source = more
    refused(InputError, r"\S+/other\.jsonl was not an input before")


def test_an_unfinished_folder_needs_the_option(corpus: Path, tmp_path: Path) -> None:
    """Without --resume an unfinished folder is refused, with a hint."""
    _begin(corpus, tmp_path)
    before = contents(tmp_path)
    with pytest.raises(UsageError, match=r"out: the folder holds an unfinished run \(--resume continues; or remove it"):
        clean_into(corpus, tmp_path)
    assert contents(tmp_path) == before


def test_resuming_a_complete_folder(corpus: Path, undisturbed: Path, tmp_path: Path) -> None:
    """With --resume a new folder is started, and a complete one is checked and reported again."""
    first = clean_into(corpus, tmp_path, resume=True)
    assert contents(tmp_path) == contents(undisturbed)
    (tmp_path / "report.json").unlink()
    again = clean([str(corpus)], outputs_in(tmp_path, resume=True), on_shard=_stop_at(0))
    assert again == first
    assert contents(tmp_path) == contents(undisturbed)
    for name in ("part-00002.parquet", "rejects.jsonl", "../trace.jsonl.gz"):
        path = tmp_path / "out" / name
        content = path.read_bytes()
        _turn(path)
        with pytest.raises(InputError, match=r"missing, or changed .* \(remove .*out to write everything again\)"):
            clean_into(corpus, tmp_path, resume=True)
        path.write_bytes(content)


def test_killed_after_the_manifest(corpus: Path, undisturbed: Path, tmp_path: Path) -> None:
    """A folder with a manifest is complete, even if its work folder remains."""
    clean_into(corpus, tmp_path)
    for left in (".unfinished", ".unfinished-123"):
        (tmp_path / "out" / left).mkdir()
        (tmp_path / "out" / left / "00003.json").write_bytes(b"{}")
    clean_into(corpus, tmp_path, resume=True)
    assert contents(tmp_path) == contents(undisturbed)


def test_ctrl_c_names_resume(corpus: Path, undisturbed: Path, tmp_path: Path) -> None:
    """An interruption keeps finished parts and names the option."""
    with pytest.raises(InterruptionError, match=r"out: interrupted \(--resume continues after \d+ parts\)"):
        clean([str(corpus)], outputs_in(tmp_path), on_shard=_stop_at(20, KeyboardInterrupt))
    clean_into(corpus, tmp_path, resume=True)
    assert contents(tmp_path) == contents(undisturbed)


def test_an_input_that_changes_during_the_run(corpus: Path, tmp_path: Path) -> None:
    """An input that is changed or removed during the run is an error, also a tools file."""
    source = tmp_path / "raw.jsonl"
    tools = _tools(tmp_path)
    last = max(shard.index for shard in plan_shards(find_files([str(corpus)]), SHARD_BYTES))
    for number, change in enumerate(
        (lambda: os.utime(source, ns=(0, 0)), lambda: os.utime(tools, ns=(0, 0)), source.unlink, tools.unlink)
    ):
        source.write_bytes(corpus.read_bytes())
        _tools(tmp_path)

        def disturb(shard: Shard, _: ShardResult, change: Callable[[], object] = change) -> None:
            if shard.index == last:
                change()

        folder = tmp_path / str(number)
        with pytest.raises(InputError, match=r"\S+/(raw\.jsonl|tools\.json): the input changed while it was read"):
            clean(
                [str(source)], outputs_in(folder), CleanOptions(reading=ReadOptions(tools_file=tools)), on_shard=disturb
            )
        assert _is_unfinished(folder)


def test_two_runs_at_once(corpus: Path, tmp_path: Path) -> None:
    """A second run into the same folder is refused and does not disturb the first."""

    def second(shard: Shard, _: ShardResult) -> None:
        if shard.index in (0, 20):
            with pytest.raises(UsageError, match="another run is writing into this folder"):
                clean_into(corpus, tmp_path, resume=True)

    report = clean([str(corpus)], outputs_in(tmp_path), on_shard=second)
    assert report.rows_in == 480


def _once_before(patch: pytest.MonkeyPatch, place: str, action: Callable[[], object]) -> None:
    """Call a function just before a run makes `.unfinished` or takes its lock."""
    pending = [action]
    mkdir, take = Path.mkdir, atomic_folder.take

    def act() -> None:
        if pending:
            pending.pop()()

    def mkdir_after(path: Path, *arguments: Any, **options: Any) -> None:
        if place == "mkdir" and path.name == ".unfinished":
            act()
        mkdir(path, *arguments, **options)

    def take_after(*arguments: Any) -> None:
        if place == "take":
            act()
        take(*arguments)

    patch.setattr(Path, "mkdir", mkdir_after)
    patch.setattr(atomic_folder, "take", take_after)


@pytest.mark.parametrize("place", ["mkdir", "take"])
def test_a_resume_that_starts_as_another_run_ends(
    place: str, corpus: Path, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that waits for the lock finds the complete folder and leaves it unchanged."""
    _begin(corpus, tmp_path)
    _once_before(monkeypatch, place, lambda: clean_into(corpus, tmp_path, resume=True))
    done: list[int] = []
    clean([str(corpus)], outputs_in(tmp_path, resume=True), on_shard=lambda shard, _: done.append(shard.index))
    assert done == []
    assert contents(tmp_path) == contents(undisturbed)


KILLED = """
import signal, sys
from pathlib import Path
from dataset_tools.cleaning.clean import clean
from tests.dataset_tools.pipeline.runs import outputs_in
source, folder, stop = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
clean([source], outputs_in(folder), on_shard=lambda shard, _: shard.index == stop and signal.raise_signal(9))
"""


@pytest.mark.parametrize("place", ["mkdir", "take"])
@pytest.mark.parametrize("stop, message", [(99, "holds a complete dataset"), (20, "unfinished"), (3, "unfinished")])
def test_a_run_that_starts_as_another_begins(
    stop: int, message: str, place: str, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files that appear in the folder before the lock is taken are not removed."""
    other: list[dict[str, str]] = []

    def begin_and_die() -> None:
        command = [sys.executable, "-c", KILLED, str(corpus), str(tmp_path), str(stop)]
        assert subprocess.run(command, cwd=ROOT, check=False).returncode == (0 if stop == 99 else -9)
        other.append(contents(tmp_path))

    _once_before(monkeypatch, place, begin_and_die)
    with pytest.raises(UsageError, match=message):
        clean_into(corpus, tmp_path)
    assert contents(tmp_path) == other[0]


def test_an_unreadable_folder_is_an_output_error(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failing disk or store gives one error line and keeps finished parts."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    for method in ("exists", "unlink"):
        folder = tmp_path / method
        folder.mkdir()
        _begin(corpus, folder)
        before = contents(folder)
        with monkeypatch.context() as patch:

            def broken(shard: Shard, _: ShardResult, patch: pytest.MonkeyPatch = patch, method: str = method) -> None:
                if shard.index == 24:
                    for name in (method, "glob", "iterdir"):
                        patch.setattr(Path, name, fail)

            with pytest.raises(OutputError, match=r"out: Input/output error \(choose another"):
                clean([str(corpus)], outputs_in(folder, resume=True), on_shard=broken)
        assert before.items() <= contents(folder).items()


def test_a_full_disk(corpus: Path, undisturbed: Path, tmp_path: Path) -> None:
    """A full disk keeps finished parts; with more space the run resumes to the same bytes."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=220k", "tmpfs", str(tmp_path)]
    if os.getuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("only an administrator may mount a small disk")
    try:
        with pytest.raises(OutputError, match=r"no space left in .* --resume continues after [1-9]\d* parts"):
            clean_into(corpus, tmp_path)
        assert _is_unfinished(tmp_path)
        remount = ["mount", "-o", "remount,size=20m", str(tmp_path)]
        subprocess.run(remount, check=True)
        clean_into(corpus, tmp_path, resume=True)
        assert contents(tmp_path) == contents(undisturbed)
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)  # noqa: S607


@pytest.mark.slow
def test_killed_at_any_moment(corpus: Path, tmp_path: Path) -> None:
    """The command, killed at random and resumed until complete, writes the bytes of an uninterrupted run."""
    expected = tmp_path / "undisturbed"
    expected.mkdir()
    start = time.monotonic()
    process = start_clean(expected, corpus)
    assert (process.communicate()[1], process.returncode) == ("", 0)
    whole = time.monotonic() - start
    moments = random.Random(9)
    kills = rounds = 0
    while kills < 20:
        folder = tmp_path / str(rounds)
        folder.mkdir()
        while True:
            process = start_clean(folder, corpus, "--resume", "-j", str(1 + kills % 2))
            try:
                process.wait(moments.uniform(0.3, 1.1) * whole)
                break
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
                kills += 1
        assert (process.communicate()[1], process.returncode) == ("", 0)
        assert contents(folder) == contents(expected), rounds
        rounds += 1
