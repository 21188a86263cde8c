"""Hand-written loops around the cleaning of one row: plain Python, ``datasets.map`` and Ray Data.

``python benchmarks/hand_written.py loop|map|ray FILE OUT`` cleans JSON Lines and prints rows and seconds. All three
call the same function of this project; only reading, distributing and writing differ. Imports and the start of Ray are
not timed. Rows are text, because as columns each row would get the fields of all others.
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
_BLOCKS = 8  # Ray blocks: more than processes, so that both stay busy to the end


def loop(path: Path, out: Path) -> float:
    """Clean with a plain loop in one process; return the seconds."""
    clean_row(next(path.open("rb")))
    start = time.perf_counter()
    with path.open("rb") as rows, (out / "rows.jsonl").open("wb") as file:
        for line in rows:
            file.write(clean_row(line))
    return time.perf_counter() - start


def with_map(path: Path, out: Path) -> float:
    """Clean with ``datasets.map`` in two processes, write Parquet; return the seconds."""
    import datasets

    datasets.disable_progress_bars()
    clean_row(next(path.open("rb")))
    start = time.perf_counter()
    rows = datasets.load_dataset("text", data_files=str(path), split="train", cache_dir=str(out / "cache"))
    rows.map(clean_text, num_proc=PROCESSES).to_parquet(out / "rows.parquet")
    return time.perf_counter() - start


def with_ray(path: Path, out: Path) -> float:
    """Clean with Ray Data's ``map`` on two CPUs, write Parquet; return the seconds."""
    import ray

    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))  # for the workers of Ray
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
    """Run one side, print rows and seconds, and keep its files in OUT."""
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
