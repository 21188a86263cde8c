"""Engine for a Ray cluster. Ray places the shards, and repeats those of a lost machine."""

import time
import uuid
from collections import deque
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from dataset_tools.errors import AfgError, InputError, UsageError
from dataset_tools.executor.process_setup import Limits, all_versions
from dataset_tools.executor.ray_connection import check_cluster, cluster
from dataset_tools.executor.ray_tasks import RayRun, do_guarded, do_shard
from dataset_tools.readers.shards import Shard

if TYPE_CHECKING:
    import ray

__all__ = ["RayCluster"]

T = TypeVar("T")

RETRIES = 3
"""How often Ray repeats a shard after the loss of a worker or a machine, or if an input cannot be read there."""

_LOOK_SECONDS = 5.0  # between two queries of the size of the cluster: machines may join


@dataclass(frozen=True, slots=True)
class RayCluster:
    """A Ray cluster.

    Every machine needs the same package versions and the inputs under the same names. Results return to this process,
    which alone writes.

    Attributes:
        address: ``HOST:PORT``, or ``auto`` for the cluster that this machine belongs to; if empty, a Ray on this
            machine only is started, and stopped after the run.
        tasks: the maximum number of concurrent shards; 0 for one per CPU.
        limits: time limits.
    """

    address: str = ""
    tasks: int = 0
    limits: Limits = field(default_factory=Limits)

    def check(self) -> None:
        """Check, before any work, that Ray is installed and that the cluster answers.

        Raises:
            UsageError: it is not, or does not.
        """
        check_cluster(self.address, self.limits.join)

    def results(self, stage: Callable[[Shard], T], shards: Iterable[Shard]) -> Generator[tuple[Shard, T], None, None]:
        """Yield each shard with its result, in order, with at most two per CPU in progress.

        Raises:
            AfgError: raised by the stage, unchanged.
            InputError: a shard is lost each time it is repeated.
            UsageError: the cluster cannot be reached, or one of its machines has other versions.
        """
        with cluster(self.address, self.tasks, self.limits.join) as ours:
            run: _ClusterRun[T] = _ClusterRun(stage, 0 if ours else self.tasks, self.limits)
            try:
                yield from run.results(shards)
            finally:
                run.cancel()


class _LostError(Exception):
    """The worker of a shard was lost, more often than Ray retries."""


class _ClusterRun(Generic[T]):
    """One run on a connected cluster."""

    def __init__(self, stage: Callable[[Shard], T], tasks: int, limits: Limits) -> None:
        import ray

        options: dict[str, Any] = {"num_cpus": 1, "max_retries": RETRIES, "retry_exceptions": [InputError]}
        self._work = RayRun(uuid.uuid4().hex, ray.put(stage), all_versions(), str(Path.cwd()), limits)
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
        """Cancel pending tasks."""
        import ray

        while self._pending:
            ray.cancel(self._pending.popleft()[1], force=True)

    def _limit(self) -> int:
        """Return the maximum number of shards in progress: one running and one waiting per CPU."""
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
            pass  # perhaps a fatal row
        try:
            return shard, _get(self._guarded.remote(self._work, shard))
        except _LostError as lost:
            hint = "most often a machine ran out of memory: use fewer --workers"
            where = f"{shard.file.path}:{shard.first_line}-"
            raise InputError(
                f"the workers of these rows were lost repeatedly: {lost}", where=where, hint=hint
            ) from None


def _get(result: "ray.ObjectRef[T]") -> T:
    """Wait for the result of a task.

    Raises:
        AfgError: raised by the stage.
        UsageError: a machine lacks a package.
        _LostError: its worker was lost.
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
