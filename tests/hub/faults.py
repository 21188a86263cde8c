"""Faults between a client and a Hub, requested by a test."""

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(slots=True)
class Fault:
    """A fault for requests whose ``METHOD /path`` matches a pattern.

    Attributes:
        request: regular expression for ``METHOD /path``.
        times: number of requests that it affects; -1 for all.
        skip: number of requests to pass first.
        status: answer with this error instead.
        headers: headers of the error, such as ``Retry-After``.
        drop: close the connection without an answer, ``before`` or ``after`` the request is processed; ``midway`` sends
            half of the answer.
        corrupt: store an upload with an additional byte.
        seconds: wait first.
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
    """The faults of one Hub; matching requests use them up."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, *faults: Fault) -> None:
        """Add faults."""
        with self._lock:
            self._faults.extend(faults)

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._faults.clear()

    def left(self) -> list[Fault]:
        """Return the faults that are not used up: a test asserts that its fault happened."""
        with self._lock:
            return [fault for fault in self._faults if fault.times > 0]

    def take(self, request: str) -> Fault | None:
        """Return the fault of a request, if any."""
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
