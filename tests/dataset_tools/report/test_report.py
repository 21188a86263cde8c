"""Dataset report and its page: equal to the other commands, marked, escaped."""

import html
import json
import re
from pathlib import Path
from typing import Any

import pytest

from dataset_tools.bundled import dirty_path, sample_path
from dataset_tools.changes import Change
from dataset_tools.executor.run import Work
from dataset_tools.pipeline.stage import RunReport
from dataset_tools.prompt.render import segments
from dataset_tools.report.charts import histogram, lengths_section
from dataset_tools.report.pages import report_page
from dataset_tools.report.report import DatasetReport, ReportOptions, report
from dataset_tools.report.sections import changes_section
from dataset_tools.show.masked_prompt import masked_prompt
from dataset_tools.stats.stats import stats
from dataset_tools.validation.validate import validate
from training.tiny import tokenizer_path

HOSTILE = "</script><img src=x onerror=alert(1)>\"'&amp; {{title}} \x1b[31m \u202eيمين\u202c <b>غامق</b>"


@pytest.fixture(scope="module")
def dirty() -> DatasetReport:
    """Return the report of the sample with known defects."""
    return report([str(dirty_path())], ReportOptions(tokenizer=str(tokenizer_path())))


@pytest.fixture(scope="module")
def page(dirty: DatasetReport) -> str:
    """Return the page of the report."""
    return report_page(dirty)


def _plain(part: str) -> str:
    """Return a part of a page as text."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", part)))


def _section(page: str, name: str) -> str:
    return page.split(f'<section aria-labelledby="{name}">')[1].split("</section>", maxsplit=1)[0]


def test_numbers_equal_those_of_other_commands(dirty: DatasetReport, tmp_path: Path) -> None:
    """The findings are those of validate, the counts those of clean and of stats on the cleaned rows."""
    del tmp_path
    assert dirty.before == validate([str(dirty_path())])
    assert (dirty.cleaning.rows_in, dirty.cleaning.rows_out) == (480, 456)
    assert (dirty.before.valid, dirty.after.valid, dirty.after.rows) == (307, 379, 456)
    assert dirty.stats.facts["records"] == 456
    assert stats([str(sample_path())]).facts["records"] == 480


def test_the_first_numbers(page: str) -> None:
    """One sentence on errors and their repair, then numbers before and after cleaning."""
    numbers = _plain(_section(page, "numbers"))
    assert "173 of 480 rows have errors: cleaning repairs 72 and rejects 24; 77 need your decision." in numbers
    for fact in ("rows 480 456 after cleaning", "valid 307 379 after cleaning", "tokens per prompt 579"):
        assert fact in numbers


def test_every_check_that_found_something_is_on_the_page(page: str, dirty: DatasetReport) -> None:
    """Each check has its counts, the effect of cleaning, its reason and its examples."""
    findings = _section(page, "findings")
    entries = dict(re.findall(r"<b>([a-z-]+)</b> <span class=\"quiet\">([^<]+)</span>", findings))
    assert set(entries) == set(dirty.before.checks)
    assert entries["mojibake"] == "40 rows, 40 findings; repaired by cleaning"
    assert entries["argument-enum"] == "23 rows, 23 findings; 13 left after cleaning"
    assert entries["unreadable-row"] == "16 rows, 16 findings; 16 rejected"
    examples = sum(len(entry["examples"]) for entry in dirty.before.checks.values())
    assert findings.count('class="example"') == examples
    assert findings.count("<mark>") > 60


def test_the_offending_span_is_marked(page: str) -> None:
    """A run of tatweel inside its word, an invisible character by its code point."""
    findings = _section(page, "findings")
    assert "مؤشر كتلة ال<mark>ــــ</mark>جسم عندي كام؟" in findings
    assert 'دلني على جام<mark><span class="odd">U+2060</span></mark>ع' in findings


def test_a_quoted_invisible_character_is_a_code_point(page: str) -> None:
    """An escape inside a quoted Arabic text would change the order of its letters."""
    quoted = "'<bdi>ت<span class=\"odd\">U+FEFF</span>وفير</bdi>' is not one of"
    assert quoted in _section(page, "findings")


def test_thin_cells_are_marked(page: str, dirty: DatasetReport) -> None:
    """Cells below the limit are marked, also those of 0, and their number is in the text."""
    heat, matrix = _section(page, "dialects-and-tools"), dirty.stats.facts["matrix"]
    assert heat.count('class="cell thin"') == len(matrix["thin"])
    assert f"{len(matrix['thin'])} of {matrix['cells']} cells (marked) have fewer than 5 rows." in heat


def test_what_cleaning_changed_is_marked_on_both_sides(page: str) -> None:
    """Only the difference is marked."""
    cleaning = _section(page, "cleaning")
    assert "مؤشر كتلة ال<del>ــــ</del>جسم عندي كام؟" in cleaning
    assert "480 rows in, 456 out" in cleaning
    assert "unreadable-row" in cleaning


@pytest.mark.parametrize(
    "before, after, shown",
    [
        ("جــدة", "جدة", ("ج<del>ــ</del>دة", "جدة")),
        ("٥", 5, ("<del>٥</del>", "<ins>5</ins>")),
        (None, {"a": 1}, ("<del>null</del>", "<ins>{&quot;a&quot;: 1}</ins>")),
        ("", "نص", ('<span class="absent">empty</span>', "<ins>نص</ins>")),
        ("aa", "aaa", ("aa", "aa<ins>a</ins>")),
        ("x" * 90 + "<", "x" * 90, ("…" + "x" * 40 + "<del>&lt;</del>", "…" + "x" * 40)),
    ],
)
def test_differences(before: Any, after: Any, shown: tuple[str, str]) -> None:
    """The common start and end are not marked, and are shortened."""
    change = Change("rule", "p", before, after)
    sample = {"id": "", "file": "f", "line": 1, "path": "p", "before": change.before, "after": change.after}
    rules = {"rule": {"rows": 1, "changes": 1, "samples": [sample]}}
    part = changes_section(RunReport("clean", {}, [], "o", 1, 1, {}, rules))
    assert tuple(re.findall(r'<dd class="value" dir="auto">(.*?)</dd>', part)) == shown


def test_lengths_have_a_chart_and_a_table(page: str) -> None:
    """A limit far beyond the longest row is in the caption instead of the chart."""
    lengths = _section(page, "lengths")
    assert "The limit of 4,096 is beyond the axis." in lengths
    assert "95th percentile 777" in _plain(lengths)
    rows = [int(number) for number in re.findall(r'<td class="number">([\d,]+)</td>', lengths)]
    assert sum(rows) == 432


def test_steps_are_joined_without_losing_a_row() -> None:
    """Forty bars at most, each of whole steps, and a limit that is near enough."""
    steps = [{"from": at * 10, "to": at * 10 + 9, "rows": at} for at in range(2, 90)]
    part = histogram(steps, "tokens", 1024)
    assert part.count('class="bar"') <= 41
    assert ">limit 1,024</text>" in part
    assert sum(int(number) for number in re.findall(r'<td class="number">([\d,]+)</td>', part)) == sum(range(2, 90))
    assert "limit" not in histogram(steps, "tokens", None)


def test_without_a_tokenizer_characters_are_counted() -> None:
    """The page says how to get tokens, and that no row is a prompt."""
    made = report([str(sample_path())])
    assert "Length in characters: shortest" in _section(report_page(made), "lengths")
    assert lengths_section({"prompt_characters": {"rows": 0}}) == "<p>No row can be rendered as a prompt.</p>"


def test_the_heat_map_has_every_called_tool(page: str, dirty: DatasetReport) -> None:
    """Its cells are those of the statistics."""
    heat = _section(page, "dialects-and-tools")
    facts = dirty.stats.facts
    called = [tool for tool, counts in facts["tools"]["by_name"].items() if counts["rows_calling"]]
    rows = dict(re.findall(r'<th scope="row"><bdi>([^<]+)</bdi></th>(.*?)</tr>', heat))
    assert set(rows) == {*called, "(no call)"}
    cells = [int(cell.replace(",", "")) for cell in re.findall(r">([\d,]+)</td>", rows["get_current_weather"])]
    wanted = [entry["tools"]["get_current_weather"]["calling"] for entry in facts["matrix"]["dialects"].values()]
    assert cells == [*wanted, sum(wanted)]


def test_prompts_are_marked_as_they_are_trained(dirty: DatasetReport) -> None:
    """One prompt of each dialect; trained characters are those of the prompt's segments."""
    assert [prompt.about[0] for prompt in dirty.prompts] == ["egyptian", "gulf", "levantine", "maghrebi", "msa"]
    for line in sample_path().read_text("utf-8").splitlines()[:40]:
        record = json.loads(line)
        wanted = [(character, part.trained) for part in segments(record) for character in part.text]
        shown = [
            (character, span.trained)
            for line in masked_prompt(record).lines
            for span in line.spans
            for piece in span.pieces
            for character in piece.text
        ]
        assert shown == wanted


def test_nothing_in_a_row_becomes_part_of_the_page(tmp_path: Path) -> None:
    """Tags, template fields and control characters in names, values and paths are shown as text."""
    row = {
        "id": HOSTILE,
        "messages": [
            {"role": "user", "content": HOSTILE},
            {
                "role": "assistant",
                "tool_calls": [{"type": "function", "function": {"name": HOSTILE, "arguments": {HOSTILE: HOSTILE}}}],
            },
        ],
        "tools": [{"type": "function", "function": {"name": "x", "description": HOSTILE, "parameters": {}}}],
        "dialect": HOSTILE,
        "domain": HOSTILE,
    }
    path = tmp_path / "<i>rows.jsonl"
    path.write_text(json.dumps(row, ensure_ascii=False), encoding="utf-8")
    made = report_page(report([str(path)]))
    assert "<img" not in made
    assert "<b>غامق" not in made
    assert "<i>rows" not in made
    assert made.count("<script>") == 1
    assert "{{title}}" in made
    assert not re.search(r"\x1b|\u202e", made)


def test_the_page_is_the_same_for_any_number_of_workers(page: str) -> None:
    """The page has no date and is the same every time."""
    assert (
        report_page(report([str(dirty_path())], ReportOptions(tokenizer=str(tokenizer_path()), work=Work(workers=2))))
        == page
    )


def test_commands_write_their_part(afg_data: Any, tmp_path: Path) -> None:
    """The option of report, validate, clean and build changes no other output; an input is never overwritten."""
    run = lambda *words: afg_data(*words, cwd=tmp_path)  # noqa: E731
    assert run("sample", "--dirty", "-o", "raw.jsonl").returncode == 0
    done = run("report", "raw.jsonl", "-o", "report.html")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "480 rows → report.html\n")
    plain, with_page = run("validate", "raw.jsonl"), run("validate", "raw.jsonl", "--html", "found.html")
    assert (plain.returncode, plain.stdout) == (with_page.returncode, with_page.stdout)
    assert run("clean", "raw.jsonl", "-o", "clean.jsonl", "--html", "clean.html").returncode == 0
    words = ("build", "clean.jsonl", "-o", "samples", "--tokenizer", tokenizer_path(), "--verify", "0", "--html")
    assert run(*words, "samples.html").returncode == 0
    for name, wanted in {
        "report.html": "<title>Dataset report</title>",
        "found.html": "مؤشر كتلة ال<mark>ــــ</mark>جسم عندي كام؟",
        "clean.html": "مؤشر كتلة ال<del>ــــ</del>جسم عندي كام؟",
        "samples.html": "The limit of 4,096 is beyond the axis.",
    }.items():
        assert wanted in (tmp_path / name).read_text("utf-8"), name
    done = run("clean", "raw.jsonl", "-o", "out.jsonl", "--html", "./out.jsonl")
    assert done.stderr == "afg-data: out.jsonl is named for two outputs (each needs a file of its own)\n"
    done = run("report", "clean.jsonl", "-o", "clean.jsonl")
    assert (done.returncode, "would overwrite an input" in done.stderr) == (2, True)
