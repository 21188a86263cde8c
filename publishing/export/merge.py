"""An adapter merged into its base: computed in float32, stored in bfloat16, with the base's tensor names.

:func:`tensor_differences` computes the adapter's change a second time, without PEFT, as a check.
"""

import errno
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dataset_tools.errors import ProofError
from dataset_tools.io.json_text import read_object
from dataset_tools.samples.tokenizer import STOP_IDS
from publishing.export.reference_model import TorchModel, adapter_tensors, first_line
from publishing.export.run import ADAPTER_CONFIG, TEMPLATE, TOKENIZER_MODEL

__all__ = ["WEIGHTS", "merged_tensors", "tensor_differences", "write_config", "write_merged", "write_tokenizer"]

WEIGHTS = "model.safetensors"
_HALF_STEP = 2.0**-8  # relative rounding error of bfloat16, for two orders of summation
_OS_ERROR = re.compile(r"os error (\d+)")
_ADDED = ("content", "lstrip", "normalized", "rstrip", "single_word", "special")
_LEFT_OVERS = ("_name_or_path", "unsloth_fixed", "unsloth_version", "_from_model_config")  # of trainers and savers


def merged_tensors(adapted: TorchModel, base: Path) -> dict[str, Any]:
    """Return the base's tensors plus the adapter's change, in bfloat16, by the base's names.

    Raises:
        ProofError: a sum is NaN.
    """
    import torch

    try:
        weights = adapted.model.merge_and_unload(safe_merge=True).state_dict()
    except ValueError as error:
        what = f"PEFT cannot merge the adapter: {first_line(error)}"
        raise ProofError(what, where="merged/", hint="train again, the adapter's numbers are too large") from error
    return {name: weights[name].to(torch.bfloat16).contiguous() for name, _ in _tensors(base)}


def write_merged(folder: Path, tensors: Mapping[str, Any]) -> None:
    """Write the weights as safetensors.

    Raises:
        OSError: the disk refuses; safetensors raises its own error with the system's error number in the text.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    try:
        save_file(dict(tensors), folder / WEIGHTS, metadata={"format": "pt"})
    except SafetensorError as error:
        number = _OS_ERROR.search(str(error))
        raise OSError(int(number[1]) if number else errno.EIO, str(error)) from error


def write_config(folder: Path, base: Path) -> None:
    """Write the base's ``config.json`` and ``generation_config.json``, in bfloat16, with FunctionGemma's stop ids."""
    config = _read(base / "config.json")
    config["torch_dtype" if "torch_dtype" in config else "dtype"] = "bfloat16"
    config["architectures"] = ["Gemma3ForCausalLM"]
    # Without it, transformers takes any large vocabulary for Mistral's and warns of wrong ids.
    config.setdefault("transformers_version", version("transformers"))
    generation = _read(base / "generation_config.json") if (base / "generation_config.json").is_file() else {}
    generation |= {"bos_token_id": 2, "pad_token_id": 0, "eos_token_id": sorted(STOP_IDS)}
    for name, content in (("config.json", config), ("generation_config.json", generation)):
        kept = {key: value for key, value in content.items() if key not in _LEFT_OVERS}
        _write(folder / name, kept)


def write_tokenizer(folder: Path, adapter: Path, model: Path) -> None:
    """Write the tokenizer of the training, with its SentencePiece model.

    The added tokens are repeated in ``tokenizer_config.json``, because llama.cpp's converter and transformers before
    version 5 look there for the control tokens.
    """
    for name in ("tokenizer.json", TEMPLATE):
        shutil.copyfile(adapter / name, folder / name)
    shutil.copyfile(model, folder / TOKENIZER_MODEL)
    config = _read(adapter / "tokenizer_config.json")
    added = _read(adapter / "tokenizer.json").get("added_tokens", [])
    config["added_tokens_decoder"] = {
        str(token["id"]): {key: token[key] for key in _ADDED} for token in sorted(added, key=lambda token: token["id"])
    }
    config.pop("chat_template", None)  # it has a file of its own
    _write(folder / "tokenizer_config.json", config)


def tensor_differences(merged: Path, base: Path, adapter: Path) -> Iterator[str]:
    """Yield each tensor of the merged weights that is not the base's plus the adapter's change."""
    import torch

    found, before = dict(_tensors(merged)), dict(_tensors(base))
    for name in sorted(found.keys() ^ before.keys()):
        yield f"{name} is only in the {'merged weights' if name in found else 'base'}"
    added = _added(adapter)
    for name in sorted(added.keys() - before.keys()):
        yield f"the adapter changes {name}, which the base does not have"
    changed = 0
    for name in sorted(found.keys() & before.keys()):
        tensor, old = found[name].float(), before[name].to(torch.bfloat16).float()
        if tensor.shape != old.shape:
            yield f"{name} has the shape {list(tensor.shape)}, not {list(old.shape)}"
            continue
        changed += not torch.equal(tensor, old)
        if not torch.isfinite(tensor).all():
            yield f"{name} holds NaN or infinity"
        elif name not in added and not torch.equal(tensor, old):
            yield f"{name} differs from the base's, but the adapter does not change it"
        elif name in added and (at := _off(tensor, before[name].float() + added[name])) is not None:
            yield f"{name} is not the base's plus the adapter's change, first at {at}"
    if not changed:
        yield "no tensor differs from the base: the adapter changes nothing"


def _added(adapter: Path) -> dict[str, Any]:
    """Return the adapter's change of each tensor, in float32, by the base's names."""
    config, tensors = _read(adapter / ADAPTER_CONFIG), adapter_tensors(adapter)
    rank = config["r"]
    scale = config["lora_alpha"] / (rank**0.5 if config.get("use_rslora") else rank)
    found = {}
    for name, down in tensors.items():
        if name.endswith(".lora_A.weight"):
            up = tensors[name.replace(".lora_A.", ".lora_B.")]
            target = name.removeprefix("base_model.model.").replace(".lora_A.weight", ".weight")
            found[target] = scale * (up.float() @ down.float())
    return found


def _off(tensor: Any, expected: Any) -> list[int] | None:  # noqa: ANN401 - tensors
    """Return the first index at which a bfloat16 tensor differs from the expected one by more than rounding."""
    far = (tensor - expected).abs() > expected.abs() * _HALF_STEP + 1e-7
    return [int(at) for at in far.nonzero()[0]] if far.any() else None


def _tensors(folder: Path) -> Iterator[tuple[str, Any]]:
    from safetensors import safe_open

    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="pt") as weights:
            for name in weights.keys():  # noqa: SIM118 - not a dictionary
                yield name, weights.get_tensor(name)


def _read(path: Path) -> dict[str, Any]:
    return read_object(path, "train again, from a complete base")


def _write(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
