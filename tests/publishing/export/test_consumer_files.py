"""Files next to the weights: a Modelfile in Ollama's syntax, examples that compile, lines about tensor types."""

import ast
from pathlib import Path

import pytest

from publishing.export.consumer_files import consumer_files, modelfile, write_consumer_files
from publishing.export.gguf import fallen_back, type_lines

INSTRUCTIONS = {
    "FROM",
    "RENDERER",
    "PARSER",
    "PARAMETER",
    "TEMPLATE",
    "SYSTEM",
    "ADAPTER",
    "LICENSE",
    "MESSAGE",
    "REQUIRES",
}
PARAMETERS = {"stop": str, "temperature": float, "num_ctx": int}


@pytest.mark.parametrize(
    "quants, chosen", [(("f16", "q8_0", "q4_k_m"), "Q8_0"), (("f16",), "F16"), (("f16", "q4_k_m"), "F16")]
)
def test_the_modelfile_is_in_ollamas_syntax(quants: tuple[str, ...], chosen: str) -> None:
    """Each line is an instruction with its value: the file, the renderer, the parser, both stop tokens."""
    lines = [line.split(" ", 2) for line in modelfile("calls", quants).splitlines() if not line.startswith("#")]
    assert {words[0] for words in lines} <= INSTRUCTIONS
    found = {words[0]: words[1] for words in lines if words[0] != "PARAMETER"}
    assert found == {"FROM": f"./calls-{chosen}.gguf", "RENDERER": "functiongemma", "PARSER": "functiongemma"}
    parameters = [(words[1], PARAMETERS[words[1]](words[2])) for words in lines if words[0] == "PARAMETER"]
    assert parameters == [
        ("stop", "<end_of_turn>"), ("stop", "<start_function_response>"), ("temperature", 0.0), ("num_ctx", 4096),
    ]  # fmt: skip
    assert "0.13.5" in modelfile("calls", quants).splitlines()[0]


@pytest.mark.parametrize("part", ["adapter", "merged", "gguf"])
def test_examples_are_python_and_the_parser_needs_nothing(tmp_path: Path, part: str) -> None:
    """The written files are the hashed ones; each compiles, and the parser imports only the standard library."""
    write_consumer_files(tmp_path, part)
    assert {path.name for path in tmp_path.iterdir()} == set(consumer_files(part))
    imported = {}
    for path in tmp_path.iterdir():
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8"), path.name))
        imported[path.name] = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    assert "parser" in imported["example.py"]
    assert not {name.split(".")[0] for name in imported["parser.py"]} & {"dataset_tools", "schemas", "orjson", "regex"}


def test_types_of_tensors_are_reported() -> None:
    """Kinds are counted; tensors without the requested K-quant are reported, for a K-quant only."""
    tensors = {"token_embd.weight": "Q8_0", "blk.0.attn_q.weight": "Q5_0", "blk.1.attn_q.weight": "Q5_0",
               "blk.0.ffn_down.weight": "Q6_K", "output_norm.weight": "F32"}  # fmt: skip
    assert type_lines(tensors) == [
        "Q5_0: 2 tensors (attn_q 2)",
        "Q6_K: 1 tensors (ffn_down 1)",
        "Q8_0: 1 tensors (token_embd 1)",
        "F32: 1 tensors (output_norm 1)",
    ]
    fell = "K-quants need rows of a multiple of 256 numbers; 3 other tensors got Q5_0 or Q8_0"
    assert fallen_back("q4_k_m", tensors) == [fell]
    assert fallen_back("q8_0", tensors) == []
    assert fallen_back("q4_k_m", {"a.weight": "Q4_K", "b.weight": "Q6_K", "n.weight": "F32"}) == []
