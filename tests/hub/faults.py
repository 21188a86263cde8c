"""Things that go wrong between a client and a Hub, asked for by a test."""

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(slots=True)
class Fault:
    """What happens to requests whose ``METHOD /path`` holds a pattern.

    Attributes:
        request: a regular expression over ``METHOD /path``.
        times: to how many requests; -1 for every one.
        skip: how many are let through first.
        status: answer with this error instead of doing anything.
        headers: sent with the error, such as ``Retry-After``.
        drop: close the connection without an answer, ``before`` anything was done or ``after`` it was done; ``midway``
            sends half of the answer.
        corrupt: an upload is stored with a byte that was not sent.
        seconds: wait before anything else.
    """

    request: str
    times: int = 1
    skip: int = 0
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    drop: Literal["", "before", "after", "midway"] = ""
    corrupt: bool = False
    seconds: float = 0.0


class Faults:
    """The faults of one Hub; each is used up as requests meet it."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, *faults: Fault) -> None:
        """Let these happen from now on."""
        with self._lock:
            self._faults.extend(faults)

    def clear(self) -> None:
        """Let nothing go wrong any more."""
        with self._lock:
            self._faults.clear()

    def left(self) -> list[Fault]:
        """Faults that no request has used up: a test that expects a fault looks here that it happened."""
        with self._lock:
            return [fault for fault in self._faults if fault.times > 0]

    def take(self, request: str) -> Fault | None:
        """The fault that this request meets."""
        with self._lock:
            for fault in self._faults:
                if fault.times == 0 or not re.search(fault.request, request):
                    continue
                if fault.skip:
                    fault.skip -= 1
                    continue
                fault.times -= 1 if fault.times > 0 else 0
                return fault
            return None
