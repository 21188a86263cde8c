"""What tests of decoding share: a model that knows five answers, in both forms."""

from pathlib import Path
from typing import Any

import pytest
from eval_data import call, record, write_lines
from taught import teach
from tiny_gguf import write_gguf

KNOWN: list[dict[str, Any]] = [
    record("one", call("get_weather", city="جدة", days=3)),
    record("number", call("convert", amount=450.5, currency="ريال")),
    record("words"),
    record("parallel", call("get_weather", city="باريس"), call("get_weather", city="أبها", days=1)),
    record("braces", call("get_weather", city="مكة, {المكرمة}")),
]


@pytest.fixture(scope="session")
def known(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The records whose answers the model knows."""
    return write_lines(tmp_path_factory.mktemp("known") / "known.jsonl", KNOWN)


@pytest.fixture(scope="session")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the model."""
    return teach(tmp_path_factory.mktemp("taught") / "model", KNOWN)


@pytest.fixture(scope="session")
def taught_gguf(tmp_path_factory: pytest.TempPathFactory, taught: Path) -> Path:
    """The same model as one file."""
    return write_gguf(tmp_path_factory.mktemp("gguf") / "model.gguf", taught)
