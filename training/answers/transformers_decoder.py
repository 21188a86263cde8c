"""Decoding with transformers, on a GPU or a CPU; an adapter is merged when it is loaded."""

import warnings
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import Any

from dataset_tools.errors import InputError, TrainingError
from dataset_tools.prompt.render import Segment
from dataset_tools.samples.masking import Encoder
from dataset_tools.samples.tokenizer import CONTROL_TOKENS, STOP_IDS, load_tokenizer
from training.answers.decoder import Answer
from training.answers.model_source import ModelKind, ModelSource
from training.fit.failures import explain

__all__ = ["TorchDecoder", "batches_by_length"]

_ON_GPU, _ON_CPU = 32, 8  # default prompts per batch
_PAD = CONTROL_TOKENS["<pad>"]


class TorchDecoder:
    """A model in transformers.

    Args:
        source: merged weights or an adapter.
        batch: prompts decoded together; 0 chooses by device.

    Raises:
        InputError: the weights cannot be read.
    """

    def __init__(self, source: ModelSource, batch: int = 0) -> None:
        if source.tokenizer is None:
            raise InputError("no tokenizer", where=source.name)
        import torch

        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        bf16 = self.device == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        self._number = torch.bfloat16 if bf16 else torch.float32
        self.tokenizer = load_tokenizer(source.tokenizer.folder)
        self._name = source.name
        self.batch = batch or (_ON_GPU if self.device == "cuda" else _ON_CPU)
        self.model = self._load(source)

    @property
    def facts(self) -> dict[str, Any]:
        """Library and version, device, and dtype."""
        number = str(self._number).removeprefix("torch.")
        return {"backend": f"transformers {version('transformers')}", "device": self.device, "number": number}

    def answers(self, prompts: Sequence[Sequence[Segment]], max_tokens: int) -> Iterator[tuple[int, Answer]]:
        """Yield the index of each prompt with its answer; the longest first, so that memory runs out early or never.

        Raises:
            InputError: a prompt is longer than the context of the model.
            TrainingError: out of memory, or a hardware failure.
        """
        rows = [tokens.input_ids() for tokens in Encoder(self.tokenizer).tokens(prompts)]
        self._require_context(rows, max_tokens)
        for indices in batches_by_length(rows, self.batch):
            try:
                made = self.generate([rows[at] for at in indices], max_tokens)
            except Exception as error:
                known = explain(error, self._name, "the answers so far are kept; try a smaller --batch")
                if known is None:
                    raise
                raise known from error
            for at, ids in zip(indices, made, strict=True):
                yield at, self._answer(ids)

    def generate(self, rows: Sequence[list[int]], max_tokens: int) -> list[list[int]]:
        """Return the ids that follow each row, with the padding after them."""
        import torch

        width = max(map(len, rows))
        padded = torch.tensor([[_PAD] * (width - len(row)) + row for row in rows], device=self.device)
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows], device=self.device)
        with torch.inference_mode():
            out = self.model.generate(input_ids=padded, attention_mask=mask, max_new_tokens=max_tokens)
        return [list(map(int, row)) for row in out[:, width:].tolist()]

    def _answer(self, ids: Sequence[int]) -> Answer:
        end = next((at for at, token in enumerate(ids) if token in STOP_IDS), None)
        kept = ids if end is None else ids[:end]
        return Answer(self.tokenizer.decode(kept, skip_special_tokens=False), len(kept), end is not None)

    def _require_context(self, rows: Sequence[list[int]], max_tokens: int) -> None:
        context = self.model.config.max_position_embeddings
        longest = max(map(len, rows), default=0)
        if longest + max_tokens > context:
            what = f"the longest prompt has {longest:,} tokens and its answer up to {max_tokens:,}, of {context:,}"
            hint = "drop such rows, or offer fewer tools"
            raise InputError(what, where=self._name, hint=hint)

    def _load(self, source: ModelSource) -> Any:  # noqa: ANN401 - a model of transformers
        """Load the model; an adapter is merged in float32, because bfloat16 would round the sum."""
        import torch
        from transformers import AutoModelForCausalLM, GenerationConfig
        from transformers.utils import logging

        logging.set_verbosity_error()  # type: ignore[no-untyped-call]
        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        folder = source.base.folder if source.base else source.path
        number = torch.float32 if source.kind is ModelKind.ADAPTER else self._number
        try:
            model: Any = AutoModelForCausalLM.from_pretrained(
                folder, dtype=number, use_safetensors=True, local_files_only=True
            )
            if source.kind is ModelKind.ADAPTER:
                model = _merged(model, source)
            model = model.to(device=self.device, dtype=self._number).eval()
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            known = explain(error, self._name, "close other programs")
            if isinstance(known, TrainingError):
                raise known from error
            what = f"the model cannot be loaded: {(str(error).splitlines() or [''])[0]:.200}"
            raise InputError(what, where=source.name, hint="download or train it again") from error
        # Every other setting would come from the model's own folder.
        greedy: Any = GenerationConfig
        model.generation_config = greedy(do_sample=False, eos_token_id=sorted(STOP_IDS), pad_token_id=_PAD)
        return model


def batches_by_length(rows: Sequence[Sequence[int]], size: int) -> Iterator[list[int]]:
    """Yield the indices of rows of similar length, ``size`` at a time, the longest first."""
    indices = sorted(range(len(rows)), key=lambda at: (-len(rows[at]), at))
    return (indices[start : start + size] for start in range(0, len(indices), size))


def _merged(model: Any, source: ModelSource) -> Any:  # noqa: ANN401 - a model of transformers
    from peft import PeftModel

    with warnings.catch_warnings():
        warnings.simplefilter("error")  # PEFT only warns about missing weights
        adapted = PeftModel.from_pretrained(model, str(source.path), local_files_only=True)
    return adapted.merge_and_unload(safe_merge=True)
