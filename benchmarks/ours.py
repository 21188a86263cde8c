"""This project's side: one library call in a fresh process.

``python benchmarks/ours.py validate|clean FILE WORKERS`` prints the rows done, the seconds that they took (start-up of
Python left out, that of worker processes included) and the peak memory of this process in MB.
"""

import json
import sys
import tempfile
import time
from pathlib import Path


def main(side: str, path: str, workers: str) -> None:
    """Time one call over a file."""
    from dataset_tools.cleaning import CleanOptions, clean  # noqa: PLC0415 - start-up is not what is measured
    from dataset_tools.transform import Outputs  # noqa: PLC0415
    from dataset_tools.validate import Options, validate  # noqa: PLC0415

    with tempfile.TemporaryDirectory(dir=Path(path).parent) as folder:
        output = Path(folder) / "clean.jsonl"
        start = time.perf_counter()
        if side == "validate":
            rows = validate([path], Options(workers=int(workers))).rows
        else:
            outputs = Outputs(output, Outputs.default_rejects(output))
            rows = clean([path], outputs, CleanOptions(workers=int(workers))).rows_in
        seconds = time.perf_counter() - start
    print(json.dumps({"rows": rows, "seconds": seconds, "megabytes": peak()}))


def peak() -> float:
    """Peak memory of this process in MB. Not ``ru_maxrss``: Linux starts that at what the parent had used."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
