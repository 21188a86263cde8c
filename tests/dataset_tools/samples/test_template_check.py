"""Comparison with the template of the tokenizer: every difference stops a build."""

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dataset_tools.errors import InputError
from dataset_tools.prompt.template import chat_template, template_name
from dataset_tools.samples.template_check import Verifier
from dataset_tools.samples.tokenizer import TokenizerFiles, load_tokenizer
from tests.dataset_tools.samples.build_rows import build_rows, copy_tokenizer, make_samples
from tests.prompt_rows import call, calls, row, say
from training.tiny import tokenizer_path

ROWS = [{**row(say("user", f"طقس {number}؟"), calls(call(city="جدة"))), "id": f"r{number}"} for number in range(9)]


def _change_template(folder: Path, old: str, new: str) -> Path:
    """Return a copy of the tokenizer whose template has ``new`` instead of ``old``."""
    copy = copy_tokenizer(folder)
    template = (copy / "chat_template.jinja").read_text(encoding="utf-8")
    assert old in template
    (copy / "chat_template.jinja").write_text(template.replace(old, new), encoding="utf-8")
    return copy


def _change_json(folder: Path, change: Callable[[Any], None]) -> Path:
    """Return a copy of the tokenizer with another ``tokenizer.json``."""
    copy = copy_tokenizer(folder)
    content = json.loads((copy / "tokenizer.json").read_text(encoding="utf-8"))
    change(content)
    (copy / "tokenizer.json").write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return copy


def _stopped(folder: Path, tokenizer: Path, **options: Any) -> str:
    """Return the reason of a refused build, which must not leave files."""
    with pytest.raises(InputError) as stopped:
        build_rows(folder, ROWS, tokenizer=tokenizer, **options)
    assert not (folder / "out").exists()
    assert not list(folder.glob(".out*"))
    message = str(stopped.value)
    assert "\n" not in message
    return message


def test_another_text_stops_the_build(tmp_path: Path) -> None:
    """The message has both texts at the first difference, and the id of the row."""
    message = _stopped(tmp_path, _change_template(tmp_path, "_call>call:", "_call>invoke:"), verify=200)
    assert "the tokenizer's chat template gives" in message
    theirs, ours = message.split("gives ")[1].split(", but ")[0], message.split("afg-data gives ")[1]
    assert theirs.startswith("'start_function_call>invoke:f{city:")
    assert ours.startswith("'start_function_call>call:f{city:")
    assert message.startswith("r")
    assert "use the tokenizer of google/functiongemma-270m-it" in message


def test_a_second_bos_stops_the_build(tmp_path: Path) -> None:
    """A template that writes two ``<bos>`` is refused."""
    message = _stopped(tmp_path, _change_template(tmp_path, "bos_token", "bos_token + bos_token"), verify=200)
    assert "the tokenizer's chat template gives '<bos><bos><start_of_turn>" in message
    assert "but afg-data gives '<bos><start_of_turn>" in message


def test_a_missing_bos_stops_the_build(tmp_path: Path) -> None:
    """A template that leaves ``<bos>`` to the tokenizer is refused."""
    message = _stopped(tmp_path, _change_template(tmp_path, "bos_token", "''"), verify=200)
    assert "gives '<start_of_turn>developer" in message


def test_a_template_that_fails_stops_the_build(tmp_path: Path) -> None:
    """The message has the exception and the row."""
    copy = copy_tokenizer(tmp_path)
    (copy / "chat_template.jinja").write_text("{{ raise_exception('no developer turns') }}", encoding="utf-8")
    message = _stopped(tmp_path, copy, verify=200)
    assert "the tokenizer's chat template fails on 'r" in message
    assert "no developer turns" in message


def test_one_different_row_among_many_is_found_by_all(tmp_path: Path) -> None:
    """`all` compares every row, so it finds a template that differs for one row."""
    odd = _change_template(tmp_path, "bos_token", "bos_token + ('!' if 'طقس 6' in messages[1].content else '')")
    assert "<bos>!" in _stopped(tmp_path, odd, verify=-1)
    assert _stopped(tmp_path, odd, verify=-1).startswith("r6: ")
    assert _stopped(tmp_path, odd, verify=9).startswith("r6: ")
    caught = 0
    for count in range(1, 9):
        try:
            assert build_rows(tmp_path, ROWS, tokenizer=odd, verify=count).facts["verified_rows"] == count
        except InputError:
            caught += 1
    assert 0 < caught < 8


def test_zero_skips_the_comparison(tmp_path: Path) -> None:
    """``build.json`` has zero compared rows."""
    changed = _change_template(tmp_path, "_call>call:", "_call>invoke:")
    report = build_rows(tmp_path, ROWS, tokenizer=changed, verify=0)
    assert report.facts["verified_rows"] == 0
    assert report.facts["tokenizer"]["template"] == "unknown"
    template = (changed / "chat_template.jinja").read_bytes()
    assert report.facts["tokenizer"]["template_sha256"] == hashlib.sha256(template).hexdigest()


@pytest.mark.parametrize("asked,verified", [(-1, 9), (3, 3), (200, 9)])
def test_number_of_compared_rows(tmp_path: Path, asked: int, verified: int) -> None:
    """All, some, or as many rows as there are."""
    assert build_rows(tmp_path, ROWS, verify=asked).facts["verified_rows"] == verified


def test_other_ids_stop_the_build(tmp_path: Path) -> None:
    """The message has the ids of ``tokenizer.json`` and of transformers."""

    def replace_a_word(content: Any) -> None:
        steps = [{"type": "Replace", "pattern": {"String": "طقس"}, "content": "جدة"}, content["normalizer"]]
        content["normalizer"] = {"type": "Sequence", "normalizers": steps}

    message = _stopped(tmp_path, _change_json(tmp_path, replace_a_word), verify=200)
    assert "the tokenizer gives [" in message
    theirs, ours = (json.loads(found) for found in re.findall(r"gives (\[.*?\])", message))
    assert theirs[:20] == ours[:20]
    # The ids of "طقس" in transformers, and of "جدة", by which the file replaces it.
    assert (theirs[20:22], ours[20]) == ([3984, 748], 1873)


def test_all_ids_are_compared() -> None:
    """A second ``<bos>``, a changed id and a missing last id are found."""
    verifier = Verifier(tokenizer_path())
    record: Any = {**ROWS[0], "dialect": "", "domain": ""}
    right = make_samples([record]).input_ids.tolist()
    verifier.require_equal(record, right)
    changed = [*right[:33], 7, *right[34:]]
    for wrong in ([2, *right], changed, right[:-1], [*right, 107]):
        with pytest.raises(InputError, match=r"^r0: the tokenizer gives .* but afg-data gives"):
            verifier.require_equal(record, wrong)
    with pytest.raises(InputError) as stopped:
        verifier.require_equal(record, [2, *right])
    assert f"gives {right[:41]}, but afg-data gives {[2, *right][:41]}" in str(stopped.value)


def test_the_tokenizer_adds_a_second_bos(tmp_path: Path) -> None:
    """The tokenizer would add a ``<bos>`` to a prompt that has one; a sample has one."""
    assert load_tokenizer(tokenizer_path()).encode("<bos>س").ids[:2] == [2, 2]
    report = build_rows(tmp_path, ROWS[:1], verify=-1)
    assert report.facts["verified_rows"] == 1


def test_a_tokenizer_without_a_template(tmp_path: Path) -> None:
    """Only ids are compared, and ``build.json`` has no template."""
    copy = copy_tokenizer(tmp_path)
    (copy / "chat_template.jinja").unlink()
    assert not Verifier(copy).has_template
    report = build_rows(tmp_path, ROWS, tokenizer=copy, verify=-1)
    assert report.facts["verified_rows"] == 9
    assert report.facts["tokenizer"]["template"] == "none"
    assert report.facts["tokenizer"]["template_sha256"] == ""


def test_a_known_template_is_named() -> None:
    """A template is recognised by its hash; one more letter makes it unknown."""
    assert template_name(chat_template()) == "arabic-functiongemma"
    assert template_name(chat_template() + " ") == "unknown"
    assert template_name(None) == "none"
    bundled = TokenizerFiles("t", "", tokenizer_path())
    assert template_name(bundled.chat_template()) == "arabic-functiongemma"


def test_a_template_in_the_configuration_is_found(tmp_path: Path) -> None:
    """It may be text or the default of several; the template file has priority."""
    copy = copy_tokenizer(tmp_path)
    files = TokenizerFiles("t", "", copy)
    path = copy / "tokenizer_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**config, "chat_template": "inside"}), encoding="utf-8")
    assert files.chat_template() == chat_template()
    (copy / "chat_template.jinja").unlink()
    assert files.chat_template() == "inside"
    named = [{"name": "rag", "template": "other"}, {"name": "default", "template": "usual"}]
    path.write_text(json.dumps({**config, "chat_template": named}), encoding="utf-8")
    assert files.chat_template() == "usual"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match=r"tokenizer_config\.json: not JSON"):
        files.chat_template()


def test_a_vocabulary_of_another_size_is_refused(tmp_path: Path) -> None:
    """From files that do not match, transformers silently makes a tokenizer of another size."""
    copy = copy_tokenizer(tmp_path)
    path = copy / "tokenizer_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**config, "tokenizer_class": "BertTokenizer"}), encoding="utf-8")
    message = _stopped(tmp_path, copy, verify=1)
    assert re.search(r"transformers reads 4,09\d tokens, tokenizer\.json has 4,096 \(save", message)
    assert build_rows(tmp_path, ROWS, tokenizer=copy, verify=0).rows_out == 9
