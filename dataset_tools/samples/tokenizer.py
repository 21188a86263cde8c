"""FunctionGemma's tokenizer: found on disk or on the Hub, checked, and used without torch or transformers.

Prompts are tokenized in segments, because control tokens split the text into independent parts. A tokenizer for which
this does not hold, or whose control tokens have other ids than FunctionGemma's, is rejected with the reason.
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dataset_tools.errors import InputError, UsageError
from dataset_tools.io.checksums import sha256
from dataset_tools.io.hub_download import download
from dataset_tools.io.json_text import read_object

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = [
    "CONTROL_TOKENS",
    "STOP_IDS",
    "TokenizerFiles",
    "find_tokenizer",
    "load_tokenizer",
    "require_functiongemma",
    "texts_across_spaces",
]

CONTROL_TOKENS = {
    "<pad>": 0,
    "<eos>": 1,
    "<bos>": 2,
    "<unk>": 3,
    "<start_function_declaration>": 46,
    "<end_function_declaration>": 47,
    "<start_function_call>": 48,
    "<end_function_call>": 49,
    "<start_function_response>": 50,
    "<end_function_response>": 51,
    "<escape>": 52,
    "<start_of_turn>": 105,
    "<end_of_turn>": 106,
}
"""Control tokens with their ids in FunctionGemma's vocabulary."""

STOP_IDS = frozenset((1, 50, 106))
"""Ids that stop generation: end of text, start of a tool response, end of a turn."""

_FILES = ("tokenizer.json", "tokenizer_config.json", "tokenizer.model", "chat_template.jinja", "*_tokens*.json")
_NEEDED = "tokenizer.json"

_SPACE = "▁"  # a space in pieces
# Spaces become that mark, so Gemma's pre-tokenizer finds no space to split at.
_NORMALIZER = {"type": "Replace", "pattern": {"String": " "}, "content": _SPACE}
_PRE_TOKENIZERS = (
    None,
    {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False},
)
_BYTES = 256
_MOST_ACROSS = 20  # texts to search for in every prompt


@dataclass(frozen=True, slots=True)
class TokenizerFiles:
    """Location of a tokenizer.

    Attributes:
        name: the name that the user gave, without a revision.
        revision: the commit on the Hub; empty for a folder.
        folder: the folder with its files.
    """

    name: str
    revision: str
    folder: Path

    def sha256(self) -> str:
        """Return the SHA-256 of ``tokenizer.json``; equal hashes give equal ids."""
        return sha256(self.folder / _NEEDED)

    def chat_template(self) -> str | None:
        """Return the chat template of the tokenizer, if it has one.

        Raises:
            InputError: ``tokenizer_config.json`` is damaged.
        """
        file = self.folder / "chat_template.jinja"
        if file.is_file():
            return file.read_text(encoding="utf-8")
        found = _config(self.folder).get("chat_template")
        if isinstance(found, list):  # named templates; transformers takes the default one
            named = {entry.get("name"): entry.get("template") for entry in found if isinstance(entry, dict)}
            found = named.get("default")
        return found if isinstance(found, str) else None


def find_tokenizer(name: str) -> TokenizerFiles:
    """Find a tokenizer in a folder, or as ``ORG/NAME[@REVISION]`` on the Hub, which is downloaded once.

    Raises:
        InputError: there is none, or it cannot be reached.
        UsageError: ``name`` is neither.
    """
    folder = Path(name)
    if name and folder.is_dir():
        if not (folder / _NEEDED).is_file():
            raise InputError(f"no {_NEEDED} in this folder", where=name, hint="save the tokenizer with transformers")
        return TokenizerFiles(name, "", folder.resolve())
    repo, _, revision = name.partition("@")
    if folder.exists() or repo.count("/") != 1 or name.startswith((".", "/", "~")):
        hint = "a folder with tokenizer.json, or ORG/NAME[@REVISION] on the Hub"
        raise UsageError(f"{name!r} is not a tokenizer", hint=hint)
    folder = download(name, repo, "model", revision or None, _FILES)
    if not (folder / _NEEDED).is_file():
        raise InputError(f"the repository has no {_NEEDED}", where=name, hint="name a model that has a fast tokenizer")
    return TokenizerFiles(repo, folder.name, folder)


@lru_cache(maxsize=2)
def load_tokenizer(folder: Path) -> "Tokenizer":
    """Return the tokenizer of a folder, loaded once per process.

    Raises:
        InputError: ``tokenizer.json`` cannot be read.
    """
    import tokenizers

    path = folder / _NEEDED
    try:
        loaded = tokenizers.Tokenizer.from_file(str(path))
    except Exception as error:
        raise InputError(f"not a tokenizer: {error!s:.200}", where=str(path), hint="download it again") from error
    loaded.no_padding()
    loaded.no_truncation()
    return loaded


def require_functiongemma(files: TokenizerFiles) -> None:
    """Require a tokenizer with FunctionGemma's control tokens that can be used segment by segment.

    Raises:
        InputError: it has other control tokens, or its ids depend on neighbouring segments.
    """
    where = str(files.folder / _NEEDED)
    tokenizer = load_tokenizer(files.folder)
    hint = "use the tokenizer of google/functiongemma-270m-it"
    for token, wanted in CONTROL_TOKENS.items():
        found = tokenizer.token_to_id(token)
        if found != wanted:
            what = f"{token} has the id {found}, not {wanted}" if found is not None else f"{token} is missing"
            raise InputError(f"not FunctionGemma's tokenizer: {what}", where=where, hint=hint)
        between = tokenizer.encode(f"ا {token} ب", add_special_tokens=False)
        # A token that absorbs spaces around it makes ids depend on the neighbours.
        if wanted not in between.ids or tokenizer.decode(between.ids, skip_special_tokens=False) != f"ا {token} ب":
            raise InputError(f"not FunctionGemma's tokenizer: {token} is not a separate token", where=where, hint=hint)
    mixed = next((piece for piece in tokenizer.get_vocab() if "\n" in piece and piece.strip("\n")), None)
    if mixed is not None:
        what = (
            f"the piece {mixed!r} joins a newline with text, so the header of a turn would depend on the text after it"
        )
        raise InputError(what, where=where, hint=hint)


def texts_across_spaces(tokenizer: "Tokenizer") -> tuple[str, ...] | None:
    """Return the texts that must not be split at spaces; None if no text may be split.

    The ids of any other text are those of its words, each with the space before it: no merge can join a space with
    the text before it, and only merges look at more than one character. The texts are those of the pieces with a space
    after another character. Gemma 3 has one in 262,144, the end of two tags: ``> </``.
    """
    from tokenizers.models import BPE

    model = tokenizer.model
    if not isinstance(model, BPE) or model.dropout or model.continuing_subword_prefix or model.end_of_word_suffix:
        return None
    if _settings(tokenizer.normalizer) != _NORMALIZER or _settings(tokenizer.pre_tokenizer) not in _PRE_TOKENIZERS:
        return None
    added = tokenizer.get_added_tokens_decoder().values()
    if any(token.lstrip or token.rstrip or token.single_word for token in added):
        return None
    pieces = tokenizer.get_vocab(with_added_tokens=False)
    # Bytes encode characters that no piece has, so there are no unknown characters, which could be fused.
    if not model.byte_fallback or not all(f"<0x{byte:02X}>" in pieces for byte in range(_BYTES)):
        return None
    if any(_is_across(token.content.replace(" ", _SPACE)) for token in added):
        return None
    found = sorted(piece.replace(_SPACE, " ") for piece in pieces if _is_across(piece))
    return tuple(found) if len(found) <= _MOST_ACROSS else None


def _is_across(piece: str) -> bool:
    return _SPACE in piece.lstrip(_SPACE)


def _settings(part: Any) -> Any:  # noqa: ANN401 - a part of a tokenizer, of many types
    """Return the settings of a part of a tokenizer; None if it has no such part."""
    return None if part is None else json.loads(part.__getstate__())


def _config(folder: Path) -> dict[str, Any]:
    path = folder / "tokenizer_config.json"
    return read_object(path, "download it again") if path.is_file() else {}
