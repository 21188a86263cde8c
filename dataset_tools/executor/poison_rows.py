"""Search for the rows of a shard that are fatal to the process that reads them.

A worker that dies or hangs does not say at which row. So its shard is repeated alone, and if that fails, row by row:
the last row that was begun is fatal. It is skipped and becomes a reject.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Any, Generic, TypeVar

from dataset_tools.errors import InputError
from dataset_tools.executor.process_setup import Limits
from dataset_tools.executor.worker_process import OUT_OF_MEMORY, LostError, WorkerProcess, serve_shards
from dataset_tools.io.json_text import RawLine, dump_line
from dataset_tools.readers.parquet_reader import iter_rows
from dataset_tools.readers.shards import Shard

__all__ = ["Guard"]

T = TypeVar("T")

MOST_POISON = 10
"""Consecutive fatal rows at which the run stops: then the machine or a library is broken, not the rows."""


class Guard(Generic[T]):
    """Repeats shards of lost workers in processes of their own, without the fatal rows.

    Attributes:
        found: the number of fatal rows found.
    """

    def __init__(self, stage: Callable[[Shard], T], limits: Limits) -> None:
        self.found = 0
        self._stage = stage
        self._limits = limits

    def result(self, shard: Shard, *, hung: bool = False) -> T:
        """Return the result of a shard whose worker died, or hung.

        Raises:
            InputError: it cannot be read, although no row is fatal alone.
        """
        if not hung:
            try:
                return self._alone(shard)
            except LostError:
                pass
        poison = tuple(self._poison(shard))
        self.found += len(poison)
        try:
            return self._alone(replace(shard, poison=(*shard.poison, *poison)))
        except LostError as error:
            raise InputError(
                f"the process that read these rows {error}, although no row is fatal alone",
                where=f"{shard.file.path}:{shard.first_line}-",
                hint="most often the machine ran out of memory: use fewer --workers",
            ) from None

    def _alone(self, shard: Shard) -> T:
        with WorkerProcess(serve_shards, self._stage, seconds=self._limits.shard) as worker:
            result: T = worker.do(shard, self._limits.for_shard(shard.bytes_to_read))
            return result

    def _poison(self, shard: Shard) -> Iterator[tuple[int, str]]:
        """Yield the number of each fatal row of a shard, with the reason.

        Raises:
            InputError: too many consecutive rows are fatal.
        """
        done, consecutive = 0, 0
        while True:
            begun, seconds = 0, self._limits.shard
            with WorkerProcess(announce_rows, self._stage, shard, done, seconds=self._limits.shard) as worker:
                try:
                    while row := worker.receive(seconds):
                        number, size = row
                        # The first row of a process also loads what the stage needs.
                        seconds = self._limits.for_row(size) if begun else self._limits.for_shard(size)
                        consecutive = 0 if begun else consecutive
                        begun = number
                except LostError as error:
                    reason = str(error)
                else:
                    return
            if not begun:
                return  # the file is fatal, not a row
            yield begun, f"the process that read it {reason}"
            done, consecutive = begun, consecutive + 1
            if consecutive >= MOST_POISON:
                what = f"{MOST_POISON} consecutive rows were fatal to the process that read them; the last {reason}"
                raise InputError(what, where=f"{shard.file.path}:{begun}", hint="is a library broken on this machine?")


def announce_rows(connection: Connection, stage: Callable[[Shard], Any], shard: Shard, done: int) -> None:
    """In a process: send the number and size of each row after ``done``, then process that row alone."""
    known = dict(shard.poison)

    def begin(number: int, size: int) -> bool:
        if number <= done or number in known:
            return False
        connection.send((number, size))
        return True

    file = replace(shard.file, format="jsonl") if shard.file.format == "parquet" else shard.file
    try:
        for line in _lines(shard, begin):
            try:
                stage(replace(shard, file=file, lines=(line,)))
            except MemoryError:
                raise
            except Exception:  # noqa: BLE001, S112 - raised again when the whole shard is repeated
                continue
    except MemoryError:
        os._exit(OUT_OF_MEMORY)
    except Exception:  # noqa: BLE001, S110 - as above
        pass
    connection.send(None)


def _lines(shard: Shard, begin: Callable[[int, int], bool]) -> Iterator[RawLine]:
    """Yield the rows of a shard as lines; ``begin`` decides by number and size which ones."""
    if shard.lines is None and shard.file.format == "parquet":
        for number, value, _ in iter_rows(shard.file.path, shard.start, shard.stop, shard.first_line, begin):
            if value is not None:
                raw = dump_line(value)
                yield RawLine(number, raw, len(raw))
        return
    yield from (line for line in shard.read_lines() if begin(line.number, len(line.raw)))
