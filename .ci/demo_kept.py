"""Check of the demo's results: ``python .ci/demo_kept.py demo-out``.

On the sample's held-out rows, FnAcc must be at least 0.75 and ArgEM (exact letters) at least 0.60 after fine-tuning,
and exceed the base model by 0.15 and 0.20. No trained row may have a question or call of a held-out row. The
training time is printed, not checked.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dataset_tools.bundled import SamplePart
from dataset_tools.bundled.parts import held_out, shared_keys, text
from dataset_tools.readers.row_reader import read_rows
from dataset_tools.readers.shards import plan_shards
from dataset_tools.records.reading import Inputs

AT_LEAST = {"fn_acc": 0.75, "arg_em_raw": 0.60}
TRAINED_ON = ("data/train.parquet", "drawn.jsonl")
ABOVE_THE_BASE = {"fn_acc": 0.15, "arg_em_raw": 0.20}


def broken(folder: Path) -> Iterator[str]:
    """Yield each broken promise."""
    before, after, run = (_read(folder / name) for name in ("before.json", "after.json", "run/run.json"))
    for name, found in (("before", before), ("after", after)):
        if [item["id"] for item in found["items"]] != held_out():
            yield f"{name}.json does not cover the {len(held_out())} held-out rows"
    for metric, least in AT_LEAST.items():
        value, base = after["metrics"][metric]["value"], before["metrics"][metric]["value"]
        sys.stdout.write(f"{metric}: {base:.3f} before, {value:.3f} after\n")
        if value < least:
            yield f"{metric} is {value:.3f} after training, below {least:.2f}"
        if value < base + ABOVE_THE_BASE[metric]:
            yield f"{metric} only rose from {base:.3f} to {value:.3f}"
    sys.stdout.write(f"training: {run['training_seconds']:.0f} s on {run['hardware']['cores']} cores\n")
    held = {key for line in text(SamplePart.TEST).splitlines() for key in shared_keys(json.loads(line))}
    for shard in plan_shards(Inputs.of([str(folder / name) for name in TRAINED_ON]).files):
        for row in read_rows(shard):
            if row.error or not held.isdisjoint(shared_keys(row.value)):
                yield f"{shard.file.place}:{row.line} cannot be read, or has a held-out row's question or call"


def _read(path: Path) -> Any:  # noqa: ANN401 - JSON is any value
    return json.loads(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    problems = list(broken(Path(sys.argv[1])))
    sys.stderr.writelines(f"the demo: {problem}\n" for problem in problems)
    sys.exit(bool(problems))
