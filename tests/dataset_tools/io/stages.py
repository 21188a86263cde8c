"""Stages and rows for the tests of reading and writing, in a module that worker processes can import."""

import os
import signal
import time
from pathlib import Path
from typing import Any

from dataset_tools.errors import InputError, RowError
from dataset_tools.io.writer import encode
from dataset_tools.readers.row_reader import RawRow, read_rows
from dataset_tools.readers.shards import Shard, plan_shards
from dataset_tools.readers.sources import find_files
from schemas.record import Record


def record(line: int, **meta: Any) -> Record:
    """Return a small record."""
    return {
        "id": f"r{line}",
        "messages": [{"role": "user", "content": f"ما الطقس؟ {line}"}],
        "tools": [{"type": "function", "function": {"name": f"tool_{line % 3}", "parameters": {}}}],
        "dialect": "msa",
        "domain": "weather",
        "source": {"dataset": "d", "file": "f.jsonl", "line": line},
        "meta": meta,
    }


def rows_of(path: Path, shard_bytes: int = 4 << 20) -> list[RawRow]:
    """Return all rows of one file."""
    return [row for shard in plan_shards(find_files([str(path)]), shard_bytes) for row in read_rows(shard)]


def reason(path: Path) -> str:
    """Return the reason why the only row of a file is unreadable."""
    (row,) = rows_of(path)
    assert row.value is None
    assert row.error is not None
    assert row.error.code == "unreadable-row"
    return str(row.error)


class Encode:
    """A stage that encodes the rows of a shard and counts how often it is pickled."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.pickled = 0

    def __getstate__(self) -> dict[str, Any]:
        """Return the state for a worker process."""
        self.pickled += 1
        return self.__dict__

    def __call__(self, shard: Shard) -> bytes:
        """Return the encoded rows."""
        rows: list[Any] = [row.value for row in read_rows(shard) if row.value is not None]
        return encode(rows, self.name)


def slow_at_first(shard: Shard) -> int:
    """Return the index; later shards finish before the first."""
    time.sleep(0.3 if shard.index == 0 else 0)
    return shard.index


def fail_at_two(shard: Shard) -> int:
    """Fail to read the third shard."""
    if shard.index == 2:
        raise InputError("broken", where="x.jsonl:7", hint="mend it")
    return shard.index


class FailOnce:
    """A stage that fails the first time for each shard, like a machine that lacks the file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, shard: Shard) -> int:
        """Return the index of the shard on the second attempt."""
        try:
            (self.folder / str(shard.index)).touch(exist_ok=False)
        except FileExistsError:
            return shard.index
        raise InputError("not here", where=f"x.jsonl:{shard.index}")


def row_error(_: Shard) -> int:
    """Raise an error whose constructor takes keyword arguments."""
    raise RowError("unreadable-row", "broken", hint="mend it")


def die_at_two(shard: Shard) -> int:
    """Kill the process at the third shard, as the kernel does when memory runs out."""
    if shard.index == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return shard.index


def sleep_long(shard: Shard) -> int:
    """Sleep; Ctrl-C must not wait for it."""
    time.sleep(60)
    return shard.index
