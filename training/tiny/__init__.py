"""A tokenizer made like Gemma's and a base model made like FunctionGemma, as small as tests and the demo need them.

They are real in every respect but size: the tokenizer is learned from the sample (``make_tokenizer``), the model is
pre-trained on generated calls of other tools (``pretrain``). What is learned with them says nothing about Arabic.
"""

from pathlib import Path

__all__ = ["base_path", "tokenizer_path"]

_FOLDER = Path(__file__).parent


def tokenizer_path() -> Path:
    """The folder of the bundled tokenizer, as ``AutoTokenizer.from_pretrained`` takes it."""
    return _FOLDER / "tokenizer"


def base_path() -> Path:
    """The folder of the bundled base model: configuration and weights; its tokenizer stands beside it."""
    return _FOLDER / "base"
