"""This project's side: one library call in a fresh process.

``python benchmarks/ours.py validate|clean|build|evaluate|dedup|split FILE WORKERS [OUT]`` prints the rows done, the
seconds that they took (imports left out, the start of worker processes included) and the peak memory in MB.
``build`` leaves its samples in OUT if that is given, ``clean`` its records; ``evaluate`` reads the predictions there.
"""

import json
import sys
import tempfile
import time
from pathlib import Path


def main(side: str, path: str, workers: str, out: str = "") -> None:
    """Time one call over a file."""
    from dataset_tools.building import BuildOptions, build  # noqa: PLC0415 - start-up is not what is measured
    from dataset_tools.cleaning import CleanOptions, clean  # noqa: PLC0415
    from dataset_tools.dedup import DedupOptions, dedup  # noqa: PLC0415
    from dataset_tools.splitting import SplitOptions, split  # noqa: PLC0415
    from dataset_tools.transform import Outputs  # noqa: PLC0415
    from dataset_tools.validate import Options, validate  # noqa: PLC0415
    from training.eval_file import write_evaluation  # noqa: PLC0415
    from training.evaluate import evaluate  # noqa: PLC0415
    from training.evaluate_page import evaluation_page  # noqa: PLC0415
    from training.tiny import tokenizer_path  # noqa: PLC0415

    if side == "build":
        import transformers.models.auto.tokenization_auto  # noqa: F401, PLC0415 - what the comparison imports
    with tempfile.TemporaryDirectory(dir=Path(path).parent) as folder:
        output = Path(out or f"{folder}/clean.jsonl")
        start = time.perf_counter()
        if side == "validate":
            rows = validate([path], Options(workers=int(workers))).rows
        elif side == "build":
            samples = Path(out or f"{folder}/samples")
            rows = build([path], samples, str(tokenizer_path()), BuildOptions(workers=int(workers))).rows_in
        elif side == "evaluate":
            evaluation = evaluate([path], Path(out))
            write_evaluation(Path(folder) / "eval.json", evaluation)
            evaluation_page(evaluation)
            rows = len(evaluation.verdicts)
        elif side == "dedup":
            outputs = Outputs(output, Outputs.default_rejects(output))
            rows = dedup([path], outputs, DedupOptions(workers=int(workers))).rows_in
        elif side == "split":
            rows = split([path], Path(folder) / "sides", SplitOptions(workers=int(workers))).facts["rows_in"]
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
