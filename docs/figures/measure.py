"""Measurements for the figures of ``recipe.md``: ``python docs/figures/measure.py [BASE]``; minutes on two cores.

Two things are written to ``measured/``: the metrics of a run by the recipe `t4`, scaled to a small base, and how much
memory layers of FunctionGemma's shape keep for the backward pass.
"""

import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
MEASURED = HERE / "measured"
LAYERS = (2, 6, 18)
TOKENS = 1024
# What of t4 has to differ on a small machine: a small base, short rows, and steps enough out of 480 rows.
SCALED = {"device": '"any"', "max_seq_length": "1024", "accumulation": "1", "epochs": "4"}
# FunctionGemma-270M, but for the vocabulary, which has no part in what layers keep.
SHAPE = {
    "vocab_size": 4096, "hidden_size": 640, "intermediate_size": 2048, "num_attention_heads": 4,
    "num_key_value_heads": 1, "head_dim": 256, "sliding_window": 512, "max_position_embeddings": 32_768,
}  # fmt: skip


def write_recipe(path: Path, **changes: str) -> Path:
    """Write the recipe `t4` with some values changed."""
    text = (ROOT / "training" / "recipe" / "recipes" / "t4.toml").read_text(encoding="utf-8")
    for key, value in {**SCALED, **changes}.items():
        text, found = re.subn(rf"(?m)^{key} = [^#\n]*", f"{key} = {value}  ", text)
        if found != 1:
            raise ValueError(f"{key} occurs {found} times in the recipe")
    path.write_text(text, encoding="utf-8")
    return path


def measure_run(base: str, folder: Path) -> None:
    """Train on the bundled sample, and write the metrics that the figures use."""
    from dataset_tools.bundled import sample_path
    from dataset_tools.samples.build import BuildOptions, build
    from dataset_tools.samples.stage import SampleOptions
    from training.fit.metrics_log import read_metrics
    from training.fit.plan import plan_training
    from training.fit.train import train
    from training.recipe.recipe import load_recipe
    from training.tiny import tokenizer_path

    options = BuildOptions(samples=SampleOptions(max_length=1024, max_tools=3, shuffle_seed=7, verify=0))
    build([str(sample_path())], folder / "samples", str(tokenizer_path()), options)
    recipe = load_recipe(str(write_recipe(folder / "scaled.toml")))
    result = train(plan_training(recipe, str(folder / "samples"), folder / "run", base=base))
    kept = ("step", "loss", "learning_rate", "gradient_norm")
    lines = [{key: line[key] for key in kept} for line in read_metrics(result.output / "metrics.jsonl")]
    facts = {
        "schedule": result.manifest["recipe"]["values"]["schedule"],
        "optimizer": result.manifest["recipe"]["values"]["optimizer"],
        "base": Path(result.manifest["base"]["name"]).name,
        "rows": result.manifest["data"]["rows"],
        "versions": result.manifest["versions"],
    }
    text = "".join(json.dumps(line) + "\n" for line in [facts, *lines])
    (MEASURED / "run.jsonl").write_text(text, encoding="utf-8")


def measure_layers(folder: Path) -> None:
    """Measure what autograd keeps between forward and backward pass, with and without recomputation."""
    from training.fit.unsloth_model import import_unsloth

    import_unsloth()
    kept = {
        name: {layers: _kept_bytes(folder, layers, checkpointing) for layers in LAYERS}
        for name, checkpointing in (("kept", "false"), ("recomputed", "unsloth"))
    }
    text = json.dumps({"tokens": TOKENS, "bytes": kept}, indent=1)
    (MEASURED / "layers.json").write_text(text + "\n", encoding="utf-8")


def _kept_bytes(folder: Path, layers: int, checkpointing: str) -> int:
    import torch

    from training.base.base import find_base
    from training.fit.unsloth_model import add_adapter, load_model
    from training.recipe.recipe import load_recipe

    changed = write_recipe(folder / "layers.toml", gradient_checkpointing=f'"{checkpointing}"')
    recipe = load_recipe(str(changed))
    base, _ = load_model(find_base(str(_make_base(folder, layers))), recipe, "float32")
    model = add_adapter(base, recipe).train()
    weights = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
    storages: dict[int, int] = {}

    def pack(tensor: Any) -> Any:  # noqa: ANN401
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    ids = torch.randint(200, 4000, (1, TOKENS), generator=torch.Generator().manual_seed(0))
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        output = model(input_ids=ids, logits_to_keep=1)
    output.logits.sum().backward()
    return sum(storages.values())


def _make_base(folder: Path, layers: int) -> Path:
    import shutil

    import torch
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig

    from training.tiny import tokenizer_path

    path = folder / f"base-{layers}"
    if not path.is_dir():
        torch.manual_seed(0)
        kinds = ["full_attention" if n % 6 == 5 else "sliding_attention" for n in range(layers)]  # noqa: PLR2004
        config = Gemma3TextConfig(**SHAPE, num_hidden_layers=layers, layer_types=kinds)
        Gemma3ForCausalLM(config).to(torch.bfloat16).save_pretrained(path)
        shutil.copytree(tokenizer_path(), path, dirs_exist_ok=True)
    return path


def main() -> None:
    """Run both measurements."""
    MEASURED.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        measure_layers(Path(name))
        measure_run(sys.argv[1] if len(sys.argv) > 1 else "tiny", Path(name))


if __name__ == "__main__":
    main()
