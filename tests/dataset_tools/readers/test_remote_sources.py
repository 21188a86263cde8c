"""Datasets on the Hub, with the real client and a small local server."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dataset_tools.errors import UsageError
from dataset_tools.readers.sources import find_files
from tests.dataset_tools.readers.hub_server import hub

ROOT = Path(__file__).parents[3]
ROW = b'{"a":1}\n'
FILES = {
    "README.md": b"# set\n",
    "data/train.jsonl": ROW,
    "data/test.jsonl": ROW,
    "data/extra.csv": b"a\n",
    "dev.json": b'[{"a":1}]',
    ".gitattributes": b"",
}
SCRIPT = """
import json, sys
from dataset_tools.errors import AfgError
from dataset_tools.readers.sources import find_files
answers = []
for source in sys.argv[1:]:
    try:
        answers.append([[file.dataset, file.name, file.path.read_text()] for file in find_files([source])])
    except AfgError as error:
        answers.append(str(error))
print(json.dumps(answers))
"""


PLACES = """
import json, sys
from dataset_tools.readers.sources import find_files
from dataset_tools.split.facts import public_name
print(json.dumps([[file.place, public_name(file)] for source in sys.argv[1:] for file in find_files([source])]))
"""


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, list[str]]]:
    """A Hub with one open and one gated dataset, and one without data."""
    repositories = {"org/set": FILES, "org/gated": FILES, "org/none": {"README.md": b"#\n"}}
    with hub(repositories, frozenset({"org/gated"})) as running:
        yield running


def _ask(address: str, home: Path, *sources: str, script: str = SCRIPT, **more: str) -> list[Any]:
    """Return the files of each source, from a new process, because the client reads its settings when imported."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    environment |= {
        "HF_ENDPOINT": address,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HOME": str(home),
        "PYTHONPATH": str(ROOT),
        **more,
    }
    command = [sys.executable, "-c", script, *sources]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    answer: list[Any] = json.loads(done.stdout)
    return answer


def test_data_files_are_fetched(server: tuple[str, list[str]], tmp_path: Path) -> None:
    """Only data files are fetched, equal files stay separate, and paths, globs and revisions select files."""
    address, requests = server
    test, train = ["set", "data/test.jsonl", ROW.decode()], ["set", "data/train.jsonl", ROW.decode()]
    dev = ["set", "dev.json", FILES["dev.json"].decode()]
    answers = _ask(
        address,
        tmp_path,
        "hf://datasets/org/set",
        "hf://datasets/org/set@v1/data",
        "hf://datasets/org/set/dev.json",
        "hf://datasets/org/set@main/data/tr*",
    )
    assert answers == [[test, train, dev], [test, train], [dev], [train]]
    assert not any("README" in request or "csv" in request for request in requests)
    assert _ask("http://127.0.0.1:9", tmp_path, "hf://datasets/org/set", HF_HUB_OFFLINE="1") == [[test, train, dev]]


def test_a_file_is_known_by_its_repository(server: tuple[str, list[str]], tmp_path: Path) -> None:
    """Its name includes repository and revision, not a folder of the local cache."""
    source = "hf://datasets/org/set"
    asked = (f"{source}/dev.json", f"{source}@v1/data/tr*", f"{source}@main/")
    names = [
        "org/set/dev.json",
        "org/set@v1/data/train.jsonl",
        *(f"org/set@main/{name}" for name in ("data/test.jsonl", "data/train.jsonl", "dev.json")),
    ]
    found = _ask(server[0], tmp_path, *asked, script=PLACES)
    assert found == [[f"hf://datasets/{name}"] * 2 for name in names]


def test_each_failure_has_a_hint(server: tuple[str, list[str]], tmp_path: Path) -> None:
    """Wrong names, missing permissions and missing files have different messages with a next step."""
    answers = _ask(
        server[0],
        tmp_path,
        "hf://datasets/org/nothing",
        "hf://datasets/org/gated",
        "hf://datasets/org/set@v9",
        "hf://datasets/org/set/absent.jsonl",
        "hf://datasets/org/none",
    )
    hint = "check the name; for a private repository run `hf auth login`"
    assert answers[0] == f"hf://datasets/org/nothing: the dataset does not exist on the Hub ({hint})"
    hint = "request access on its page, then run `hf auth login`"
    assert answers[1] == f"hf://datasets/org/gated: the dataset is gated, and you have no access ({hint})"
    assert answers[2] == "hf://datasets/org/set@v9: revision 'v9' does not exist (use a branch, a tag or a commit)"
    assert answers[3].startswith(
        "hf://datasets/org/set/absent.jsonl: nothing matches 'absent.jsonl' (readable files end in"
    )
    assert answers[4].startswith("hf://datasets/org/none: the dataset has no data files")


def test_an_unreachable_hub(tmp_path: Path) -> None:
    """A Hub that does not respond and offline mode have different messages."""
    source = "hf://datasets/org/set"
    (refused,) = _ask("http://127.0.0.1:9", tmp_path, source)
    assert refused == f"{source}: http://127.0.0.1:9 cannot be reached (check the connection and HF_ENDPOINT)"
    (offline,) = _ask("http://127.0.0.1:9", tmp_path, source, HF_HUB_OFFLINE="1")
    assert offline == f"{source}: the dataset is not in the cache (HF_HUB_OFFLINE is set: unset it to download)"


@pytest.mark.parametrize("source", ["hf://org/set", "hf://datasets/set", "hf://models/a/b"])
def test_a_source_of_another_form(source: str) -> None:
    """A source that is not ORG/NAME is a usage error."""
    with pytest.raises(UsageError, match="hf://datasets/ORG/NAME"):
        find_files([source])
