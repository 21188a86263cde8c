"""Headers of safetensors files, as the library checks them: files that do not fit their header are refused."""

import json
import struct
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from dataset_tools.errors import InputError
from publishing.verify.files import safetensors_names
from tests.publishing.conftest import safetensors


def _st(header: object, data: bytes = b"") -> bytes:
    raw = json.dumps(header).encode()
    return struct.pack("<Q", len(raw)) + raw + data


def test_tensors_are_listed(tmp_path: Path) -> None:
    """Of a file with metadata, several dtypes and an empty tensor."""
    tensors = {"a": np.zeros((2, 3), "float32"), "b": np.zeros(5, "float16"), "c": np.zeros((0, 4), "int64")}
    save_file(tensors, tmp_path / "a.safetensors", metadata={"format": "pt"})
    assert set(safetensors_names(tmp_path / "a.safetensors")) == {"a", "b", "c"}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff" * 20,
        _st([]),
        _st({"w": {"dtype": "U8"}}),
        _st({"w": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1, 2]}}, b"x"),
        _st({"w": {"dtype": "U8", "shape": [1], "data_offsets": [0]}}, b"x"),
        _st({"w": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1e999]}}, b"x"),
        _st({"w": {"dtype": "U8", "shape": [1e999], "data_offsets": [0, 1]}}, b"x"),
        _st({"w": {"dtype": "U8", "shape": [1.0], "data_offsets": [0, 1]}}, b"x"),
        _st({"w": {"dtype": "U8", "shape": ["1"], "data_offsets": [0, 1]}}, b"x"),
        _st({"w": {"dtype": "odd", "shape": [1], "data_offsets": [0, 1]}}, b"x"),
        _st({"w": {"dtype": "U8", "shape": [2], "data_offsets": [0, 1]}}, b"x"),
        _st({"w": {"dtype": "U8", "shape": [1], "data_offsets": [1, 2]}}, b"xx"),
        safetensors(b"abc")[:-1],
        safetensors(b"abc") + b"x",
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, content: bytes) -> None:
    """Truncated, padded, overlapping, or another format."""
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(InputError, match="not a complete safetensors file"):
        safetensors_names(tmp_path / "a")


@given(st.data())
def test_no_bytes_break_the_reader(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """A changed header is read or refused, and nothing else happens."""
    path, whole = tmp_path_factory.getbasetemp() / "any", safetensors(b"abc")
    at = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:at] + data.draw(st.binary(max_size=8)) + whole[at + data.draw(st.integers(0, 9)) :])
    with suppress(InputError):
        safetensors_names(path)
