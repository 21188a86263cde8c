"""``afg serve``: a model behind the chat interface of the OpenAI API, for trying it from programs on this machine.

One question is decoded at a time; others wait. It has no passwords and no encryption, so it listens on loopback. A
browser's page from elsewhere cannot use it: a request must say that it is JSON, which such a page may not.
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
_DRAINED: Final = 8 * _LARGEST  # of one that is too large, so that its sender gets to read why
_PATIENCE: Final = 10  # seconds that a client may be silent


class ChatServer(ThreadingHTTPServer):
    """Answers chat requests with a loaded model; use as a context manager and call ``serve_forever``.

    Args:
        decoder: the model.
        name: what the model is called in replies.
        tools: the tools of requests that name none.
        address: host and port; port 0 takes a free one, which ``server_port`` tells.
        max_tokens: the most that an answer may have.

    Raises:
        UsageError: the address cannot be listened on.
    """

    daemon_threads = False  # closing waits for the answer in the making, at most

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
            what = f"cannot listen there: {getattr(error, 'strerror', None) or error}"
            raise UsageError(what, where=f"{address[0]}:{address[1]}", hint="--port 0 takes a free port") from error

    @property
    def url(self) -> str:
        """What a client takes as its base URL."""
        host = str(self.server_address[0])
        return f"http://{host}:{self.server_port}/v1"

    def chat(self, body: Any) -> JsonObject:  # noqa: ANN401 - foreign data
        """The reply to the body of a request.

        Raises:
            InputError: the request cannot be answered.
            TrainingError: memory does not do.
        """
        request = read_request(body, self._tools, self._max_tokens)
        with self._one_at_a_time:
            [(_, answer)] = self._decoder.answers([request.prompt], request.max_tokens)
        return reply(request, answer, self.model)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - of any socket
        """Say nothing of clients that went away; anything else is a defect of ours."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """One request; the connection ends with it (HTTP/1.0), so that none is left open when the server stops."""

    server: ChatServer
    timeout = _PATIENCE
    unread = 0

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == _MODELS:
            model = {"id": self.server.model, "object": "model", "created": self.server.created, "owned_by": "local"}
            self._send(HTTPStatus.OK, {"object": "list", "data": [model]})
        else:
            self._refuse(*_elsewhere(path, "POST", _CHAT))

    def do_POST(self) -> None:
        path = self.path.partition("?")[0]
        length = self.headers.get("Content-Length", "")
        known = length.isascii() and length.isdecimal()
        self.unread = int(length) if known else 0
        if path != _CHAT:
            self._refuse(*_elsewhere(path, "GET", _MODELS))
        elif self.headers.get_content_type() != "application/json":
            self._refuse(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the Content-Type must be application/json")
        elif not known:
            self._refuse(HTTPStatus.LENGTH_REQUIRED, "a Content-Length is needed")
        elif self.unread > _LARGEST:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a request has {_LARGEST:,} bytes at most")
        else:
            self._answer()

    def log_message(self, *_: object) -> None:
        """Say nothing: what people ask is theirs."""

    def _answer(self) -> None:
        raw = self.rfile.read(self.unread)
        self.unread = 0
        try:
            made = self.server.chat(_decoded(raw))
        except (InputError, UsageError) as error:
            self._refuse(HTTPStatus.BAD_REQUEST, _told(error), error.where or None)
        except AfgError as error:
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))
        else:
            self._send(HTTPStatus.OK, made)

    def _refuse(self, status: HTTPStatus, message: str, field: str | None = None) -> None:
        kind = "invalid_request_error" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "server_error"
        self._send(status, {"error": {"message": message, "type": kind, "param": field, "code": None}})
        if self.unread:  # or the connection would be reset before the client has read why
            self.rfile.read(min(self.unread, _DRAINED))

    def _send(self, status: HTTPStatus, value: JsonObject) -> None:
        raw = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


def _elsewhere(path: str, method: str, only: str) -> tuple[HTTPStatus, str]:
    """What to say of a path that a method has not, of which the other has one."""
    if path == only:
        return HTTPStatus.METHOD_NOT_ALLOWED, f"{path} takes {method}"
    return HTTPStatus.NOT_FOUND, f"there is no {path:.200}; there are POST {_CHAT} and GET {_MODELS}"


def _told(error: AfgError) -> str:
    """An error in one line, its field before it where it does not begin with that."""
    where = "" if error.what.startswith(error.where) else error.where
    return str(AfgError(error.what, where=where, hint=error.hint))


def _decoded(raw: bytes) -> Any:  # noqa: ANN401 - foreign data
    """The JSON of a body.

    Raises:
        InputError: it is none.
    """
    try:
        return orjson.loads(raw)  # which refuses halves of characters and endless nesting, too
    except ValueError as error:
        raise InputError("the body is no JSON") from error
