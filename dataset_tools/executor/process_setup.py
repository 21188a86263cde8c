"""Set-up of worker processes: time limits, start methods, signals, and the versions that determine the output."""

import gc
import multiprocessing
import os
import platform
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from multiprocessing.connection import wait
from multiprocessing.context import BaseContext
from pathlib import Path

from dataset_tools.errors import UsageError

__all__ = [
    "GC_THRESHOLDS", "GUARD_HINT", "Limits", "all_versions", "can_fork", "no_interrupt", "prepare", "start_context",
    "stop_reimport", "versions",
]  # fmt: skip

GC_THRESHOLDS = (100_000, 20, 20)
"""Thresholds of the garbage collector: JSON has no reference cycles, and the search for them costs a tenth."""

GUARD_HINT = 'put what it does below `if __name__ == "__main__":`'

_COMPUTING = ("numpy", "tokenizers")
_PACKAGES = ("arabic-functiongemma", "camel-tools", "ftfy", "jsonschema-rs", "orjson", "pyarrow", "zstandard")


def can_fork() -> bool:
    """Return whether a fork is safe: no other thread of this process may hold a lock."""
    if sys.platform != "linux":
        return False
    with suppress(OSError):
        return len(list(Path("/proc/self/task").iterdir())) == 1
    return False


def start_context(stage: object) -> BaseContext:
    """Return the start method of worker processes: a fork server that has imported the module of the stage.

    Forking this process would copy the locks and threads of its libraries.

    Raises:
        UsageError: the running script comes from standard input, so that workers cannot import it.
    """
    if getattr(sys.modules["__main__"], "__file__", "") == "<stdin>":
        what = "a script from standard input cannot use worker processes, which import it"
        raise UsageError(what, hint=f"write it to a file, and {GUARD_HINT}")
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["dataset_tools.executor.worker_pool", stage.__class__.__module__])
    return context


def stop_reimport() -> None:
    """Exit quietly if this is a worker process that imports an unguarded script; the parent reports it.

    Otherwise each worker would start the work of the script again.

    Raises:
        SystemExit: the script is being imported.
    """
    current, main = multiprocessing.current_process(), sys.modules["__main__"]
    started = multiprocessing.parent_process() is not None
    if not started and current.name != "MainProcess" and sys.modules.get("__mp_main__") is not main:
        raise SystemExit(1)


@contextmanager
def no_interrupt() -> Iterator[None]:
    """Block Ctrl-C while a worker starts: the worker inherits the mask, and the parent handles the signal."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def prepare() -> None:
    """Set up a new worker process: collect garbage seldom, ignore Ctrl-C, end with the parent."""
    gc.freeze()  # a forked worker would copy the pages of all objects that it collects
    gc.set_threshold(*GC_THRESHOLDS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when the parent is killed; a worker that is busy would not notice it."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


@dataclass(frozen=True, slots=True)
class Limits:
    """Time limits in seconds. The defaults are hundreds of times the usual duration.

    Attributes:
        shard: for one shard, and for the start of a process.
        row: for one row that is read alone.
        megabyte: added to both for each MB of input.
        grace: for a Ray worker to notice that its time is over, before it is killed.
        join: for a Ray cluster to answer.
    """

    shard: float = 120.0
    row: float = 60.0
    megabyte: float = 30.0
    grace: float = 10.0
    join: float = 40.0

    def for_shard(self, size: int) -> float:
        """Return the limit for a shard of ``size`` bytes."""
        return self.shard + self.megabyte * size / 1e6

    def for_row(self, size: int) -> float:
        """Return the limit for a row of ``size`` bytes."""
        return self.row + self.megabyte * size / 1e6


def versions() -> dict[str, str]:
    """Return the versions of Python and of each package that reads, repairs or writes rows."""
    return {"python": platform.python_version(), **{name: version(name) for name in _PACKAGES}}


def all_versions() -> dict[str, str]:
    """Return :func:`versions` and those of packages that count and encode; all machines of a cluster must have them."""
    return versions() | {name: version(name) for name in _COMPUTING}
