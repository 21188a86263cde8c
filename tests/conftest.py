"""Shared fixtures: the commands of the project as processes, and real data if available."""

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

ROOT = Path(__file__).parents[1]
Command = Callable[..., subprocess.CompletedProcess[str]]

# Ray reads these when it is imported, whichever test does that first: it listens on loopback only, sends no usage
# statistics, and prints no lost workers on standard output.
os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_DEDUP_LOGS_SKIP_REGEX"] = ".*"

# Timing belongs to the benchmarks; a slow machine must not make a property fail.
settings.register_profile("default", deadline=None, print_blob=True)
settings.load_profile("default")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a file in one worker, so that each fixture and each heavy import is made once."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.path.relative_to(ROOT).as_posix()))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of public datasets, which are not part of the project; skip the test without it."""
    folder = Path(os.environ.get("AFG_SHARED_DATA") or ROOT.parent / "shared" / "data")
    if not (folder / "aisa_dev.parquet").is_file():
        pytest.skip(f"no real data in {folder}: set AFG_SHARED_DATA to a folder with aisa_dev.parquet and bfcl_ar/")
    return folder


def _in_this_process(name: str, main: Callable[[], None]) -> Command:
    def run(*arguments: str | Path, cwd: Path | None = None, columns: str = "200") -> subprocess.CompletedProcess[str]:
        command = [name, *map(str, arguments)]
        streams = [io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2)]
        with pytest.MonkeyPatch.context() as patch, contextlib.chdir(cwd or Path.cwd()):
            patch.setenv("COLUMNS", columns)
            patch.setattr("sys.argv", command)
            patch.setattr("sys.stdout", streams[0])
            patch.setattr("sys.stderr", streams[1])
            with pytest.raises(SystemExit) as ended:
                main()
        told = [stream.buffer.getvalue().decode() for stream in streams]
        return subprocess.CompletedProcess(command, int(ended.value.code or 0), *told)

    return run


@pytest.fixture(scope="session")
def afg_data() -> Command:
    """Return a function that runs ``afg-data`` in this process and captures its output."""
    from dataset_tools.cli.main import main

    return _in_this_process("afg-data", main)


@pytest.fixture(scope="session")
def afg() -> Command:
    """Return a function that runs ``afg`` in this process and captures its output."""
    from publishing.cli.main import main

    return _in_this_process("afg", main)


@pytest.fixture(scope="session")
def afg_data_process() -> Command:
    """Return a function that runs ``afg-data`` in a process of its own and captures its output."""

    def run(*arguments: str | Path, cwd: Path | None = None, columns: str = "200") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "dataset_tools", *map(str, arguments)]
        environment = {**os.environ, "COLUMNS": columns, "PYTHONPATH": str(ROOT)}
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            encoding="utf-8",
            cwd=cwd,
            env=environment,
            check=False,
            timeout=300,
        )

    return run


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    """Return the bundled tokenizer, loaded from its folder only."""
    from transformers import AutoTokenizer

    from training.tiny import tokenizer_path

    return AutoTokenizer.from_pretrained(tokenizer_path(), local_files_only=True)


@pytest.fixture(scope="session")
def model() -> Any:
    """Return the SentencePiece model of the bundled tokenizer."""
    import sentencepiece

    from training.tiny import tokenizer_path

    return sentencepiece.SentencePieceProcessor(model_file=str(tokenizer_path() / "tokenizer.model"))
