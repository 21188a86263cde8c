"""TRL's trainer, set up by a recipe: nothing about a run is decided anywhere else.

Import this only after :func:`training.fit.unsloth_model.import_unsloth`, which patches TRL.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dataset_tools.samples.reader import SampleFolder
from training.fit.collator import CheckedCollator
from training.recipe.recipe import Number, Recipe

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import TrainerCallback

__all__ = ["TrainerOptions", "build_trainer", "trainer_arguments"]


@dataclass(frozen=True, slots=True)
class TrainerOptions:
    """What a trainer needs to know that does not follow from the recipe.

    Attributes:
        number: in what numbers the base computes.
        cache: the folder for the memory-mapped samples.
        validation: samples for the validation loss.
    """

    number: Number
    cache: Path
    validation: SampleFolder | None = None


def trainer_arguments(recipe: Recipe, number: Number, *, on_gpu: bool) -> dict[str, Any]:
    """What a recipe means in the words of TRL's ``SFTConfig``."""
    optimizer, schedule, intervals = recipe.optimizer, recipe.schedule, recipe.intervals
    arguments: dict[str, Any] = {
        "num_train_epochs": schedule.epochs,
        "per_device_train_batch_size": recipe.batch.rows,
        "per_device_eval_batch_size": recipe.batch.rows,
        "gradient_accumulation_steps": recipe.batch.accumulation,
        "optim": optimizer.gpu if on_gpu else optimizer.cpu,
        "adam_beta1": optimizer.beta1,
        "adam_beta2": optimizer.beta2,
        "adam_epsilon": optimizer.epsilon,
        "weight_decay": optimizer.weight_decay,
        "max_grad_norm": optimizer.max_grad_norm,
        "learning_rate": schedule.peak_learning_rate,
        "lr_scheduler_type": "cosine_with_min_lr",
        "lr_scheduler_kwargs": {"min_lr": schedule.final_learning_rate},
        "warmup_steps": schedule.warmup_steps,
        "bf16": number == "bfloat16",
        "fp16": False,  # never: its range is too small for Gemma 3
        "seed": recipe.seed,
        "data_seed": recipe.seed,
        "logging_steps": intervals.log_steps,
        "logging_nan_inf_filter": False,  # a loss that is no number must be seen
        "save_steps": intervals.save_steps,
        "save_total_limit": intervals.keep_checkpoints,
        "eval_steps": intervals.eval_steps,
        "max_length": None,  # nothing is cut off; the plan has looked at every length
        "packing": False,
        "padding_free": False,
        "dataset_kwargs": {"skip_prepare_dataset": True},  # the samples are ready: no tokenizing, no masking
    }
    if recipe.lora.gradient_checkpointing == "false":
        arguments["gradient_checkpointing"] = False
    return arguments


def build_trainer(
    recipe: Recipe,
    model: Any,  # noqa: ANN401 - a patched model
    tokenizer: Any,  # noqa: ANN401 - any tokenizer of transformers
    samples: SampleFolder,
    output: Path,
    *,
    options: TrainerOptions,
    callbacks: Sequence["TrainerCallback"] = (),
) -> Any:  # noqa: ANN401 - TRL's trainer as Unsloth has patched it
    """The trainer of a run: the recipe's arguments, the samples as they are, and batches that are held against them.

    Args:
        recipe: the recipe.
        model: the base with its adapter.
        tokenizer: the base's tokenizer; it only pads.
        samples: what is trained on.
        output: the folder of checkpoints.
        options: what does not follow from the recipe.
        callbacks: who is told of each step.
    """
    import torch
    from transformers import PrinterCallback
    from trl import SFTConfig, SFTTrainer
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

    validation = options.validation
    known = samples.digests() | (validation.digests() if validation else frozenset())
    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(
            output_dir=str(output),
            eval_strategy="steps" if validation else "no",
            report_to="none",  # services get the lines of metrics, from us
            disable_tqdm=True,
            **trainer_arguments(recipe, options.number, on_gpu=torch.cuda.is_available()),
        ),
        train_dataset=_dataset(samples, options.cache),
        eval_dataset=_dataset(validation, options.cache) if validation else None,
        processing_class=tokenizer,
        data_collator=CheckedCollator(DataCollatorForLanguageModeling(pad_token_id=tokenizer.pad_token_id), known),
        callbacks=list(callbacks),
    )
    if not torch.cuda.is_available():
        _drop_padding_masks(model)
    trainer.remove_callback(PrinterCallback)
    trainer.create_model_card = lambda *_, **__: None  # a form beside each checkpoint, for which TRL asks Trackio, too
    if not isinstance(trainer.data_collator, CheckedCollator):
        raise AssertionError("the trainer has put another collator in the place of the one that checks")  # noqa: TRY004
    return trainer


def _drop_padding_masks(model: Any) -> None:  # noqa: ANN401 - a PEFT model
    """Let a processor's attention skip what lies ahead of each token, which takes a third off a step.

    Padding stands behind each row's end, so no real token can see it even without a mask; told that masks are causal
    and no more, torch computes half as much. On a GPU Unsloth chooses its kernels itself.
    """

    def causal(_module: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, dict[str, Any]]:  # noqa: ANN401
        mask = named.get("attention_mask")
        if mask is not None and mask.ndim == 2 and bool((mask.diff(dim=1) <= 0).all()):  # noqa: PLR2004 - rows by tokens
            named = {**named, "attention_mask": None}
        return arguments, named

    model.get_base_model().model.register_forward_pre_hook(causal, with_kwargs=True)


def _dataset(samples: SampleFolder, cache: Path) -> "Dataset":
    """Return ids and labels as a memory-mapped dataset, so that memory does not grow with the number of rows."""
    from datasets import Dataset, disable_progress_bars

    disable_progress_bars()
    files = [str(file) for file in samples.files]
    return Dataset.from_parquet(files, columns=["input_ids", "labels"], cache_dir=str(cache))
