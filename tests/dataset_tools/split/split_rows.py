"""Rows of a split folder, and their overlap, found without code of the project."""

import json
import re
import unicodedata
from collections.abc import Iterable
from itertools import product
from pathlib import Path
from typing import Any

from dataset_tools.split.division import SPLITS

_LETTERS = {"أ": "ا", "إ": "ا", "آ": "ا", "ٱ": "ا", "ى": "ي", "ة": "ه", "ؤ": "ء", "ئ": "ء", "ی": "ي", "ک": "ك"}


def splits(folder: Path) -> dict[str, list[Any]]:
    """Return the rows of each split in a folder of JSON Lines."""
    found = {name: folder / f"{name}.jsonl" for name in SPLITS}
    return {
        name: [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        for name, path in found.items()
        if path.exists()
    }


def folded(text: str) -> str:
    """Return letters and digits in one spelling, independently of the project's tables."""
    plain = "".join(_LETTERS.get(letter, letter) for letter in unicodedata.normalize("NFC", text))
    parts = []
    for letter in unicodedata.normalize("NFKC", plain).casefold():
        kind = unicodedata.category(letter)
        if kind == "Nd":
            parts.append(str(unicodedata.digit(letter)))
        elif kind not in ("Mn", "Cf") and letter != "ـ":
            parts.append(" " if kind[0] in "PZ" else letter)
    return re.sub(r"\s+", " ", "".join(parts)).strip()


def question(row: Any) -> str:
    """Return the folded text of the user."""
    return folded("\n".join(message["content"] for message in row["messages"] if message["role"] == "user"))


def calls(row: Any) -> set[str]:
    """Return each call as one text with folded strings."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(inner) for key, inner in value.items() if inner is not None}
        if isinstance(value, list):
            return [plain(inner) for inner in value]
        return folded(value) if isinstance(value, str) else float(value) if type(value) is int else value

    made = [call["function"] for message in row["messages"] for call in message.get("tool_calls", ())]
    return {json.dumps([call["name"], plain(call["arguments"])], sort_keys=True) for call in made}


def similarity(one: str, other: str) -> float:
    """Return the Jaccard similarity of all sequences of four characters."""
    first, second = ({text[at : at + 4] for at in range(max(1, len(text) - 3))} for text in (one, other))
    return len(first & second) / len(first | second)


def overlaps(one: Iterable[Any], other: Iterable[Any], near: float) -> list[tuple[str, str, str]]:
    """Return every pair of rows with an equal or similar question or an equal call, by comparing all pairs."""
    first = [(row["id"], question(row), calls(row)) for row in one]
    second = [(row["id"], question(row), calls(row)) for row in other]
    found = []
    for (left, asked, called), (right, also_asked, also_called) in product(first, second):
        if asked == also_asked:
            found.append((left, right, "question"))
        elif called & also_called:
            found.append((left, right, "call"))
        elif similarity(asked, also_asked) >= near:
            found.append((left, right, "near"))
    return found
