"""Weights whose rows do not fit llama.cpp's quantised types are padded, and answer as before."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from publishing.export.whole_blocks import BLOCK, with_whole_blocks
from training.tiny import base_path

# The logits of both folders, computed in 64-bit floats, in a process of its own: Unsloth wants to come before torch.
SCRIPT = """
import sys
from pathlib import Path
import torch
from transformers import AutoModelForCausalLM
from publishing.export.whole_blocks import with_whole_blocks
merged, room = map(Path, sys.argv[1:])
padded = with_whole_blocks(merged, room)
tokens = torch.arange(100, 160)[None]
first, second = (
    AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64)(tokens).logits for folder in (merged, padded)
)
print(padded.name, float((first - second).abs().max()) / float(first.std()))
"""


def test_rows_that_fit_are_left_alone(tmp_path: Path) -> None:
    """FunctionGemma's own size is a multiple of the block: nothing is copied."""
    (tmp_path / "config.json").write_text(json.dumps({"intermediate_size": 64 * BLOCK}), encoding="utf-8")
    assert with_whole_blocks(tmp_path, tmp_path / "room") == tmp_path
    assert not (tmp_path / "room").exists()


@pytest.mark.slow
def test_padding_changes_no_logit(tmp_path: Path) -> None:
    """The bundled base has 312 neurons a layer; with 320 it gives the same numbers."""
    room = tmp_path / "room"
    command = [sys.executable, "-c", SCRIPT, str(base_path()), str(room)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    name, distance = done.stdout.split()
    assert name == "room"
    assert float(distance) < 1e-9
    assert json.loads((room / "config.json").read_text(encoding="utf-8"))["intermediate_size"] == 320
    assert {path.name for path in room.iterdir()} == {path.name for path in base_path().iterdir()}
