"""Checksums of files, and the cancellation of the threads that compute them."""

import hashlib
import subprocess
from contextlib import suppress
from pathlib import Path
from threading import Event

import pytest

from dataset_tools.errors import InputError
from dataset_tools.io.checksums import (
    cancellation,
    combined_sha256,
    describe_file,
    describe_input,
    git_oid,
    read_until_cancelled,
    sha256,
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of five bytes."""
    path = tmp_path / "file.bin"
    path.write_bytes(b"12345")
    return path


def test_files_and_bytes_have_the_same_hash(file: Path) -> None:
    """A described input, a described file and plain bytes agree with ``hashlib``."""
    expected = hashlib.sha256(b"12345").hexdigest()
    assert sha256(file) == sha256(b"12345") == expected
    assert describe_file(file) == {"name": "file.bin", "bytes": 5, "sha256": expected}
    assert describe_file(file, "raw") == describe_input(file, "raw", Event()) == {
        "name": "raw", "bytes": 5, "sha256": expected
    }  # fmt: skip


def test_several_files_have_one_hash(file: Path) -> None:
    """The order of the digests counts."""
    digests = [sha256(file), sha256(b"")]
    assert combined_sha256(digests) == sha256(b"".join(bytes.fromhex(digest) for digest in digests))
    assert combined_sha256(digests) != combined_sha256(reversed(digests))


def test_git_gives_the_same_object_id(file: Path) -> None:
    """Git itself is the oracle."""
    expected = subprocess.run(["git", "hash-object", file], check=True, capture_output=True, text=True)  # noqa: S607
    assert git_oid(file) == git_oid(b"12345") == expected.stdout.strip()


def test_a_cancelled_reader_stops(file: Path) -> None:
    """The event is set when the block ends, also by an error, and no further chunk is read."""
    with suppress(KeyboardInterrupt), cancellation() as cancelled:
        assert b"".join(read_until_cancelled(file, cancelled)) == b"12345"
        raise KeyboardInterrupt
    assert cancelled.is_set()
    assert not list(read_until_cancelled(file, cancelled))


def test_an_input_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    """The error names the file."""
    with pytest.raises(InputError, match=r"missing\.bin: No such file"):
        describe_input(tmp_path / "missing.bin", "missing", Event())
