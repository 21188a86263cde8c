"""Headers of GGUF files: read as written, and refused where they do not fit the file."""

import struct
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_tools.errors import InputError
from tests.publishing.conftest import gguf
from training.base.gguf_header import read_header


def test_a_header_has_facts_tensors_and_the_offset_of_the_weights(tmp_path: Path) -> None:
    """Arrays are tuples, or only their lengths."""
    (tmp_path / "a").write_bytes(gguf(b"x" * 68, tokenizer__chat_template="قالب"))
    header = read_header(tmp_path / "a")
    assert header.facts == {"tokenizer.chat_template": "قالب", "numbers": (1, 2, 3)}
    assert (header.tensors, header.data) == (["w"], len(gguf(b"", tokenizer__chat_template="قالب")))
    assert read_header(tmp_path / "a", arrays=False).facts == {"tokenizer.chat_template": "قالب", "numbers": 3}


@pytest.mark.parametrize(
    "content, what",
    [
        (b"", "the GGUF header is damaged"),
        (b"GGML" + bytes(20), "not a GGUF file of version 2 or 3"),
        (b"GGUF" + struct.pack("<IQQ", 1, 0, 0), "not a GGUF file of version 2 or 3"),
        (b"GGUF" + struct.pack("<IQQ", 3, 1 << 40, 0), "the GGUF header is damaged"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1 << 60), "the GGUF header is damaged"),
        (gguf(b"x" * 68)[:-1], "truncated: its tensors extend past its end"),
        (gguf(b"x" * 68)[:60], "the GGUF header is damaged"),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, content: bytes, what: str) -> None:
    """Another format or version, counts beyond all models, a truncated download."""
    (tmp_path / "a").write_bytes(content)
    for arrays in (True, False):
        with pytest.raises(InputError, match=what):
            read_header(tmp_path / "a", arrays=arrays)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """With the reason of the system."""
    with pytest.raises(InputError, match="No such file"):
        read_header(tmp_path / "none")


@given(st.data())
def test_no_bytes_break_the_reader(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """A changed header is read or refused, and nothing else happens."""
    path, whole = tmp_path_factory.getbasetemp() / "any", gguf(b"x" * 68, a="b")
    at = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:at] + data.draw(st.binary(max_size=8)) + whole[at + data.draw(st.integers(0, 9)) :])
    with suppress(InputError):
        read_header(path, arrays=data.draw(st.booleans()))
