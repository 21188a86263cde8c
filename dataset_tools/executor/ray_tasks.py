"""Work of a Ray worker: one shard at a time, with a time limit, by a stage that it fetches once."""

import faulthandler
import gc
import os
import platform
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, NoReturn

from dataset_tools.errors import UsageError
from dataset_tools.executor.poison_rows import Guard
from dataset_tools.executor.process_setup import GC_THRESHOLDS, Limits, all_versions
from dataset_tools.readers.shards import Shard

__all__ = ["RayRun", "do_guarded", "do_shard"]

_held: tuple[str, Callable[[Shard], Any]] | None = None  # the run that this process works for, and its stage


@dataclass(frozen=True, slots=True)
class RayRun:
    """The common part of all tasks of a run.

    Attributes:
        run: unique name of the run.
        stage: Ray's reference to the stage.
        versions: package versions of the command.
        folder: working directory of the command; input names may be relative to it.
        limits: time limits.
    """

    run: str
    stage: Any
    versions: Mapping[str, str]
    folder: str
    limits: Limits


def do_shard(work: RayRun, shard: Shard) -> Any:  # noqa: ANN401 - whatever the stage returns
    """Return the result of a shard.

    On a timeout, the fatal row is searched for in other processes. A row that needs more memory than there is, or that
    cannot be interrupted, ends this process, which Ray reports.

    Raises:
        AfgError: raised by the stage.
        InputError: the shard cannot be read, although no row is fatal alone.
        UsageError: this machine has other versions than the command.
    """
    stage = _stage_of(work)
    try:
        with _limited(work.limits.for_shard(shard.bytes_to_read), work.limits.grace):
            return stage(shard)
    except MemoryError:
        os._exit(1)
    except _ShardTimeoutError:
        _forget_stage()  # it was interrupted in an unknown state
    return Guard(_stage_of(work), work.limits).result(shard, hung=True)


def do_guarded(work: RayRun, shard: Shard) -> Any:  # noqa: ANN401 - the same
    """Return the result of a shard that killed workers; it is read in child processes, so that this one survives.

    Raises:
        AfgError: raised by the stage.
        InputError: the shard cannot be read, although no row is fatal alone.
        UsageError: this machine has other versions than the command.
    """
    return Guard(_stage_of(work), work.limits).result(shard)


def _stage_of(work: RayRun) -> Callable[[Shard], Any]:
    global _held  # noqa: PLW0603 - one process works for one run
    if _held is None or _held[0] != work.run:
        import ray

        _require_same(work.versions)
        gc.set_threshold(*GC_THRESHOLDS)
        with suppress(OSError):  # a machine without that folder can still read absolute names
            os.chdir(work.folder)
        _held = (work.run, ray.get(work.stage))
    return _held[1]


def _forget_stage() -> None:
    global _held  # noqa: PLW0603 - as above
    _held = None


def _require_same(wanted: Mapping[str, str]) -> None:
    """Require the versions of the command, which the output bytes depend on."""
    here = all_versions()
    for name, theirs in wanted.items():
        if here.get(name) != theirs:
            what = f"{platform.node()} has {name} {here.get(name)}, but the command's machine has {theirs}"
            raise UsageError(what, hint="install the same versions on every machine of the cluster")


@contextmanager
def _limited(seconds: float, grace: float) -> Iterator[None]:
    """Interrupt the block after ``seconds``; if it holds the GIL and cannot be, kill this process ``grace`` later."""
    before = signal.signal(signal.SIGALRM, _interrupt)
    faulthandler.dump_traceback_later(seconds + grace, exit=True, file=2)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()
        signal.signal(signal.SIGALRM, before)


class _ShardTimeoutError(BaseException):
    """Timeout of a shard; not an Exception, so that no stage catches it by accident."""


def _interrupt(*_: object) -> NoReturn:
    raise _ShardTimeoutError
