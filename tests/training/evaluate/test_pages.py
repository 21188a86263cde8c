"""Evaluation pages: self-contained, escaped, with differences marked."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.training.eval_data import call, record, write_lines
from training.evaluate.compare import compare
from training.evaluate.comparison_page import comparison_page
from training.evaluate.eval_file import Evaluation
from training.evaluate.evaluate import evaluate
from training.evaluate.evaluation_page import evaluation_page

_VOID = {"meta", "link", "input", "rect", "circle", "line"}
HOSTILE = '</script><img src=x onerror="alert(1)">{{script}} [red]\u202e\u200f'


class _Reader(HTMLParser):
    """Parser that checks nesting and collects tags and text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def _read(page: str) -> _Reader:
    reader = _Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


def _evaluation(folder: Path, city: str, **arguments: Any) -> Evaluation:
    rows = [
        record("ok", call("get_weather", city="جدة")),
        record("bad", call("get_weather", city="شرم الشيخ", days=2), dialect="gulf"),
        record("lenient", call("convert", amount=5, currency="SAR")),
    ]
    made = [
        {"id": "ok", "tool_calls": [call("get_weather", city="جدة")]},
        {"id": "bad", "tool_calls": [call("get_weather", city=city, **arguments)]},
        {"id": "lenient", "tool_calls": [call("convert", amount=5, currency="ريال سعودي")]},
    ]
    data = write_lines(folder / "data.jsonl", rows)
    return evaluate([str(data)], write_lines(folder / "answers.jsonl", made))


def test_a_page_needs_nothing_else(tmp_path: Path) -> None:
    """Nothing is fetched, and the policy allows only the page's own style and script."""
    page = evaluation_page(_evaluation(tmp_path, "مكة"))
    reader = _read(page)
    for tag, attributes in reader.tags:
        assert attributes.get("src") is None
        assert attributes.get("href") in (None, "data:,")
        assert not any(name.startswith("on") or name == "style" for name in attributes), tag
    assert "default-src 'none'" in page
    assert "{{" not in page.replace("${{", "")


def test_rows_are_text_whatever_they_hold(tmp_path: Path) -> None:
    """Tags, template fields and direction marks in a value are shown as text."""
    page = evaluation_page(_evaluation(tmp_path, HOSTILE))
    reader = _read(page)
    assert not any(tag == "img" for tag, _ in reader.tags)
    assert len(re.findall("<script>", page)) == 1
    assert "U+202E" in reader.words
    assert "\u202e" not in page
    assert page.count("{{script}}") == 1


def test_what_differs_is_marked_by_whole_words(tmp_path: Path) -> None:
    """Only wrong words are marked, on both sides; a missing argument is absent."""
    page = evaluation_page(_evaluation(tmp_path, "شرم الدين"))
    assert "<bdi>شرم <ins>الشيخ</ins></bdi>" in page
    assert "<bdi>شرم <del>الدين</del></bdi>" in page
    assert (
        '<tr class="wrong"><th scope="row"><bdi>days</bdi></th><td><bdi dir="ltr">2</bdi></td><td><span class="absent">'
        in page
    )
    assert page.count('<tr class="wrong">') == 2


def test_json_reads_from_left_to_right_with_its_texts_in_their_own_direction(tmp_path: Path) -> None:
    """Brackets and numbers keep their order next to Arabic; whole strings or numbers are marked."""
    gold = call("get_weather", city={"name": "جدة", "code": "71-د"}, days=3)
    made = call("get_weather", city={"name": "مكة", "code": "71-د"}, days="3.5")
    data = write_lines(tmp_path / "data.jsonl", [record("r", gold)])
    answers = write_lines(tmp_path / "a.jsonl", [{"id": "r", "tool_calls": [made]}])
    page = evaluation_page(evaluate([str(data)], answers))
    key, rest = (
        '<bdi dir="ltr">{&quot;<bdi>name</bdi>&quot;: ',
        ", &quot;<bdi>code</bdi>&quot;: &quot;<bdi>71-د</bdi>&quot;}</bdi>",
    )
    assert f"{key}<ins>&quot;<bdi>جدة</bdi>&quot;</ins>{rest}" in page
    assert f"{key}<del>&quot;<bdi>مكة</bdi>&quot;</del>{rest}" in page
    assert '<bdi dir="ltr"><ins>3</ins></bdi>' in page
    assert '<bdi dir="ltr"><del>&quot;<bdi>3.5</bdi>&quot;</del></bdi>' in page


def test_rows_right_only_under_the_fair_rule_have_a_filter(tmp_path: Path) -> None:
    """They have their own filter, with the rule and without a mark of error."""
    page = evaluation_page(_evaluation(tmp_path, "مكة"))
    (article,) = re.findall(r'<article data-kinds="fair-alone".*?</article>', page, re.DOTALL)
    assert "ريال سعودي" in article
    assert "equal under fair" in article
    assert "wrong" not in article


def test_what_is_not_scored_is_not_marked(tmp_path: Path) -> None:
    """A parameter that the benchmark does not score may differ without a mark."""
    about = {"requires_function": True, "tool_called": "get_weather"}
    row = record("r", call("get_weather", city="جدة", country="مصر"), **about)
    data = write_lines(tmp_path / "data.jsonl", [row])
    made = [{"id": "r", "tool_calls": [call("get_weather", city="مكة", country="عمان")]}]
    page = evaluation_page(evaluate([str(data)], write_lines(tmp_path / "a.jsonl", made)))
    assert re.findall(r'<tr class="wrong"><th scope="row"><bdi>(\w+)', page) == ["city"]


def test_the_heat_map_counts_every_row(tmp_path: Path) -> None:
    """Each cell has the number of its right rows."""
    reader = _read(evaluation_page(_evaluation(tmp_path, "مكة")))
    cells = {a["aria-label"] for tag, a in reader.tags if tag == "button" and "data-tool" in a}
    assert cells == {
        "msa, get_weather: 1 of 1 right",
        "gulf, get_weather: 0 of 1 right",
        "msa, convert: 1 of 1 right",
    }


def test_a_perfect_evaluation_has_a_page(tmp_path: Path) -> None:
    """A page without errors has no filters."""
    data = write_lines(tmp_path / "data.jsonl", [record("ok", call("get_weather", city="جدة"))])
    answers = write_lines(tmp_path / "a.jsonl", [{"id": "ok", "tool_calls": [call("get_weather", city="جدة")]}])
    page = evaluation_page(evaluate([str(data)], answers))
    assert "<p>None.</p>" in page
    _read(page)


def test_the_page_of_a_comparison_shows_every_answer(tmp_path: Path) -> None:
    """A flipped row has the calls of both evaluations, the wrong one open."""
    one, two = _evaluation(tmp_path, HOSTILE), _evaluation(tmp_path, "شرم الشيخ", days=2)
    page = comparison_page(compare([one, two], ["a<b", "c"]))
    reader = _read(page)
    assert "a<b" in reader.words
    assert page.count("<article ") == 1
    assert page.count("<details open>") == 1
    assert not any(tag == "img" for tag, _ in reader.tags)
    assert 'data-kinds="flipped gained-1"' in page
    assert "<kbd>n</kbd>" in page


@pytest.mark.parametrize("city", ["", " ", "\n", "ا" * 5000])
def test_odd_values_have_a_page(tmp_path: Path, city: str) -> None:
    """Empty values, white space and very long values have a page."""
    _read(evaluation_page(_evaluation(tmp_path, city)))
