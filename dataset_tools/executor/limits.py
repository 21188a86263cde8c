"""Time limits of workers."""

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Time limits in seconds. The defaults are hundreds of times the usual duration.

    Attributes:
        shard: for one shard, and for the start of a process.
        row: for one row that is read alone.
        megabyte: added to both for each MB of input.
        grace: for a Ray worker to notice that its time is over, before it is killed.
        join: for a Ray cluster to answer.
    """

    shard: float = 120.0
    row: float = 60.0
    megabyte: float = 30.0
    grace: float = 10.0
    join: float = 40.0

    def for_shard(self, size: int) -> float:
        """Return the limit for a shard of ``size`` bytes."""
        return self.shard + self.megabyte * size / 1e6

    def for_row(self, size: int) -> float:
        """Return the limit for a row of ``size`` bytes."""
        return self.row + self.megabyte * size / 1e6
