"""The bundled tokenizer and base model: Gemma's and FunctionGemma's in all but size, for tests and the demo.

The tokenizer was learned from the bundled sample, the model was pre-trained on generated calls of other tools; the
scripts are in ``tools/tiny``. Results with them say nothing about Arabic.
"""

from pathlib import Path

__all__ = ["base_path", "tokenizer_path"]

_FOLDER = Path(__file__).parent


def tokenizer_path() -> Path:
    """Return the folder of the bundled tokenizer, as ``AutoTokenizer.from_pretrained`` takes it."""
    return _FOLDER / "tokenizer"


def base_path() -> Path:
    """Return the folder of the bundled base model: configuration and weights, without the tokenizer."""
    return _FOLDER / "base"
