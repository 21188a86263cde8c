"""Fixtures of the tests of folders of parts."""

from pathlib import Path

import pytest

from dataset_tools.sample import dirty_path
from tests.scale.runs import clean_into, write_corpus


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows with every known defect, in one file."""
    dirty = dirty_path().read_text(encoding="utf-8").splitlines()
    return write_corpus(tmp_path_factory.mktemp("corpus") / "raw.jsonl", dirty)


@pytest.fixture(scope="session")
def undisturbed(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The corpus, cleaned into a folder of parts by one worker without interruption."""
    folder = tmp_path_factory.mktemp("undisturbed")
    clean_into(corpus, folder)
    return folder
