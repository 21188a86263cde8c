"""Characters that nobody sees, made visible: a sample that looks right may hold what a model will learn."""

import unicodedata

__all__ = ["code_point", "is_invisible", "visible"]

_INVISIBLE = frozenset(("Cf", "Cc", "Zs", "Zl", "Zp", "Cs"))
# Invisible although their category is that of letters or marks: fillers, joiners and variation selectors.
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
    """Whether a reader sees nothing, or a space that is not U+0020."""
    if character == " ":
        return False
    if unicodedata.category(character) in _INVISIBLE:
        return True
    return any(first <= ord(character) <= last for first, last in _IGNORABLE)


def code_point(character: str) -> str:
    """A character by its code point, as ``<U+200F>``."""
    return f"<U+{ord(character):04X}>"


def visible(text: str) -> str:
    """``text`` with every invisible character by its code point; what is visible stays as it is."""
    if text.isascii() and text.isprintable():  # almost all of a prompt
        return text
    return "".join([code_point(character) if is_invisible(character) else character for character in text])
