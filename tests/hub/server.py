"""A test Hub on loopback: the API of huggingface_hub over real HTTP, with contents on disk and faults on request.

It serves one user with one token, and stops at the end of the ``with`` block.
"""

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from tests.hub import account_routes, files_routes, repository_routes
from tests.hub.faults import Fault, Faults
from tests.hub.messages import Reply, Request, refusal
from tests.hub.store import Repository, Store

_BLOCK = 1 << 20
_REPOSITORY = r"/api/(?P<kind>model|dataset)s/(?P<name>[^/]+/[^/]+)"
_FILES = r"/((?P<kind>dataset)s/)?(?P<name>[^/]+/[^/]+?)"
_LFS = r"/lfs/(?P<oid>[0-9a-f]{64})"

Route = tuple[str, str, Callable[..., Reply]]

ROUTES: list[Route] = [
    ("GET", "/api/whoami-v2", account_routes.whoami),
    ("POST", "/api/validate-yaml", account_routes.validate_yaml),
    ("GET|POST", "/api/collections", account_routes.collections),
    ("GET", r"/api/collections/(?P<slug>[^/]+/[^/]+)", account_routes.collection),
    ("POST", r"/api/collections/(?P<slug>[^/]+/[^/]+)/items", account_routes.add_item),
    ("POST", "/api/repos/create", repository_routes.create),
    ("GET", _REPOSITORY, repository_routes.info),
    ("GET", rf"{_REPOSITORY}/revision/(?P<revision>[^/]+)", repository_routes.info),
    ("GET", rf"{_REPOSITORY}/tree/(?P<revision>[^/]+)(/(?P<path>.+))?", repository_routes.tree),
    ("POST", rf"{_REPOSITORY}/paths-info/(?P<revision>[^/]+)", repository_routes.paths_info),
    ("POST", rf"{_REPOSITORY}/preupload/(?P<revision>[^/]+)", repository_routes.preupload),
    ("POST", rf"{_REPOSITORY}/commit/(?P<revision>[^/]+)", repository_routes.commit),
    ("GET", rf"{_REPOSITORY}/refs", repository_routes.refs),
    ("POST|DELETE", rf"{_REPOSITORY}/tag/(?P<revision>[^/]+)", repository_routes.tag),
    ("POST|DELETE", rf"{_REPOSITORY}/branch/(?P<branch>[^/]+)", repository_routes.branch),
    ("POST", rf"{_FILES}\.git/info/lfs/objects/batch", files_routes.batch),
    ("POST", rf"{_FILES}\.git/info/lfs/objects/verify", files_routes.verify),
    ("PUT", _LFS, files_routes.upload),
    ("PUT", rf"{_LFS}/parts/(?P<number>\d+)", files_routes.upload_part),
    ("POST", rf"{_LFS}/complete", files_routes.complete),
    ("GET|HEAD", rf"{_FILES}/resolve/(?P<revision>[^/]+)/(?P<path>.+)", files_routes.resolve),
]
_OPEN_WRITES = ("/lfs/", "/api/validate-yaml")  # signed addresses, and routes that do not write


class Hub(ThreadingHTTPServer):
    """A running Hub.

    Attributes:
        store: its contents, which a test may inspect and change.
        faults: the requested faults.
        requests: all requests so far, as ``METHOD /path``.
        part_size: larger objects are uploaded in parts of this size.
        page_size: number of files per page of a listing.
    """

    daemon_threads = True
    user = "someone"
    organizations: tuple[str, ...] = ("org",)
    token = "hf_" + "t" * 34
    time = "2026-01-01T00:00:00.000Z"

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.address = f"http://127.0.0.1:{self.server_address[1]}"
        self.store = Store(folder)
        self.faults = Faults()
        self.requests: list[str] = []
        self.part_size = 1 << 40
        self.page_size = 1000
        self._sockets: set[socket.socket] = set()

    def writes(self) -> list[str]:
        """Return the requests so far that may change something."""
        return [line for line in self.requests if line.split()[0] not in ("GET", "HEAD")]

    def answer(self, request: Request) -> Reply:
        """Find the route of a request and return its reply."""
        authorized = request.headers.get("Authorization", "") == f"Bearer {self.token}"
        if request.headers.get("Authorization") and not authorized:
            return refusal(401, "Invalid credentials in Authorization header")
        if not authorized and request.method not in ("GET", "HEAD") and not request.path.startswith(_OPEN_WRITES):
            return refusal(401, "Invalid username or password.")
        if not authorized and request.path == "/api/whoami-v2":
            return refusal(401, "Invalid username or password.")
        for methods, pattern, route in ROUTES:
            found = re.fullmatch(pattern, request.path)
            if found and request.method in methods.split("|"):
                named = {key: unquote(value) for key, value in found.groupdict().items() if value is not None}
                return self._call(route, request, named, authorized=authorized)
        return refusal(404, "Not found")

    def _call(self, route: Callable[..., Reply], request: Request, named: dict[str, Any], *, authorized: bool) -> Reply:
        """Call a route, with the repository instead of its name."""
        if "name" not in named:
            return route(self, request, **named)
        kind, name = named.pop("kind", "model"), named.pop("name")
        repository: Repository | None = self.store.repositories.get((kind, name))
        if repository is None or (repository.private and not authorized):
            return refusal(404 if authorized else 401, "Repository not found", "RepoNotFound")
        return route(self, request, repository, **named)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Register a connection, so that it can be closed."""
        self._sockets.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Remove a closed connection."""
        self._sockets.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that disconnect, as some tests do."""

    def hang_up(self) -> None:
        """Close all open connections."""
        for connection in list(self._sockets):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Log nothing."""

    def _serve(self) -> None:
        line = f"{self.command} {unquote(self.path.partition('?')[0])}"
        self.server.requests.append(line)
        fault = self.server.faults.take(line) or Fault("")
        time.sleep(fault.seconds)
        if fault.drop == "before":
            self._hang_up()
            return
        request = Request(self.command, self.path, self.headers, self.rfile)  # type: ignore[arg-type]
        request.corrupt = fault.corrupt
        reply = refusal(fault.status, "something went wrong") if fault.status else self.server.answer(request)
        reply.headers.update(fault.headers)
        request.drain()
        if fault.drop == "after":
            self._hang_up()
            return
        self._send(reply, midway=fault.drop == "midway")

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815 - the base class looks for these

    def _send(self, reply: Reply, *, midway: bool) -> None:
        length = reply.length
        self.send_response(reply.status)
        for name, text in reply.headers.items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        if self.command == "HEAD":
            return
        left = length // 2 if midway else length
        if reply.file is None:
            self.wfile.write(reply.content[:left])
        else:
            with reply.file.open("rb") as stream:
                stream.seek(reply.start)
                while left and (block := stream.read(min(left, _BLOCK))):
                    self.wfile.write(block)
                    left -= len(block)
        if midway:
            self._hang_up()

    def _hang_up(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def running_hub(folder: Path) -> Iterator[Hub]:
    """Run a Hub with its contents in ``folder``."""
    hub = Hub(folder)
    thread = threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.shutdown()
        hub.server_close()
        hub.hang_up()
        thread.join()
