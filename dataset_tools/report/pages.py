"""HTML pages of the data commands: report, validation, cleaning and building."""

from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files

from dataset_tools.display.console import counted
from dataset_tools.display.html import cards, isolated, shell, text
from dataset_tools.pipeline.stage import RunReport
from dataset_tools.report.charts import heat_section, histogram, lengths_section, positions_section
from dataset_tools.report.report import DatasetReport
from dataset_tools.report.sections import changes_section, findings_section, rejects_section
from dataset_tools.samples.build import BuildReport
from dataset_tools.show.masked_prompt import MaskedPrompt
from dataset_tools.show.preview import Preview
from dataset_tools.show.samples_page import prompt_html
from dataset_tools.validation.excerpts import Excerpts
from dataset_tools.validation.validate import ValidationResult

__all__ = ["build_page", "cleaning_page", "report_page", "validation_page"]

_LEGEND = '<p class="line"><mark>trained</mark> <span class="ignored">ignored</span></p>'


def report_page(report: DatasetReport) -> str:
    """Return the page of a dataset report."""
    facts, cleaning = report.stats.facts, report.cleaning
    changes = f"<p>{counted(cleaning.rows_in, 'row')} in, {cleaning.rows_out:,} out.</p>\n{changes_section(cleaning)}"
    sections = {
        "Numbers": f"<p>{_summary(report)}</p>{_numbers(report)}",
        "Findings": findings_section(report.before, report.values, cleaning, report.after),
        "Cleaning": f"{changes}\n<h3>Rejected</h3>\n{rejects_section(cleaning.rejected)}",
        "Lengths": lengths_section(facts["lengths"]),
        "Dialects and tools": heat_section(facts),
        "Position of the called tool": positions_section(facts["gold_position"]),
        "Trained text": _prompts(report.prompts),
    }
    rows = counted(report.before.rows, "row")
    note = f'{rows} in {_names(report.sources)}. Sections below "Cleaning" describe the cleaned data.'
    return _page("Dataset report", note, sections)


def validation_page(sources: Sequence[str], result: ValidationResult, values: Excerpts) -> str:
    """Return the page of ``afg-data validate``."""
    numbers = cards(
        {
            "rows": (f"{result.rows:,}", ""),
            "valid": (f"{result.valid:,}", _share(result.valid, result.rows)),
            "invalid": (f"{result.invalid:,}", "at least one error"),
        }
    )
    sections = {"Numbers": numbers, "Findings": findings_section(result, values)}
    return _page("Validation", f"{counted(result.rows, 'row')} in {_names(sources)}", sections)


def cleaning_page(report: RunReport) -> str:
    """Return the page of ``afg-data clean``."""
    numbers = cards(
        {
            "rows in": (f"{report.rows_in:,}", ""),
            "rows out": (f"{report.rows_out:,}", ""),
            "rejected": (f"{report.rows_in - report.rows_out:,}", "each with a reason"),
        }
    )
    sections = {"Numbers": numbers, "Changes": changes_section(report), "Rejected": rejects_section(report.rejected)}
    return _page("Cleaning", f"{_names(report.inputs)} → {isolated(report.output)}", sections)


def build_page(report: BuildReport, preview: Preview, limit: int) -> str:
    """Return the page of ``afg-data build``.

    Args:
        report: report of the build.
        preview: some of the samples.
        limit: largest number of tokens of a sample.
    """
    facts = report.facts
    dropped = facts["tools_dropped"]
    numbers = cards(
        {
            "rows in": (f"{report.rows_in:,}", ""),
            "samples": (f"{report.rows_out:,}", f"{facts['verified_rows']:,} compared with the chat template"),
            "tokens": (f"{facts['tokens']:,}", f"{facts['trained_fraction']:.1%} trained"),
            "tools dropped": (f"{dropped['tools']:,}", f"in {counted(dropped['rows'], 'row')}"),
        }
    )
    steps = [step for step in facts["lengths"] if step["to"] is not None]
    longer = sum(step["rows"] for step in facts["lengths"] if step["to"] is None)
    more = f"<p>{counted(longer, 'sample')} beyond the last bar.</p>" if longer else ""
    shown = [
        MaskedPrompt(view.sample.id, (view.sample.dialect, view.sample.domain), view.lines) for view in preview.views
    ]
    sections = {
        "Numbers": numbers,
        "Lengths": (histogram(steps, "tokens", limit) if steps else "") + more,
        "Rejected": rejects_section(report.rejected),
        "Trained text": _prompts(shown),
    }
    return _page("Samples", f"{isolated(str(report.output))} for {isolated(facts['tokenizer']['name'])}", sections)


def _summary(report: DatasetReport) -> str:
    """Return one sentence on errors and on what cleaning does to them."""
    invalid, left = report.before.invalid, report.after.invalid
    rejected = report.cleaning.rows_in - report.cleaning.rows_out
    if not invalid:
        return "No row has an error."
    rows = f"{invalid:,} of {counted(report.before.rows, 'row')} {'has' if invalid == 1 else 'have'} errors"
    repaired = max(invalid - rejected - left, 0)
    return f"{rows}: cleaning repairs {repaired:,} and rejects {rejected:,}; {left:,} need your decision."


def _numbers(report: DatasetReport) -> str:
    before, after, facts = report.before, report.after, report.stats.facts
    unit = "tokens" if "tokens" in facts["lengths"] else "characters"
    lengths = facts["lengths"].get("tokens") or facts["lengths"]["prompt_characters"]
    grounded, negatives = facts["grounded"], facts["negatives"]["rows"]
    share = "-" if grounded["share"] is None else f"{grounded['share']:.1%}"
    return cards(
        {
            "rows": (f"{before.rows:,}", f"{after.rows:,} after cleaning"),
            "valid": (f"{before.valid:,}", f"{after.valid:,} after cleaning"),
            "rejected": (f"{report.cleaning.rows_in - report.cleaning.rows_out:,}", "by cleaning"),
            "calls": (f"{facts['calls']['total']:,}", f"in {facts['records'] - negatives:,} rows"),
            "tools": (f"{facts['tools']['distinct']:,}", "distinct"),
            "without a call": (f"{negatives:,}", _share(negatives, facts["records"])),
            "grounded arguments": (
                share,
                f"{grounded['grounded']:,} of {grounded['values']:,} are in the conversation",
            ),
            "repeated questions": (f"{facts['questions']['repeated']:,}", "in any spelling"),
            f"{unit} per prompt": (f"{lengths.get('median', 0):,}", f"median; longest {lengths.get('most', 0):,}"),
        }
    )


def _prompts(prompts: Sequence[MaskedPrompt]) -> str:
    return "\n".join((_LEGEND, *map(_prompt, prompts))) if prompts else "<p>No row can be rendered as a prompt.</p>"


def _prompt(prompt: MaskedPrompt) -> str:
    about = " · ".join(isolated(word) for word in prompt.about if word)
    lines = prompt_html(prompt.lines, lambda piece: text(piece.text.removesuffix("\n")))
    return f'<article><h3>{isolated(prompt.id)}</h3><p class="facts">{about}</p>\n{lines}</article>'


def _page(title: str, facts: str, sections: Mapping[str, str]) -> str:
    """Return a page of sections with links to them."""
    names = {name: name.lower().replace(" ", "-") for name in sections}
    links = "".join(f'<a href="#{anchor}">{text(name)}</a>' for name, anchor in names.items())
    parts = "\n".join(
        f'<section aria-labelledby="{anchor}"><h2 id="{anchor}">{text(name)}</h2>\n{sections[name]}\n</section>'
        for name, anchor in names.items()
    )
    style = (files("dataset_tools.display") / "pages" / "report.css").read_text(encoding="utf-8")
    return shell(title, facts, f'<nav aria-label="Sections">{links}</nav>\n{parts}', style=style)


def _names(sources: Iterable[str]) -> str:
    return ", ".join(isolated(source) for source in sources)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else ""
