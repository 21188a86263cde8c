"""Every command that reads rows shard by shard says and writes the same on a Ray cluster as in one process.

The cluster is real, and the process is connected to it once for all commands.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from dataset_tools.bundled import dirty_path
from dataset_tools.cli.main import app
from dataset_tools.executor.ray_connection import cluster
from tests.dataset_tools.executor import poison
from tests.dataset_tools.executor.ray_nodes import ENVIRONMENT, two_nodes
from tests.dataset_tools.pipeline.runs import contents
from training.tiny import tokenizer_path

pytestmark = [pytest.mark.slow, pytest.mark.cluster]

TOKENIZER = str(tokenizer_path())
COMMANDS = {
    "validate": ("--format", "json", "--html", "page.html"),
    "stats": ("--tokenizer", TOKENIZER, "--json"),
    "dedup": ("-o", "distinct.jsonl", "--report", "report.json", "--json"),
    "split": ("-o", "sides", "--by", "dialect", "--json"),
    "build": ("-o", "samples", "--tokenizer", TOKENIZER, "--json"),
}
"""What each command is told beside its input."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Where the cluster listens; this process is one of its clients."""
    with pytest.MonkeyPatch.context() as patch, two_nodes() as running:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        with cluster(running.address, 0):
            yield running.address


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows with every known defect in six files, each a shard; the last repeats the first."""
    folder = tmp_path_factory.mktemp("data")
    lines = dirty_path().read_text(encoding="utf-8").splitlines(keepends=True)
    for number in range(5):
        (folder / f"{number}.jsonl").write_text("".join(lines[number * 96 : (number + 1) * 96]), encoding="utf-8")
    (folder / "5.jsonl").write_text("".join(lines[:50]), encoding="utf-8")
    return folder


def _done(folder: Path, command: str, data: Path, *options: str) -> tuple[int, str, str]:
    """What a command says and how it ends, run in a folder."""
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        # A name that is relative to where the command is started, which is not where the cluster was.
        words = [command, os.path.relpath(data, folder), *COMMANDS[command], *options]
        done = CliRunner().invoke(app, words, catch_exceptions=False)
    # Ray says on this process's standard output what it lost; of a command with a Ray of its own that is kept away.
    said = "".join(line for line in done.stdout.splitlines(keepends=True) if line.startswith("{"))
    # What takes half a minute on a busy machine tells its progress, and on another not.
    told = [line for line in done.stderr.splitlines(keepends=True) if " rows/s" not in line]
    return done.exit_code, said, "".join(told).replace(str(folder), "FOLDER")


@pytest.mark.parametrize("command", COMMANDS)
def test_the_same_on_a_cluster(
    command: str, address: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Standard output, exit code and every byte of every file are those of one local process."""
    expected = _done(tmp_path / "local", command, data, "-j", "1")

    def refuse(*_: Any) -> None:
        pytest.fail("the shards are done on this machine")

    monkeypatch.setattr("dataset_tools.executor.run._local_results", refuse)
    assert _done(tmp_path / "ray", command, data, "--engine", "ray", "--ray-address", address) == expected
    assert contents(tmp_path / "ray") == contents(tmp_path / "local")
    assert expected[1]


@pytest.fixture(scope="module")
def poisoned(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows, the third of which ends the process that reads it."""
    lines = (data / "0.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    lines[2] = json.dumps({**json.loads(lines[2]), "act": "exit"}) + "\n"
    file = tmp_path_factory.mktemp("poisoned") / "raw.jsonl"
    file.write_text("".join(lines), encoding="utf-8")
    return file


@pytest.mark.parametrize("command", ["validate", "build"])  # the others take as long again
def test_a_fatal_row_on_a_cluster(
    command: str, address: str, poisoned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It costs itself, as where local processes die of it: the same words, counts and files."""
    monkeypatch.setattr("dataset_tools.records.reading.Converter", poison.PoisonConverter)
    expected = _done(tmp_path / "local", command, poisoned, "-j", "2")
    assert _done(tmp_path / "ray", command, poisoned, "--engine", "ray", "--ray-address", address) == expected
    assert contents(tmp_path / "ray") == contents(tmp_path / "local")
    assert "poison-row" in expected[1] + "".join(path.read_text() for path in tmp_path.glob("ray/*.jsonl"))
