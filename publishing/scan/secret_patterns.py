"""What secrets look like: tokens of the services that models are made with, and private keys.

Only shapes that nothing else has are listed, because a false alarm keeps a release from being published. A text is
searched as it is and with its escapes decoded: JSON at any depth, percent signs, UTF-16 and UTF-32. That needs no
parser, so it holds for every kind of file and for any part of one.
"""

import base64
import re
from collections.abc import Iterable, Iterator

__all__ = ["KINDS", "find_secrets"]

# Base64 of an image may hold "AIza" and what follows it. A letter before it may also be the end of an escape.
_NOT_IN_BASE64 = (
    r"(?:(?<![A-Za-z0-9+/])|(?<=\\[abefnrtv0])|(?<=\\u[0-9A-Fa-f]{4})|(?<=\\x[0-9A-Fa-f]{2})|(?<=%[0-9A-Fa-f]{2}))"
)

KINDS: dict[str, str] = {
    "a Hugging Face token": r"(?:hf|api_org)_[A-Za-z0-9]{30,}",
    "a private key": r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----",
    "an AWS access key": r"(?:AKIA|ASIA)[0-9A-Z]{16}(?![0-9A-Z])",
    "a Google API key": rf"{_NOT_IN_BASE64}AIza[0-9A-Za-z_\-]{{35}}",
    "a GitHub token": r"(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{40,})",
    "a GitLab token": r"glpat-[A-Za-z0-9_\-]{20}",
    "an OpenAI key": r"sk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_\-]{20,}T3BlbkFJ[A-Za-z0-9_\-]{20,}",
    "an Anthropic key": r"sk-ant-[A-Za-z0-9]+-[A-Za-z0-9_\-]{40,}",
    "a Slack token": r"xox[abeoprs]-[A-Za-z0-9\-]{20,}",
    "a PyPI token": r"pypi-AgEIcHlwaS5vcmc[A-Za-z0-9_\-]{40,}",
    "an npm token": r"npm_[A-Za-z0-9]{36}(?![A-Za-z0-9])",
    "a W&B key": r"WANDB_API_KEY[\"']?\s*[:=]\s*[\"']?[0-9a-f]{40}",
    "an Azure storage key": r"AccountKey=[A-Za-z0-9+/]{80,}={0,2}",
    "a signed web token": r"eyJhbGciOi[A-Za-z0-9_\-]{10,}\.eyJ[A-Za-z0-9_\-]{10,}\.[A-Za-z0-9_\-]{20,}",
}
"""Each kind of secret, and the pattern that finds it."""

OVERLAP = 1024
"""Bytes of a block that are looked at again with the next one; no pattern needs more to be recognised."""

# What each begins with, as literals: to look for these is a hundred times as fast as to try every pattern everywhere.
_STARTS = {
    "a Hugging Face token": ("hf_", "api_org_"),
    "a private key": ("-----BEGIN ",),
    "an AWS access key": ("AKIA", "ASIA"),
    "a Google API key": ("AIza",),
    "a GitHub token": ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
    "a GitLab token": ("glpat-",),
    "an OpenAI key": ("sk-",),
    "an Anthropic key": ("sk-ant-",),
    "a Slack token": ("xox",),
    "a PyPI token": ("pypi-AgEI",),
    "an npm token": ("npm_",),
    "a W&B key": ("WANDB_API_KEY",),
    "an Azure storage key": ("AccountKey=",),
    "a signed web token": ("eyJhbGciOi",),
}
_PATTERNS = {kind: re.compile(pattern.encode()) for kind, pattern in KINDS.items()}


_WINDOW = 1 << 20  # bytes that are searched at a time, however large the blocks are
# Each begins with a literal, which is quick to look for, and takes no more than a number of backslashes at a time.
_QUOTED = re.compile(rb"\\\\{0,15}+(?=[\"'/])")
_CODES = (re.compile(rb"\\\\{0,15}+(?:u00|x)([2-7][0-9A-Fa-f])"), re.compile(rb"%([2-7][0-9A-Fa-f])"))
_ESCAPED_DEPTH = 4  # escapes that give escapes, as percent signs in percent signs do
# ASCII in UTF-16 and UTF-32, little-endian and big-endian; shorter runs are no secret.
_LITTLE = re.compile(rb"(?:[\t\n\r -~]\0(?:\0\0)?){12,}")
_BIG = re.compile(rb"\0(?:\0\0)?[\t\n\r -~](?:\0(?:\0\0)?[\t\n\r -~]){10,}")  # any run of _LITTLE holds one
_SHORTEST_BASE64 = 12  # characters; fewer may occur by chance


def find_secrets(blocks: Iterable[bytes], own: str = "") -> Iterator[tuple[str, int]]:
    """Secrets in a text that comes in blocks: what each is and in which line. Never the secret itself.

    Args:
        blocks: the text, in order.
        own: the user's token, which is found whatever it looks like.
    """
    before, lines, told, forms = b"", 1, set(), _own_forms(own)
    for block in blocks:
        for start in range(0, len(block), _WINDOW):
            text = before + block[start : start + _WINDOW]
            for view in _views(text):
                for kind, place in _in_block(view, forms):
                    found = kind, lines + view.count(b"\n", 0, place)
                    if found not in told:
                        told.add(found)
                        yield found
            before = text[-OVERLAP:]
            lines += text.count(b"\n", 0, len(text) - len(before))


def _views(text: bytes) -> Iterator[bytes]:
    """Yield the text, and each other text that it encodes; all have the same line ends."""
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
    """Return the token, and the part of its base64 that is the same whatever stands next to it."""
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
        for kind, starts in _STARTS.items()
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
