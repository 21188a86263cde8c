"""Benchmark of ``afg export`` against llama.cpp's converter: FunctionGemma's shape, random weights."""

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from publishing.export.gguf import find_converter

__all__ = ["export"]

_ROOT = Path(__file__).parent.parent
_LAYERS, _MOST = 18, 2
_SHAPE = {
    "vocab_size": 262_144, "hidden_size": 640, "intermediate_size": 2048, "num_hidden_layers": _LAYERS,
    "num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 256, "query_pre_attn_scalar": 256,
    "sliding_window": 512, "layer_types": (["sliding_attention"] * 5 + ["full_attention"]) * (_LAYERS // 6),
}  # fmt: skip
_MAKE = "import json, sys; from pathlib import Path; from tests.publishing.export.made_run import make_run; "
_MADE = "make_run(Path(sys.argv[1]), **json.loads(sys.argv[2]))"
_ID = "google/functiongemma-270m-it@0000000"


def export(folder: Path, times: int) -> None:
    """Print the time of a full release with all checks and of one F16 conversion, at most twice each."""
    converter = find_converter()
    if converter is None:
        raise SystemExit("the export needs the extra gguf")
    made, release = folder / "made", folder / "release"
    _timed([sys.executable, "-c", _MAKE + _MADE, str(made), json.dumps(_SHAPE)])
    command = [sys.executable, "-c", "from publishing.cli.main import main; main()", "export", str(made / "run"), "-q"]
    alone = [sys.executable, str(converter.script), str(release / "0" / "merged"), "--outtype", "f16", "--outfile"]
    seconds: dict[str, list[float]] = {
        "afg export with all checks on 8 prompts": [],
        "convert_hf_to_gguf.py alone, F16": [],
    }
    ours, theirs = seconds.values()
    for turn in range(min(times, _MOST)):
        ours.append(_timed([*command, "-o", str(release / str(turn)), "--name", "bench", "--base-id", _ID]))
        theirs.append(_timed([*alone, str(folder / "alone.gguf")]))
    for name, values in seconds.items():
        print(f"{name:<44}{statistics.median(values):8.1f} s   {min(values):.1f} to {max(values):.1f} s")
    for file in sorted((release / "0" / "gguf").glob("*.gguf"), key=lambda path: -path.stat().st_size):
        print(f"{file.name:<44}{file.stat().st_size / 1e6:8.1f} MB")
    print(f"{'F16 by the converter alone':<44}{(folder / 'alone.gguf').stat().st_size / 1e6:8.1f} MB")


def _timed(command: list[str]) -> float:
    environment = {**os.environ, "PYTHONPATH": str(_ROOT)}
    start = time.perf_counter()
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return time.perf_counter() - start
