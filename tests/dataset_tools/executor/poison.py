"""Stages that a row can kill, in a module that workers can import."""

import ctypes
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

from dataset_tools.changes import Log
from dataset_tools.pipeline.stage import RecordStage, ShardResult
from dataset_tools.readers.row_reader import RawRow, read_rows
from dataset_tools.readers.shards import Shard
from dataset_tools.readers.sources import DataFile
from dataset_tools.records.converter import Converter
from dataset_tools.records.reading import ReadOptions
from schemas.record import Record


def act(name: str) -> None:
    """Do to this process what the name says."""
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
        ctypes.PyDLL(None).sleep(1000)  # holds the GIL: nothing in this process can interrupt it
    when, _, flag = name.partition(" ")
    if when in ("while", "unless") and Path(flag).exists() == (when == "while"):
        os._exit(3)


WAYS = {
    "exit": "ended with exit code 3",
    "kill": "was killed by SIGKILL",
    "crash": "was killed by SIGSEGV",
    "memory": "ran out of memory",
    "hang": "did not finish within 1 seconds",
    "stuck": "did not finish within 1 seconds",
}
"""Acts of a row, and the reported reason."""


def rows(shard: Shard) -> list[tuple[int, str]]:
    """Return the line of each row and why it cannot be read, if so; perform its ``act`` first."""
    found = []
    for row in read_rows(shard):
        act((row.value or {}).get("act", ""))
        found.append((row.line, f"{row.error.code}: {row.error}" if row.error else ""))
    return found


def rows_first(shard: Shard) -> list[tuple[int, str]]:
    """Return the same, but read all rows before the first act: as when a batch is encoded at the end."""
    found = list(read_rows(shard))
    for row in found:
        act((row.value or {}).get("act", ""))
    return [(row.line, row.error.code if row.error else "") for row in found]


def too_many(shard: Shard) -> int:
    """Die of more than one row at a time, as when memory runs out."""
    count = len(list(read_rows(shard)))
    if count > 1:
        os._exit(1)
    return count


class PoisonConverter(Converter):
    """A converter that performs the ``act`` of a row."""

    def read(self, raw: RawRow, file: DataFile) -> tuple[Record, Log]:
        """Return the record of a row that lets this process live."""
        value: dict[str, Any] = raw.value or {}
        act(str(value.get("act", "")))
        return super().read(raw, file)


class PoisonReadOptions(ReadOptions):
    """Options for reading with that converter."""

    def converter(self, *, rename_tools: bool = False) -> Converter:
        """Return the converter."""
        return PoisonConverter(rename_tools=rename_tools)


def large(_: Shard) -> bytes:
    """Return a result that takes a while to be sent: many times the buffer of a pipe."""
    return bytes(20_000_000)


class _Fuse:
    """Kills the process soon after it was pickled, while the pickled bytes are sent."""

    def __reduce__(self) -> tuple[type[str], tuple[()]]:
        """Start the timer."""
        threading.Timer(0.005, act, ("kill",)).start()
        return str, ()


def ended_while_sending(shard: Shard) -> tuple[bytes, _Fuse] | None:
    """Return a large result, and die before all of it is sent; return None for a single row."""
    return (bytes(200_000_000), _Fuse()) if shard.lines is None else None


class Watched(RecordStage):
    """A slow stage that logs each shard that it begins, and the parent of its process."""

    log: Path
    slow: frozenset[int] = frozenset()  # shards that take two seconds

    def __call__(self, shard: Shard) -> ShardResult:
        """Return the records of a shard."""
        with self.log.open("a") as log:
            log.write(f"{shard.index} {os.getppid()}\n")
        time.sleep(2 if shard.index in self.slow else 0.2)
        return super().__call__(shard)
