"""Ids from the word cache are those of the tokenizer for the text."""

import json
from array import array
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer

from dataset_tools.samples import token_cache
from dataset_tools.samples.token_cache import WordIds
from dataset_tools.samples.tokenizer import load_tokenizer, texts_across_spaces
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
    assert texts_across_spaces(_TOKENIZER) == ()


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


def _with_pieces(number: int) -> Tokenizer:
    """Return the tokenizer with pieces that join letters across a space, as Gemma 3's piece of two HTML tags."""
    changed = json.loads(_TOKENIZER.to_str())
    model = changed["model"]
    joined = [(left, f"▁{right}") for left, right in product("ابتدر", repeat=2) if f"▁{right}" in model["vocab"]]
    for pair in joined[:number]:
        model["vocab"]["".join(pair)] = len(model["vocab"])
        model["merges"].insert(0, list(pair))
        model["merges"] = [merge for merge in model["merges"] if merge != ["▁", pair[1][1:]]]
        model["merges"].insert(0, ["▁", pair[1][1:]])
    return Tokenizer.from_str(json.dumps(changed))


_ACROSS = _with_pieces(3)


@given(st.lists(st.text("ابت <>/", max_size=12) | _TEXTS.map(" ".join), max_size=6))
@settings(max_examples=examples(300))
def test_a_text_with_a_piece_across_a_space_is_one_word(texts: list[str]) -> None:
    """Such a text is not split; the ids are the tokenizer's, also next to texts that are split."""
    expected = [_ACROSS.encode(text, add_special_tokens=False).ids for text in texts]
    assert _given(WordIds(_ACROSS), texts) == expected


def test_pieces_across_a_space_are_found() -> None:
    """They are made by merges; with many of them, no text is split."""
    assert texts_across_spaces(_ACROSS) == ("ا ا", "ا ب", "ا ت")
    assert "ا▁ب" in _ACROSS.encode("ا ب", add_special_tokens=False).tokens
    assert texts_across_spaces(_with_pieces(25)) is None


def _with_prefix(settings: dict[str, Any]) -> None:
    settings["normalizer"] = {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}]}


def _with_words(settings: dict[str, Any]) -> None:
    settings["pre_tokenizer"] = {"type": "Whitespace"}


def _without_bytes(settings: dict[str, Any]) -> None:
    settings["model"]["byte_fallback"] = False


@pytest.mark.parametrize("alter", [_with_prefix, _with_words, _without_bytes])
def test_another_tokenizer_is_used_whole(alter: Callable[[dict[str, Any]], None]) -> None:
    """A tokenizer with other rules is not used by words, and the ids are right."""
    changed = json.loads(_TOKENIZER.to_str())
    alter(changed)
    tokenizer = Tokenizer.from_str(json.dumps(changed))
    assert texts_across_spaces(tokenizer) is None
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
    assert texts_across_spaces(tokenizer) is None
