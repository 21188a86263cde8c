"""Errors of the Hub in plain words, and retries of those that are temporary.

huggingface_hub retries reads and transfers itself, but sends a commit, a tag and a collection only once. Our steps look
at the Hub before they act, so :func:`with_retries` may repeat them.
"""

import json
import re
import time
from collections.abc import Callable
from typing import TypeVar

from dataset_tools.errors import OutputError
from dataset_tools.io.hub_download import http_errors

__all__ = ["with_retries"]

_Result = TypeVar("_Result")

# 409 and 412: another client was faster, so look again. 422: a file arrived damaged, so send it again.
_TEMPORARY = (408, 409, 412, 422, 429, 500, 502, 503, 504)
_PAUSES = (1.0, 4.0)  # seconds before the second and the third try
_LONGEST_PAUSE = 120.0  # seconds, if the Hub requests more
_AGAIN = "run the same command again; files that have arrived are not sent twice"
_CONFLICT = ("another commit was made at the same time", "run the same command again; it makes a new plan")
_MEANINGS = {
    409: _CONFLICT,
    412: _CONFLICT,
    422: ("a file changed or was damaged during the upload", _AGAIN),
    429: ("the rate limit of the Hub is reached", f"later, {_AGAIN}"),
}

# Message of hf_xet for a Hub without Xet: a plain ConnectionError without the response.
_NO_XET = re.compile(r"404 .*/xet-write-token\b", re.DOTALL)


def with_retries(where: str, action: Callable[[], _Result], wait: Callable[[float], None] = time.sleep) -> _Result:
    """Run a step at the Hub; retry temporary errors twice.

    Args:
        where: the repository or collection, for errors.
        action: the step; it must look at the Hub before it acts, so that it can be repeated.
        wait: sleeps for a number of seconds.

    Raises:
        OutputError: the Hub refuses the step or cannot be reached.
    """
    pauses = list(_PAUSES)
    while True:
        try:
            return action()
        # RuntimeError: the client wraps errors of an upload, and Xet raises it. ValueError: an invalid response.
        except http_errors(OSError, ValueError, RuntimeError) as error:
            if not pauses or not _is_temporary(error):
                what, hint = _explain(error)
                raise OutputError(what, where=where, hint=hint) from error
            wait(min(_retry_after(error) or pauses[0], _LONGEST_PAUSE))
            del pauses[0]


def _status(error: BaseException) -> int:
    """Return the HTTP status of the response; 0 without one."""
    return int(getattr(getattr(_root(error), "response", None), "status_code", 0))


def _root(error: BaseException) -> BaseException:
    """Return the original error, without the exceptions that the client wrapped around it."""
    while error.__cause__ is not None and not isinstance(error, http_errors()):
        error = error.__cause__
    return error


def _is_lost(error: BaseException) -> bool:
    """Return whether no response arrived."""
    return isinstance(_root(error), http_errors()) and not _status(error)


def _is_temporary(error: BaseException) -> bool:
    return _is_lost(error) or isinstance(_root(error), json.JSONDecodeError) or _status(error) in _TEMPORARY


def _retry_after(error: BaseException) -> float:
    response = getattr(_root(error), "response", None)
    text = response.headers.get("Retry-After", "") if response is not None else ""
    return float(text) if text.isdigit() else 0.0


def _explain(error: BaseException) -> tuple[str, str]:
    """Return what happened and what to do next."""
    from huggingface_hub import constants
    from huggingface_hub.errors import OfflineModeIsEnabled, RepositoryNotFoundError

    root, status = _root(error), _status(error)
    if isinstance(root, OfflineModeIsEnabled):
        return "the Hub client is offline", "unset HF_HUB_OFFLINE to publish"
    if not constants.HF_HUB_DISABLE_XET and _NO_XET.search(str(root)):
        return "this Hub does not support Xet uploads", "set HF_HUB_DISABLE_XET=1 and run the same command again"
    if isinstance(root, RepositoryNotFoundError) or status in (401, 403):
        return _denied(root, status)
    if status >= 500:  # noqa: PLR2004 - server errors
        return f"the Hub failed ({status})", f"later, {_AGAIN}"
    if _is_lost(error):
        return f"the connection to {constants.ENDPOINT} failed", f"check it and HF_ENDPOINT, then {_AGAIN}"
    return _MEANINGS.get(status) or (_in_one_line(root), "" if status else _AGAIN)


def _denied(root: BaseException, status: int) -> tuple[str, str]:
    message = str(getattr(root, "server_message", "") or "")
    if "Invalid credentials" in str(root) or "Invalid user token" in str(root):
        return "the Hub rejects the token", "run `hf auth login`, or set HF_TOKEN"
    if status == 403:  # noqa: PLR2004 - authenticated, but not allowed
        return f"the token has no write access{f': {message}' if message else ''}", "create a token with write access"
    return "the repository does not exist, or the token cannot read it", "check the name"


def _in_one_line(error: BaseException) -> str:
    """Return the message of an error, without the user's token."""
    from huggingface_hub import get_token

    text = " ".join(str(error).split()) or type(error).__name__
    token = get_token()
    return text.replace(token, "(token)") if token else text
