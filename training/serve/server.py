"""HTTP server with the chat interface of the OpenAI API, for programs on this machine.

Requests are decoded one at a time. There is no password and no encryption, so it listens on loopback. Web pages of
other sites cannot use it, because requests must be declared as JSON.
"""

import json
import sys
import time
from collections.abc import Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import Any, Final

import orjson

from dataset_tools.errors import AfgError, InputError, UsageError
from schemas.record import JsonObject, Tool
from training.answers.decoder import MAX_TOKENS, Decoder
from training.serve.openai_api import read_request, reply

__all__ = ["ChatServer"]

_CHAT, _MODELS = "/v1/chat/completions", "/v1/models"
_LARGEST: Final = 4 << 20  # bytes of a request
_DRAINED: Final = 8 * _LARGEST  # bytes read of a request that is too large, so that its client can read the error
_TIMEOUT: Final = 10  # seconds without data from a client


class ChatServer(ThreadingHTTPServer):
    """Server of one loaded model; use it as a context manager and call ``serve_forever``.

    Args:
        decoder: the model.
        name: name of the model in replies.
        tools: tools for requests without any.
        address: host and port; port 0 chooses a free one, see ``server_port``.
        max_tokens: limit of the tokens in an answer.

    Raises:
        UsageError: the server cannot listen on the address.
    """

    daemon_threads = False  # closing waits for the current answer

    def __init__(
        self,
        decoder: Decoder,
        name: str,
        tools: Sequence[Tool] = (),
        address: tuple[str, int] = ("127.0.0.1", 0),
        max_tokens: int = MAX_TOKENS,
    ) -> None:
        self.model = name
        self.created = int(time.time())
        self._decoder, self._tools, self._max_tokens = decoder, tools, max_tokens
        self._one_at_a_time = Lock()
        try:
            super().__init__(address, _Handler)
        except (OSError, OverflowError) as error:
            what = f"cannot listen on this address: {getattr(error, 'strerror', None) or error}"
            raise UsageError(what, where=f"{address[0]}:{address[1]}", hint="--port 0 chooses a free port") from error

    @property
    def url(self) -> str:
        """The base URL for clients."""
        host = str(self.server_address[0])
        return f"http://{host}:{self.server_port}/v1"

    def chat(self, body: Any) -> JsonObject:  # noqa: ANN401 - foreign data
        """Return the reply to the body of a request.

        Raises:
            InputError: the request is invalid or unsupported.
            TrainingError: out of memory, or a hardware failure.
        """
        request = read_request(body, self._tools, self._max_tokens)
        with self._one_at_a_time:
            [(_, answer)] = self._decoder.answers([request.prompt], request.max_tokens)
        return reply(request, answer, self.model)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - of any socket
        """Ignore clients that disconnect; report any other error."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """One request per connection (HTTP/1.0), so that none is open when the server stops."""

    server: ChatServer
    timeout = _TIMEOUT
    unread = 0

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == _MODELS:
            model = {"id": self.server.model, "object": "model", "created": self.server.created, "owned_by": "local"}
            self._send(HTTPStatus.OK, {"object": "list", "data": [model]})
        else:
            self._refuse(*_unknown_path(path, "POST", _CHAT))

    def do_POST(self) -> None:
        path = self.path.partition("?")[0]
        length = self.headers.get("Content-Length", "")
        known = length.isascii() and length.isdecimal()
        self.unread = int(length) if known else 0
        if path != _CHAT:
            self._refuse(*_unknown_path(path, "GET", _MODELS))
        elif self.headers.get_content_type() != "application/json":
            self._refuse(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the Content-Type must be application/json")
        elif not known:
            self._refuse(HTTPStatus.LENGTH_REQUIRED, "a Content-Length is needed")
        elif self.unread > _LARGEST:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a request may have at most {_LARGEST:,} bytes")
        else:
            self._answer()

    def log_message(self, *_: object) -> None:
        """Log nothing, because requests are private."""

    def _answer(self) -> None:
        raw = self.rfile.read(self.unread)
        self.unread = 0
        try:
            made = self.server.chat(_decoded(raw))
        except (InputError, UsageError) as error:
            self._refuse(HTTPStatus.BAD_REQUEST, _message(error), error.where or None)
        except AfgError as error:
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))
        else:
            self._send(HTTPStatus.OK, made)

    def _refuse(self, status: HTTPStatus, message: str, field: str | None = None) -> None:
        kind = "invalid_request_error" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "server_error"
        self._send(status, {"error": {"message": message, "type": kind, "param": field, "code": None}})
        if self.unread:  # else the connection is reset before the client has read the error
            self.rfile.read(min(self.unread, _DRAINED))

    def _send(self, status: HTTPStatus, value: JsonObject) -> None:
        raw = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


def _unknown_path(path: str, method: str, only: str) -> tuple[HTTPStatus, str]:
    """Return the status and the message for a path that the other method may have."""
    if path == only:
        return HTTPStatus.METHOD_NOT_ALLOWED, f"{path} needs {method}"
    return HTTPStatus.NOT_FOUND, f"unknown path {path:.200}; use POST {_CHAT} or GET {_MODELS}"


def _message(error: AfgError) -> str:
    """Return an error in one line that begins with its field."""
    where = "" if error.what.startswith(error.where) else error.where
    return str(AfgError(error.what, where=where, hint=error.hint))


def _decoded(raw: bytes) -> Any:  # noqa: ANN401 - foreign data
    """Decode the JSON of a body."""
    try:
        return orjson.loads(raw)  # also refuses lone surrogates and deep nesting
    except ValueError as error:
        raise InputError("the body is not JSON") from error
