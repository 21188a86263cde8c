"""Page of training curves in Chromium: offline, legible on a phone, in both color schemes."""

from pathlib import Path
from typing import Any

import pytest

from tests.browser import chromium
from tests.training.fit.test_curves import LINES, MANIFEST
from training.fit.curves import curves_page

OVERLAPS = """() => [...document.querySelectorAll(".plot")].flatMap((plot) => {
  const boxes = [...plot.querySelectorAll("text")]
    .map((text) => ({ text: text.textContent, box: text.getBoundingClientRect() }))
    .filter(({ box }) => box.width > 0);
  return boxes.flatMap((one, at) => boxes.slice(at + 1)
    .filter((two) => one.box.left < two.box.right && two.box.left < one.box.right
      && one.box.top + 3 < two.box.bottom - 3 && two.box.top + 3 < one.box.bottom - 3)
    .map((two) => `${one.text} / ${two.text}`));
})"""


@pytest.mark.parametrize("width, scheme", [(390, "dark"), (1280, "light")])
def test_the_page_fits_and_labels_do_not_overlap(width: int, scheme: str, tmp_path: Path) -> None:
    """Nothing overflows or is fetched, labels are apart and large enough, and colors follow the scheme."""
    lines = [{**line, "step": 150 * line["step"] - 15} for line in LINES]
    file = tmp_path / "curves.html"
    file.write_text(curves_page(lines, MANIFEST), encoding="utf-8")
    heard: list[Any] = []
    with chromium() as browser:
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True)
        page.on("console", lambda message: heard.append(message.text))
        page.goto(file.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.evaluate(OVERLAPS) == []
        heights = page.evaluate(
            "[...document.querySelectorAll('.plot text')].map((t) => t.getBoundingClientRect().height)"
        )
        assert min(heights) >= 12
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (ground == "rgb(22, 24, 26)") == (scheme == "dark")
    assert heard == []
