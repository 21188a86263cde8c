"""A built dataset: its files, its report, its readers, and its reproducibility."""

import hashlib
import json
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataset_tools.bundled import sample_path
from dataset_tools.errors import InputError, OutputError, UsageError
from dataset_tools.executor.run import Work
from dataset_tools.prompt.render import render
from dataset_tools.samples.build import BuildOptions, build
from dataset_tools.samples.sample_shard import sample_schema
from dataset_tools.samples.stage import SampleOptions
from tests.dataset_tools.samples.build_rows import build_rows, read_mask, read_rejects, read_samples, write_rows
from tests.prompt_rows import Row, call, calls, result, row, say
from training.tiny import tokenizer_path

TOKENIZER = str(tokenizer_path())
NO_VERIFY = BuildOptions(samples=SampleOptions(verify=0))


def _row(identity: str, *messages: Row) -> Row:
    return {**row(say("user", "طقس؟"), *messages), "id": identity, "dialect": "gulf", "domain": "weather"}


ROWS = [
    _row("r1", calls(call(city="جدة"))),
    _row("r2", calls(call()), result("صحو"), say("assistant", "صحو")),
    _row("null", calls(call(city=None))),
    {**row(say("user", "نكتة؟"), say("assistant", "لا")), "id": "r3"},
    _row("silent"),
    _row("null again", calls(call(city=None))),
]


def _bytes(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_columns_of_samples(tmp_path: Path) -> None:
    """Samples are in the order of the rows, with empty text for unknown values."""
    samples = read_samples(build_rows(tmp_path, ROWS).output)
    assert [list(sample) for sample in samples] == [["id", "input_ids", "labels", "dialect", "domain"]] * 3
    assert [(sample["id"], sample["dialect"], sample["domain"]) for sample in samples] == [
        ("r1", "gulf", "weather"),
        ("r2", "gulf", "weather"),
        ("r3", "", ""),
    ]
    made = [(sample["input_ids"], sample["labels"]) for sample in samples]
    assert made == [read_mask(render(ROWS[number])) for number in (0, 1, 3)]


def test_the_columns_have_the_types_of_training(tmp_path: Path) -> None:
    """Ids are lists of 32-bit integers, as collators need them."""
    report = build_rows(tmp_path, ROWS)
    schema = pq.read_schema(report.output / "data-00000.parquet")
    ids = pa.list_(pa.int32())
    expected = {"id": pa.string(), "input_ids": ids, "labels": ids, "dialect": pa.string(), "domain": pa.string()}
    names = list(expected)
    assert schema.names == sample_schema().names == names
    for name, kind in expected.items():
        found = schema.field(name).type
        assert found == kind or found.value_type == kind.value_type == pa.int32(), name


def test_datasets_reads_it_with_its_features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``load_dataset("parquet")`` gives the rows and the features in the files."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    report = build_rows(tmp_path, ROWS)
    files = str(report.output / "data-*.parquet")
    loaded = datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=str(tmp_path / "cache"))
    expected = datasets.Features(
        {
            "id": datasets.Value("string"),
            "input_ids": datasets.List(datasets.Value("int32")),
            "labels": datasets.List(datasets.Value("int32")),
            "dialect": datasets.Value("string"),
            "domain": datasets.Value("string"),
        }
    )
    assert loaded.features == expected
    assert loaded.to_list() == read_samples(report.output)
    # datasets silently ignores features that differ from the columns.
    note = json.loads(pq.read_schema(report.output / "data-00000.parquet").metadata[b"huggingface"])
    assert datasets.Features.from_dict(note["info"]["features"]) == expected


def test_rejected_rows_are_lines(tmp_path: Path) -> None:
    """Each reject has file, line, code, reason and row, in order."""
    report = build_rows(tmp_path, ROWS)
    lines = read_rejects(report.output)
    assert [(line["file"], line["line"], line["code"]) for line in lines] == [
        ("rows.jsonl", 3, "ambiguous-call"),
        ("rows.jsonl", 5, "nothing-trained"),
        ("rows.jsonl", 6, "ambiguous-call"),
    ]
    assert [line["row"]["id"] for line in lines] == ["null", "silent", "null again"]
    assert all(line["reason"] and line["hint"] for line in lines)


def test_the_counts_add_up(tmp_path: Path) -> None:
    """Rows read are samples plus rejects; tokens are those of the files; the report is ``build.json``."""
    report = build_rows(tmp_path, ROWS)
    facts = json.loads((report.output / "build.json").read_text(encoding="utf-8"))
    assert facts == report.facts
    samples = read_samples(report.output)
    assert (facts["command"], facts["rows_in"], facts["rows_out"]) == ("build", 6, 3)
    assert facts["rejected"] == {"ambiguous-call": 2, "nothing-trained": 1}
    assert report.rows_in == report.rows_out + sum(report.rejected.values())
    assert facts["tokens"] == sum(len(sample["input_ids"]) for sample in samples)
    assert facts["trained_tokens"] == sum(label != -100 for sample in samples for label in sample["labels"])
    assert facts["trained_fraction"] == pytest.approx(facts["trained_tokens"] / facts["tokens"], abs=1e-6)
    assert facts["lengths"] == [{"from": 0, "to": 127, "rows": 3}]
    assert facts["rows_within"] == {"512": 3, "1024": 3, "2048": 3, "4096": 3}
    assert facts["tools_dropped"] == {"tools": 0, "rows": 0}


def test_provenance_in_build_json(tmp_path: Path) -> None:
    """``build.json`` has hashes of inputs, outputs, tokenizer and template, versions and options."""
    report = build_rows(tmp_path, ROWS, max_length=777, shuffle_seed=3)
    facts = json.loads((report.output / "build.json").read_text(encoding="utf-8"))

    def described(path: Path) -> Row:
        return {"bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}

    assert facts["inputs"] == [{"name": str(tmp_path / "rows.jsonl"), **described(tmp_path / "rows.jsonl")}]
    data = report.output / "data-00000.parquet"
    assert facts["files"] == [{"name": data.name, "rows": 3, **described(data)}]
    template = tokenizer_path() / "chat_template.jinja"
    assert facts["tokenizer"] == {
        "name": TOKENIZER,
        "revision": "",
        "sha256": described(tokenizer_path() / "tokenizer.json")["sha256"],
        "template": "arabic-functiongemma",
        "template_sha256": described(template)["sha256"],
    }
    packages = ("arabic-functiongemma", "tokenizers", "transformers", "pyarrow")
    assert facts["versions"] == {"python": platform.python_version(), **{name: version(name) for name in packages}}
    assert facts["options"] == {"max_length": 777, "shuffle_seed": 3, "max_tools": None, "fit": False, "verify": 0}


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a source of several shards: the sample many times, with different ids and some rejects."""
    lines = [json.loads(line) for line in sample_path().read_text(encoding="utf-8").splitlines()]
    rows = [
        {**record, "id": f"{record['id']}-{copy}", "messages": record["messages"][: 2 if number % 50 == 0 else None]}
        for copy in range(8)
        for number, record in enumerate(lines)
    ]
    path = tmp_path_factory.mktemp("large") / "rows.jsonl"
    write_rows(path, rows)
    assert path.stat().st_size > 2 * (4 << 20)
    return path


def _build_large(large: Path, folder: Path, workers: int) -> dict[str, bytes]:
    """Return the files of a build that shuffles and drops tools, rejects rows and compares some."""
    samples = SampleOptions(shuffle_seed=7, max_tools=3, max_length=400, fit=True, verify=20)
    build([str(large)], folder, TOKENIZER, BuildOptions(samples=samples, work=Work(workers=workers)))
    return _bytes(folder)


@pytest.fixture(scope="module")
def alone(large: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return the files of one process."""
    return _build_large(large, tmp_path_factory.mktemp("alone") / "out", 1)


def test_several_shards_are_several_files(alone: dict[str, bytes]) -> None:
    """Each shard is a file, and the counts are over all."""
    data = ["data-00000.parquet", "data-00001.parquet", "data-00002.parquet"]
    assert sorted(alone) == ["build.json", *data, "rejects.jsonl"]
    facts = json.loads(alone["build.json"])
    assert [file["name"] for file in facts["files"]] == data
    assert facts["verified_rows"] == 20
    assert facts["rows_in"] == 3840 == facts["rows_out"] + sum(facts["rejected"].values())
    assert facts["rows_out"] == sum(file["rows"] for file in facts["files"])
    assert sum(facts["rejected"].values()) == alone["rejects.jsonl"].count(b"\n") > 0
    assert 0 < facts["tools_dropped"]["rows"] <= facts["rows_out"]


@pytest.mark.parametrize("workers", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_any_number_of_workers_writes_the_same_bytes(
    large: Path, alone: dict[str, bytes], tmp_path: Path, workers: int
) -> None:
    """The number of workers does not change any file."""
    assert _build_large(large, tmp_path / "out", workers) == alone


def test_progress_is_reported_per_shard_in_order(large: Path, tmp_path: Path) -> None:
    """Two workers report the same shards as one."""
    indices: list[int] = []
    options = BuildOptions(samples=SampleOptions(verify=0), work=Work(workers=2))
    report = build(
        [str(large)], tmp_path / "out", TOKENIZER, options, on_shard=lambda shard, _: indices.append(shard.index)
    )
    assert indices == list(range(len(report.facts["files"])))


# --- the folder ---


def test_a_build_replaces_the_one_before(tmp_path: Path) -> None:
    """No file of the older build and no temporary file is left."""
    build_rows(tmp_path, ROWS)
    (tmp_path / "out" / "data-00007.parquet").write_bytes(b"old")
    report = build_rows(tmp_path, ROWS[:1])
    assert sorted(_bytes(report.output)) == ["build.json", "data-00000.parquet"]
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["out", "rows.jsonl"]


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    """The folder is refused before any work, because its files would be lost."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.docx").write_bytes(b"years")
    with pytest.raises(UsageError, match=r"the folder holds thesis\.docx, which would be lost \(choose another"):
        build_rows(tmp_path, ROWS)
    assert _bytes(tmp_path / "out") == {"thesis.docx": b"years"}
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["out", "rows.jsonl"]


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    """An empty folder is used, and missing parents are created."""
    (tmp_path / "out").mkdir()
    assert build_rows(tmp_path, ROWS).rows_out == 3
    source = str(tmp_path / "rows.jsonl")
    assert build([source], tmp_path / "a" / "b", TOKENIZER, NO_VERIFY).rows_out == 3
    assert "build.json" in _bytes(tmp_path / "a" / "b")


def test_an_output_that_is_a_file_is_refused(tmp_path: Path) -> None:
    """The output must be a folder."""
    (tmp_path / "out").write_bytes(b"mine")
    with pytest.raises(OutputError, match=r"out: is a file \(choose another folder with -o\)"):
        build_rows(tmp_path, ROWS)
    assert (tmp_path / "out").read_bytes() == b"mine"


def test_a_source_inside_the_output_is_refused(tmp_path: Path) -> None:
    """A source with the name of a sample file would be replaced by the build."""
    folder = tmp_path / "rows"
    folder.mkdir()
    pq.write_table(pa.Table.from_pylist(ROWS[:1]), folder / "data-00000.parquet")
    before = _bytes(folder)
    with pytest.raises(UsageError, match=r"data-00000\.parquet is read and lies in the output folder \S+ \(choose"):
        build([str(folder)], folder, TOKENIZER, NO_VERIFY)
    assert _bytes(folder) == before


def test_a_failed_build_keeps_the_older_one(tmp_path: Path) -> None:
    """Without a usable row, the older build stays and no temporary file is left."""
    build_rows(tmp_path, ROWS)
    before = _bytes(tmp_path / "out")
    with pytest.raises(InputError, match=r"none of 2 rows could be used; the first: line 1: messages\[2\]"):
        build_rows(tmp_path, [ROWS[2], ROWS[4]])
    assert _bytes(tmp_path / "out") == before
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["out", "rows.jsonl"]


def test_a_file_of_blank_lines(tmp_path: Path) -> None:
    """A file of blank lines is an input error."""
    (tmp_path / "rows.jsonl").write_bytes(b"\n \n")
    with pytest.raises(InputError, match="no rows: the input has blank lines only"):
        build([str(tmp_path / "rows.jsonl")], tmp_path / "out", TOKENIZER, NO_VERIFY)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("options,message", [({"max_length": 0}, "--max-length 0 is less than 1"),
                                             ({"max_tools": 0}, "--max-tools 0 is less than 1")])  # fmt: skip
def test_options_that_make_no_sense(tmp_path: Path, options: Any, message: str) -> None:
    """Invalid options are reported before any work."""
    with pytest.raises(UsageError, match=message):
        build_rows(tmp_path, ROWS, **options)
    assert not (tmp_path / "out").exists()
