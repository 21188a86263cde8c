"""Benchmark of the recipe on a GPU against TRL and PEFT without Unsloth: ``python benchmarks/gpu_training.py``.

The base has FunctionGemma's shape and random weights. Rows have 4,096 random tokens; the last tenth is trained. Speed
and memory do not depend on the values. Each side is its own process: all Unsloth sides first run a few steps at the
same time, to compile the kernels; then every side is timed alone. The output is a Markdown table and, with
``--json FILE``, every number.

Memory is the peak that the process allocated. ``held`` limits a side to the memory of a T4.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

_HERE = Path(__file__).resolve().parent
_LENGTH, _ROWS, _TRAINED = 4096, 64, 410
_T4_GIB = 14.5
_WARM = 3  # steps that are not timed: they compile and fill caches
_GIB = 2**30
_PACKAGES = ("torch", "transformers", "unsloth", "unsloth_zoo", "trl", "peft", "bitsandbytes", "triton")


class Side(NamedTuple):
    """A training set-up: library, dtype, number of layers, and an optional limit to the memory of a T4.

    ``recomputed`` enables PyTorch's gradient checkpointing on sides without Unsloth.
    """

    name: str
    unsloth: bool
    dtype: str
    layers: int = 18
    held: bool = False
    recomputed: bool = False


SIDES = [
    Side("recipe, bfloat16", unsloth=True, dtype="bfloat16"),
    Side("TRL + PEFT, bfloat16", unsloth=False, dtype="bfloat16"),
    Side("TRL + PEFT, bfloat16, recomputing", unsloth=False, dtype="bfloat16", recomputed=True),
    Side("recipe, float32-compute, held to 14.5 GiB", unsloth=True, dtype="float32-compute", held=True),
    *(Side(f"recipe, bfloat16, {n} layers", unsloth=True, dtype="bfloat16", layers=n) for n in (2, 6)),
    *(Side(f"TRL + PEFT, bfloat16, {n} layers", unsloth=False, dtype="bfloat16", layers=n) for n in (2, 6)),
]


def run_side(side: Side, folder: Path, steps: int) -> dict[str, Any]:
    """Train for ``steps`` steps; return seconds per step, and memory in GiB at rest and at the peak."""
    from training.base.base import find_base
    from training.recipe.recipe import load_recipe

    recipe = load_recipe("t4")
    base = find_base(str(make_base(folder, side.layers)))
    samples = make_samples(folder)
    load = _load_recipe if side.unsloth else _load_plain
    trainer = load(side, recipe, base, samples, folder / side.name.replace(" ", "-"))
    import torch
    from transformers import TrainerCallback

    marks: list[float] = []

    class Clock(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, *_: object, **__: object) -> None:
            torch.cuda.synchronize()
            marks.append(time.perf_counter())

    trainer.add_callback(Clock())
    trainer.args.max_steps = steps
    resting = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    start = time.perf_counter()
    trainer.train()
    seconds = [b - a for a, b in zip([start, *marks], marks, strict=False)]
    tokens = recipe.batch.rows_per_step * _LENGTH
    timed = seconds[_WARM:] or seconds
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    return {
        "side": side.name,
        "rows": recipe.batch.rows,
        "accumulation": recipe.batch.accumulation,
        "seconds": seconds,
        "tokens_per_second": tokens / statistics.median(timed),
        "spread": [tokens / max(timed), tokens / min(timed)],
        "resting_gib": resting / _GIB,
        "peak_gib": torch.cuda.max_memory_allocated() / _GIB,
        "reserved_gib": torch.cuda.max_memory_reserved() / _GIB,
        "loss": losses[-1:],
        "gpu": torch.cuda.get_device_name(),
        "gpu_gib": torch.cuda.get_device_properties(0).total_memory / _GIB,
    }


def _load_recipe(side: Side, recipe: Any, base: Any, samples: Any, output: Path) -> Any:  # noqa: ANN401
    """Build the trainer of the recipe with the project's code."""
    from training.fit.unsloth_model import add_adapter, import_unsloth, load_model

    import_unsloth()
    _hold(side)
    from training.fit.trainer import build_trainer

    model, tokenizer = load_model(base, recipe, side.dtype)
    model = add_adapter(model, recipe)
    return build_trainer(recipe, model, tokenizer, samples, output, dtype=side.dtype)


def _load_plain(side: Side, recipe: Any, base: Any, samples: Any, output: Path) -> Any:  # noqa: ANN401
    """Build a trainer as in the TRL and PEFT documentation, with the recipe's adapter, optimiser and batch."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    from training.fit.trainer import trainer_arguments

    _hold(side)
    model = AutoModelForCausalLM.from_pretrained(base.folder, dtype=torch.bfloat16, attn_implementation="sdpa")
    lora = recipe.lora
    config = LoraConfig(r=lora.r, lora_alpha=lora.alpha, target_modules=list(lora.targets), task_type="CAUSAL_LM")
    arguments = trainer_arguments(recipe, side.dtype, on_gpu=True)
    arguments["gradient_checkpointing"] = side.recomputed
    return SFTTrainer(
        model=get_peft_model(model, config),
        args=SFTConfig(output_dir=str(output), report_to="none", disable_tqdm=True, **arguments),
        train_dataset=Dataset.from_parquet([str(file) for file in samples.files], columns=["input_ids", "labels"]),
        processing_class=AutoTokenizer.from_pretrained(base.folder),
    )


def _hold(side: Side) -> None:
    import torch

    if side.held:
        total = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(min(_T4_GIB * _GIB / total, 1.0))


def make_base(folder: Path, layers: int) -> Path:
    """Write a base of FunctionGemma-270M's shape with ``layers`` layers and random weights, once."""
    base = folder / f"base-{layers}"
    if (base / "ready").is_file():
        return base
    import torch
    from transformers import AutoTokenizer, Gemma3ForCausalLM, Gemma3TextConfig

    from training.tiny import tokenizer_path

    torch.manual_seed(0)
    kinds = ["full_attention" if (n + 1) % 6 == 0 else "sliding_attention" for n in range(layers)]
    config = Gemma3TextConfig(
        vocab_size=262_144, hidden_size=640, intermediate_size=2048, num_hidden_layers=layers, num_attention_heads=4,
        num_key_value_heads=1, head_dim=256, query_pre_attn_scalar=256, sliding_window=512, layer_types=kinds,
        max_position_embeddings=32_768, dtype="bfloat16",
    )  # fmt: skip
    Gemma3ForCausalLM(config).to(torch.bfloat16).save_pretrained(base)
    AutoTokenizer.from_pretrained(tokenizer_path()).save_pretrained(base)
    (base / "ready").touch()
    return base


def make_samples(folder: Path) -> Any:  # noqa: ANN401 - after imports
    """Write rows of random tokens with the end of each trained, as a built dataset."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from dataset_tools.samples.reader import SampleFolder

    folder = folder / f"samples-{os.getpid()}"
    folder.mkdir()
    ids = np.random.default_rng(0).integers(200, 262_000, (_ROWS, _LENGTH), dtype=np.int32)
    labels = ids.copy()
    labels[:, : _LENGTH - _TRAINED] = -100
    empty = [""] * _ROWS
    columns = {"id": empty, "input_ids": list(ids), "labels": list(labels), "dialect": empty, "domain": empty}
    pq.write_table(pa.table(columns), folder / "data.parquet")
    (folder / "build.json").write_text(json.dumps({"files": [{"name": "data.parquet", "sha256": ""}]}))
    return SampleFolder(folder)


def measure(folder: Path, steps: int, seconds: int, keep: Callable[[list[dict[str, Any]]], None]) -> None:
    """Run all Unsloth sides at once to compile, then time each side alone; pass each result to ``keep``."""
    for layers in {side.layers for side in SIDES}:
        make_base(folder, layers)
    compiling = [_start(side, folder, 2, folder / f"compiling-{n}.log") for n, side in enumerate(SIDES) if side.unsloth]
    deadline = time.monotonic() + seconds
    for process in compiling:
        process.wait(max(deadline - time.monotonic(), 1))
    found: list[dict[str, Any]] = []
    for number, side in enumerate(SIDES):
        log = folder / f"{number}.log"
        process = _start(side, folder, steps, log)
        process.wait(max(deadline - time.monotonic(), 1))
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        if process.returncode:
            found.append({"side": side.name, "error": "\n".join(lines[-15:])})
        else:
            found.append(json.loads(next(line for line in reversed(lines) if line.startswith("{"))))
        print(json.dumps(found[-1]), flush=True)
        keep(found)


def _start(side: Side, folder: Path, steps: int, log: Path) -> subprocess.Popen[bytes]:
    cache = {
        "TORCHINDUCTOR_CACHE_DIR": str(folder / "inductor" / side.name.replace(" ", "-")),
        "UNSLOTH_COMPILE_LOCATION": str(folder / "unsloth" / side.name.replace(" ", "-")),
    }
    command = [sys.executable, __file__, "--folder", str(folder), "--steps", str(steps), "--side", side.name]
    with log.open("wb") as stream:
        return subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT, env={**os.environ, **cache})


def print_table(found: list[dict[str, Any]]) -> None:
    """Print versions, the machine and the results as a Markdown table."""
    good = [entry for entry in found if "error" not in entry]
    if good:
        known = ", ".join(f"{name} {_version(name)}" for name in _PACKAGES)
        print(f"\n{good[0]['gpu']}, {good[0]['gpu_gib']:.0f} GiB; {known}\n")
    print("| side | tokens/s | peak memory | resting |\n| --- | --- | --- | --- |")
    for entry in found:
        if "error" in entry:
            print(f"| {entry['side']} | failed | | |\n{entry['error']}")
            continue
        low, high = entry["spread"]
        print(
            f"| {entry['side']} | {entry['tokens_per_second']:,.0f} ({low:,.0f} to {high:,.0f}) "
            f"| {entry['peak_gib']:.2f} GiB | {entry['resting_gib']:.2f} GiB |"
        )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def main() -> None:
    """Measure all sides, or one side in a child process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=12, help="steps per side; the first three are not timed")
    parser.add_argument("--seconds", type=int, default=1800, help="time limit for all sides")
    parser.add_argument("--json", type=Path, help="write every number to this file")
    parser.add_argument("--side", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        side = next(side for side in SIDES if side.name == options.side)
        print("\n" + json.dumps(run_side(side, options.folder, options.steps)))
        return
    sys.path.insert(0, str(_HERE.parent))
    os.environ["PYTHONPATH"] = f"{_HERE.parent}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    found: list[dict[str, Any]] = []

    def keep(sides: list[dict[str, Any]]) -> None:
        found[:] = sides
        if options.json:
            options.json.write_text(json.dumps(sides, indent=1), encoding="utf-8")

    with tempfile.TemporaryDirectory() as folder:
        measure(options.folder or Path(folder), options.steps, options.seconds, keep)
    print_table(found)


if __name__ == "__main__":
    main()
