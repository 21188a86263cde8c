"""Gemma 3's vocabulary of 262,144 pieces: rows of a public dataset, and any text, have the tokenizer's own ids."""

import json
import re
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataset_tools.prompt.render import RenderError, render, segments
from dataset_tools.samples.masking import IGNORED, Encoder
from dataset_tools.samples.token_cache import WordIds
from dataset_tools.samples.tokenizer import load_tokenizer, texts_across_spaces
from tests.dataset_tools.prompt.made_records import records
from tests.dataset_tools.samples.tokenizer_texts import PLAIN, PLAIN_WITH_SPACE_PICTURE, WITH_TOKENS
from tests.real.conftest import Command

pytestmark = pytest.mark.real

_MODEL_TURN = re.compile(r"<start_of_turn>model\n(.*?(?:<end_of_turn>|<start_function_response>))", re.DOTALL)
_EMOJI = ["😀", "👩‍👩‍👧", "🇸🇦", "👍🏽", "❤️", "1️⃣", "🏴󠁧󠁢󠁥󠁮󠁧󠁿"]
_LATIN = [
    "> </",
    "<b>نص> </i>",
    "get_weather",
    "HTTPServer",
    " le café",
    "naïve",
    "https://a.b/ج?x=1",
    "<b>",
    "</s>",
    "<table>",
    "▁▁",
    "C++",
]
_WORDS = ["ه", "وا", "مستشفى", "فسيكفيكهم", "ab", "٣"]
TEXTS: dict[str, st.SearchStrategy[str]] = {
    "diacritics": st.text("كتبمحشَُِّْٰـًٌٍۖٓ", max_size=12),
    "digits": st.text("0123456789٠١٢٣٤٥٦٧٨٩۰۱۲۳.,٫٬%-", max_size=12),
    "emoji": st.sampled_from(_EMOJI),
    "mixed": st.sampled_from(_LATIN) | st.text("abcZابج12٣ـ_-./", max_size=10),
    "forms": st.text(st.characters(min_codepoint=0xFB50, max_codepoint=0xFEFC, exclude_categories=["Cs"]), max_size=8),
    "long": st.builds(lambda word, times: word * times, st.sampled_from(_WORDS), st.integers(50, 700)),
    "persian": st.text("پچژگکیۀآبدرنمه\u200c", max_size=12),
    "urdu": st.text("ٹڈڑںےہھکیگاردو۔", max_size=12),
    "kurdish": st.text("ڕڵۆێەکگپچژهیوی", max_size=12),
    "uyghur": st.text("ئۇۆۈېۋڭغقكگجىە", max_size=12),
    "pashto": st.text("ټډړږښڼېۍئځڅګکی", max_size=12),
    "marks": st.text("\u200f\u200e\u202b\u202c\u2066\u2069\ufeff\u0640\u00a0\u200d", max_size=6),
}


@pytest.fixture(scope="session")
def real_tokenizer(real_base: Path) -> Any:
    """Return the tokenizer as the project loads it."""
    return load_tokenizer(real_base)


@pytest.fixture(scope="session")
def loaded(real_base: Path) -> Any:
    """Return the tokenizer as transformers loads it."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(real_base, local_files_only=True)


@pytest.fixture(scope="session")
def words(real_tokenizer: Any) -> WordIds:
    """Return a cache that all examples share, so that words are cached."""
    assert texts_across_spaces(real_tokenizer) == ("> </",)
    return WordIds(real_tokenizer)


@pytest.fixture(scope="session")
def encoder(real_tokenizer: Any) -> Encoder:
    """Return an encoder that all examples share, so that words and declarations are cached."""
    return Encoder(real_tokenizer)


def test_every_row_of_a_dataset_has_the_tokenizers_own_ids_and_labels(
    shared_data: Path, real_base: Path, loaded: Any, command: Command, tmp_path: Path
) -> None:
    """All 545 rows: template, ids and labels come from transformers and one regular expression here."""
    rows, samples = tmp_path / "rows.jsonl", tmp_path / "samples"
    command("dataset_tools", "clean", shared_data / "aisa_dev.parquet", "-o", rows)
    command("dataset_tools", "build", rows, "-o", samples, "--tokenizer", real_base, "--verify", "all")
    facts = json.loads((samples / "build.json").read_text(encoding="utf-8"))
    built = [row for path in sorted(samples.glob("*.parquet")) for row in pq.read_table(path).to_pylist()]
    read = [json.loads(line) for line in rows.read_text(encoding="utf-8").splitlines()]
    assert len(built) == len(read) == 545
    for record, sample in zip(read, built, strict=True):
        text = loaded.apply_chat_template(record["messages"], tools=record["tools"], tokenize=False)
        expected = loaded(text, add_special_tokens=False, return_offsets_mapping=True)
        spans = [found.span(1) for found in _MODEL_TURN.finditer(text)]
        assert spans
        assert sample["input_ids"] == expected["input_ids"], record["id"]
        pairs = zip(expected["input_ids"], expected["offset_mapping"], strict=True)
        assert sample["labels"] == [_label(token, at, spans) for token, at in pairs], record["id"]
    assert sum(len(sample["input_ids"]) for sample in built) == 256_897
    assert sum(label != IGNORED for sample in built for label in sample["labels"]) == 15_925
    assert facts["rows_out"] == 545


def _label(token: int, at: tuple[int, int], spans: Sequence[tuple[int, int]]) -> int:
    return token if any(start <= at[0] and at[1] <= end for start, end in spans) else IGNORED


def _require_own_ids(words: WordIds, tokenizer: Any, texts: list[str]) -> None:
    """Require the tokenizer's ids for each text, twice, so that the second ones come from the cache."""
    expected = [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
    assert [array("i", block).tolist() for block in words.encode(texts + texts)] == expected + expected


@pytest.mark.parametrize("kind", TEXTS)
@given(data=st.data())
@settings(max_examples=150)
def test_words_give_the_ids_of_a_text(words: WordIds, real_tokenizer: Any, kind: str, data: st.DataObject) -> None:
    """Each kind of text next to spaces, newlines and plain Arabic."""
    chunks = TEXTS[kind] | st.sampled_from([" ", "  ", "\n", " في", "، "])
    texts = data.draw(st.lists(st.lists(chunks, max_size=10).map("".join), max_size=5))
    _require_own_ids(words, real_tokenizer, texts)


@given(st.lists(PLAIN_WITH_SPACE_PICTURE | WITH_TOKENS.map(lambda text: text.replace("<pad>", "")), max_size=6))
@settings(max_examples=600)
def test_words_give_the_ids_of_any_text(words: WordIds, real_tokenizer: Any, texts: list[str]) -> None:
    """All of Unicode, runs of spaces and newlines, control tokens and text that looks like them."""
    _require_own_ids(words, real_tokenizer, texts)


@given(records())
@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
def test_segments_give_the_ids_of_the_whole_prompt(loaded: Any, encoder: Encoder, record: Any) -> None:
    """A prompt made in segments has the ids that transformers gives to its text."""
    try:
        parts = segments(record)
    except RenderError:
        return
    (tokens,) = encoder.tokens([parts])
    assert tokens.input_ids() == loaded(render(record), add_special_tokens=False)["input_ids"]


@given(PLAIN)
@settings(max_examples=300)
def test_the_sentencepiece_model_gives_the_same_ids(real_base: Path, loaded: Any, text: str) -> None:
    """llama.cpp's converter reads this form of the vocabulary."""
    expected = loaded(text, add_special_tokens=False)["input_ids"]
    assert _sentencepiece(real_base).encode(text) == expected


_LOADED: dict[Path, Any] = {}


def _sentencepiece(folder: Path) -> Any:
    if folder not in _LOADED:
        import sentencepiece

        _LOADED[folder] = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    return _LOADED[folder]
