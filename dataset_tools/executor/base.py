"""What an engine is: something that applies a function to shards and gives the results in order."""

from collections.abc import Callable, Generator, Iterable
from typing import Protocol, TypeVar

from dataset_tools.readers.shards import Shard

__all__ = ["COLLECT", "Engine"]

T = TypeVar("T")

# Python looks for reference cycles a hundred times less often than usual: JSON has none, and looking costs a tenth.
COLLECT = (100_000, 20, 20)
"""The thresholds of the garbage collector wherever shards are done."""


class Engine(Protocol):
    """Does shards, wherever that is.

    The bytes of a result must not depend on the engine. So an engine only decides where and when a shard is done; a row
    that is fatal to its process is left out by all engines in the same way.
    """

    def results(self, stage: Callable[[Shard], T], shards: Iterable[Shard]) -> Generator[tuple[Shard, T], None, None]:
        """Each shard with its result, in order, with a bounded number under way; closing it early ends the work.

        Raises:
            AfgError: what the stage raises comes through as it is.
        """
        ...
