"""A web server on loopback that serves the files of a folder, with range requests as object stores do."""

import threading
from collections.abc import Container, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@contextmanager
def range_server(folder: Path, cut: Container[int] = ()) -> Iterator[tuple[str, list[str]]]:
    """Yield its address and the list of requested ranges; requests whose numbers are in ``cut`` get half an answer."""
    ranges: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def _answer(self, *, body: bool) -> None:
            path = folder / self.path.lstrip("/")
            if not path.is_file():
                self.send_error(404)
                return
            content, asked = path.read_bytes(), self.headers.get("Range", "")
            size, whole = len(content), True
            if asked:
                start, _, stop = asked.removeprefix("bytes=").partition("-")
                content = content[int(start) : int(stop) + 1 if stop else size]
                whole = len(ranges) not in cut
                ranges.append(asked)
            self.send_response(206 if asked else 200)
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Length", str(len(content)))
            if asked:
                self.send_header("Content-Range", f"bytes {start}-{int(start) + len(content) - 1}/{size}")
            self.end_headers()
            if body:
                self.wfile.write(content if whole else content[: len(content) // 2])
            self.close_connection = not whole

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", ranges
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
