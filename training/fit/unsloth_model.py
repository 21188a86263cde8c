"""The model: loaded by Unsloth with the recipe's adapter.

Unsloth must be imported before the packages that it patches, and its import takes seconds, so every function here
imports it first and nothing imports it earlier. Without a GPU the same calls run on its CPU backend.
"""

import importlib
import os
import sys
import warnings
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from dataset_tools.errors import InputError, TrainingError
from training.base.base import Base
from training.recipe.recipe import Dtype, Recipe

__all__ = ["add_adapter", "import_unsloth", "load_model"]

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
