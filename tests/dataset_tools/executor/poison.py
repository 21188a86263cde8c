"""Stages that a row can end, in a module of its own, so that workers can import it."""

import ctypes
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

from dataset_tools.changes import Log
from dataset_tools.executor import poison_rows, ray_tasks
from dataset_tools.pipeline.stage import Part, Stage
from dataset_tools.readers.row_reader import RawRow, read_rows
from dataset_tools.readers.shards import Shard
from dataset_tools.readers.sources import DataFile
from dataset_tools.records.converter import Converter
from dataset_tools.records.reading import Reading
from schemas.record import Record


def act(name: str) -> None:
    """Do to this process what a row may do."""
    if name == "exit":
        os._exit(3)
    if name == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if name == "crash":
        ctypes.string_at(0)
    if name == "memory":
        raise MemoryError
    if name == "hang":
        time.sleep(1000)
    if name == "stuck":
        ctypes.PyDLL(None).sleep(1000)  # holds Python's lock: nothing in this process can interrupt it
    when, _, flag = name.partition(" ")
    if when in ("while", "unless") and Path(flag).exists() == (when == "while"):
        os._exit(3)


WAYS = {
    "exit": "ended with the code 3",
    "kill": "was ended by SIGKILL",
    "crash": "was ended by SIGSEGV",
    "memory": "ran out of memory",
    "hang": "was not done after 1 seconds",
    "stuck": "was not done after 1 seconds",
}
"""What a row may do, and how it is told."""


def rows(shard: Shard) -> list[tuple[int, str]]:
    """Each row's line and why it cannot be read, if so; a row may say what is to be done to this process."""
    found = []
    for row in read_rows(shard):
        act((row.value or {}).get("act", ""))
        found.append((row.line, f"{row.error.code}: {row.error}" if row.error else ""))
    return found


def rows_first(shard: Shard) -> list[tuple[int, str]]:
    """The same, but all rows are read before one acts: as where a batch is encoded at the end."""
    found = list(read_rows(shard))
    for row in found:
        act((row.value or {}).get("act", ""))
    return [(row.line, row.error.code if row.error else "") for row in found]


def too_many(shard: Shard) -> int:
    """Fatal for more than one row at a time, as memory that runs out."""
    count = len(list(read_rows(shard)))
    if count > 1:
        os._exit(1)
    return count


class PoisonConverter(Converter):
    """Reads rows as ever, but for those that say what is to be done to this process."""

    def read(self, raw: RawRow, file: DataFile) -> tuple[Record, Log]:
        """The record of a row, unless there is no process left to return it to."""
        value: dict[str, Any] = raw.value or {}
        act(str(value.get("act", "")))
        return super().read(raw, file)


class PoisonReading(Reading):
    """Reading by that converter."""

    def converter(self, *, rename_tools: bool = False) -> Converter:
        """Return the converter."""
        return PoisonConverter(rename_tools=rename_tools)


def large(_: Shard) -> bytes:
    """A result that takes a while to be sent: many times what a pipe holds."""
    return bytes(20_000_000)


class _Fuse:
    """Ends the process soon after it was pickled: while what was pickled with it is sent."""

    def __reduce__(self) -> tuple[type[str], tuple[()]]:
        """Light it."""
        threading.Timer(0.005, act, ("kill",)).start()
        return str, ()


def ended_while_sending(shard: Shard) -> tuple[bytes, _Fuse] | None:
    """A large result, and no process left before all of it is sent; one row alone gives none."""
    return (bytes(200_000_000), _Fuse()) if shard.lines is None else None


class Impatient:
    """Reads rows where processes are given up sooner than minutes, in whichever process it arrives."""

    def __setstate__(self, _: Any) -> None:
        """Arrive."""
        poison_rows.SHARD_SECONDS, poison_rows.ROW_SECONDS, poison_rows.SECONDS_A_MEGABYTE = 6, 1, 0
        ray_tasks.GRACE_SECONDS = 1

    def __getstate__(self) -> bool:
        """What travels; something, so that the above is called."""
        return True

    def __call__(self, shard: Shard) -> list[tuple[int, str]]:
        """As :func:`rows`."""
        return rows(shard)


class Watched(Stage):
    """Takes its time over each shard, and first writes down which one it begins, and whose process it is in."""

    log: Path
    slow: frozenset[int] = frozenset()  # shards that take long enough to be met in the middle

    def __call__(self, shard: Shard) -> Part:
        """The records of a shard, as ever."""
        with self.log.open("a") as log:
            log.write(f"{shard.index} {os.getppid()}\n")
        time.sleep(2 if shard.index in self.slow else 0.2)
        return super().__call__(shard)
