"""The bundled tokenizer has Gemma's layout, loads offline, and is what making it again gives."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from tokenizers import Tokenizer
from transformers import AutoTokenizer

from dataset_tools.prompt import render
from tests.dataset_tools.samples.tokenizer_texts import PLAIN, WITH_TOKENS, ids, sample_prompts
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
def test_a_reserved_piece_is_one_id_and_the_real_one(tokenizer: Any, text: str, place: int) -> None:
    """Alone and inside a text; and the id is read back as the piece."""
    assert ids(tokenizer, text) == [place]
    assert ids(tokenizer, f"أ{text}ب") == [*ids(tokenizer, "أ"), place, *ids(tokenizer, "ب")]
    assert tokenizer.decode([place]) == text


def test_the_vocabulary_is_whole_in_both_forms(tokenizer: Any, model: Any) -> None:
    """A tokenizer that was loaded wrongly has five pieces, and no error; pieces and ids are the same in both files."""
    assert len(tokenizer) == tokenizer.vocab_size == model.get_piece_size() == VOCABULARY_SIZE == 4096
    assert [tokenizer.convert_ids_to_tokens(place) for place in range(4096)] == [
        model.id_to_piece(place) for place in range(4096)
    ]
    assert sum(model.is_byte(place) for place in range(4096)) == 256


def test_the_tokens_that_transformers_asks_for_are_set(tokenizer: Any) -> None:
    """The beginning, the end, padding and the unknown."""
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


def test_bos_is_put_before_a_text_only_where_it_is_asked_for(tokenizer: Any) -> None:
    """The template writes it already, so a rendered prompt must be read without."""
    plain = ids(tokenizer, "مرحبا")
    assert tokenizer("مرحبا").input_ids == [2, *plain]
    assert tokenizer("مرحبا", "أهلا").input_ids == [2, *plain, 2, *ids(tokenizer, "أهلا")]
    assert 2 not in plain
    assert [ids(tokenizer, text)[:3].count(2) for text in sample_prompts()[:3]] == [1, 1, 1]


def test_no_piece_holds_a_newline_beside_anything_else(model: Any) -> None:
    """So a text may be cut at its newlines without altering the ids."""
    pieces = [model.id_to_piece(place) for place in range(model.get_piece_size())]
    assert [piece for piece in pieces if "\n" in piece and piece.strip("\n")] == []
    assert sum("\n" in piece for piece in pieces) == len(NEWLINES)


def _learned(model: Any) -> list[str]:
    """The pieces behind control tokens, runs and bytes."""
    return [model.id_to_piece(place) for place in range(168 + 256, model.get_piece_size())]


def test_a_digit_is_always_a_piece_of_its_own(model: Any) -> None:
    """Numbers are read digit by digit, so that one never seen is as good as any."""
    assert [piece for piece in _learned(model) if len(piece) > 1 and set(piece) & set("0123456789")] == []
    assert set("0123456789") < set(_learned(model))


def test_no_learned_piece_holds_a_control_token(model: Any) -> None:
    """It would hide the token from whoever looks for its id."""
    assert [piece for piece in _learned(model) if any(token in piece for token in CONTROL_TOKENS)] == []


@given(PLAIN)
@settings(max_examples=300)
def test_a_text_is_read_back_as_it_was(tokenizer: Any, text: str) -> None:
    """Any text, letters never seen too: they are written in bytes."""
    assert tokenizer.decode(ids(tokenizer, text)) == text


@given(WITH_TOKENS)
@settings(max_examples=200)
def test_a_text_with_control_tokens_is_read_back_as_it_was(tokenizer: Any, text: str) -> None:
    """No space comes or goes beside a control token."""
    assert tokenizer.decode(ids(tokenizer, text)) == text


def test_making_it_again_gives_the_same_bytes(tmp_path: Path) -> None:
    """What is bundled is what the script makes of the sample, and nothing else lies in the folder."""
    made = make()
    assert {path.name: path.read_bytes() for path in tokenizer_path().iterdir()} == made
    assert sum(map(len, made.values())) < 500_000
    write(tmp_path / "new" / "folder")
    assert {path.name: path.read_bytes() for path in (tmp_path / "new" / "folder").iterdir()} == made


def test_the_bundled_template_is_the_projects_own() -> None:
    """One file, in two places."""
    own = Path(render.__file__).with_name("chat_template.jinja")
    assert (tokenizer_path() / "chat_template.jinja").read_bytes() == own.read_bytes()


def test_transformers_takes_the_file_as_it_stands(tokenizer: Any) -> None:
    """It builds a Gemma tokenizer of its own around the pieces; that one must be what the file says, in all parts."""
    assert (
        Tokenizer.from_file(str(tokenizer_path() / "tokenizer.json")).to_str() == tokenizer.backend_tokenizer.to_str()
    )


def test_it_is_the_same_beside_a_gemma_model_and_after_saving(tokenizer: Any, tmp_path: Path) -> None:
    """A model's config, which has a say in how a tokenizer is loaded, alters nothing; nor does saving it."""
    folder = shutil.copytree(tokenizer_path(), tmp_path / "model")
    (folder / "config.json").write_text(json.dumps({"model_type": "gemma3_text"}), encoding="utf-8")
    beside = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    beside.save_pretrained(tmp_path / "saved")
    saved = AutoTokenizer.from_pretrained(tmp_path / "saved", local_files_only=True)
    for other in (beside, saved):
        assert other.backend_tokenizer.to_str() == tokenizer.backend_tokenizer.to_str()
        assert other.chat_template == tokenizer.chat_template


def test_rendering_needs_neither_transformers_nor_its_tokenizers() -> None:
    """They take seconds to import and are asked for by none of these modules."""
    code = "import sys, dataset_tools.cli.main, dataset_tools.prompt.render, tools.tiny.vocabulary; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"transformers", "tokenizers", "sentencepiece", "jinja2", "torch"}.isdisjoint(done.stdout.split())
