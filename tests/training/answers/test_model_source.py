"""Models by name, and invalid models, which are refused in one line before anything is loaded."""

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from dataset_tools.errors import InputError, UsageError
from dataset_tools.samples.tokenizer import CONTROL_TOKENS
from tests.training.taught import CONFIG
from tests.training.tiny_gguf import _text, _value
from training.answers.model_source import ModelKind, find_model
from training.base.gguf_header import read_header
from training.tiny import tokenizer_path


def _model(folder: Path, **changes: Any) -> Path:
    """Write a folder like transformers does, without real weights."""
    folder.mkdir(parents=True)
    for file in tokenizer_path().iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / "config.json").write_text(json.dumps({"model_type": "gemma3_text", **CONFIG, **changes}))
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


def _adapter(folder: Path, base: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": base, "revision": None}))
    (folder / "adapter_model.safetensors").write_bytes(b"adapter")
    return folder


def _gguf(path: Path, **changes: Any) -> Path:
    """Write the header of a GGUF file."""
    pieces = [f"<unused{at}>" for at in range(110)]
    for token, at in CONTROL_TOKENS.items():
        pieces[at] = token
    facts: dict[str, Any] = {"general.architecture": "gemma3", "gemma3.context_length": 32768}
    facts |= {"general.quantized": True, "general.scale": 0.5, "tokenizer.ggml.tokens": pieces}
    facts |= {"tokenizer.ggml.scores": [0.0] * 110, **{key.replace("__", "."): value for key, value in changes.items()}}
    body = b"".join(_text(key) + _value(value) for key, value in facts.items())
    path.write_bytes(struct.pack("<4sIQQ", b"GGUF", 3, 0, len(facts)) + body)
    return path


def test_a_folder_with_weights_is_a_model(tmp_path: Path) -> None:
    """It has its own tokenizer."""
    folder = _model(tmp_path / "model")
    found = find_model(str(folder))
    assert (found.kind, found.path, found.revision) == (ModelKind.MERGED, folder, "")
    assert found.tokenizer is not None
    assert found.tokenizer.folder == folder


def test_an_adapter_uses_the_base_that_it_names(tmp_path: Path) -> None:
    """The base provides a missing tokenizer, --base replaces it, and the hash covers both."""
    base, other = _model(tmp_path / "base"), _model(tmp_path / "other")
    (other / "model.safetensors").write_bytes(b"other weights")
    adapter = _adapter(tmp_path / "adapter", str(base))
    found, moved = find_model(str(adapter)), find_model(str(adapter), base=str(other))
    assert (found.kind, found.path) == (ModelKind.ADAPTER, adapter)
    assert found.base is not None
    assert found.tokenizer is not None
    assert found.tokenizer.folder == found.base.folder == base
    assert moved.base is not None
    assert moved.base.folder == other
    assert len({found.sha256(), moved.sha256(), find_model(str(base)).sha256()}) == 3


def test_a_run_is_its_adapter_on_the_recorded_base(tmp_path: Path) -> None:
    """A base whose weights have changed is refused."""
    base = _model(tmp_path / "base")
    run = tmp_path / "run"
    _adapter(run / "adapter", "somewhere/else")
    recorded = {"name": str(base), "revision": "", "weights_sha256": find_model(str(base)).sha256()}
    (run / "run.json").write_text(json.dumps({"status": "complete", "base": recorded}))
    for name in (run, run / "adapter"):
        found = find_model(str(name))
        assert (found.kind, found.path) == (ModelKind.ADAPTER, run / "adapter")
        assert found.base is not None
        assert found.base.folder == base
    (base / "model.safetensors").write_bytes(b"others")
    with pytest.raises(InputError, match="is not the base of the run: its weights differ"):
        find_model(str(run))


def test_a_gguf_file_is_identified_by_its_header(tmp_path: Path) -> None:
    """The weights are not read."""
    path = _gguf(tmp_path / "model-Q8_0.gguf")
    found = find_model(str(path))
    assert (found.kind, found.path, found.tokenizer) == (ModelKind.GGUF, path, None)
    header = read_header(path)
    assert (header.architecture, header.context, header.facts["general.quantized"]) == ("gemma3", 32768, True)
    assert header.facts["general.scale"] == 0.5


def _without_tokenizer(root: Path) -> Path:
    folder = _model(root / "model")
    (folder / "tokenizer.json").unlink()
    return folder


def _other_tokenizer(root: Path) -> Path:
    folder = _model(root / "model")
    text = (folder / "tokenizer.json").read_text(encoding="utf-8")
    (folder / "tokenizer.json").write_text(text.replace("<escape>", "<escaped>"), encoding="utf-8")
    return folder


def _both(root: Path) -> Path:
    folder = _model(root / "model")
    (folder / "adapter_config.json").write_text("{}")
    return folder


def _no_weights(root: Path) -> Path:
    folder = _adapter(root / "adapter", "x/y")
    (folder / "adapter_model.safetensors").unlink()
    return folder


def _begun(root: Path) -> Path:
    (root / "run").mkdir()
    (root / "run" / "run.json").write_text('{"status": "running"}')
    return root / "run"


def _quants(root: Path) -> Path:
    _gguf(root / "a-Q4_0.gguf")
    _gguf(root / "a-Q8_0.gguf")
    return root


def _cut(root: Path) -> Path:
    path = _gguf(root / "a.gguf")
    path.write_bytes(path.read_bytes()[:-100])
    return path


def _text_file(root: Path) -> Path:
    (root / "a.gguf").write_text("version https://git-lfs.github.com/spec/v1\n")
    return root / "a.gguf"


@pytest.mark.parametrize(
    "make, what",
    [
        (_without_tokenizer, "no tokenizer.json in this folder"),
        (_other_tokenizer, "<escape> is missing"),
        (lambda root: _model(root / "model", model_type="llama"), "is 'llama', not a Gemma 3 text model"),
        (_both, "a full model and an adapter are in one folder"),
        (_no_weights, "the adapter has no weights"),
        (lambda root: _adapter(root / "adapter", ""), "the adapter does not name its base"),
        (lambda root: _adapter(root / "adapter", "/no/where"), "the base of the adapter, '/no/where', was not found"),
        (_begun, "the run has no adapter yet; its status is 'running'"),
        (_quants, "name one of its files: a-Q4_0.gguf, a-Q8_0.gguf"),
        (lambda root: root, "no model in this folder"),
        (
            lambda root: _gguf(root / "a.gguf", general__architecture="llama"),
            "a GGUF of the architecture 'llama', not 'gemma3'",
        ),
        (lambda root: _gguf(root / "a.gguf", tokenizer__ggml__tokens=["<pad>"]), "the id 1 is nothing, not <eos>"),
        (_cut, "the GGUF header is damaged"),
        (_text_file, "not a GGUF file of version 2 or 3"),
    ],
)
def test_an_invalid_model_is_one_line(tmp_path: Path, make: Any, what: str) -> None:
    """The message has a place, a reason and a hint."""
    path = make(tmp_path)
    with pytest.raises(InputError) as error:
        find_model(str(path))
    message = str(error.value)
    assert what in message
    assert "\n" not in message
    assert str(tmp_path) in message
    assert message.endswith(")")


@pytest.mark.parametrize("name", ["nothing", "./nothing.gguf", "/no/where", "a/b/c", "notes.txt"])
def test_an_unknown_name_is_a_usage_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The hint lists the forms of a name."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("notes")
    with pytest.raises(UsageError, match=r"is not a model \(use a run, an adapter, .* ORG/NAME"):
        find_model(name)


def test_a_damaged_header_is_read_or_refused(tmp_path: Path) -> None:
    """A truncated file or a changed byte raises only InputError."""
    whole = _gguf(tmp_path / "whole.gguf").read_bytes()
    path = tmp_path / "broken.gguf"
    for at in range(0, len(whole), 37):
        for broken in (whole[:at], whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :]):
            path.write_bytes(broken)
            try:
                read_header(path).require_functiongemma("broken")
            except InputError as error:
                assert "\n" not in str(error)  # noqa: PT017 - it may be read, too
