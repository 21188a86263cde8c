"""Execution of a stage over shards: in this process, in worker processes, or by another engine."""

import gc
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from dataset_tools.errors import UsageError
from dataset_tools.executor.process_setup import GC_THRESHOLDS, Limits
from dataset_tools.executor.worker_pool import in_processes
from dataset_tools.readers.shards import Shard

__all__ = ["Engine", "Work", "infrequent_gc", "run"]

T = TypeVar("T")


class Engine(Protocol):
    """Executes a stage over shards.

    An engine decides where and when a shard is processed. It never changes the bytes of a result, and every engine
    skips fatal rows in the same way.
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
    """The processes that a run uses. The bytes of the result do not depend on them.

    Attributes:
        workers: number of processes of this machine.
        engine: does the work instead of processes of this machine, for example a Ray cluster.
        limits: time limits of these processes; an engine has its own.
    """

    workers: int = 1
    engine: Engine | None = None
    limits: Limits = field(default_factory=Limits)


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
    results are taken. In worker processes, a row that kills its process or blocks it for minutes is skipped: the stage
    gets an unreadable row instead. Close the generator to end the processes early.

    Args:
        stage: function of one shard; pickled once for each process.
        shards: taken as they are needed.
        work: the processes; one, this one, if None.
        isolated: whether this process must survive every row: then a single worker is a process of its own, too.
        on_done: called with each shard and its result before the result is yielded.

    Raises:
        AfgError: an error of the stage, unchanged.
        InputError: a worker dies whichever row is skipped.
        UsageError: fewer than one worker, or a script that workers cannot import.
    """
    work = work or Work()
    done = work.engine.results(stage, shards) if work.engine else _local_results(stage, shards, work, isolated=isolated)
    with infrequent_gc(), closing(done):
        for shard, result in done:
            if on_done:
                on_done(shard, result)
            yield result


def _local_results(
    stage: Callable[[Shard], T], shards: Iterable[Shard], work: Work, *, isolated: bool
) -> Generator[tuple[Shard, T], None, None]:
    if work.workers < 1:
        raise UsageError(f"{work.workers} workers cannot process anything", hint="use at least 1")
    if work.workers == 1 and not isolated:
        return ((shard, stage(shard)) for shard in shards)
    return in_processes(stage, shards, work.workers, work.limits, fork=not isolated)


@contextmanager
def infrequent_gc() -> Iterator[None]:
    """Run Python's garbage collection less often within the block: rows have no reference cycles."""
    before = gc.get_threshold()
    gc.set_threshold(*GC_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
