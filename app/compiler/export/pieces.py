"""The support section of an exported program: what it uses of `app.compiler.export.support`, and no more.

Functions and classes are copied as they stand, with all that they use. Statements, arguments and fields that are marked
`#: name` are left out of programs without that feature.
"""

import ast
import builtins
import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "support"
MODULES = (
    "errors",
    "data",
    "filters",
    "see",
    "plain",
    "state",
    "regions",
    "flow",
    "tools",
    "http",
    "waits",
    "schema",
    "person",
    "child",
    "maps",
    "fake",
    "model",
)
_MARK = re.compile(r"  #: (\w+)$")
_LINT = re.compile(r"  # (?:noqa|type: ignore).*$")


@dataclass(frozen=True)
class Piece:
    """A top-level definition of a support module: its name, where it stands, its source, and what it is."""

    name: str
    place: tuple[int, int]
    source: str
    is_value: bool


@dataclass
class Support:
    """What a program carries along: import lines, and sources in order."""

    imports: dict[str, str] = field(default_factory=dict)
    source: str = ""
    names: set[str] = field(default_factory=set)


@cache
def _shelf() -> tuple[dict[str, list[Piece]], dict[str, str]]:
    """All pieces by name, one for each module that has it, and the imports by the name that they bind."""
    pieces: dict[str, list[Piece]] = {}
    imports: dict[str, str] = {}
    for number, module in enumerate(MODULES):
        text = (FOLDER / f"{module}.py").read_text(encoding="utf-8")
        lines = text.splitlines()
        for node in ast.parse(text).body:
            imports.update(_imported(node))
            for name in _defined(node):
                first = _first_line(node)
                while lines[first - 2].startswith("#"):
                    first -= 1
                source = "\n".join(lines[first - 1 : node.end_lineno])
                is_value = isinstance(node, ast.Assign | ast.AnnAssign)
                pieces.setdefault(name, []).append(Piece(name, (number, node.lineno), source, is_value))
    return pieces, imports


def _imported(node: ast.stmt) -> dict[str, str]:
    if isinstance(node, ast.Import):
        return {a.asname or a.name.split(".")[0]: f"import {a.name}" for a in node.names}
    if isinstance(node, ast.ImportFrom) and node.module and not node.module.startswith(("app.", "__future__")):
        return {
            a.asname or a.name: f"from {node.module} import {a.name}" + (f" as {a.asname}" if a.asname else "")
            for a in node.names
        }
    return {}


def _defined(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def reserved() -> set[str]:
    """Names that a program's own functions must leave alone."""
    pieces, imports = _shelf()
    return {*pieces, *imports, *dir(builtins)}


def support(
    wanted: Iterable[str], features: Iterable[str], replaced: Mapping[str, str], *, without: Container[str] = ()
) -> Support:
    """The pieces that `wanted` names need, of a program with these features.

    `replaced` gives other sources for some; the modules `without` are passed by.
    """
    shelf, imports = _shelf()
    chosen: dict[str, tuple[Piece, str]] = {}
    result = Support()
    todo = list(wanted)
    while todo:
        name = todo.pop()
        if name in chosen:
            continue
        here = [piece for piece in shelf.get(name, []) if MODULES[piece.place[0]] not in without]
        if here:
            piece = here[0]
            source = replaced.get(name) or without_features(piece.source, frozenset(features))
            chosen[name] = (piece, source)
            todo += _used(source)
        elif name in imports:
            result.imports[name] = imports[name]
    in_order = sorted(chosen.values(), key=lambda pair: pair[0].place)
    for number, (piece, source) in enumerate(in_order):
        close = number and piece.is_value and in_order[number - 1][0].is_value
        result.source += ("\n" if close else "\n\n\n" if number else "") + source
    result.names = set(chosen)
    return result


def _used(source: str) -> set[str]:
    """The names that a piece reads and does not bind itself."""
    names = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)]
    bound = {node.id for node in names if not isinstance(node.ctx, ast.Load)}
    bound |= {node.arg for node in ast.walk(ast.parse(source)) if isinstance(node, ast.arg)}
    return {node.id for node in names} - bound


def without_features(source: str, features: frozenset[str]) -> str:
    """The source without what is marked for other features, and without marks and hints for linters.

    `#: no_name` marks what is for programs without the feature.
    """
    lines = source.splitlines()
    statements = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.stmt)]
    spans = {node.lineno: range(_first_line(node), (node.end_lineno or 0) + 1) for node in statements}
    dropped: set[int] = set()
    for number, line in enumerate(lines, 1):
        mark = _MARK.search(line)
        if mark and (mark[1].removeprefix("no_") in features) == mark[1].startswith("no_"):
            dropped.update(spans.get(number, (number,)))
    kept = [_LINT.sub("", _MARK.sub("", line)) for number, line in enumerate(lines, 1) if number not in dropped]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).rstrip()


def _first_line(node: ast.stmt) -> int:
    """The line where a statement begins, its decorators counted."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])
