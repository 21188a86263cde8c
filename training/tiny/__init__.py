"""A tokenizer made like Gemma's and as small as a test needs it: for tests, for the demo and for a tiny base model.

It is real in every respect but size. What is learned with it says nothing about Arabic.
"""

from pathlib import Path

__all__ = ["tokenizer_path"]


def tokenizer_path() -> Path:
    """The folder of the bundled tokenizer, as ``AutoTokenizer.from_pretrained`` takes it."""
    return Path(__file__).parent / "tokenizer"
