"""Benchmark data: the dev split of AISA-ArabicFC, repeated; the bundled sample if that file is missing."""

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from dataset_tools.bundled import sample_path

_ROOT = Path(__file__).parent.parent
_ROWS = 46_325  # 85 times the dev split: 100 MB
_REMEMBERED = 50_000
_HERE = "<the question>"


def rows() -> tuple[str, list[dict[str, Any]]]:
    """Return the name of the data and its distinct rows, without Arrow nulls, stored renderings and thoughts."""
    folder = Path(os.environ.get("AFG_SHARED_DATA") or _ROOT.parent / "shared" / "data")
    path = folder / "aisa_dev.parquet"
    if not path.is_file():
        return "the bundled sample", [orjson.loads(line) for line in sample_path().read_bytes().splitlines()]
    import pyarrow.parquet

    kept = ("messages", "tools_sampled", "requires_function", "tool_called", "negative_category", "dialect")
    found = [_without_nulls({key: row[key] for key in kept}) for row in pyarrow.parquet.read_table(path).to_pylist()]
    for row in found:
        for message in row["messages"]:
            message.pop("think", None)
            message.pop("_think_for_train", None)
    return "AISA-ArabicFC dev", found


def write(path: Path, count: int = _ROWS) -> str:
    """Write ``count`` rows with unique ids as JSON Lines; return a description."""
    name, distinct = rows()
    with path.open("wb") as file:
        for number, row in enumerate(_repeat(distinct, count)):
            file.write(orjson.dumps({"id": f"row-{number}", **{k: v for k, v in row.items() if k != "id"}}) + b"\n")
    return f"{name} repeated to {count:,} rows, {path.stat().st_size / 1e6:.0f} MB"


def write_answers(path: Path, rows_path: Path) -> None:
    """Write a model output for every row of a file: its reference calls, with 1 in 20 arguments missing."""
    draw = random.Random(1)  # noqa: S311 - a fixed draw
    with rows_path.open("rb") as rows, path.open("wb") as file:
        for line in rows:
            row = orjson.loads(line)
            calls = [call["function"] for message in row["messages"] for call in message.get("tool_calls", ())]
            text = "".join(_written(call["name"], call["arguments"], draw) for call in calls) or "لا يلزم"
            file.write(orjson.dumps({"id": row["id"], "text": text}) + b"\n")


def _written(name: str, arguments: dict[str, Any], draw: random.Random) -> str:
    kept = {key: value for key, value in arguments.items() if draw.random() > 1 / 20}
    pairs = (f"{k}:<escape>{v}<escape>" if isinstance(v, str) else f"{k}:{v}" for k, v in kept.items())
    return f"<start_function_call>call:{name}{{{','.join(pairs)}}}<end_function_call>"


def write_varied(path: Path, count: int = 50_000) -> str:
    """Write rows with few repetitions; return a description.

    About 70% ask a new question in words of the corpus, 8% repeat a row in another spelling, 12% repeat one with a
    letter or two changed, and 10% fill one sentence with another number.
    """
    draw = random.Random(1)  # noqa: S311 - nothing secret depends on it
    name, distinct = rows()
    words = sorted({word for row in distinct for word in _question(row).split()})
    made: list[dict[str, Any]] = []
    for number in range(count):
        row, kind = draw.choice(distinct), draw.random()
        question = " ".join(draw.choices(words, k=draw.randint(4, 16)))
        if made and kind < 0.2:  # noqa: PLR2004 - the shares of the docstring
            row = draw.choice(made)
            question = _question(row).replace("ا", "أ") + "؟" if kind < 0.08 else _misspelt(_question(row), draw)  # noqa: PLR2004
        elif kind < 0.3:  # noqa: PLR2004
            question = f"اعرض تفاصيل الطلب رقم {draw.randrange(10**6)} من فضلك يا صديقي العزيز"
        messages = [{**m, "content": question} if m["role"] == "user" else m for m in row["messages"]]
        made.append({**row, "id": f"row-{number}", "messages": messages})
    with path.open("wb") as file:
        file.writelines(orjson.dumps(row) + b"\n" for row in made)
    return f"{count:,} varied rows with the tools of {name}, {path.stat().st_size / 1e6:.0f} MB"


def write_many(path: Path, count: int) -> str:
    """Write rows as `write_varied` does, in little memory: only the last 50,000 rows are repeated."""
    draw = random.Random(1)  # noqa: S311 - nothing secret depends on it
    name, distinct = rows()
    words = sorted({word for row in distinct for word in _question(row).split()})
    forms = [_form(row) for row in distinct]
    made: list[tuple[list[bytes], str]] = []
    with path.open("wb") as file:
        for number in range(count):
            form, question = _drawn(draw, made, forms, words)
            text = orjson.dumps(question).join(form)
            file.write(b'{"id":"row-%d",%b\n' % (number, text))
            if len(made) < _REMEMBERED:
                made.append((form, question))
            else:
                made[number % _REMEMBERED] = form, question
    return f"{count:,} varied rows with the tools of {name}, {path.stat().st_size / 1e6:,.0f} MB"


def _form(row: dict[str, Any]) -> list[bytes]:
    """Return the JSON text of a row after its id, split at the places of the question."""
    messages = [{**m, "content": _HERE} if m["role"] == "user" else m for m in row["messages"]]
    fields = {key: value for key, value in row.items() if key != "id"}
    return orjson.dumps({**fields, "messages": messages})[1:].split(orjson.dumps(_HERE))


def _drawn(
    draw: random.Random, made: list[tuple[list[bytes], str]], forms: list[list[bytes]], words: list[str]
) -> tuple[list[bytes], str]:
    """Draw a row and a question, with the shares of `write_varied`."""
    kind = draw.random()
    if made and kind < 0.2:  # noqa: PLR2004
        form, before = draw.choice(made)
        return form, before.replace("ا", "أ") + "؟" if kind < 0.08 else _misspelt(before, draw)  # noqa: PLR2004
    if kind < 0.3:  # noqa: PLR2004
        return draw.choice(forms), f"اعرض تفاصيل الطلب رقم {draw.randrange(10**6)} من فضلك يا صديقي العزيز"
    return draw.choice(forms), " ".join(draw.choices(words, k=draw.randint(4, 16)))


def _question(row: dict[str, Any]) -> str:
    return " ".join(message["content"] for message in row["messages"] if message["role"] == "user")


def _misspelt(text: str, draw: random.Random) -> str:
    letters = list(text)
    for _ in range(draw.randint(1, 2)):
        letters[draw.randrange(len(letters))] = draw.choice("بتجدرسمن")
    return "".join(letters)


def _repeat(distinct: list[dict[str, Any]], count: int) -> Iterator[dict[str, Any]]:
    for number in range(count):
        yield distinct[number % len(distinct)]


def _without_nulls(value: Any) -> Any:  # noqa: ANN401 - JSON is any value
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value
