"""What a worker of a Ray cluster does: one shard, by a stage that it fetches once, and never without end."""

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
from dataset_tools.executor import poison_rows
from dataset_tools.executor.poison_rows import Guard, seconds_for
from dataset_tools.executor.run import COLLECT
from dataset_tools.executor.versions import all_versions
from dataset_tools.readers.shards import Shard

__all__ = ["RayRun", "do_guarded", "do_shard"]

GRACE_SECONDS = 10.0
"""How long a shard that takes too long may take to notice."""

_held: tuple[str, Callable[[Shard], Any]] | None = None  # the run that this process works for, and its stage


@dataclass(frozen=True, slots=True)
class RayRun:
    """What is done to each shard of a run.

    Attributes:
        run: what tells this run from others.
        stage: where Ray keeps the stage.
        versions: what the command has installed.
        folder: where the command was started: names of inputs may be relative to it.
    """

    run: str
    stage: Any
    versions: Mapping[str, str]
    folder: str


def do_shard(work: RayRun, shard: Shard) -> Any:  # noqa: ANN401 - whatever the stage makes
    """The result of a shard.

    Where it takes too long, a row is to blame, which is looked for in other processes. A row that needs more memory
    than there is, or that nothing can interrupt, ends this process: Ray tells that.

    Raises:
        AfgError: what the stage raises.
        InputError: it cannot be read, though none of its rows is fatal alone.
        UsageError: this machine has other versions than the command.
    """
    stage = _stage_of(work)
    try:
        with _limited(seconds_for(shard.held, poison_rows.SHARD_SECONDS)):
            return stage(shard)
    except MemoryError:
        os._exit(1)
    except _TooLongError:
        _forget_stage()  # it may have been interrupted anywhere
    return Guard(_stage_of(work), COLLECT).result(shard, hung=True)


def do_guarded(work: RayRun, shard: Shard) -> Any:  # noqa: ANN401 - the same
    """The result of a shard that workers have died of, read in processes of this one, which survives them.

    Raises:
        AfgError: what the stage raises.
        InputError: it cannot be read, though none of its rows is fatal alone.
        UsageError: this machine has other versions than the command.
    """
    return Guard(_stage_of(work), COLLECT).result(shard)


def _stage_of(work: RayRun) -> Callable[[Shard], Any]:
    global _held  # noqa: PLW0603 - one process works for one run
    if _held is None or _held[0] != work.run:
        import ray

        _require_same(work.versions)
        gc.set_threshold(*COLLECT)
        with suppress(OSError):  # a machine without that folder can still read what has a full name
            os.chdir(work.folder)
        _held = (work.run, ray.get(work.stage))
    return _held[1]


def _forget_stage() -> None:
    global _held  # noqa: PLW0603 - as above
    _held = None


def _require_same(wanted: Mapping[str, str]) -> None:
    """Refuse to make other bytes than the command would.

    Raises:
        UsageError: this machine has other versions.
    """
    here = all_versions()
    for name, theirs in wanted.items():
        if here.get(name) != theirs:
            what = f"{platform.node()} has {name} {here.get(name)}, and the machine of the command {theirs}"
            raise UsageError(what, hint="install the same versions on every machine of the cluster")


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Interrupt the block if it takes longer; end this process if it cannot be, for a row may hold Python's lock.

    Raises:
        _TooLongError: it takes longer.
    """
    before = signal.signal(signal.SIGALRM, _interrupt)
    faulthandler.dump_traceback_later(seconds + GRACE_SECONDS, exit=True, file=2)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()
        signal.signal(signal.SIGALRM, before)


class _TooLongError(BaseException):
    """A shard takes too long; no stage catches this by accident."""


def _interrupt(*_: object) -> NoReturn:
    raise _TooLongError
