"""Commands on a Ray cluster: the same messages and files as in one process.

The cluster is real, and this process stays connected to it for all commands.
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
from dataset_tools.executor.process_setup import Limits
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
    "split": ("-o", "splits", "--by", "dialect", "--json"),
    "build": ("-o", "samples", "--tokenizer", TOKENIZER, "--json"),
}
"""Options of each command."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Start a cluster, connect to it, and return its address."""
    with pytest.MonkeyPatch.context() as patch, two_nodes() as running:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        with cluster(running.address, 0, Limits().join):
            yield running.address


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write rows with every known defect to six files, each a shard; the last repeats the first."""
    folder = tmp_path_factory.mktemp("data")
    lines = dirty_path().read_text(encoding="utf-8").splitlines(keepends=True)
    for number in range(5):
        (folder / f"{number}.jsonl").write_text("".join(lines[number * 96 : (number + 1) * 96]), encoding="utf-8")
    (folder / "5.jsonl").write_text("".join(lines[:50]), encoding="utf-8")
    return folder


def _done(folder: Path, command: str, data: Path, *options: str) -> tuple[int, str, str]:
    """Return the exit code and the output of a command that runs in a folder."""
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        # Relative to the working directory of the command, which is not that of the cluster.
        words = [command, os.path.relpath(data, folder), *COMMANDS[command], *options]
        done = CliRunner().invoke(app, words, catch_exceptions=False)
    # A busy machine takes long enough to print progress.
    lines = [line for line in done.stderr.splitlines(keepends=True) if " rows/s" not in line]
    return done.exit_code, done.stdout, "".join(lines).replace(str(folder), "FOLDER")


@pytest.mark.parametrize("command", COMMANDS)
def test_the_same_on_a_cluster(
    command: str, address: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Standard output, exit code and all files are those of one local process."""
    expected = _done(tmp_path / "local", command, data, "-j", "1")

    def refuse(*_: Any) -> None:
        pytest.fail("the shards are done on this machine")

    monkeypatch.setattr("dataset_tools.executor.run._local_results", refuse)
    assert _done(tmp_path / "ray", command, data, "--engine", "ray", "--ray-address", address) == expected
    assert contents(tmp_path / "ray") == contents(tmp_path / "local")
    assert expected[1]


@pytest.fixture(scope="module")
def poisoned(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write rows of which the third kills the process that reads it."""
    lines = (data / "0.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    lines[2] = json.dumps({**json.loads(lines[2]), "act": "exit"}) + "\n"
    file = tmp_path_factory.mktemp("poisoned") / "raw.jsonl"
    file.write_text("".join(lines), encoding="utf-8")
    return file


@pytest.mark.parametrize("command", ["validate", "build"])  # the others take as long again
def test_a_fatal_row_on_a_cluster(
    command: str, address: str, poisoned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The result is that of local workers: the same messages, counts and files."""
    monkeypatch.setattr("dataset_tools.records.reading.Converter", poison.PoisonConverter)
    expected = _done(tmp_path / "local", command, poisoned, "-j", "2")
    assert _done(tmp_path / "ray", command, poisoned, "--engine", "ray", "--ray-address", address) == expected
    assert contents(tmp_path / "ray") == contents(tmp_path / "local")
    assert "poison-row" in expected[1] + "".join(path.read_text() for path in tmp_path.glob("ray/*.jsonl"))
