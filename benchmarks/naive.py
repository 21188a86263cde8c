"""Plain loops without this project, for comparison with ``validate`` and ``clean``.

``python benchmarks/naive.py validate|camel FILE ROWS`` prints rows and seconds, without start-up.
"""

import json
import sys
import time
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def validate(line: bytes) -> None:
    """Check each call's arguments with ``jsonschema.validate``, as its documentation shows."""
    import jsonschema

    row = json.loads(line)
    tools = {
        tool["function"]["name"]: tool["function"]["parameters"] for tool in row.get("tools_sampled") or row["tools"]
    }
    for message in row["messages"]:
        for call in message.get("tool_calls", ()):
            function = call["function"]
            try:
                jsonschema.validate(function["arguments"], tools[function["name"]])
            except (jsonschema.ValidationError, KeyError):
                continue


def camel(line: bytes) -> str:
    """Run every string through CAMeL Tools: NFC, then the map ``arclean``."""
    from camel_tools.utils.charmap import CharMapper
    from camel_tools.utils.normalize import normalize_unicode

    mapper = CharMapper.builtin_mapper("arclean")

    def walk(value: Any) -> Any:  # noqa: ANN401 - JSON is any value
        if isinstance(value, str):
            return mapper.map_string(normalize_unicode(value, compatibility=False))
        if isinstance(value, dict):
            return {key: walk(item) for key, item in value.items()}
        if isinstance(value, list):
            return [walk(item) for item in value]
        return value

    return json.dumps(walk(json.loads(line)), ensure_ascii=False)


def main(side: str, path: str, count: str) -> None:
    """Run one side on the first rows of a file and print its time."""
    run: Callable[[bytes], object] = {"validate": validate, "camel": camel}[side]
    with Path(path).open("rb") as file:
        lines = list(islice(file, int(count)))
    run(lines[0])  # imports and caches
    start = time.perf_counter()
    for line in lines:
        run(line)
    print(json.dumps({"rows": len(lines), "seconds": time.perf_counter() - start}))


if __name__ == "__main__":
    main(*sys.argv[1:])
