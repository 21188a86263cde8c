"""Samples are found by row and by id in any file and row group, without reading the others; hashes and totals."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataset_tools.errors import InputError
from dataset_tools.samples.reader import Sample, SampleFolder, sample_digest
from dataset_tools.samples.sample_shard import sample_schema

ROWS = 1000
FILES = ((0, 300), (300, 301), (301, ROWS))  # the first row of each and one past its last
GROUP = 290  # rows in a row group; more than are read at a time


def _values(row: int) -> dict[str, Any]:
    ids = [2, row, row + 1]
    return {"id": f"ص-{row:04d}", "input_ids": ids, "labels": [-100, *ids[1:]], "dialect": "msa", "domain": None}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A dataset of three files, one of which has a single row."""
    files = []
    for number, (start, stop) in enumerate(FILES):
        path = tmp_path / f"data-{number:05d}.parquet"
        table = pa.Table.from_pylist([_values(row) for row in range(start, stop)], sample_schema())
        pq.write_table(table, path, row_group_size=GROUP, compression="none")
        files.append({"name": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()})
    facts = {"files": files, "tokenizer": {"name": "org/name", "revision": "abc", "sha256": "00"}}
    (tmp_path / "build.json").write_text(json.dumps(facts), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("row", [0, 1, 255, 256, 289, 290, 299, 300, 301, 590, 591, 846, 847, 999])
def test_a_row_is_found_by_number_and_by_id(folder: Path, row: int) -> None:
    """A number and an id give the same sample, also at the borders of batches, row groups and files."""
    source = SampleFolder(folder)
    assert source.rows == ROWS
    values = _values(row)
    assert source.read(row) == [Sample(row, values["id"], values["input_ids"], values["labels"], "msa", "")]
    assert source.row_of(values["id"]) == row


@pytest.mark.parametrize("start, count", [(0, 1000), (250, 10), (285, 330), (298, 4), (990, 50), (999, 1)])
def test_rows_in_a_row_run_across_files(folder: Path, start: int, count: int) -> None:
    """Several samples are read in order, up to the end of the folder."""
    found = SampleFolder(folder).read(start, count)
    assert [sample.row for sample in found] == list(range(start, min(start + count, ROWS)))
    assert [sample.input_ids for sample in found] == [_values(sample.row)["input_ids"] for sample in found]


def test_only_the_row_group_of_a_row_is_read(folder: Path) -> None:
    """A sample is found by row and by id even if all other row groups are damaged."""
    path = folder / "data-00002.parquet"
    metadata = pq.ParquetFile(path).metadata
    content = bytearray(path.read_bytes())
    for group in (0, 2):
        for column in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(column)
            start = chunk.dictionary_page_offset or chunk.data_page_offset
            content[start : start + chunk.total_compressed_size] = b"\xff" * chunk.total_compressed_size
    path.write_bytes(content)
    source = SampleFolder(folder)
    row = 301 + GROUP + 5
    assert source.read(row)[0].id == f"ص-{row:04d}"
    assert source.row_of(f"ص-{row:04d}") == row
    with pytest.raises(InputError, match="damaged Parquet data"):
        source.read(301)
    with pytest.raises(InputError, match="damaged Parquet data"):
        source.row_of("ص-0302")


@pytest.mark.parametrize("row", [-1, ROWS, 10**12])
def test_a_row_out_of_range_is_an_error(folder: Path, row: int) -> None:
    """The message has the number of samples and the last row."""
    with pytest.raises(InputError, match=rf"no row {row}: 1,000 samples, counted from 0 \(--row 999 is the last\)"):
        SampleFolder(folder).read(row)


@pytest.mark.parametrize("identity", ["ص-1000", "", "ي", "ص-0000 "])
def test_an_unknown_id_is_an_error(folder: Path, identity: str) -> None:
    """The hint names the file of rejected rows."""
    with pytest.raises(InputError, match=r"no sample with the id '.*' \(rejects\.jsonl"):
        SampleFolder(folder).row_of(identity)


def test_the_tokenizer_is_named_as_the_option_takes_it(folder: Path) -> None:
    """The revision follows the name after an @."""
    assert SampleFolder(folder).tokenizer == "org/name@abc"
    assert SampleFolder(folder).tokenizer_sha256 == "00"


def _without(folder: Path, name: str) -> None:
    (folder / name).unlink()


def _rewrite(folder: Path, facts: Any) -> None:
    (folder / "build.json").write_text(facts if isinstance(facts, str) else json.dumps(facts), encoding="utf-8")


FILE = {"name": "data-00001.parquet", "sha256": ""}
BROKEN = {
    "no-build": (lambda folder: _without(folder, "build.json"), "no build.json in this folder"),
    "no-data": (lambda folder: _without(folder, FILE["name"]), "build.json lists this file, but it is missing"),
    "half": (lambda folder: (folder / FILE["name"]).write_bytes(b"PAR1"), "not a complete Parquet file"),
    "text": (lambda folder: _rewrite(folder, "{"), "not JSON: "),
    "list": (lambda folder: _rewrite(folder, []), "not a JSON object"),
    "no-files": (lambda folder: _rewrite(folder, {"tokenizer": {}}), "it lists no files with their hashes"),
    "no-hashes": (lambda folder: _rewrite(folder, {"files": [{"name": FILE["name"]}]}), "it lists no files with their"),
    "files-text": (lambda folder: _rewrite(folder, {"files": ["a"]}), "it lists no files with their hashes"),
    "records": (
        lambda folder: pq.write_table(pa.table({"id": ["a"], "labels": [[1]]}), folder / FILE["name"]),
        "no column input_ids: not a file of samples",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_folder_that_is_not_whole_is_an_error(folder: Path, name: str) -> None:
    """The message names the file, the problem and a next step."""
    damage, message = BROKEN[name]
    damage(folder)
    with pytest.raises(InputError) as caught:
        SampleFolder(folder)
    assert caught.value.what.startswith(message)
    assert caught.value.where.startswith(str(folder))
    assert caught.value.hint


@pytest.mark.parametrize("name, message", [("none", "no such folder"), ("build.json", "it is a file")])
def test_what_is_no_folder_is_an_error(folder: Path, name: str, message: str) -> None:
    """A missing folder and a file have different messages."""
    with pytest.raises(InputError, match=message):
        SampleFolder(folder / name)


def test_a_build_without_a_tokenizer_is_an_error(folder: Path) -> None:
    """The tokenizer is only required when it is used."""
    _rewrite(folder, {"files": [FILE]})
    with pytest.raises(InputError, match="it names no tokenizer"):
        _ = SampleFolder(folder).tokenizer


def test_hashes_are_checked_on_request(folder: Path) -> None:
    """A Parquet file with other bytes is refused when hashes are checked, and read otherwise."""
    SampleFolder(folder, check_hashes=True)
    path = folder / FILE["name"]
    pq.write_table(pq.read_table(path), path, compression="zstd")
    assert SampleFolder(folder).rows == ROWS
    with pytest.raises(InputError, match="the file has changed since it was built") as caught:
        SampleFolder(folder, check_hashes=True)
    assert caught.value.where == str(path)


def test_counts_and_digests_cover_every_row(folder: Path) -> None:
    """Totals are those of the rows; each row has its own digest, across files, row groups and batches."""
    path = folder / FILE["name"]
    masked = _values(300) | {"input_ids": [2, 3, 4, 5], "labels": [-100] * 4}
    pq.write_table(pa.Table.from_pylist([masked], sample_schema()), path)
    source = SampleFolder(folder)
    assert source.counts == (3 * ROWS + 1, 2 * (ROWS - 1), 1, 4)
    rows = source.read(0, ROWS)
    assert source.digests() == {sample_digest(np.array(row.input_ids), np.array(row.labels)) for row in rows}
    assert len(source.digests()) == ROWS


@pytest.mark.parametrize("labels", [[1], None, [-100, 1, 2, 3]])
def test_a_sample_without_a_label_for_each_token_is_an_error(folder: Path, labels: Any) -> None:
    """A row with more or fewer labels than ids is an error for single samples and for totals."""
    table = pa.Table.from_pylist([_values(0) | {"labels": labels}], sample_schema())
    pq.write_table(table, folder / "data-00000.parquet")
    with pytest.raises(InputError, match="row 0 does not have one label per token"):
        SampleFolder(folder).read(0)
    with pytest.raises(InputError, match="a row does not have one label per token"):
        _ = SampleFolder(folder).counts
