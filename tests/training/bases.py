"""Base models of the real architecture with random weights, for tests in which learning does not matter."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

from training.tiny import tokenizer_path

ROOT = Path(__file__).parents[2]
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


def write_random_base(folder: Path) -> Path:
    """A base whose weights are random, of the real architecture: it can be trained, and knows nothing."""
    from training.fit.unsloth_model import import_unsloth

    import_unsloth()  # before transformers, which it patches
    import torch
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig

    torch.set_num_threads(1)  # a second one gains nothing at this size, and waits where the cores are busy
    write_base(folder)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Gemma3ForCausalLM(Gemma3TextConfig(**CONFIG)).to(torch.bfloat16)
    model.save_pretrained(folder)
    return folder


def short_recipe(path: Path, **changes: str) -> Path:
    """The demo recipe with ten steps, and with t4's rate and recomputation; ``changes`` are values by their keys."""
    text = (ROOT / "training" / "recipe" / "recipes" / "demo.toml").read_text(encoding="utf-8")
    values = {
        "rows": "4", "accumulation": "2", "epochs": "2", "warmup_steps": "3", "save_steps": "4",
        "peak_learning_rate": "1e-3", "gradient_checkpointing": '"unsloth"',
        **changes,
    }  # fmt: skip
    for key, value in values.items():
        text, found = re.subn(rf"(?m)^{key} = [^#\n]*", f"{key} = {value}  ", text)
        assert found == 1, key
    path.write_text(text, encoding="utf-8")
    return path
