"""Base models of the real architecture with random weights, for tests in which learning does not matter."""

import json
import shutil
from pathlib import Path
from typing import Any

from training.tiny import tokenizer_path

CONFIG: dict[str, Any] = {
    "architectures": ["Gemma3ForCausalLM"],
    "model_type": "gemma3_text",
    "vocab_size": 4096,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 32,
    "sliding_window": 64,
    "layer_types": ["sliding_attention", "sliding_attention", "full_attention"],
    "max_position_embeddings": 32768,
    "pad_token_id": 0,
    "eos_token_id": 1,
    "bos_token_id": 2,
}


def write_base(folder: Path, **changes: Any) -> Path:
    """A base that can be planned with: its files, with a few bytes for weights."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(tokenizer_path(), folder, dirs_exist_ok=True)
    (folder / "config.json").write_text(json.dumps({**CONFIG, **changes}), encoding="utf-8")
    (folder / "model.safetensors").write_bytes(b"")
    return folder
