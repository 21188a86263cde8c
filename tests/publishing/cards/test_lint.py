"""Each mistake that a card can have is found, by its line; cards that are right pass."""

from pathlib import Path

import pytest

from publishing.cards.lint import lint

RESULT = (
    "model-index:\n- name: m\n  results:\n  - task: {type: t}\n    dataset: {type: d, name: n}\n"
    "    metrics: [{type: x, value: 0.5}]\n"
)


def _told(tmp_path: Path, text: str, part: str = "", *, gemma: bool | None = None) -> list[str]:
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
    """What the Hub takes and a reader can use has no problem."""
    assert _told(tmp_path, text) == []


@pytest.mark.parametrize(
    "text, told",
    [
        ("# Title\n", ":1 it does not begin with a block of metadata between two lines '---'"),
        ("\n" + _card(), ":1 it does not begin with a block of metadata between two lines '---'"),
        ("\ufeff" + _card(), ":1 it does not begin with a block of metadata between two lines '---'"),
        (_card() + "\n---\nlicense: mit\ntags:\n- a\n---\n", ":6 a second block of metadata"),
        ("---\nlicense: [\n---\n", ":3 no YAML: expected the node content, but found '<stream end>'"),
        ("---\n- a\n---\n", ":1 the metadata has no keys"),
        ("---\nlanguage: ar\n---\n", ":1 no licence"),
        ("---\nlicense: apache\n---\n", ":1 license: 'apache' is no id that the Hub knows"),
        ("---\nlicense: other\n---\n", ":1 license: other needs license_name and license_link"),
        (
            "---\nlicense: mit\nbase_model: unsloth/functiongemma-270m-it\n---\n",
            ":1 license: 'mit' for a model derived from Gemma",
        ),
        (_card("language: arabic"), ":1 language: 'arabic' is no code of ISO 639"),
        (_card("language: [ar, ar-EG]"), ":1 language: 'ar-EG' is no code of ISO 639"),
        (_card("language: [no]"), ":1 language: False is no code of ISO 639"),
        (_card("base_model: /models/base"), ":1 base_model: '/models/base' is no name on the Hub"),
        (_card("base_model_relation: tuned"), ":1 base_model_relation: 'tuned'"),
        (_card("tags: arabic"), ":1 tags: a list of names is expected"),
        (_card("datasets: [1]"), ":1 datasets: a list of names is expected"),
        (_card("model-index: {}"), ":1 model-index: a list is expected"),
        (_card("model-index: [{name: a}]"), ":1 model-index: each model needs a name and a list of results"),
        (_card("model-index: [{name: a, results: [1]}]"), ":1 model-index: results[0]: an object is expected"),
        (
            _card(*RESULT.replace("task: {type: t}", "task: t").splitlines()),
            ":1 model-index: results[0]: task needs type",
        ),
        (
            _card(*RESULT.replace("dataset: {type: d, name: n}", "dataset: {}").splitlines()),
            ":1 model-index: results[0]: dataset needs type and name",
        ),
        (
            _card(*RESULT.replace("[{type: x, value: 0.5}]", "[]").splitlines()),
            ":1 model-index: results[0]: a list of metrics is expected",
        ),
        (
            _card(*RESULT.replace("value: 0.5", "score: 0.5").splitlines()),
            ":1 model-index: results[0]: each metric needs type and value",
        ),
        (_card() + "\n[x](curves.png)\n", ":6 a link to a file that is not there, 'curves.png'"),
        (_card() + "![x](../README.md)\n", ":5 a link to a file that is not there, '../README.md'"),
        (_card() + "[x](/tmp/README.md)\n", ":5 a link that only works here, '/tmp/README.md'"),
        (_card() + "[x](file:///etc/passwd)\n", ":5 a link that only works here, 'file:///etc/passwd'"),
        (_card() + "[x](http://127.0.0.1:80/a)\n", ":5 a link to this machine, 'http://127.0.0.1:80/a'"),
        (_card() + "<!-- begin human: a -->\n", "the marks of a human section are not in pairs, or two have one name"),
    ],
)
def test_each_mistake_is_found(tmp_path: Path, text: str, told: str) -> None:
    """One mistake is one problem, with its line where it has one."""
    assert _told(tmp_path, text) == [told]


def test_the_part_decides_what_is_right(tmp_path: Path) -> None:
    """A relation that belongs to another part, and a licence that the base does not allow, are told."""
    assert _told(tmp_path, _card("base_model_relation: finetune"), "gguf") == [
        ":1 base_model_relation: 'finetune' for gguf/"
    ]
    assert _told(tmp_path, "---\nlicense: mit\n---\n", "merged", gemma=True) != []
    assert _told(tmp_path, "---\nlicense: mit\n---\n", "merged", gemma=False) == []
    assert _told(tmp_path, "---\nlanguage: ar\n---\n", "dataset") == []


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    """Bytes that are no text, and no file at all."""
    (tmp_path / "README.md").write_bytes(b"\xff\xfe")
    (problem,) = lint(tmp_path / "README.md")
    assert "cannot be read" in problem.what
    (problem,) = lint(tmp_path / "missing" / "README.md")
    assert "cannot be read" in problem.what
