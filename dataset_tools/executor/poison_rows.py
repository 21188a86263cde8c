"""A shard in a process of its own, and the rows in it that no process survives.

Where a worker process died or hangs, nobody knows at which row. So the shard is done again alone, and if that fails,
row by row: the last row that was begun is the fatal one. It is left unread, and becomes a reject like any other.
"""

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Any, Generic, Self, TypeVar

from dataset_tools.errors import InputError
from dataset_tools.executor.process_setup import no_interrupt, prepare, start_context
from dataset_tools.io.jsonl import RawLine, dump_line
from dataset_tools.readers.line_reader import read_lines
from dataset_tools.readers.parquet_reader import iter_rows
from dataset_tools.readers.shards import Shard

__all__ = ["Guard", "seconds_for"]

T = TypeVar("T")

SHARD_SECONDS, ROW_SECONDS, SECONDS_A_MEGABYTE = 120.0, 60.0, 30.0
"""How long a shard and a row may take, and how much longer for each MB: hundreds of times what is usual."""

MOST_POISON = 10
"""Rows of a shard that may be fatal in a row: more tell of a machine or a library, not of rows."""


def seconds_for(size: int, least: float) -> float:
    """How long so many bytes may take."""
    return least + SECONDS_A_MEGABYTE * size / 1e6


class _FatalError(Exception):
    """A process ended or had to be ended before it gave its result; the text says how."""


class Guard(Generic[T]):
    """Does shards in processes of their own, and leaves out the rows that no process survives.

    Args:
        stage: what is done to each shard.
        collect: the thresholds of the processes' garbage collectors.

    Attributes:
        found: how many fatal rows were found.
    """

    def __init__(self, stage: Callable[[Shard], T], collect: tuple[int, int, int]) -> None:
        self.found = 0
        self._stage = stage
        self._collect = collect

    def results(self, shards: list[Shard]) -> Iterator[tuple[Shard, T]]:
        """The results of shards, which a copy of this process begins at once: it has imported everything already.

        Raises:
            InputError: rows cannot be read, though none of them is fatal alone.
        """
        if not shards:
            return iter(())
        return self._results(_Lone("fork", _all, (self._stage, shards, self._collect)), deque(shards))

    def _results(self, lone: "_Lone", left: deque[Shard]) -> Iterator[tuple[Shard, T]]:
        with suppress(_FatalError), lone:
            while left:
                result = _value(lone.receive(seconds_for(left[0].held, SHARD_SECONDS)))
                yield left.popleft(), result
        for shard in left:
            yield shard, self.result(shard)

    def result(self, shard: Shard, *, hung: bool = False) -> T:
        """The result of a shard of which a process has died, or which ``hung``.

        Raises:
            InputError: it cannot be read, though none of its rows is fatal alone.
        """
        if not hung:
            with suppress(_FatalError):
                return self._alone(shard)
        poison = tuple(self._poison(shard))
        self.found += len(poison)
        try:
            return self._alone(replace(shard, poison=(*shard.poison, *poison)))
        except _FatalError as error:
            raise InputError(
                f"the process that read these rows {error}, though none of them is fatal alone",
                where=f"{shard.file.path}:{shard.first_line}-",
                hint="most often the machine ran out of memory: use fewer --workers",
            ) from None

    def _alone(self, shard: Shard) -> T:
        with _Lone("", _all, (self._stage, [shard], self._collect)) as lone:
            result: T = _value(lone.receive(seconds_for(shard.held, SHARD_SECONDS)))
            return result

    def _poison(self, shard: Shard) -> Iterator[tuple[int, str]]:
        """The fatal rows of a shard, each with what it did.

        Raises:
            InputError: one row after the other is.
        """
        done, in_a_row = 0, 0
        while True:
            begun, size, least = 0, 0, SHARD_SECONDS  # until its first row is done a process is also starting
            with _Lone("", _each, (self._stage, shard, done, self._collect)) as lone:
                try:
                    while True:
                        row = lone.receive(seconds_for(size, least))
                        if row is None:
                            return
                        if begun:
                            in_a_row, least = 0, ROW_SECONDS
                        begun, size = row
                except _FatalError as error:
                    what = str(error)
            if not begun:
                return  # not a row, but what it is read from
            yield begun, f"the process that read it {what}"
            done, in_a_row = begun, in_a_row + 1
            if in_a_row >= MOST_POISON:
                what = f"{MOST_POISON} rows one after another each ended the process that read it; the last {what}"
                raise InputError(what, where=f"{shard.file.path}:{begun}", hint="is a library broken on this machine?")


class _Lone:
    """One process that sends what it makes; it is gone when the block ends."""

    def __init__(self, method: str, target: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        context: Any = multiprocessing.get_context(method) if method else start_context(arguments[0])
        self._receiver: Connection
        self._receiver, sender = context.Pipe(duplex=False)
        self._process = context.Process(target=target, args=(sender, *arguments), daemon=True)
        with no_interrupt():
            self._process.start()
        sender.close()  # so that its end is seen here

    def __enter__(self) -> Self:
        return self

    def receive(self, seconds: float) -> Any:  # noqa: ANN401 - whatever is sent
        """What it sends next.

        Raises:
            _FatalError: it ends before, or takes longer.
        """
        if not self._receiver.poll(seconds):
            raise _FatalError(f"was not done after {seconds:.0f} seconds")
        try:
            return self._receiver.recv()
        except (EOFError, OSError):  # OSError: it ended in the middle of what it sent
            self._process.join()
            raise _FatalError(_end(self._process.exitcode or 0)) from None

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.join()
        self._receiver.close()


def _end(code: int) -> str:
    """How a process ended, in words."""
    if code == _OUT_OF_MEMORY:
        return "ran out of memory"
    with suppress(ValueError):
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with the code {code}"


_OUT_OF_MEMORY = 101  # the exit code for it


def _value(sent: tuple[Any, BaseException | None]) -> Any:  # noqa: ANN401 - what the stage makes
    result, error = sent
    if error is not None:
        raise error
    return result


def _all(sender: Connection, stage: Callable[[Shard], Any], shards: list[Shard], collect: tuple[int, int, int]) -> None:
    """In a process: send the result of each shard, or the error that it raises."""
    prepare(collect)
    for shard in shards:
        try:
            sender.send((stage(shard), None))
        except MemoryError:
            os._exit(_OUT_OF_MEMORY)
        except Exception as error:  # noqa: BLE001 - it is raised where the result is taken
            sender.send((None, error))


def _each(
    sender: Connection, stage: Callable[[Shard], Any], shard: Shard, done: int, collect: tuple[int, int, int]
) -> None:
    """In a process: say of each row, after those ``done``, that it is begun, and do it alone."""
    prepare(collect)
    known = dict(shard.poison)

    def begin(number: int, size: int) -> bool:
        if number <= done or number in known:
            return False
        sender.send((number, size))
        return True

    file = replace(shard.file, format="jsonl") if shard.file.format == "parquet" else shard.file
    try:
        for line in _lines(shard, begin):
            try:
                stage(replace(shard, file=file, lines=(line,)))
            except MemoryError:
                raise
            except Exception:  # noqa: BLE001, S112 - an error, unlike an end, comes again when the shard is done
                continue
    except MemoryError:
        os._exit(_OUT_OF_MEMORY)
    except Exception:  # noqa: BLE001, S110 - as above
        pass
    sender.send(None)


def _lines(shard: Shard, begin: Callable[[int, int], bool]) -> Iterator[RawLine]:
    """The rows of a shard as lines, one by one; ``begin`` says of each, by number and size, whether it is wanted."""
    if shard.lines is None and shard.file.format == "parquet":
        for number, value, _ in iter_rows(shard.file.path, shard.start, shard.stop, shard.first_line, begin):
            if value is not None:
                raw = dump_line(value)
                yield RawLine(number, raw, len(raw))
        return
    lines = read_lines(shard.file, shard.start, shard.stop, shard.first_line) if shard.lines is None else shard.lines
    yield from (line for line in lines if begin(line.number, len(line.raw)))
