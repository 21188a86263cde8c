"""Every command that reads rows shard by shard says and writes the same on a Ray cluster as in one process.

The cluster is real, and the process is connected to it once for all commands.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from dataset_tools.cli import app
from dataset_tools.engines import Local
from dataset_tools.engines.ray_connection import cluster
from dataset_tools.sample import dirty_path
from tests.scale.ray_nodes import ENVIRONMENT, two_nodes
from tests.scale.runs import contents

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("ray")]

COMMANDS = {
    "validate": ("--format", "json", "--html", "page.html"),
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
        done = CliRunner().invoke(app, [command, str(data), *COMMANDS[command], *options], catch_exceptions=False)
    return done.exit_code, done.stdout, done.stderr.replace(str(folder), "FOLDER")


@pytest.mark.parametrize("command", COMMANDS)
def test_the_same_on_a_cluster(
    command: str, address: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Standard output, exit code and every byte of every file are those of one local process."""
    expected = _done(tmp_path / "local", command, data, "-j", "1")

    def refuse(*_: Any) -> None:
        pytest.fail("the shards are done on this machine")

    monkeypatch.setattr(Local, "results", refuse)
    assert _done(tmp_path / "ray", command, data, "--engine", "ray", "--ray-address", address) == expected
    assert contents(tmp_path / "ray") == contents(tmp_path / "local")
    assert expected[1]
