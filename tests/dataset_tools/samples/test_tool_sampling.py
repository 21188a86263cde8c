"""Selection and order of the offered tools."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset_tools.cleaning.clean import clean
from dataset_tools.executor.run import Work
from dataset_tools.pipeline.outputs import Outputs
from dataset_tools.samples.build import BuildOptions, build
from dataset_tools.samples.stage import SampleOptions
from dataset_tools.samples.tokenizer import load_tokenizer
from dataset_tools.samples.tool_sampling import drop_distractors, seeded_order, shuffle_tools
from tests.dataset_tools.samples.build_rows import build_rows, read_samples, write_rows
from tests.prompt_rows import Row, call, calls, row, say, tool
from tests.properties import examples
from training.tiny import tokenizer_path

NAMES = list("abcdefgh")


def _offering(identity: str, *called: str, names: list[str] = NAMES) -> Any:
    """Return a row that offers ``names`` and calls some of them."""
    answer = calls(*[call(name) for name in called]) if called else say("assistant", "لا")
    record = row(say("user", "س"), answer, tools=[tool(name) for name in names])
    return {**record, "id": identity, "dialect": "", "domain": ""}


def _names(record: Row) -> list[str]:
    return [offered["function"]["name"] for offered in record["tools"]]


def _offered(input_ids: list[int]) -> tuple[list[str], str | None]:
    """Return the declared names of a sample, in order, and the first called one."""
    text = load_tokenizer(tokenizer_path()).decode(input_ids, skip_special_tokens=False)
    called = re.search(r"<start_function_call>call:(.*?)\{", text)
    return re.findall(r"<start_function_declaration>declaration:(.*?)\{", text), called and called[1]


def test_the_order_is_the_same_on_every_machine() -> None:
    """Orders are recorded: another hash would change existing datasets."""
    assert seeded_order(6, "order", 7, "r1") == [2, 1, 0, 5, 3, 4]
    assert seeded_order(6, "order", 8, "r1") == [4, 5, 3, 0, 1, 2]
    assert seeded_order(6, "order", 7, "r2") == [0, 3, 5, 4, 1, 2]
    assert seeded_order(0, "order", 7, "r1") == []


@given(st.integers(0, 40), st.integers(), st.text(st.characters()))
def test_any_order_is_a_permutation(count: int, seed: int, identity: str) -> None:
    """The order is a permutation for any id, also with a lone surrogate."""
    assert sorted(seeded_order(count, seed, identity)) == list(range(count))


def test_every_order_of_three_is_equally_likely() -> None:
    """1,000 of 6,000 ids are expected per order; chi-square with 5 degrees of freedom is below 20.5 in 99.9%."""
    seen = Counter(tuple(seeded_order(3, "order", 7, f"r{number}")) for number in range(6000))
    assert len(seen) == 6
    assert sum((count - 1000) ** 2 / 1000 for count in seen.values()) < 20.5


@given(st.integers(), st.text(max_size=5))
def test_shuffling_only_moves_tools(seed: int, identity: str) -> None:
    """Declarations and the rest of the record are unchanged, and so is the given record."""
    given_ = _offering(identity, "c")
    shuffled: Any = shuffle_tools(given_, seed)
    assert sorted(_names(shuffled)) == NAMES
    assert {**shuffled, "tools": given_["tools"]} == given_
    assert _names(given_) == NAMES


def test_shuffling_depends_on_seed_and_id_alone() -> None:
    """Other text gives the same order, another seed or id a different one."""
    first: Any = shuffle_tools(_offering("r1", "c"), 7)
    assert _names(shuffle_tools(_offering("r1", "h"), 7)) == _names(first)
    assert _names(shuffle_tools(_offering("r1", "c"), 8)) != _names(first)
    assert _names(shuffle_tools(_offering("r2", "c"), 7)) != _names(first)


@given(
    st.lists(st.sampled_from(NAMES), max_size=4),
    st.lists(st.integers(1, 50), min_size=8, max_size=8),
    st.integers(-5, 300),
    st.integers(0, 99),
)
@settings(max_examples=examples(200))
def test_as_few_tools_as_needed_are_dropped(called: list[str], sizes: list[int], excess: int, seed: int) -> None:
    """Called tools stay, the order is kept, enough is dropped if possible, and the last drop was needed."""
    record = _offering("r", *called)
    fewer: Any = drop_distractors(record, seed, sizes, excess)
    kept = _names(fewer)
    assert set(called) <= set(kept)
    assert kept == [name for name in NAMES if name in kept]
    gone = [size for name, size in zip(NAMES, sizes, strict=True) if name not in kept]
    assert sum(gone) >= excess or set(kept) == set(called)
    assert not gone or sum(gone) - max(gone) < excess
    assert {**fewer, "tools": record["tools"]} == record


def test_dropped_tools_are_uniform_over_seeds() -> None:
    """Each of 7 tools that are not called is dropped about 100 times over 700 seeds."""
    gone: Counter[str] = Counter()
    for seed in range(700):
        fewer: Any = drop_distractors(_offering("r", "a"), seed, [1] * 8, 1)
        gone.update(set(NAMES) - set(_names(fewer)))
    assert set(gone) == set(NAMES[1:])
    # Chi-square with 6 degrees of freedom is below 22.5 in 99.9%.
    assert sum((count - 100) ** 2 / 100 for count in gone.values()) < 22.5


def test_max_tools_of_a_build(tmp_path: Path) -> None:
    """The maximum is kept, called tools stay, and dropped tools are counted."""
    rows = [
        _offering("r1", "g"),
        _offering("r2"),
        _offering("r3", "b", "h", "d", "a"),
        _offering("r4", "a", names=["a"]),
    ]
    report = build_rows(tmp_path, rows, max_tools=3)
    offered = [_offered(sample["input_ids"])[0] for sample in read_samples(report.output)]
    assert [len(names) for names in offered] == [3, 3, 4, 1]
    assert "g" in offered[0]
    assert offered[2:] == [["a", "b", "d", "h"], ["a"]]
    assert report.facts["tools_dropped"] == {"tools": 5 + 5 + 4, "rows": 3}
    again = build_rows(tmp_path, rows, max_tools=3)
    assert [_offered(sample["input_ids"])[0] for sample in read_samples(again.output)] == offered


def test_tools_are_unchanged_by_default(tmp_path: Path) -> None:
    """Without options, the order and the tools stay."""
    report = build_rows(tmp_path, [_offering("r1", "g"), _offering("r2")])
    assert [_offered(sample["input_ids"])[0] for sample in read_samples(report.output)] == [NAMES, NAMES]
    assert report.facts["tools_dropped"] == {"tools": 0, "rows": 0}


def test_the_shuffle_depends_on_the_row_only(tmp_path: Path) -> None:
    """A row gets the same order alone, among others, or later in the file."""
    many = [_offering(f"r{number}", "c") for number in range(30)]
    every = {found["id"]: _offered(found["input_ids"]) for found in read_samples(
        build_rows(tmp_path, many, shuffle_seed=7).output)}  # fmt: skip
    (alone,) = read_samples(build_rows(tmp_path, many[20:21], shuffle_seed=7).output)
    assert _offered(alone["input_ids"]) == every["r20"]
    turned = read_samples(build_rows(tmp_path, many[::-1], shuffle_seed=7).output)
    assert {found["id"]: _offered(found["input_ids"]) for found in turned} == every
    other = read_samples(build_rows(tmp_path, many, shuffle_seed=8).output)
    assert {found["id"]: _offered(found["input_ids"]) for found in other} != every


@pytest.fixture(scope="module")
def aisa(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the cleaned real rows."""
    folder = tmp_path_factory.mktemp("aisa")
    clean([str(shared_data / "aisa_dev.parquet")], Outputs(folder / "clean.jsonl", folder / "rejects.jsonl"))
    return str(folder / "clean.jsonl")


def _gold_positions(aisa: str, folder: Path, seed: int | None, workers: int = 1) -> list[int]:
    """Return the position of the called tool of each row with a call."""
    options = BuildOptions(samples=SampleOptions(shuffle_seed=seed, verify=0), work=Work(workers=workers))
    report = build([aisa], folder, str(tokenizer_path()), options)
    assert report.rows_out == 545
    offered = [_offered(sample["input_ids"]) for sample in read_samples(folder)]
    assert all(len(names) == 4 for names, _ in offered)
    return [names.index(called) for names, called in offered if called]


def test_real_rows_have_the_called_tool_first(aisa: str, tmp_path: Path) -> None:
    """The called tool is first in 500 of 500 real rows."""
    assert Counter(_gold_positions(aisa, tmp_path / "out", None)) == {0: 500}


@pytest.mark.parametrize("seed", [0, 7, 42])
def test_shuffled_real_rows_have_it_anywhere(aisa: str, tmp_path: Path, seed: int) -> None:
    """125 are expected per position; chi-square with 3 degrees of freedom is below 16.3 in 99.9%."""
    positions = Counter(_gold_positions(aisa, tmp_path / "out", seed))
    assert sum(positions.values()) == 500
    assert sum((positions[place] - 125) ** 2 / 125 for place in range(4)) < 16.3


def test_seeds_give_other_orders_and_workers_the_same(aisa: str, tmp_path: Path) -> None:
    """Seed 7 gives the same order with two workers, seed 8 another."""
    alone = _gold_positions(aisa, tmp_path / "a", 7)
    assert _gold_positions(aisa, tmp_path / "b", 7, workers=2) == alone
    assert _gold_positions(aisa, tmp_path / "c", 8) != alone


def test_the_source_is_unchanged(tmp_path: Path) -> None:
    """A build does not change its source."""
    source = Path(write_rows(tmp_path / "rows.jsonl", [_offering("r1", "g")]))
    before = source.read_bytes()
    build(
        [str(source)],
        tmp_path / "out",
        str(tokenizer_path()),
        BuildOptions(samples=SampleOptions(shuffle_seed=1, verify=0)),
    )
    assert source.read_bytes() == before
