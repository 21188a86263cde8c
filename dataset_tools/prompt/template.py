"""Chat templates that are known to give the same prompts as :mod:`dataset_tools.prompt.render`."""

from functools import cache
from pathlib import Path

__all__ = ["chat_template", "template_name"]

_FILE = Path(__file__).parent / "chat_template.jinja"


@cache
def chat_template() -> str:
    """Return the project's own template of FunctionGemma's format; tests prove that both are equal."""
    return _FILE.read_text(encoding="utf-8")


def template_name(template: str | None) -> str:
    """Return the name of a known template, ``unknown`` for another, ``none`` for None."""
    if template is None:
        return "none"
    return "arabic-functiongemma" if template == chat_template() else "unknown"
