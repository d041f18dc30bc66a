"""Templates and conditions: checked once, evaluated often, over nothing but JSON.

What is only a path (`{{ fetch.output }}`), or text around paths, is read here and never reaches the engine. The rest
is MiniJinja, caged by `app.compiler.sandbox`. Everything here may be used by several threads at once. Results may
share parts with the scope: treat both as immutable.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from minijinja import Environment, TemplateError

from app.compiler.allowance import MAX_READ, Allowance, ExpressionError
from app.compiler.evaluation import Run, spelled
from app.compiler.lookups import MissingError, absent, no_field, read_value, spelled_step, what_is_missing
from app.compiler.references import Analysis, Path, Reference, plain_path
from app.compiler.sandbox import DICT_METHODS, as_expression_error, engine
from app.compiler.tokens import (
    MARKERS,
    MAX_SOURCE,
    Part,
    RefusedError,
    SyntaxProblems,
    Token,
    cut_expression,
    cut_template,
)
from app.compiler.views import Absent, place, result, view, with_floats
from app.errors import pointer_to

__all__ = [
    "Allowance",
    "Condition",
    "ExpressionError",
    "JsonValue",
    "Reference",
    "Scope",
    "SyntaxProblems",
    "Template",
    "parse_condition",
    "parse_template",
]

JsonValue = Any
Scope = Mapping[str, JsonValue]
_Render = Callable[[Scope, Allowance], JsonValue]

MAX_NESTING: Final = 200
_CACHED_SOURCE: Final = 2000
_SHOWN: Final = 120
_TAKE: Final = "{% if __gw_take(__gw, __gw is defined, __gw is float) %}{{ __gw|tojson }}{% endif %}"
_NO_REFERENCES: Final[frozenset[Reference]] = frozenset()


class _Program:
    """One string with templates, or one bare expression, ready to run."""

    __slots__ = (
        "_is_heavy",
        "_max_read",
        "_names",
        "_pieces",
        "_shown",
        "_source",
        "is_expression",
        "paths",
        "references",
    )

    def __init__(
        self, shown: str, analysis: Analysis, pieces: Sequence[str | Path] | None, source: str, *, is_expression: bool
    ) -> None:
        self._shown = shown
        self._pieces = pieces
        self._source = source
        self._max_read = MAX_READ // analysis.growth
        self._is_heavy = analysis.is_heavy
        self.is_expression = is_expression
        self.paths = tuple(analysis.paths)
        self.references = frozenset(analysis.references)
        roots = {path.root for path in analysis.paths}
        self._names = (tuple(roots), tuple((analysis.names & DICT_METHODS) - roots))

    def value(self, scope: Scope, allowance: Allowance) -> JsonValue:
        """The value of the expression, or the text; raises ExpressionError."""
        try:
            value = self._result(scope, allowance)
            if allowance.is_shared:
                allowance.share(value)
        except MissingError as missing:
            raise self._error(missing.sentence) from None
        except (ExpressionError, RecursionError, ValueError) as error:
            known = as_expression_error(error)
            raise self._error(known.message, known.problem_code) from None
        return value

    def _result(self, scope: Scope, allowance: Allowance) -> JsonValue:
        if self._pieces is None:
            return self._evaluate(scope, allowance)
        allowance.tick()
        first = self._pieces[0]
        if self.is_expression and isinstance(first, Path):
            return read_value(first, scope)
        texts = [p if isinstance(p, str) else spelled(read_value(p, scope), allowance) for p in self._pieces]
        return "".join(texts)

    def _evaluate(self, scope: Scope, allowance: Allowance) -> JsonValue:
        run = Run(
            lambda number, run: self._explain(number, run, scope),
            lambda number: self._found(number, scope),
            allowance,
            self._max_read,
            is_heavy=self._is_heavy,
        )
        roots, shadows = self._names
        for root in roots:
            if root in DICT_METHODS and root not in scope:
                raise MissingError(absent(root, scope))
        names: dict[str, Any] = {name: Absent() for name in shadows}
        names.update({root: view(run, scope[root], None, root) for root in roots if root in scope})
        text = engine().render(self._source, run, names)
        if run.failure is not None:
            raise run.failure
        if not self.is_expression:
            return text
        if run.is_float and type(run.value) is int:
            return float(run.value)
        value = result(run.value, allowance)
        return with_floats(value, json.loads(text)) if run.opaque else value

    def _found(self, number: int, scope: Scope) -> JsonValue:
        try:
            return read_value(self.paths[number], scope)
        except MissingError as missing:
            raise ExpressionError(missing.sentence) from None

    def _explain(self, number: int, run: Run, scope: Scope) -> ExpressionError:
        """The error of a missing field: of path `number`, or of whatever was found missing last."""
        for path in self.paths[number : number + 1] if number >= 0 else ():
            sentence = what_is_missing(path, scope)
            if sentence:
                return ExpressionError(sentence)
        if run.miss is not None:
            owner, key = run.miss
            root, steps, value = place(owner)
            return ExpressionError(no_field(root + "".join(map(spelled_step, steps)), value, key))
        found = (what_is_missing(path, scope) for path in self.paths)
        return ExpressionError(next(filter(None, found), "the expression has no value (a field is missing)"))

    def _error(self, sentence: str, code: str | None = None) -> ExpressionError:
        return ExpressionError(f"{self._shown}: {sentence}.", code=code)


class Template:
    """A JSON value with templates in its strings, at any depth; names of objects are never templates."""

    __slots__ = ("_is_composed", "_render", "_value", "is_constant", "references")

    def __init__(self, value: JsonValue, render: _Render | None, programs: list[_Program]) -> None:
        self._value = value
        self._render = render
        self._is_composed = len(programs) > 1
        self.is_constant = render is None
        self.references = frozenset().union(*(p.references for p in programs)) if programs else _NO_REFERENCES

    def render(self, scope: Scope, allowance: Allowance | None = None) -> JsonValue:
        """The value with every template replaced, within one allowance for all of them; raises ExpressionError."""
        if self._render is None:
            return self._value
        with allowance or Allowance() as spent:
            spent.is_shared = self._is_composed
            return self._render(scope, spent)


class Condition:
    """One bare expression, as in the condition of an edge."""

    __slots__ = ("_program", "references")

    def __init__(self, program: _Program) -> None:
        self._program = program
        self.references = program.references

    def value(self, scope: Scope, allowance: Allowance | None = None) -> JsonValue:
        """The value of the expression; raises ExpressionError."""
        with allowance or Allowance() as spent:
            spent.is_shared = False
            return self._program.value(scope, spent)

    def evaluate(self, scope: Scope, allowance: Allowance | None = None) -> bool:
        """Whether the expression is true: empty texts, lists and objects, 0 and null are false."""
        return bool(self.value(scope, allowance))


def parse_template(value: JsonValue) -> Template:
    """Reads the templates in `value`; raises SyntaxProblems with all of them that cannot be read."""
    found: list[tuple[str, str]] = []
    programs: list[_Program] = []
    render = _compile_value(value, (), found, programs)
    if found:
        raise SyntaxProblems(found)
    return Template(value, render, programs)


def parse_condition(text: str) -> Condition:
    """Reads one expression, bare or wrapped once in `{{ … }}`; raises SyntaxProblems."""
    source = text.strip()
    is_bare = not source.startswith("{{")
    program = _compile(source, is_bare=is_bare)
    if isinstance(program, str):
        raise SyntaxProblems([("", program)])
    if not program.is_expression:
        raise SyntaxProblems([("", f"{_shown(source)}: a condition is one expression, not a text with templates.")])
    return Condition(program)


def _compile_value(
    value: JsonValue, pointer: tuple[str, ...], found: list[tuple[str, str]], programs: list[_Program]
) -> _Render | None:
    """A function that renders `value`, or None where there is nothing to render in it."""
    kind = type(value)
    if kind is str:
        return _compile_string(value, pointer, found, programs) if "{" in value else None
    if kind is not dict and kind is not list:
        return None
    if len(pointer) > MAX_NESTING:
        found.append((pointer_to(*pointer), f"The value is nested more than {MAX_NESTING} levels deep."))
        return None
    pairs = value.items() if kind is dict else enumerate(value)
    renders = [(key, item, _compile_value(item, (*pointer, str(key)), found, programs)) for key, item in pairs if item]
    active = [(key, render) for key, _, render in renders if render is not None]
    if not active:
        return None
    return _render_into(value, active)


def _render_into(value: Any, active: list[tuple[Any, _Render]]) -> _Render:
    def render(scope: Scope, allowance: Allowance) -> JsonValue:
        result = value.copy()
        for key, part in active:
            result[key] = part(scope, allowance)
        return result

    return render


def _compile_string(
    text: str, pointer: tuple[str, ...], found: list[tuple[str, str]], programs: list[_Program]
) -> _Render | None:
    if MARKERS.search(text) is None:
        return None
    program = _compile(text, is_bare=False)
    if isinstance(program, str):
        found.append((pointer_to(*pointer), program))
        return None
    programs.append(program)
    return program.value


def _compile(text: str, *, is_bare: bool) -> _Program | str:
    """The program of a source, or the sentence that says what is wrong with it."""
    if len(text) > _CACHED_SOURCE:
        return _compile_anew(text, is_bare)
    return _compile_cached(text, is_bare)


def _compile_anew(text: str, is_bare: bool) -> _Program | str:
    if len(text) > MAX_SOURCE:
        name = _noun(is_bare).lower()
        return f"The {name} is longer than {MAX_SOURCE:,} characters; shorten it, or put the text into the input."
    try:
        text.encode()
        return _expression(cut_expression(text)[0], _shown(text, _noun(is_bare))) if is_bare else _text_program(text)
    except UnicodeEncodeError:
        return f"The {_noun(is_bare).lower()} is no valid Unicode text (it has a lone surrogate)."
    except RefusedError as refused:
        line = text.count("\n", 0, refused.position) + 1
        return f"{_shown(text, _noun(is_bare))}, line {line}: {refused.message}."
    except MissingError as missing:
        return missing.sentence


_compile_cached = lru_cache(maxsize=4096)(_compile_anew)


def _expression(tokens: Sequence[Token], shown: str) -> _Program:
    analysis = Analysis()
    source, _ = analysis.expression(tokens)
    path = plain_path(tokens)
    if path is None:
        _check_with_engine(source, shown, is_template=False)
    source = "{% set __gw = (" + source + "\n) %}" + _TAKE
    return _Program(shown, analysis, None if path is None else (path,), source, is_expression=True)


def _text_program(text: str) -> _Program:
    stripped = text.strip()
    parts = cut_template(stripped)
    if len(parts) == 1 and parts[0].kind == "output":
        return _expression(parts[0].tokens, _shown(stripped))
    parts = parts if len(stripped) == len(text) else cut_template(text)
    analysis = Analysis()
    source = "".join(_part_source(part, analysis) for part in parts)
    pieces = _plain_pieces(parts)
    if pieces is None:
        _check_with_engine(source, _shown(text), is_template=True)
    return _Program(_shown(text), analysis, pieces, source, is_expression=False)


def _part_source(part: Part, analysis: Analysis) -> str:
    if part.kind == "output":
        source = analysis.expression(part.tokens)[0]
        path = plain_path(part.tokens)
        if path is not None and analysis.weight(path.root) is None:
            source = f" __gw_write({len(analysis.paths) - 1})"  # what is only put out never becomes the engine's
        return part.opening + source + part.closing
    return analysis.tag(part) if part.kind == "tag" else part.opening


def _plain_pieces(parts: Sequence[Part]) -> list[str | Path] | None:
    """The pieces of a template that is only text and paths, or None."""
    pieces: list[str | Path] = []
    for part in parts:
        path = plain_path(part.tokens) if part.kind == "output" else None
        if part.kind == "text":
            pieces.append(part.opening)
        elif path is not None and part.opening == "{{" and part.closing.strip() == "}}":
            pieces.append(path)
        else:
            return None
    return pieces


def _check_with_engine(source: str, shown: str, *, is_template: bool) -> None:
    """Has the engine parse a source that was cut and measured before; it has no fuel to run any of it."""
    environment = Environment(debug=False, fuel=0)
    try:
        if is_template:
            environment.undeclared_variables_in_str(source)
        else:
            environment.eval_expr(source)
    except TemplateError as error:
        if error.kind == "OutOfFuel":
            return
        reason = error.detail or error.message.splitlines()[0]
        raise MissingError(f"{shown}, line {error.line or 1}: {reason}.") from None


def _noun(is_bare: bool) -> str:
    return "Condition" if is_bare else "Template"


def _shown(text: str, noun: str = "Template") -> str:
    return f"{noun} `{text if len(text) <= _SHOWN else text[:_SHOWN] + '…'}`"
