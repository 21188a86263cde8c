"""Small models of the real architecture: one that has learned a few answers, and adapters of noise."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dataset_tools.prompt.render import segments
from dataset_tools.samples.masking import Encoder, join
from dataset_tools.samples.tokenizer import load_tokenizer
from training.tiny import tokenizer_path

CONFIG: dict[str, Any] = {
    "vocab_size": 4096,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 6,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 32,
    "query_pre_attn_scalar": 32,
    "sliding_window": 512,
    "layer_types": ["sliding_attention"] * 5 + ["full_attention"],  # llama.cpp counts on every sixth
    "rope_parameters": {
        "sliding_attention": {"rope_type": "default", "rope_theta": 10_000.0},
        "full_attention": {"rope_type": "default", "rope_theta": 1_000_000.0},
    },
    "max_position_embeddings": 4096,
    "pad_token_id": 0,
    "eos_token_id": 1,
    "bos_token_id": 2,
}
STEPS, ENOUGH = 200, 0.02


def teach(folder: Path, records: Sequence[Any]) -> Path:
    """Write a model that knows the answers of the records, with its tokenizer; deterministic."""
    import torch
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig

    samples = join(Encoder(load_tokenizer(tokenizer_path())).tokens([segments(record) for record in records]))
    rows = [slice(*ends) for ends in zip(samples.offsets, samples.offsets[1:], strict=False)]
    width = max(row.stop - row.start for row in rows)
    ids, labels = torch.zeros(len(rows), width, dtype=torch.long), torch.full((len(rows), width), -100)
    for at, row in enumerate(rows):
        size = row.stop - row.start
        ids[at, :size] = torch.from_numpy(samples.input_ids[row].copy())
        labels[at, :size] = torch.from_numpy(samples.labels[row].copy())
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Gemma3ForCausalLM(Gemma3TextConfig(**CONFIG))
        optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
        for _ in range(STEPS):
            loss = model(input_ids=ids, attention_mask=(ids != 0).long(), labels=labels).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            if loss.item() < ENOUGH:
                break
    assert loss.item() < ENOUGH, loss.item()
    model.save_pretrained(folder)
    shutil.copytree(tokenizer_path(), folder, dirs_exist_ok=True)
    return folder


def write_adapter(folder: Path, base: Path, *, noise: float = 0.3) -> Path:
    """Write a LoRA adapter of noise as PEFT does, with the tokenizer."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    with torch.random.fork_rng():
        torch.manual_seed(1)
        config = LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj", "down_proj"], task_type="CAUSAL_LM")
        adapted = get_peft_model(AutoModelForCausalLM.from_pretrained(base), config)
        for name, weight in adapted.named_parameters():
            if "lora_B" in name:
                weight.data.normal_(0, noise)
    adapted.save_pretrained(folder)
    return folder


def merge_by_hand(folder: Path, base: Path, adapter: Path) -> Path:
    """Write the base's weights with the adapter's product added."""
    from safetensors.torch import load_file, save_file

    weights, noise = load_file(base / "model.safetensors"), load_file(adapter / "adapter_model.safetensors")
    scale = 2.0  # alpha over r
    for name, down in noise.items():
        if name.endswith("lora_A.weight"):
            up = noise[name.replace("lora_A", "lora_B")]
            target = name.removeprefix("base_model.model.").replace("lora_A.", "")
            weights[target] = weights[target] + scale * (up @ down)
    shutil.copytree(base, folder)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    return folder
