"""HTML page of samples in Chromium: offline, Arabic shaped and in order, usable with mouse, touch and keyboard."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dataset_tools.show.preview import preview
from dataset_tools.show.samples_page import samples_page
from tests.browser import chromium

Open = Callable[..., Any]
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One browser for all tests of this module."""
    with chromium() as found:
        yield found


@pytest.fixture
def opened(browser: Any, samples: Path, tmp_path: Path) -> Iterator[Open]:
    """Open the page of all samples offline; requests, console messages and errors fail the test."""
    file = tmp_path / "page.html"
    file.write_text(samples_page(preview(samples, count=4)), encoding="utf-8")
    contexts, heard = [], []

    def open_page(fragment: str = "", **options: Any) -> Any:
        context = browser.new_context(offline=True, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(5000)
        page.on("console", lambda message: heard.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: heard.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (heard.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: heard.append(f"request: {request.url}"))
        page.goto(file.as_uri() + fragment)
        assert heard.pop(0) == f"request: {file.as_uri()}"
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert heard == []


def _box(page: Any, text: str, at: int = 0) -> Any:
    """Return the box of a token in the visible sample."""
    return page.locator("article:visible .t").filter(has_text=text).nth(at).bounding_box()


def test_a_word_of_several_tokens_is_shaped_as_one(opened: Open) -> None:
    """Letters join across tokens: the word is as wide as without spans, and narrower than its single letters."""
    page = opened("#row-0")
    widths = page.evaluate(
        """() => {
          const prose = [...document.querySelectorAll("#row-0 .prose")].find((p) => p.textContent.includes("الطقس"));
          const width = (element) => { const box = element.getBoundingClientRect(); return box.width; };
          const other = (text) => {
            const copy = prose.cloneNode(false);
            copy.textContent = text;
            prose.parentNode.append(copy);
            const found = width(copy);
            copy.remove();
            return found;
          };
          const text = prose.textContent;
          return { tokens: prose.children.length, cut: width(prose), whole: other(text),
                   apart: other([...text].join("\\u200c")) };
        }"""
    )
    assert widths["tokens"] > 4
    assert widths["cut"] == pytest.approx(widths["whole"], abs=0.5)
    assert abs(widths["apart"] - widths["whole"]) > 5


def test_arabic_messages_run_from_right_to_left(opened: Open) -> None:
    """The line begins at the right, and the token that ends the turn is at its left end."""
    page = opened("#row-0")
    line = page.locator("article:visible .line").filter(has_text="شو الطقس")
    assert line.evaluate("line => getComputedStyle(line).direction") == "rtl"
    first, last = _box(page, "شو"), _box(page, "<end_of_turn>", 1)
    assert first["x"] > last["x"]
    assert first["x"] + first["width"] == pytest.approx(line.bounding_box()["x"] + line.bounding_box()["width"], abs=2)


def test_a_call_runs_from_left_to_right_around_its_values(opened: Open) -> None:
    """Names, Arabic values and numbers keep the order of generation."""
    page = opened("#row-0", viewport={"width": 1400, "height": 800})
    places = [_box(page, text, at)["x"] for text, at in (("city", 0), ("جدة", 1), ("da", 0), ("3", 0), ("}", 1))]
    assert places == sorted(places)


def test_json_in_a_result_keeps_its_order(opened: Open) -> None:
    """Arabic keys and values next to each other do not change places."""
    page = opened("#row-2", viewport={"width": 1600, "height": 800})
    boxes = page.evaluate(
        """() => [...document.querySelectorAll("#row-2 .line")].find((line) => line.textContent.includes("سماء"))
             .querySelectorAll("bdi").values()
             .map((bdi) => [bdi.textContent, bdi.getBoundingClientRect().x]).toArray()"""
    )
    assert [text for text, _ in boxes] == ["المدينة", "جدة", "سماء", "صحو"]
    assert [x for _, x in boxes] == sorted(x for _, x in boxes)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_trained_text_has_color_and_signs(opened: Open, scheme: str) -> None:
    """Trained text has a background, an underline and brackets; all text has a contrast of at least 4.5."""
    page = opened("#row-3", color_scheme=scheme)
    mark = page.locator("article:visible mark").first
    assert mark.evaluate("mark => getComputedStyle(mark, '::before').content") == '"⟦"'
    assert mark.evaluate("mark => getComputedStyle(mark, '::after').content") == '"⟧"'
    assert mark.evaluate("mark => getComputedStyle(mark).textDecorationLine") == "underline"
    page.keyboard.press("t")
    for selector in ("body", "article:visible mark", "article:visible .ignored", ".odd", ".keys", ".chosen", "#detail"):
        colour, ground = page.locator(selector).first.evaluate(
            """element => {
              let ground = element;
              while (getComputedStyle(ground).backgroundColor === "rgba(0, 0, 0, 0)") ground = ground.parentElement;
              return [getComputedStyle(element).color, getComputedStyle(ground).backgroundColor];
            }"""
        )
        assert _contrast(colour, ground) >= 4.5, (selector, colour, ground)
    light = _luminance(page.evaluate("getComputedStyle(document.body).backgroundColor")) > 0.5
    assert light == (scheme == "light")


def _luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_the_mouse_shows_id_and_label(opened: Open) -> None:
    """A token under the mouse shows its position, id, label and text."""
    page = opened("#row-0")
    detail = page.locator("#detail")
    assert detail.is_hidden()
    stop = page.locator("article:visible .t").filter(has_text="<start_function_response>")
    stop.hover()
    assert detail.text_content() == "token 60 · id 50 · label 50, trained · <start_function_response>"
    page.locator("article:visible .t").filter(has_text="<bos>").hover()
    assert detail.text_content() == "token 0 · id 2 · label −100, ignored · <bos>"


def test_a_character_of_several_tokens_has_all_ids(opened: Open) -> None:
    """A character of several bytes is one element with an id for each byte."""
    page = opened("#row-3")
    page.locator("article:visible mark .t").filter(has_text="ڴ").hover()
    assert "· id 386 348 · label 386 348, trained · ڴ" in page.locator("#detail").text_content()


def test_a_tap_on_a_phone_shows_id_and_label(opened: Open) -> None:
    """On a narrow screen nothing overflows, buttons are large enough, and a tap shows id and label."""
    page = opened(**PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    for name in ("#previous", "#next"):
        box = page.locator(name).bounding_box()
        assert min(box["width"], box["height"]) >= 44
    page.locator("article:visible .t").filter(has_text="جدة").last.tap()
    assert "trained · جدة" in page.locator("#detail").text_content()
    page.locator("#next").tap()
    assert page.locator("article:visible h2").text_content() == "parallel"


def test_the_keyboard_reaches_every_token_and_sample(opened: Open) -> None:
    """Arrows select tokens in text order, t the next trained one, n and p the next and previous sample."""
    page = opened("#row-0")
    selected = lambda: page.locator("#detail").text_content().split(" · ")[0]  # noqa: E731
    page.keyboard.press("ArrowRight")
    assert selected() == "token 0"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    assert selected() == "token 1"
    page.keyboard.press("t")
    assert selected() == "token 44"
    for _ in range(30):
        page.keyboard.press("t")
    assert selected() == "token 60"
    page.keyboard.press("Escape")
    assert page.locator("#detail").is_hidden()
    page.keyboard.press("n")
    assert page.url.endswith("#row-1")
    page.keyboard.press("p")
    page.keyboard.press("p")
    assert page.url.endswith("#row-0")


def test_the_buttons_work_without_a_mouse(opened: Open) -> None:
    """Tab focuses the enabled button with a ring; Enter presses it; buttons are disabled at the ends."""
    page = opened()
    assert page.locator("#previous").is_disabled()
    page.keyboard.press("Tab")
    focused = page.locator(":focus-visible")
    assert focused.get_attribute("id") == "next"
    assert focused.evaluate("button => getComputedStyle(button).outlineStyle") == "solid"
    for place in ("2 of 4", "3 of 4", "4 of 4"):
        page.keyboard.press("Enter")
        assert page.locator("#place").text_content() == place
    assert page.locator("#next").is_disabled()
    assert page.locator("article:visible").count() == 1


def test_an_address_names_a_sample(opened: Open) -> None:
    """The fragment of the address selects its row; an unknown one selects the first."""
    assert opened("#row-2").locator("article:visible h2").text_content() == "answer"
    page = opened("#nothing")
    assert page.locator("article:visible h2").text_content() == "call"
    page.evaluate("location.hash = '#row-1'")
    page.locator("#row-1:visible").wait_for()


def test_without_scripts_all_samples_are_there(opened: Open) -> None:
    """Without scripts all samples are shown, one below the other."""
    page = opened(java_script_enabled=False)
    assert page.locator("article:visible").count() == 4
    assert page.locator("nav").is_hidden()


def test_hostile_text_is_shown_and_does_nothing(opened: Open) -> None:
    """A sample full of markup runs nothing, and its invisible characters are shown."""
    page = opened("#row-3")
    page.keyboard.press("t")
    assert page.locator("img").count() == 0
    assert page.locator("article:visible .odd").all_text_contents()[:2] == ["U+001B", "U+202E"]
    assert page.locator("article:visible h2").text_content() == '<b>"h&l"</b>'
