"""Excerpts of findings: the value at the path, and the named part."""

import pytest

from dataset_tools.bundled import dirty_path
from dataset_tools.executor.run import Work
from dataset_tools.records.reading import Inputs
from dataset_tools.validation.excerpts import excerpts, named_part, value_at
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
    """A path has keys and positions, as in findings; a path that does not exist gives None."""
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
def test_the_named_part(value: object, message: str, marked: list[str]) -> None:
    """The named part is code points or a quote, else a short value as a whole."""
    assert [piece for piece, meant in named_part(value, message).pieces if meant] == marked


def test_long_text_is_shortened() -> None:
    """Sixty characters on each side are shown, with ellipses."""
    text = "أ" * 300 + "\u202e" + "ب" * 300
    pieces = named_part(text, "U+202E in '…'").pieces
    assert pieces == (("…", False), ("أ" * 60, False), ("\u202e", True), ("ب" * 60, False), ("…", False))
    assert len(named_part({"a": "ب" * 900}, "").pieces[0][0]) == 241


def test_every_finding_of_the_dirty_sample_has_its_value() -> None:
    """Findings with a path have a value, except dropped nulls, for any number of workers."""
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
