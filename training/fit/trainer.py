"""TRL's trainer with the arguments of a recipe, and batches checked against the samples.

Import this only after :func:`training.fit.unsloth_model.import_unsloth`, which patches TRL.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dataset_tools.samples.masking import IGNORED
from dataset_tools.samples.reader import SampleFolder, sample_digest
from training.recipe.recipe import Dtype, Recipe

if TYPE_CHECKING:
    import torch
    from datasets import Dataset

__all__ = ["CACHE", "CHECKPOINTS", "CheckedCollator", "build_trainer", "trainer_arguments"]

CACHE, CHECKPOINTS = "cache", "checkpoints"


class CheckedCollator:
    """A collator that pads rows to a batch and then checks each row of the batch.

    Args:
        collate: TRL's own collator.
        known: the digests of all samples.
    """

    def __init__(
        self, collate: Callable[[Sequence[dict[str, Any]]], "dict[str, torch.Tensor]"], known: frozenset[bytes]
    ) -> None:
        self._collate = collate
        self._known = known

    def __call__(self, rows: Sequence[dict[str, Any]]) -> "dict[str, torch.Tensor]":
        """Return the batch: ids, labels and attention mask, each of shape [rows, tokens].

        Raises:
            AssertionError: a row of the batch is not a built sample; a defect, never a user's mistake.
        """
        batch = self._collate(rows)
        ids, labels, attended = (batch[name].numpy() for name in ("input_ids", "labels", "attention_mask"))
        if len(ids) != len(rows):
            raise AssertionError(f"{len(rows)} rows became a batch of {len(ids)}")
        for row in range(len(rows)):
            real = attended[row] == 1
            if sample_digest(ids[row][real], labels[row][real]) not in self._known:
                raise AssertionError("a batch has a row whose ids or labels differ from the built samples")
            if (labels[row][~real] != IGNORED).any():
                raise AssertionError("a batch trains on padding")
        return batch


def trainer_arguments(recipe: Recipe, dtype: Dtype, *, on_gpu: bool) -> dict[str, Any]:
    """Return the recipe as arguments of TRL's ``SFTConfig``."""
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
        "bf16": dtype == "bfloat16",
        "fp16": False,  # never: its range is too small for Gemma 3
        "seed": recipe.seed,
        "data_seed": recipe.seed,
        "logging_steps": intervals.log_steps,
        "logging_nan_inf_filter": False,  # a NaN loss must be visible
        "save_steps": intervals.save_steps,
        "save_total_limit": intervals.keep_checkpoints,
        "eval_steps": intervals.eval_steps,
        "max_length": None,  # no row is truncated; the plan has checked the lengths
        "packing": False,
        "padding_free": False,
        "dataset_kwargs": {"skip_prepare_dataset": True},  # samples are tokenized and masked already
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
    dtype: Dtype,
    validation: SampleFolder | None = None,
) -> Any:  # noqa: ANN401 - TRL's trainer as Unsloth has patched it
    """Return the trainer of a run; it takes the samples as built and checks every batch against them.

    Args:
        recipe: the recipe.
        model: the base with its adapter.
        tokenizer: the base's tokenizer, used for padding only.
        samples: the training data.
        output: the folder of the run, for :data:`CHECKPOINTS` and memory-mapped samples in :data:`CACHE`.
        dtype: the dtype of the base.
        validation: the data of the validation loss.
    """
    import torch
    from transformers import PrinterCallback
    from trl import SFTConfig, SFTTrainer
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

    cache = output / CACHE
    known = samples.digests() | (validation.digests() if validation else frozenset())
    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(
            output_dir=str(output / CHECKPOINTS),
            eval_strategy="steps" if validation else "no",
            report_to="none",  # our own trackers get the metrics
            disable_tqdm=True,
            **trainer_arguments(recipe, dtype, on_gpu=torch.cuda.is_available()),
        ),
        train_dataset=_dataset(samples, cache),
        eval_dataset=_dataset(validation, cache) if validation else None,
        processing_class=tokenizer,
        data_collator=CheckedCollator(DataCollatorForLanguageModeling(pad_token_id=tokenizer.pad_token_id), known),
    )
    if not torch.cuda.is_available():
        _drop_padding_masks(model)
    trainer.remove_callback(PrinterCallback)
    trainer.create_model_card = lambda *_, **__: None  # an empty form for each checkpoint, which imports Trackio
    if not isinstance(trainer.data_collator, CheckedCollator):
        raise AssertionError("the trainer has replaced the checked collator")  # noqa: TRY004
    return trainer


def _drop_padding_masks(model: Any) -> None:  # noqa: ANN401 - a PEFT model
    """Drop masks that only hide padding on a CPU, which makes a step a third faster.

    Padding is at the end of each row, so the causal mask hides it from real tokens anyway; with a causal mask alone,
    torch skips half of the attention. On a GPU Unsloth chooses its own kernels.
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
