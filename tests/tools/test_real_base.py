"""Maker of the real base: packages that cannot be reached, a changed package, and the renamed control tokens."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dataset_tools.errors import InputError
from dataset_tools.io.checksums import sha256
from dataset_tools.prompt.template import chat_template
from dataset_tools.samples.tokenizer import CONTROL_TOKENS
from tests.training.bases import ROOT
from tools.real_base.make import NOTICE, is_complete
from tools.real_base.tokenizer import VOCABULARY, write_sentencepiece, write_tokenizer


def _gemma() -> dict[str, object]:
    """Return a tokenizer of Gemma 3's form with few pieces, and with the package's additional token."""
    names = {token_id: token for token, token_id in CONTROL_TOKENS.items() if not 46 <= token_id <= 52}
    pieces = [names.get(at, f"<unused{at - 6}>") for at in range(107)]
    added = [
        {"id": at, "content": piece, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
        | {"special": at < 6}
        for at, piece in [*enumerate(pieces), (VOCABULARY, "<image_soft_token>")]
    ]
    vocabulary = {piece: at for at, piece in enumerate([*pieces, "\n", "▁▁", "ا"])}
    return {"added_tokens": added, "model": {"vocab": {**vocabulary, "<image_soft_token>": VOCABULARY}}}


def test_seven_unused_tokens_get_functiongemmas_names(tmp_path: Path) -> None:
    """In every file; other tokens keep their ids, and the token for images is dropped."""
    source = tmp_path / "source.json"
    source.write_text(json.dumps(_gemma()), encoding="utf-8")
    pieces = write_tokenizer(source, tmp_path)
    content = json.loads((tmp_path / "tokenizer.json").read_text(encoding="utf-8"))
    config = json.loads((tmp_path / "tokenizer_config.json").read_text(encoding="utf-8"))
    for token, at in CONTROL_TOKENS.items():
        assert pieces[at] == token
        assert content["model"]["vocab"][token] == at
        assert config["added_tokens_decoder"][str(at)]["content"] == token
    assert pieces[-3:] == ["\n", "▁▁", "ا"]
    assert [token["id"] for token in content["added_tokens"]] == list(range(107))


def test_the_sentencepiece_model_has_the_same_pieces(tmp_path: Path) -> None:
    """llama.cpp's converter has written user-defined spaces as such; another vocabulary is refused."""
    import sentencepiece

    source = tmp_path / "source.json"
    source.write_text(json.dumps(_gemma()), encoding="utf-8")
    pieces = write_tokenizer(source, tmp_path)
    stored = [(piece.replace("▁", " "), 0.0, 4 if piece == "▁▁" else 3) for piece in pieces[:-1]] + [("ا", -1.0, 1)]
    bytes_ = [(f"<0x{byte:02X}>", 0.0, 6) for byte in range(256)]
    names = [*pieces, *(piece for piece, _, _ in bytes_)]
    write_sentencepiece([*stored, *bytes_], names, tmp_path / "tokenizer.model")
    model = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "tokenizer.model"))
    assert [model.id_to_piece(at) for at in range(model.vocab_size())] == names
    assert model.encode("<start_function_call>ا") == [48, 109]
    with pytest.raises(InputError, match="the packages have different vocabularies"):
        write_sentencepiece([*stored[1:], *bytes_], names, tmp_path / "other.model")


def test_unreachable_packages_are_one_line(tmp_path: Path) -> None:
    """The exit code is 2, and nothing is left in the cache."""
    variables = {
        "PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYTHONPATH": str(ROOT), "AFG_REAL_CACHE": str(tmp_path / "c"),
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_CONFIG_FILE": "/dev/null", "PIP_NO_INDEX": "1",
    }  # fmt: skip
    command = [sys.executable, "-m", "tools.real_base.make"]
    done = subprocess.run(command, capture_output=True, text=True, env=variables, check=False, timeout=120)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("real base: pip cannot download the packages of the real base: ")
    assert done.stderr.count("\n") == 1
    assert not list((tmp_path / "c").iterdir())


def test_a_damaged_base_is_not_complete(tmp_path: Path) -> None:
    """The marker lists every file with its checksum."""
    assert not is_complete(tmp_path)
    (tmp_path / "chat_template.jinja").write_text(chat_template(), encoding="utf-8")
    marker = {"format": 1, "files": {"chat_template.jinja": sha256(tmp_path / "chat_template.jinja")}}
    (tmp_path / "complete.json").write_text(json.dumps(marker), encoding="utf-8")
    assert is_complete(tmp_path)
    marker["files"] = {"chat_template.jinja": sha256(b"another")}
    (tmp_path / "complete.json").write_text(json.dumps(marker), encoding="utf-8")
    assert not is_complete(tmp_path)
    assert "NOT FunctionGemma" in NOTICE
    assert "Gemma Terms of Use" in NOTICE
