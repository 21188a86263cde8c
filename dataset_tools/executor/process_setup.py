"""How processes that do shards are started and ended: without copies of locks, without noise, none outliving us."""

import gc
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import wait
from multiprocessing.context import BaseContext
from pathlib import Path

from dataset_tools.errors import UsageError

__all__ = ["can_fork", "no_interrupt", "prepare", "start_context"]


def can_fork() -> bool:
    """Whether a copy of this process is safe: there is no other thread in it, whose locks would be held for ever."""
    if sys.platform != "linux":
        return False
    with suppress(OSError):
        return len(list(Path("/proc/self/task").iterdir())) == 1
    return False


def start_context(stage: object) -> BaseContext:
    """How processes are started: not as copies of this one, whose libraries may hold locks and threads.

    They are copies of a server that has imported what the stage needs, and nothing else, once for all of them.

    Raises:
        UsageError: the script that runs is no file, so that a new process could not import it.
    """
    if getattr(sys.modules["__main__"], "__file__", "") == "<stdin>":
        what = "a script from standard input cannot use worker processes, which import it"
        raise UsageError(what, hint='write it to a file, with what it does below `if __name__ == "__main__":`')
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["dataset_tools.executor.worker_pool", stage.__class__.__module__])
    return context


@contextmanager
def no_interrupt() -> Iterator[None]:
    """Hold Ctrl-C back while a worker may be started: the worker inherits that, and leaves Ctrl-C to this process."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def prepare(collect: tuple[int, int, int]) -> None:
    """In a process: set it up so that it works quietly and ends with its parent."""
    gc.set_threshold(*collect)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when its parent is killed: its queue would never tell it."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
