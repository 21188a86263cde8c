"""The chain on Gemma 3's weights and vocabulary: train, export, evaluate, call, serve, publish, pull, verify."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from publishing.release.manifest import read_release
from tests.hub.server import running_hub
from tests.real.conftest import BASE_ID, Command
from tests.training.bases import ROOT
from training.base.gguf_header import read_header

pytestmark = pytest.mark.real

NAME = "demo/arabic-calls"
QUANTS = ("F16", "Q8_0", "Q4_K_M")


@pytest.fixture(scope="module")
def eight_bit(release: Path) -> Path:
    """The 8-bit GGUF file of the release."""
    return release / "gguf" / "arabic-calls-Q8_0.gguf"


@pytest.fixture(scope="module")
def first(rows: Path) -> dict[str, Any]:
    """The first row, whose answer the model knows."""
    found: dict[str, Any] = json.loads(rows.read_text(encoding="utf-8").splitlines()[0])
    return found


@pytest.fixture(scope="module")
def tools(first: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tools of the first row."""
    path = tmp_path_factory.mktemp("tools") / "tools.json"
    path.write_text(json.dumps(first["tools"], ensure_ascii=False), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def evaluation(run: Path, rows: Path, command: Command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The evaluation of the adapter with transformers."""
    path = tmp_path_factory.mktemp("evaluated") / "eval.json"
    command("publishing", "evaluate", run, rows, "-o", path, "--max-tokens", "64")
    return path


def _known(record: dict[str, Any]) -> dict[str, Any]:
    (call,) = record["messages"][-1]["tool_calls"]
    found: dict[str, Any] = call["function"]
    return found


def _right(path: Path) -> tuple[int, int]:
    """Return the numbers of rows and of rows with exact arguments."""
    exact = json.loads(path.read_text(encoding="utf-8"))["metrics"]["arg_em_raw"]
    return exact["n"], exact["hits"]


def test_training_learns_the_rows(run: Path) -> None:
    """Sixteen steps of the real shape in float32: the loss falls, and every number is finite."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    losses = [line["loss"] for line in lines if "loss" in line]
    assert len(losses) == 16
    assert losses[-1] < 0.1
    assert losses[0] > 1
    manifest = json.loads((run / "run.json").read_text(encoding="utf-8"))
    assert manifest["status"] == "complete"


def test_every_check_of_the_export_passes(release: Path) -> None:
    """Three GGUF files of the full vocabulary, each with the one extra stop token that llama.cpp adds."""
    found = read_release(release)
    for quant in QUANTS:
        name = f"arabic-calls-{quant}.gguf"
        assert found.facts["gguf"][name]["extra_stops"] == {"212": "</s>"}
        line = "llama.cpp also stops on 212 (</s>), by the token's text; no call of the prompts holds it"
        assert line in found.facts["proofs"][name]
        header = read_header(release / "gguf" / name)
        header.require_functiongemma(name)
        assert len(header.pieces) == 262_144
        assert header.pieces[212] == "</s>"
    assert found.facts["gguf"]["arabic-calls-F16.gguf"]["agreement"] == 1
    assert len(found.facts["smoke"]) == 2
    assert not [name for name in found.files if "TERMS" in name.upper()]


def test_transformers_warns_of_nothing_when_it_loads_the_merged_model(release: Path) -> None:
    """A large vocabulary without a version in the configuration is taken for Mistral's."""
    code = "import sys, transformers; transformers.AutoTokenizer.from_pretrained(sys.argv[1])"
    command = [sys.executable, "-c", code, str(release / "merged")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    assert done.stderr == ""


def test_the_adapter_answers_every_row_with_transformers(evaluation: Path) -> None:
    """Names and arguments of all four rows are exact."""
    assert _right(evaluation) == (4, 4)


def test_the_gguf_file_answers_every_row_with_llama_cpp(
    eight_bit: Path, rows: Path, command: Command, tmp_path: Path
) -> None:
    """The 8-bit file gives the same exact calls."""
    command("publishing", "evaluate", eight_bit, rows, "-o", tmp_path / "eval.json", "--max-tokens", "64")
    assert _right(tmp_path / "eval.json") == (4, 4)


def test_a_server_answers_with_a_tool_call(eight_bit: Path, first: dict[str, Any], tools: Path) -> None:
    """One request of the OpenAI chat API."""
    command = [sys.executable, "-m", "publishing", "serve", str(eight_bit), "--tools", str(tools), "--port", "0"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as server:
        try:
            assert server.stderr is not None
            found = re.search(r"is ready at (\S+);", server.stderr.readline())
            assert found
            body = {"model": "m", "messages": first["messages"][:-1]}
            request = urllib.request.Request(  # noqa: S310 - the server above
                f"{found[1]}/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
            )
            with urllib.request.urlopen(request, timeout=300) as answer:  # noqa: S310
                message = json.load(answer)["choices"][0]["message"]
        finally:
            server.send_signal(signal.SIGTERM)
    (call,) = message["tool_calls"]
    assert call["function"]["name"] == _known(first)["name"]
    assert json.loads(call["function"]["arguments"]) == _known(first)["arguments"]


@pytest.fixture(scope="module")
def pulled(
    release: Path, run: Path, evaluation: Path, command: Command, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """One GGUF file of the release, published with cards to a Hub on this machine and pulled from it."""
    folder = tmp_path_factory.mktemp("hub")
    command("publishing", "card", release, "--run", run, "--eval", evaluation, "--hub", NAME)
    command("publishing", "card", release, "--check")
    with running_hub(folder / "hub") as hub:
        hub.organizations = ("demo",)
        variables = {"HF_ENDPOINT": hub.address, "HF_TOKEN": hub.token, "HF_HOME": str(folder / "home")}
        variables["HF_HUB_DISABLE_XET"] = "1"
        command("publishing", "publish", release, "--hub", NAME, "--tag", "v0.1.0", "--yes", **variables)
        again = command("publishing", "publish", release, "--hub", NAME, "--tag", "v0.1.0", "--yes", **variables)
        assert "sending" not in again.stderr
        out = folder / "pulled"
        wanted = ("--tag", "v0.1.0", "--part", "gguf", "--quant", "Q8_0", "-o", out)
        command("publishing", "pull", NAME, *wanted, **variables)
    return out


def test_the_card_names_base_licence_and_extra_stop(release: Path, pulled: Path) -> None:
    """The GGUF card on the Hub is the release's; the merged one has no stop tokens of llama.cpp."""
    card = (pulled / "gguf" / "README.md").read_text(encoding="utf-8")
    assert card == (release / "gguf" / "README.md").read_text(encoding="utf-8")
    assert f"of a fine-tuned copy of [{BASE_ID}]" in card
    assert "license: gemma\n" in card
    assert "llama.cpp also ends an answer on `</s>` (id 212)" in card
    assert "`</s>`" not in (release / "merged" / "README.md").read_text(encoding="utf-8")


def test_the_pulled_file_is_verified_and_answers_in_arabic(
    pulled: Path, first: dict[str, Any], tools: Path, command: Command
) -> None:
    """Checksums, header and recorded answers hold; `afg call` prints the exact call."""
    checks = json.loads(command("publishing", "verify", pulled, "--json").stdout)
    assert "failed" not in json.dumps(checks)
    question = first["messages"][1]["content"]
    path = pulled / "gguf" / "arabic-calls-Q8_0.gguf"
    done = command("publishing", "call", path, question, "--tools", tools)
    assert [json.loads(line) for line in done.stdout.splitlines()] == [_known(first)]


def test_the_whole_release_gives_its_recorded_answers(release: Path, command: Command) -> None:
    """The merged model loads in transformers and answers as recorded; the base of the adapter is not on this Hub."""
    checks = json.loads(command("publishing", "verify", release, "--json", HF_HUB_OFFLINE="1").stdout)
    results = {(check["what"], check["where"]): check["result"] for check in checks}
    assert "failed" not in results.values()
    assert results["load", "merged/"] == "ok"
    assert [results["smoke", f"merged/ prompt {number}"] for number in (1, 2)] == ["ok", "ok"]
