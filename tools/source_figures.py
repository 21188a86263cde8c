"""Figures that are read from the source text: size, imports, docstrings, names and prose.

Each function takes the parsed modules, returns its figures by label, and adds the places behind a count to ``places``
under the same label.
"""

import ast
import io
import re
import sys
import tokenize
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from tools.data_flow import SHIPPED

__all__ = ["Figures", "Module", "Places", "docstrings", "homonyms", "imports", "prose", "read_modules", "size"]

OTHERS = ("tests", "tools", "benchmarks")
FLAT = ("dataset_tools", "training", "publishing")
LONG_MODULES = (250, 400)
SHORT_FUNCTION, LONG_FUNCTION = 40, 80
QUESTIONS = ("What", "Who", "Whose", "Whether", "How", "Where")
"""The first words that a docstring must not have."""
LATE_IMPORT = re.compile(r"#\s*noqa:[^#\n]*\bPLC0415\b")
PHRASES = {
    "is/are none": r"(?<!\bthere\s)\b(is|are)\s+none\b",
    "is/are no NOUN": r"(?i)(?<!\bthere\s)\b(is|are)\s+no\s+(?!longer\b)[a-z]",
    "stand(s)": r"(?i)\bstands?\b",
    "told, tell(s)": r"(?i)\b(told|tells?)\b",
    "beside": r"(?i)\bbeside\b",
    "anew": r"(?i)\banew\b",
    "meanwhile": r"(?i)\bmeanwhile\b",
    "likewise": r"(?i)\blikewise\b",
    "alike": r"(?i)\balike\b",
    "nobody, somebody, whoever": r"(?i)\b(nobody|somebody|whoever)\b",
    "gone on with": r"(?i)\bgone\s+on\s+with\b",
    "goes on": r"(?i)\bgoes\s+on\b",
}
"""Phrases to avoid, as patterns for prose. "there is no X" is plain English; ``None`` of Python is not ``none``."""
TEXT_TOKENS = {"STRING", "FSTRING_MIDDLE", "COMMENT"}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
KINDS = {ast.Module: "module", ast.ClassDef: "class", ast.FunctionDef: "function", ast.AsyncFunctionDef: "function"}

Figures = dict[str, int | float | None]
Places = dict[str, list[str]]


@dataclass(frozen=True)
class Module:
    """A parsed module of the tree; ``path`` is relative to the root, with slashes."""

    path: str
    text: str
    tree: ast.Module = field(repr=False)

    @cached_property
    def name(self) -> str:
        """The dotted name of the module."""
        return self.path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")

    @cached_property
    def lines(self) -> int:
        """The number of lines, as ``wc -l`` counts them."""
        return self.text.count("\n")


def read_modules(root: Path, folder: str) -> list[Module]:
    """Parse every module of a folder, in the order of the paths."""
    found = []
    for path in sorted((root / folder).rglob("*.py")):
        text = path.read_text("utf-8")
        found.append(Module(path.relative_to(root).as_posix(), text, ast.parse(text, str(path))))
    return found


def size(root: Path, shipped: list[Module], places: Places) -> Figures:
    """Count modules, lines and functions; the span of a function runs from ``def`` to its last line."""
    figures: Figures = {"shipped modules": len(shipped), "shipped lines": sum(module.lines for module in shipped)}
    for folder in (*SHIPPED, *OTHERS):
        modules = read_modules(root, folder)
        figures |= {f"{folder}/ modules": len(modules), f"{folder}/ lines": sum(module.lines for module in modules)}
    figures |= {f"modules directly in {folder}/": len(list((root / folder).glob("*.py"))) for folder in FLAT}
    for limit in LONG_MODULES:
        label = f"modules over {limit} lines"
        places[label] = [f"{module.path} ({module.lines})" for module in shipped if module.lines > limit]
        figures[label] = len(places[label])
    spans = [
        (f"{module.path}:{node.lineno} {node.name}", (node.end_lineno or node.lineno) - node.lineno + 1)
        for module in shipped
        for node in ast.walk(module.tree)
        if isinstance(node, FUNCTIONS)
    ]
    label = f"functions over {LONG_FUNCTION} lines"
    places[label] = [place for place, lines in spans if lines > LONG_FUNCTION]
    within = sum(lines <= SHORT_FUNCTION for _, lines in spans)
    figures |= {"functions": len(spans), f"functions within {SHORT_FUNCTION} lines": within}
    figures[f"functions within {SHORT_FUNCTION} lines, %"] = round(100 * within / max(len(spans), 1), 1)
    figures[label] = len(places[label])
    return figures


def imports(root: Path, shipped: list[Module], places: Places) -> Figures:
    """Count import circles, contracts and late imports; imports for type checkers only do not count."""
    known = {module.name: number for number, module in enumerate(shipped)}
    edges = []
    late: Counter[str] = Counter()
    for module in shipped:
        for statement, inside in _statements(module.tree):
            targets = _targets(statement, module)
            first = targets[0].split(".")[0]
            if inside:
                late["own" if first in SHIPPED else "standard" if first in sys.stdlib_module_names else "other"] += 1
                continue
            found = (known.get(name, known.get(name.rpartition(".")[0])) for name in targets)
            edges += [(known[module.name], number) for number in found if number is not None]
    pairs = ([1] * len(edges), tuple(zip(*edges, strict=True)))
    _, labels = connected_components(coo_array(pairs, shape=(len(known),) * 2), connection="strong")
    circles = defaultdict(list)
    for name, number in known.items():
        circles[labels[number]].append(name)
    places["import circles"] = [" ".join(names) for names in circles.values() if len(names) > 1]
    return {
        "import circles": len(places["import circles"]),
        **_contracts(root),
        "imports inside functions": late.total(),
        "imports inside functions, third-party": late["other"],
        "imports inside functions, own": late["own"],
        "noqa: PLC0415": sum(len(LATE_IMPORT.findall(module.text)) for module in shipped),
    }


def _statements(tree: ast.Module) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """Yield each import that can run, and whether it is inside a function."""
    stack: list[tuple[ast.AST, bool]] = [(tree, False)]
    while stack:
        node, inside = stack.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node, inside
        typing_only = isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        children = node.orelse if typing_only and isinstance(node, ast.If) else ast.iter_child_nodes(node)
        stack += [(child, inside or isinstance(node, FUNCTIONS)) for child in children]


def _targets(statement: ast.Import | ast.ImportFrom, module: Module) -> list[str]:
    """Return the absolute names that a statement imports, in the form PACKAGE.NAME."""
    if isinstance(statement, ast.Import):
        return [alias.name for alias in statement.names]
    base = statement.module or ""
    if statement.level:
        package = Path(module.path).parts[: -statement.level]
        base = ".".join((*package, base)).strip(".")
    return [f"{base}.{alias.name}" for alias in statement.names]


def _contracts(root: Path) -> Figures:
    """Return the size of the contracts in pyproject.toml; blank lines at the end do not count."""
    text = (root / "pyproject.toml").read_text("utf-8")
    parts = re.split(r"(?m)^(?=\[)", text)
    lines = "".join(part for part in parts if part.lstrip("[").startswith("tool.importlinter")).strip()
    contracts = tomllib.loads(text).get("tool", {}).get("importlinter", {}).get("contracts", [])
    return {"import-linter contracts": len(contracts), "import-linter lines": lines.count("\n") + 1 if lines else 0}


def docstrings(shipped: list[Module], places: Places) -> Figures:
    """Count the docstrings of modules, classes and functions, and those that start with a question word."""
    total, first_words = 0, Counter[str]()
    labels = {kind: f"{kind} docstrings that start so" for kind in KINDS.values()}
    places |= {label: [] for label in labels.values()}
    for module in shipped:
        for node in ast.walk(module.tree):
            if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            text = ast.get_docstring(node)
            total += text is not None
            if text and (match := re.match(rf"({'|'.join(QUESTIONS)})\b", text)):
                first_words[match[1]] += 1
                place = f"{module.path}:{node.body[0].lineno} {text.splitlines()[0]}"
                places[labels[KINDS[type(node)]]].append(place)
    figures = {label: len(places[label]) for label in labels.values()}
    words = {f"start with {word}": first_words[word] for word in QUESTIONS}
    return {"docstrings": total, "start with a question word": first_words.total(), **figures, **words}


def homonyms(shipped: list[Module], places: Places) -> Figures:
    """Count the class names that more than one module defines; the figure of a name is its number of modules."""
    owners: defaultdict[str, set[str]] = defaultdict(set)
    for module in shipped:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef):
                owners[node.name].add(module.path)
    shared = {name: sorted(owners[name]) for name in sorted(owners) if len(owners[name]) > 1}
    places["class names in more than one module"] = [f"{name}: {' '.join(paths)}" for name, paths in shared.items()]
    return {
        "class names in more than one module": len(shared),
        **{f"class {name}": len(paths) for name, paths in shared.items()},
    }


def prose(root: Path, shipped: list[Module], places: Places) -> Figures:
    """Count the phrases to avoid in comments and strings of the source, in docs/ and in README.md."""
    page = (root / "ARCHITECTURE.md").read_text("utf-8")
    pages = [*sorted((root / "docs").rglob("*.md")), root / "README.md"]
    source = {module.path: _comments_and_strings(module.text) for module in shipped}
    texts = {"source": source, "docs": {str(path.relative_to(root)): path.read_text("utf-8") for path in pages}}
    figures: Figures = {"ARCHITECTURE.md lines": page.count("\n"), "ARCHITECTURE.md words": len(page.split())}
    for where, files in texts.items():
        counts: Figures = {}
        for phrase, pattern in PHRASES.items():
            label = f"{phrase} ({where})"
            found = [
                f"{path}: {' '.join(text[max(match.start() - 30, 0) : match.end() + 30].split())}"
                for path, text in files.items()
                for match in re.finditer(pattern, text)
            ]
            places[label], counts[label] = found, len(found)
        figures |= {f"all phrases ({where})": sum(len(places[label]) for label in counts), **counts}
    return figures


def _comments_and_strings(text: str) -> str:
    """Return the source without its code, so that names such as ``tell`` do not count as prose."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return "\n".join(token.string for token in tokens if tokenize.tok_name[token.type] in TEXT_TOKENS)
