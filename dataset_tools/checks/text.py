"""Defects of text: wrong characters that look right, invisible marks, and control tokens."""

import re
from collections.abc import Callable, Iterator

from dataset_tools.arabic.encodings import undecodable
from dataset_tools.arabic.escapes import decode_escapes, left_escape
from dataset_tools.arabic.lost_letters import find_look_alike, find_lost_letters
from dataset_tools.arabic.mojibake import repair_mojibake
from dataset_tools.arabic.repair import Language, TextRole
from dataset_tools.arabic.rules import unshape
from dataset_tools.arabic.spans import find, only_order_of_marks
from dataset_tools.arabic.visual_order import in_logical_order, unproven_order
from dataset_tools.checks.base import Check, Defect, Repair, Scope, Severity, add, check
from dataset_tools.tool_schema.declaration import CONTROL_CHARACTER, Text

__all__ = ["CONTROL_TOKENS"]

CONTROL_TOKENS = (
    "<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>", "<escape>",
    "<start_function_declaration>", "<end_function_declaration>", "<start_function_call>", "<end_function_call>",
    "<start_function_response>", "<end_function_response>",
)  # fmt: skip
"""Texts that FunctionGemma's tokenizer turns into single control tokens anywhere."""

_TOKEN = re.compile("|".join(map(re.escape, CONTROL_TOKENS)))

# code, rule of ``clean`` that defines it, severity, meaning, why, example
_LETTERS = (
    ("mojibake", "mojibake", Severity.ERROR, "Text was decoded with the wrong encoding",
     "The model learns to copy garbage and never sees the words that users type", "ط§ظ„ط·ظ‚ط³"),
    ("escaped-unicode", "escaped-unicode", Severity.ERROR, r"Letters are spelled in ASCII: \u0627, &#1575;, u0627",
     "The model reads six Latin characters where users type one Arabic letter", r"\u062c\u062f\u0629"),
    ("presentation-form", "presentation-form", Severity.WARNING, "Letters are in a shaped presentation form",
     "The tokenizer sees other characters than users type", "ﺟﺪﺓ"),
    ("tatweel", "tatweel", Severity.WARNING, "Tatweel stretches a word between its letters",
     "The same word gets many spellings; arguments that copy it differ from the canonical value", "جـــدة"),
    ("farsi-letters", "farsi-letters", Severity.WARNING, "Arabic text has ی ک ڪ ۃ of another language",
     "They look like ي ك ة but are other characters, so equal words are not equal", "الریاض"),
    ("bidi-control", "bidi-control", Severity.WARNING, "Text has invisible marks that change its direction",
     "They can hide content from readers, and the model learns to generate them", "جدة<U+202E>"),
    ("zero-width", "zero-width", Severity.WARNING, "Text has invisible characters without width",
     "Equal words are not equal, and tokens differ from what users type", "جد<U+200B>ة"),
    ("exotic-space", "spaces", Severity.WARNING, "Text has a space other than U+0020",
     "Equal texts are not equal, and tokens differ from what users type", "غرفة<U+00A0>مزدوجة"),
    ("not-nfc", "nfc", Severity.WARNING, "Letters are decomposed, or marks are in another order than in NFC",
     "Equality rules compare in NFC; decomposed letters are other tokens", "ا<U+0654>حمد"),
)  # fmt: skip


# Rules for a whole text, whose message shows the repaired text instead of the characters.
_WHOLE: dict[str, Callable[[str], str]] = {"mojibake": repair_mojibake, "escaped-unicode": decode_escapes}


def _letter_check(rule: str) -> Callable[[Text, Language], Iterator[Defect]]:
    def find_letters(text: Text, language: Language) -> Iterator[Defect]:
        span = find(rule, text.value, language)
        if span is None:
            return
        if rule in _WHOLE:
            yield Defect(text.path, f"{text.value!r:.60} reads as {_WHOLE[rule](text.value)!r:.60}")
        else:
            kept = rule == "bidi-control" and text.role is TextRole.INPUT
            hint = "clean keeps the text of the user; a person decides" if kept else ""
            place = _mark(text.value, span)
            order = rule == "nfc" and only_order_of_marks(text.value[span[0] : span[1]])
            yield Defect(text.path, f"the order of the marks: {place}" if order else place, hint)

    return find_letters


def _mark(text: str, span: tuple[int, int]) -> str:
    """Return the code points of a span, with some of the text around it."""
    start, stop = span
    around = text[max(0, start - 12) : stop + 12]
    names = " ".join(f"U+{ord(character):04X}" for character in text[start : min(stop, start + 4)])
    return f"{names} in {around!r:.80}"


for _code, _rule, _severity, _meaning, _why, _example in _LETTERS:
    add(Check(_code, _severity, _meaning, _why, _example, Repair.CLEAN, text=_letter_check(_rule)))


@check(
    Severity.ERROR,
    Scope.TEXT,
    why="It is garbage to the model, and no repair is certain: get the row from its source again",
    example="cp720 bytes read as Latin-1",
)
def undecodable_text(text: Text, language: Language) -> Iterator[Defect]:  # noqa: ARG001 - a text check
    """Text is in an encoding that is recognised but not repaired: Mac Arabic, cp720, cp864."""
    encoding = undecodable(text.value)
    if encoding is not None:
        yield Defect(text.path, f"{text.value!r:.60} looks like {encoding} decoded with another encoding")


@check(
    Severity.WARNING,
    Scope.TEXT,
    why="The model reads and copies Latin characters where users type one character; too little of it to be certain",
    example="غرفة&nbsp;مزدوجة",
)
def escape_in_text(text: Text, language: Language) -> Iterator[Defect]:  # noqa: ARG001 - a text check
    """Text has an HTML reference or another escape that is not certain enough for a repair."""
    if escape := left_escape(decode_escapes(text.value)):
        yield Defect(text.path, f"{escape!r:.60} in {text.value!r:.60}")


@check(
    Severity.ERROR,
    Scope.TEXT,
    why="The letters cannot be restored, and the model learns to copy their replacement: get the row from its source",
    example="جدول المد في ص<U+FFFD><U+FFFD>ر",
)
def lost_letters(text: Text, language: Language) -> Iterator[Defect]:  # noqa: ARG001 - a text check
    """Letters were lost: U+FFFD or question marks are in their place."""
    if lost := find_lost_letters(text.value, written=text.role is TextRole.INPUT):
        yield Defect(text.path, f"{lost!r} in {text.value!r:.60}")


@check(
    Severity.WARNING,
    Scope.TEXT,
    why="It comes from an Urdu or Persian keyboard, so equal words are not equal; ہ may mean ه or ة",
    example="مصيرہ",
)
def look_alike_letter(text: Text, language: Language) -> Iterator[Defect]:
    """Arabic text has ہ, ھ or a Persian digit."""
    letter = find_look_alike(text.value, language.kept) if language.arabic else None
    if letter and repair_mojibake(text.value) == text.value:
        yield Defect(text.path, f"U+{ord(letter):04X} in {text.value!r:.60}")


@check(
    Severity.ERROR,
    Scope.TEXT,
    why="PDF files and reshapers store letters from left to right, so the model reads words backwards",
    example="ﺓﺪﺟ",
    repair=Repair.CLEAN,
)
def visual_order(text: Text, language: Language) -> Iterator[Defect]:  # noqa: ARG001 - a text check
    """Shaped text is in visual order: its words are stored backwards."""
    if unproven_order(text.value):
        yield Defect(text.path, f"{text.value!r:.60} is in visual order; clean rejects it", "a person decides")
    elif (logical := in_logical_order(text.value)) != text.value:
        yield Defect(text.path, f"{text.value!r:.60} reads as {unshape(logical)!r:.60}")


@check(
    Severity.ERROR,
    Scope.TEXT,
    why="The tokenizer turns it into a control token: the text of a user could end its turn or call a tool",
    example="<end_of_turn> inside a question",
)
def control_token_in_text(text: Text, language: Language) -> Iterator[Defect]:  # noqa: ARG001 - a text check
    """Text has a control token of the chat template."""
    if "<" in text.value and (token := _TOKEN.search(text.value)):
        yield Defect(text.path, f"{token[0]} at character {token.start()}")


@check(
    Severity.WARNING,
    Scope.TEXT,
    why="No user types it; it comes from broken exports and makes equal texts unequal",
    example="a NUL inside a name",
)
def control_character(text: Text, language: Language) -> Iterator[Defect]:  # noqa: ARG001 - a text check
    """Text has a control character other than tab and line ends."""
    if control := CONTROL_CHARACTER.search(text.value):
        yield Defect(text.path, f"U+{ord(control[0]):04X} at character {control.start()}")
