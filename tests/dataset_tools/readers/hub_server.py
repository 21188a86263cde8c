"""A small read-only Hub on loopback, as far as ``snapshot_download`` needs it.

Datasets and models alike: a repository of one name serves as both.
"""

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REVISIONS = ("main", "v1", COMMIT)

Repositories = Mapping[str, Mapping[str, bytes]]


class _Hub(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, repositories: Repositories, gated: frozenset[str]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories = repositories
        self.gated = gated
        self.requests: list[str] = []


class _Handler(BaseHTTPRequestHandler):
    server: _Hub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Stay quiet."""

    def _answer(self, *, body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        self.server.requests.append(f"{self.command} {path}")
        parts = path.removeprefix("/api").removeprefix("/").split("/")
        if parts[0] in ("datasets", "models"):  # files of models stand at the root
            del parts[0]
        repo = "/".join(parts[:2])
        files = self.server.repositories.get(repo)
        if files is None:
            self._error(404, "RepoNotFound")
        elif repo in self.server.gated:
            self._error(403, "GatedRepo")
        elif len(parts) > 3 and parts[3] not in REVISIONS:
            self._error(404, "RevisionNotFound")
        elif path.startswith("/api/"):
            self._send(json.dumps(_tree(files) if parts[2:3] == ["tree"] else _info(repo, files)).encode(), body=body)
        elif "/".join(parts[4:]) in files:
            self._send(files["/".join(parts[4:])], body=body)
        else:
            self._error(404, "EntryNotFound")

    def _error(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("X-Error-Message", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send(self, content: bytes, *, body: bool) -> None:
        self.send_response(200)
        self.send_header("ETag", f'"{_oid(content)}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            self.wfile.write(content)


def _oid(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _tree(files: Mapping[str, bytes]) -> list[dict[str, Any]]:
    return [{"type": "file", "path": path, "size": len(data), "oid": _oid(data)} for path, data in files.items()]


def _info(repo: str, files: Mapping[str, bytes]) -> dict[str, Any]:
    siblings = [{"rfilename": path} for path in files]
    return {"id": repo, "sha": COMMIT, "siblings": siblings, "private": False, "tags": [], "downloads": 0, "likes": 0}


@contextmanager
def hub(repositories: Repositories, gated: frozenset[str] = frozenset()) -> Iterator[tuple[str, list[str]]]:
    """Serve ``repositories`` (files by name); yield the address and the list of requests."""
    server = _Hub(repositories, gated)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", server.requests
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
