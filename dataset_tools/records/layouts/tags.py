"""Text with tagged parts, as in ``<tool_call>{…}</tool_call>``."""

from dataset_tools.errors import RowError

__all__ = ["split_tags"]


def split_tags(text: str, name: str, path: str) -> tuple[str, list[str]]:
    """Return the trimmed text outside of the tags ``<name>`` and ``</name>``, and the texts inside each pair.

    Raises:
        RowError: ``unclosed-tag``.
    """
    opening, closing = f"<{name}>", f"</{name}>"
    if opening not in text:
        return text, []
    outside: list[str] = []
    inside: list[str] = []
    at = 0
    while (start := text.find(opening, at)) >= 0:
        end = text.find(closing, start)
        if end < 0:
            raise RowError("unclosed-tag", f"{path} does not close {opening}")
        outside.append(text[at:start].strip())
        inside.append(text[start + len(opening) : end].strip())
        at = end + len(closing)
    outside.append(text[at:].strip())
    return "\n".join(filter(None, outside)), inside
