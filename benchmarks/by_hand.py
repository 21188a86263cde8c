"""Benchmark of ``afg-data clean`` against hand-written loops: plain Python, ``datasets.map`` and Ray Data."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import corpus
from measuring import by_turns, print_pair, rate, run

__all__ = ["by_hand"]

_ROWS = 5 * 46_325  # 500 MB: start-up of several seconds hardly counts
_SIDES = {
    "loop": "a plain loop, one process",
    "map": "datasets.map, num_proc=2",
    "ray": "Ray Data's map, 2 processors",
}


def by_hand(folder: Path, times: int) -> None:
    """Print the rows/s of each side, in turns (at most three), and the number of equal output rows."""
    path = folder / "hand.jsonl"
    print(corpus.write(path, _ROWS), flush=True)
    sides = {f"afg-data clean, {n} worker{'s' * (n > 1)}": rate("ours.py", "clean", str(path), str(n)) for n in (2, 1)}
    values = by_turns({**sides, **{name: _measure(side, path) for side, name in _SIDES.items()}}, min(times, 3))
    (ours, rates), *others = values.items()
    for other in others:
        print_pair((ours, rates), other)
    print_pair(
        ("afg-data clean, 1 worker", values["afg-data clean, 1 worker"]), (_SIDES["loop"], values[_SIDES["loop"]])
    )
    run("ours.py", "clean", str(path), "2", str(folder / "ours.jsonl"))
    mine = dict(_digests(folder / "ours.jsonl"))
    for side, name in _SIDES.items():
        out = folder / side
        run("hand_written.py", side, str(path), str(out))
        found = [row for file in sorted(out.rglob("rows*")) if file.is_file() for row in _digests(file)]
        found += [row for file in sorted(out.glob("rows/*.parquet")) for row in _digests(file)]
        same = sum(mine.get(identity) == digest for identity, digest in found)
        print(f"{'  rows equal to ' + name:<50}{same:,} of {max(len(found), len(mine)):,}")
        shutil.rmtree(out)
    path.unlink()


def _measure(side: str, path: Path) -> Callable[[], float]:
    return rate("hand_written.py", side, str(path), "")


def _digests(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the id and a digest of each row without its source, which only our side fills in."""
    for text in _texts(path):
        row: dict[str, Any] = json.loads(text)
        del row["source"]
        yield row["id"], hashlib.blake2b(json.dumps(row).encode(), digest_size=16).digest()


def _texts(path: Path) -> Iterator[str | bytes]:
    if path.suffix == ".jsonl":
        with path.open("rb") as file:
            yield from file
        return
    import pyarrow.parquet as pq

    for batch in pq.ParquetFile(path).iter_batches(columns=["text"]):
        yield from batch.column(0).to_pylist()
