"""Architecture of the tiny base: FunctionGemma's, with every size scaled down.

The bundled weights were trained with a feed-forward size of 312 and then padded with zeros to 320, because llama.cpp's
quantized types store blocks of 32 numbers. The padded model computes the same logits: bit for bit in bfloat16 and
float64, up to the order of summation (4e-5) in float32. The first line of ``pretrain.jsonl`` records both sizes.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from dataset_tools.samples.tokenizer import CONTROL_TOKENS, STOP_IDS
from tools.tiny.vocabulary import VOCABULARY_SIZE

if TYPE_CHECKING:
    from transformers import Gemma3ForCausalLM

__all__ = ["ARCHITECTURE", "new_model", "save"]

_LAYERS = 8
_HEAD = 64
_FULL = 4

ARCHITECTURE: dict[str, Any] = {
    "vocab_size": VOCABULARY_SIZE,
    "hidden_size": 224,
    "intermediate_size": 320,
    "num_hidden_layers": _LAYERS,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": _HEAD,
    "query_pre_attn_scalar": _HEAD,
    # Every sixth layer of the 270M model has full attention; with so few layers, every fourth.
    "layer_types": [f"{'sliding' if place % _FULL else 'full'}_attention" for place in range(1, _LAYERS + 1)],
    # The window of Gemma 3's larger models; the longest row of the sample fits.
    "sliding_window": 1024,
    "max_position_embeddings": 32768,
    "rope_parameters": {
        "sliding_attention": {"rope_type": "default", "rope_theta": 10_000.0},
        "full_attention": {"rope_type": "default", "rope_theta": 1_000_000.0},
    },
    "tie_word_embeddings": True,
    "bos_token_id": CONTROL_TOKENS["<bos>"],
    "eos_token_id": CONTROL_TOKENS["<eos>"],
    "pad_token_id": CONTROL_TOKENS["<pad>"],
}
"""Arguments of ``Gemma3TextConfig``."""


def new_model(seed: int) -> "Gemma3ForCausalLM":
    """Return a model with random weights in float32."""
    import torch
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig

    torch.manual_seed(seed)
    made: Any = Gemma3ForCausalLM
    model: Gemma3ForCausalLM = made(Gemma3TextConfig(**ARCHITECTURE))
    return model


def save(model: "Gemma3ForCausalLM", folder: Path) -> None:
    """Write the model in bfloat16.

    Raises:
        OSError: the folder cannot be written to.
    """
    import copy

    import torch
    from transformers import GenerationConfig

    rounded: Any = copy.deepcopy(model)
    rounded = rounded.to(device="cpu", dtype=torch.bfloat16)
    greedy: Any = GenerationConfig
    rounded.generation_config = greedy(
        bos_token_id=CONTROL_TOKENS["<bos>"],
        eos_token_id=sorted(STOP_IDS),
        pad_token_id=CONTROL_TOKENS["<pad>"],
        do_sample=False,
    )
    rounded.save_pretrained(folder)
