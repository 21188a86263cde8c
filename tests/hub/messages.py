"""Requests and replies, without the details of HTTP."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import parse_qs

_BLOCK = 1 << 20


class Request:
    """A request of a client; its body is read on demand, or discarded at the end."""

    def __init__(self, method: str, target: str, headers: Mapping[str, str], stream: BinaryIO) -> None:
        self.method = method
        self.path, _, query = target.partition("?")
        self.query = parse_qs(query)
        self.headers = headers
        self.corrupt = False  # set by a fault
        self._stream = stream
        self._left = int(headers.get("Content-Length") or 0)
        self._chunked = "chunked" in headers.get("Transfer-Encoding", "")

    def read(self) -> bytes:
        """Return the body."""
        return b"".join(self.blocks())

    def json(self) -> Any:
        """Return the body as JSON; an empty one is an empty object."""
        return json.loads(self.read() or b"{}")

    def save(self, path: Path) -> str:
        """Write the body to a file and return its SHA-256."""
        digest = hashlib.sha256()
        with path.open("wb") as stream:
            for block in self.blocks():
                digest.update(block)
                stream.write(block)
        return digest.hexdigest()

    def drain(self) -> None:
        """Discard the rest of the body, so that the next request of the connection starts correctly."""
        for _ in self.blocks():
            pass

    def blocks(self) -> Any:
        """Yield the body in blocks, with a content length or chunked."""
        if self._chunked:
            while size := int(self._stream.readline().split(b";")[0], 16):
                yield self._stream.read(size)
                self._stream.readline()
            self._stream.readline()
            self._chunked = False
        while self._left:
            block = self._stream.read(min(self._left, _BLOCK))
            if not block:
                raise ConnectionError("the client went away")
            self._left -= len(block)
            yield block


@dataclass(slots=True)
class Reply:
    """A reply of the Hub: bytes, or a file or a range of it."""

    status: int = 200
    content: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    file: Path | None = None
    start: int = 0
    size: int = -1

    @property
    def length(self) -> int:
        """Return the number of bytes of the body."""
        if self.file is None:
            return len(self.content)
        return self.file.stat().st_size - self.start if self.size < 0 else self.size


def as_json(value: object, status: int = 200, **headers: str) -> Reply:
    """Return a JSON reply."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Reply(status, json.dumps(value).encode(), {"Content-Type": "application/json", **named})


def refusal(status: int, message: str, code: str = "", **more: object) -> Reply:
    """Return an error reply of the Hub, with JSON and headers."""
    reply = as_json({"error": message, **more}, status)
    reply.headers["X-Error-Message"] = message
    if code:
        reply.headers["X-Error-Code"] = code
    return reply
