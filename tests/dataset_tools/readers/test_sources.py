"""Selection of input files, and refusals before the run."""

import codecs
import gzip
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataset_tools.errors import InputError, UsageError
from dataset_tools.io.file_formats import split_ending
from dataset_tools.readers.sources import DataFile, find_files

ROOT = Path(__file__).parents[3]
ROW = b'{"a":1}\n'


def test_a_folder_is_walked_in_order(tmp_path: Path) -> None:
    """Data files are sorted, with relative names; hidden, unfinished and other files are skipped."""
    folder = tmp_path / "set"
    for name in ["b/x.jsonl", "a.ndjson", "c.json", ".hidden/x.jsonl", ".x.jsonl", "x.jsonl.partial", "README.md"]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(ROW)
    found = find_files([str(folder)])
    assert [file.name for file in found] == ["a.ndjson", "b/x.jsonl", "c.json"]
    assert {file.dataset for file in found} == {"set"}
    assert found[1] == DataFile(folder / "b/x.jsonl", "set", "b/x.jsonl", "jsonl", "")


def test_folders_behind_links(tmp_path: Path) -> None:
    """Links are followed once per folder, under the folder's own name if it is below, else under the first link."""
    folder, outside = tmp_path / "set", tmp_path / "disk"
    for path in (folder / "v1/x.jsonl", outside / "y.jsonl", outside / "deep/z.jsonl", outside / "lost/.h/h.jsonl"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(ROW)
    for name, target in {
        "a-latest": folder / "v1",  # before the folder itself
        "more": outside,
        "more-deep": outside / "deep",
        "v1/up": folder,
        ".hidden": outside,
        "itself": folder / "itself",
    }.items():
        (folder / name).symlink_to(target)
    (outside / "back").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "w.jsonl").write_bytes(ROW)
    names = ["more/back/w.jsonl", "more/deep/z.jsonl", "more/y.jsonl", "v1/x.jsonl"]
    assert [file.name for file in find_files([str(folder)])] == names
    (tmp_path / "link").symlink_to(folder)
    assert [file.name for file in find_files([str(tmp_path / "link")])] == names


def test_files_and_globs(tmp_path: Path) -> None:
    """A file's dataset is its name without endings; a glob's names are relative to its fixed part."""
    for name in ["x/train.jsonl.gz", "y/train.jsonl.gz"]:
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(gzip.compress(ROW))
    (one,) = find_files([str(tmp_path / "x/train.jsonl.gz")])
    assert (one.dataset, one.name, one.format, one.compression) == ("train", "train.jsonl.gz", "jsonl", "gz")
    assert [file.name for file in find_files([str(tmp_path / "*/*.gz")])] == ["x/train.jsonl.gz", "y/train.jsonl.gz"]


@pytest.mark.parametrize(
    "name, ending",
    [
        ("a.b.jsonl.zst", ".jsonl.zst"),
        ("x.parquet", ".parquet"),
        ("x.parquet.gz", ""),
        ("x.csv", ""),
        ("X.JSON", ".JSON"),
    ],
)
def test_endings(name: str, ending: str) -> None:
    """Only readable endings are split off."""
    assert split_ending(name) == (name[: len(name) - len(ending)], ending.lower())


def test_the_same_file_twice(tmp_path: Path) -> None:
    """A file in two sources is refused by name, not read twice."""
    path = tmp_path / "x.jsonl"
    path.write_bytes(ROW)
    with pytest.raises(UsageError, match=r"x\.jsonl is given twice"):
        find_files([str(tmp_path), str(path)])


PARQUET_HEAD = b"PAR1" + b"\x15\x04" * 40
BAD_FILES = {
    "x.jsonl": (b"", "the file is empty"),
    "x.csv": (b"a,b\n", "unknown file format"),
    "half.parquet": (PARQUET_HEAD, "truncated Parquet file: its footer is missing"),
    "short.parquet": (b"PAR1", "truncated Parquet file"),
    "not.parquet": (ROW, "not a Parquet file as its name says"),
    "x.jsonl.gz": (ROW, "not gzip data as its name says"),
    "x.jsonl.zst": (gzip.compress(ROW), "not zstd data as its name says, but gzip data"),
    "packed.jsonl": (gzip.compress(ROW), "not plain text as its name says, but gzip data"),
    "le.jsonl": (ROW.decode().encode("utf-16-le"), "iconv -f UTF-16LE -t UTF-8"),
    "be.jsonl": (ROW.decode().encode("utf-16-be"), "UTF-16BE"),
    "bom.json": (ROW.decode().encode("utf-16"), "the text is UTF-16, not UTF-8"),
    "wide.jsonl": (ROW.decode().encode("utf-32-be"), "UTF-32BE"),
    "bom32.jsonl": (codecs.BOM_UTF32_LE + ROW.decode().encode("utf-32-le"), "the text is UTF-32"),
    "wide.jsonl.gz": (gzip.compress(ROW.decode().encode("utf-16")), "UTF-16"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_wrong_file_is_refused(name: str, tmp_path: Path) -> None:
    """A file that contradicts its name is reported with its path, before any work."""
    content, expected = BAD_FILES[name]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        find_files([str(path)])
    assert expected in str(caught.value)
    assert caught.value.where == str(path)


def test_half_a_real_parquet_file(tmp_path: Path) -> None:
    """A real file without its second half is reported as truncated."""
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"a": list(range(10_000))}), path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match="truncated Parquet file"):
        find_files([str(path)])


def test_missing_inputs(tmp_path: Path) -> None:
    """Missing files, empty folders and globs without a match are three different messages."""
    with pytest.raises(InputError, match="there is no such file or folder"):
        find_files([str(tmp_path / "no.jsonl")])
    with pytest.raises(InputError, match=r"no data in this folder \(readable files end in \.jsonl"):
        find_files([str(tmp_path)])
    with pytest.raises(InputError, match="no file matches"):
        find_files([str(tmp_path / "*.jsonl")])


def test_a_pipe_is_refused_unopened(tmp_path: Path) -> None:
    """Pipes, by name or in a folder, and devices are refused without opening them."""
    pipe = tmp_path / "x.jsonl"
    os.mkfifo(pipe)
    writer = os.open(pipe, os.O_RDWR)  # so that a mistake fails here instead of waiting for ever
    os.write(writer, ROW * 3)
    for source in (pipe, tmp_path, Path("/dev/null")):
        with pytest.raises(InputError, match="a pipe or a device, not a file"):
            find_files([str(source)])
    assert os.read(writer, 100) == ROW * 3
    os.close(writer)


def test_an_empty_name_and_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty name, as of an unset variable, is not the current folder; standard input is refused."""
    (tmp_path / "x.jsonl").write_bytes(ROW)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="a file name is empty"):
        find_files([""])
    with pytest.raises(InputError, match=r"standard input is not read \(.* save it to a file first\)"):
        find_files(["-"])


def test_no_permission(tmp_path: Path) -> None:
    """A file without read permission is reported with a hint."""
    path = tmp_path / "x.jsonl"
    path.write_bytes(ROW)
    path.chmod(0)
    script = """
import os, sys
from dataset_tools.errors import InputError
from dataset_tools.readers.sources import find_files
if os.getuid() == 0:
    os.setuid(65534)
try:
    find_files(["x.jsonl"])
except InputError as error:
    print(error)
"""
    for folder in [tmp_path, *tmp_path.parents]:  # pytest's folders are private, and a user of our choice must pass
        if folder == Path(tempfile.gettempdir()):
            break
        folder.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "x.jsonl: no permission to read it (chmod +r x.jsonl)\n", done.stderr
