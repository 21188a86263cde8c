"""What a file is known again by."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

from dataset_tools.io.remote_path import unreadable

__all__ = ["chunks", "fingerprint", "until_the_end"]

_CHUNK = 1 << 22


def fingerprint(path: Path, name: str = "") -> dict[str, Any]:
    """A file's name, size and SHA-256."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return {"name": name or path.name, "bytes": path.stat().st_size, "sha256": digest}


@contextmanager
def until_the_end() -> Iterator[Event]:
    """What tells the threads that read :func:`chunks` that nobody waits for them any more.

    Ctrl-C reaches one thread alone, which would wait until the others have read whole files.
    """
    ended = Event()
    try:
        yield ended
    finally:
        ended.set()


def chunks(path: Path, ended: Event) -> Iterator[bytes]:
    """The bytes of an input, as long as somebody waits for them.

    Raises:
        InputError: it cannot be read.
    """
    try:
        with path.open("rb") as stream:
            while not ended.is_set() and (chunk := stream.read(_CHUNK)):
                yield chunk
    except OSError as error:
        raise unreadable(error, path) from error
