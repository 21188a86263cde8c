"""Wrong decodings, and bytes that are not UTF-8."""

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset_tools.arabic.encodings import guess_bytes_encoding, undecodable
from dataset_tools.arabic.mojibake import repair_mojibake
from tests.dataset_tools.arabic.arabic_texts import ANY_TEXT, SENTENCES
from tests.properties import examples

PAIRS = [
    ("utf-8", "latin-1"),
    ("utf-8", "cp1252"),
    ("utf-8", "cp437"),
    ("utf-8", "mac_roman"),
    ("utf-8", "cp1256"),
    ("cp1256", "latin-1"),
    ("cp1256", "cp1252"),
    ("utf-8", "cp1251"),
    ("utf-8", "iso8859_5"),
    ("utf-8", "koi8_r"),
    ("cp1256", "cp1251"),
    ("iso8859_6", "latin-1"),
    ("iso8859_6", "cp1252"),
]
EUROPEAN = [
    "Café",
    "ÄÖÜß",
    "ÆØÅ æøå",
    "été À É È",
    "ÉÈÀÊ",
    "İŞÇİ ĞÜ",
    "Größe der Straße",
    "São Paulo ação",
    "25°C «مرحبا»",
    "Où êtes-vous ? Ça va",
    "FORÊT, ÉTÉ, ÂGE",
    "Þór Æsir",
    "½ m² € £3 … —",
    "Çankırı",
]
RUSSIAN = [
    "Погода в Эр-Рияде завтра",
    "ПОГОДА В МОСКВЕ",
    "МоскваСити, ВкусВилл, РосТех",
    "Ящик ШЁЛК Щука ЪЫЬ",
    "Об’єднані Арабські Емірати ґанок",
    "Ўзбекистон, България, Ћуприја",
    "الطقس في Москва غدا",
]
JOINED = [" ".join(EUROPEAN), "الطقس في " + " ".join(EUROPEAN)]
SYMBOLS = [
    "10÷2, 20÷4, 30÷6, 40÷8, 50÷10",
    "√4 + √9 + √16 + √25 + √36 = 20",
    "3² + 4² = 5², 6² + 8² = 10²",
    "¥1,200, ¥2,400, ¥3,600, ¥4,800, ¥6,000",
    "12° 13° 14° 15° 16°",
    "1\xa0200\xa0000 - 3\xa0400\xa0000 - 5\xa0600\xa0000",
    "©©©©©",
    "«\xa0…\xa0» : 5\xa0€ … 10\xa0€ – «\xa0…\xa0»",
    "├── a\n│   └── b",
    "┌───┬───┐\n│ 1 │ 2 │\n└───┴───┘",
    "ÇÇÇ",
    "áááááá",
    "áá áá ãã",
]


def misread(text: str, written: str, read: str) -> str:
    """Return `text` after the wrong decoding."""
    raw = text.encode(written)
    if read in ("cp1252", "cp1251"):  # as browsers do: undefined bytes become control characters
        return "".join(bytes([b]).decode(read, "ignore") or chr(b) for b in raw)
    return raw.decode(read)


@pytest.mark.parametrize("written, read", PAIRS)
@pytest.mark.parametrize("text", [*SENTENCES, "الطقس", "القاهرة"])
def test_misread_arabic_is_repaired(text: str, written: str, read: str) -> None:
    """UTF-8 and Windows-1256 text decoded with the wrong codec is restored."""
    assert repair_mojibake(misread(text, written, read)) == text


@pytest.mark.parametrize(
    "reads", [("cp1252", "cp1252"), ("cp1252", "cp1252", "latin-1"), ("cp1256", "cp1256"), ("cp1256", "cp1252")]
)
def test_layers_are_undone(reads: tuple[str, ...]) -> None:
    """Double and triple encoding is undone layer by layer."""
    text = "الطقس في الرياض"
    for read in reads:
        text = misread(text, "utf-8", read)
    assert repair_mojibake(text) == "الطقس في الرياض"


@pytest.mark.parametrize(
    "text",
    [
        *EUROPEAN,
        *RUSSIAN,
        *SYMBOLS,
        " ".join(EUROPEAN),
        "الطقس في " + " ".join(EUROPEAN),
        *SENTENCES,
        "ط§",
        "طپ عچ ظگ",
        "فقط؛ حظ؟",
        "a\u2019b",
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    """Accents, umlauts, symbols and short ambiguous text are not mojibake."""
    assert repair_mojibake(text) == text
    assert undecodable(text) is None


@settings(deadline=None, max_examples=examples(400))
@given(st.text(alphabet="0123456789 ,.+-=°²³½÷×±√¥€£¢©®§•«»…–—\xa0≤≥≈║═│─", max_size=40))
def test_symbols_are_not_letters_of_another_codec(text: str) -> None:
    """Text of digits, symbols and spaces is not wrongly decoded Arabic."""
    assert undecodable(text) is None


@pytest.mark.parametrize("written, read", PAIRS)
def test_damaged_words_are_repaired_among_sound_ones(written: str, read: str) -> None:
    """Some words are damaged, next to sound Arabic words or Latin ones."""
    if read in ("cp437", "mac_roman"):
        pytest.skip("a word read with this codec is also symbols, Greek or Turkish")
    first, second = misread("الرياض", written, read), misread("اليوم", written, read)
    assert repair_mojibake(f"الطقس في {first} غدا") == "الطقس في الرياض غدا"
    assert repair_mojibake(f"{first} and {second}\tNew York") == "الرياض and اليوم\tNew York"


def test_a_word_of_two_letters_is_not_enough() -> None:
    """Two letters could be another text: alone they stay, next to a damaged word they are repaired."""
    assert repair_mojibake("ÇÈ in Dubai") == "ÇÈ in Dubai"
    assert repair_mojibake("ÇáØÞÓ Ýí New York") == "الطقس في New York"


@pytest.mark.parametrize("codec", ["mac_arabic", "cp720", "iso8859_6"])
@pytest.mark.parametrize("read", ["latin-1", "cp437", "mac_roman"])
def test_unrepaired_codecs_are_named(codec: str, read: str) -> None:
    """Mac Arabic and cp720 are detected; Latin-1 with letters of ISO 8859-6, also of Mac Arabic, is repaired."""
    for sentence in SENTENCES[:4]:
        text = sentence.replace("؟", "").encode(codec).decode(read)
        if codec != "cp720" and read == "latin-1":
            assert repair_mojibake(text).replace("\xa0", " ") == sentence.replace("؟", "")
            continue
        assert undecodable(text) == ("cp720" if codec == "cp720" else "mac-arabic")
        assert repair_mojibake(text) == text


@pytest.mark.parametrize(
    "codec, name",
    [
        ("cp1256", "windows-1256"),
        ("mac_arabic", "mac-arabic"),
        ("cp720", "cp720"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16"),
        ("utf-16-be", "utf-16"),
        ("utf-8", None),
    ],
)
def test_bytes_are_named(codec: str, name: str | None) -> None:
    """The encoding of a JSON line is detected."""
    for sentence in SENTENCES[:4]:
        raw = f'{{"content": "{sentence.replace("؟", "")}"}}'.encode(codec)
        assert guess_bytes_encoding(raw) == name


def test_cp864_is_named() -> None:
    """cp864 has presentation forms, which count as their letters."""
    raw = "ﺍﻟﻄﻘﺲ ﻓﻲ ﺍﻟﺮﻳﺎﺽ ﺍﻟﻴﻮﻡ".translate({0xFEF2: 0xFEF3, 0xFEF1: 0xFEF3}).encode("cp864", "ignore")
    assert guess_bytes_encoding(raw) == "cp864"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"plain",
        b"\xff\xfe\xfd"[1:],
        "Größe Straße Café".encode("latin-1"),
        "où êtes-vous, ça été".encode("cp1252"),
        "12° 13° 14° 15° 16° 3² 4² 5² 6² 7²".encode("latin-1"),
    ],
)
def test_other_bytes_are_not_named(raw: bytes) -> None:
    """ASCII, noise and European text are not taken for Arabic."""
    assert guess_bytes_encoding(raw) is None


@settings(deadline=None, max_examples=examples(400))
@given(ANY_TEXT)
def test_repair_reaches_a_fixed_point(text: str) -> None:
    """The repair is idempotent for any text."""
    once = repair_mojibake(text)
    assert repair_mojibake(once) == once
    undecodable(text)


def test_import_is_light() -> None:
    """Importing the modules loads neither ftfy nor CAMeL Tools."""
    modules = ("compare", "encodings", "escapes", "folding", "language", "letters", "mojibake", "numbers", "repair")
    code = "".join(f"import dataset_tools.arabic.{module};" for module in modules)
    code += "import sys; assert not {'ftfy', 'camel_tools', 'torch'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
