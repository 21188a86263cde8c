"""Reference model of the checks: transformers in float32 on the CPU, so that results do not depend on the machine."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dataset_tools.errors import InputError, ProofError
from dataset_tools.samples.tokenizer import STOP_IDS, load_tokenizer

__all__ = ["TorchModel", "adapter_tensors", "first_line", "load_adapted", "load_merged"]


class TorchModel:
    """A loaded model with its tokenizer.

    Attributes:
        model: a model of transformers or PEFT.
    """

    def __init__(self, model: Any, tokenizer: Path) -> None:  # noqa: ANN401 - a model
        self.model = model.eval()
        self._tokenizer = load_tokenizer(tokenizer)

    def tokens(self, prompt: str) -> list[int]:
        """Return the token ids of a prompt, which includes its BOS."""
        ids: list[int] = self._tokenizer.encode(prompt, add_special_tokens=False).ids
        return ids

    def text(self, ids: Sequence[int]) -> str:
        """Return the text of an answer without its stop token."""
        kept = [token for at, token in enumerate(ids) if at < len(ids) - 1 or token not in STOP_IDS]
        return str(self._tokenizer.decode(kept, skip_special_tokens=False))

    def answer(self, prompt: str, most: int) -> list[int]:
        """Return greedily chosen ids after a prompt, with the stop id."""
        import torch

        ids = torch.tensor([self.tokens(prompt)])
        with torch.inference_mode():
            made = self.model.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=most,
                do_sample=False,
                eos_token_id=sorted(STOP_IDS),
                pad_token_id=0,
            )
        return [int(token) for token in made[0, ids.shape[1] :]]

    def logits(self, prompt: str, answer: Sequence[int]) -> Any:  # noqa: ANN401 - a tensor
        """Return the logits (tokens by vocabulary) that each token of an answer is chosen by; at least of the first."""
        import torch

        before = self.tokens(prompt)
        wanted = max(len(answer), 1)
        ids = torch.tensor([[*before, *answer[: wanted - 1]]])
        with torch.inference_mode():
            return self.model(input_ids=ids, logits_to_keep=wanted).logits[0].float()


def load_adapted(base: Path, adapter: Path) -> TorchModel:
    """Load a base with an adapter, not merged.

    Raises:
        InputError: the base cannot be loaded.
        ProofError: PEFT does not load every tensor of the adapter unchanged.
    """
    from peft import PeftModel, get_peft_model_state_dict
    from safetensors import SafetensorError

    whole = _whole(base)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # PEFT only warns of missing weights
            adapted = PeftModel.from_pretrained(whole, str(adapter), local_files_only=True)
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, SafetensorError, Warning) as error:
        what = f"PEFT cannot load the adapter on its base: {first_line(error)}"
        raise ProofError(what, where=f"{adapter.name}/", hint="train again") from error
    loaded, stored = get_peft_model_state_dict(adapted, save_embedding_layers=False), adapter_tensors(adapter)
    if bad := [name for name, tensor in stored.items() if not tensor.isfinite().all()]:
        raise ProofError(f"{bad[0]} holds NaN or infinity", where=f"{adapter.name}/", hint="train again")
    wrong = sorted(loaded.keys() ^ stored.keys()) or [name for name in stored if not _same(loaded[name], stored[name])]
    if wrong:
        raise ProofError(f"PEFT loads the adapter without {wrong[0]}", where=f"{adapter.name}/", hint="train again")
    return TorchModel(adapted, adapter)


def load_merged(folder: Path) -> TorchModel:
    """Load merged weights.

    Raises:
        ProofError: a weight is missing, superfluous, NaN or infinite.
    """
    try:
        return TorchModel(_whole(folder), folder)
    except InputError as error:
        raise ProofError(error.what, where=f"{folder.name}/", hint="export again") from error


def adapter_tensors(adapter: Path) -> dict[str, Any]:
    """Return the tensors of an adapter by name."""
    from safetensors.torch import load_file

    return load_file(adapter / "adapter_model.safetensors")


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, cut to 200 characters."""
    return f"{(str(error).splitlines() or [''])[0]:.200}"


def _whole(folder: Path) -> Any:  # noqa: ANN401 - a model
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, use_safetensors=True, local_files_only=True, output_loading_info=True
        )
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        what = f"transformers cannot load it: {first_line(error)}"
        raise InputError(what, where=str(folder), hint="download it again") from error
    model, found = loaded
    for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if found.get(kind):
            what = f"{kind.replace('_', ' ')}: {', '.join(sorted(map(str, found[kind]))[:3])}"
            raise InputError(what, where=str(folder), hint="download it again")
    for name, weight in model.named_parameters():
        if not weight.isfinite().all():
            raise InputError(f"{name} holds NaN or infinity", where=str(folder), hint="download it again")
    return model


def _same(one: Any, other: Any) -> bool:  # noqa: ANN401 - tensors
    import torch

    return one.shape == other.shape and bool(torch.equal(one.float().cpu(), other.float()))
