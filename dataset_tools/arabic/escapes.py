r"""Decoding of Arabic letters spelled in ASCII: `\u0627`, `&#1575;`, `u0627`, `<U+0627>`, `\xd8\xa7`, `%D8%A7`.

They come from text that was written as JSON twice, from HTML, PHP, MySQL, R, JavaScript and Python. Other escapes stay:
`\n` and `\"` are common in code and paths, and a percent escape in a URL is right there.
"""

import json
import re
from typing import Final, NamedTuple

__all__ = ["decode_escapes", "left_escape"]

# A run of backslashes counts as one, because each round of JSON doubles it.
_ESCAPE: Final = re.compile(r"\\+u([0-9a-fA-F]{4})")
_START: Final = re.compile(r"\\+u")
_QUOTE: Final = "0022"
_ARABIC: Final = re.compile("[\u0600-\u06ff\u0750-\u077f\u0870-\u08ff\ufb50-\ufdff\ufe70-\ufefc]")
# Control characters would change the layout, and a backslash could start another escape.
_REFUSED: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\\]")
# What a run may decode to: Arabic script, spaces and invisible marks of Arabic text.
_READABLE: Final = re.compile(f"(?:{_ARABIC.pattern}|[ ,.:;!()\\-\u00a0\u200c-\u200f])+")
_LEAST_LETTERS: Final = 2
# Percent escapes belong to a word with one of these: a URL or the query of one.
_URL: Final = re.compile("[/=?]")
_TOKEN: Final = re.compile(r"\S+")
_NAMED: Final = re.compile(
    "&(?:nbsp|quot|apos|amp|lt|gt|lrm|rlm|zwn?j|shy|[lr]aquo|[lr][sd]quo|[nm]dash|hellip|bull|copy);"
)


class _Spelling(NamedTuple):
    """One way to spell characters in ASCII.

    Attributes:
        mark: a text that every such spelling has.
        unit: the pattern of one number, which is its only group.
        base: the base of the numbers.
        utf8: whether the numbers are bytes of UTF-8, not code points.
        around: patterns before and after a run of units.
    """

    mark: str
    unit: re.Pattern[str]
    base: int
    utf8: bool
    run: re.Pattern[str]


def _spelling(
    mark: str, unit: tuple[str, str, str], base: int = 16, *, utf8: bool = False, around: tuple[str, str] = ("", "")
) -> _Spelling:
    """Return a spelling whose unit has a pattern before its number, one of its number, and one after it."""
    before, number, after = unit
    run = f"{around[0]}(?:{before}{number}{after})+{around[1]}"
    return _Spelling(mark, re.compile(f"{before}({number}){after}"), base, utf8, re.compile(run))


# The lookbehind starts a match only at the first of several backslashes, which keeps the time linear.
_BACKSLASH: Final = r"(?<!\\)\\+"
_PERCENT: Final = _spelling("%", ("%", "[0-9a-fA-F]{2}", ""), utf8=True)  # URL
_SPELLINGS: Final = (
    _spelling("&", ("&(?:amp;)*#", "[0-9]{2,5}", ";"), 10),  # HTML
    _spelling("&", ("&(?:amp;)*#[xX]", "[0-9a-fA-F]{2,5}", ";")),
    _spelling("<U+", (r"<U\+", "[0-9a-fA-F]{4,5}", ">")),  # R
    _spelling("%u", ("%u", "[0-9a-fA-F]{4}", "")),  # escape() of JavaScript
    _spelling("\\u{", (_BACKSLASH + r"u\{", "[0-9a-fA-F]{3,5}", r"\}")),  # PHP, Rust
    # A stripped backslash; letters before or after make it a part of a word.
    _spelling("u0", ("u", "[0-9a-fA-F]{4}", ""), around=(r"(?<![0-9A-Za-z%\\])", "(?![0-9A-Za-z])")),
    _spelling("\\x", (_BACKSLASH + "x", "[0-9a-fA-F]{2}", ""), utf8=True),  # Python
    _spelling("\\", (_BACKSLASH, "[0-3][0-7]{2}", ""), 8, utf8=True),  # C
)


def decode_escapes(text: str) -> str:
    r"""Return `text` with the spellings decoded that are certain, or unchanged.

    `\uXXXX` is decoded if every one of the text can be. Of each other spelling, two or more Arabic letters in a row
    are certain, and then the single letters of the same spelling, too.
    """
    text = _decode_json_escapes(text)
    for spelling in _SPELLINGS:
        if spelling.mark in text:
            text = _decode_runs(text, spelling)
    if "%" in text:
        text = _TOKEN.sub(lambda word: word[0] if _URL.search(word[0]) else _decode_runs(word[0], _PERCENT), text)
    return text


def left_escape(text: str) -> str | None:
    """Return the first escape that `decode_escapes` leaves and that stands for a character of Arabic text, or None."""
    for spelling in (*_SPELLINGS, _PERCENT):
        if spelling.mark not in text:
            continue
        parts = [text]
        if spelling is _PERCENT:
            parts = [word for word in _TOKEN.findall(text) if not _URL.search(word)]
        for run in (run for part in parts for run in spelling.run.findall(part)):
            if _decoded(run, spelling):
                return str(run)
    named = _NAMED.search(text) if "&" in text and "</" not in text else None
    return named[0] if named else None


def _decode_runs(text: str, spelling: _Spelling) -> str:
    """Decode the runs of one spelling, if one of them has two Arabic letters."""
    decoded = {run: _decoded(run, spelling) for run in spelling.run.findall(text)}
    if not any(found and len(_ARABIC.findall(found)) >= _LEAST_LETTERS for found in decoded.values()):
        return text
    return spelling.run.sub(lambda run: decoded[run[0]] or run[0], text)


def _decoded(run: str, spelling: _Spelling) -> str | None:
    """Return the characters of a run; None if they are not Arabic text."""
    numbers = [int(number, spelling.base) for number in spelling.unit.findall(run)]
    try:
        text = bytes(numbers).decode() if spelling.utf8 else "".join(map(chr, numbers))
    except ValueError:
        return None
    return text if _ARABIC.search(text) and _READABLE.fullmatch(text) else None


def _decode_json_escapes(text: str) -> str:
    r"""Decode the `\uXXXX` sequences of `text`, or return it unchanged.

    The condition is that every `\u` starts a complete escape, surrogate pairs are complete, at least one decoded
    character is Arabic, and none is a control character or a backslash. So `C:\users\u0627` is unchanged. If the text
    is JSON, `\u0022` becomes `\"`, so that it stays JSON.
    """
    if "\\u" not in text:
        return text
    codes: list[str] = _ESCAPE.findall(text)
    if not codes or len(codes) != len(_START.findall(text)):
        return text
    decoded = "".join(chr(int(code, 16)) for code in codes)
    if _REFUSED.search(decoded) or not _ARABIC.search(decoded):
        return text
    # In JSON, a bare quote would end the string.
    quote = '\\"' if '"' in decoded and _is_json(text) else '"'
    replaced = _ESCAPE.sub(lambda match: quote if match[1] == _QUOTE else chr(int(match[1], 16)), text)
    try:
        # UTF-16 joins surrogate pairs, and its strict decoder refuses a lone surrogate.
        return replaced.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError:
        return text


def _is_json(text: str) -> bool:
    try:
        json.loads(text, parse_int=str)  # Python refuses to convert very long integers
    except (ValueError, RecursionError):
        return False
    return True
