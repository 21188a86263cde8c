"""FunctionGemma's tokenizer from Gemma 3's: seven unused tokens get the names of FunctionGemma's control tokens."""

import importlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dataset_tools.errors import InputError
from dataset_tools.samples.tokenizer import CONTROL_TOKENS

__all__ = ["VOCABULARY", "write_sentencepiece", "write_tokenizer"]

VOCABULARY = 262_144
"""Tokens of Gemma 3's text model; the package has one more, for images."""

_FIRST, _LAST = 46, 52
_NEW = {token_id: token for token, token_id in CONTROL_TOKENS.items() if _FIRST <= token_id <= _LAST}
_BASIC = ("<pad>", "<eos>", "<bos>", "<unk>")  # SentencePiece's own tokens
_FLAGS = ("content", "lstrip", "normalized", "rstrip", "single_word", "special")
_CONFIG = {
    "tokenizer_class": "GemmaTokenizer",
    "bos_token": "<bos>",
    "eos_token": "<eos>",
    "pad_token": "<pad>",
    "unk_token": "<unk>",
    "mask_token": "<mask>",
    "add_bos_token": True,
    "add_eos_token": False,
    "clean_up_tokenization_spaces": False,
    "model_max_length": 32768,
    "padding_side": "left",
}


def write_tokenizer(source: Path, folder: Path) -> list[str]:
    """Write ``tokenizer.json`` and ``tokenizer_config.json``.

    Args:
        source: ``tokenizer.json`` of Gemma 3.
        folder: receives the files.

    Returns:
        The pieces by id, with FunctionGemma's names.
    """
    content: dict[str, Any] = json.loads(source.read_text(encoding="utf-8"))
    vocabulary: dict[str, int] = content["model"]["vocab"]
    kept = {_NEW.get(at, piece): at for piece, at in vocabulary.items() if at < VOCABULARY}
    content["model"]["vocab"] = kept
    added = [token for token in content["added_tokens"] if token["id"] < VOCABULARY]
    content["added_tokens"] = [{**token, "content": _NEW.get(token["id"], token["content"])} for token in added]
    written = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    (folder / "tokenizer.json").write_text(written, encoding="utf-8")
    listed = {str(token["id"]): {flag: token[flag] for flag in _FLAGS} for token in content["added_tokens"]}
    config = json.dumps({**_CONFIG, "added_tokens_decoder": listed}, ensure_ascii=False, indent=2)
    (folder / "tokenizer_config.json").write_text(f"{config}\n", encoding="utf-8")
    return sorted(kept, key=kept.__getitem__)


def write_sentencepiece(vocabulary: Sequence[tuple[str, float, int]], pieces: Sequence[str], path: Path) -> None:
    """Write ``tokenizer.model``, which llama.cpp's converter needs.

    Args:
        vocabulary: piece, score and type by id, as a GGUF file of Gemma 3 stores them.
        pieces: the pieces of ``tokenizer.json`` by id.
        path: the file to write.

    Raises:
        InputError: both vocabularies differ.
    """
    protocol: Any = importlib.import_module("sentencepiece.sentencepiece_model_pb2")
    model = protocol.ModelProto()
    user, control = protocol.ModelProto.SentencePiece.USER_DEFINED, protocol.ModelProto.SentencePiece.CONTROL
    # llama.cpp's converter writes user-defined spaces as such, and counts tokens that look special as control tokens.
    stored = [piece.replace(" ", "▁") if kind == user else piece for piece, _, kind in vocabulary]
    stored = [_NEW.get(at, piece) for at, piece in enumerate(stored)]
    if stored != list(pieces):
        raise InputError("the packages have different vocabularies", hint="a package has changed; nothing was made")
    for piece, (_, score, kind) in zip(pieces, vocabulary, strict=True):
        model.pieces.add(piece=piece, score=score, type=user if kind == control and piece not in _BASIC else kind)
    model.pieces[CONTROL_TOKENS["<unk>"]].type = protocol.ModelProto.SentencePiece.UNKNOWN
    trainer = model.trainer_spec
    trainer.model_type, trainer.vocab_size = protocol.TrainerSpec.BPE, len(pieces)
    trainer.byte_fallback = trainer.split_digits = trainer.allow_whitespace_only_pieces = True
    trainer.pad_id, trainer.eos_id, trainer.bos_id, trainer.unk_id = (CONTROL_TOKENS[name] for name in _BASIC)
    trainer.pad_piece, trainer.eos_piece, trainer.bos_piece, trainer.unk_piece = _BASIC
    normalizer = model.normalizer_spec
    normalizer.name, normalizer.escape_whitespaces = "identity", True
    normalizer.add_dummy_prefix = normalizer.remove_extra_whitespaces = False
    path.write_bytes(model.SerializeToString(deterministic=True))
