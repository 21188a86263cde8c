"""Report page in Chromium: offline, Arabic shaped and in order, readable on every screen."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dataset_tools.bundled import dirty_path
from dataset_tools.report.pages import report_page
from dataset_tools.report.report import ReportOptions, report
from tests.browser import chromium
from training.tiny import tokenizer_path

Open = Callable[..., Any]
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}
OPEN_ALL = "document.querySelectorAll('details').forEach((details) => { details.open = true; })"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Yield one browser for all tests of this module."""
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the page of the sample with known defects."""
    file = tmp_path_factory.mktemp("report") / "report.html"
    file.write_text(
        report_page(report([str(dirty_path())], ReportOptions(tokenizer=str(tokenizer_path())))), encoding="utf-8"
    )
    return file


@pytest.fixture
def opened(browser: Any, written: Path) -> Iterator[Open]:
    """Open the page offline; requests, console messages and errors fail the test."""
    contexts, heard = [], []

    def open_page(**options: Any) -> Any:
        context = browser.new_context(offline=True, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(5000)
        page.on("console", lambda message: heard.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: heard.append(f"error: {error}"))
        page.on("request", lambda request: heard.append(f"request: {request.url}"))
        page.goto(written.as_uri())
        assert heard.pop(0) == f"request: {written.as_uri()}"
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert heard == []


def test_a_marked_letter_keeps_its_word_together(opened: Open) -> None:
    """The letters around a mark join as without it: the line is as wide."""
    page = opened()
    page.evaluate(OPEN_ALL)
    widths = page.evaluate(
        """() => {
          const value = [...document.querySelectorAll(".value")].find((p) => p.textContent.includes("الــــجسم"));
          const other = document.createElement("span");
          const cut = document.createElement("span");
          cut.append(...[...value.childNodes].map((node) => node.cloneNode(true)));
          other.textContent = value.textContent;
          const apart = document.createElement("span");
          apart.textContent = [...value.textContent].join("\\u200c");
          value.replaceChildren(cut, document.createElement("br"), other, document.createElement("br"), apart);
          return [cut, other, apart].map((span) => span.getBoundingClientRect().width);
        }"""
    )
    assert widths[0] == pytest.approx(widths[1], abs=0.5)
    assert abs(widths[2] - widths[0]) > 5


def test_arabic_runs_from_the_right_and_messages_from_the_left(opened: Open) -> None:
    """A value has its own direction; in a message each quoted text keeps its position."""
    page = opened()
    page.evaluate(OPEN_ALL)
    value = page.locator(".value").filter(has_text="الــــجسم").first
    assert value.evaluate("value => getComputedStyle(value).direction") == "rtl"
    message = page.locator(".example p").filter(has_text="'دولار' is not one of").first
    quoted = message.locator("bdi").first.bounding_box()
    assert quoted["x"] - message.bounding_box()["x"] < 12
    before, after = (page.locator(".pair dd").nth(at).bounding_box() for at in (0, 1))
    assert before["y"] < after["y"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast(opened: Open, scheme: str) -> None:
    """Contrast is at least 4.5 for text and 3 for bars."""
    page = opened(color_scheme=scheme)
    page.evaluate(OPEN_ALL)
    colours = """(selector) => {
      const element = document.querySelector(selector);
      let ground = element;
      while (getComputedStyle(ground).backgroundColor === "rgba(0, 0, 0, 0)") ground = ground.parentElement;
      const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
      const luminance = (colour) => {
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
        const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data.slice(0, 3)].map((part) => {
          const share = part / 255;
          return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const style = getComputedStyle(element);
      const one = luminance(element instanceof SVGElement ? style.fill : style.color);
      const other = luminance(getComputedStyle(ground).backgroundColor);
      return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    }"""
    for selector in (
        "body", ".facts", ".value mark", ".value del", ".value ins", ".line mark", ".ignored", ".odd",
        ".plot .x-tick", ".heat td.h8", ".heat td.h10", ".heat td.thin", ".tag.bad",
    ):  # fmt: skip
        assert page.evaluate(colours, selector) >= 4.5, selector
    assert page.evaluate(colours, ".plot .bar") >= 3
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, ground.removeprefix("rgb(").removesuffix(")").split(","))) > 380) == (scheme == "light")


def test_a_phone_shows_all_of_it(opened: Open) -> None:
    """Only the heat map is wider than the screen, and scrolls by itself; tap targets are large enough."""
    page = opened(**PHONE)
    page.evaluate(OPEN_ALL)
    for size in ("115%", "100%"):
        page.evaluate("(size) => { document.documentElement.style.fontSize = size; }", size)
        assert page.evaluate("document.documentElement.scrollWidth") == 360
    heat = page.locator(".heat").first.locator("xpath=..")
    assert heat.evaluate("box => box.scrollWidth > box.clientWidth")
    for selector in ("summary", "nav a"):
        assert all(box["height"] >= 40 for box in (found.bounding_box() for found in page.locator(selector).all()))
    assert page.locator(".plot").first.bounding_box()["width"] > 300


def test_no_mark_covers_the_line_above(opened: Open) -> None:
    """The background of a mark does not cover the letters of the line above."""
    page = opened(**PHONE)
    page.evaluate(OPEN_ALL)
    covered = page.evaluate(
        """() => [...document.querySelectorAll(".value mark, .value del, .value ins")].map((marked) => {
          const lines = [...marked.getClientRects()].sort((one, other) => one.top - other.top);
          return Math.max(...lines.slice(1).map((line, at) =>
            line.top - lines[at].top < 2 ? 0 : lines[at].bottom - line.top));
        }).filter((pixels) => pixels > -Infinity)"""
    )
    assert len(covered) > 5
    assert max(covered) < 1


def test_the_keyboard_reaches_everything(opened: Open) -> None:
    """Tab moves along sections and checks with a focus ring; Enter opens a check."""
    page = opened()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Numbers"
    for _ in range(7):
        page.keyboard.press("Tab")
    summary = page.locator("summary").first
    assert summary.evaluate("summary => summary === document.activeElement")
    assert summary.evaluate("summary => getComputedStyle(summary).outlineStyle") == "solid"
    assert page.locator(".example").first.is_hidden()
    page.keyboard.press("Enter")
    assert page.locator(".example").first.is_visible()


def test_a_screenshot_has_colors(opened: Open, tmp_path: Path) -> None:
    """A screenshot is not empty: charts have their colors."""
    page = opened(viewport={"width": 1000, "height": 900})
    page.locator("#lengths").scroll_into_view_if_needed()
    picture = page.locator("figure").first.screenshot(path=tmp_path / "lengths.png")
    assert len(picture) > 4000
    bars = page.evaluate("[...document.querySelectorAll('.plot .bar')].map((bar) => getComputedStyle(bar).fill)")
    assert set(bars) == {"rgb(47, 111, 143)"}
