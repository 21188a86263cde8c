r"""Decoding of literal `\u0627` sequences, from text that was written as JSON twice.

Other escapes stay: `\n` and `\"` are common in code and paths.
"""

import json
import re
from typing import Final

# A run of backslashes counts as one, because each round of JSON doubles it.
_ESCAPE: Final = re.compile(r"\\+u([0-9a-fA-F]{4})")
_START: Final = re.compile(r"\\+u")
_QUOTE: Final = "0022"
_ARABIC: Final = re.compile("[\u0600-\u06ff\u0750-\u077f\u0870-\u08ff\ufb50-\ufdff\ufe70-\ufefc]")
# Control characters would change the layout, and a backslash could start another escape.
_REFUSED: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\\]")


def decode_escapes(text: str) -> str:
    r"""Decode the `\uXXXX` sequences of `text`, or return it unchanged.

    Condition: every `\u` starts a complete escape, surrogate pairs are complete, at least one decoded character is
    Arabic, and none is a control character or a backslash. So `C:\users\u0627` is unchanged. If the text is JSON,
    `\u0022` becomes `\"`, so that it stays JSON.
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
