"""Shards done by the machines of a Ray cluster. Ray places them, and does again what a lost machine was doing."""

import time
import uuid
from collections import deque
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from dataset_tools.errors import AfgError, InputError, UsageError
from dataset_tools.executor.ray_connection import check_cluster, cluster
from dataset_tools.executor.ray_tasks import RayRun, do_guarded, do_shard
from dataset_tools.executor.versions import all_versions
from dataset_tools.readers.shards import Shard

if TYPE_CHECKING:
    import ray

__all__ = ["RayCluster"]

T = TypeVar("T")

RETRIES = 3
"""How often Ray does a shard again when a worker or a machine was lost, or when an input could not be read there."""

_LOOK_SECONDS = 5.0  # how often the cluster is asked for its size: machines may join


@dataclass(frozen=True, slots=True)
class RayCluster:
    """A Ray cluster.

    Every machine of it needs the same versions of everything, and has to see the inputs under the same names. Results
    come back to this process, which alone writes.

    Attributes:
        address: ``HOST:PORT``; ``auto`` for the cluster that this machine belongs to; where there is none, a Ray of
            this machine is started and ends with the run.
        tasks: the most shards that are done at a time; 0 for as many as there are CPUs.
    """

    address: str = ""
    tasks: int = 0

    def check(self) -> None:
        """Make sure, before any work, that Ray is installed and that the cluster answers.

        Raises:
            UsageError: one of it is not so.
        """
        check_cluster(self.address)

    def results(self, stage: Callable[[Shard], T], shards: Iterable[Shard]) -> Generator[tuple[Shard, T], None, None]:
        """Each shard with its result, in order; at most two for each CPU are under way.

        Raises:
            AfgError: what the stage raises comes through as it is.
            InputError: shards are lost however often they are done.
            UsageError: the cluster cannot be reached, or a machine of it has other versions.
        """
        with cluster(self.address, self.tasks) as ours:
            run: _Run[T] = _Run(stage, 0 if ours else self.tasks)
            try:
                yield from run.results(shards)
            finally:
                run.cancel()


class _LostError(Exception):
    """What was to do a shard was lost, more often than Ray tries again."""


class _Run(Generic[T]):
    """One run on a cluster, while this process is connected to it."""

    def __init__(self, stage: Callable[[Shard], T], tasks: int) -> None:
        import ray

        options: dict[str, Any] = {"num_cpus": 1, "max_retries": RETRIES, "retry_exceptions": [InputError]}
        self._work = RayRun(uuid.uuid4().hex, ray.put(stage), all_versions(), str(Path.cwd()))
        self._task = ray.remote(**options)(do_shard)
        self._guarded = ray.remote(**options)(do_guarded)
        self._pending: deque[tuple[Shard, ray.ObjectRef[T]]] = deque()
        self._tasks = tasks
        self._most = tasks
        self._looked = -_LOOK_SECONDS

    def results(self, shards: Iterable[Shard]) -> Generator[tuple[Shard, T], None, None]:
        shards = iter(shards)
        while True:
            while len(self._pending) >= self._limit():
                yield self._next()
            shard = next(shards, None)
            if shard is None:
                break
            self._pending.append((shard, self._task.remote(self._work, shard)))
        while self._pending:
            yield self._next()

    def cancel(self) -> None:
        """End what nobody waits for any more."""
        import ray

        while self._pending:
            ray.cancel(self._pending.popleft()[1], force=True)

    def _limit(self) -> int:
        """How many shards may be under way: those that are done, and as many again to go on with."""
        import ray

        now = time.monotonic()
        if not self._tasks and now - self._looked >= _LOOK_SECONDS:
            self._looked = now
            self._most = 2 * max(int(ray.cluster_resources().get("CPU", 0)), 1)  # type: ignore[no-untyped-call]
        return self._most

    def _next(self) -> tuple[Shard, T]:
        shard, result = self._pending.popleft()
        try:
            return shard, _get(result)
        except _LostError:
            pass  # a row may be to blame, which is found where it does not cost a worker
        try:
            return shard, _get(self._guarded.remote(self._work, shard))
        except _LostError as lost:
            hint = "most often a machine ran out of memory: use fewer --workers"
            where = f"{shard.file.path}:{shard.first_line}-"
            raise InputError(f"the cluster lost these rows again and again: {lost}", where=where, hint=hint) from None


def _get(result: "ray.ObjectRef[T]") -> T:
    """What a task has made, once it has.

    Raises:
        AfgError: what the stage raised.
        UsageError: a machine lacks what is needed.
        _LostError: what did it was lost.
    """
    import ray
    from ray import exceptions

    try:
        return ray.get(result)
    except exceptions.RayTaskError as error:
        cause = error.cause
        if not isinstance(cause, AfgError) and "No module named" in str(error):
            what = f"a machine of the cluster lacks a package: {str(error).strip().splitlines()[-1]:.200}"
            raise UsageError(what, hint="install arabic-functiongemma on every machine of the cluster") from None
        raise cause from None
    except exceptions.RayError as error:
        raise _LostError(str(error).strip().splitlines()[0][:300]) from error
