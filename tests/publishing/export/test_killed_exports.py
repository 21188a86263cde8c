"""A killed export leaves only complete files under their names; the same command completes it."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.publishing.export.made_run import PUBLIC, ROOT

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("export")]

Export = Callable[..., subprocess.CompletedProcess[str]]
LIMIT = 120


def _contents(folder: Path) -> dict[str, str]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "release.json")
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def _kill_at(run: Path, output: Path, moment: Path) -> None:
    """Start the command, and kill it as soon as a path exists."""
    code = "from publishing.cli.main import main; main()"
    command = [sys.executable, "-c", code, "export", str(run), "-o", str(output), "--verify", "2", "--base-id", PUBLIC]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    started = time.monotonic()
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while not moment.exists():
            assert process.poll() is None, f"it ended before {moment} was there"
            assert time.monotonic() - started < LIMIT
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)


def test_a_killed_export_is_resumed(whole: Path, made_run: Path, afg_export: Export, tmp_path: Path) -> None:
    """Killed while weights are merged and while a GGUF file is made, it ends with the same files."""
    output = tmp_path / "arabic-calls"
    for moment, kept in (
        (".export/merged/model.safetensors", {"adapter"}),
        (".export/q8_0", {"adapter", "merged", "gguf"}),
    ):
        _kill_at(made_run, output, output / moment)
        assert {path.name for path in output.iterdir()} == {".export", ".export.json", *kept}
        steps = json.loads((output / ".export.json").read_text(encoding="utf-8"))["steps"]
        listed = {name: facts["sha256"] for step in steps.values() for name, facts in step["files"].items()}
        here = _contents(output)
        assert {name: digest for name, digest in here.items() if not name.startswith(".export")} == listed
    first = (output / "adapter" / "adapter_model.safetensors").stat().st_mtime_ns
    done = afg_export(made_run, output, "--verify", "2")
    assert done.returncode == 0, done.stderr
    assert done.stderr.endswith(f"{output}: made 3 steps\n")
    assert _contents(output) == _contents(whole)
    assert (output / "adapter" / "adapter_model.safetensors").stat().st_mtime_ns == first


def test_a_full_disk_is_reported_and_leaves_nothing(made_run: Path, tmp_path: Path) -> None:
    """If the merged weights cannot be written, the exit code is 3, and only the adapter is kept."""
    output = tmp_path / "release"
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000)); "
        "from publishing.cli.main import main; main()"
    )
    command = [sys.executable, "-c", code, "export", str(made_run), "-o", str(output), "--verify", "1"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, "--base-id", PUBLIC], capture_output=True, text=True, env=environment, check=False, timeout=LIMIT
    )
    assert done.returncode == 3, done.stderr
    assert done.stderr.splitlines()[-1].startswith(f"afg: {output}: the file size limit is reached")
    assert sorted(path.name for path in output.iterdir()) == [".export.json", "adapter"]
