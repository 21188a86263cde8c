"""What a worker of a Ray cluster does: one shard, by a stage that it fetches once, and never without end."""

import gc
import os
import platform
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from dataset_tools import isolation
from dataset_tools.engines.base import COLLECT
from dataset_tools.errors import UsageError
from dataset_tools.isolation import Guard, seconds_for
from dataset_tools.shards import Shard
from dataset_tools.versions import all_versions

__all__ = ["Work", "do_guarded", "do_shard"]

_held: tuple[str, Callable[[Shard], Any]] | None = None  # the run that this process works for, and its stage


@dataclass(frozen=True, slots=True)
class Work:
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


def do_shard(work: Work, shard: Shard) -> Any:  # noqa: ANN401 - whatever the stage makes
    """The result of a shard.

    A row that needs more memory than there is, or more time than a shard may take, ends this process: Ray tells that.

    Raises:
        AfgError: what the stage raises.
        UsageError: this machine has other versions than the command.
    """
    stage = _stage_of(work)
    with _limited(seconds_for(shard.size, isolation.SHARD_SECONDS)):
        try:
            return stage(shard)
        except MemoryError:
            os._exit(1)


def do_guarded(work: Work, shard: Shard) -> Any:  # noqa: ANN401 - the same
    """The result of a shard that workers have died of, read in processes of this one, which survives them.

    Raises:
        AfgError: what the stage raises.
        InputError: it cannot be read, though none of its rows is fatal alone.
        UsageError: this machine has other versions than the command.
    """
    return Guard(_stage_of(work), COLLECT).result(shard)


def _stage_of(work: Work) -> Callable[[Shard], Any]:
    global _held  # noqa: PLW0603 - one process works for one run
    if _held is None or _held[0] != work.run:
        import ray  # noqa: PLC0415 - an extra

        _require_same(work.versions)
        gc.set_threshold(*COLLECT)
        with suppress(OSError):  # a machine without that folder can still read what has a full name
            os.chdir(work.folder)
        _held = (work.run, ray.get(work.stage))
    return _held[1]


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
    """End this process if the block takes longer: by the system, because a row may hold Python's lock for ever."""
    before = signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
