"""Cuts a template into text, tags and tokens, before the engine sees it.

The engine's own parser may exhaust the stack on a hostile source, so what reaches it has been cut and measured here.
"""

import re
from dataclasses import dataclass
from typing import NamedTuple

from app.errors import GraphwrightError

MARKERS = re.compile(r"\{\{|\{%|\{#")
MAX_SOURCE = 256 * 1024
MAX_TOKENS = 8_000  # about 30 ms of checking
MAX_BRACKETS = 50
MAX_DEPTH = 200  # the engine's stack holds 800 chained operators in a thread with a stack of 512 KB
_TOKEN = re.compile(
    r"""(?P<space>\s+)
    | (?P<name>[^\W\d]\w*)
    | (?P<number>\d\w*(?:\.\d\w*)?(?:(?<=[eE])[+-]\d+)?)
    | (?P<string>'[^'\\]*(?:\\.[^'\\]*)*'|"[^"\\]*(?:\\.[^"\\]*)*")
    | (?P<op>\*\*|//|==|!=|<=|>=|[-+*/%~|.,:()\[\]{}<>=])""",
    re.VERBOSE | re.DOTALL,
)
_RAW = re.compile(r"\{%[-+]?\s*raw\s*[-+]?%\}")
_END_RAW = re.compile(r"\{%[-+]?\s*endraw\s*[-+]?%\}")
_OPENING = "([{"
_CLOSING = ")]}"
_WORD_OPERATORS = frozenset({"not", "and", "or", "is", "in", "if", "else"})


class SyntaxProblems(GraphwrightError):  # noqa: N818 - the name says that there may be several
    """What is wrong in the text of templates: `found` holds (JSON pointer inside the value, one sentence) pairs."""

    code = "invalid_template"
    status = 422
    title = "The template cannot be read"

    def __init__(self, found: list[tuple[str, str]]) -> None:
        super().__init__(" ".join(sentence for _, sentence in found))
        self.found = found


class RefusedError(Exception):
    """A source that we do not give to the engine; `position` counts characters from its start."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.message = message
        self.position = position


class Token(NamedTuple):
    """One word of an expression; `space` is what stood before it."""

    kind: str
    text: str
    position: int
    space: str


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a template: `kind` is text, output or tag; markers are kept, so that parts join to the source."""

    kind: str
    opening: str
    tokens: tuple[Token, ...]
    closing: str
    position: int


def cut_expression(source: str, start: int = 0, closer: str = "") -> tuple[tuple[Token, ...], int, str]:
    """The tokens from `start` to the closing marker (or the end): tokens, position of the marker, space before it."""
    tokens: list[Token] = []
    position, space, balance = start, "", 0
    while position < len(source):
        if closer and balance == 0 and _closes(source, position, closer):
            break
        match = _TOKEN.match(source, position)
        if match is None:
            raise RefusedError(_unexpected(source[position]), position)
        kind, text = match.lastgroup or "", match.group()
        if kind == "space":
            space = text
        else:
            balance += (text in _OPENING) - (text in _CLOSING) if kind == "op" else 0
            tokens.append(Token(kind, text, position, space))
            if len(tokens) > MAX_TOKENS:
                raise RefusedError(f"the expression has more than {MAX_TOKENS:,} words and signs; split it", position)
            space = ""
        position = match.end()
    else:
        if closer:
            raise RefusedError(f"the opening marker has no `{closer}`, or a bracket before it is not closed", start)
    _measure(tokens)
    return tuple(tokens), position, space


def cut_template(source: str) -> list[Part]:
    """The parts of a template source; raises RefusedError."""
    parts: list[Part] = []
    position = cost = 0
    while match := MARKERS.search(source, position):
        if match.start() > position:
            parts.append(Part("text", source[position : match.start()], (), "", position))
        part, position = _cut_part(source, match.start())
        parts.append(part)
        cost += len(part.tokens) + 2
        if cost > MAX_TOKENS:
            raise RefusedError(f"the template has more than {MAX_TOKENS:,} words and signs; split it", match.start())
    if position < len(source):
        parts.append(Part("text", source[position:], (), "", position))
    return parts


def _cut_part(source: str, start: int) -> tuple[Part, int]:
    marker = source[start : start + 2]
    if marker == "{#":
        end = source.find("#}", start + 2)
        if end < 0:
            raise RefusedError("the comment has no `#}`", start)
        return Part("comment", source[start : end + 2], (), "", start), end + 2
    if raw := _RAW.match(source, start):
        if not (end_raw := _END_RAW.search(source, raw.end())):
            raise RefusedError("`{% raw %}` has no `{% endraw %}`", start)
        return Part("comment", source[start : end_raw.end()], (), "", start), end_raw.end()
    body = start + 3 if source[start + 2 : start + 3] in ("-", "+") else start + 2
    closer = "}}" if marker == "{{" else "%}"
    tokens, end, space = cut_expression(source, body, closer)
    stop = end + (2 if source.startswith(closer, end) else 3)
    kind = "output" if marker == "{{" else "tag"
    return Part(kind, source[start:body], tokens, space + source[end:stop], start), stop


def _closes(source: str, position: int, closer: str) -> bool:
    return source.startswith(closer, position) or (source[position] in "-+" and source.startswith(closer, position + 1))


def _unexpected(character: str) -> str:
    if character in "'\"":
        return "the text in quotes has no closing quote"
    return f"the character {character!r} means nothing here"


def _measure(tokens: list[Token]) -> None:
    """Refuses an expression whose syntax tree could be too deep for the engine's stack."""
    outer: list[tuple[int, int]] = []
    depth, deepest = 0, 0
    for token in tokens:
        if token.kind != "op" and token.text not in _WORD_OPERATORS:
            continue
        if token.text in _OPENING:
            outer.append((depth, deepest))
            deepest = depth
            if len(outer) > MAX_BRACKETS:
                raise RefusedError(
                    f"brackets are nested more than {MAX_BRACKETS} levels deep; split it", token.position
                )
        elif token.text in _CLOSING and not outer:
            raise RefusedError(f"`{token.text}` closes a bracket that is not open", token.position)
        elif token.text in _CLOSING and outer:
            depth = max(depth, deepest) + 1
            deepest = max(outer.pop()[1], depth)
        elif token.text == "," and outer:
            deepest = max(deepest, depth)
            depth = outer[-1][0]
        else:
            depth += 1
        if depth > MAX_DEPTH:
            raise RefusedError(f"the expression chains more than {MAX_DEPTH} operators; split it", token.position)
