"""What a template reads from outside, and the source that the engine may run: found without running anything.

What changes between the author's text and the engine's: every constant path is followed by a check that it exists; `*`
takes numbers only (a text repeated is a memory bomb); every turn of a `for`, every filter and every tag that may cost
something looks at the clock; and what a filter goes through is counted before, item by item.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from app.compiler.grammar import (
    FUNCTIONS,
    KEYWORDS,
    call_arguments,
    check_word,
    find,
    follows_operand,
    is_root,
    number_checks,
)
from app.compiler.tokens import Part, RefusedError, Token

_TAGS: Final = frozenset(
    ["if", "elif", "else", "endif", "for", "endfor", "set", "with", "endwith", "break", "continue"]
)
MAX_COPIES = 16
MAX_STORED = 32
_MAX_ELIF = 200
_MAX_TAGS_DEEP = 50
_GROWING: Final = frozenset(["~", "+", "|", "[", "{", "(", ",", "==", "!=", "<", ">", "<=", ">=", "in"])
_CHEAP: Final = frozenset(["abs", "bool", "d", "default", "float", "int", "round"])
_WALKING: Final = {
    **dict.fromkeys(("chain", "join", "list", "map", "reject", "rejectattr", "select", "selectattr", "zip"), "walk"),
    **dict.fromkeys(("groupby", "max", "min", "sort", "unique"), "sort"),
}
_OURS: Final = {"tojson": "__gw_tojson", "length": "__gw_length", "count": "__gw_length"}
_PAY: Final = "*__gw_pay()"
_MAY_BE_MISSING: Final = frozenset(
    [
        ("|", "default"),
        ("|", "d"),
        ("is", "defined"),
        ("is", "undefined"),
        ("is", "not", "defined"),
        ("is", "not", "undefined"),
    ]
)


@dataclass(frozen=True, slots=True)
class Reference:
    """Something that an expression reads: `root` is a top-level name, `node` the constant key behind `nodes`.

    `path` holds the constant steps behind it, as far as they are known; `dynamic` says that `nodes` is read by a key
    that is not known before the run, so that everything upstream may be read.
    """

    root: str
    node: str | None
    path: tuple[str, ...]
    dynamic: bool


@dataclass(frozen=True, slots=True)
class Path:
    """A chain of constant steps as written: `root.a["b"][0]`."""

    root: str
    keys: tuple[str | int, ...]
    text: str


_Start = tuple[int, int, str, int, bool]
"""A path in an expression: (first token, token behind, engine's source, weight, whether it has steps)."""


@dataclass(slots=True)
class Analysis:
    """Collects, in the order of the source, what its expressions read."""

    references: set[Reference] = field(default_factory=set)
    paths: list[Path] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    scopes: list[dict[str, int]] = field(default_factory=lambda: [{}])
    branches: list[list[dict[str, int]]] = field(default_factory=list)
    stored: int = 0
    growth: int = 1
    heavy: bool = False
    is_heavy: bool = False

    def weight(self, name: str) -> int | None:
        """How many copies a local name may hold of all that was read from outside; None where it is not local."""
        for scope in reversed(self.scopes):
            if name in scope:
                return scope[name]
        return None

    def tag(self, part: Part) -> str:
        """The engine's source of one `{% … %}`."""
        tokens = part.tokens
        keyword = tokens[0].text if tokens else ""
        if keyword not in _TAGS:
            raise RefusedError(
                f"`{{% {keyword} %}}` is not available; there are if, for, set, with and raw", part.position
            )
        handler = getattr(self, f"_tag_{keyword}", None)
        self.heavy = False
        body = handler(tokens[1:], part) if handler else _join(tokens[1:])
        if len(self.scopes) > _MAX_TAGS_DEEP:
            raise RefusedError(
                f"tags are nested more than {_MAX_TAGS_DEEP} levels deep; split the template", part.position
            )
        opening = part.opening
        if self.heavy and keyword in ("if", "set", "with", "for"):
            opening = part.opening + " if __gw_tick() %}{% endif %}{%"
        tick = "{% if __gw_tick() %}{% endif " + part.closing.strip() if keyword == "for" else ""
        return f"{opening}{tokens[0].space}{keyword}{body}{part.closing}{tick}"

    def _tag_if(self, tokens: Sequence[Token], _part: Part) -> str:
        source, _ = self.expression(tokens)
        self.scopes.append({})
        self.branches.append([])
        return source

    def _tag_elif(self, tokens: Sequence[Token], part: Part) -> str:
        self._next_branch(part)
        return self._guarded(tokens)

    def _guarded(self, tokens: Sequence[Token]) -> str:
        """A condition that looks at the clock first."""
        source, _ = self.expression(tokens)
        return f" __gw_tick() or ({source}\n)" if self.heavy and tokens else source

    def _tag_else(self, tokens: Sequence[Token], part: Part) -> str:
        self._next_branch(part)
        self.branches[-1].append({"else": 0})
        return _join(tokens)

    def _tag_endif(self, tokens: Sequence[Token], part: Part) -> str:
        self._next_branch(part)
        self.scopes.pop()
        marks = self.branches.pop()
        bound = [scope for scope in marks if "else" not in scope]
        if len(bound) < len(marks):  # with an else every way through binds what all branches bind
            for name in set(bound[0]).intersection(*bound[1:]):
                self.scopes[-1][name] = max(scope[name] for scope in bound)
        return _join(tokens)

    def _next_branch(self, part: Part) -> None:
        if not self.branches or len(self.scopes) < 2:  # noqa: PLR2004 - the outermost scope has no branches
            raise RefusedError("the tag has no `{% if %}` or `{% for %}` before it", part.position)
        if len(self.branches[-1]) > _MAX_ELIF:
            raise RefusedError(f"more than {_MAX_ELIF} `{{% elif %}}`; use an object as a table", part.position)
        self.branches[-1].append(self.scopes.pop())
        self.scopes.append({})

    def _tag_for(self, tokens: Sequence[Token], part: Part) -> str:
        middle = find(tokens, "in")
        if middle is None:
            raise RefusedError("`{% for %}` needs the form `{% for x in xs %}`", part.position)
        if any(token.text == "recursive" and token.kind == "name" for token in tokens[-1:]):
            raise RefusedError("recursive loops are not available", part.position)
        condition = find(tokens, "if", middle)
        end = len(tokens) if condition is None else condition
        source, weight = self.expression(tokens[middle + 1 : end])
        self.stored += weight
        self.scopes.append({"loop": 0, **dict.fromkeys(_targets(tokens[:middle]), weight)})
        self.branches.append([])
        head = _join(tokens[: middle + 1]) + source
        if condition is None:
            return head
        return head + _join(tokens[end : end + 1]) + self._guarded(tokens[end + 1 :])

    def _tag_endfor(self, tokens: Sequence[Token], part: Part) -> str:
        self._next_branch(part)
        self.scopes.pop()
        self.branches.pop()
        return _join(tokens)

    def _tag_set(self, tokens: Sequence[Token], part: Part) -> str:
        equals = find(tokens, "=")
        if equals is None or any(token.text == "." for token in tokens[:equals]):
            raise RefusedError("`{% set %}` needs the form `{% set name = expression %}`", part.position)
        source, weight = self.expression(tokens[equals + 1 :])
        self.stored += weight
        if self.stored > MAX_STORED:
            raise RefusedError(f"the template stores more than {MAX_STORED} copies of local values", part.position)
        self.scopes[-1].update(dict.fromkeys(_targets(tokens[:equals]), weight))
        return _join(tokens[: equals + 1]) + source

    def _tag_with(self, tokens: Sequence[Token], part: Part) -> str:
        self.scopes.append({})
        self.branches.append([])
        source, start = "", 0
        while start < len(tokens):
            comma = find(tokens, ",", start)
            end = len(tokens) if comma is None else comma
            source += self._tag_set(tokens[start:end], part) + _join(tokens[end : end + 1])
            start = end + 1
        return source

    def _tag_endwith(self, tokens: Sequence[Token], part: Part) -> str:
        return self._tag_endfor(tokens, part)

    def expression(self, tokens: Sequence[Token]) -> tuple[str, int]:
        """The engine's source of an expression, and how many copies its result may hold of all that was read.

        What is read from outside is counted while it is read; only what copies local names is counted here.
        """
        starts = {path[0]: path for path in (self._root(tokens, i) for i in range(len(tokens))) if path}
        powers = number_checks(tokens)
        weights = [path[3] for path in starts.values()]
        grows = any(token.text in _GROWING for token in tokens if token.kind != "string")
        self.heavy = self.heavy or (grows and any(not path[4] for path in starts.values()))
        self.is_heavy = self.is_heavy or self.heavy
        copies = sum(weights) if grows else max(weights, default=0)
        self.growth = max(self.growth, copies)
        if grows and copies > MAX_COPIES:
            raise RefusedError(
                f"an expression works on more than {MAX_COPIES} local values; split it", tokens[0].position
            )
        return self._rewritten(tokens, starts, powers), copies

    def _rewritten(self, tokens: Sequence[Token], starts: Mapping[int, _Start], powers: Container[int]) -> str:
        out: list[str] = []
        index = 0
        while index < len(tokens):
            if index in powers:
                out.append(" ** 1")
            if index in starts:
                _, index, source, _, _ = starts[index]
                out.append(source)
                continue
            check_word(tokens, index)
            out.append(tokens[index].space + _engine_text(tokens, index))
            index += 1
            if _is_filter(tokens, index - 1) and tokens[index - 1].text not in _CHEAP:
                has_brackets = index < len(tokens) and tokens[index].text == "("
                is_empty = has_brackets and tokens[index + 1 : index + 2] and tokens[index + 1].text == ")"
                out.append("(" + _PAY + ("" if is_empty else ", ") if has_brackets else f"({_PAY})")
                index += has_brackets
        if index in powers:
            out.append(" ** 1")
        return "".join(out)

    def _root(self, tokens: Sequence[Token], start: int) -> _Start | None:
        """The path that begins at a token, or None if none begins there."""
        token = tokens[start]
        if token.kind != "name":
            return None
        self.names.add(token.text)
        if token.text in KEYWORDS or not is_root(tokens, start):
            return None
        weight = self.weight(token.text)
        following = tokens[start + 1].text if start + 1 < len(tokens) else ""
        if following == "(":
            if token.text not in FUNCTIONS or weight is not None:
                raise RefusedError(f"there is no function `{token.text}`; there are range and dict", token.position)
            return None
        if token.text.startswith("__gw"):
            raise RefusedError("names that begin with `__gw` are reserved", token.position)
        if follows_operand(tokens, start):
            raise RefusedError(f"an operator is missing before `{token.text}`", token.position)
        path, end = read_path(tokens, start)
        if weight is None:
            self.references.add(_reference(path))
            self.paths.append(path)
        source = self._checked(path, tokens, end, weight)
        is_read = not path.keys if weight == 0 else bool(weight)
        return start, end, token.space + source, max(weight or 0, 1) if is_read else 0, bool(path.keys)

    def _checked(self, path: Path, tokens: Sequence[Token], end: int, weight: int | None) -> str:
        following = tuple(token.text for token in tokens[end : end + 3])
        continued = following[:1] in (("[",), ("(",))
        optional = following[:2] in _MAY_BE_MISSING or following in _MAY_BE_MISSING
        if continued or optional or (weight is not None and not path.keys):
            return path.text
        number = len(self.paths) - 1 if weight is None else -1
        return f"({path.text} if {path.text} is defined else __gw_missing({number}))"


def read_path(tokens: Sequence[Token], start: int) -> tuple[Path, int]:
    """The longest chain of constant steps from a name on, and the index behind it."""
    keys: list[str | int] = []
    index = start + 1
    while index + 1 < len(tokens):
        mark, step = tokens[index], tokens[index + 1]
        if mark.text == "." and mark.kind == "op" and step.kind == "name":
            keys.append(step.text)
            index += 2
        elif mark.text == "[" and index + 2 < len(tokens) and tokens[index + 2].text == "]":
            key = _constant(step)
            if key is None:
                break
            keys.append(key)
            index += 3
        else:
            break
    text = "".join(token.text for token in tokens[start:index])
    return Path(tokens[start].text, tuple(keys), text), index


def _constant(token: Token) -> str | int | None:
    if token.kind == "string" and "\\" not in token.text:
        return token.text[1:-1]
    if token.kind == "string":
        return unescape(token.text)
    if token.kind == "number" and token.text.isascii() and token.text.isdigit():
        return int(token.text)
    return None


_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "\\": "\\", "'": "'", '"': '"', "/": "/"}


def unescape(literal: str) -> str | None:
    """The text of a quoted literal with escapes, or None for an escape that is not one of the plain ones."""
    out, index, body = [], 0, literal[1:-1]
    while index < len(body):
        if body[index] != "\\":
            out.append(body[index])
            index += 1
            continue
        plain = _ESCAPES.get(body[index + 1 : index + 2])
        if plain is None:
            return None
        out.append(plain)
        index += 2
    return "".join(out)


def _reference(path: Path) -> Reference:
    steps = tuple(str(key) for key in path.keys)
    if path.root != "nodes":
        return Reference(path.root, None, steps, dynamic=False)
    if path.keys and isinstance(path.keys[0], str):
        return Reference("nodes", path.keys[0], steps[1:], dynamic=False)
    return Reference("nodes", None, (), dynamic=True)


def _engine_text(tokens: Sequence[Token], index: int) -> str:
    """Ours instead of the engine's: its `tojson` escapes HTML, its `map(attribute=…)` makes nulls of missing fields."""
    text = tokens[index].text
    before = tuple(token.text for token in tokens[max(index - 2, 0) : index])
    if _is_filter(tokens, index) and text in _WALKING:
        by_attribute = text == "map" and [t.text for t in call_arguments(tokens, index + 1)[:1]] == ["attribute"]
        return "__gw_pluck" if by_attribute else f"select('__gw_{_WALKING[text]}')|{text}"
    if text in _OURS and before[-1:] == ("|",):
        return _OURS[text]
    return "'__gw_tojson'" if text in ("'tojson'", '"tojson"') and before == ("map", "(") else text


def _is_filter(tokens: Sequence[Token], index: int) -> bool:
    return index > 0 and tokens[index].kind == "name" and tokens[index - 1].text == "|"


def _targets(tokens: Sequence[Token]) -> list[str]:
    return [token.text for token in tokens if token.kind == "name"]


def _join(tokens: Sequence[Token]) -> str:
    return "".join(token.space + token.text for token in tokens)


def plain_path(tokens: Sequence[Token]) -> Path | None:
    """The path, where an expression is nothing but one."""
    if not tokens or tokens[0].kind != "name" or tokens[0].text in KEYWORDS:
        return None
    path, end = read_path(tokens, 0)
    return path if end == len(tokens) else None
