"""Hand-written sections of a model card, which a new version of the card keeps.

Such a section is between two comments, which a page does not show::

    <!-- begin human: notes -->
    Not tried on Sudanese.
    <!-- end human: notes -->

The text of the published card replaces that of the new one, because it may have been edited there. A section that the
new card lacks is appended.
"""

import re

from dataset_tools.errors import InputError

__all__ = ["human_section", "human_sections", "keep_human_sections", "overruled_sections"]

_NAME = r"[a-z0-9][a-z0-9-]*"
_SECTION = re.compile(rf"<!-- begin human: ({_NAME}) -->\n?(.*?)<!-- end human: \1 -->", re.DOTALL)
_MARK = re.compile(r"<!--\s*(?:begin|end) human\b[^>]*-->")


def human_section(name: str, text: str = "") -> str:
    """Return a section with its marks."""
    inner = f"{text.strip()}\n" if text.strip() else ""
    return f"<!-- begin human: {name} -->\n{inner}<!-- end human: {name} -->"


def human_sections(card: str, where: str = "") -> dict[str, str]:
    """Return the text of each section of a card by its name.

    Raises:
        InputError: a mark is unpaired, or two sections have the same name.
    """
    found = {match[1]: match[2].strip() for match in _SECTION.finditer(card)}
    if 2 * len(found) != len(_MARK.findall(card)):
        raise InputError(
            "unpaired or repeated marks of a human section", where=where or "card",
            hint="<!-- begin human: NAME --> … <!-- end human: NAME -->, once for each name",
        )  # fmt: skip
    return found


def keep_human_sections(new: str, old: str, where: str = "") -> str:
    """Return the new card with the sections of the old one that are not empty.

    Args:
        new: the card to publish.
        old: the published card.
        where: path of the old card, for errors.

    Raises:
        InputError: the marks in one of the cards are damaged.
    """
    written = {name: text for name, text in human_sections(old, where).items() if text}
    known = human_sections(new)
    text = _SECTION.sub(lambda match: human_section(match[1], written.get(match[1]) or match[2]), new)
    missing = [human_section(name, inner) for name, inner in written.items() if name not in known]
    return "\n\n".join([text.rstrip("\n"), *missing]) + "\n" if missing else text


def overruled_sections(new: str, old: str) -> tuple[str, ...]:
    """Return the names of sections whose text differs in both cards, so that the new text is dropped.

    Raises:
        InputError: the marks in one of the cards are damaged.
    """
    there = human_sections(old)
    return tuple(name for name, text in human_sections(new).items() if text and there.get(name, "") not in ("", text))
