"""Output files: the same bytes for any number of workers, and never half a file under the final name."""

import gzip
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import zstandard

from dataset_tools.errors import OutputError, UsageError
from dataset_tools.executor.run import Work, run
from dataset_tools.io.json_text import dump_line
from dataset_tools.io.output_paths import check_writable
from dataset_tools.io.writer import ENDINGS, AtomicFile, Sink, encode, json_report, write_file
from dataset_tools.readers.shards import plan_shards
from dataset_tools.readers.sources import find_files
from tests.dataset_tools.io.stages import Encode, record, rows_of

ROOT = Path(__file__).parents[3]
RECORDS = [record(line, n=line) for line in range(1, 40)]


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def _write(path: Path, batch: int = 7) -> None:
    with Sink(path) as sink:
        for start in range(0, len(RECORDS), batch):
            sink.write_payload(encode(RECORDS[start : start + batch], path))


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_format_round_trips(ending: str, tmp_path: Path) -> None:
    """Records are equal after a round trip through every format, for any batch size."""
    for batch in (1, 7, 1000):
        path = tmp_path / f"{batch}{ending}"
        _write(path, batch)
        assert [row.value for row in rows_of(path)] == RECORDS
        assert [row.line for row in rows_of(path)] == list(range(1, 40))


@pytest.mark.parametrize("ending", ENDINGS)
def test_no_rows_make_a_valid_file(ending: str, tmp_path: Path) -> None:
    """An empty result is an empty file of its format."""
    path = tmp_path / f"x{ending}"
    with Sink(path) as sink:
        sink.write_payload(encode([], path))
    content = path.read_bytes()
    if ending == ".parquet":
        assert pq.read_table(path).num_rows == 0
        assert "messages" in pq.read_schema(path).names
    elif ending == ".jsonl.gz":
        assert gzip.decompress(content) == b""
    elif ending == ".jsonl.zst":
        assert zstandard.decompress(content) == b""
    else:
        assert content == b""


def test_standard_tools_read_it(tmp_path: Path) -> None:
    """Compressed files can be read by gzip and zstd, and encoded lines are unchanged."""
    lines = [dump_line(entry) for entry in RECORDS]
    for ending in (".jsonl", ".jsonl.gz", ".jsonl.zst"):
        with Sink(tmp_path / f"x{ending}") as sink:
            sink.write_payload(encode(lines[:3], f"x{ending}"))
            sink.write_payload(encode(lines[3:], f"x{ending}"))
    assert gzip.decompress((tmp_path / "x.jsonl.gz").read_bytes()) == b"".join(lines)
    with (tmp_path / "x.jsonl.zst").open("rb") as file:
        stream = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
        assert stream.read() == b"".join(lines)
    assert (tmp_path / "x.jsonl").read_bytes() == b"".join(lines)


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of several shards with some bad rows."""
    path = tmp_path_factory.mktemp("big") / "in.jsonl"
    path.write_bytes(
        b"".join(dump_line(record(line)) + (b"nonsense\n\n" if line % 50 == 0 else b"") for line in range(5000))
    )
    return path


@pytest.mark.parametrize("ending", ENDINGS)
def test_bytes_do_not_depend_on_workers(ending: str, big: Path, tmp_path: Path) -> None:
    """One, two and three workers write the same bytes; another shard size writes the same rows."""
    shards = list(plan_shards(find_files([str(big)]), 250_000))
    assert len(shards) > 3
    for workers in (1, 2, 3):
        with Sink(tmp_path / f"{workers}{ending}") as sink:
            for payload in run(Encode(f"x{ending}"), shards, Work(workers=workers)):
                sink.write_payload(payload)
    with Sink(tmp_path / f"other{ending}") as sink:
        for payload in run(Encode(f"x{ending}"), plan_shards(find_files([str(big)]), 33_333)):
            sink.write_payload(payload)
    one = (tmp_path / f"1{ending}").read_bytes()
    assert (tmp_path / f"2{ending}").read_bytes() == one
    assert (tmp_path / f"3{ending}").read_bytes() == one
    expected = [row.value for row in rows_of(big) if row.value]
    assert [row.value for row in rows_of(tmp_path / f"other{ending}")] == expected
    if ending in (".jsonl", ".parquet"):
        assert (tmp_path / f"other{ending}").read_bytes() == one


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    """An error inside the block keeps the old file and removes the new one; a success replaces it."""
    path = tmp_path / "x.jsonl"
    path.write_bytes(b"old\n")
    with pytest.raises(RuntimeError), Sink(path) as sink:  # noqa: PT012 - the block is what is tested
        sink.write_payload(b"new\n")
        assert path.read_bytes() == b"old\n"
        raise RuntimeError
    assert path.read_bytes() == b"old\n"
    assert _names(tmp_path) == ["x.jsonl"]
    with Sink(path) as sink:
        sink.write_payload(b"new\n")
    assert path.read_bytes() == b"new\n"
    assert _names(tmp_path) == ["x.jsonl"]


FILL = """
import sys
from pathlib import Path
from dataset_tools.errors import OutputError
from dataset_tools.io.writer import Sink, encode
from tests.dataset_tools.io.stages import record
path = Path(sys.argv[1])
if len(sys.argv) > 2:
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
import os
try:
    with Sink(path) as sink:
        for line in range(30):
            rows = [record(1000 * line + n, noise=os.urandom(200).hex()) for n in range(1000)]
            sink.write_payload(encode(rows, path))
except OutputError as error:
    print(error)
"""


def _fill(*arguments: str | Path) -> str:
    command = [sys.executable, "-c", FILL, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True).stdout


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_limited_file_size(ending: str, tmp_path: Path) -> None:
    """The error states how much was written, and nothing is left."""
    path = tmp_path / f"x{ending}"
    said = _fill(path, "limit")
    assert said.startswith(f"{path}: the file size limit is reached in {tmp_path}; ")
    assert "MB were written and removed (free space or choose another file with -o)" in said
    assert _names(tmp_path) == []


@pytest.mark.parametrize("ending", [".jsonl", ".parquet"])
def test_a_full_disk(ending: str, tmp_path: Path) -> None:
    """A full disk is reported with its folder, and nothing is left."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(tmp_path)]
    if os.getuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("only an administrator may mount a small disk")
    try:
        said = _fill(tmp_path / f"x{ending}")
        assert f"no space left in {tmp_path}" in said
        assert _names(tmp_path) == []
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)  # noqa: S607


def test_killed_while_writing(tmp_path: Path) -> None:
    """A killed process leaves no file under the final name and none that a later run would read."""
    script = """
import os, signal, sys
from pathlib import Path
from dataset_tools.io.writer import Sink
with Sink(Path(sys.argv[1])) as sink:
    sink.write_payload(b'{"a":1}' * 100000)
    os.kill(os.getpid(), signal.SIGKILL)
"""
    path = tmp_path / "x.jsonl"
    done = subprocess.run([sys.executable, "-c", script, path], cwd=ROOT, check=False)
    assert done.returncode == -9
    (left,) = _names(tmp_path)
    assert left.startswith(".x.jsonl.")
    assert left.endswith(".partial")


LIMITED = """
import json, resource, sys
from pathlib import Path
from dataset_tools.dedup.dedup import dedup
from dataset_tools.errors import OutputError
from dataset_tools.cleaning.clean import import_data
from dataset_tools.split.split import SplitOptions, split
from dataset_tools.pipeline.outputs import Outputs
from tests.dataset_tools.io.stages import record
folder, command, form, bad, good = Path(sys.argv[1]), *sys.argv[2:4], *map(int, sys.argv[4:])
rows = [json.dumps(record(number)) for number in range(1, good + 1)] + ["x" * bad]
Path(folder, "in.jsonl").write_text("\\n".join(rows))
resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000))
outputs = Outputs(folder / f"out.{form}", folder / "rejects.jsonl", trace=folder / "trace.jsonl")
try:
    if command == "split":
        split([str(folder / "in.jsonl")], folder / "out", SplitOptions(format=form), rejects=outputs.rejects)
    else:
        import_data([str(folder / "in.jsonl")], outputs)
except OutputError as error:
    print(error)
"""


@pytest.mark.parametrize(
    "command, fails, form, bad, good",
    [
        ("import", "out", "parquet", 9, 300),
        ("import", "rejects", "jsonl", 7000, 1),
        ("split", "out", "parquet", 9, 300),
        ("split", "rejects", "jsonl", 7000, 1),
    ],
)
def test_a_disk_that_is_full_at_the_very_end(
    command: str, fails: str, form: str, bad: int, good: int, tmp_path: Path
) -> None:
    """Records, trace and rejects appear together or not at all."""
    (tmp_path / "rejects.jsonl").write_text("old")
    run = [sys.executable, "-c", LIMITED, str(tmp_path), command, form, str(bad), str(good)]
    done = subprocess.run(run, cwd=ROOT, check=False, capture_output=True, text=True)
    assert re.match(rf"{tmp_path}/\.?{fails}\S*: the file size limit is reached", done.stdout), done.stdout
    assert sorted(_names(tmp_path)) == ["in.jsonl", "rejects.jsonl"]
    assert (tmp_path / "rejects.jsonl").read_text() == "old"


def test_files_of_a_killed_process_do_not_disturb(tmp_path: Path) -> None:
    """The same command with the same process id, as in a container, succeeds."""
    script = """
import os, signal, sys
from pathlib import Path
os.getpid = lambda: 1
from dataset_tools.io.atomic_folder import AtomicFolder
from dataset_tools.io.writer import Sink
with AtomicFolder(Path(sys.argv[1], "folder"), ["*.txt"]) as folder, Sink(Path(sys.argv[1], "x.jsonl")) as sink:
    sink.write_payload(b"{}\\n")
    folder.write("a.txt", b"a")
    if sys.argv[2:]:
        signal.raise_signal(signal.SIGKILL)
"""
    run = [sys.executable, "-c", script, tmp_path]
    assert subprocess.run([*run, "kill"], cwd=ROOT, check=False).returncode == -9
    done = subprocess.run(run, cwd=ROOT, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(name for name in _names(tmp_path) if not name.startswith(".")) == ["folder", "x.jsonl"]


def test_what_cannot_be_an_output(tmp_path: Path) -> None:
    """Inputs, folders, devices and unknown endings are refused before any work."""
    path = tmp_path / "x.jsonl"
    path.write_bytes(b"{}\n")
    (tmp_path / "link.jsonl").symlink_to(path)
    with pytest.raises(UsageError, match="would overwrite an input"):
        check_writable(tmp_path / "link.jsonl", inputs=[path])
    with pytest.raises(OutputError, match="is a folder"):
        check_writable(tmp_path)
    with pytest.raises(OutputError, match="not a regular file"):
        check_writable(Path(os.devnull))
    with pytest.raises(OutputError, match=r"x\.jsonl"):
        check_writable(path / "below.jsonl")
    with pytest.raises(UsageError, match="one per line"):
        Sink(tmp_path / "x.json")
    with pytest.raises(UsageError, match=r"unknown output format .* \.jsonl, \.jsonl\.gz"):
        Sink(tmp_path / "x.csv")


def test_missing_folders_are_created(tmp_path: Path) -> None:
    """An output path may contain new folders."""
    write_file(tmp_path / "a/b/x.txt", b"x")
    json_report(tmp_path / "a/c/report.json", {"rows": 1, "نص": "x"})
    assert (tmp_path / "a/b/x.txt").read_bytes() == b"x"
    assert json.loads((tmp_path / "a/c/report.json").read_bytes()) == {"rows": 1, "نص": "x"}


def test_a_sink_and_an_atomic_file_need_their_block(tmp_path: Path) -> None:
    """Writing outside the block raises ValueError."""
    with pytest.raises(ValueError, match="with"):
        Sink(tmp_path / "x.jsonl").write_payload(b"x")
    with pytest.raises(ValueError, match="not open"):
        AtomicFile(tmp_path / "x").write(b"x")
