"""A pool of worker processes: results in order, few shards in progress, only the shard of a lost worker is repeated."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from queue import LifoQueue
from threading import Event
from typing import Generic, Self, TypeVar

from dataset_tools.executor.poison_rows import Guard
from dataset_tools.executor.process_setup import Limits, can_fork, stop_reimport
from dataset_tools.executor.worker_process import LostError, WorkerProcess, serve_shards
from dataset_tools.readers.shards import Shard

__all__ = ["in_processes"]

T = TypeVar("T")


def in_processes(
    stage: Callable[[Shard], T], shards: Iterable[Shard], workers: int, limits: Limits, *, fork: bool
) -> Generator[tuple[Shard, T], None, None]:
    """Yield each shard with its result, in order; closing the generator kills the workers.

    The shard of a worker that died or hung is repeated by :class:`Guard`, when no other is in progress. If no row was
    fatal, half of the workers are dropped: most often the memory is too small for all of them.

    Args:
        stage: applied to each shard.
        shards: taken as needed, two per worker.
        workers: the number of processes.
        limits: time limits.
        fork: allow the first worker to be a fork of this process. It starts at once; the others take about a second.
    """
    stop_reimport()
    guard = Guard(stage, limits)
    pending: deque[tuple[Shard, Future[T]]] = deque()

    def first() -> tuple[Shard, T]:
        shard, future = pending.popleft()
        try:
            return shard, future.result()
        except LostError as lost:
            wait([future for _, future in pending])
            found = guard.found
            result = guard.result(shard, hung=lost.hung)
            if guard.found == found:
                pool.halve()
            return shard, result

    with _Pool(stage, workers, limits, fork=fork and can_fork()) as pool:
        for shard in shards:
            pending.append((shard, pool.submit(shard)))
            if len(pending) >= 2 * workers:
                yield first()
        while pending:
            yield first()


class _Pool(Generic[T]):
    """Worker processes, each driven by a thread while it processes a shard; all are killed when the block ends."""

    def __init__(self, stage: Callable[[Shard], T], workers: int, limits: Limits, *, fork: bool) -> None:
        self._stage = stage
        self._limits = limits
        self._closed = Event()
        self._slots: LifoQueue[WorkerProcess | None] = LifoQueue()
        self._running: set[WorkerProcess] = set()
        for _ in range(workers):
            self._slots.put(None)
        if fork:  # before there are threads
            self._slots.get()
            self._slots.put(self._start(fork=True))
        self._threads = ThreadPoolExecutor(workers)

    def submit(self, shard: Shard) -> Future[T]:
        """Queue a shard; the future raises :class:`LostError` if its process dies or hangs."""
        return self._threads.submit(self._do, shard)

    def _do(self, shard: Shard) -> T:
        worker = self._slots.get()
        try:
            worker = worker or self._start()
            result: T = worker.do(shard, self._limits.for_shard(shard.bytes_to_read))
        except LostError:
            if worker:
                self._end(worker)
            worker = None
            raise
        finally:
            self._slots.put(worker)
        return result

    def _start(self, *, fork: bool = False) -> WorkerProcess:
        if self._closed.is_set():
            raise LostError("was not started")
        worker = WorkerProcess(serve_shards, self._stage, seconds=self._limits.shard, fork=fork)
        self._running.add(worker)
        if self._closed.is_set():
            worker.kill()
        return worker

    def _end(self, worker: WorkerProcess) -> None:
        self._running.discard(worker)
        worker.end()

    def halve(self) -> None:
        """End half of the workers; none may be busy."""
        for _ in range(self._slots.qsize() // 2):
            if worker := self._slots.get():
                self._end(worker)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        for worker in list(self._running):
            worker.kill()
        self._threads.shutdown(cancel_futures=True)
        for worker in list(self._running):
            worker.end()
