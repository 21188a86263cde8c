"""What secrets look like: tokens of the services that models are made with, and private keys.

Only shapes that nothing else has are listed, because a false alarm keeps a release from being published.
"""

import re
from collections.abc import Iterable, Iterator

__all__ = ["KINDS", "find_secrets"]

KINDS: dict[str, str] = {
    "a Hugging Face token": r"\b(?:hf|api_org)_[A-Za-z0-9]{30,}",
    "a private key": r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----",
    "an AWS access key": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "a Google API key": r"\bAIza[0-9A-Za-z_\-]{35}",
    "a GitHub token": r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{40,})",
    "a GitLab token": r"\bglpat-[A-Za-z0-9_\-]{20}",
    "an OpenAI key": r"\bsk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_\-]{20,}T3BlbkFJ[A-Za-z0-9_\-]{20,}",
    "an Anthropic key": r"\bsk-ant-[A-Za-z0-9]+-[A-Za-z0-9_\-]{40,}",
    "a Slack token": r"\bxox[abeoprs]-[A-Za-z0-9\-]{20,}",
    "a PyPI token": r"\bpypi-AgEIcHlwaS5vcmc[A-Za-z0-9_\-]{40,}",
    "an npm token": r"\bnpm_[A-Za-z0-9]{36}\b",
    "a W&B key": r"WANDB_API_KEY[\"']?\s*[:=]\s*[\"']?[0-9a-f]{40}",
    "an Azure storage key": r"AccountKey=[A-Za-z0-9+/]{80,}={0,2}",
    "a signed web token": r"\beyJhbGciOi[A-Za-z0-9_\-]{10,}\.eyJ[A-Za-z0-9_\-]{10,}\.[A-Za-z0-9_\-]{20,}",
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


def find_secrets(blocks: Iterable[bytes], own: str = "") -> Iterator[tuple[str, int]]:
    """Secrets in a text that comes in blocks: what each is and in which line. Never the secret itself.

    Args:
        blocks: the text, in order.
        own: the user's token, which is found whatever it looks like.
    """
    before, lines, told = b"", 1, set()
    for block in blocks:
        text = before + block
        for kind, place in _in_block(text, own.encode()):
            found = kind, lines + text.count(b"\n", 0, place)
            if found not in told:
                told.add(found)
                yield found
        before = text[-OVERLAP:]
        lines += text.count(b"\n", 0, len(text) - len(before))


def _in_block(text: bytes, own: bytes) -> Iterator[tuple[str, int]]:
    found = [
        (place, kind)
        for kind, starts in _STARTS.items()
        for start in starts
        for place in _places(text, start.encode())
        if _PATTERNS[kind].match(text, place)
    ]
    if own:
        found += [(place, "your own token") for place in _places(text, own)]
    yield from ((kind, place) for place, kind in sorted(found))


def _places(text: bytes, start: bytes) -> Iterator[int]:
    place = text.find(start)
    while place >= 0:
        yield place
        place = text.find(start, place + 1)
