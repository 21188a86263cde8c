"""``afg-data show`` on a terminal and in a file: signs, colors, isolates, ids and errors."""

import io
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from dataset_tools.show.preview import Preview, preview
from dataset_tools.show.text import print_preview
from training.tiny import tokenizer_path

Command = Callable[..., Any]
_STYLE = re.compile(r"\x1b\[[0-9;]*m")
FSI, PDI = "\u2068", "\u2069"
DEVELOPER = """\
<bos><start_of_turn>developer↵
You are a model that can do function calling with the following functions
<start_function_declaration>declaration:f{description:<escape>د<escape>}<end_function_declaration><end_of_turn>↵
"""
CALL = f"""\
call  row 0 of 0 to 3  ⟦trained⟧  ignored  ↵ newline
{DEVELOPER}<start_of_turn>user↵
شو الطقس في جدة؟<end_of_turn>↵
<start_of_turn>model↵
⟦<start_function_call>call:f{{city:<escape>جدة<escape>,days:3}}<end_function_call>⟧
⟦<start_function_response>⟧
61 tokens, 17 trained (27.9%) · levantine · weather
"""


def _printed(found: Preview, *, ids: bool = False, terminal: bool = False, colours: bool = False) -> str:
    out = io.StringIO()
    console = Console(
        file=out,
        force_terminal=terminal,
        no_color=not colours,
        color_system="standard" if colours else None,
        width=100,
        highlight=False,
        soft_wrap=not terminal,
        legacy_windows=False,
    )
    print_preview(found, console, ids=ids)
    return out.getvalue()


def test_a_call_is_printed_exactly(samples: Path) -> None:
    """A file has no colors and no isolates; signs are around trained text, counts in the last line."""
    assert _printed(preview(samples)) == CALL


def test_an_answer_after_a_result_is_trained_alone(samples: Path) -> None:
    """The result inside the model's turn is ignored; the stop tokens are trained, the last newline is not."""
    printed = _printed(preview(samples, identity="answer")).splitlines()
    assert printed[-4:-1] == [
        "⟦<start_function_call>call:f{}<end_function_call>⟧",
        '⟦<start_function_response>⟧response:f{value:<escape>{"المدينة":"جدة","سماء":"صحو"}<escape>}<end_function_response>',
        "⟦صحو، 31 درجة.<end_of_turn>⟧↵",
    ]


def test_arabic_is_isolated_on_a_terminal(samples: Path) -> None:
    """Message text and each value have an isolate; names and delimiters have none."""
    printed = _printed(preview(samples, row=2), terminal=True)
    assert f"{FSI}كيف الجو؟{PDI}<end_of_turn>↵" in printed
    assert f'<escape>{{"{FSI}المدينة{PDI}":"{FSI}جدة{PDI}","{FSI}سماء{PDI}":"{FSI}صحو{PDI}"}}<escape>' in printed
    for line in printed.splitlines():
        assert line.count(FSI) == line.count(PDI)


def test_colors_and_signs_agree(samples: Path) -> None:
    """Text between the signs is green; without colors the text is the same."""
    coloured = _printed(preview(samples, row=0), terminal=True, colours=True)
    assert "\x1b[1;33m⟦\x1b[0m\x1b[1;32m<start_function_response>\x1b[0m\x1b[1;33m⟧\x1b[0m" in coloured
    assert "\x1b[90m<start_of_turn>\x1b[0m\x1b[90muser↵\x1b[0m" in coloured
    plain = _printed(preview(samples, row=0), terminal=True)
    assert _STYLE.sub("", coloured) == _STYLE.sub("", plain)


def test_hostile_text_cannot_leave_its_line(samples: Path) -> None:
    """Escape sequences, overrides and the signs inside a sample are shown as code points, also in ids and facts."""
    printed = _printed(preview(samples, row=3))
    assert "\x1b" not in printed
    shown = "<U+001B>[31m <U+202E>يمين<U+202C> 👩<U+200D>🚀 <U+27E6>ڴ<U+27E7>"
    assert printed.count(shown) == 2
    assert f"⟦</script><img src=x onerror=alert(1)>\"'&amp; {{{{title}}}} {shown}<end_of_turn>⟧↵" in printed
    assert printed.count("⟦") == printed.count("⟧") == 2


def test_ids_are_listed_on_request(samples: Path) -> None:
    """Each token has a line with position, id, signs and text; a character of two tokens is listed as bytes."""
    found = preview(samples, row=3)
    listed = _printed(found, ids=True).splitlines()
    head = listed.index(" place      id  token")
    entries = listed[head + 1 : -1]
    assert len(entries) == found.views[0].tokens
    assert entries[0] == "     0       2   <bos>"
    assert entries[3] == "     3     107   ↵"
    assert entries[-2].split()[1:] == ["106", "⟦<end_of_turn>⟧"]
    ids = [int(entry.split()[1]) for entry in entries]
    assert ids == found.views[0].sample.input_ids


def test_several_samples_follow_each_other(samples: Path) -> None:
    """Up to `count` samples are printed, with a blank line between them."""
    found = preview(samples, row=1, count=9)
    assert [view.sample.row for view in found.views] == [1, 2, 3]
    blocks = _printed(found).split("\n\n")
    assert [block.splitlines()[0].split("  ")[0] for block in blocks] == ["parallel", "answer", '<b>"h&l"</b>']


def test_another_tokenizer_gets_a_note(samples: Path, tmp_path: Path) -> None:
    """The text may be wrong if the hash of the tokenizer differs."""
    other = tmp_path / "other"
    shutil.copytree(tokenizer_path(), other)
    assert "note:" not in _printed(preview(samples, tokenizer=str(other)))
    (other / "tokenizer.json").write_bytes((other / "tokenizer.json").read_bytes() + b"\n")
    printed = _printed(preview(samples, tokenizer=str(other)))
    assert f"note: {other} did not make these ids; the text may be wrong" in printed


@pytest.fixture
def changed(samples: Path, tmp_path: Path) -> Path:
    """Return a copy whose build.json names a missing tokenizer."""
    folder = tmp_path / "samples"
    shutil.copytree(samples, folder)
    facts = json.loads((folder / "build.json").read_text(encoding="utf-8"))
    facts["tokenizer"]["name"] = "../gone"
    (folder / "build.json").write_text(json.dumps(facts), encoding="utf-8")
    return folder


def test_a_missing_tokenizer_can_be_named(changed: Path, afg_data: Command) -> None:
    """The error names build.json and the option; with the option the sample is shown."""
    run = afg_data("show", changed)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.startswith(f"afg-data: {changed}/build.json: cannot load the tokenizer '../gone': ")
    assert run.stderr.endswith(" (give its path with --tokenizer)\n")
    run = afg_data("show", changed, "--tokenizer", tokenizer_path())
    assert (run.returncode, run.stderr, run.stdout) == (0, "", CALL)


ERRORS = {
    "row": (("--row", "4"), "there is no row 4: 4 samples, counted from 0 (--row 3 is the last)"),
    "id": (("--id", "x"), "there is no sample with the id 'x' (rejects.jsonl lists the rows that were left out)"),
    "both": (("--row", "1", "--id", "call"), "a row and an id (give --row or --id)"),
    "negative": (("--row", "-1"), "Input should be greater than or equal to 0"),
    "count": (("--count", "0"), "Input should be greater than or equal to 1"),
    "tokenizer": (("--tokenizer", "./none"), "'./none' is not a tokenizer (a folder with tokenizer.json"),
    "html": (("--html", "/dev/null/page.html"), "/dev/null"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_wrong_use_is_one_line(name: str, samples: Path, afg_data: Command) -> None:
    """No traceback, nothing on standard output, the documented exit code."""
    options, message = ERRORS[name]
    run = afg_data("show", samples, *options)
    assert run.returncode == (3 if name == "html" else 2), run.stderr
    assert run.stdout == ""
    assert len(run.stderr.splitlines()) == 1
    assert message in run.stderr


def test_a_folder_without_a_build_is_one_line(tmp_path: Path, afg_data: Command) -> None:
    """A folder without a build is an error."""
    run = afg_data("show", tmp_path)
    assert run.returncode == 2
    assert run.stderr == (
        f"afg-data: {tmp_path}: no build.json in this folder (name a folder that `afg-data build` has written)\n"
    )
