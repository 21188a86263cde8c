"""The base model that a recipe adapts: found on disk or on the Hub, and checked before anything is loaded."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataset_tools.errors import InputError, UsageError
from dataset_tools.io.hub_download import download
from dataset_tools.io.json_text import read_object
from dataset_tools.samples.tokenizer import TokenizerFiles, find_tokenizer, load_tokenizer, require_functiongemma
from training.tiny import base_path, tokenizer_path

__all__ = ["BUNDLED", "Base", "Shape", "base_problems", "find_base"]

BUNDLED = "tiny"
"""The name of the bundled base."""

_FILES = ("*.json", "*.safetensors", "tokenizer.model", "chat_template.jinja", "README.md", "LICENSE*", "NOTICE*")
_MODEL_TYPE = "gemma3_text"


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of a Gemma 3 text model."""

    layers: int
    hidden: int
    feed_forward: int
    heads: int
    key_value_heads: int
    head_size: int
    vocabulary: int

    @classmethod
    def of(cls, config: dict[str, Any]) -> "Shape":
        """Return the sizes in a ``config.json``.

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
        """Inputs and outputs of each matrix of a layer, by its name in a recipe's targets."""
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
        """The number of parameters in all layers with their norms."""
        norms = 4 * self.hidden + 2 * self.head_size
        return self.layers * (sum(i * o for i, o in self.matrices.values()) + norms) + self.hidden

    @property
    def embedding(self) -> int:
        """The number of parameters in the embedding, which is also the output layer."""
        return self.vocabulary * self.hidden


@dataclass(frozen=True, slots=True)
class Base:
    """A base model on disk.

    Attributes:
        name: the name given by the user; ``ORG/NAME`` without a revision for a base from the Hub.
        revision: the commit on the Hub; empty for a folder.
        folder: the folder with configuration and weights.
        tokenizer: its tokenizer, which may be in another folder.
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
    """Return the base in a folder, the bundled ``tiny``, or ``ORG/NAME[@REVISION]``, which is downloaded once.

    Raises:
        InputError: the base does not exist, or cannot be downloaded or read.
        UsageError: ``name`` is something else.
    """
    folder = base_path() if name == BUNDLED else Path(name)
    commit = ""
    if not folder.is_dir():
        repo, _, named = name.partition("@")
        if folder.exists() or repo.count("/") != 1 or name.startswith((".", "/", "~")):
            raise UsageError(f"{name!r} is not a base", hint=f"a folder, ORG/NAME[@REVISION] on the Hub, or {BUNDLED}")
        folder = download(name, repo, "model", named or revision or None, _FILES)
        name, commit = repo, folder.name
    path = folder / "config.json"
    if not path.is_file():
        hint = "a base is a folder with config.json, model.safetensors and tokenizer.json"
        raise InputError("no config.json in this folder", where=str(folder), hint=hint)
    config = read_object(path, "download the base again")
    if not any(folder.glob("*.safetensors")):
        raise InputError("no weights in this folder", where=str(folder), hint="a base has a model.safetensors")
    tokenizer = find_tokenizer(str(tokenizer_path() if name == BUNDLED else folder))
    return Base(name, commit, folder.resolve(), tokenizer, config)


def base_problems(base: Base, longest: int) -> list[str]:
    """Return every reason why ``base`` cannot be trained on rows of up to ``longest`` tokens."""
    problems = []
    kind = base.config.get("model_type")
    if kind != _MODEL_TYPE:
        problems.append(f"the base is {kind!r}, not a Gemma 3 text model ({_MODEL_TYPE})")
    try:
        shape = base.shape
    except KeyError as missing:
        problems.append(f"the base's config.json has no {missing.args[0]}")
    else:
        context = base.config.get("max_position_embeddings", longest)
        if context < longest:
            problems.append(f"the base's context has {context:,} tokens, the recipe's rows have up to {longest:,}")
        if shape.vocabulary < (pieces := load_tokenizer(base.tokenizer.folder).get_vocab_size()):
            problems.append(f"the base's vocabulary has {shape.vocabulary:,} tokens, its tokenizer has {pieces:,}")
    try:
        require_functiongemma(base.tokenizer)
    except InputError as error:
        problems.append(f"the base lacks FunctionGemma's control tokens: {error.what}")
    return problems
