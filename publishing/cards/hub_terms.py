"""Terms of the Hub in a card's metadata: licences, language codes, relations to a base."""

import re

__all__ = [
    "DIALECTS",
    "GEMMA_NOTICE",
    "GEMMA_TERMS",
    "LICENSES",
    "RELATIONS",
    "is_gemma",
    "is_language",
    "public_dataset",
    "public_model",
]

GEMMA_TERMS = "https://ai.google.dev/gemma/terms"

GEMMA_NOTICE = "Gemma is provided under and subject to the Gemma Terms of Use found at ai.google.dev/gemma/terms\n"
"""Sentence that the terms require in a file next to a redistributed model."""

_LICENSES = """
    afl-3.0 agpl-3.0 apache-2.0 apple-amlr apple-ascl artistic-2.0 bigcode-openrail-m bigscience-bloom-rail-1.0
    bigscience-openrail-m bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear bsl-1.0 c-uda cc cc-by-2.0 cc-by-2.5
    cc-by-3.0 cc-by-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0
    cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cc-by-nd-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc0-1.0 cdla-permissive-1.0
    cdla-permissive-2.0 cdla-sharing-1.0 creativeml-openrail-m deepfloyd-if-license ecl-2.0 epl-1.0 epl-2.0
    etalab-2.0 eupl-1.1 eupl-1.2 gemma gfdl gpl gpl-2.0 gpl-3.0 h-research intel-research isc lgpl lgpl-2.1 lgpl-3.0
    lgpl-lr llama2 llama3 llama3.1 llama3.2 llama3.3 llama4 lppl-1.3c mit mpl-2.0 ms-pl ncsa odbl odc-by ofl-1.1
    openmdw-1.0 openrail openrail++ osl-3.0 other pddl postgresql unknown unlicense wtfpl zlib
"""
LICENSES = frozenset(_LICENSES.split())
"""Licence ids of the Hub."""

RELATIONS = {"adapter": "adapter", "merged": "finetune", "gguf": "quantized"}
"""Relation of each part of a release to its base, in the Hub's words."""

DIALECTS = {
    "msa": "arb",
    "gulf": "afb",
    "egyptian": "arz",
    "levantine": "apc",
    "iraqi": "acm",
    "najdi": "ars",
    "hijazi": "acw",
    "yemeni": "acq",
    "omani": "acx",
    "sudanese": "apd",
    "moroccan": "ary",
    "algerian": "arq",
    "tunisian": "aeb",
    "libyan": "ayl",
}
"""ISO 639-3 code of each dialect; the Maghreb as a whole has none."""

_CODES = """
    aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el
    en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu
    ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na
    nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so
    sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu
"""
_TWO_LETTERS = frozenset(_CODES.split())
_DATASETS = "hf://datasets/"
_PUBLIC = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def is_language(code: object) -> bool:
    """Return whether a value is a language code of ISO 639-1 or has the form of ISO 639-3."""
    return isinstance(code, str) and (code in _TWO_LETTERS or bool(re.fullmatch("[a-z]{3}", code)))


def public_model(name: object) -> str:
    """Return a name if it has the form ``ORG/NAME``, else an empty text."""
    return name if isinstance(name, str) and _PUBLIC.fullmatch(name) else ""


def public_dataset(name: str) -> str:
    """Return the ``ORG/NAME`` of a Hub dataset or of a file in it; empty for a local file."""
    place = name.removeprefix(_DATASETS)
    return "" if place == name else public_model("/".join(place.split("/")[:2]).split("@")[0])


def is_gemma(base: str) -> bool:
    """Return whether a base is under the Gemma terms: all but the bundled one, whatever their names.

    Only FunctionGemma and its fine-tunes can be exported.
    """
    return base != "tiny"
