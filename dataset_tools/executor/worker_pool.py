"""Worker processes for the executor: a bounded number of shards under way, no row that ends them all, a quick end."""

import os
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from itertools import islice
from typing import Any, Generic, TypeGuard, TypeVar

from dataset_tools.executor import poison_rows
from dataset_tools.executor.poison_rows import Guard, seconds_for
from dataset_tools.executor.process_setup import can_fork, no_interrupt, prepare, start_context
from dataset_tools.readers.shards import Shard

if sys.platform == "linux":
    import fcntl

__all__ = ["in_processes"]

T = TypeVar("T")

_OWN = 2  # shards that take about as long as worker processes take to start

_stage: Callable[[Shard], Any] | None = None  # in a worker: what it does to each shard


def in_processes(
    stage: Callable[[Shard], T], shards: Iterable[Shard], workers: int, collect: tuple[int, int, int], *, fork: bool
) -> Generator[tuple[Shard, T], None, None]:
    """The results of worker processes, which are ended at once if this generator is left early.

    Where ``fork`` allows it, a copy of this process does the first shards while the others start. What a process was
    doing when it died, or when it took far too long, is done again by :class:`Guard`; the rest by new processes, of
    which there are fewer if no row was to blame.
    """
    guard = Guard(stage, collect)
    shards = iter(shards)
    start = list(islice(shards, 2 * workers))
    own = min((len(start) + 1) // 2, _OWN) if fork and can_fork() else 0
    mine, start = guard.results(start[:own]), start[own:]
    if own and not start:
        yield from mine
    while start:
        pool = _Pool(stage, workers, collect)
        whole = False
        try:
            yield from pool.results(mine, start, shards)
            whole = True
        except _LostError:
            found = guard.found
        finally:
            pool.end(whole=whole)
        if whole:
            return
        for shard, future in pool.pending:
            if _is_kept(future):
                yield shard, future.result()
            else:
                yield shard, guard.result(shard, hung=shard is pool.hung)
        if guard.found == found:
            workers = max(workers // 2, 1)
        mine, start = iter(()), list(islice(shards, 2 * workers))


class _LostError(Exception):
    """A worker process died, or one had to be ended."""


class _Pool(Generic[T]):
    """Some worker processes, and the shards that they have not given the results of.

    Attributes:
        pending: these shards in order; without a future where there was no process any more that could take it.
        hung: the shard that took too long, if one did.
    """

    def __init__(self, stage: Callable[[Shard], T], workers: int, collect: tuple[int, int, int]) -> None:
        self.pending: deque[tuple[Shard, Future[T] | None]] = deque()
        self.hung: Shard | None = None
        self._most = 2 * workers
        self._executor = ProcessPoolExecutor(
            workers, mp_context=start_context(stage), initializer=_start, initargs=(stage, collect)
        )
        _widen(self._executor)

    def results(
        self, mine: Iterator[tuple[Shard, T]], start: list[Shard], shards: Iterator[Shard]
    ) -> Generator[tuple[Shard, T], None, None]:
        """First the results that others make, then those of the shards to start with, and of all others.

        Raises:
            _LostError: a process was lost; what is pending tells what with it.
        """
        # In a thread, because the first submission waits until the processes' server has imported everything.
        with ThreadPoolExecutor(1) as starter:
            started = starter.submit(self._submit_all, start)
            yield from mine
            started.result()
        while True:
            while len(self.pending) >= self._most:
                yield self._next()
            shard = next(shards, None)  # only now: one that is taken and not pending would be lost
            if shard is None:
                break
            self._submit(shard)
        while self.pending:
            yield self._next()

    def _submit_all(self, shards: list[Shard]) -> None:
        for shard in shards:
            self._submit(shard)

    def _submit(self, shard: Shard) -> None:
        future = None
        with suppress(BrokenProcessPool), no_interrupt():
            future = self._executor.submit(_work, shard)
        self.pending.append((shard, future))

    def _next(self) -> tuple[Shard, T]:
        shard, future = self.pending[0]
        if future is None:
            raise _LostError
        try:
            # The oldest shard is being done, so it has at least this time.
            result = future.result(seconds_for(shard.held, poison_rows.SHARD_SECONDS))
        except BrokenProcessPool:
            raise _LostError from None
        except TimeoutError:
            if future.done():  # the stage's own
                raise
            self.hung = shard
            raise _LostError from None
        self.pending.popleft()
        return shard, result

    def end(self, *, whole: bool) -> None:
        """End the processes: at once, unless the ``whole`` work is done."""
        if not whole:
            for process in list((self._executor._processes or {}).values()):  # noqa: SLF001 - public from Python 3.14
                process.terminate()
            # One that is ended while it sends leaves half a result. Whoever reads it waits for the rest until the last
            # writer is gone, and this process is one.
            with suppress(AttributeError):
                self._executor._result_queue._writer.close()  # type: ignore[attr-defined]  # noqa: SLF001
        # When all results are here, nobody needs to wait until the processes have ended.
        self._executor.shutdown(wait=not whole, cancel_futures=True)


def _is_kept(future: Future[T] | None) -> TypeGuard[Future[T]]:
    """Whether a shard was done before its process was lost, well or with an error of its own."""
    return (
        future is not None
        and future.done()
        and not future.cancelled()
        and not isinstance(future.exception(), BrokenProcessPool)
    )


def _widen(pool: ProcessPoolExecutor) -> None:
    """Let results through a pipe of 1 MB where the system can: they are megabytes, and 64 KB at a time is slow."""
    if sys.platform == "linux":
        results: Any = pool._result_queue  # noqa: SLF001 - there is no other way
        with suppress(OSError):
            fcntl.fcntl(results._writer, fcntl.F_SETPIPE_SZ, 1 << 20)  # noqa: SLF001


def _start(stage: Callable[[Shard], Any], collect: tuple[int, int, int]) -> None:
    """Prepare a worker process."""
    global _stage  # noqa: PLW0603 - one worker process serves one run
    _stage = stage
    prepare(collect)


def _work(shard: Shard) -> Any:  # noqa: ANN401 - whatever the stage makes
    if _stage is None:
        raise RuntimeError("the worker was not started")
    try:
        return _stage(shard)
    except MemoryError:
        os._exit(1)  # as if the system had ended it
