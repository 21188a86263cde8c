"""Worker processes for the executor: a bounded number of shards under way, and a quick, quiet end."""

import gc
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from itertools import islice
from multiprocessing.connection import wait
from multiprocessing.context import BaseContext
from typing import Any, TypeVar

from dataset_tools.errors import InputError
from dataset_tools.shards import Shard

__all__ = ["in_processes"]

T = TypeVar("T")

_OWN = 2  # shards that take about as long as worker processes take to start

_stage: Callable[[Shard], Any] | None = None  # in a worker: what it does to each shard


def in_processes(
    stage: Callable[[Shard], T], shards: Iterable[Shard], workers: int, collect: tuple[int, int, int]
) -> Generator[tuple[Shard, T], None, None]:
    """The results of worker processes, which are ended at once if this generator is left early.

    The first shards are done here while the processes start. ``collect`` are the thresholds of their garbage
    collectors.
    """
    pool = ProcessPoolExecutor(workers, mp_context=_context(stage), initializer=_start, initargs=(stage, collect))
    _widen(pool)
    pending: deque[tuple[Shard, Future[T]]] = deque()
    shards = iter(shards)
    first = list(islice(shards, 2 * workers))
    own = min(len(first) // 2, _OWN)
    finished = False
    try:
        # In a thread, because the first submission waits until the processes' server has imported everything.
        with ThreadPoolExecutor(1) as starter:
            started = starter.submit(lambda: [_submit(pool, shard, pending) for shard in first[own:]])
            for shard in first[:own]:
                yield shard, stage(shard)
            pending.extend(zip(first[own:], started.result(), strict=True))
        for shard in shards:
            while len(pending) >= 2 * workers:
                yield pending[0][0], _result(pending)
                pending.popleft()
            pending.append((shard, _submit(pool, shard, pending)))
        while pending:
            yield pending[0][0], _result(pending)
            pending.popleft()
        finished = True
    finally:
        if not finished:
            for process in list((pool._processes or {}).values()):  # noqa: SLF001 - public only from Python 3.14
                process.terminate()
        # When all results are here, nobody needs to wait until the processes have ended.
        pool.shutdown(wait=not finished, cancel_futures=True)


def _widen(pool: ProcessPoolExecutor) -> None:
    """Let results through a pipe of 1 MB where the system can: they are megabytes, and 64 KB at a time is slow."""
    with suppress(ImportError, AttributeError, OSError):
        import fcntl  # noqa: PLC0415 - not on every system

        results: Any = pool._result_queue  # noqa: SLF001 - there is no other way
        fcntl.fcntl(results._writer, fcntl.F_SETPIPE_SZ, 1 << 20)  # noqa: SLF001


def _context(stage: object) -> BaseContext:
    """How processes are started: not as copies of this one, whose libraries may hold locks and threads.

    They are copies of a server that has imported what the stage needs, and nothing else, once for all of them.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, stage.__class__.__module__])
    return context


def _submit(pool: ProcessPoolExecutor, shard: Shard, pending: deque[tuple[Shard, Future[T]]]) -> Future[T]:
    try:
        with _no_interrupt():
            return pool.submit(_work, shard)
    except BrokenProcessPool as error:
        raise _died(pending, shard) from error


def _result(pending: deque[tuple[Shard, Future[T]]]) -> T:
    try:
        return pending[0][1].result()
    except BrokenProcessPool as error:
        raise _died(pending, pending[0][0]) from error


def _died(pending: deque[tuple[Shard, Future[T]]], shard: Shard) -> InputError:
    """Name the first shard without a result: no one can tell which of those under way was fatal."""
    waiting = [entry for entry, future in pending if not future.done() or future.exception()] or [shard]
    first, after = waiting[0], waiting[1:2]
    lines = f"{first.first_line}-"
    if after and after[0].file == first.file:
        lines = f"{first.first_line}-{after[0].first_line - 1}"
    return InputError(
        "a worker process was killed while it read these rows or those after them",
        where=f"{first.file.path}:{lines}",
        hint="most often the machine ran out of memory: use fewer --workers",
    )


@contextmanager
def _no_interrupt() -> Iterator[None]:
    """Hold Ctrl-C back while a worker may be started: the worker inherits that, and leaves Ctrl-C to this process."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start(stage: Callable[[Shard], Any], collect: tuple[int, int, int]) -> None:
    """Prepare a worker process."""
    global _stage  # noqa: PLW0603 - one worker process serves one run
    _stage = stage
    gc.set_threshold(*collect)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this worker when its parent is killed: its queue would never tell it."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _work(shard: Shard) -> Any:  # noqa: ANN401 - whatever the stage makes
    if _stage is None:
        raise RuntimeError("the worker was not started")
    return _stage(shard)
