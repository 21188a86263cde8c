"""HTML page of samples: self-contained, escaped, every token once."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from dataset_tools.show.preview import preview
from dataset_tools.show.samples_page import samples_page


class _Tree(HTMLParser):
    """Parser that collects tags, attributes and tokens of a page, and checks nesting."""

    void = frozenset(("meta", "link", "br"))

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[tuple[str, dict[str, str | None]]] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.tokens: dict[int, str] = {}
        self.trained: dict[int, bool] = {}
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        if tag not in self.void:
            self.open.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        for _, attributes in self.open:
            if "data-t" in attributes:
                token = int(attributes["data-t"] or "")
                self.tokens[token] = self.tokens.get(token, "") + data
                self.trained[token] = "data-labels" in attributes
                assert self.trained[token] == any(tag == "mark" for tag, _ in self.open)


def test_the_page_is_closed_in_itself(samples: Path) -> None:
    """No address, no file, no inline handler; the policy allows only this style and this script."""
    text = samples_page(preview(samples, count=4))
    tree = _Tree(text)
    assert tree.tags == {
        "html", "head", "meta", "title", "link", "style", "body", "header", "h1", "h2", "bdi", "p", "mark", "span",
        "nav", "button", "kbd", "main", "article", "div", "aside", "script", "br", "details", "summary",
    }  # fmt: skip
    assert not any(name.startswith("on") or name in ("src", "style") for name in tree.attributes)
    assert re.findall(r'href="([^"]*)"', text) == ["data:,"]
    assert not re.search(r"https?://|//[a-z]|url\(|@import", text)
    for name in ("style", "script"):
        (content,) = re.findall(rf"<{name}>(.*?)</{name}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}'" in text


@pytest.mark.parametrize("row", range(4))
def test_every_token_stands_on_the_page_once(samples: Path, row: int) -> None:
    """Tokens are in order, each with its text; only trained ones are marked and have a label."""
    found = preview(samples, row=row)
    (view,) = found.views
    tree = _Tree(samples_page(found))
    pieces = [piece for line in view.lines for span in line.spans for piece in span.pieces]
    assert sorted(tree.tokens) == sorted({piece.start for piece in pieces})
    assert {at for piece in pieces for at in range(piece.start, piece.stop)} == set(range(view.tokens))
    assert tree.trained == {piece.start: view.sample.labels[piece.start] != -100 for piece in pieces}
    if row != 3:  # there, letters are made of several tokens
        shown = [text.replace("\n", "↵") for text in view.texts]
        assert [tree.tokens[at] for at in range(view.tokens)] == shown


def test_a_sample_is_never_markup(samples: Path) -> None:
    """Tags, quotes, entities and template fields inside a sample stay text, also in its id and facts."""
    tree = _Tree(samples_page(preview(samples, row=3)))
    said = "".join(text for _, text in sorted(tree.tokens.items()))
    shown = "</script><img src=x onerror=alert(1)>\"'&amp; {{title}} U+001B[31m U+202EيمينU+202C 👩U+200D🚀 ⟦ڴ⟧"
    assert said.count(shown) == 2
    assert "img" not in tree.tags
    assert "b" not in tree.tags


def test_the_page_is_the_same_each_time(samples: Path) -> None:
    """Two pages of the same samples have the same bytes."""
    assert samples_page(preview(samples, count=4)) == samples_page(preview(samples, count=4))


def test_arabic_values_are_isolated_and_code_is_not(samples: Path) -> None:
    """Each value is in its own isolate; each span of code is left to right."""
    text = re.sub(r'<span class="t"[^>]*>(.*?)</span>', r"\1", samples_page(preview(samples, row=2)))
    said = '<p class="line" dir="auto"><span class="ignored"><span class="prose">كيف الجو؟</span>'
    assert said + '<span dir="ltr">&lt;end_of_turn&gt;</span>' in text
    result = '<bdi>المدينة</bdi><span dir="ltr">&quot;:&quot;</span><bdi>جدة</bdi><span dir="ltr">&quot;,&quot;</span>'
    assert result in text
