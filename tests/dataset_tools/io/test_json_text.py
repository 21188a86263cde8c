"""JSON objects in files."""

import sys
from pathlib import Path

import pytest

from dataset_tools.errors import InputError
from dataset_tools.io.json_text import read_object

HINT = "write it again"


def test_an_object_is_read_without_loss(tmp_path: Path) -> None:
    """A byte order mark is skipped, and an integer of more than 64 bits stays an integer."""
    path = tmp_path / "config.json"
    path.write_bytes(b'\xef\xbb\xbf{"limit": 1000000000000000019884624838656}')
    assert read_object(path) == {"limit": 1000000000000000019884624838656}


@pytest.mark.parametrize(
    "content, reason",
    [
        (None, "No such file or directory"),
        (b"{", "not JSON: "),
        (b'{"a": "\xff"}', "not JSON: 'utf-8'"),
        (b'{"a": ' * sys.getrecursionlimit() * 10, "not JSON: "),
        (b"[1]", "not a JSON object"),
    ],
    ids=["missing", "cut", "latin", "deep", "list"],
)
def test_anything_else_is_refused(tmp_path: Path, content: bytes | None, reason: str) -> None:
    """The error names the file, the reason and the hint."""
    path = tmp_path / "config.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_object(path, HINT)
    assert caught.value.where == str(path)
    assert caught.value.what.startswith(reason)
    assert caught.value.hint == HINT
