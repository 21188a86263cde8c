"""One library call of this project in a new process.

``python benchmarks/ours.py validate|clean|build|evaluate|dedup|split FILE WORKERS [OUT]`` prints rows, seconds (without
imports, with the start of worker processes) and the peak memory in MB. ``build`` and ``clean`` keep their output in
OUT if given; ``evaluate`` reads the predictions from OUT.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

from dataset_tools.executor.run import Work


def main(side: str, path: str, workers: str, out: str = "") -> None:
    """Run one call on a file and print its time."""
    from dataset_tools.cleaning.clean import CleanOptions, clean
    from dataset_tools.dedup.dedup import DedupOptions, dedup
    from dataset_tools.pipeline.outputs import Outputs
    from dataset_tools.samples.build import BuildOptions, build
    from dataset_tools.split.split import SplitOptions, split
    from dataset_tools.validation.validate import ValidateOptions, validate
    from training.evaluate.evaluate import evaluate
    from training.tiny import tokenizer_path

    if side == "build":
        import transformers.models.auto.tokenization_auto  # noqa: F401 - needed by the template check
    with tempfile.TemporaryDirectory(dir=Path(path).parent) as folder:
        output = Path(out or f"{folder}/clean.jsonl")
        start = time.perf_counter()
        if side == "validate":
            rows = validate([path], ValidateOptions(work=Work(workers=int(workers)))).rows
        elif side == "build":
            samples = Path(out or f"{folder}/samples")
            rows = build([path], samples, str(tokenizer_path()), BuildOptions(work=Work(workers=int(workers)))).rows_in
        elif side == "evaluate":
            rows = len(evaluate([path], Path(out), output=Path(folder) / "eval.json").verdicts)
        elif side == "dedup":
            outputs = Outputs(output)
            rows = dedup([path], outputs, DedupOptions(work=Work(workers=int(workers)))).rows_in
        elif side == "split":
            rows = split([path], Path(folder) / "data", SplitOptions(work=Work(workers=int(workers)))).facts["rows_in"]
        else:
            outputs = Outputs(output)
            rows = clean([path], outputs, CleanOptions(work=Work(workers=int(workers)))).rows_in
        seconds = time.perf_counter() - start
    print(json.dumps({"rows": rows, "seconds": seconds, "megabytes": peak()}))


def peak() -> float:
    """Return the peak memory of this process in MB. ``ru_maxrss`` would include the peak of the parent on Linux."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
