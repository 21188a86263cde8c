"""Pages of the data commands: the whole report, and the parts that validation, cleaning and building have of it."""

from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files

from dataset_tools.display.html import isolated, shell, text
from dataset_tools.pipeline.to_file import Report
from dataset_tools.report.charts import heat_part, lengths_part, positions_part, prompt_lines, steps_part
from dataset_tools.report.report import DatasetReport
from dataset_tools.report.sections import cards, cleaning_part, count, findings_part, rejected_part
from dataset_tools.samples.build import BuildReport
from dataset_tools.show.masked_prompt import MaskedPrompt
from dataset_tools.show.preview import Preview
from dataset_tools.validation.excerpts import Excerpts
from dataset_tools.validation.validate import Result

__all__ = ["build_page", "cleaning_page", "report_page", "validation_page"]

_NO_ROWS = "<p>No row can be written as a prompt.</p>"


def report_page(report: DatasetReport) -> str:
    """All that is known of a dataset."""
    facts = report.stats.facts
    sections = {
        "Numbers": _numbers(report),
        "Findings": findings_part(report.before, report.values, report.after),
        "Cleaning": _cleaning(report.cleaning),
        "Lengths": lengths_part(facts["lengths"]),
        "Dialects and tools": heat_part(facts),
        "Place of the called tool": positions_part(facts["gold_position"]),
        "What is trained": "\n".join(_prompt(prompt) for prompt in report.prompts) or _NO_ROWS,
    }
    told = f"{count(report.before.rows, 'row')} of {_names(report.sources)}. All below Cleaning is as it is afterwards."
    return _page("Dataset report", told, sections)


def validation_page(sources: Sequence[str], result: Result, values: Excerpts) -> str:
    """What `afg-data validate` found."""
    numbers = cards(
        {
            "rows": (f"{result.rows:,}", ""),
            "valid": (f"{result.valid:,}", _share(result.valid, result.rows)),
            "invalid": (f"{result.invalid:,}", "at least one error"),
        }
    )
    sections = {"Numbers": numbers, "Findings": findings_part(result, values)}
    return _page("Validation", f"{count(result.rows, 'row')} of {_names(sources)}.", sections)


def cleaning_page(report: Report) -> str:
    """What `afg-data clean` changed and rejected."""
    numbers = cards(
        {
            "rows in": (f"{report.rows_in:,}", ""),
            "rows out": (f"{report.rows_out:,}", ""),
            "rejected": (f"{report.rows_in - report.rows_out:,}", "each with its reason"),
        }
    )
    sections = {"Numbers": numbers, "Changes": cleaning_part(report), "Rejected": rejected_part(report.rejected)}
    return _page("Cleaning", f"{_names(report.inputs)} → {isolated(report.output)}", sections)


def build_page(report: BuildReport, preview: Preview, limit: int) -> str:
    """What `afg-data build` made.

    Args:
        report: its report.
        preview: some of the samples.
        limit: the most tokens that a sample may have.
    """
    facts = report.facts
    numbers = cards(
        {
            "rows in": (f"{report.rows_in:,}", ""),
            "samples": (f"{report.rows_out:,}", f"{facts['verified_rows']:,} compared with the chat template"),
            "tokens": (f"{facts['tokens']:,}", f"{facts['trained_fraction']:.1%} trained"),
            "tools dropped": (f"{facts['tools_dropped']['tools']:,}", f"in {facts['tools_dropped']['rows']:,} rows"),
        }
    )
    steps = [step for step in facts["lengths"] if step["to"] is not None]
    longer = sum(step["rows"] for step in facts["lengths"] if step["to"] is None)
    more = f"<p>{count(longer, 'sample')} beyond the last bar.</p>" if longer else ""
    shown = [
        MaskedPrompt(view.sample.id, (view.sample.dialect, view.sample.domain), view.lines) for view in preview.views
    ]
    sections = {
        "Numbers": numbers,
        "Lengths": (steps_part(steps, "tokens", limit) if steps else "") + more,
        "Rejected": rejected_part(report.rejected),
        "What is trained": "\n".join(_prompt(prompt) for prompt in shown),
    }
    return _page("Samples", f"{isolated(str(report.output))} for {isolated(facts['tokenizer']['name'])}", sections)


def _numbers(report: DatasetReport) -> str:
    before, after, facts = report.before, report.after, report.stats.facts
    lengths = facts["lengths"].get("tokens") or facts["lengths"]["prompt_characters"]
    unit = "tokens" if "tokens" in facts["lengths"] else "characters"
    grounded = facts["grounded"]
    share = "-" if grounded["share"] is None else f"{grounded['share']:.1%}"
    return cards(
        {
            "rows": (f"{before.rows:,}", f"{after.rows:,} after cleaning"),
            "valid": (f"{before.valid:,}", f"{after.valid:,} after cleaning"),
            "calls": (f"{facts['calls']['total']:,}", f"in {facts['records'] - facts['negatives']['rows']:,} rows"),
            "tools": (f"{facts['tools']['distinct']:,}", "distinct"),
            "without a call": (f"{facts['negatives']['rows']:,}", _share(facts["negatives"]["rows"], facts["records"])),
            "arguments that were said": (share, f"{grounded['grounded']:,} of {grounded['values']:,}"),
            "repeated questions": (f"{facts['questions']['repeated']:,}", "whatever their spelling"),
            f"{unit} of a prompt": (f"{lengths.get('median', 0):,}", f"median; at most {lengths.get('most', 0):,}"),
        }
    )


def _cleaning(report: Report) -> str:
    changed = f"<p>{count(report.rows_in, 'row')} in, {report.rows_out:,} out. Every change has a rule.</p>"
    return f"{changed}\n{cleaning_part(report)}\n<h3>Left out</h3>\n{rejected_part(report.rejected)}"


def _prompt(prompt: MaskedPrompt) -> str:
    about = " · ".join(isolated(word) for word in prompt.about if word)
    return (
        f'<article><h3>{isolated(prompt.id)}</h3><p class="facts">{about}</p>\n{prompt_lines(prompt.lines)}</article>'
    )


def _page(title: str, facts: str, sections: Mapping[str, str]) -> str:
    """A page of sections; a trained part is marked by colour and by signs, which the last section explains."""
    names = {name: name.lower().replace(" ", "-") for name in sections}
    links = "".join(f'<a href="#{anchor}">{text(name)}</a>' for name, anchor in names.items())
    parts = "\n".join(
        f'<section aria-labelledby="{anchor}"><h2 id="{anchor}">{text(name)}</h2>\n'
        f"{_legend(name)}{sections[name]}\n</section>"
        for name, anchor in names.items()
    )
    style = (files("dataset_tools.display") / "pages" / "report.css").read_text(encoding="utf-8")
    return shell(title, facts, f'<nav aria-label="Sections">{links}</nav>\n{parts}', style=style)


def _legend(name: str) -> str:
    if name != "What is trained":
        return ""
    return '<p class="line"><mark>trained</mark> <span class="ignored">ignored</span></p>\n'


def _names(sources: Iterable[str]) -> str:
    return ", ".join(isolated(source) for source in sources)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else ""
