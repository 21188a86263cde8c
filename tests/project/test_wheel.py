"""The wheel: packages and their data only, and a working command line."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from dataset_tools.bundled import dirty_path, sample_path
from training.tiny import base_path, tokenizer_path

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the unpacked wheel, built from a copy so that the sources stay clean."""
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "source"
    tracked = subprocess.run(
        ["git", "ls-files", "-z"],  # noqa: S607 - wherever git is
        cwd=ROOT,
        capture_output=True,
        check=False,
    ).stdout.split(b"\0")
    if tracked == [b""]:
        pytest.skip("not a git checkout: the files of the project are unknown")
    for name in filter(None, tracked):
        source, target = ROOT / name.decode(), copy / name.decode()
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", folder, copy]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.slow
def test_the_wheel_has_only_code_and_data(wheel: Path) -> None:
    """It has the packages with all their data, but no tests, benchmarks or documentation."""
    top = {path.name for path in wheel.iterdir() if not path.name.endswith(".dist-info")}
    assert top == {"schemas", "dataset_tools", "training", "publishing"}
    assert (wheel / "schemas" / "record.schema.json").is_file()
    assert (wheel / "dataset_tools" / "py.typed").is_file()
    assert (wheel / "dataset_tools" / "bundled" / "sample.jsonl").read_bytes() == sample_path().read_bytes()
    assert (wheel / "dataset_tools" / "prompt" / "chat_template.jinja").is_file()
    assert {path.suffix for path in (wheel / "dataset_tools" / "show" / "page").iterdir()} == {".html", ".css", ".js"}
    assert _contents(wheel / "dataset_tools" / "display" / "pages").keys() == {"page.css", "page.html", "report.css"}
    bundled = wheel / "training" / "tiny" / "tokenizer"
    assert _contents(bundled) == _contents(tokenizer_path())
    assert _contents(wheel / "training" / "tiny" / "base") == _contents(base_path())
    assert {"NOTICE.md", "cldr.json", "reviewed.toml"} <= _contents(wheel / "training" / "evaluate" / "aliases").keys()
    assert _contents(wheel / "training" / "evaluate" / "pages").keys() == {"page.css", "page.js"}


@pytest.mark.slow
def test_the_wheel_runs_the_main_commands(wheel: Path, tmp_path: Path) -> None:
    """The unpacked wheel alone writes, cleans and validates the sample."""
    environment = {**os.environ, "PYTHONPATH": str(wheel), "PYTHONSAFEPATH": "1"}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "dataset_tools", *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    assert run("sample", "--dirty", "-o", "raw.jsonl").returncode == 0
    assert (tmp_path / "raw.jsonl").read_bytes() == dirty_path().read_bytes()
    cleaned = run("clean", "raw.jsonl", "-o", "clean.jsonl")
    assert (cleaned.returncode, "480 rows in, 456 out" in cleaned.stderr) == (0, True)
    assert run("validate", "clean.jsonl").returncode == 1
