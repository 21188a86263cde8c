"""The bundled tokenizer: Gemma's layout, loading offline, and the same bytes when made again."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from tokenizers import Tokenizer

from dataset_tools.prompt import render
from tests.dataset_tools.samples.tokenizer_texts import PLAIN, WITH_TOKENS, ids, sample_prompts
from tests.properties import examples
from tools.tiny.make_tokenizer import make, write
from tools.tiny.vocabulary import CONTROL_TOKENS, NEWLINES, SPACES, VOCABULARY_SIZE
from training.tiny import tokenizer_path

# The format's own table, written out again: the layout is a promise, not whatever the module says.
REAL_IDS = {
    "<pad>": 0,
    "<eos>": 1,
    "<bos>": 2,
    "<unk>": 3,
    "<mask>": 4,
    "[multimodal]": 5,
    "<unused0>": 6,
    "<unused39>": 45,
    "<start_function_declaration>": 46,
    "<end_function_declaration>": 47,
    "<start_function_call>": 48,
    "<end_function_call>": 49,
    "<start_function_response>": 50,
    "<end_function_response>": 51,
    "<escape>": 52,
    "<unused47>": 53,
    "<unused98>": 104,
    "<start_of_turn>": 105,
    "<end_of_turn>": 106,
    "\n": 107,
    "\n\n": 108,
    "\n" * 31: 137,
    "  ": 138,
    " " * 31: 167,
}


@pytest.mark.parametrize("text, place", REAL_IDS.items(), ids=[repr(text) for text in REAL_IDS])
def test_a_reserved_piece_has_its_real_id(tokenizer: Any, text: str, place: int) -> None:
    """Alone and inside a text; the id decodes to the piece."""
    assert ids(tokenizer, text) == [place]
    assert ids(tokenizer, f"أ{text}ب") == [*ids(tokenizer, "أ"), place, *ids(tokenizer, "ب")]
    assert tokenizer.decode([place]) == text


def test_both_forms_have_the_same_vocabulary(tokenizer: Any, model: Any) -> None:
    """Pieces and ids are equal in both files; a wrongly loaded tokenizer would have five pieces."""
    assert len(tokenizer) == tokenizer.vocab_size == model.get_piece_size() == VOCABULARY_SIZE == 4096
    assert [tokenizer.convert_ids_to_tokens(place) for place in range(4096)] == [
        model.id_to_piece(place) for place in range(4096)
    ]
    assert sum(model.is_byte(place) for place in range(4096)) == 256


def test_the_named_tokens_are_set(tokenizer: Any) -> None:
    """BOS, EOS, padding and unknown."""
    assert (tokenizer.pad_token_id, tokenizer.eos_token_id, tokenizer.bos_token_id, tokenizer.unk_token_id) == (
        0, 1, 2, 3,
    )  # fmt: skip
    assert tokenizer.model_max_length == 32768


def test_control_tokens_are_special_and_runs_are_not(tokenizer: Any) -> None:
    """Decoding without special tokens keeps newlines and spaces."""
    added = tokenizer.added_tokens_decoder
    assert {place for place, token in added.items() if token.special} == set(range(len(CONTROL_TOKENS)))
    assert len(added) == len(CONTROL_TOKENS) + len(NEWLINES) + len(SPACES)
    assert not any(token.lstrip or token.rstrip or token.single_word for token in added.values())
    assert not any(token.normalized for place, token in added.items() if place < 138)
    text = "<start_of_turn>user\nأ   ب\n\n<end_of_turn>"
    assert tokenizer.decode(ids(tokenizer, text), skip_special_tokens=True) == "user\nأ   ب\n\n"


def test_bos_is_added_on_request(tokenizer: Any) -> None:
    """The template writes it, so a rendered prompt is encoded without."""
    plain = ids(tokenizer, "مرحبا")
    assert tokenizer("مرحبا").input_ids == [2, *plain]
    assert tokenizer("مرحبا", "أهلا").input_ids == [2, *plain, 2, *ids(tokenizer, "أهلا")]
    assert 2 not in plain
    assert [ids(tokenizer, text)[:3].count(2) for text in sample_prompts()[:3]] == [1, 1, 1]


def test_no_piece_mixes_newlines_and_other_characters(model: Any) -> None:
    """So a text can be cut at its newlines without a change of ids."""
    pieces = [model.id_to_piece(place) for place in range(model.get_piece_size())]
    assert [piece for piece in pieces if "\n" in piece and piece.strip("\n")] == []
    assert sum("\n" in piece for piece in pieces) == len(NEWLINES)


def _learned(model: Any) -> list[str]:
    """Return the pieces after control tokens, runs and bytes."""
    return [model.id_to_piece(place) for place in range(168 + 256, model.get_piece_size())]


def test_a_digit_is_always_a_piece_of_its_own(model: Any) -> None:
    """Numbers are encoded digit by digit, so unseen ones are no exception."""
    assert [piece for piece in _learned(model) if len(piece) > 1 and set(piece) & set("0123456789")] == []
    assert set("0123456789") < set(_learned(model))


def test_no_learned_piece_holds_a_control_token(model: Any) -> None:
    """It would hide the token's id."""
    assert [piece for piece in _learned(model) if any(token in piece for token in CONTROL_TOKENS)] == []


@given(PLAIN)
@settings(max_examples=examples(300))
def test_a_text_survives_a_round_trip(tokenizer: Any, text: str) -> None:
    """Any text does; unknown letters become bytes."""
    assert tokenizer.decode(ids(tokenizer, text)) == text


@given(WITH_TOKENS)
@settings(max_examples=examples(200))
def test_a_text_with_control_tokens_survives_a_round_trip(tokenizer: Any, text: str) -> None:
    """No space is added or lost next to a control token."""
    assert tokenizer.decode(ids(tokenizer, text)) == text


def test_making_it_again_gives_the_same_bytes(tmp_path: Path) -> None:
    """The script writes exactly the bundled files."""
    made = make()
    assert {path.name: path.read_bytes() for path in tokenizer_path().iterdir()} == made
    assert sum(map(len, made.values())) < 500_000
    write(tmp_path / "new" / "folder")
    assert {path.name: path.read_bytes() for path in (tmp_path / "new" / "folder").iterdir()} == made


def test_the_bundled_template_is_the_projects_own() -> None:
    """Both copies are equal."""
    own = Path(render.__file__).with_name("chat_template.jinja")
    assert (tokenizer_path() / "chat_template.jinja").read_bytes() == own.read_bytes()


def test_transformers_loads_the_file_unchanged(tokenizer: Any) -> None:
    """It builds its own Gemma tokenizer from the pieces, which must equal the file in all parts."""
    assert (
        Tokenizer.from_file(str(tokenizer_path() / "tokenizer.json")).to_str() == tokenizer.backend_tokenizer.to_str()
    )


def test_it_is_the_same_with_a_gemma_model_and_after_saving(tokenizer: Any, tmp_path: Path) -> None:
    """Neither a model's config nor saving changes it."""
    from transformers import AutoTokenizer

    folder = shutil.copytree(tokenizer_path(), tmp_path / "model")
    (folder / "config.json").write_text(json.dumps({"model_type": "gemma3_text"}), encoding="utf-8")
    loaded = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    loaded.save_pretrained(tmp_path / "saved")
    saved = AutoTokenizer.from_pretrained(tmp_path / "saved", local_files_only=True)
    for other in (loaded, saved):
        assert other.backend_tokenizer.to_str() == tokenizer.backend_tokenizer.to_str()
        assert other.chat_template == tokenizer.chat_template


def test_rendering_needs_neither_transformers_nor_its_tokenizers() -> None:
    """Both take seconds to import; none of these modules imports them."""
    code = "import sys, dataset_tools.cli.main, dataset_tools.prompt.render, tools.tiny.vocabulary; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"transformers", "tokenizers", "sentencepiece", "jinja2", "torch"}.isdisjoint(done.stdout.split())
