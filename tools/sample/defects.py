"""Table of the defects of the dirty sample, each with its check and its repair.

Most defects are made in the parsed record; rows that are no longer JSON or a record are made in the line.
"""

import json
import random
from typing import NamedTuple

from tools.sample import damage_calls as calls
from tools.sample import damage_letters as letters
from tools.sample import damage_meaning as meaning
from tools.sample.damage_text import Damage, in_answer, in_argument, in_user, recoded, word_damage

__all__ = ["DEFECTS", "LINE_DEFECTS", "DefectKind", "damage_line"]


class DefectKind(NamedTuple):
    """One kind of defect: its name, the check that must find it, the repairing rule or None, and its damage."""

    name: str
    check: str
    rule: str | None
    damage: Damage


_UTF8_AS_1252 = recoded(("utf-8", "cp1252"))
_UTF8_AS_1256 = recoded(("utf-8", "cp1256"))
_1256_AS_LATIN = recoded(("cp1256", "latin-1"), pure_arabic=True)
_TWICE = recoded(("utf-8", "cp1252"), ("utf-8", "cp1252"))

_REPAIRABLE = (
    DefectKind("mojibake-cp1252", "mojibake", "mojibake", in_user(_UTF8_AS_1252)),
    DefectKind("mojibake-cp1256", "mojibake", "mojibake", in_user(_UTF8_AS_1256)),
    DefectKind("mojibake-latin1", "mojibake", "mojibake", in_user(_1256_AS_LATIN)),
    DefectKind("mojibake-twice", "mojibake", "mojibake", in_user(_TWICE)),
    DefectKind("mojibake-argument", "mojibake", "mojibake", in_argument(_UTF8_AS_1256)),
    DefectKind("escaped-unicode", "escaped-unicode", "escaped-unicode", in_user(letters.escape)),
    DefectKind("escaped-unicode-argument", "escaped-unicode", "escaped-unicode", in_argument(letters.escape)),
    DefectKind("presentation-form", "presentation-form", "presentation-form", word_damage(letters.present)),
    DefectKind("tatweel", "tatweel", "tatweel", word_damage(letters.add_tatweel)),
    DefectKind("farsi-letters", "farsi-letters", "farsi-letters", word_damage(letters.farsi_letters)),
    DefectKind("zero-width", "zero-width", "zero-width", word_damage(letters.add_zero_width)),
    DefectKind("zero-width-argument", "zero-width", "zero-width", in_argument(letters.add_zero_width)),
    DefectKind("exotic-space", "exotic-space", "spaces", in_user(letters.exotic_space)),
    DefectKind("bidi-control-argument", "bidi-control", "bidi-control", in_argument(letters.add_bidi)),
    DefectKind("bidi-control-answer", "bidi-control", "bidi-control", in_answer(letters.add_bidi)),
    DefectKind("not-nfc", "not-nfc", "nfc", word_damage(letters.decompose)),
    DefectKind("arguments-json", "arguments-encoded", "decode-arguments", calls.encode_arguments("json")),
    DefectKind("arguments-json-twice", "arguments-encoded", "decode-arguments", calls.encode_arguments("json-twice")),
    DefectKind("arguments-python", "arguments-encoded", "python-literal", calls.encode_arguments("python")),
    DefectKind("null-argument", "null-value", "strip-null", calls.null_argument),
    DefectKind("null-property", "null-value", "strip-null", calls.null_property),
    DefectKind("integer-as-float", "integer-as-float", "integer-float", calls.float_integer),
    DefectKind("number-as-text", "argument-type", "numeric-string", calls.spell_number),
    DefectKind("type-name", "type-name", "type-name", calls.rename_type),
    DefectKind("missing-wrapper", "missing-wrapper", "wrap-tool", calls.unwrap_tool),
    DefectKind("missing-developer-turn", "missing-developer-turn", "developer-turn", calls.drop_developer),
)
_LASTING = (
    DefectKind("bidi-control-user", "bidi-control", None, in_user(letters.add_bidi)),
    DefectKind("unknown-tool", "unknown-tool", None, meaning.rename_call),
    DefectKind("unknown-argument", "unknown-argument", None, meaning.foreign_argument),
    DefectKind("missing-argument", "missing-argument", None, meaning.drop_argument),
    DefectKind("argument-type", "argument-type", None, meaning.wrong_type),
    DefectKind("argument-enum", "argument-enum", None, meaning.stray_enum),
    DefectKind("ungrounded-argument", "ungrounded-argument", None, meaning.invent),
    DefectKind("mixed-script-argument", "mixed-script-argument", None, meaning.mix_scripts),
    DefectKind("enum-in-description", "enum-in-description", None, meaning.enum_to_description),
    DefectKind("reserved-property-name", "reserved-property-name", None, meaning.reserve_name),
    DefectKind("unsupported-schema-keyword", "unsupported-schema-keyword", None, meaning.any_of),
    DefectKind("invalid-tool-schema", "invalid-tool-schema", None, meaning.break_schema),
    DefectKind("duplicate-tool", "duplicate-tool", None, meaning.duplicate_tool),
    DefectKind("single-tool", "single-tool", None, meaning.only_tool),
    DefectKind("control-token-in-text", "control-token-in-text", None, meaning.control_token),
    DefectKind("empty-answer", "empty-answer", None, meaning.empty_answer),
    DefectKind("unanswered-call", "unanswered-call", None, meaning.leave_unanswered),
)
DEFECTS = _REPAIRABLE + _LASTING
"""Defects that are made in the parsed record."""

LINE_DEFECTS = {
    "broken-json": "unreadable-row",
    "duplicate-key": "unreadable-row",
    "unknown-layout": "unknown-layout",
}
"""Defects that are made in the line, each with its check."""


def damage_line(name: str, line: str, rng: random.Random) -> str:
    """Return a line with one of :data:`LINE_DEFECTS`."""
    record = json.loads(line)
    if name == "broken-json":
        return line[: rng.randrange(len(line) // 3, len(line) - 2)]
    if name == "duplicate-key":
        return line.replace('"dialect":', '"dialect":"msa","dialect":', 1)
    note = {"title": record["messages"][1].get("content"), "rating": rng.randrange(1, 6), "reviewer": "أ"}
    return json.dumps(note, ensure_ascii=False, separators=(",", ":"))
