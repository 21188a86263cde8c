"""Fixtures of publishing tests: releases on disk, a loopback Hub, and exports of a synthetic run."""

import hashlib
import json
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import pytest

from publishing.hub.client import Hub as Client
from publishing.hub.publish import Prepared, Published, PublishOptions, carry_out, prepare
from tests.hub.server import Hub, running_hub
from tests.publishing.export.made_run import PUBLIC, ROOT, make_run

CARD = "---\nlicense: gemma\n---\n# A model\n\n<!-- begin human: notes -->\n<!-- end human: notes -->\n"
TEMPLATE = b"{{ bos_token }}"


def safetensors(values: bytes) -> bytes:
    """A safetensors file with one tensor of bytes."""
    header = json.dumps({"w": {"dtype": "U8", "shape": [len(values)], "data_offsets": [0, len(values)]}}).encode()
    return struct.pack("<Q", len(header)) + header + values


def gguf(values: bytes, **texts: str) -> bytes:
    """A GGUF file with texts by key, and one tensor of 8-bit integers in blocks of 34 bytes."""

    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value.encode())) + value.encode()

    keys = b"".join(text(key.replace("__", ".")) + struct.pack("<I", 8) + text(value) for key, value in texts.items())
    keys += text("numbers") + struct.pack("<IIQ3H", 9, 2, 3, 1, 2, 3)
    tensor = text("w") + struct.pack("<IQIQ", 1, len(values) // 34 * 32, 8, 0)
    header = b"GGUF" + struct.pack("<IQQ", 3, 1, len(texts) + 1) + keys + tensor
    return header + b"\0" * (-len(header) % 32) + values


CONTENTS = {
    "adapter/adapter_config.json": b'{"base_model_name_or_path": "google/functiongemma-270m-it", "revision": "0"}',
    "adapter/adapter_model.safetensors": safetensors(bytes(range(200))),
    "adapter/NOTICE": b"Gemma is provided under terms",
    "adapter/README.md": CARD.encode(),
    "merged/config.json": b'{"model_type": "gemma3_text"}',
    "merged/chat_template.jinja": TEMPLATE,
    "merged/model.safetensors": safetensors(bytes(reversed(range(256))) * 8),
    "merged/NOTICE": b"Gemma is provided under terms",
    "merged/README.md": CARD.encode(),
    "gguf/tiny-Q8_0.gguf": gguf(bytes(range(34)) * 80, tokenizer__chat_template=TEMPLATE.decode()),
    "gguf/Modelfile": b"FROM ./tiny-Q8_0.gguf\n",
    "gguf/NOTICE": b"Gemma is provided under terms",
    "gguf/README.md": CARD.encode(),
}
NAMES = ("org/tiny", "org/tiny-lora", "org/tiny-GGUF")


def write_manifest(path: Path) -> None:
    """Write ``release.json`` for the files in a folder, as the export does."""
    files = {
        file.relative_to(path).as_posix(): {
            "size": file.stat().st_size,
            "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        }
        for file in sorted(path.rglob("*"))
        if file.is_file() and file.name not in ("README.md", "release.json")
    }
    (path / "release.json").write_text(json.dumps({"name": "tiny", "files": files}), encoding="utf-8")


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A release with all three parts."""
    path = tmp_path / "release"
    for name, content in CONTENTS.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    write_manifest(path)
    return path


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """An empty Hub. The client does not use Xet and does not wait between tries."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr("huggingface_hub.utils._http.time", SimpleNamespace(sleep=lambda _: None))
    huggingface_hub.utils.disable_progress_bars()
    with running_hub(tmp_path / "hub") as running:
        yield running
        huggingface_hub.close_session()


class Publisher:
    """Publishes a release to a Hub through the library; ``waits`` are the pauses between tries."""

    def __init__(self, hub: Hub, release: Path) -> None:
        self.lines: list[str] = []
        self.waits: list[float] = []
        api = huggingface_hub.HfApi(endpoint=hub.address, token=hub.token)
        self.client = Client("org/tiny", api, self.waits.append)
        self.release = release

    def prepare(self, **options: Any) -> Prepared:
        """Prepare, and send nothing."""
        return prepare(self.release, self.client, PublishOptions(**options), self.lines.append)

    def publish(self, **options: Any) -> Published:
        """Prepare and carry out."""
        return carry_out(self.prepare(**options), self.lines.append)


@pytest.fixture
def publisher(hub: Hub, release: Path) -> Publisher:
    """Publishes the release to the Hub."""
    return Publisher(hub, release)


@pytest.fixture
def expected(release: Path) -> Callable[[], dict[str, dict[str, bytes]]]:
    """Return the expected files of each repository: its part of the release, and ``release.json``."""

    def contents() -> dict[str, dict[str, bytes]]:
        found = {}
        for name, part in zip(NAMES, ("merged", "adapter", "gguf"), strict=True):
            folder = release / part
            files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*"))}
            found[name] = {**files, "release.json": (release / "release.json").read_bytes()}
        return found

    return contents


def held(hub: Hub, name: str, kind: str = "model", revision: str = "main") -> dict[str, bytes]:
    """Return the files of a repository on the Hub, except the Hub's own file."""
    files = hub.store.read(kind, name, revision)
    files.pop(".gitattributes", None)
    return files


Export = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def made_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a random base with a random adapter; tests must not change it."""
    return make_run(tmp_path_factory.mktemp("made"))


@pytest.fixture
def run(made_run: Path, tmp_path: Path) -> Path:
    """A copy of the run that a test may damage; its base is shared."""
    copy: Path = shutil.copytree(made_run, tmp_path / "run")
    return copy


@pytest.fixture(scope="session")
def afg_export() -> Export:
    """Run `afg export` in a process of its own, on one thread."""

    def export(run: Path, output: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        code = "from publishing.cli.main import main; main()"
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
