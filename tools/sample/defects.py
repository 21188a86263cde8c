"""The table of defects that the dirty sample holds: one line each, with the check that finds it and the repair.

A defect works on the parsed record; the two that no longer parse, or are no record, work on the line itself.
"""

import json
import random
from typing import NamedTuple

from tools.sample import damage_calls as calls
from tools.sample import damage_letters as letters
from tools.sample import damage_meaning as meaning
from tools.sample.damage_text import Damage, in_answer, in_argument, in_user, recoded, word_damage

__all__ = ["DEFECTS", "LINE_DEFECTS", "Defect", "damage_line"]


class Defect(NamedTuple):
    """One kind of defect: its name, the check that must find it, the repairing rule or None, how to make it."""

    name: str
    check: str
    rule: str | None
    damage: Damage


_UTF8_AS_1252 = recoded(("utf-8", "cp1252"))
_UTF8_AS_1256 = recoded(("utf-8", "cp1256"))
_1256_AS_LATIN = recoded(("cp1256", "latin-1"), pure_arabic=True)
_TWICE = recoded(("utf-8", "cp1252"), ("utf-8", "cp1252"))

_REPAIRABLE = (
    Defect("mojibake-cp1252", "mojibake", "mojibake", in_user(_UTF8_AS_1252)),
    Defect("mojibake-cp1256", "mojibake", "mojibake", in_user(_UTF8_AS_1256)),
    Defect("mojibake-latin1", "mojibake", "mojibake", in_user(_1256_AS_LATIN)),
    Defect("mojibake-twice", "mojibake", "mojibake", in_user(_TWICE)),
    Defect("mojibake-argument", "mojibake", "mojibake", in_argument(_UTF8_AS_1256)),
    Defect("escaped-unicode", "escaped-unicode", "escaped-unicode", in_user(letters.escape)),
    Defect("escaped-unicode-argument", "escaped-unicode", "escaped-unicode", in_argument(letters.escape)),
    Defect("presentation-form", "presentation-form", "presentation-form", word_damage(letters.present)),
    Defect("tatweel", "tatweel", "tatweel", word_damage(letters.add_tatweel)),
    Defect("farsi-letters", "farsi-letters", "farsi-letters", word_damage(letters.farsi_letters)),
    Defect("zero-width", "zero-width", "zero-width", word_damage(letters.add_zero_width)),
    Defect("zero-width-argument", "zero-width", "zero-width", in_argument(letters.add_zero_width)),
    Defect("exotic-space", "exotic-space", "spaces", in_user(letters.exotic_space)),
    Defect("bidi-control-argument", "bidi-control", "bidi-control", in_argument(letters.add_bidi)),
    Defect("bidi-control-answer", "bidi-control", "bidi-control", in_answer(letters.add_bidi)),
    Defect("not-nfc", "not-nfc", "nfc", word_damage(letters.decompose)),
    Defect("arguments-json", "arguments-encoded", "decode-arguments", calls.encode_arguments("json")),
    Defect("arguments-json-twice", "arguments-encoded", "decode-arguments", calls.encode_arguments("json-twice")),
    Defect("arguments-python", "arguments-encoded", "python-literal", calls.encode_arguments("python")),
    Defect("null-argument", "null-value", "strip-null", calls.null_argument),
    Defect("null-property", "null-value", "strip-null", calls.null_property),
    Defect("integer-as-float", "integer-as-float", "integer-float", calls.float_integer),
    Defect("number-as-text", "argument-type", "numeric-string", calls.spell_number),
    Defect("type-name", "type-name", "type-name", calls.rename_type),
    Defect("missing-wrapper", "missing-wrapper", "wrap-tool", calls.unwrap_tool),
    Defect("missing-developer-turn", "missing-developer-turn", "developer-turn", calls.drop_developer),
)
_LASTING = (
    Defect("bidi-control-user", "bidi-control", None, in_user(letters.add_bidi)),
    Defect("unknown-tool", "unknown-tool", None, meaning.rename_call),
    Defect("unknown-argument", "unknown-argument", None, meaning.foreign_argument),
    Defect("missing-argument", "missing-argument", None, meaning.drop_argument),
    Defect("argument-type", "argument-type", None, meaning.wrong_type),
    Defect("argument-enum", "argument-enum", None, meaning.stray_enum),
    Defect("ungrounded-argument", "ungrounded-argument", None, meaning.invent),
    Defect("mixed-script-argument", "mixed-script-argument", None, meaning.mix_scripts),
    Defect("enum-in-description", "enum-in-description", None, meaning.enum_to_description),
    Defect("reserved-property-name", "reserved-property-name", None, meaning.reserve_name),
    Defect("unsupported-schema-keyword", "unsupported-schema-keyword", None, meaning.any_of),
    Defect("invalid-tool-schema", "invalid-tool-schema", None, meaning.break_schema),
    Defect("duplicate-tool", "duplicate-tool", None, meaning.duplicate_tool),
    Defect("single-tool", "single-tool", None, meaning.only_tool),
    Defect("control-token-in-text", "control-token-in-text", None, meaning.control_token),
    Defect("empty-answer", "empty-answer", None, meaning.empty_answer),
    Defect("unanswered-call", "unanswered-call", None, meaning.leave_unanswered),
)
DEFECTS = _REPAIRABLE + _LASTING
"""Every defect that is made in the parsed record."""

LINE_DEFECTS = {
    "broken-json": "unreadable-row",
    "duplicate-key": "unreadable-row",
    "unknown-layout": "unknown-layout",
}
"""Defects that are made in the line itself, and the check that finds each."""


def damage_line(name: str, line: str, rng: random.Random) -> str:
    """The line with one of :data:`LINE_DEFECTS`."""
    record = json.loads(line)
    if name == "broken-json":
        return line[: rng.randrange(len(line) // 3, len(line) - 2)]
    if name == "duplicate-key":
        return line.replace('"dialect":', '"dialect":"msa","dialect":', 1)
    note = {"title": record["messages"][1].get("content"), "rating": rng.randrange(1, 6), "reviewer": "أ"}
    return json.dumps(note, ensure_ascii=False, separators=(",", ":"))
