"""Fixtures of the tests of training: built samples, a short run, and a model that knows five answers."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dataset_tools.bundled import sample_path
from dataset_tools.samples.build import BuildOptions, build
from dataset_tools.samples.stage import SampleOptions
from tests.training.bases import ROOT, short_recipe, write_random_base
from tests.training.eval_data import call, record, write_lines
from tests.training.taught import teach
from tests.training.tiny_gguf import write_gguf
from training.tiny import tokenizer_path


@pytest.fixture(scope="session")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty records of the bundled sample."""
    path = tmp_path_factory.mktemp("records") / "records.jsonl"
    lines = sample_path().read_text(encoding="utf-8").splitlines()[::12]
    assert len(lines) == 40
    assert all(json.loads(line)["tools"] for line in lines)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory, records: Path) -> Path:
    """The records as built samples, with three tools each so that rows are short."""
    folder = tmp_path_factory.mktemp("built") / "samples"
    options = BuildOptions(samples=SampleOptions(max_length=1024, max_tools=3, verify=0))
    report = build([str(records)], folder, str(tokenizer_path()), options)
    assert report.rows_out == 40
    return folder


@pytest.fixture(scope="session")
def random_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base of the real architecture with random weights."""
    return write_random_base(tmp_path_factory.mktemp("random") / "base")


@pytest.fixture(scope="session")
def afg_train(samples: Path, random_base: Path) -> Callable[..., subprocess.Popen[str]]:
    """Returns a function that starts `afg train` on the samples in its own process, with one thread."""

    def start(*arguments: str | Path) -> subprocess.Popen[str]:
        code = "from publishing.cli.main import main; main()"
        command = [
            sys.executable,
            "-c",
            code,
            "train",
            str(samples),
            "--base",
            str(random_base),
            *map(str, arguments),
        ]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)

    return start


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, afg_train: Callable[..., subprocess.Popen[str]]) -> Path:
    """An uninterrupted run of ten steps."""
    folder = tmp_path_factory.mktemp("finished")
    recipe = short_recipe(folder / "short.toml")
    process = afg_train("-o", folder / "run", "--recipe", recipe, "-q")
    _, stderr = process.communicate(timeout=300)
    assert process.returncode == 0, stderr
    return folder / "run"


KNOWN: list[dict[str, Any]] = [
    record("one", call("get_weather", city="جدة", days=3)),
    record("number", call("convert", amount=450.5, currency="ريال")),
    record("words"),
    record("parallel", call("get_weather", city="باريس"), call("get_weather", city="أبها", days=1)),
    record("braces", call("get_weather", city="مكة, {المكرمة}")),
]


@pytest.fixture(scope="session")
def known(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the records whose answers the model knows."""
    return write_lines(tmp_path_factory.mktemp("known") / "known.jsonl", KNOWN)


@pytest.fixture(scope="session")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model that knows these answers."""
    return teach(tmp_path_factory.mktemp("taught") / "model", KNOWN)


@pytest.fixture(scope="session")
def taught_gguf(tmp_path_factory: pytest.TempPathFactory, taught: Path) -> Path:
    """The same model as a GGUF file."""
    return write_gguf(tmp_path_factory.mktemp("gguf") / "model.gguf", taught)
