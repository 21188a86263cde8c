"""``docs/images/validate-and-clean.png``: output of two commands, drawn by headless Chromium.

Run ``python -m docs.figures.terminal``.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from html import escape
from io import BytesIO
from pathlib import Path

from PIL import Image
from rich.text import Text

from tests.browser import chromium

IMAGE = Path(__file__).parent.parent / "images" / "validate-and-clean.png"
CHECKS = ("mojibake", "unknown-argument", "arguments-encoded", "null-value", "farsi-letters")
RULES = (
    "mojibake", "decode-arguments", "escaped-unicode", "farsi-letters", "integer-float", "numeric-string", "tatweel",
    "type-name",
)  # fmt: skip
COLUMNS = 150
COLORS = {1: "#c1121f", 2: "#1a7f37", 3: "#8a6100", 6: "#0969da"}  # by ANSI number
STYLE = """
body { margin: 12px; width: 1130px; background: #fff; color: #1d1b18; }
main { border: 1px solid #d0d7de; border-radius: 10px; overflow: hidden; }
header { height: 30px; background: #f6f8fa; border-bottom: 1px solid #d0d7de; }
div { padding: 0 18px; font: 13px/1.65 "DejaVu Sans Mono", monospace; }
div { white-space: pre; overflow: hidden; text-overflow: ellipsis; }
div:first-of-type { padding-top: 12px; } div:last-of-type { padding-bottom: 16px; }
"""


def main() -> None:
    """Run the commands and write the picture."""
    with tempfile.TemporaryDirectory() as folder:
        _run(folder, "sample", "--dirty", "-o", "raw.jsonl")
        validate = ("validate", "raw.jsonl", "--examples", "1")
        clean = ("clean", "raw.jsonl", "-o", "clean.jsonl")
        lines = [_command(validate), *_blocks(_run(folder, *validate))]
        lines += [Text(), _command(clean), *_rules(_run(folder, *clean))]
    body = "\n".join(f'<div dir="ltr">{_html(line)}</div>' for line in lines)
    with chromium() as browser:
        page = browser.new_page(device_scale_factor=2)
        page.set_content(f"<style>{STYLE}</style><main><header></header>{body}</main>")
        picture = Image.open(BytesIO(page.locator("body").screenshot()))
    picture.convert("RGB").quantize(64).save(IMAGE, optimize=True)


def _run(folder: str, *words: str) -> list[Text]:
    environment = os.environ | {"FORCE_COLOR": "1", "COLUMNS": str(COLUMNS)}
    command = [sys.executable, "-m", "dataset_tools", *words]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    lines = [Text.from_ansi(line) for line in (done.stdout + done.stderr).splitlines()]
    for line in lines:
        line.rstrip()
    return lines


def _command(words: Sequence[str]) -> Text:
    return Text.from_ansi(f"$ \x1b[1mafg-data {' '.join(words)}\x1b[0m")


def _blocks(lines: Sequence[Text]) -> Iterator[Text]:
    """Yield the chosen checks, with an ellipsis for the others, and the summary."""
    chosen = False
    for line in lines[:-1]:
        if not line.plain.startswith(" "):
            if chosen:
                yield Text("…")
            chosen = line.plain.split()[1] in CHECKS
        if chosen:
            yield line
    yield lines[-1]


def _rules(lines: Sequence[Text]) -> Iterator[Text]:
    """Yield the chosen rules, with an ellipsis for the others, and the counts."""
    left_out = False
    for line in lines:
        word = line.plain.split(" ")[0]
        if word in (*RULES, "rule", "rejected") or " rows in, " in line.plain:
            if left_out:
                yield Text("…")
            yield line
        left_out = word not in (*RULES, "rule", "rejected")


def _html(line: Text) -> str:
    if not line.plain:
        return "&nbsp;"
    parts, at = [], 0
    for span in (*sorted(line.spans), None):
        start = span.start if span else len(line.plain)
        parts.append(escape(line.plain[at:start]))
        if span and not isinstance(span.style, str):
            weight = "bold" if span.style.bold else "normal"
            color = COLORS.get(span.style.color.number or 0, "#000") if span.style.color else "inherit"
            opacity = 0.65 if span.style.dim else 1
            style = f"font-weight:{weight};color:{color};opacity:{opacity}"
            parts.append(f'<span style="{style}">{escape(line.plain[span.start : span.end])}</span>')
            at = span.end
    return "".join(parts)


if __name__ == "__main__":
    main()
