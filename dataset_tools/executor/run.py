"""One function over many shards, by whichever engine: results come in the order of the shards."""

import gc
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from typing import TypeVar

from dataset_tools.executor.base import COLLECT, Engine
from dataset_tools.executor.local import Local
from dataset_tools.readers.shards import Shard

__all__ = ["run", "seldom_collecting"]

T = TypeVar("T")


def run(
    stage: Callable[[Shard], T],
    shards: Iterable[Shard],
    engine: Engine | int,
    *,
    on_done: Callable[[Shard, T], None] | None = None,
) -> Generator[T, None, None]:
    """Apply ``stage`` to every shard and yield the results in order.

    A bounded number of shards is under way, so memory depends neither on the number of shards nor on how slowly the
    results are taken. A row that ends the process that reads it, or holds it up for minutes, is left out where there
    are other processes: the stage meets it as a row that cannot be read. Who may stop before the last result should
    close the generator, which ends the processes.

    Args:
        stage: what is done to each shard.
        shards: taken as they are needed.
        engine: who does them; a number means so many processes of this machine.
        on_done: called with each shard and its result, before that is given.

    Raises:
        AfgError: what the stage raises comes through as it is, and what the engine cannot do.
    """
    engine = Local(engine) if isinstance(engine, int) else engine
    with seldom_collecting(), closing(engine.results(stage, shards)) as results:
        for shard, result in results:
            if on_done:
                on_done(shard, result)
            yield result


@contextmanager
def seldom_collecting() -> Iterator[None]:
    """Let Python look for reference cycles seldom while many rows are held: plain data has none."""
    before = gc.get_threshold()
    gc.set_threshold(*COLLECT)
    try:
        yield
    finally:
        gc.set_threshold(*before)
