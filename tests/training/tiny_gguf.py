"""Writer of GGUF files in float32, from a folder of the real architecture."""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import sentencepiece
from safetensors import safe_open

_UNSIGNED, _SIGNED, _TEXT, _LIST = 4, 5, 8, 9
_ALIGNMENT = 32
_NORMAL, _UNKNOWN, _CONTROL, _OWN, _BYTE = 1, 2, 3, 4, 6
_TENSORS = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "post_attention_layernorm": "post_attention_norm",
    "pre_feedforward_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "post_feedforward_layernorm": "post_ffw_norm",
}


def write_gguf(path: Path, folder: Path, **changes: Any) -> Path:
    """Write the model of a folder as GGUF; ``changes`` are metadata by their keys, dots written as two underscores."""
    facts = _facts(json.loads((folder / "config.json").read_text(encoding="utf-8")), folder / "tokenizer.model")
    facts.update({key.replace("__", "."): value for key, value in changes.items()})
    tensors = dict(_tensors(folder / "model.safetensors"))
    head = [struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(facts))]
    head += [_text(key) + _value(value) for key, value in facts.items()]
    place = 0
    for name, tensor in tensors.items():
        shape = tensor.shape[::-1]
        head.append(_text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, place))
        place += _padded(tensor.nbytes)
    start = b"".join(head)
    with path.open("wb") as file:
        file.write(start.ljust(_padded(len(start)), b"\0"))
        for tensor in tensors.values():
            file.write(tensor.tobytes().ljust(_padded(tensor.nbytes), b"\0"))
    return path


def _facts(config: Mapping[str, Any], tokenizer: Path) -> dict[str, Any]:
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(tokenizer))
    size = pieces.get_piece_size()
    return {
        "general.architecture": "gemma3",
        "gemma3.context_length": config["max_position_embeddings"],
        "gemma3.embedding_length": config["hidden_size"],
        "gemma3.block_count": config["num_hidden_layers"],
        "gemma3.feed_forward_length": config["intermediate_size"],
        "gemma3.attention.head_count": config["num_attention_heads"],
        "gemma3.attention.head_count_kv": config["num_key_value_heads"],
        "gemma3.attention.key_length": config["head_dim"],
        "gemma3.attention.value_length": config["head_dim"],
        "gemma3.attention.layer_norm_rms_epsilon": 1e-6,
        "gemma3.attention.sliding_window": config["sliding_window"],
        "gemma3.rope.freq_base": 1e6,
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.pre": "default",
        "tokenizer.ggml.tokens": [pieces.id_to_piece(at) for at in range(size)],
        "tokenizer.ggml.scores": [float(pieces.get_score(at)) for at in range(size)],
        "tokenizer.ggml.token_type": [_kind(pieces, at) for at in range(size)],
        "tokenizer.ggml.bos_token_id": 2,
        "tokenizer.ggml.eos_token_id": 1,
        "tokenizer.ggml.eot_token_id": 106,
        "tokenizer.ggml.unknown_token_id": 3,
        "tokenizer.ggml.padding_token_id": 0,
        "tokenizer.ggml.add_bos_token": True,
        "tokenizer.ggml.add_space_prefix": False,
    }


def _kind(pieces: sentencepiece.SentencePieceProcessor, at: int) -> int:
    if pieces.is_unknown(at):
        return _UNKNOWN
    if pieces.is_byte(at):
        return _BYTE
    piece = pieces.id_to_piece(at)
    if pieces.is_control(at) or (piece.startswith("<") and piece.endswith(">") and len(piece) > 2):
        return _CONTROL
    return _OWN if at < pieces.piece_to_id("<0x00>") else _NORMAL  # pieces of one's own stand before the bytes


def _tensors(path: Path) -> Any:
    with safe_open(path, framework="pt") as weights:
        for name in weights.keys():  # noqa: SIM118 - it is no dictionary
            tensor = weights.get_tensor(name).float().numpy()
            yield _renamed(name), tensor + np.float32(1) if "norm" in name else tensor


def _renamed(name: str) -> str:
    inner = name.removeprefix("model.").removesuffix(".weight")
    if not inner.startswith("layers."):
        return {"embed_tokens": "token_embd", "norm": "output_norm"}[inner] + ".weight"
    _, layer, part = inner.split(".", 2)
    return f"blk.{layer}.{_TENSORS[part]}.weight"


def _text(text: str) -> bytes:
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw


def _value(value: Any) -> bytes:
    if isinstance(value, list):
        kind, form = _form(value[0])
        if kind == _UNSIGNED:  # numbers alone are unsigned, and numbers in lists are not
            kind, form = _SIGNED, "<i"
        items = map(_text, value) if kind == _TEXT else (struct.pack(form, item) for item in value)
        return struct.pack("<IIQ", _LIST, kind, len(value)) + b"".join(items)
    kind, form = _form(value)
    return struct.pack("<I", kind) + (_text(value) if kind == _TEXT else struct.pack(form, value))


def _form(value: Any) -> tuple[int, str]:
    return {bool: (7, "<?"), int: (_UNSIGNED, "<I"), float: (6, "<f"), str: (_TEXT, "")}[type(value)]


def _padded(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT
