"""Benchmark of ``afg publish`` against ``hf upload``: a release of 300 MB to a Hub on loopback, in turns.

Each side and the Hub is its own process. The Hub's disk and hashing are part of both times.
"""

import hashlib
import json
import os
import random
import statistics
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["upload"]

_ROOT = Path(__file__).parent.parent
_MEGABYTES = {"merged/model.safetensors": 130, "adapter/adapter_model.safetensors": 20, "gguf/bench-Q8_0.gguf": 150}
_SERVER = """
import sys
from pathlib import Path
from tests.hub.server import running_hub
with running_hub(Path(sys.argv[1])) as hub:
    print(hub.address, hub.token, flush=True)
    sys.stdin.read()
"""


def upload(folder: Path, times: int) -> None:
    """Compare the verified upload of three repositories with one plain upload of the same folder."""
    release = folder / "release"
    _write_release(release)
    seconds: dict[str, list[float]] = {"afg publish": [], "hf upload": []}
    with _hub(folder / "hub", folder / "home") as environment:
        for turn in range(times):
            seconds["afg publish"].append(_publish(release, f"org/ours-{turn}", environment))
            seconds["hf upload"].append(_plain(release, f"org/theirs-{turn}", environment))
    size = sum(_MEGABYTES.values())
    for name, values in seconds.items():
        details = f"{min(values):.1f} to {max(values):.1f} s, {size / statistics.median(values):,.0f} MB/s"
        print(f"{name + f' of {size} MB':<44}{statistics.median(values):8.1f} s   {details}")
    ratios = [theirs / ours for ours, theirs in zip(*seconds.values(), strict=True)]
    print(f"{'  ratio':<44}{statistics.median(ratios):8.2f} times    {min(ratios):.2f} to {max(ratios):.2f}")


def _write_release(release: Path) -> None:
    chance = random.Random(7)  # noqa: S311 - incompressible bytes
    files = {}
    for name, megabytes in _MEGABYTES.items():
        path = release / name
        path.parent.mkdir(parents=True, exist_ok=True)
        size = megabytes << 20
        header = json.dumps({"w": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
        start = b"GGUF" if name.endswith(".gguf") else struct.pack("<Q", len(header)) + header
        path.write_bytes(start + chance.randbytes(size))
        (path.parent / "NOTICE").write_text("Gemma is provided under terms\n", encoding="utf-8")
        for file in (path, path.parent / "NOTICE"):
            digest = hashlib.sha256(file.read_bytes()).hexdigest()
            files[file.relative_to(release).as_posix()] = {"size": file.stat().st_size, "sha256": digest}
    (release / "release.json").write_text(json.dumps({"name": "bench", "files": files}), encoding="utf-8")


@contextmanager
def _hub(store: Path, home: Path) -> Iterator[dict[str, str]]:
    """Run a Hub; yield the environment for its clients."""
    command = [sys.executable, "-c", _SERVER, str(store)]
    with subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        if server.stdout is None or server.stdin is None:
            raise RuntimeError("the Hub has no output")
        address, token = server.stdout.readline().split()
        try:
            yield {
                **os.environ,
                "HF_ENDPOINT": address,
                "HF_TOKEN": token,
                "HF_HOME": str(home),
                "HF_HUB_DISABLE_XET": "1",
                "HF_HUB_DISABLE_PROGRESS_BARS": "1",
                "PYTHONPATH": str(_ROOT),
            }
        finally:
            server.stdin.close()
            server.wait()


def _publish(release: Path, name: str, environment: dict[str, str]) -> float:
    run = [sys.executable, "-c", "from publishing.cli.main import main; main()", "publish", str(release)]
    return _timed([[*run, "--hub", name, "--yes"]], environment)


def _plain(release: Path, name: str, environment: dict[str, str]) -> float:
    run = [sys.executable, "-c", "from huggingface_hub.cli.hf import main; main()", "upload"]
    return _timed([[*run, name, str(release), "."]], environment)


def _timed(commands: list[list[str]], environment: dict[str, str]) -> float:
    start = time.perf_counter()
    for command in commands:
        subprocess.run(command, env=environment, check=True, capture_output=True)
    return time.perf_counter() - start
