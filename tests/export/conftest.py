"""What tests of the export share: a made run, the command as a user types it, and one export that nothing disturbed."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from made_run import PUBLIC, ROOT, make_run

Export = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def made_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a random base with a random adapter; nothing may change it."""
    return make_run(tmp_path_factory.mktemp("made"))


@pytest.fixture
def run(made_run: Path, tmp_path: Path) -> Path:
    """A copy of the run, with its base where it was, for whoever damages it."""
    copy: Path = shutil.copytree(made_run, tmp_path / "run")
    return copy


@pytest.fixture(scope="session")
def afg_export() -> Export:
    """Runs `afg export` in a process of its own, on one thread."""

    def export(run: Path, output: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        code = "from publishing.cli import main; main()"
        command = [sys.executable, "-c", code, "export", str(run), "-o", str(output), *map(str, arguments)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        base_id = [] if "--base-id" in arguments else ["--base-id", PUBLIC]
        return subprocess.run(
            [*command, *base_id], capture_output=True, text=True, env=environment, check=False, timeout=300
        )

    return export


@pytest.fixture(scope="session")
def whole(made_run: Path, afg_export: Export, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release with all parts."""
    output = tmp_path_factory.mktemp("exported") / "arabic-calls"
    done = afg_export(made_run, output, "--verify", "2")
    assert done.returncode == 0, done.stderr
    return output
