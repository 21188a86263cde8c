"""Checksums of files as a Hub keeps them: SHA-256 of large files, git's own name of small ones."""

import hashlib
from pathlib import Path
from typing import BinaryIO

__all__ = ["git_oid", "sha256"]

_BLOCK = 1 << 20


def sha256(source: Path | bytes) -> str:
    """The SHA-256 of a file or of bytes, in hexadecimal."""
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest()
    with source.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def git_oid(source: Path | bytes) -> str:
    """The name that git gives to the content of a file, or to bytes: what a Hub tells of files outside LFS."""
    if isinstance(source, bytes):
        return _sha1(b"blob %d\0" % len(source), source)
    with source.open("rb") as stream:
        return _sha1(b"blob %d\0" % source.stat().st_size, stream)


def _sha1(start: bytes, content: bytes | BinaryIO) -> str:
    digest = hashlib.sha1(start, usedforsecurity=False)
    if isinstance(content, bytes):
        digest.update(content)
        return digest.hexdigest()
    while block := content.read(_BLOCK):
        digest.update(block)
    return digest.hexdigest()
