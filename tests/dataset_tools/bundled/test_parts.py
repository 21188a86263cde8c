"""Held-out rows of the sample: chosen by rule, and disjoint from training rows in both copies."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from dataset_tools.arabic.compare import compare_key
from dataset_tools.bundled import SamplePart, dirty_path, sample_path
from dataset_tools.bundled.catalogue import DIALECTS, domains, tools
from dataset_tools.bundled.parts import choose, held_out, shared_keys, text
from dataset_tools.cli.main import app
from dataset_tools.display.command_line import run_app


def rows(part: SamplePart, *, dirty: bool = False) -> list[Any]:
    """Return the rows of a part that are JSON."""
    lines = text(part, dirty=dirty).splitlines()
    if not dirty:
        return [json.loads(line) for line in lines]
    found = []
    for line in lines:
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def test_the_list_is_reproducible() -> None:
    """The committed list is that of the script."""
    assert held_out() == choose()


def test_no_question_and_no_call_is_shared() -> None:
    """This holds in any spelling, and for copied rows of the dirty copy."""
    for dirty in (False, True):
        seen = {key for row in rows(SamplePart.TRAIN, dirty=dirty) for key in shared_keys(row)}
        held = [key for row in rows(SamplePart.TEST) for key in shared_keys(row)]
        assert len(held) > 180
        assert seen.isdisjoint(held)


def test_keys_hold_every_question_and_call_folded() -> None:
    """Keys are all user turns and calls, without the order of arguments and the spelling."""
    call = {"function": {"name": "f", "arguments": {"b": "جدّة", "a": 1}}}
    same = {"function": {"name": "f", "arguments": {"a": 1, "b": "جده"}}}
    messages = [{"role": "user", "content": "أين؟"}, {"role": "assistant", "tool_calls": [call, same]}]
    keys = list(shared_keys({"messages": messages}))
    assert keys[0] == ("question", compare_key("اين"))
    assert keys[1] == keys[2]
    assert len(keys) == 3


def test_proportions_of_the_held_out_rows() -> None:
    """There are 18 rows of each dialect, with the same kinds, of every domain and nearly every tool."""
    held = rows(SamplePart.TEST)
    cells = Counter((row["dialect"], row["meta"]["kind"]) for row in held)
    per_kind = {"single": 10, "parallel": 2, "multi-turn": 3, "negative": 3}
    assert cells == {(dialect, kind): count for dialect in DIALECTS for kind, count in per_kind.items()}
    assert {row["domain"] for row in held} == set(domains())
    # Account requests have one of three values, so all their calls are in the training part.
    assert tools().keys() - {name for row in held for name in row["meta"]["tools_called"]} == {
        "get_balance",
        "track_order",
    }


@pytest.mark.parametrize("dirty", [False, True])
def test_the_parts_make_the_whole(dirty: bool) -> None:  # noqa: FBT001
    """Every line is in one part, in order and unchanged."""
    path = dirty_path() if dirty else sample_path()
    whole = path.read_text(encoding="utf-8").splitlines()
    parts = {part: text(part, dirty=dirty).splitlines() for part in SamplePart}
    assert parts[SamplePart.ALL] == whole
    assert (len(parts[SamplePart.TRAIN]), len(parts[SamplePart.TEST])) == (390, 90)
    held = {int(identifier.removeprefix("sample-")) - 1 for identifier in held_out()}
    assert parts[SamplePart.TEST] == [line for at, line in enumerate(whole) if at in held]
    assert parts[SamplePart.TRAIN] == [line for at, line in enumerate(whole) if at not in held]


@pytest.mark.parametrize("part", ["train", "test"])
def test_the_command_writes_a_part(part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``afg-data sample --part`` writes the part."""
    output = tmp_path / "part.jsonl"
    monkeypatch.setattr("sys.argv", ["afg-data", "sample", "-o", str(output), "--part", part])
    with pytest.raises(SystemExit) as ended:
        run_app(app, "afg-data")
    assert not ended.value.code
    assert output.read_text(encoding="utf-8") == text(SamplePart(part))
