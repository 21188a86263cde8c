"""Application of one function to many shards: in this process, in worker processes, or by another engine."""

import gc
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Protocol, TypeVar

from dataset_tools.errors import UsageError
from dataset_tools.executor.worker_pool import in_processes
from dataset_tools.readers.shards import Shard

__all__ = ["COLLECT", "Engine", "Work", "run", "seldom_collecting"]

T = TypeVar("T")

# Python looks for reference cycles a hundred times less often than usual: JSON has none, and looking costs a tenth.
COLLECT = (100_000, 20, 20)
"""The thresholds of the garbage collector in every process that works on shards."""


class Engine(Protocol):
    """Something that applies a function to shards and gives the results in order.

    An engine decides where and when a shard is done. It never changes the bytes of a result: every engine skips a row
    that is fatal to its process in the same way.
    """

    def results(self, stage: Callable[[Shard], T], shards: Iterable[Shard]) -> Generator[tuple[Shard, T], None, None]:
        """Yield each shard with its result, in order; closing the generator ends the work.

        The number of shards in progress is bounded.

        Raises:
            AfgError: an error of the stage, unchanged.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """The processes that do the work. The bytes of the result are the same for any.

    Attributes:
        workers: number of processes of this machine.
        engine: does the work instead of processes of this machine, for example a Ray cluster.
    """

    workers: int = 1
    engine: Engine | None = None


def run(
    stage: Callable[[Shard], T],
    shards: Iterable[Shard],
    work: Work | None = None,
    *,
    isolated: bool = False,
    on_done: Callable[[Shard, T], None] | None = None,
) -> Generator[T, None, None]:
    """Apply ``stage`` to every shard and yield the results in order.

    A bounded number of shards is in progress, so memory depends neither on the number of shards nor on how slowly the
    results are taken. With other processes, a row that ends its process or blocks it for minutes is skipped: the stage
    reads it as an unreadable row. Close the generator to end the processes early.

    Args:
        stage: function of one shard; pickled once for each process.
        shards: taken as they are needed.
        work: the processes; one, this one, if None.
        isolated: whether this process must survive every row: then a single worker is a process of its own, too.
        on_done: called with each shard and its result before the result is yielded.

    Raises:
        AfgError: an error of the stage, unchanged.
        InputError: a worker process dies whatever row is left out.
        UsageError: fewer than one worker.
    """
    work = work or Work()
    done = work.engine.results(stage, shards) if work.engine else _local_results(stage, shards, work.workers, isolated)
    with seldom_collecting(), closing(done):
        for shard, result in done:
            if on_done:
                on_done(shard, result)
            yield result


def _local_results(
    stage: Callable[[Shard], T],
    shards: Iterable[Shard],
    workers: int,
    isolated: bool,  # noqa: FBT001 - passed on
) -> Generator[tuple[Shard, T], None, None]:
    if workers < 1:
        raise UsageError(f"{workers} workers cannot do anything", hint="at least 1")
    if workers == 1 and not isolated:
        return ((shard, stage(shard)) for shard in shards)
    return in_processes(stage, shards, workers, COLLECT, fork=not isolated)


@contextmanager
def seldom_collecting() -> Iterator[None]:
    """Collect reference cycles seldom while many rows are held: plain data has none."""
    before = gc.get_threshold()
    gc.set_threshold(*COLLECT)
    try:
        yield
    finally:
        gc.set_threshold(*before)
