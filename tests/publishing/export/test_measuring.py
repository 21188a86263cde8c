"""Measurements of a GGUF file: tokens per second, and memory if the system reports it."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from publishing.export import gguf_steps, llama_cpp_worker
from publishing.export.llama_cpp import Speed


class _Llama:
    """A fake llama.cpp that takes a second for each token."""

    def __init__(self) -> None:
        self.seconds = 0
        self.LlamaModelParams = self.LlamaContextParams = self.LlamaSamplerChainParams = SimpleNamespace
        self.LlamaModel = lambda **_: None
        self.LlamaContext = lambda **_: SimpleNamespace(decode=self.decode, kv_cache_clear=lambda: None)
        self.LlamaSampler = lambda _: SimpleNamespace(add_greedy=lambda: None, sample=lambda _context, _at: 7)

    def llama_batch_get_one(self, tokens: list[int], _position: int) -> list[int]:
        """Return the tokens as a batch."""
        return tokens

    def decode(self, tokens: list[int]) -> None:
        """Add a second for each token."""
        self.seconds += len(tokens)


def test_speed_counts_the_steps_that_were_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second for each token is one token per second, for reading and for writing."""
    llama = _Llama()
    monkeypatch.setattr(llama_cpp_worker, "_model", lambda _library, _path: None)
    monkeypatch.setattr(llama_cpp_worker.time, "perf_counter", lambda: float(llama.seconds))
    found = llama_cpp_worker.measure(llama, "made-up.gguf", token=107, context=1024, decode=32, threads=1)
    assert (found["prefill"], found["decode"]) == (1.0, 1.0)


@pytest.mark.parametrize(
    "status, held",
    [("Name:\tpython\nVmHWM:\t    1024 kB\nThreads:\t1\n", 1 << 20), ("Name:\tpython\n", None), (None, None)],
    ids=["reported", "not reported", "no file"],
)
def test_memory_is_reported_by_the_system(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, status: str | None, held: int | None
) -> None:
    """A missing value is None, not zero."""
    path = tmp_path / "status"
    if status is not None:
        path.write_text(status, encoding="utf-8")
    monkeypatch.setattr(llama_cpp_worker, "_STATUS", path)
    assert llama_cpp_worker._peak_bytes() == held
    speed: Any = lambda _path, threads: Speed(threads, 1024, 1.0, 1.0, held)  # noqa: E731
    monkeypatch.setattr(gguf_steps.llama_cpp, "measure", speed)
    assert gguf_steps._measured(path)["peak_memory_mib"] == (1.0 if held else None)
