"""The model: Unsloth's, loaded as the recipe says, with the recipe's adapter on it.

Unsloth has to be imported before anything that it patches, so everything here imports it first, and nothing imports it
before a model is wanted: that takes seconds. Without a GPU it runs the same calls on its CPU backend.
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
from training.recipe.recipe import Number, Recipe

__all__ = ["add_adapter", "import_unsloth", "load_model"]

_CHECKPOINTING: dict[str, str | bool] = {"unsloth": "unsloth", "true": True, "false": False}
_FORCED = "UNSLOTH_FORCE_FLOAT32"
_ENVIRONMENT = {
    "UNSLOTH_DISABLE_STATISTICS": "1",  # it would tell its makers of each model that is loaded
    "UNSLOTH_DISABLE_AUTO_PADDING_FREE": "1",  # batches stay rows, so that each can be held against the dataset
    "UNSLOTH_COMPILE_LOCATION": str(
        Path.home() / ".cache" / "arabic-functiongemma" / "unsloth"
    ),  # not the user's folder
    "TOKENIZERS_PARALLELISM": "false",  # nothing is tokenized, and forked workers would warn
}


def import_unsloth() -> Any:  # noqa: ANN401 - it publishes no types
    """The ``unsloth`` package, with its greetings on standard error.

    Raises:
        TrainingError: it is not installed, or does not work on this machine.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        with redirect_stdout(sys.stderr), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it speaks of packages that it would like and does not need
            return importlib.import_module("unsloth")
    except (ImportError, NotImplementedError) as error:
        what = f"Unsloth cannot be used here: {str(error).splitlines()[0]}"
        raise TrainingError(what, hint="`afg doctor` says what is missing") from error


def load_model(base: Base, recipe: Recipe, number: Number) -> tuple[Any, Any]:
    """The base model and its tokenizer, computing in ``number``.

    Raises:
        InputError: the weights cannot be read.
        TrainingError: Unsloth cannot be used, or would compute in plain float16.
    """
    unsloth = import_unsloth()
    import torch
    from safetensors import SafetensorError

    # For Gemma 3, Unsloth answers float16 with weights in 16 bits that are computed with in float32.
    types = {"bfloat16": torch.bfloat16, "float32": torch.float32, "float32-compute": torch.float16}
    os.environ.pop(_FORCED, None)
    try:
        with redirect_stdout(sys.stderr):
            model, tokenizer = unsloth.FastModel.from_pretrained(
                str(base.folder),
                tokenizer_name=str(base.tokenizer.folder),
                max_seq_length=recipe.model.max_seq_length,
                dtype=types[number],
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
    if number == "float32-compute" and os.environ.get(_FORCED) != "1":
        raise TrainingError(
            "Unsloth would compute in float16, which overflows Gemma 3's activations",
            hint="install another version of Unsloth, or use a GPU with bfloat16",
        )
    return model, tokenizer


def add_adapter(model: Any, recipe: Recipe) -> Any:  # noqa: ANN401 - a patched model
    """The model with the recipe's LoRA adapter, whose first weights follow from the recipe's seed."""
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
