"""Patterns of secrets: tokens of model services, and private keys.

Only unmistakable forms are listed, because a false alarm blocks a release. A text is searched as it is and with its
escapes decoded: JSON at any depth, percent encoding, UTF-16 and UTF-32. That needs no parser, so it works for any kind
of file and any part of one.
"""

import base64
import re
from collections.abc import Iterable, Iterator

__all__ = ["KINDS", "find_secrets"]

# Base64 of an image may contain "AIza" by chance. A letter before it may also be the end of an escape.
_NOT_IN_BASE64 = (
    r"(?:(?<![A-Za-z0-9+/])|(?<=\\[abefnrtv0])|(?<=\\u[0-9A-Fa-f]{4})|(?<=\\x[0-9A-Fa-f]{2})|(?<=%[0-9A-Fa-f]{2}))"
)

KINDS: dict[str, tuple[tuple[str, ...], str]] = {
    "a Hugging Face token": (("hf_", "api_org_"), r"(?:hf|api_org)_[A-Za-z0-9]{30,}"),
    "a private key": (("-----BEGIN ",), r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"),
    "an AWS access key": (("AKIA", "ASIA"), r"(?:AKIA|ASIA)[0-9A-Z]{16}(?![0-9A-Z])"),
    "a Google API key": (("AIza",), rf"{_NOT_IN_BASE64}AIza[0-9A-Za-z_\-]{{35}}"),
    "a GitHub token": (
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
        r"(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{40,})",
    ),
    "a GitLab token": (("glpat-",), r"glpat-[A-Za-z0-9_\-]{20}"),
    "an OpenAI key": (("sk-",), r"sk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_\-]{20,}T3BlbkFJ[A-Za-z0-9_\-]{20,}"),
    "an Anthropic key": (("sk-ant-",), r"sk-ant-[A-Za-z0-9]+-[A-Za-z0-9_\-]{40,}"),
    "a Slack token": (("xox",), r"xox[abeoprs]-[A-Za-z0-9\-]{20,}"),
    "a PyPI token": (("pypi-AgEI",), r"pypi-AgEIcHlwaS5vcmc[A-Za-z0-9_\-]{40,}"),
    "an npm token": (("npm_",), r"npm_[A-Za-z0-9]{36}(?![A-Za-z0-9])"),
    "a W&B key": (("WANDB_API_KEY",), r"WANDB_API_KEY[\"']?\s*[:=]\s*[\"']?[0-9a-f]{40}"),
    "an Azure storage key": (("AccountKey=",), r"AccountKey=[A-Za-z0-9+/]{80,}={0,2}"),
    "a signed web token": (
        ("eyJhbGciOi",),
        r"eyJhbGciOi[A-Za-z0-9_\-]{10,}\.eyJ[A-Za-z0-9_\-]{10,}\.[A-Za-z0-9_\-]{20,}",
    ),
}
"""Of each kind of secret its literal starts, which are fast to search for, and the pattern tried there."""

OVERLAP = 1024
"""Bytes of a block that are searched again with the next one; no pattern needs more to match."""

_PATTERNS = {kind: re.compile(pattern.encode()) for kind, (_, pattern) in KINDS.items()}
_WINDOW = 1 << 20  # bytes searched at a time
# Each starts with a literal, which is fast to find, and takes a limited number of backslashes at a time.
_QUOTED = re.compile(rb"\\\\{0,15}+(?=[\"'/])")
_CODES = (re.compile(rb"\\\\{0,15}+(?:u00|x)([2-7][0-9A-Fa-f])"), re.compile(rb"%([2-7][0-9A-Fa-f])"))
_ESCAPED_DEPTH = 4  # nested escapes, such as percent-encoded percent signs
# ASCII in UTF-16 and UTF-32, little-endian and big-endian; shorter runs are too short for a secret.
_LITTLE = re.compile(rb"(?:[\t\n\r -~]\0(?:\0\0)?){12,}")
_BIG = re.compile(rb"\0(?:\0\0)?[\t\n\r -~](?:\0(?:\0\0)?[\t\n\r -~]){10,}")  # every match of _LITTLE contains one
_SHORTEST_BASE64 = 12  # characters; fewer may occur by chance


def find_secrets(blocks: Iterable[bytes], own: str = "") -> Iterator[tuple[str, int]]:
    """Yield the kind and the line of each secret in a text, never the secret itself.

    Args:
        blocks: the text, in order.
        own: the user's token, which needs no known form.
    """
    before, lines, seen, forms = b"", 1, set(), _own_forms(own)
    for block in blocks:
        for start in range(0, len(block), _WINDOW):
            text = before + block[start : start + _WINDOW]
            for view in _views(text):
                for kind, place in _in_block(view, forms):
                    found = kind, lines + view.count(b"\n", 0, place)
                    if found not in seen:
                        seen.add(found)
                        yield found
            before = text[-OVERLAP:]
            lines += text.count(b"\n", 0, len(text) - len(before))


def _views(text: bytes) -> Iterator[bytes]:
    """Yield the text and each text that it encodes; the line breaks are the same."""
    views = [text]
    if _BIG.search(text):
        views += [wide.sub(lambda run: b" " + run[0].replace(b"\0", b"") + b" ", text) for wide in (_LITTLE, _BIG)]
    for view in dict.fromkeys(views):
        yield view
        decoded = view
        for _ in range(_ESCAPED_DEPTH if b"\\" in view or b"%" in view else 0):
            encoded, decoded = decoded, _decoded(decoded)
            if decoded == encoded:
                break
            yield decoded


def _decoded(text: bytes) -> bytes:
    text = _QUOTED.sub(b"", text)
    for codes in _CODES:
        text = codes.sub(lambda code: bytes.fromhex(code[1].decode()), text)
    return text


def _own_forms(own: str) -> frozenset[bytes]:
    """Return the token, and the part of its base64 that does not depend on the bytes next to it."""
    forms = {own.encode()} if own else set()
    for raw in (own.encode(), own.encode("utf-16-le")):
        for shift in range(3):
            text = base64.b64encode(bytes(shift) + raw)
            core = text[-(-shift * 8 // 6) : (shift + len(raw)) * 8 // 6]
            if len(core) >= _SHORTEST_BASE64:
                forms |= {core, core.translate(bytes.maketrans(b"+/", b"-_"))}
    return frozenset(forms)


def _in_block(text: bytes, own: Iterable[bytes]) -> Iterator[tuple[str, int]]:
    found = [
        (place, kind)
        for kind, (starts, _) in KINDS.items()
        for start in starts
        for place in _places(text, start.encode())
        if _PATTERNS[kind].match(text, place)
    ]
    found += [(place, "your own token") for form in own for place in _places(text, form)]
    yield from ((kind, place) for place, kind in sorted(found))


def _places(text: bytes, start: bytes) -> Iterator[int]:
    place = text.find(start)
    while place >= 0:
        yield place
        place = text.find(start, place + 1)
