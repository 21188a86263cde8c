"""Ids from the word cache are those of the tokenizer for the text."""

import json
from array import array
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer

from dataset_tools.samples import token_cache
from dataset_tools.samples.token_cache import WordIds
from dataset_tools.samples.tokenizer import load_tokenizer, splits_at_spaces
from tests.dataset_tools.samples.tokenizer_texts import PLAIN_WITH_SPACE_PICTURE, WITH_TOKENS
from tests.properties import examples
from training.tiny import tokenizer_path

_TOKENIZER = load_tokenizer(tokenizer_path())
_WARM = WordIds(_TOKENIZER)  # shared by all examples, so that words are cached
_SPACES = ["", " ", "  ", "   a", "a  b", " a", "a ", "a \n b", "\n a", "▁a", "a▁ b", "a ▁", "▁▁", " ▁ "]
_TEXTS = st.lists(PLAIN_WITH_SPACE_PICTURE | WITH_TOKENS.map(lambda text: text.replace("<pad>", "")), max_size=6)


def _expected(texts: list[str]) -> list[list[int]]:
    return [_TOKENIZER.encode(text, add_special_tokens=False).ids for text in texts]


def _given(ids: WordIds, texts: list[str]) -> list[list[int]]:
    return [array("i", block).tolist() for block in ids.encode(texts)]


def test_the_bundled_tokenizer_can_be_used_word_by_word() -> None:
    """The other tests depend on it."""
    assert splits_at_spaces(_TOKENIZER)


@given(_TEXTS)
@settings(max_examples=examples(500))
def test_words_give_the_ids_of_the_text(texts: list[str]) -> None:
    """Any texts, with cached and new words, give the same ids twice."""
    assert _given(_WARM, texts) == _expected(texts)
    assert _given(_WARM, texts + texts) == 2 * _expected(texts)


def test_spaces_in_a_row_stay_together() -> None:
    """A piece may have several spaces, also as U+2581."""
    assert _given(_WARM, _SPACES) == _expected(_SPACES)
    for text in _SPACES:
        assert _given(WordIds(_TOKENIZER), [text]) == _expected([text])


def test_a_full_cache_is_cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Words that do not fit are still encoded, and the cache stays below its bound."""
    monkeypatch.setattr(token_cache, "_MOST_BYTES", 4000)
    ids = WordIds(_TOKENIZER)
    for start in range(0, 200, 5):
        texts = [f"كلمة{number} في السطر {number}" for number in range(start, start + 5)] + ["ا" * start]
        assert _given(ids, texts) == _expected(texts)
        assert len(ids._known) < 20
    many = [f"كلمة{number}" for number in range(100)]
    assert _given(ids, many) == _expected(many)


def _with_piece(settings: dict[str, Any]) -> None:
    settings["model"]["vocab"]["ا▁ب"] = len(settings["model"]["vocab"])


def _with_prefix(settings: dict[str, Any]) -> None:
    settings["normalizer"] = {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}]}


def _with_words(settings: dict[str, Any]) -> None:
    settings["pre_tokenizer"] = {"type": "Whitespace"}


def _without_bytes(settings: dict[str, Any]) -> None:
    settings["model"]["byte_fallback"] = False


@pytest.mark.parametrize("alter", [_with_piece, _with_prefix, _with_words, _without_bytes])
def test_another_tokenizer_is_used_whole(alter: Callable[[dict[str, Any]], None]) -> None:
    """A tokenizer with pieces across spaces or with other rules is not used by words, and the ids are right."""
    changed = json.loads(_TOKENIZER.to_str())
    alter(changed)
    tokenizer = Tokenizer.from_str(json.dumps(changed))
    assert not splits_at_spaces(tokenizer)
    texts = ["ا ب ا ب", "طقس  جدة", "", "ا ب ا ب"]
    expected = [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
    assert _given(WordIds(tokenizer), texts) == expected


@pytest.mark.parametrize(
    "token",
    [
        AddedToken("مكة المكرمة", normalized=False),
        AddedToken("مكة▁المكرمة", normalized=True),
        AddedToken("مكة", lstrip=True),
        AddedToken("مكة", rstrip=True),
        AddedToken("مكة", single_word=True),
    ],
)
def test_an_added_token_that_sees_a_space_forbids_words(token: AddedToken) -> None:
    """Such a token would be missed, or would absorb the space of its neighbour."""
    tokenizer = Tokenizer.from_str(_TOKENIZER.to_str())
    tokenizer.add_tokens([token])
    assert not splits_at_spaces(tokenizer)
