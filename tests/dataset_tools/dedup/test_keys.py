"""Exact duplicates by group: equal to those of one process."""

from itertools import groupby
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataset_tools.dedup.dedup import DedupOptions, dedup, exact_repetitions
from dataset_tools.dedup.keys import KeyStage, RowKey
from dataset_tools.errors import RowError
from dataset_tools.pipeline.outputs import Outputs
from dataset_tools.readers.shards import plan_shards
from dataset_tools.records.converter import Converter
from dataset_tools.records.reading import Inputs
from tests.dataset_tools.dedup.made_rows import read, row, write

ROWS = st.lists(
    st.tuples(
        st.sampled_from(["كم", "أين", "اين", "", "متى؟"]), st.sampled_from("abc"), st.sampled_from(["a", "ab", "abc"])
    ),
    min_size=1,
    max_size=25,
)


def _keys(source: str) -> list[RowKey]:
    stage = KeyStage(Converter(), None)
    return [key for shard in plan_shards(Inputs.of([source]).files, 2_000) for key in stage(shard).keys]


def _refused_in_groups(keys: list[RowKey]) -> dict[str, dict[int, RowError]]:
    """Return the rejections by file and line, group by group."""
    refused: dict[str, dict[int, RowError]] = {}
    for _, group in groupby(sorted(keys, key=lambda key: key.question), lambda key: key.question):
        for key, error in exact_repetitions(list(group)):  # sorting keeps the order of equal ones
            refused.setdefault(key.file, {})[key.line] = error
    return refused


@given(ROWS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
def test_groups_give_what_one_process_gives(tmp_path: Path, drawn: list[tuple[str, str, str]]) -> None:
    """Records and rejects are equal byte for byte, for duplicates and conflicts."""
    rows = [row(str(at), text, (call, {}), offered=offered) for at, (text, call, offered) in enumerate(drawn)]
    source = write(tmp_path / "in.jsonl", rows)
    for name, refused in (("one", None), ("groups", _refused_in_groups(_keys(source)))):
        outputs = Outputs(tmp_path / f"{name}.jsonl", tmp_path / f"{name}.rejects.jsonl")
        dedup([source], outputs, DedupOptions(near=None), refused=refused)
    for ending in (".jsonl", ".rejects.jsonl"):
        assert read(tmp_path / f"groups{ending}") == read(tmp_path / f"one{ending}")


def test_rows_that_were_refused_elsewhere_are_left_out(tmp_path: Path) -> None:
    """With refused rows given, other duplicates stay."""
    source = write(
        tmp_path / "in.jsonl", [row("1", "كم", ("a", {})), row("2", "كم", ("a", {})), row("3", "أين", ("a", {}))]
    )
    error = RowError("duplicate", "found elsewhere", repeats="1")
    outputs = Outputs(tmp_path / "out.jsonl", tmp_path / "rejects.jsonl")
    report = dedup([source], outputs, refused={source: {3: error}})
    assert [kept["id"] for kept in read(outputs.records)] == ["1", "2"]
    assert report.rejected == {"duplicate": 1}
    assert read(outputs.rejects)[0]["reason"] == "found elsewhere"
