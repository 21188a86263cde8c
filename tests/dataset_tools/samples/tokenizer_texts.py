"""Difficult texts for tokenizers, and splitting at control tokens."""

import json
import re
from functools import cache
from typing import Any

from hypothesis import strategies as st

from dataset_tools.bundled import sample_path
from dataset_tools.prompt.render import render
from tools.tiny.vocabulary import CONTROL_TOKENS, SPACE

TOKEN = re.compile("(" + "|".join(map(re.escape, CONTROL_TOKENS)) + ")")

_CHUNKS = st.one_of(
    st.sampled_from(
        ["طلعلي ", "رحلات", " بين", "أبي أحجز", "get_weather", "{city:", "ههههههههه", "ababab", "٢٠٢٦", "2026"]
    ),
    st.text("ابهلمين", max_size=12),
    st.text("اَُِّْٰـً", max_size=6),
    st.text("0123456789٠١٢٣٤٥٦٧٨٩.,٫", max_size=8),
    st.sampled_from(
        ["😀", "👩‍👩‍👧", "🇸🇦", "中文", "русский", "עברית", "पाठ", "ﷺ", "½", "\u200f", "\ufeff", "\x00", "\t", "\r\n"]
    ),
    st.sampled_from(["<", ">", "<0x41>", "<start_of_turn", "escape>", "<s>", "</s>", "<|im_end|>", "<start_function_"]),
    # The longest piece of them has 31.
    st.integers(1, 70).map(lambda length: " " * length),
    st.integers(1, 70).map(lambda length: "\n" * length),
    st.text(" \n", max_size=12),
    st.text(st.characters(codec="utf-8"), max_size=8),
)


def _joined(chunks: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(chunks, max_size=12).map("".join)


# U+2581 is the space of SentencePiece and becomes one.
PLAIN = _joined(_CHUNKS).map(lambda text: TOKEN.sub("", text.replace(SPACE, "")))
PLAIN_WITH_SPACE_PICTURE = _joined(_CHUNKS | st.text(f"{SPACE} ا", max_size=6)).map(lambda text: TOKEN.sub("", text))
WITH_TOKENS = _joined(_CHUNKS | st.sampled_from(CONTROL_TOKENS)).map(lambda text: text.replace(SPACE, ""))


def cut(text: str) -> list[str]:
    """Return the control tokens of a text and the parts between them, in order, without empty parts."""
    return [part for part in TOKEN.split(text) if part]


def ids(tokenizer: Any, text: str) -> list[int]:
    """Return the ids of a text, without special tokens."""
    return tokenizer(text, add_special_tokens=False).input_ids


@cache
def sample_records() -> list[dict[str, Any]]:
    """Return the bundled sample."""
    return [json.loads(line) for line in sample_path().read_text(encoding="utf-8").splitlines()]


@cache
def sample_prompts() -> list[str]:
    """Return the prompts of the bundled sample."""
    return [render(record) for record in sample_records()]
