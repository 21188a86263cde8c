"""Masked samples with ``datasets`` and ``transformers`` only, for comparison with ``afg-data build``.

``python benchmarks/naive_build.py FILE ROWS TOKENIZER OUT`` maps the first rows to token ids and labels, writes them as
Parquet to OUT, and prints rows and seconds, without imports.
"""

import json
import sys
import tempfile
import time
from typing import Any

IGNORED = -100
START_OF_TURN, END_OF_TURN, AWAITED, END_OF_RESPONSE = 105, 106, 50, 51


def sample(tokenizer: Any, header: list[int], line: str) -> dict[str, Any]:  # noqa: ANN401 - transformers has no types
    """Render with the chat template, tokenize, and mask by the markers of the model's turns."""
    row = json.loads(line)
    tools = row.get("tools_sampled") or row["tools"]
    text = tokenizer.apply_chat_template(row["messages"], tools=tools, tokenize=False)
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    labels = [IGNORED] * len(ids)
    inside = payload = False
    start = 0
    for at, token in enumerate(ids):
        if token == START_OF_TURN:
            start = at + 1 + len(header)
            inside, payload = ids[at + 1 : start] == header, False
        elif inside and at >= start:
            if not payload:
                labels[at] = token
            if token == AWAITED:
                payload = True
            elif token == END_OF_RESPONSE:
                payload = False
            elif token == END_OF_TURN:
                inside = False
    return {"id": row["id"], "input_ids": ids, "labels": labels}


def main(path: str, count: str, folder: str, out: str) -> None:
    """Build the first rows of a file and print the time."""
    import datasets
    from transformers import AutoTokenizer

    datasets.disable_progress_bars()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    header = tokenizer.encode("model\n", add_special_tokens=False)
    with tempfile.TemporaryDirectory() as cache:
        lines = datasets.load_dataset("text", data_files=path, split=f"train[:{count}]", cache_dir=cache)
        sample(tokenizer, header, lines[0]["text"])  # caches of the first call
        start = time.perf_counter()
        made = lines.map(lambda row: sample(tokenizer, header, row["text"]), remove_columns=["text"])
        made.to_parquet(out)
        seconds = time.perf_counter() - start
    print(json.dumps({"rows": len(made), "seconds": seconds}))


if __name__ == "__main__":
    main(*sys.argv[1:])
