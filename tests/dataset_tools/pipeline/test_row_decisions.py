"""Decisions about rows, attached to shards of any size."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataset_tools.errors import InputError, RowError, UsageError
from dataset_tools.pipeline.row_decisions import Decision, decided, digest_of, in_order, merged
from dataset_tools.readers.row_reader import POISON, read_rows
from dataset_tools.readers.shards import plan_shards
from dataset_tools.readers.sources import DataFile, find_files

ROWS = 30


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[DataFile]:
    """Three files: lines, a compressed one, and one with blank lines."""
    folder = tmp_path_factory.mktemp("files")
    lines = [json.dumps({"id": f"{at}", "text": "س" * at}) + "\n" for at in range(ROWS)]
    (folder / "a.jsonl").write_text("".join(lines))
    import gzip

    (folder / "b.jsonl.gz").write_bytes(gzip.compress("".join(lines).encode()))
    (folder / "c.jsonl").write_text("\n".join(lines))
    return find_files([str(folder)])


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, ROWS - 1)), unique=True).map(sorted), st.integers(50, 20_000)
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_each_shard_gets_its_own(files: list[DataFile], rows: list[tuple[int, int]], shard_bytes: int) -> None:
    """Each decision reaches exactly the shard with its row."""
    lines = [(1, 1), (1, 1), (2, 1)]  # distance and first line of the rows of each file
    made = [Decision(files[at].place, lines[at][0] * row + lines[at][1], f"{at}") for at, row in rows]
    given_out = []
    for shard in decided(plan_shards(files, shard_bytes), iter(made)):
        held = {raw.line for raw in read_rows(shard)}
        assert {line for line, _ in shard.decided} <= held
        given_out += [Decision(shard.file.place, line, what) for line, what in shard.decided]
    assert given_out == made


def test_decisions_are_streamed(files: list[DataFile]) -> None:
    """Decisions are consumed shard by shard."""
    taken = []

    def decisions() -> list[Decision]:
        for line in range(1, ROWS + 1):
            taken.append(line)
            yield Decision(files[0].place, line, "x")

    shards = decided(plan_shards(files[:1], 400), decisions())
    first = next(shards)
    assert taken == list(range(1, len(first.decided) + 2))
    assert len(taken) < ROWS


def test_a_missing_row_is_an_error(files: list[DataFile]) -> None:
    """A file that changes between two passes is an error."""
    with pytest.raises(InputError, match=r"gone\.jsonl:3: the row no longer exists"):
        list(decided(plan_shards(files), [Decision(files[0].place, 1, "x"), Decision("gone.jsonl", 3, "x")]))


def test_a_fatal_row_is_not_read_again(files: list[DataFile]) -> None:
    """The earlier reason is repeated, in row order."""
    fatal = RowError(POISON, "the process that read it ended")
    one = [Decision(files[0].place, 2, "x"), Decision(files[1].place, 9, "x")]
    other = [Decision(files[0].place, 3, fatal), Decision(files[1].place, 1, fatal)]
    first, second, third = decided(plan_shards(files), merged(files, one, other))
    assert (first.decided, first.poison) == (((2, "x"),), ((3, fatal.what),))
    assert (second.decided, second.poison) == (((9, "x"),), ((1, fatal.what),))
    assert (third.decided, third.poison) == ((), ())
    assert [raw.line for raw in read_rows(first) if raw.error and raw.error.what == fatal.what] == [3]


def test_rows_of_an_unknown_file_are_an_error(files: list[DataFile]) -> None:
    """A misspelled file name must not keep rows that were refused."""
    with pytest.raises(UsageError, match=r"other\.jsonl has refused rows, but is not an input \(name files as"):
        list(in_order(files, {files[0].place: {}, "other.jsonl": {1: RowError("duplicate", "one")}}))


def test_known_errors_come_in_the_order_of_the_rows(files: list[DataFile]) -> None:
    """Decisions are in row order, and their digest covers every field."""
    one, other = RowError("duplicate", "one"), RowError("duplicate", "other")
    errors = {files[1].place: {7: one}, files[0].place: {9: other, 2: one}}
    assert [(file, line) for file, line, _ in in_order(files, errors)] == [
        (files[0].place, 2),
        (files[0].place, 9),
        (files[1].place, 7),
    ]
    changed = {**errors, files[1].place: {7: other}}
    assert digest_of(in_order(files, errors)) == digest_of(in_order(files, dict(reversed(errors.items()))))
    assert digest_of(in_order(files, errors)) != digest_of(in_order(files, changed))
