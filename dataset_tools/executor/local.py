"""Shards done on this machine: in this process, or in several."""

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import TypeVar

from dataset_tools.errors import UsageError
from dataset_tools.executor.base import COLLECT
from dataset_tools.executor.worker_pool import in_processes
from dataset_tools.readers.shards import Shard

__all__ = ["Local"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Local:
    """Processes of this machine.

    At most two shards a worker are under way. Several workers are processes, and so is a single one if it is to be
    ``isolated``; the stage is pickled once for each.

    Attributes:
        workers: how many.
        isolated: whether this process is to survive every row, even with one worker.
    """

    workers: int = 1
    isolated: bool = False

    def results(self, stage: Callable[[Shard], T], shards: Iterable[Shard]) -> Generator[tuple[Shard, T], None, None]:
        """Each shard with its result, in order.

        Raises:
            AfgError: what the stage raises comes through as it is.
            InputError: a worker process dies whatever row is left out.
            UsageError: less than one worker.
        """
        if self.workers < 1:
            raise UsageError(f"{self.workers} workers cannot do anything", hint="at least 1")
        if self.workers == 1 and not self.isolated:
            return ((shard, stage(shard)) for shard in shards)

        return in_processes(stage, shards, self.workers, COLLECT, fork=not self.isolated)
