"""Writes ``cldr.json``: the Arabic and English names of countries, currencies, languages and cities, from CLDR.

It needs Babel, which nothing else here does: ``pip install babel==2.18.0``, then
``python -m tools.make_cldr``. The same version of Babel writes the same bytes.
"""

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

from dataset_tools.io.writer import json_report

__all__ = ["CLDR", "main", "names"]

CLDR = Path(__file__).parent.parent / "training" / "evaluate" / "aliases" / "cldr.json"

_LOCALES = ("ar", "en")
_HISTORIC_ZONES = re.compile(r"Etc/|Antarctica/|.*/.*/")
_PARENTHESIS = re.compile(r"\s*\([^)]*\)")
# CLDR writes marks of direction into Arabic names and symbols.
_MARKS = dict.fromkeys(map(ord, "\u200e\u200f\u061c"))


def names() -> dict[str, dict[str, list[str]]]:
    """Kind of thing to its code to its names: ISO 3166, ISO 4217 and ISO 639 codes, and time zones for cities."""
    return {
        "country": _countries(),
        "currency": _currencies(),
        "language": _languages(),
        "city": _cities(),
    }


def _locales() -> list[Any]:
    from babel import Locale

    return [Locale(name) for name in _LOCALES]


def _countries() -> dict[str, list[str]]:
    from babel.core import get_global

    found: dict[str, list[str]] = defaultdict(list)
    for locale in _locales():
        for code, name in locale.territories.items():
            if re.fullmatch("[A-Z]{2}", code) and code not in ("ZZ", "XA", "XB", "EU", "EZ", "UN", "QO"):
                found[code].append(name)
    for alias, codes in get_global("territory_aliases").items():
        if re.fullmatch("[A-Z]{3}", alias) and len(codes) == 1 and codes[0] in found:
            found[codes[0]].append(alias)
    return _tidy({code: [code, *found[code]] for code in found})


def _currencies() -> dict[str, list[str]]:
    """Only what is legal tender today: old currencies bear the names of new ones."""
    from babel.numbers import (
        get_territory_currencies,
    )

    locales = _locales()
    places = [code for code in locales[1].territories if re.fullmatch("[A-Z]{2}", code)]
    current = {code for place in places for code in get_territory_currencies(place)}
    found = {}
    for code in current:
        spoken = [code]
        for locale in locales:
            spoken.append(locale.currencies.get(code, ""))
            spoken.extend(dict(locale._data["currency_names_plural"].get(code, {})).values())  # noqa: SLF001
        found[code] = spoken
    return _tidy(found)


def _languages() -> dict[str, list[str]]:
    """Arabic says a language as an adjective too: الفرنسية, فرنسية and فرنسي are one language."""
    from babel.core import get_global

    arabic, english = _locales()
    longer: dict[str, list[str]] = defaultdict(list)
    for alias, code in get_global("language_aliases").items():
        if re.fullmatch("[a-z]{3}", alias) and re.fullmatch("[a-z]{2}", code):
            longer[code].append(alias)
    found = {}
    for code, name in english.languages.items():
        if not re.fullmatch("[a-z]{2,3}", code):
            continue
        spoken = [code, name, arabic.languages.get(code, ""), *longer[code]]
        if re.fullmatch(r"ال\w+ية", spoken[2]):
            spoken.append(spoken[2].removeprefix("ال").removesuffix("ية") + "ي")
        found[code] = spoken
    return _tidy(found)


def _cities() -> dict[str, list[str]]:
    """The cities after which time zones are named."""
    arabic, english = _locales()
    found = {}
    for zone, data in arabic.time_zones.items():
        if _HISTORIC_ZONES.match(zone) or "city" not in data:
            continue
        own = english.time_zones.get(zone, {}).get("city") or zone.rpartition("/")[2].replace("_", " ")
        found[zone] = [data["city"], own]
    return _tidy(found)


def _tidy(table: dict[str, list[str]]) -> dict[str, list[str]]:
    """Sorted by code; each name once, without remarks in parentheses and marks of direction."""
    return {
        code: list(
            dict.fromkeys(filter(None, (_PARENTHESIS.sub("", name.translate(_MARKS)).strip() for name in spoken)))
        )
        for code, spoken in sorted(table.items())
    }


def main() -> None:
    """Write the file again."""
    json_report(CLDR, names())


if __name__ == "__main__":
    main()
