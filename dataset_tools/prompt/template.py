"""The chat templates that are known to give the prompts of :mod:`dataset_tools.prompt.render`."""

import hashlib
from functools import cache
from pathlib import Path

__all__ = ["chat_template", "template_name"]

_FILE = Path(__file__).parent / "chat_template.jinja"


@cache
def chat_template() -> str:
    """The project's own template: FunctionGemma's format, written anew and held equal to it by tests."""
    return _FILE.read_text(encoding="utf-8")


def template_name(template: str | None) -> str:
    """Which known template that is; ``unknown`` for another, ``none`` where there is none."""
    if template is None:
        return "none"
    return _known().get(_hash(template), "unknown")


@cache
def _known() -> dict[str, str]:
    return {_hash(chat_template()): "arabic-functiongemma"}


def _hash(template: str) -> str:
    return hashlib.sha256(template.encode()).hexdigest()
