"""Invisible characters as code points, so that people see what a model learns."""

import unicodedata

__all__ = ["code_point", "is_invisible", "visible"]

_INVISIBLE = frozenset(("Cf", "Cc", "Zs", "Zl", "Zp", "Cs"))
# Fillers, joiners and variation selectors: invisible, in categories of letters or marks.
_IGNORABLE = (
    (0x034F, 0x034F),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFFA0, 0xFFA0),
    (0xE0100, 0xE01EF),
)


def is_invisible(character: str) -> bool:
    """Return true for an invisible character and for a space other than U+0020."""
    if character == " ":
        return False
    if unicodedata.category(character) in _INVISIBLE:
        return True
    return any(first <= ord(character) <= last for first, last in _IGNORABLE)


def code_point(character: str) -> str:
    """Return a character as its code point: ``<U+200F>``."""
    return f"<U+{ord(character):04X}>"


def visible(text: str) -> str:
    """Return text with every invisible character as its code point."""
    if text.isascii() and text.isprintable():  # most of a prompt
        return text
    return "".join([code_point(character) if is_invisible(character) else character for character in text])
