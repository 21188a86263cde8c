"""Merged weights whose feed-forward fills the blocks of 32 numbers that llama.cpp's quantised types store.

FunctionGemma's does. For a base whose does not, llama.cpp has no other type to fall back on and refuses the whole file.
"""

import json
import shutil
from pathlib import Path
from typing import Any

__all__ = ["BLOCK", "with_whole_blocks"]

BLOCK = 32
"""Numbers of a row that quantised types store together."""

_CONFIG, _WEIGHTS, _SIZE = "config.json", "model.safetensors", "intermediate_size"
_PRODUCERS, _CONSUMER = ("gate_proj.weight", "up_proj.weight"), "down_proj.weight"


def with_whole_blocks(merged: Path, room: Path) -> Path:
    """The folder to convert: ``merged`` if its rows fit, else a copy in ``room`` that is padded with zeros.

    The padding changes no answer: a neuron whose gate and input weights are zero is gelu(0) * 0 = 0, and its column
    of the matrix that reads it is zero besides.
    """
    config = json.loads((merged / _CONFIG).read_text(encoding="utf-8"))
    more = -int(config[_SIZE]) % BLOCK
    if not more:
        return merged
    from safetensors.torch import load_file, save_file  # noqa: PLC0415 - torch takes seconds
    from torch.nn.functional import pad  # noqa: PLC0415

    shutil.copytree(merged, room, ignore=shutil.ignore_patterns(_WEIGHTS, _CONFIG))
    tensors: dict[str, Any] = load_file(merged / _WEIGHTS)
    for name, tensor in tensors.items():
        if name.endswith(_PRODUCERS):
            tensors[name] = pad(tensor, (0, 0, 0, more))
        elif name.endswith(_CONSUMER):
            tensors[name] = pad(tensor, (0, more))
    save_file(tensors, room / _WEIGHTS, metadata={"format": "pt"})
    (room / _CONFIG).write_text(json.dumps({**config, _SIZE: config[_SIZE] + more}), encoding="utf-8")
    return room
