"""The bundled tokenizer in both its forms, loaded once."""

from typing import Any

import pytest
import sentencepiece
from transformers import AutoTokenizer

from training.tiny import tokenizer_path


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    """The tokenizer as a user loads it, from the folder alone."""
    return AutoTokenizer.from_pretrained(tokenizer_path(), local_files_only=True)


@pytest.fixture(scope="session")
def model() -> Any:
    """The SentencePiece model of the same folder, read by SentencePiece itself."""
    return sentencepiece.SentencePieceProcessor(model_file=str(tokenizer_path() / "tokenizer.model"))
