"""Benchmark of time and memory per process on gigabytes of data and millions of rows.

``AFG_BENCH_GB`` sets the size in GB (5), ``AFG_BENCH_ROWS`` the numbers of rows. These cases take minutes and need
twice the size of the data on disk, so they run only on demand.
"""

import json
import os
import shutil
from pathlib import Path

import corpus
from watching import print_peaks, watched

_ROW_BYTES = 2_160  # of `corpus.write`


def large(folder: Path, times: int) -> None:
    """Print time and peak memory per process of ``clean`` into a folder of parts and of ``validate``."""
    del times
    path, out = folder / "large.jsonl", folder / "large-clean"
    gigabytes = float(os.environ.get("AFG_BENCH_GB", "5"))
    print(corpus.write(path, int(gigabytes * 1e9 / _ROW_BYTES)), flush=True)
    sides = {
        "clean": ["clean", str(path), "-o", f"{out}/", "--json", "--quiet"],
        "validate": ["validate", str(path), "--format", "json", "--quiet"],
    }
    for side, arguments in sides.items():
        seconds, said, peaks = watched([*arguments, "--workers", "2"])
        rows = int(json.loads(said)["rows_in" if side == "clean" else "rows"])
        name = f"{side} of {path.stat().st_size / 1e9:.1f} GB, 2 workers"
        print(f"{name:<44}{rows / seconds:8,.0f} rows/s   {rows:,} rows in {seconds:.0f} s")
        print_peaks(peaks)


def many(folder: Path, times: int) -> None:
    """Print the same for ``dedup`` and ``validate`` of varied rows, for each number in ``AFG_BENCH_ROWS``."""
    del times
    path, out = folder / "many.jsonl", folder / "distinct"
    for count in os.environ.get("AFG_BENCH_ROWS", "100000,1000000").split(","):
        print(corpus.write_many(path, int(count)), flush=True)
        sides = {
            "dedup": ["dedup", str(path), "-o", f"{out}/", "--json", "--quiet"],
            "validate": ["validate", str(path), "--format", "json", "--quiet"],
        }
        for side, arguments in sides.items():
            seconds, said, peaks = watched([*arguments, "--workers", "2"])
            report = json.loads(said)
            rows, name = int(count), f"{side} of {int(count):,} rows, 2 workers"
            print(f"{name:<44}{rows / seconds:8,.0f} rows/s   {seconds:.0f} s   {report.get('rejected', '')}")
            print_peaks(peaks)
        path.unlink()
        shutil.rmtree(out)
