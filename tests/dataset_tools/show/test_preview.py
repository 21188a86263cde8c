"""Previews: equal to the built rows, and as documented."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dataset_tools.bundled import sample_path
from dataset_tools.prompt.render import render
from dataset_tools.samples.build import BuildOptions, build
from dataset_tools.samples.stage import SampleOptions
from dataset_tools.show.preview import preview
from training.tiny import tokenizer_path

NOT_VERIFIED = SampleOptions(verify=0)
ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "showing.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_documented_output_is_real(afg_data: Callable[..., Any], tmp_path: Path) -> None:
    """The commands of the page print the output of the page, byte for byte."""
    for command in (
        ("sample", "--dirty", "-o", "raw.jsonl"),
        ("clean", "raw.jsonl", "-o", "clean.jsonl", "-q"),
        ("build", "clean.jsonl", "-o", "samples", "--tokenizer", tokenizer_path(), "--shuffle-tools", "7",
         "--max-tools", "2", "--verify", "0", "-q"),
    ):  # fmt: skip
        assert afg_data(*command, cwd=tmp_path).returncode == 0
    (shown,) = re.findall(r"^```text\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert afg_data("show", "samples", "--row", "5", cwd=tmp_path).stdout == shown
    run = afg_data("show", "samples", "--count", "20", "--html", "samples.html", cwd=tmp_path)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "20 samples → samples.html\n")
    assert (tmp_path / "samples.html").read_text(encoding="utf-8").count("<article ") == 20
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"},
        capture_output=True, text=True, encoding="utf-8", check=True,
    )  # fmt: skip
    assert len(ran.stdout.splitlines()) == shown.count("\n") - 2


def test_the_documented_keys_are_those_of_the_page() -> None:
    """The documentation, the page's help and its script name the same keys."""
    folder = ROOT / "dataset_tools" / "show" / "page"
    table = PAGE.partition("| key |")[2].partition("\n\n")[0]
    listed = set(re.findall(r"`([^`]+)`", table))
    assert listed == set(re.findall(r"<kbd>([^<]+)</kbd>", (folder / "keys.html").read_text(encoding="utf-8")))
    block = (folder / "page.js").read_text(encoding="utf-8").partition("const keys = {")[2].partition("};")[0]
    names = {"ArrowRight": "→", "ArrowLeft": "←", "Escape": "Esc"}
    assert listed == {names.get(key, key) for key in re.findall(r"^ +(\w+):", block, re.MULTILINE)}


@pytest.mark.slow
def test_what_is_shown_is_what_was_rendered(tmp_path: Path) -> None:
    """For every row of the bundled sample, the text is the prompt, and the marked tokens are those of the report."""
    report = build(
        [str(sample_path())], tmp_path / "samples", str(tokenizer_path()), BuildOptions(samples=NOT_VERIFIED)
    )
    found = preview(tmp_path / "samples", count=1000)
    assert (len(found.views), sum(view.trained for view in found.views)) == (480, report.facts["trained_tokens"])
    records = map(json.loads, sample_path().read_text(encoding="utf-8").splitlines())
    for record, view in zip(records, found.views, strict=True):
        shown = "".join(piece.text for line in view.lines for span in line.spans for piece in span.pieces)
        assert (view.sample.id, shown) == (record["id"], render(record))
