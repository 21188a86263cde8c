"""The base model that a recipe adapts: found, and held against what the recipe needs, before anything is loaded."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataset_tools.errors import InputError, UsageError
from dataset_tools.io.hub_download import download
from dataset_tools.io.jsonl import read_object
from dataset_tools.samples.tokenizer import TokenizerFiles, find_tokenizer, load_tokenizer, require_functiongemma
from training.tiny import base_path, tokenizer_path

__all__ = ["BUNDLED", "Base", "Shape", "base_problems", "find_base"]

BUNDLED = "tiny"
"""The name of the base that comes with the project."""

_FILES = ("*.json", "*.safetensors", "tokenizer.model", "chat_template.jinja", "README.md", "LICENSE*", "NOTICE*")
_MODEL_TYPE = "gemma3_text"


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of a Gemma 3 text model, from which everything that a plan counts follows."""

    layers: int
    hidden: int
    feed_forward: int
    heads: int
    key_value_heads: int
    head_size: int
    vocabulary: int

    @classmethod
    def of(cls, config: dict[str, Any]) -> "Shape":
        """The sizes that a ``config.json`` names.

        Raises:
            KeyError: one is missing.
        """
        return cls(
            layers=config["num_hidden_layers"],
            hidden=config["hidden_size"],
            feed_forward=config["intermediate_size"],
            heads=config["num_attention_heads"],
            key_value_heads=config["num_key_value_heads"],
            head_size=config["head_dim"],
            vocabulary=config["vocab_size"],
        )

    @property
    def matrices(self) -> dict[str, tuple[int, int]]:
        """Inputs and outputs of each matrix of a layer, by the name that a recipe's targets use."""
        queries, keys = self.heads * self.head_size, self.key_value_heads * self.head_size
        return {
            "q_proj": (self.hidden, queries),
            "k_proj": (self.hidden, keys),
            "v_proj": (self.hidden, keys),
            "o_proj": (queries, self.hidden),
            "gate_proj": (self.hidden, self.feed_forward),
            "up_proj": (self.hidden, self.feed_forward),
            "down_proj": (self.feed_forward, self.hidden),
        }

    @property
    def body(self) -> int:
        """Parameters of all layers with their norms."""
        norms = 4 * self.hidden + 2 * self.head_size
        return self.layers * (sum(i * o for i, o in self.matrices.values()) + norms) + self.hidden

    @property
    def embedding(self) -> int:
        """Parameters of the embedding, which is also the output layer."""
        return self.vocabulary * self.hidden


@dataclass(frozen=True, slots=True)
class Base:
    """A base model on disk.

    Attributes:
        name: what was named; ``ORG/NAME`` without a revision for one of the Hub.
        revision: the commit on the Hub; empty for a folder.
        folder: where its configuration and weights lie.
        tokenizer: its tokenizer, which may lie elsewhere.
        config: its ``config.json``.
    """

    name: str
    revision: str
    folder: Path
    tokenizer: TokenizerFiles
    config: dict[str, Any]

    @property
    def shape(self) -> Shape:
        """Its sizes."""
        return Shape.of(self.config)


def find_base(name: str, revision: str = "") -> Base:
    """The base that ``name`` means: a folder, ``tiny``, or ``ORG/NAME[@REVISION]``, which is downloaded once.

    Raises:
        InputError: there is none, or it cannot be reached or read.
        UsageError: ``name`` is neither.
    """
    folder = base_path() if name == BUNDLED else Path(name)
    commit = ""
    if not folder.is_dir():
        repo, _, named = name.partition("@")
        if folder.exists() or repo.count("/") != 1 or name.startswith((".", "/", "~")):
            raise UsageError(f"{name!r} is no base", hint=f"a folder, ORG/NAME[@REVISION] on the Hub, or {BUNDLED}")
        folder = download(name, repo, "model", named or revision or None, _FILES)
        name, commit = repo, folder.name
    config = _read_config(folder)
    if not any(folder.glob("*.safetensors")):
        raise InputError("no weights in this folder", where=str(folder), hint="a base holds model.safetensors")
    # The bundled tokenizer serves without a model, too, and is stored once.
    tokenizer = find_tokenizer(str(tokenizer_path() if name == BUNDLED else folder))
    return Base(name, commit, folder.resolve(), tokenizer, config)


def base_problems(base: Base, longest: int) -> list[str]:
    """Every reason why ``base`` cannot be trained on rows of up to ``longest`` tokens."""
    problems = []
    kind = base.config.get("model_type")
    if kind != _MODEL_TYPE:
        problems.append(f"the base is {kind!r}, not a Gemma 3 text model ({_MODEL_TYPE})")
    try:
        shape = base.shape
    except KeyError as missing:
        problems.append(f"the base's config.json names no {missing.args[0]}")
    else:
        context = base.config.get("max_position_embeddings", longest)
        if context < longest:
            problems.append(f"the base reads {context:,} tokens, the recipe's rows have up to {longest:,}")
        if shape.vocabulary < (pieces := _pieces(base)):
            problems.append(f"the base knows {shape.vocabulary:,} tokens, its tokenizer has {pieces:,}")
    try:
        require_functiongemma(base.tokenizer)
    except InputError as error:
        problems.append(f"the base lacks FunctionGemma's control tokens: {error.what}")
    return problems


def _pieces(base: Base) -> int:
    return load_tokenizer(base.tokenizer.folder).get_vocab_size()


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    if not path.is_file():
        hint = "a base is a folder with config.json, model.safetensors and tokenizer.json"
        raise InputError("no config.json in this folder", where=str(folder), hint=hint)
    return read_object(path, "download the base again")
