"""The parser reads output exactly or refuses it with a position, for any text, in linear time."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset_tools.prompt import parser
from dataset_tools.prompt.parser import MAX_DEPTH, Parsed, ParseError, parse
from tests.properties import examples

S, E, R = "<start_function_call>", "<end_function_call>", "<start_function_response>"

# text after `call:f`, arguments, whether recovered, parts of the warnings
ARGUMENTS: dict[str, tuple[str, dict[str, Any], bool, list[str]]] = {
    "none": ("{}", {}, False, []),
    "string": ("{city:<escape>جدة<escape>}", {"city": "جدة"}, False, []),
    "dialect": ("{q:<escape>وش أخبار الجو بكرة، يا طويل العمر؟<escape>}",
                {"q": "وش أخبار الجو بكرة، يا طويل العمر؟"}, False, []),
    "empty string": ("{a:<escape><escape>}", {"a": ""}, False, []),
    "outer space is data": ("{a:<escape> x\n<escape>}", {"a": " x\n"}, False, []),
    "delimiters are data": ('{a:<escape>a,b:c}{[x]\nسطر "ق" \\<escape>,b:1}',
                            {"a": 'a,b:c}{[x]\nسطر "ق" \\', "b": 1}, False, []),
    "digits in a string": ("{a:<escape>0123<escape>,b:<escape>true<escape>}", {"a": "0123", "b": "true"}, False, []),
    "words": ("{a:true,b:false,c:null,d:None}", {"a": True, "b": False, "c": None, "d": None}, False, []),
    "integers": ("{a:3,b:-7,c:0,d:123456789012345678901234567890}",
                 {"a": 3, "b": -7, "c": 0, "d": 123456789012345678901234567890}, False, []),
    "floats": ("{a:450.5,b:1.0,c:1e-07,d:-2.5E+3,e:1e16}",
               {"a": 450.5, "b": 1.0, "c": 1e-07, "d": -2500.0, "e": 1e16}, False, []),
    "nested": ("{o:{p:{q:[1,[<escape>ب<escape>],{}]}},l:[]}", {"o": {"p": {"q": [1, ["ب"], {}]}}, "l": []}, False, []),
    "odd keys": ("{المدينة:1,a b:2,a.b-c:3}", {"المدينة": 1, "a b": 2, "a.b-c": 3}, False, []),
    "a key up to the colon": ("{a{b,c}:1}", {"a{b,c}": 1}, False, []),
    "spaces": ("{ a : 1 , b : [ 1 , 2 ] , c : <escape>x<escape> }", {"a": 1, "b": [1, 2], "c": "x"}, False, []),
    "bare text": ("{city:جدة القديمة,b:10:30}", {"city": "جدة القديمة", "b": "10:30"}, False,
                  ["f.city is bare text", "f.b is bare text"]),
    "leading zero": ("{a:0123}", {"a": "0123"}, False, ["f.a is bare text: '0123'"]),
    "Arabic digits": ("{a:٣}", {"a": "٣"}, False, ["f.a is bare text"]),
    "Python's words": ("{a:True}", {"a": "True"}, False, ["f.a is bare text"]),
    "too large": ("{a:1e999}", {"a": "1e999"}, False, ["f.a is bare text"]),
    "empty value": ("{a:,b:1}", {"a": "", "b": 1}, False, ["f.a is bare text: ''"]),
    "escape toggles": ("{a:x<escape>,}<escape>y}", {"a": "x,}y"}, False, ["f.a mixes"]),
    "escaped key": ("{<escape>a:b<escape>:1}", {"a:b": 1}, False, ["'a:b' is escaped"]),
    "empty key": ("{:1}", {"": 1}, False, ["an empty key in f"]),
    "twice": ("{a:1,a:2}", {"a": 2}, False, ["f.a appears twice"]),
    "comma at the end": ("{a:[1,],b:2,}", {"a": [1], "b": 2}, False, ["f.a ends with a comma", "f ends with a comma"]),
    "token in a string": ("{a:<escape>x<end_of_turn>y<escape>}", {"a": "x<end_of_turn>y"}, False, ["the control"]),
    "no brace": ("{a:1,b:<escape>x<escape>", {"a": 1, "b": "x"}, True, ["f has no }"]),
    "no brackets": ("{a:[{b:1", {"a": [{"b": 1}]}, True, ["f.a[0] has no }", "f.a has no ]", "f has no }"]),
    "no braces at all": ("", {}, True, ["f has no braces"]),
}  # fmt: skip


@pytest.mark.parametrize("text, arguments, recovered, warnings", ARGUMENTS.values(), ids=ARGUMENTS)
def test_arguments(text: str, arguments: dict[str, Any], recovered: bool, warnings: list[str]) -> None:  # noqa: FBT001
    """Each text yields exactly these values, types and warnings."""
    parsed = parse(f"{S}call:f{text}{E}{R}")
    assert parsed.tool_calls == [{"name": "f", "arguments": arguments}]
    assert repr(parsed.tool_calls[0]["arguments"]) == repr(arguments)  # 1 is not True, nor 1.0
    assert parsed.recovered is recovered
    assert len(parsed.warnings) == len(warnings)
    assert all(part in warning for part, warning in zip(warnings, parsed.warnings, strict=True))


F = {"name": "f", "arguments": {}}
# text, content, names of the calls, whether recovered, number of warnings
OUTPUTS: dict[str, tuple[str, str, list[str], bool, int]] = {
    "nothing": ("", "", [], False, 0),
    "text": ("شلونك؟ call:f{} {a:1}", "شلونك؟ call:f{} {a:1}", [], False, 0),
    "answer": (" تم. <end_of_turn>\n", "تم.", [], False, 0),
    "padding": ("تم<end_of_turn><pad><eos><pad>", "تم", [], False, 0),
    "a whole turn": ("<start_of_turn>model\nتم<end_of_turn>\n", "تم", [], False, 0),
    "text before": (f"لحظة.{S}call:f{{}}{E}{R}", "لحظة.", ["f"], False, 0),
    "text between and after": (f"أ {S}call:f{{}}{E} ب {S}call:g{{}}{E}\nج", "أ\nب\nج", ["f", "g"], False, 0),
    "parallel": (f"{S}call:f{{}}{E}{S}call:f{{}}{E}{R}", "", ["f", "f"], False, 0),
    "a space for the colon": (f"{S}call f{{}}{E}{S} call : g {{}}{E}", "", ["f", "g"], False, 0),
    "odd names": (f"{S}call:a.b{{}}{E}{S}call:a-b{{}}{E}{S}call:طقس_اليوم{{}}{E}{S}call:n:s{{}}{E}", "",
                  ["a.b", "a-b", "طقس_اليوم", "n:s"], False, 0),
    "no end token": (f"{S}call:f{{}}", "", ["f"], True, 1),
    "a cut end token": (f"{S}call:f{{}}<end_func", "", ["f"], True, 1),
    "no end token before another call": (f"{S}call:f{{}}{S}call:g{{}}{E}", "", ["f", "g"], True, 1),
    "no end token before the stop": (f"{S}call:f{{}}{R}", "", ["f"], True, 1),
    "no end token before text": (f"{S}call:f{{}} ثم", "ثم", ["f"], True, 1),
    "a second brace": (f"{S}call:f{{}}}}{E}", "}", ["f"], True, 2),
    "what follows the stop": (f"{S}call:f{{}}{E}{R}response:f{{a:1}}<end_function_response>تم", "", ["f"], False, 1),
    "stray tokens": ("أ<escape>ب<end_function_call>ج", "أبج", [], False, 2),
}  # fmt: skip


@pytest.mark.parametrize("text, content, names, recovered, warnings", OUTPUTS.values(), ids=OUTPUTS)
def test_outputs(text: str, content: str, names: list[str], recovered: bool, warnings: int) -> None:  # noqa: FBT001
    """Each output yields exactly this text and these calls."""
    parsed = parse(text)
    assert (parsed.content, [call["name"] for call in parsed.tool_calls]) == (content, names)
    assert (parsed.recovered, len(parsed.warnings)) == (recovered, warnings)


BAD: dict[str, tuple[str, str, int]] = {
    "no call": (f"أ{S}f{{}}{E}", "must begin with call:NAME", 22),
    "two starts": (S + S, "must begin with call:NAME", 21),
    "no name": (f"{S}call:{{}}", "no name", 26),
    "no arguments": (f"{S}call:f", "no arguments", 26),
    "open string": (f"{S}call:f{{a:<escape>جدة}}{E}", "no closing <escape>", 38),
    "cut escape": (f"{S}call:f{{a:<esca", "no closing <escape>", 30),
    "open key": (f"{S}call:f{{a:1,b", "a key has no value", 32),
    "key without a value": (f"{S}call:f{{a}}{E}", "a key has no value", 28),
    "no value at the end": (f"{S}call:f{{a:", "no value", 30),
    "brace in bare text": (f"{S}call:f{{a:x{{}}}}", "{ inside a bare value", 31),
    "wrong bracket": (f"{S}call:f{{a:[1}}{E}", "expected a comma or ]", 32),
    "no comma": (f"{S}call:f{{a:[[]1]}}{E}", "expected a comma or ]", 33),
    "too deep": (f"{S}call:f{{a:{'[' * MAX_DEPTH}", "nested deeper than 200 levels", 30 + MAX_DEPTH - 1),
}


@pytest.mark.parametrize("text, what, position", BAD.values(), ids=BAD)
def test_what_cannot_be_read_is_an_error_with_a_place(text: str, what: str, position: int) -> None:
    """The error has a reason and a position."""
    with pytest.raises(ParseError) as caught:
        parse(text)
    assert what in caught.value.what
    assert caught.value.position == position
    assert str(caught.value) == f"{caught.value.what} at character {position}"


TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "f",
        "parameters": {
            "type": "object",
            "properties": {
                "s": {"type": "string"},
                "i": {"type": "INTEGER"},
                "n": {"type": "number"},
                "b": {"type": "boolean"},
                "l": {"type": "array", "items": {"type": "integer"}},
                "o": {"type": "object", "properties": {"s": {"type": "string"}}},
                "any": {"type": ["string", "integer"]},
                "free": {},
            },
        },
    },
}
# text of the arguments, what they are with the tool, number of warnings
TYPED: dict[str, tuple[str, dict[str, Any], int]] = {
    "as declared": ("{s:<escape>3<escape>,i:3,n:2.5,b:true,l:[1],o:{s:<escape>x<escape>}}",
                    {"s": "3", "i": 3, "n": 2.5, "b": True, "l": [1], "o": {"s": "x"}}, 0),
    "an integer is a number": ("{n:3}", {"n": 3}, 0),
    "a string keeps its digits": ("{s:1.50,o:{s:7e2}}", {"s": "1.50", "o": {"s": "7e2"}}, 2),
    "words as strings": ("{s:true}", {"s": "true"}, 1),
    "bare text as a string": ("{s:جدة}", {"s": "جدة"}, 1),
    "escaped numbers": ("{i:<escape>3<escape>,n:<escape> 2.5 <escape>,l:[<escape>4<escape>]}",
                        {"i": 3, "n": 2.5, "l": [4]}, 3),
    "Arabic digits": ("{i:<escape>٢٥<escape>,n:<escape>١٬٠٠٠٫٥<escape>}", {"i": 25, "n": 1000.5}, 2),
    "bare Arabic digits": ("{i:٣}", {"i": 3}, 1),
    "leading zeros and signs": ("{i:007,n:+5}", {"i": 7, "n": 5}, 2),
    "telephone numbers": ("{i:<escape>0551234567<escape>,n:<escape>+966551234567<escape>}",
                          {"i": "0551234567", "n": "+966551234567"}, 2),
    "a telephone number far in": (f"{{i:<escape>{' ' * 9000}05<escape>}}", {"i": " " * 9000 + "05"}, 1),
    "Arabic telephone numbers": ("{i:<escape>٠٥٥١<escape>,l:[<escape>-007<escape>,<escape>00<escape>]}",
                                 {"i": "٠٥٥١", "l": ["-007", "00"]}, 3),
    "zeros that count": ("{i:<escape>0<escape>,n:<escape>-٠٫٥<escape>,l:[<escape>-0<escape>,<escape>١٠<escape>]}",
                         {"i": 0, "n": -0.5, "l": [0, 10]}, 4),
    "groups of three": ("{i:<escape>١٬٢٣٤٬٥٦٧<escape>,n:<escape>-۱۲٬۳۴۵٫۵<escape>,l:[١٬٠٠٠]}",
                        {"i": 1234567, "n": -12345.5, "l": [1000]}, 3),
    "other groups": ("{i:<escape>1٬23<escape>,n:<escape>٣٬٥<escape>,l:[١٢٣٤٬٥٦٧,٬٥٠٠,1٬000٬,1٬0000]}",
                     {"i": "1٬23", "n": "٣٬٥", "l": ["١٢٣٤٬٥٦٧", "٬٥٠٠", "1٬000٬", "1٬0000"]}, 6),
    "a separator after the point": ("{n:<escape>1.500٬000<escape>}", {"n": "1.500٬000"}, 1),
    "a whole float": ("{i:3.0}", {"i": 3}, 1),
    "escaped words": ("{b:<escape>True<escape>}", {"b": True}, 1),
    "not to be read": ("{i:2.5,n:<escape>x<escape>,b:1,l:3,o:<escape>{}<escape>}",
                       {"i": 2.5, "n": "x", "b": 1, "l": 3, "o": "{}"}, 5),
    "null": ("{s:null}", {"s": None}, 1),
    "no single type": ("{any:3,free:<escape>3<escape>}", {"any": 3, "free": "3"}, 0),
    "not declared": ("{x:1}", {"x": 1}, 1),
}  # fmt: skip


@pytest.mark.parametrize("text, arguments, warnings", TYPED.values(), ids=TYPED)
def test_types_come_from_the_schema_and_every_coercion_is_told(
    text: str, arguments: dict[str, Any], warnings: int
) -> None:
    """Only with tools are values converted to the type of the schema; other values stay, with a warning."""
    for tools in ([TOOL], [TOOL["function"]]):
        parsed = parse(f"{S}call:f{text}{E}", tools)
        assert repr(parsed.tool_calls[0]["arguments"]) == repr(arguments)
        assert len(parsed.warnings) == warnings


def test_an_unknown_tool_is_told() -> None:
    """Its arguments are parsed as without tools."""
    parsed = parse(f"{S}call:g{{a:<escape>3<escape>}}{E}", [TOOL, "damaged"])  # type: ignore[list-item]
    assert parsed.tool_calls == [{"name": "g", "arguments": {"a": "3"}}]
    assert parsed.warnings == ["no tool is named 'g'"]


def _outcome(text: str, tools: list[dict[str, Any]] | None = None) -> Parsed | ParseError:
    """Return the parsed text or the ParseError; any other error fails the test."""
    try:
        return parse(text, tools)
    except ParseError as error:
        return error


@pytest.mark.parametrize(
    "unit", ["{", "[", S, "<escape>", f"{S}call:f{{", f"{S}call:f{{}}{E}", "<", "a:1,", "1,", "\n", ":"]
)
@pytest.mark.parametrize("start", ["", f"{S}call:f{{", f"{S}call:f{{a:[", f"{S}call:f{{a:<escape>"])
def test_a_megabyte_of_anything_is_read_in_linear_time(start: str, unit: str) -> None:
    """A million characters end and give few warnings; quadratic time would be hours."""
    outcome = _outcome(start + unit * ((1 << 20) // len(unit)))
    if isinstance(outcome, Parsed):
        assert len(outcome.warnings) <= 101


@pytest.mark.parametrize("digits", ["1", "٣", "1.", "1٬", "111٬", "-"])
@pytest.mark.parametrize("end", ["", "x", "٬", ".x", "e"])
@pytest.mark.parametrize("mark", ["", "<escape>"])
def test_a_megabyte_where_a_number_is_declared_stays_text(digits: str, end: str, mark: str) -> None:
    """There is one warning, in linear time: trying every division of the digits would take days."""
    text = digits * ((1 << 20) // len(digits)) + end
    parsed = parse(f"{S}call:f{{n:{mark}{text}{mark}}}{E}", [TOOL])
    assert parsed.tool_calls == [{"name": "f", "arguments": {"n": text}}]
    assert parsed.warnings == ["f.n is not of type number"]


_PIECES = st.sampled_from(
    [S, E, R, "<escape>", "<end_of_turn>", "<pad>", "call:", "call ", "f", "{", "}", "[", "]", ":", ",", "1", "-2.5e3",
     "true", "null", "جدة", " ", "\n", "<", "a", "<start_of_turn>model\n"]
)  # fmt: skip
_SCHEMA = {
    "name": "f",
    "parameters": {"type": "object", "properties": {"a": {"type": "integer"}, "f": {"type": "array"}}},
}


@given(st.lists(_PIECES, max_size=40).map("".join) | st.text(max_size=60), st.booleans(), st.booleans())
@settings(max_examples=examples(200))
def test_any_text_gives_a_result_or_a_typed_error(text: str, inside: bool, typed: bool) -> None:  # noqa: FBT001
    """Any text is parsed or refused; the result is plain data, with a flag for recovered calls."""
    text = f"{S}call:f{{a:{text}" if inside else text
    parsed = _outcome(text, [_SCHEMA] if typed else None)
    if isinstance(parsed, ParseError):
        assert 0 <= parsed.position <= len(text)
        return
    assert parsed.content == parsed.content.strip()
    assert all(set(call) == {"name", "arguments"} and call["name"] for call in parsed.tool_calls)
    assert bool(parsed.warnings) or not parsed.recovered


@given(st.integers(1, 60))
@settings(max_examples=40)
def test_a_cut_output_never_gives_a_value_that_was_not_written(cut: int) -> None:
    """A truncated output yields a part of the complete one; a cut inside a string is refused."""
    whole = f"{S}call:f{{a:<escape>جدة<escape>,b:[true,false],c:{{d:<escape>x<escape>}}}}{E}"
    parsed = _outcome(whole[: max(len(whole) - cut, 0)])
    if isinstance(parsed, ParseError):
        return
    assert parsed.recovered or not parsed.tool_calls
    for call in parsed.tool_calls:
        assert call["arguments"].get("a", "جدة") == "جدة"
        assert call["arguments"].get("c", {}).get("d", "x") == "x"


def test_the_file_stands_alone(tmp_path: Path) -> None:
    """A copy in an empty folder works without site-packages and without the project."""
    shutil.copy(parser.__file__, tmp_path / "shipped_parser.py")
    code = (
        "import sys; sys.path[:] = [path for path in sys.path if 'site-packages' not in path]; "
        f"sys.path.insert(0, {str(tmp_path)!r}); import shipped_parser; "
        f"print(shipped_parser.parse({S + 'call:f{a:<escape>جدة<escape>}' + E!r}).tool_calls)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-X", "utf8", "-c", code],
        capture_output=True, text=True, encoding="utf-8", cwd=tmp_path, check=False, timeout=60,
    )  # fmt: skip
    assert (done.stdout.strip(), done.stderr) == ("[{'name': 'f', 'arguments': {'a': 'جدة'}}]", "")
