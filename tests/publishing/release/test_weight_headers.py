"""Headers of weights are read as they are written, and files that do not fit their header are told."""

import json
import struct
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_tools.errors import InputError
from publishing.release.weight_headers import read_gguf, read_safetensors
from tests.publishing.conftest import gguf, safetensors


def _st(header: object, data: bytes = b"") -> bytes:
    raw = json.dumps(header).encode()
    return struct.pack("<Q", len(raw)) + raw + data


def test_headers_say_what_is_inside(tmp_path: Path) -> None:
    """Tensors by name; of a GGUF file its texts and the lengths of its arrays."""
    (tmp_path / "a").write_bytes(safetensors(b"abc"))
    assert read_safetensors(tmp_path / "a") == {"w": {"dtype": "U8", "shape": [3], "data_offsets": [0, 3]}}
    (tmp_path / "b").write_bytes(gguf(b"x" * 68, tokenizer__chat_template="قالب"))
    header = read_gguf(tmp_path / "b")
    assert header.values == {"tokenizer.chat_template": "قالب", "numbers": 3}
    assert header.tensors == ["w"]


def test_the_libraries_write_what_we_read(tmp_path: Path) -> None:
    """A file that safetensors itself wrote, with metadata and several types."""
    numpy = pytest.importorskip("numpy")
    save_file = pytest.importorskip("safetensors.numpy").save_file
    tensors = {"a": numpy.zeros((2, 3), "float32"), "b": numpy.zeros(5, "float16"), "c": numpy.zeros((0, 4), "int64")}
    save_file(tensors, tmp_path / "a.safetensors", metadata={"format": "pt"})
    assert set(read_safetensors(tmp_path / "a.safetensors")) == {"a", "b", "c"}


@pytest.mark.parametrize(
    "content, what",
    [
        (b"", "no safetensors file, or was cut off"),
        (b"\xff" * 20, "no safetensors file, or was cut off"),
        (_st([]), "its header cannot be read"),
        (_st({"w": {"dtype": "U8"}}), "its header cannot be read"),
        (_st({"w": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1, 2]}}, b"x"), "its header cannot be read"),
        (_st({"w": {"dtype": "U8", "shape": [1], "data_offsets": [0]}}, b"x"), "its header cannot be read"),
        (_st({"w": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1e999]}}, b"x"), "its header cannot be read"),
        (_st({"w": {"dtype": "U8", "shape": [1e999], "data_offsets": [0, 1]}}, b"x"), "its header cannot be read"),
        (_st({"w": {"dtype": "U8", "shape": [1.0], "data_offsets": [0, 1]}}, b"x"), "its header cannot be read"),
        (_st({"w": {"dtype": "U8", "shape": ["1"], "data_offsets": [0, 1]}}, b"x"), "its header cannot be read"),
        (_st({"w": {"dtype": "odd", "shape": [1], "data_offsets": [0, 1]}}, b"x"), "its header cannot be read"),
        (_st({"w": {"dtype": "U8", "shape": [2], "data_offsets": [0, 1]}}, b"x"), "do not lie where"),
        (_st({"w": {"dtype": "U8", "shape": [1], "data_offsets": [1, 2]}}, b"xx"), "do not lie where"),
        (safetensors(b"abc")[:-1], "longer or shorter"),
        (safetensors(b"abc") + b"x", "longer or shorter"),
    ],
)
def test_damaged_safetensors_are_told(tmp_path: Path, content: bytes, what: str) -> None:
    """Cut off, padded, overlapping, or no such file."""
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(InputError, match=what):
        read_safetensors(tmp_path / "a")


@pytest.mark.parametrize(
    "content, what",
    [
        (b"", "no GGUF file of a known version|cannot be read"),
        (b"GGML" + bytes(20), "no GGUF file of a known version"),
        (b"GGUF" + struct.pack("<IQQ", 1, 0, 0), "no GGUF file of a known version"),
        (b"GGUF" + struct.pack("<IQQ", 3, 1 << 40, 0), "its header cannot be read"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1 << 60), "its header cannot be read"),
        (gguf(b"x" * 68)[:-1], "cut off"),
        (gguf(b"x" * 68)[:60], "its header cannot be read"),
    ],
)
def test_damaged_gguf_is_told(tmp_path: Path, content: bytes, what: str) -> None:
    """Another kind of file, another version, numbers beyond all sense, a download that broke off."""
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(InputError, match=what):
        read_gguf(tmp_path / "a")


@given(st.data())
def test_no_bytes_break_the_readers(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Whatever a stranger changes, a header is read or refused, and nothing else happens."""
    path = tmp_path_factory.getbasetemp() / "any"
    for whole, reader in ((safetensors(b"abc"), read_safetensors), (gguf(b"x" * 68, a="b"), read_gguf)):
        at = data.draw(st.integers(0, len(whole)))
        path.write_bytes(whole[:at] + data.draw(st.binary(max_size=8)) + whole[at + data.draw(st.integers(0, 9)) :])
        with suppress(InputError):
            reader(path)
