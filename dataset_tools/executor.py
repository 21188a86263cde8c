"""One function over many shards, in this process or in several: results come in the order of the shards."""

import gc
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from typing import TypeVar

from dataset_tools.errors import UsageError
from dataset_tools.shards import Shard

__all__ = ["run", "seldom_collecting"]

T = TypeVar("T")

# Python looks for reference cycles a hundred times less often than usual: JSON has none, and looking costs a tenth.
_SELDOM = (100_000, 20, 20)


def run(
    stage: Callable[[Shard], T],
    shards: Iterable[Shard],
    workers: int,
    *,
    isolated: bool = False,
    on_done: Callable[[Shard, T], None] | None = None,
) -> Generator[T, None, None]:
    """Apply ``stage`` to every shard and yield the results in order.

    At most two shards a worker are under way, so memory depends neither on the number of shards nor on how slowly the
    results are taken. Several workers are processes, and so is a single one if it is to be ``isolated``; ``stage`` is
    pickled once for each. A row that ends the process that reads it, or holds it up for minutes, is then left out: the
    stage meets it as a row that cannot be read. Who may stop before the last result should close the generator, which
    ends the processes.

    Raises:
        AfgError: what the stage raises comes through as it is.
        InputError: a worker process dies whatever row is left out.
        UsageError: less than one worker.
    """
    if workers < 1:
        raise UsageError(f"{workers} workers cannot do anything", hint="at least 1")
    alone = workers == 1 and not isolated
    results = _here(stage, shards) if alone else _in_processes(stage, shards, workers, fork=not isolated)
    with seldom_collecting(), closing(results):
        for shard, result in results:
            if on_done:
                on_done(shard, result)
            yield result


@contextmanager
def seldom_collecting() -> Iterator[None]:
    """Let Python look for reference cycles seldom while many rows are held: plain data has none."""
    before = gc.get_threshold()
    gc.set_threshold(*_SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _here(stage: Callable[[Shard], T], shards: Iterable[Shard]) -> Generator[tuple[Shard, T], None, None]:
    for shard in shards:
        yield shard, stage(shard)


def _in_processes(
    stage: Callable[[Shard], T], shards: Iterable[Shard], workers: int, *, fork: bool
) -> Generator[tuple[Shard, T], None, None]:
    from dataset_tools.workers import in_processes  # noqa: PLC0415 - slow to import, and not for one worker

    return in_processes(stage, shards, workers, _SELDOM, fork=fork)
