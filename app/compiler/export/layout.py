"""Python source laid out as a formatter would: on one line where it fits, else one item per line."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

WIDTH = 120
PIECE = 90


@dataclass(frozen=True)
class Group:
    """Items between brackets: a call, a list, a mapping. Each item has what stands before it (`key: ` or `name=`)."""

    opening: str
    items: Sequence[tuple[str, "Code"]]
    closing: str


@dataclass(frozen=True)
class Lines:
    """One text written as several literals, one below the other, where one line is too short for it."""

    whole: str
    literals: Sequence[str]


Code = str | Group | Lines


def call(function: str, *arguments: Code, **named: Code) -> Group:
    """A call."""
    return Group(f"{function}(", [*(("", a) for a in arguments), *((f"{k}=", v) for k, v in named.items())], ")")


def literal(value: Any) -> Code:
    """A JSON value as Python."""
    if isinstance(value, dict):
        return Group("{", [(f"{quoted(key)}: ", literal(item)) for key, item in value.items()], "}")
    if isinstance(value, list):
        return Group("[", [("", literal(item)) for item in value], "]")
    return quoted(value) if isinstance(value, str) else repr(value)


def quoted(text: str) -> str:
    """A text as a Python literal, in double quotes where that needs no escapes."""
    plain = repr(text)
    if plain.startswith("'") and '"' not in text:
        return '"' + plain[1:-1].replace("\\'", "'") + '"'
    if plain.startswith("'") and "'" in text:  # both kinds: a formatter takes those that need fewer escapes
        return (
            plain
            if text.count('"') > text.count("'")
            else '"' + plain[1:-1].replace("\\'", "'").replace('"', '\\"') + '"'
        )
    return plain


def text(value: str) -> Code:
    """A text as a literal; a long one is cut behind line breaks and between words."""
    pieces = [piece for line in value.splitlines(keepends=True) for piece in _cut(line)]
    return Lines(quoted(value), [quoted(piece) for piece in pieces]) if len(pieces) > 1 else quoted(value)


def _cut(line: str) -> list[str]:
    pieces = [""]
    for word in re.split(r"(?<= )(?=[^ ])", line):
        if len(pieces[-1]) + len(word) > PIECE and pieces[-1]:
            pieces.append("")
        pieces[-1] += word
    return pieces


def one_line(code: Code) -> str:
    """The code on one line, however long."""
    if isinstance(code, str):
        return code
    if isinstance(code, Lines):
        return code.whole
    inner = [one_line(item) for _, item in code.items]
    return code.opening + ", ".join(f"{b}{i}" for (b, _), i in zip(code.items, inner, strict=True)) + code.closing


def laid_out(code: Code, depth: int, before: str = "", after: str = "") -> list[str]:
    """The lines of `before`, code and `after`, indented `depth` times."""
    indent = "    " * depth
    line = f"{indent}{before}{one_line(code)}{after}"
    if isinstance(code, str) or len(line) <= WIDTH or (isinstance(code, Group) and not code.items):
        return [line]
    if isinstance(code, Lines):
        return [
            indent + before + code.literals[0],
            *(indent + item for item in code.literals[1:-1]),
            indent + code.literals[-1] + after,
        ]
    lines = [indent + before + code.opening]
    for prefix, item in code.items:
        lines += laid_out(item, depth + 1, prefix, ",")
    return [*lines, indent + code.closing + after]


def statement(before: str, code: Code, depth: int = 1) -> list[str]:
    """The lines of a statement such as `return …`."""
    return laid_out(code, depth, before)


def printable(words: str) -> str:
    """Words for people on one line: what cannot be printed becomes a blank."""
    return "".join(character if character.isprintable() else " " for character in words)


def documented(words: str) -> str:
    """Words as they stand in a docstring."""
    escaped = printable(words).replace("\\", "\\\\").replace('"""', r"\"\"\"")
    return f"{escaped} " if escaped.endswith('"') else escaped
