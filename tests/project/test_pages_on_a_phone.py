"""Every HTML page in Chromium on a phone: nothing is wider than the screen, also with long names and larger text."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from dataset_tools.bundled import dirty_path
from dataset_tools.cli import main as data_commands
from publishing.cli import main as model_commands
from tests.browser import chromium
from tests.training.eval_data import call, record, write_lines
from tests.training.fit.test_curves import LINES, MANIFEST
from training.fit.curves import curves_page
from training.tiny import tokenizer_path

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}
PAGES = ["build", "clean", "compare", "curves", "eval", "report", "samples", "validate"]
LONG = "a_name_without_a_place_to_break_" * 3

# Elements that reach beyond the screen, without those in a box that scrolls by itself.
BEYOND = """() => {
  const scrolls = (box) => box !== document.body
    && (getComputedStyle(box).overflowX !== "visible" || scrolls(box.parentElement));
  return [...document.body.querySelectorAll("*")]
    .filter((element) => element.getBoundingClientRect().right > innerWidth && !scrolls(element.parentElement))
    .map((element) => `${element.tagName}: ${element.textContent.slice(0, 60)}`);
}"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write each page, of rows and files with long names."""
    folder = tmp_path_factory.mktemp("pages") / LONG
    folder.mkdir()
    page = {name: folder / f"{name}.html" for name in PAGES}
    raw = folder / "raw.jsonl"
    raw.write_bytes(b"".join(dirty_path().read_bytes().splitlines(keepends=True)[:40]))
    right = call("get_weather", city=LONG)
    rows = [record(LONG, right, domain=LONG), record("right", right)]
    records = write_lines(folder / "records.jsonl", rows)
    for name, answer in (("eval", call(LONG, **{LONG: LONG})), (LONG, right)):
        answers = write_lines(folder / "answers.jsonl", [{"id": row["id"], "tool_calls": [answer]} for row in rows])
        _run(model_commands.app, "evaluate", "--predictions", answers, records, "-o", folder / f"{name}.json")
    _run(model_commands.app, "compare", folder / "eval.json", folder / f"{LONG}.json", "-o", page["compare"])
    samples, tokenizer = folder / "samples", ("--tokenizer", tokenizer_path())
    _run(data_commands.app, "build", records, "-o", samples, *tokenizer, "--verify", 0, "--html", page["build"])
    _run(data_commands.app, "show", samples, "-n", 2, "--html", page["samples"])
    _run(data_commands.app, "report", raw, "-o", page["report"], *tokenizer)
    _run(data_commands.app, "validate", raw, "--html", page["validate"], code=1)
    _run(data_commands.app, "clean", raw, "-o", folder / "clean.jsonl", "--html", page["clean"])
    page["curves"].write_text(
        curves_page(LINES, MANIFEST | {"base": {"name": LONG, "revision": LONG}}), encoding="utf-8"
    )
    return folder


def _run(app: Any, *arguments: object, code: int = 0) -> None:
    done = CliRunner().invoke(app, [*map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == code, done.output


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Yield one browser for all pages."""
    with chromium() as found:
        yield found


@pytest.mark.parametrize("name", PAGES)
def test_no_page_is_wider_than_a_phone(name: str, browser: Any, pages: Path) -> None:
    """The width is the screen's at the normal text size and at one that is 15% larger."""
    page = browser.new_page(offline=True, **PHONE)
    page.goto((pages / f"{name}.html").as_uri())
    page.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true; })")
    for size in ("100%", "115%"):
        page.evaluate("(size) => { document.documentElement.style.fontSize = size; }", size)
        assert page.evaluate(BEYOND) == []
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["viewport"]["width"]
    page.close()
