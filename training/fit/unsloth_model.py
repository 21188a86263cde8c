"""The model: loaded by Unsloth with the recipe's adapter, which is saved with the base's tokenizer and chat template.

Unsloth must be imported before the packages that it patches, and its import takes seconds, so the functions that load
import it first and nothing imports it earlier. Without a GPU the same calls run on its CPU backend.
"""

import importlib
import json
import os
import shutil
import sys
import warnings
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from dataset_tools.errors import InputError, TrainingError
from dataset_tools.io.atomic_folder import AtomicFolder
from training.base.base import Base
from training.recipe.recipe import Dtype, Recipe

__all__ = ["add_adapter", "import_unsloth", "load_model", "save_adapter"]

_CHECKPOINTING: dict[str, str | bool] = {"unsloth": "unsloth", "true": True, "false": False}
_FORCED = "UNSLOTH_FORCE_FLOAT32"
_ENVIRONMENT = {
    "UNSLOTH_DISABLE_STATISTICS": "1",  # no report of each loaded model to Unsloth's makers
    "UNSLOTH_DISABLE_AUTO_PADDING_FREE": "1",  # batches keep their rows, which are compared with the dataset
    "UNSLOTH_COMPILE_LOCATION": str(
        Path.home() / ".cache" / "arabic-functiongemma" / "unsloth"
    ),  # not the working directory
    "TOKENIZERS_PARALLELISM": "false",  # nothing is tokenized, and forked workers would warn
}
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "*_config.json", "*_tokens*.json", "chat_template.jinja")
_NOT_OURS = {"generation_config.json", "adapter_config.json"}
_CONFIG = "adapter_config.json"


def import_unsloth() -> Any:  # noqa: ANN401 - it publishes no types
    """Return the ``unsloth`` package; its messages go to standard error.

    Raises:
        TrainingError: Unsloth is not installed, or does not work on this machine.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        with redirect_stdout(sys.stderr), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about optional packages
            return importlib.import_module("unsloth")
    except (ImportError, NotImplementedError) as error:
        what = f"Unsloth cannot be loaded: {str(error).splitlines()[0]}"
        raise TrainingError(what, hint="`afg doctor` shows what is missing") from error


def load_model(base: Base, recipe: Recipe, dtype: Dtype) -> tuple[Any, Any]:
    """Return the base model with this dtype, and its tokenizer.

    Raises:
        InputError: the weights cannot be read.
        TrainingError: Unsloth cannot be loaded, or would compute in plain float16.
    """
    unsloth = import_unsloth()
    import torch
    from safetensors import SafetensorError

    # Asked for float16, Unsloth stores Gemma 3's weights in 16 bits and computes in float32.
    types = {"bfloat16": torch.bfloat16, "float32": torch.float32, "float32-compute": torch.float16}
    os.environ.pop(_FORCED, None)
    try:
        with redirect_stdout(sys.stderr):
            model, tokenizer = unsloth.FastModel.from_pretrained(
                str(base.folder),
                tokenizer_name=str(base.tokenizer.folder),
                max_seq_length=recipe.model.max_seq_length,
                dtype=types[dtype],
                load_in_4bit=recipe.model.load_in_4bit,
                full_finetuning=recipe.model.full_finetuning,
                use_gradient_checkpointing=_CHECKPOINTING[recipe.lora.gradient_checkpointing],
                local_files_only=True,
            )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        if "out of memory" in str(error).lower():
            raise
        what = f"the model cannot be loaded: {str(error).splitlines()[0]:.200}"
        raise InputError(what, where=str(base.folder), hint="download the base again") from error
    if dtype == "float32-compute" and os.environ.get(_FORCED) != "1":
        raise TrainingError(
            "Unsloth would compute in float16, which overflows Gemma 3's activations",
            hint="install another version of Unsloth, or use a GPU with bfloat16",
        )
    return model, tokenizer


def add_adapter(model: Any, recipe: Recipe) -> Any:  # noqa: ANN401 - a patched model
    """Return the model with the recipe's LoRA adapter, initialized with the recipe's seed."""
    unsloth = import_unsloth()
    lora = recipe.lora
    with redirect_stdout(sys.stderr):
        return unsloth.FastModel.get_peft_model(
            model,
            r=lora.r,
            lora_alpha=lora.alpha,
            lora_dropout=lora.dropout,
            bias=lora.bias,
            target_modules=list(lora.targets),
            use_gradient_checkpointing=_CHECKPOINTING[lora.gradient_checkpointing],
            random_state=recipe.seed,
            max_seq_length=recipe.model.max_seq_length,
        )


def save_adapter(model: Any, base: Base, folder: Path) -> None:  # noqa: ANN401 - a patched model
    """Write the adapter of ``model`` to ``folder``, which appears only when it is complete.

    Raises:
        OutputError: the folder cannot be written.
        TrainingError: PEFT has written no weights.
    """
    with AtomicFolder(folder, ["*"]) as target:
        partial = target.file(_CONFIG).parent
        model.save_pretrained(partial)
        (partial / "README.md").unlink(missing_ok=True)  # PEFT's empty form; publishing writes the card
        if not any(partial.glob("*.safetensors")):
            raise TrainingError("PEFT wrote no adapter weights", where=str(folder))
        _name_base(partial / _CONFIG, base)
        for pattern in _TOKENIZER_FILES:
            for path in base.tokenizer.folder.glob(pattern):
                if path.name not in _NOT_OURS:
                    shutil.copyfile(path, partial / path.name)
        for path in partial.iterdir():  # PEFT writes the weights readable by their owner only
            path.chmod((partial / _CONFIG).stat().st_mode)


def _name_base(path: Path, base: Base) -> None:
    """Put the user's name of the base in the place of the local folder that PEFT knows, and sort the targets."""
    config = json.loads(path.read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = base.name
    config["revision"] = base.revision or None
    config["target_modules"] = sorted(config["target_modules"])
    path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
