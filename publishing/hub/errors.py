"""What a Hub's refusals mean, in plain words, and which of them pass if one waits.

huggingface_hub tries again by itself where it only reads or transfers; a commit, a tag and a collection it sends once.
Our steps look at what stands there before they act, so they may be repeated, and :func:`attempt` does so.
"""

import json
import re
import time
from collections.abc import Callable
from typing import TypeVar

from dataset_tools.errors import OutputError
from dataset_tools.io.hub_download import http_error, transport_error

__all__ = ["attempt", "status_of"]

_Result = TypeVar("_Result")

# 409 and 412: somebody else was faster, so look again. 422: an object arrived damaged, so send it again.
_PASSING = (408, 409, 412, 422, 429, 500, 502, 503, 504)
_PAUSES = (1.0, 4.0)  # seconds before the second and the third try
_LONGEST = 120.0  # seconds that a Hub may ask us to wait
_AGAIN = "run the same command again: what has arrived is not sent twice"
_MEANINGS = {
    409: ("somebody else changes it at the same time", "run the same command again: the plan is made anew"),
    412: ("somebody else changes it at the same time", "run the same command again: the plan is made anew"),
    422: ("a file arrived damaged, or was changed while it was sent", _AGAIN),
    429: ("the Hub asks to wait", f"later, {_AGAIN}"),
}

# What hf_xet says where the Hub knows no such address: as a plain ConnectionError, without the answer.
_NO_XET = re.compile(r"404 .*/xet-write-token\b", re.DOTALL)


def attempt(where: str, action: Callable[[], _Result], wait: Callable[[float], None] = time.sleep) -> _Result:
    """Do something at the Hub; what fails for a moment is tried twice more.

    Args:
        where: what it is about, for errors.
        action: the step; it must look at the Hub before it acts, so that it can be repeated.
        wait: sleeps for so many seconds.

    Raises:
        OutputError: the Hub refuses it, or cannot be reached.
    """
    pauses = list(_PAUSES)
    while True:
        try:
            return action()
        # The client wraps what went wrong in an upload into a RuntimeError, and an answer that makes no sense is a
        # ValueError; RuntimeError is also what Xet raises.
        except (http_error(), OSError, ValueError, RuntimeError) as error:
            if not pauses or not _passes(error):
                what, hint = _explain(error)
                raise OutputError(what, where=where, hint=hint) from error
            wait(min(_retry_after(error) or pauses[0], _LONGEST))
            del pauses[0]


def status_of(error: BaseException) -> int:
    """The status of the answer behind an error; 0 where there was none."""
    return int(getattr(getattr(_root(error), "response", None), "status_code", 0))


def _root(error: BaseException) -> BaseException:
    """The error that the client met, under those that it wrapped around it."""
    while error.__cause__ is not None and not isinstance(error, http_error()):
        error = error.__cause__
    return error


def _passes(error: BaseException) -> bool:
    root = _root(error)
    broken = isinstance(root, (transport_error(), json.JSONDecodeError))
    return broken or status_of(error) in _PASSING


def _retry_after(error: BaseException) -> float:
    response = getattr(_root(error), "response", None)
    text = response.headers.get("Retry-After", "") if response is not None else ""
    return float(text) if text.isdigit() else 0.0


def _explain(error: BaseException) -> tuple[str, str]:
    """What went wrong, and what to do."""
    from huggingface_hub import constants
    from huggingface_hub.errors import OfflineModeIsEnabled, RepositoryNotFoundError

    root, status = _root(error), status_of(error)
    if isinstance(root, OfflineModeIsEnabled):
        return "the client may not use the network", "HF_HUB_OFFLINE is set: unset it to publish"
    if not constants.HF_HUB_DISABLE_XET and _NO_XET.search(str(root)):
        return "this Hub takes no uploads by Xet", "set HF_HUB_DISABLE_XET=1 and run the same command again"
    if isinstance(root, RepositoryNotFoundError) or status in (401, 403):
        return _denied(root, status)
    return _MEANINGS.get(status) or _other(root, status)


def _other(root: BaseException, status: int) -> tuple[str, str]:
    from huggingface_hub import constants

    if status >= 500:  # noqa: PLR2004 - the Hub's own fault
        return f"the Hub failed ({status})", f"later, {_AGAIN}"
    if isinstance(root, transport_error()):
        return f"the connection to {constants.ENDPOINT} broke", f"check it and HF_ENDPOINT, then {_AGAIN}"
    return _in_one_line(root), "" if status else _AGAIN


def _denied(root: BaseException, status: int) -> tuple[str, str]:
    message = str(getattr(root, "server_message", "") or "")
    if "Invalid credentials" in str(root) or "Invalid user token" in str(root):
        return "the Hub does not know the token", "`hf auth login`, or set HF_TOKEN"
    if status == 403:  # noqa: PLR2004 - known, but not allowed
        return (
            f"the token may not write there{f': {message}' if message else ''}",
            "take a token with the right to write",
        )
    return "there is no such repository, or the token may not see it", "is the name right?"


def _in_one_line(error: BaseException) -> str:
    """What an error says, without the user's token, should it ever stand there."""
    from huggingface_hub import get_token

    text = " ".join(str(error).split()) or type(error).__name__
    token = get_token()
    return text.replace(token, "(token)") if token else text
