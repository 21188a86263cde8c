"""What a finding points at: the value at its path, and the part of it that is meant."""

import pytest

from dataset_tools.bundled import dirty_path
from dataset_tools.executor.run import Work
from dataset_tools.records.reading import Inputs
from dataset_tools.validation.excerpts import excerpts, part_meant, value_at
from dataset_tools.validation.validate import ValidateOptions, validate

RECORD = {"messages": [{"content": "أ"}, {"tool_calls": [{"function": {"arguments": {"city": "جدة"}}}]}], "tools": []}


@pytest.mark.parametrize(
    "path, value",
    [
        ("messages[0].content", "أ"),
        ("messages[1].tool_calls[0].function.arguments.city", "جدة"),
        ("messages[1].tool_calls[0].function.arguments", {"city": "جدة"}),
        ("tools", []),
        ("messages[7].content", None),
        ("messages[0][1]", None),
        ("tools.name", None),
        ("nothing", None),
    ],
)
def test_the_value_at_a_path(path: str, value: object) -> None:
    """Keys and places, as the checks write them; nothing where the path leads nowhere."""
    assert value_at(RECORD, path) == value


@pytest.mark.parametrize(
    "value, message, marked",
    [
        ("الــــطقس", "U+0640 U+0640 U+0640 U+0640 in 'الــــطقس'", ["ــــ"]),
        ("أ\u200bب\u200bج", "U+200B in 'أ\\u200bب'", ["\u200b", "\u200b"]),
        ("قل <start_of_turn> الآن", "<start_of_turn> at character 3", ["<start_of_turn>"]),
        ("جدّة", "'جدّة' is not one of ['جدة', 'مكة']", ["جدّة"]),
        ("don't\n", r"'don\'t\n' is odd", ["don't\n"]),
        ("\x07", r"'\x07' is odd", ["\x07"]),
        (5.0, "5.0 is a float", ["5.0"]),
        ("كلمة", "nothing is quoted", ["كلمة"]),
        ({"a": "ب"}, "'c' is a required property", []),
        ("ط" * 500, "nothing is quoted", []),
    ],
)
def test_the_part_that_is_meant(value: object, message: str, marked: list[str]) -> None:
    """Code points, what is quoted, else a short value as a whole."""
    assert [piece for piece, meant in part_meant(value, message).pieces if meant] == marked


def test_of_a_long_text_only_what_stands_around_is_shown() -> None:
    """Sixty characters on each side, and signs that there is more."""
    text = "أ" * 300 + "\u202e" + "ب" * 300
    pieces = part_meant(text, "U+202E in '…'").pieces
    assert pieces == (("…", False), ("أ" * 60, False), ("\u202e", True), ("ب" * 60, False), ("…", False))
    assert len(part_meant({"a": "ب" * 900}, "").pieces[0][0]) == 241


def test_every_finding_with_a_path_in_the_dirty_sample_has_its_value() -> None:
    """For any number of workers. Nulls that were dropped in reading are no value."""
    inputs = Inputs.of([str(dirty_path())])
    result = validate(inputs)
    values = excerpts(inputs, result)
    missing = {
        code
        for code, entry in result.checks.items()
        for example in entry["examples"]
        if example["path"] and (example["file"], example["line"], example["path"]) not in values
    }
    assert missing == {"null-value"}
    assert excerpts(inputs, result, ValidateOptions(work=Work(workers=2))) == values
