"""Base models of the real architecture with random weights, for tests in which learning does not matter."""

import importlib.util
import json
import re
import shutil
from pathlib import Path
from types import ModuleType
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


def load_figures() -> ModuleType:
    """Return the script that draws the figures of docs/recipe.md, which has the formula of the learning rate."""
    spec = importlib.util.spec_from_file_location("draw", ROOT / "docs" / "figures" / "draw.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write_base(folder: Path, **changes: Any) -> Path:
    """Write a base that a plan accepts: all files, with an empty file of weights."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(tokenizer_path(), folder, dirs_exist_ok=True)
    (folder / "config.json").write_text(json.dumps({**CONFIG, **changes}), encoding="utf-8")
    (folder / "model.safetensors").write_bytes(b"")
    return folder


def write_random_base(folder: Path) -> Path:
    """Write a trainable base of the real architecture with random weights."""
    from training.fit.unsloth_model import import_unsloth

    import_unsloth()  # before transformers, which it patches
    import torch
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig

    torch.set_num_threads(1)  # a second thread gains nothing at this size
    write_base(folder)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Gemma3ForCausalLM(Gemma3TextConfig(**CONFIG)).to(torch.bfloat16)
    model.save_pretrained(folder)
    return folder


def short_recipe(path: Path, **changes: str) -> Path:
    """Write the demo recipe with ten steps and with t4's rate and checkpointing; ``changes`` are values by key."""
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
