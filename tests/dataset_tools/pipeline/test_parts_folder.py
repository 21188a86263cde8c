"""Folder of parts: content, manifest, refused folders and names."""

import gzip
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pyarrow.parquet as pq
import pytest

from dataset_tools.cleaning.clean import clean, import_data
from dataset_tools.errors import InputError, OutputError, UsageError
from dataset_tools.io.writer import ENDINGS
from dataset_tools.pipeline.outputs import Outputs
from dataset_tools.pipeline.to_parts import FolderOutputs
from dataset_tools.readers.sources import find_files
from dataset_tools.validation.validate import validate
from tests.dataset_tools.io.stages import rows_of
from tests.dataset_tools.pipeline.runs import ROOT, clean_into, contents, outputs_in


def _rows(paths: list[Path]) -> list[object]:
    return [row.value for path in paths for row in rows_of(path)]


def test_the_parts_hold_what_one_file_holds(corpus: Path, undisturbed: Path, tmp_path: Path) -> None:
    """Records, rejects, trace and report equal those of a run into one file."""
    one = Outputs(tmp_path / "x.parquet", tmp_path / "rejects.jsonl", tmp_path / "report.json", tmp_path / "t.jsonl.gz")
    clean([str(corpus)], one)
    parts = sorted((undisturbed / "out").glob("part-*.parquet"))
    assert len(parts) > 10
    assert _rows(parts) == _rows([one.records])
    assert (undisturbed / "out/rejects.jsonl").read_bytes() == one.rejects.read_bytes()
    traces = [gzip.decompress(path.read_bytes()) for path in (undisturbed / "trace.jsonl.gz", tmp_path / "t.jsonl.gz")]
    assert traces[0] == traces[1] != b""
    reports = [json.loads((folder / "report.json").read_bytes()) for folder in (undisturbed, tmp_path)]
    assert reports[0] == {**reports[1], "output": str(undisturbed / "out")}


@pytest.mark.parametrize("ending", ENDINGS)
def test_bytes_do_not_depend_on_workers(ending: str, corpus: Path, tmp_path: Path) -> None:
    """One and three workers write the same bytes into every file."""
    for workers in (1, 3):
        clean_into(corpus, tmp_path / str(workers), workers=workers, ending=ending)
    assert contents(tmp_path / "1") == contents(tmp_path / "3")


def test_the_manifest_is_complete(corpus: Path, undisturbed: Path) -> None:
    """The manifest lists rows, bytes and checksum of each part, the rejects, the input and matching counts."""
    out = undisturbed / "out"
    manifest = json.loads((out / "manifest.json").read_bytes())
    assert [part["name"] for part in manifest["parts"]] == sorted(path.name for path in out.glob("part-*"))
    for part in [*manifest["parts"], manifest["rejects"]]:
        content = (out / part["name"]).read_bytes()
        assert (part["bytes"], part["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    assert [part["rows"] for part in manifest["parts"]] == [
        pq.read_metadata(out / part["name"]).num_rows for part in manifest["parts"]
    ]
    assert sum(part["rows"] for part in manifest["parts"]) == manifest["rows_out"] == 456
    assert manifest["rows_in"] == manifest["rows_out"] + sum(manifest["rejected"].values()) == 480
    (entry,) = manifest["inputs"]
    assert (entry["name"], entry["bytes"], len(entry["xxh3_128"])) == (str(corpus), corpus.stat().st_size, 32)
    assert manifest["options"]["developer_turn"] is True
    assert manifest["versions"]["arabic-functiongemma"]
    assert [path.name for path in out.iterdir() if path.name.startswith(".")] == []


def test_a_folder_of_parts_is_an_input(corpus: Path, tmp_path: Path) -> None:
    """The folder, its parent and a glob give the parts; manifest and rejects are not read as data."""
    report = clean_into(corpus, tmp_path, ending=".jsonl")
    names = [file.name for file in find_files([str(tmp_path / "out")])]
    assert names == sorted(path.name for path in (tmp_path / "out").glob("part-*"))
    (tmp_path / "trace.jsonl.gz").unlink()
    (tmp_path / "report.json").unlink()
    assert [file.name for file in find_files([str(tmp_path)])] == [f"out/{name}" for name in names]
    assert [file.name for file in find_files([str(tmp_path / "out/*")])] == names
    assert [file.name for file in find_files([str(tmp_path / "out/rejects.*")])] == ["rejects.jsonl"]
    assert validate([str(tmp_path / "out")]).rows == report.rows_out


def test_another_manifest_is_data(tmp_path: Path) -> None:
    """A foreign `manifest.json` is a file of rows."""
    (tmp_path / "manifest.json").write_text('[{"parts": []}]')
    assert [file.name for file in find_files([str(tmp_path)])] == ["manifest.json"]


def test_an_incomplete_folder_is_no_input(corpus: Path, tmp_path: Path) -> None:
    """An unfinished folder, or one with a missing or truncated part, is refused."""
    clean_into(corpus, tmp_path)
    out = tmp_path / "out"
    part = out / "part-00003.parquet"
    content = part.read_bytes()
    part.write_bytes(content[:-1])
    what = rf"part-00003\.parquet: {len(content) - 1:,} bytes, but {len(content):,} according"
    for source in (out, tmp_path, out / "*", out / "part-*", out / "part-00003*"):
        with pytest.raises(InputError, match=what):
            find_files([str(source)])
    part.unlink()
    for source in (out, tmp_path, out / "*", tmp_path / "*/*"):
        with pytest.raises(InputError, match=r"part-00003\.parquet: this part of manifest\.json is missing"):
            find_files([str(source)])
    # A glob without the manifest may select some of the parts.
    assert find_files([str(out / "part-0000[45]*")]) == find_files([str(out / f"part-0000{n}.parquet") for n in (4, 5)])
    (out / "manifest.json").unlink()
    (out / ".unfinished").mkdir()
    for source in (out, tmp_path, out / "*"):
        with pytest.raises(InputError, match=r"out: the run .* is not finished \(finish it with"):
            find_files([str(source)])


def test_unsuitable_folders_are_refused(corpus: Path, tmp_path: Path) -> None:
    """A file, a folder with other files, a complete one and the input's own are refused unchanged."""
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "thesis.tex").write_text("x")
    (tmp_path / "file").write_text("x")
    whole = tmp_path / "whole"
    import_data([str(corpus)], FolderOutputs(whole))
    before = contents(tmp_path)
    with pytest.raises(UsageError, match=r"taken: the folder holds thesis\.tex"):
        import_data([str(corpus)], FolderOutputs(taken))
    with pytest.raises(OutputError, match="it is a file"):
        import_data([str(corpus)], FolderOutputs(tmp_path / "file"))
    with pytest.raises(UsageError, match=r"whole: the folder holds a complete dataset \(remove it, or choose another"):
        import_data([str(corpus)], FolderOutputs(whole))
    with pytest.raises(UsageError, match="is read and lies in the output folder"):
        import_data([str(whole)], FolderOutputs(whole))
    with pytest.raises(UsageError, match=r"parts cannot be 'csv' \(--parts jsonl, jsonl\.gz"):
        import_data([str(corpus)], FolderOutputs(tmp_path / "new", ".csv"))
    with pytest.raises(UsageError, match="unknown output format"):
        import_data([str(corpus)], FolderOutputs(tmp_path / "new", trace=tmp_path / "trace.txt"))
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    "option, name",
    [
        ("trace", "rejects.jsonl"), ("report", "rejects.jsonl"), ("report", "manifest.json"),
        ("rejects", "part-00000.jsonl"), ("trace", "part-00001.jsonl"), ("report", ".unfinished"),
        ("report", ".unfinished/report.json"), ("report", "../out"), ("report", "../out/x/../manifest.json"),
    ],
)  # fmt: skip
def test_no_option_takes_a_reserved_name(option: str, name: str, corpus: Path, tmp_path: Path) -> None:
    """A reserved name is refused before any work."""
    with pytest.raises(UsageError, match=r"out.*: this name is reserved in the output folder|is named for two outputs"):
        import_data([str(corpus)], FolderOutputs(tmp_path / "out", **{option: tmp_path / "out" / name}))
    assert list(tmp_path.iterdir()) == []


def test_other_outputs_may_be_in_the_folder(corpus: Path, tmp_path: Path) -> None:
    """Report, trace and rejects may be in the folder under other names."""
    out = tmp_path / "out"
    outputs = FolderOutputs(out, rejects=out / "rejects.jsonl", report=out / "report.json", trace=out / "trace.jsonl")
    clean([str(corpus)], outputs)
    assert sorted(path.name for path in out.iterdir()) == [
        "manifest.json", "part-00000.parquet", "rejects.jsonl", "report.json", "trace.jsonl",
    ]  # fmt: skip


HASH = """
import os, signal, threading
from pathlib import Path
from dataset_tools.pipeline.run_plan import resume_plan
from dataset_tools.readers.sources import DataFile
from dataset_tools.readers.sources import Stamps
from dataset_tools.records.reading import Inputs
threading.Timer(0.5, os.kill, [os.getpid(), signal.SIGINT]).start()
files = (DataFile(Path("/dev/zero"), "zero", "zero", "jsonl", ""),) * 2
resume_plan("clean", {}, {}, Inputs(("zero",), files, (), Stamps()))
"""


def test_ctrl_c_stops_checksums() -> None:
    """Ctrl-C stops the checksums of endless files at once."""
    done = subprocess.run([sys.executable, "-c", HASH], cwd=ROOT, check=False, capture_output=True, timeout=20)
    assert done.stderr.endswith(b"KeyboardInterrupt\n")


def test_a_run_without_records_leaves_no_files(tmp_path: Path) -> None:
    """Without a readable row, no folder and no rejects are left."""
    source = tmp_path / "raw.jsonl"
    source.write_text("nonsense\n" * 3)
    with pytest.raises(InputError, match="none of 3 rows could be used"):
        import_data([str(source)], FolderOutputs(tmp_path / "out"))
    assert [path.name for path in tmp_path.iterdir()] == ["raw.jsonl"]


def test_a_part_without_records_has_no_file(corpus: Path, tmp_path: Path) -> None:
    """A part whose rows are all rejected leaves a gap in the numbers; its rejects are kept."""
    source = tmp_path / "raw.jsonl"
    source.write_bytes(corpus.read_bytes() + b"nonsense\n" * 20_000 + corpus.read_bytes())
    report = clean_into(source, tmp_path)
    assert report.rejected == {"unknown-layout": 16, "unreadable-row": 20_032}
    assert (report.rows_in, report.rows_out) == (20_960, 912)
    numbers = [int(path.stem[5:]) for path in sorted((tmp_path / "out").glob("part-*"))]
    assert numbers != list(range(numbers[-1] + 1))
    assert validate([str(tmp_path / "out")]).rows == 912
    assert (tmp_path / "out/rejects.jsonl").read_bytes().count(b"\n") == 20_048


@pytest.mark.parametrize("ending", [".jsonl", ".jsonl.gz"])
def test_a_named_rejects_file(ending: str, corpus: Path, tmp_path: Path) -> None:
    """The named rejects file is written even if empty; compressed input is cut into parts."""
    good = tmp_path / f"good{ending}"
    lines = b"".join(corpus.read_bytes().splitlines(keepends=True)[2:6] * 100)
    good.write_bytes(gzip.compress(lines) if ending.endswith("gz") else lines)
    rejects = tmp_path / "why.jsonl"
    rejects.write_text("old")
    report = import_data([str(good)], outputs_in(tmp_path, rejects=rejects))
    assert report.rejected == {}
    assert rejects.read_bytes() == b""
    assert len(list((tmp_path / "out").glob("part-*"))) > 5
    assert not (tmp_path / "out/rejects.jsonl").exists()


def test_the_command_takes_a_folder(
    corpus: Path, tmp_path: Path, afg_data: Callable[..., CompletedProcess[str]]
) -> None:
    """A trailing slash or an existing folder means parts; options for folders are refused for a file."""
    (tmp_path / "there").mkdir()
    assert afg_data("import", corpus, "-o", "new/", "--parts", "jsonl.zst", "-q", cwd=tmp_path).returncode == 0
    assert afg_data("clean", corpus, "-o", "there", "-q", cwd=tmp_path).returncode == 0
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        "manifest.json", "part-00000.jsonl.zst", "rejects.jsonl",
    ]  # fmt: skip
    assert (tmp_path / "there/part-00000.parquet").is_file()
    done = afg_data("clean", corpus, "-o", "x.jsonl", "--resume", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (
        2,
        "afg-data: --resume is for a folder, and x.jsonl names a file (-o x/)\n",
    )
    assert afg_data("validate", "there", "-q", cwd=tmp_path).stdout.splitlines()[-1].startswith("456 rows: ")
