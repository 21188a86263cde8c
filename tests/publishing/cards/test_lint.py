"""Problems of cards, each with its line; good cards pass."""

from pathlib import Path

import pytest

from publishing.cards.lint import lint

RESULT = (
    "model-index:\n- name: m\n  results:\n  - task: {type: t}\n    dataset: {type: d, name: n}\n"
    "    metrics: [{type: x, value: 0.5}]\n"
)


def _problems(tmp_path: Path, text: str, part: str = "", *, gemma: bool | None = None) -> list[str]:
    path = tmp_path / "README.md"
    path.write_bytes(text.encode())
    return [
        f"{problem.where.removeprefix(str(path))} {problem.what}".strip() for problem in lint(path, part, gemma=gemma)
    ]


def _card(*lines: str) -> str:
    return "---\nlicense: gemma\n" + "".join(f"{line}\n" for line in lines) + "---\n# Title\n"


@pytest.mark.parametrize(
    "text",
    [
        _card(),
        _card("language: ar"),
        _card("language: [ar, arz, apc, acm]", "base_model: org/a", "base_model_relation: finetune"),
        _card(*RESULT.splitlines()),
        "---\r\nlicense: gemma\r\n---\r\ntext\r\n",
        _card() + "[page](https://example.org) [part](#title) `[no](link.md)`\n```\n[no](link.md)\n---\na: b\n```\n",
        _card() + "\n---\n\nA rule is no second block.\n\n---\n",
        _card() + "[self](README.md#title)\n",
        "---\nlicense: other\nlicense_name: x\nlicense_link: https://example.org\n---\n",
    ],
)
def test_good_cards_pass(tmp_path: Path, text: str) -> None:
    """A card that the Hub accepts, with links that work, has no problem."""
    assert _problems(tmp_path, text) == []


@pytest.mark.parametrize(
    "text, message",
    [
        ("# Title\n", ":1 the card must begin with metadata between two lines '---'"),
        ("\n" + _card(), ":1 the card must begin with metadata between two lines '---'"),
        ("\ufeff" + _card(), ":1 the card must begin with metadata between two lines '---'"),
        (_card() + "\n---\nlicense: mit\ntags:\n- a\n---\n", ":6 a second block of metadata"),
        ("---\nlicense: [\n---\n", ":3 invalid YAML: expected the node content, but found '<stream end>'"),
        ("---\n- a\n---\n", ":1 the metadata has no keys"),
        ("---\nlanguage: ar\n---\n", ":1 no licence"),
        ("---\nlicense: apache\n---\n", ":1 license: 'apache' is not an id of the Hub"),
        ("---\nlicense: other\n---\n", ":1 license: other needs license_name and license_link"),
        (
            "---\nlicense: mit\nbase_model: unsloth/functiongemma-270m-it\n---\n",
            ":1 license: 'mit' for a model derived from Gemma",
        ),
        (_card("language: arabic"), ":1 language: 'arabic' is not an ISO 639 code"),
        (_card("language: [ar, ar-EG]"), ":1 language: 'ar-EG' is not an ISO 639 code"),
        (_card("language: [no]"), ":1 language: False is not an ISO 639 code"),
        (_card("base_model: /models/base"), ":1 base_model: '/models/base' is not a name on the Hub"),
        (_card("base_model_relation: tuned"), ":1 base_model_relation: 'tuned'"),
        (_card("tags: arabic"), ":1 tags: 'arabic' is not of type 'array', 'null'"),
        (_card("datasets: [1]"), ":1 datasets[0]: 1 is not of type 'string'"),
        (_card("model-index: {}"), ":1 model-index: {} is not of type 'array'"),
        (_card("model-index: [{name: a}]"), ":1 model-index[0]: 'results' is a required property"),
        (_card("model-index: [{name: a, results: [1]}]"), ":1 model-index[0].results[0]: 1 is not of type 'object'"),
        (
            _card(*RESULT.replace("task: {type: t}", "task: t").splitlines()),
            ":1 model-index[0].results[0].task: 't' is not of type 'object'",
        ),
        (
            _card(*RESULT.replace("dataset: {type: d, name: n}", "dataset: {type: d}").splitlines()),
            ":1 model-index[0].results[0].dataset: 'name' is a required property",
        ),
        (
            _card(*RESULT.replace("[{type: x, value: 0.5}]", "[]").splitlines()),
            ":1 model-index[0].results[0].metrics: [] should be non-empty",
        ),
        (
            _card(*RESULT.replace("value: 0.5", "score: 0.5").splitlines()),
            ":1 model-index[0].results[0].metrics[0]: 'value' is a required property",
        ),
        (_card() + "\n[x](curves.png)\n", ":6 a link to a missing file: 'curves.png'"),
        (_card() + "![x](../README.md)\n", ":5 a link to a missing file: '../README.md'"),
        (_card() + "[x](/tmp/README.md)\n", ":5 a link that works only on this machine: '/tmp/README.md'"),
        (_card() + "[x](file:///etc/passwd)\n", ":5 a link that works only on this machine: 'file:///etc/passwd'"),
        (_card() + "[x](http://127.0.0.1:80/a)\n", ":5 a link to this machine: 'http://127.0.0.1:80/a'"),
        (_card() + "<!-- begin human: a -->\n", "unpaired or repeated marks of a human section"),
    ],
)
def test_each_mistake_is_found(tmp_path: Path, text: str, message: str) -> None:
    """Each mistake gives one problem with its line."""
    assert _problems(tmp_path, text) == [message]


def test_the_part_decides_what_is_expected(tmp_path: Path) -> None:
    """The relation of another part, and a licence against the base's terms, are problems."""
    assert _problems(tmp_path, _card("base_model_relation: finetune"), "gguf") == [
        ":1 base_model_relation: 'finetune' for gguf/"
    ]
    assert _problems(tmp_path, "---\nlicense: mit\n---\n", "merged", gemma=True) != []
    assert _problems(tmp_path, "---\nlicense: mit\n---\n", "merged", gemma=False) == []
    assert _problems(tmp_path, "---\nlanguage: ar\n---\n", "dataset") == []


def test_unreadable_cards_are_reported(tmp_path: Path) -> None:
    """Bytes that are not UTF-8, and a missing file."""
    (tmp_path / "README.md").write_bytes(b"\xff\xfe")
    (problem,) = lint(tmp_path / "README.md")
    assert "cannot be read" in problem.what
    (problem,) = lint(tmp_path / "missing" / "README.md")
    assert "cannot be read" in problem.what
