"""Fixtures of the tests of data: a corpus with defects, a folder of parts, and a small built dataset."""

from pathlib import Path

import pytest

from dataset_tools.bundled import dirty_path
from dataset_tools.io.json_text import dump_line
from dataset_tools.samples.build import BuildOptions, build
from dataset_tools.samples.stage import SampleOptions
from tests import prompt_rows
from tests.dataset_tools.pipeline.runs import clean_into, write_corpus
from tests.prompt_rows import call, calls, result, row, say
from training.tiny import tokenizer_path


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


HOSTILE = "</script><img src=x onerror=alert(1)>\"'&amp; {{title}} \x1b[31m \u202eيمين\u202c 👩\u200d🚀 ⟦ڴ⟧"
"""Text that would break a page, a terminal or the order of what is read, and letters that only bytes can write."""


def _rows() -> list[prompt_rows.Row]:
    forecast = say("assistant", "صحو، 31 درجة.")
    return [
        row(say("user", "شو الطقس في جدة؟"), calls(call("f", city="جدة", days=3)))
        | {"id": "call", "dialect": "levantine", "domain": "weather"},
        row(say("user", "والرياض\nومكة؟"), calls(call("f", city="الرياض"), call("f", city="مكة")))
        | {"id": "parallel", "dialect": "gulf", "domain": "weather"},
        row(say("user", "كيف الجو؟"), calls(call("f")), result('{"المدينة":"جدة","سماء":"صحو"}'), forecast)
        | {"id": "answer", "dialect": "msa", "domain": ""},
        row(say("user", HOSTILE), say("assistant", HOSTILE))
        | {"id": '<b>"h&l"</b>', "dialect": "", "domain": '"><script>alert(2)</script>'},
    ]


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of samples; nobody may change it."""
    folder = tmp_path_factory.mktemp("show")
    source = folder / "records.jsonl"
    source.write_bytes(b"".join(map(dump_line, _rows())))
    report = build(
        [str(source)], folder / "samples", str(tokenizer_path()), BuildOptions(samples=SampleOptions(verify=0))
    )
    assert report.rows_out == 4
    return folder / "samples"
