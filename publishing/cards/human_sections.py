"""Sections of a model card that a person wrote, kept when the card is written again.

In a card's text such a section stands between two comments, which a page does not show::

    <!-- begin human: notes -->
    What only a person can say.
    <!-- end human: notes -->

A new card takes over what stands between them in the card that is published, also where it says something else itself:
somebody wrote it there, perhaps since. A section that the new card lacks is put
at its end; nothing that a person wrote is lost.
"""

import re

from dataset_tools.errors import InputError

__all__ = ["human_section", "human_sections", "keep_human_sections", "overruled_sections"]

_NAME = r"[a-z0-9][a-z0-9-]*"
_SECTION = re.compile(rf"<!-- begin human: ({_NAME}) -->\n?(.*?)<!-- end human: \1 -->", re.DOTALL)
_MARK = re.compile(r"<!--\s*(?:begin|end) human\b[^>]*-->")


def human_section(name: str, text: str = "") -> str:
    """A section for a card, ready to be written into."""
    inner = f"{text.strip()}\n" if text.strip() else ""
    return f"<!-- begin human: {name} -->\n{inner}<!-- end human: {name} -->"


def human_sections(card: str, where: str = "") -> dict[str, str]:
    """What a person wrote in a card: each section's text by its name.

    Raises:
        InputError: a mark has no partner, or two sections have one name.
    """
    found = {match[1]: match[2].strip() for match in _SECTION.finditer(card)}
    if 2 * len(found) != len(_MARK.findall(card)):
        raise InputError(
            "the marks of a human section are not in pairs, or two have one name", where=where or "card",
            hint="<!-- begin human: NAME --> … <!-- end human: NAME -->, each once",
        )  # fmt: skip
    return found


def keep_human_sections(new: str, old: str, where: str = "") -> str:
    """The new card with what a person wrote in the old one. An empty section of the old card keeps nothing.

    Args:
        new: the card that is to be published.
        old: the card that stands there.
        where: the old card's place, for errors.

    Raises:
        InputError: the marks in one of the cards are damaged.
    """
    written = {name: text for name, text in human_sections(old, where).items() if text}
    known = human_sections(new)
    text = _SECTION.sub(lambda match: human_section(match[1], written.get(match[1]) or match[2]), new)
    missing = [human_section(name, inner) for name, inner in written.items() if name not in known]
    return "\n\n".join([text.rstrip("\n"), *missing]) + "\n" if missing else text


def overruled_sections(new: str, old: str) -> tuple[str, ...]:
    """The sections that a person filled in in both cards, with different texts: that of the old card is kept.

    Args:
        new: the card that is to be published.
        old: the card that stands there.

    Raises:
        InputError: the marks in one of the cards are damaged.
    """
    there = human_sections(old)
    return tuple(name for name, text in human_sections(new).items() if text and there.get(name, "") not in ("", text))
