"""Search for a value in a text in the spellings that Arabic grammar gives it: clitics, lists, digits in groups.

Keys are those of `compare_key`: folded letters, single spaces, no punctuation.
"""

import re
from typing import Final

from dataset_tools.arabic.compare import compare_key

__all__ = ["said_in_groups", "said_with_clitics"]

_LIST: Final = re.compile("[,،;؛\n]")
_ARTICLE: Final = "ال"
# Letters before a word, and before its article: ولل, فبال, كال; عال and مال stand for على ال and من ال in dialects.
_CONJUNCTIONS: Final = ("", "و", "ف")
_PREFIXES: Final = ("", "ب", "ل", "ك", "ع", "م", "ه", "ف")
# لل is ل with an article, also before a word that begins with ل: للون is ل + اللون.
_CONTRACTION: Final = "لل"
_LEAST_LETTERS: Final = 3  # of a word without its clitics; shorter ones are part of too many words
_CODE: Final = re.compile("[0-9a-z]+(?: [0-9a-z]+)*")
_LEAST_DIGITS: Final = 4
_MOST_DIGITS: Final = 40  # and letters


def said_with_clitics(value: str, said: str) -> bool:
    """Return whether every item of `value`, a text or a list of texts, is in the text with the key `said`.

    Each word may have clitics or lack its article: الخوض is in للخوض, and سلطة in كبسة وسلطة.
    """
    words = said.split(" ")
    forms = [_bare_forms(word) for word in words]
    items = [key for item in _LIST.split(value) if (key := compare_key(item))]
    return bool(items) and all(_is_said(item, said, forms) for item in items)


def _is_said(item: str, said: str, forms: list[frozenset[str]]) -> bool:
    """Return whether the words of an item follow each other in the text."""
    if f" {item} " in f" {said} ":
        return True
    wanted = [{_without_article(word), _without_article(word.removeprefix("و"))} for word in item.split(" ")]
    wanted[0] = {_without_article(item.split(" ", maxsplit=1)[0])}
    if not any(len(word) >= _LEAST_LETTERS for words in wanted for word in words):
        return False
    last = len(forms) - len(wanted)
    return any(all(words & forms[at + place] for place, words in enumerate(wanted)) for at in range(last + 1))


def _without_article(word: str) -> str:
    bare = word.removeprefix(_ARTICLE)
    return bare if len(bare) >= _LEAST_LETTERS else word


def _bare_forms(word: str) -> frozenset[str]:
    """Return a word and what is left of it without possible clitics and article."""
    forms = {word}
    for conjunction in _CONJUNCTIONS:
        if not word.startswith(conjunction):
            continue
        rest = word.removeprefix(conjunction)
        if rest.startswith(_CONTRACTION):
            forms.update((rest.removeprefix(_CONTRACTION), rest.removeprefix("ل")))
        for prefix in _PREFIXES:
            if rest.startswith(prefix):
                bare = rest.removeprefix(prefix)
                forms.update((bare, bare.removeprefix(_ARTICLE)))
    return frozenset(form for form in forms if len(form) >= _LEAST_LETTERS or form == word or form.isdigit())


def said_in_groups(key: str, said: str) -> bool:
    """Return whether a code with the key `key`, of digits and Latin letters, is in a text in other groups: 991 234 56.

    A group may not be cut: 123 is not in 991 234.
    """
    key = key.lstrip("+")
    code = key.replace(" ", "")
    if not _LEAST_DIGITS <= sum(map(str.isdigit, code)) <= len(code) <= _MOST_DIGITS or not _CODE.fullmatch(key):
        return False
    return any(_is_row_of_groups(code, run.split(" ")) for run in _CODE.findall(said))


def _is_row_of_groups(code: str, groups: list[str]) -> bool:
    for start in range(len(groups)):
        rest = code
        for group in groups[start:]:
            if not rest.startswith(group):
                break
            rest = rest.removeprefix(group)
            if not rest:
                return True
    return False
