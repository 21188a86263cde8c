"""Drawn rows: disjoint from held-out rows, in the proportions of the sample, valid."""

import json
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from dataset_tools.arabic.compare import compare_key
from dataset_tools.bundled import SamplePart, drawing, sample_path
from dataset_tools.bundled.catalogue import DIALECTS, domains, more_requests, phrases, tools
from dataset_tools.bundled.parts import shared_keys, text
from dataset_tools.cli.main import app
from dataset_tools.display.command_line import run_app
from dataset_tools.validation.validate import validate

ROUND = 480
"""Rows of the sample, and of one round of drawing."""


@cache
def drawn(count: int) -> list[Any]:
    """Return that many drawn rows."""
    return [json.loads(line) for line in drawing.draw(count).splitlines()]


def sample(part: SamplePart = SamplePart.ALL) -> list[Any]:
    """Return the rows of a part of the sample."""
    return [json.loads(line) for line in text(part).splitlines()]


def cells(rows: list[Any]) -> Counter[tuple[str, str, str]]:
    """Return the number of rows of each domain, dialect and kind."""
    return Counter((row["domain"], row["dialect"], row["meta"]["kind"]) for row in rows)


def test_nothing_is_shared_with_the_held_out_rows() -> None:
    """Drawn and held-out rows share no question and no call, in any spelling."""
    held = {key for row in sample(SamplePart.TEST) for key in shared_keys(row)}
    assert len(held) > 180
    assert held.isdisjoint(key for row in drawn(2000) for key in shared_keys(row))


def test_the_same_number_gives_the_same_bytes() -> None:
    """Drawing is reproducible, and a larger number starts with the same rows."""
    assert drawing.draw(300) == drawing.draw(300)
    assert [row["messages"] for row in drawn(300)] == [row["messages"] for row in drawn(1000)[:300]]


def test_rounds_have_the_proportions_of_the_sample() -> None:
    """A round has as many rows of each domain, dialect and kind as the sample."""
    assert cells(drawn(ROUND)) == cells(sample())
    assert cells(drawn(2 * ROUND)) == Counter({cell: 2 * count for cell, count in cells(sample()).items()})
    kinds = Counter(row["meta"]["kind"] for row in drawn(1000))
    for kind, count in Counter(row["meta"]["kind"] for row in sample()).items():
        assert kinds[kind] == pytest.approx(1000 * count / ROUND, rel=0.04), kind
    assert {name for row in drawn(1000) for name in row["meta"]["tools_called"]} == tools().keys()


def test_no_row_repeats_another() -> None:
    """A first question with a call is unique; one without a call has other tools each time."""
    opened = Counter(compare_key(row["messages"][1]["content"]) for row in sample())
    offered: Counter[tuple[str, frozenset[str]]] = Counter()
    for row in drawn(1000):
        opening = compare_key(row["messages"][1]["content"])
        if "tool_calls" in row["messages"][2]:
            opened[opening] += 1
        else:
            offered[opening, frozenset(tool["function"]["name"] for tool in row["tools"])] += 1
    assert max(opened.values()) == max(offered.values()) == 1


def test_a_row_has_five_requests() -> None:
    """A request with a follow-up counts once; all calls but the last have a result and a short reply."""
    for row in drawn(300):
        asked = [message for message in row["messages"] if message["role"] == "user"]
        assert len(asked) == 5 + (row["meta"]["kind"] == "multi-turn")
        last = row["messages"][-1]
        assert last["role"] == "assistant"
        assert ("tool_calls" in last) == (row["meta"]["kind"] != "negative")
        waiting = 0
        for message in row["messages"][:-1]:
            waiting += len(message.get("tool_calls", ())) - (message["role"] == "tool")
            assert waiting == 0 or message["role"] != "user"
        assert waiting == 0
        called = {call["function"]["name"] for message in row["messages"] for call in message.get("tool_calls", ())}
        assert called <= {tool["function"]["name"] for tool in row["tools"]}


def test_every_request_without_a_call_is_drawn() -> None:
    """All that are not held out are drawn; each reason has its share of the sample."""
    held = {compare_key(row["messages"][1]["content"]) for row in sample(SamplePart.TEST)}
    written = [pair for domain in domains() for dialect in DIALECTS for pair in phrases(domain)["negatives"][dialect]]
    written += [pair for dialect in DIALECTS for pair in more_requests()[dialect]]
    texts = {compare_key(pair[1]) for pair in written}
    assert len(texts) > 190
    said = {compare_key(m["content"]) for row in drawn(2000) for m in row["messages"] if m["role"] == "user"}
    assert texts - held <= said
    reasons = Counter(row["meta"]["reason"] for row in drawn(2000) if row["meta"]["kind"] == "negative")
    for reason, count in {"missing-information": 30, "out-of-scope": 30, "small-talk": 20}.items():
        # If the only request of a kind is held out, another replaces it.
        assert reasons[reason] == pytest.approx(reasons.total() * count / 80, rel=0.2)


def test_additional_requests_are_not_held_out() -> None:
    """No additional request is held out, in any spelling, and each is unique."""
    more = [compare_key(pair[1]) for dialect in DIALECTS for pair in more_requests()[dialect]]
    assert len(set(more)) == len(more) == 80
    assert set(more).isdisjoint(compare_key(row["messages"][1]["content"]) for row in sample())


def test_every_row_is_valid(tmp_path: Path) -> None:
    """No check finds an error, and each row has its id and source."""
    path = tmp_path / "drawn.jsonl"
    path.write_text(drawing.draw(1000), encoding="utf-8")
    result = validate([str(path)])
    assert (result.rows, result.invalid) == (1000, 0)
    for line, row in enumerate(drawn(1000), start=1):
        assert row["id"] == f"drawn-{line:04d}"
        assert row["source"] == {"dataset": "arabic-functiongemma-sample", "file": "drawn.jsonl", "line": line}


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> object:
    """Return the exit code of ``afg-data sample``."""
    monkeypatch.setattr("sys.argv", ["afg-data", "sample", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        run_app(app, "afg-data")
    return ended.value.code


def test_the_command_draws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``afg-data sample --part train --rows`` draws; without ``--rows`` it writes the part."""
    output = tmp_path / "drawn.jsonl"
    assert not run(monkeypatch, "--part", "train", "--rows", "20", "-o", output)
    assert output.read_text(encoding="utf-8") == drawing.draw(20)
    assert sample_path().read_text(encoding="utf-8") == text(SamplePart.ALL)


@pytest.mark.parametrize(
    "options, expected",
    [
        (["--part", "test"], "afg-data: --rows draws training rows only (use --part train without --dirty)"),
        ([], "afg-data: --rows draws training rows only (use --part train without --dirty)"),
        (
            ["--part", "train", "--dirty"],
            "afg-data: --rows draws training rows only (use --part train without --dirty)",
        ),
    ],
)
def test_only_training_rows_are_drawn(
    options: list[str],
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A number of held-out or dirty rows is a usage error."""
    output = tmp_path / "drawn.jsonl"
    assert run(monkeypatch, *options, "--rows", "20", "-o", output) == 2
    assert capsys.readouterr().err.splitlines() == [expected]
    assert not output.exists()


def test_more_than_the_phrases_give(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error has the possible number, and that many rows can be drawn."""
    monkeypatch.setattr(drawing, "_TRIES", 20)  # to end sooner
    with pytest.raises(drawing.UsageError) as caught:
        drawing.draw(50_000)
    there = int(str(caught.value).rsplit(maxsplit=1)[-1].rstrip(")"))
    assert str(caught.value) == (
        f"the phrases of the sample give {there:,} different rows, not 50,000 (ask for at most {there})"
    )
    assert len(drawing.draw(there).splitlines()) == there > 1000
