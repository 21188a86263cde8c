"""A run as `afg train` writes it, without training: a random base, a random adapter, and `run.json`."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from training.fit.run_manifest import hash_files
from training.tiny import tokenizer_path

ROOT = Path(__file__).parents[3]
LAYERS = 6  # the sixth has full attention, as in the published model
CONFIG: dict[str, Any] = {
    "architectures": ["Gemma3ForCausalLM"],
    "model_type": "gemma3_text",
    "vocab_size": 4096,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 32,
    "query_pre_attn_scalar": 32,
    "sliding_window": 1024,
    "layer_types": [*["sliding_attention"] * (LAYERS - 1), "full_attention"],
    "max_position_embeddings": 32768,
    "pad_token_id": 0,
    "eos_token_id": 1,
    "bos_token_id": 2,
}
RANK, ALPHA = 8, 16
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
PUBLIC = "google/functiongemma-270m-it@0123456789abcdef0123456789abcdef01234567"

_MAKE = """
import json, sys, torch
from pathlib import Path
from peft import LoraConfig, get_peft_model
from transformers import Gemma3ForCausalLM, Gemma3TextConfig
base, adapter, config, rank, alpha, targets = json.loads(sys.argv[1])
torch.manual_seed(0)
model = Gemma3ForCausalLM(Gemma3TextConfig(**config))
for parameter in model.parameters():  # the default start is so small that all tokens are nearly tied
    if parameter.dim() > 1:
        torch.nn.init.normal_(parameter, std=0.15)
model.to(torch.bfloat16).save_pretrained(base)
adapted = get_peft_model(model, LoraConfig(r=rank, lora_alpha=alpha, target_modules=targets, task_type="CAUSAL_LM"))
for name, parameter in adapted.named_parameters():
    if "lora_" in name:
        torch.nn.init.normal_(parameter, std=0.02)
adapted.save_pretrained(adapter)
"""


def make_run(folder: Path, **changes: Any) -> Path:
    """Write base and run into a folder, in a process without a patched torch; return the run."""
    base, run = folder / "base", folder / "run"
    shutil.copytree(tokenizer_path(), base)
    shutil.copytree(tokenizer_path(), run / "adapter", ignore=shutil.ignore_patterns("tokenizer.model"))
    made = json.dumps([str(base), str(run / "adapter"), {**CONFIG, **changes}, RANK, ALPHA, TARGETS])
    subprocess.run([sys.executable, "-c", _MAKE, made], check=True, capture_output=True, timeout=120)
    (run / "adapter" / "README.md").unlink(missing_ok=True)
    write_manifest(run, base)
    return run


def write_manifest(run: Path, base: Path, **changes: Any) -> None:
    """Write the part of ``run.json`` that an export reads."""
    weights = hash_files(sorted(base.glob("*.safetensors")))
    manifest = {
        "command": "train",
        "status": "complete",
        "recipe": {"name": "t4", "values": {"model": {"base": str(base)}}},
        "base": {"name": str(base), "revision": "", "weights_sha256": weights},
        "data": {"folder": "samples", "inputs": [{"name": str(run / "records.jsonl")}]},
        "versions": {"python": "3.11", "unsloth": "2026.10.9"},
        **changes,
    }
    (run / "run.json").write_text(json.dumps(manifest), encoding="utf-8")
