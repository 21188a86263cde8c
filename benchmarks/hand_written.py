"""The other sides of cleaning in parallel: the same work on each row, with the loop around it written by hand.

``python benchmarks/hand_written.py loop|map|ray FILE OUT`` cleans JSON Lines row by row and prints the rows done and
the seconds that they took. All three call the same function, made of this project's own parts, so that what differs is
what is around it: reading, dividing the work, and writing. Imports are left out of the time, and so is the start of
Ray. Rows travel as text, which suits both libraries best: as columns, each row would get the fields of all others.
"""

import json
import logging
import os
import sys
import tempfile
import time
from pathlib import Path

from clean_row import clean_row, clean_text

PROCESSES = 2
_BLOCKS = 8  # of Ray: more than processes, so that both stay busy to the end


def loop(path: Path, out: Path) -> float:
    """A plain loop over the lines, in one process."""
    clean_row(next(path.open("rb")))
    start = time.perf_counter()
    with path.open("rb") as rows, (out / "rows.jsonl").open("wb") as file:
        for line in rows:
            file.write(clean_row(line))
    return time.perf_counter() - start


def with_map(path: Path, out: Path) -> float:
    """``datasets.map`` over two processes, then Parquet."""
    import datasets  # noqa: PLC0415

    datasets.disable_progress_bars()
    clean_row(next(path.open("rb")))
    start = time.perf_counter()
    rows = datasets.load_dataset("text", data_files=str(path), split="train", cache_dir=str(out / "cache"))
    rows.map(clean_text, num_proc=PROCESSES).to_parquet(out / "rows.parquet")
    return time.perf_counter() - start


def with_ray(path: Path, out: Path) -> float:
    """``map`` of Ray Data with two processors, then Parquet."""
    import ray  # noqa: PLC0415

    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))  # for its workers
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(
        address="local",
        num_cpus=PROCESSES,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
    )
    try:
        ray.data.DataContext.get_current().enable_progress_bars = False
        start = time.perf_counter()
        rows = ray.data.read_text(str(path)).repartition(_BLOCKS)
        rows.map(clean_text).write_parquet(str(out / "rows"))
        return time.perf_counter() - start
    finally:
        ray.shutdown()


def main(side: str, path: str, out: str) -> None:
    """Time one side; what it wrote stays in OUT."""
    run = {"loop": loop, "map": with_map, "ray": with_ray}[side]
    with Path(path).open("rb") as file:
        count = sum(1 for _ in file)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(out or folder)
        target.mkdir(exist_ok=True)
        seconds = run(Path(path), target)
    print(json.dumps({"rows": count, "seconds": seconds}))


if __name__ == "__main__":
    main(*sys.argv[1:])
