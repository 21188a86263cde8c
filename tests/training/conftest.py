"""What tests of training share: samples built from the bundled conversations."""

import json
from pathlib import Path

import pytest

from dataset_tools.build_stage import SampleOptions
from dataset_tools.building import BuildOptions, build
from dataset_tools.sample import sample_path
from training.tiny import tokenizer_path


@pytest.fixture(scope="session")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty records of the bundled sample, each with the first three of its tools and those that it calls."""
    path = tmp_path_factory.mktemp("records") / "records.jsonl"
    lines = sample_path().read_text(encoding="utf-8").splitlines()[::12]
    assert len(lines) == 40
    assert all(json.loads(line)["tools"] for line in lines)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory, records: Path) -> Path:
    """The records as masked samples, with three tools each so that rows are short."""
    folder = tmp_path_factory.mktemp("built") / "samples"
    options = BuildOptions(SampleOptions(max_length=1024, max_tools=3, verify=0))
    report = build([str(records)], folder, str(tokenizer_path()), options)
    assert report.rows_out == 40
    return folder
