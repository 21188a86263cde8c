"""Checksums of files: SHA-256, and the object id of git that the Hub reports for small files."""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any, BinaryIO

from dataset_tools.io.remote_path import unreadable

__all__ = [
    "cancellation",
    "combined_sha256",
    "describe_file",
    "describe_input",
    "git_oid",
    "read_until_cancelled",
    "sha256",
]

_CHUNK = 1 << 22


def sha256(source: Path | bytes) -> str:
    """Return the SHA-256 of a file or of bytes, in hexadecimal."""
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest()
    with source.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def combined_sha256(digests: Iterable[str]) -> str:
    """Return one SHA-256 for several files: the hash of their digests, in order."""
    return sha256(b"".join(map(bytes.fromhex, digests)))


def git_oid(source: Path | bytes) -> str:
    """Return the object id that git gives to a file or to bytes; the Hub reports it for files outside LFS."""
    if isinstance(source, bytes):
        return _sha1(b"blob %d\0" % len(source), source)
    with source.open("rb") as stream:
        return _sha1(b"blob %d\0" % source.stat().st_size, stream)


def describe_file(path: Path, name: str = "") -> dict[str, Any]:
    """Return a file's name, size in bytes and SHA-256."""
    return {"name": name or path.name, "bytes": path.stat().st_size, "sha256": sha256(path)}


def describe_input(path: Path, name: str, cancelled: Event) -> dict[str, Any]:
    """Return the same of an input; the reading stops early when ``cancelled`` is set.

    Raises:
        InputError: the file cannot be read.
    """
    digest, size = hashlib.sha256(), 0
    for chunk in read_until_cancelled(path, cancelled):
        digest.update(chunk)
        size += len(chunk)
    return {"name": name, "bytes": size, "sha256": digest.hexdigest()}


@contextmanager
def cancellation() -> Iterator[Event]:
    """Yield a cancellation event for reader threads; it is set when the block ends.

    Ctrl-C interrupts the main thread only, which would then wait until the others have read whole files.
    """
    cancelled = Event()
    try:
        yield cancelled
    finally:
        cancelled.set()


def read_until_cancelled(path: Path, cancelled: Event) -> Iterator[bytes]:
    """Yield the bytes of an input in chunks until it ends or ``cancelled`` is set.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        with path.open("rb") as stream:
            while not cancelled.is_set() and (chunk := stream.read(_CHUNK)):
                yield chunk
    except OSError as error:
        raise unreadable(error, path) from error


def _sha1(header: bytes, content: bytes | BinaryIO) -> str:
    digest = hashlib.sha1(header, usedforsecurity=False)
    if isinstance(content, bytes):
        digest.update(content)
        return digest.hexdigest()
    while chunk := content.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()
