"""The engine in its cage: what it may call, and how much it may work.

Every thread has an engine of its own, because an engine is locked while it renders: two threads that shared one would
wait for each other, and for ever where one of them holds the interpreter lock.
"""

import json
import re
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from minijinja import Environment, TemplateError

from app import jsontext
from app.compiler.allowance import MAX_LIST, ExpressionError, too_expensive
from app.compiler.evaluation import Run, to_text
from app.compiler.views import ListView, ObjectView, raw, view

FUEL: Final = 1_000_000  # instructions of the engine: about 30 ms of bare loops
MAX_INDENT: Final = 100
_FORMAT = re.compile(r"%(?:%|[-+ #0]*\d{0,3}(?:\.\d{0,3})?[sdifeEgGxXoc])")
DICT_METHODS: Final = frozenset(name for name in dir(dict) if not name.startswith("_"))


def as_expression_error(error: BaseException) -> ExpressionError:
    """Any error of an evaluation as ours, without the values that were in it."""
    if isinstance(error, ExpressionError):
        return error
    if isinstance(error, RecursionError):
        return too_expensive("is nested too deeply")
    if isinstance(error, TemplateError):
        return _engine_error(error)
    return ExpressionError(f"cannot be evaluated ({type(error).__name__})")


def _engine_error(error: TemplateError) -> ExpressionError:
    if error.kind == "OutOfFuel":
        return too_expensive("takes too many steps")
    detail = error.detail or re.sub(r"\s*\(in .*", "", error.message.splitlines()[0])
    if "** operator" in detail:
        detail = "`*` and `**` need a number on both sides"
    line = f" in line {error.line}" if error.line and error.line > 1 else ""
    return ExpressionError(f"cannot be evaluated{line}: {detail}")


class Engine:
    """MiniJinja with our filters; belongs to one thread."""

    def __init__(self) -> None:
        self.run: Run | None = None
        self.environment = self._build()

    def _build(self) -> Environment:
        environment = Environment(debug=False, fuel=FUEL, undefined_behavior="strict", pycompat=False)
        environment.keep_trailing_newline = True
        for name in ("debug", "namespace", "cycler", "joiner"):
            environment.remove_global(name)
        environment.auto_escape_callback = _never_escape
        environment.finalizer = self._finalize
        for name, function in self._filters().items():
            environment.add_filter(name, function)
        environment.add_test("in", self._is_in)
        environment.add_test("__gw_walk", self._walk)
        environment.add_test("__gw_sort", self._sort)
        environment.add_global("range", self._range)
        environment.add_global("__gw_tick", self._tick)
        environment.add_global("__gw_pay", self._pay)
        environment.add_global("__gw_write", self._write)
        environment.add_global("__gw_missing", self._raise_missing)
        environment.add_global("__gw_take", self._take)
        return environment

    @property
    def _current(self) -> Run:
        return self.run  # type: ignore[return-value]  # callbacks come only while a run is there

    def render(self, source: str, run: Run, scope: Mapping[str, Any]) -> str:
        """Renders a source over views; raises ExpressionError, and nothing else."""
        self.run = run
        try:
            text: str = self.environment.render_str(source, **scope)
        except Exception as error:  # noqa: BLE001 - the engine passes on whatever its callbacks raise
            raise run.failure or self._explain(error, run) from None
        except BaseException as error:
            # A panic of the engine is no Exception and leaves its lock broken.
            if type(error).__name__ != "PanicException":
                raise
            self.environment = self._build()
            raise ExpressionError("cannot be evaluated: the template engine gave up") from None
        finally:
            self.run = None
        if run.failure:
            raise run.failure
        return text

    def _explain(self, error: Exception, run: Run) -> ExpressionError:
        if isinstance(error, TemplateError) and "panic" in error.message[:6]:
            self.environment = self._build()
            return ExpressionError("cannot be evaluated: the template engine gave up")
        if isinstance(error, TemplateError) and error.kind == "UndefinedError":
            return run.missing(-1, run)
        return as_expression_error(error)

    def _tick(self) -> bool:
        return self._current.tick()

    def _pay(self) -> tuple[()]:
        self._current.look()
        return ()

    def _walk(self, item: Any) -> bool:
        return self._current.walk_item(item, sorting=False)

    def _sort(self, item: Any) -> bool:
        return self._current.walk_item(item, sorting=True)

    def _write(self, number: int) -> str:
        value = self._current.found(number)
        if isinstance(value, str):
            return str.__str__(value)
        self._current.allowance.check_size(value)
        return to_text(value)

    def _range(self, start: int, stop: int | None = None, step: int = 1) -> Any:
        try:
            numbers = range(start) if stop is None else range(start, stop, step)
        except (TypeError, ValueError):
            raise ExpressionError("`range` takes whole numbers, and a step that is not 0") from None
        if len(numbers) > MAX_LIST:
            raise ExpressionError(f"`range` gives at most {MAX_LIST:,} numbers")
        return view(self._current, list(numbers), None, "range")

    def _take(self, value: object, is_defined: bool, is_float: bool) -> bool:
        return self._current.take(value, is_defined, is_float)

    def _raise_missing(self, number: int) -> None:
        raise self._current.missing(number, self._current)

    def _finalize(self, value: Any) -> Any:
        kind = type(value)
        if kind is int or kind is float:
            self._current.tick()
            return NotImplemented
        if isinstance(value, str):
            self._current.tick()
            self._current.allowance.make(len(value))
            return NotImplemented
        self._current.tick()
        return self._current.text(raw(value))

    def _make(self, size: int) -> None:
        """Counts characters before they are made; raises ExpressionError."""
        self._current.keep(size)

    def _is_in(self, value: Any, container: Any) -> bool:
        self._current.look()
        return bool(raw(value) in raw(container))

    def _filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "__gw_tojson": self._tojson,
            "__gw_pluck": self._pluck,
            "__gw_length": self._length,
            "fromjson": self._fromjson,
            "split": self._split,
            "lines": self._lines,
            "replace": self._replace,
            "indent": self._indent,
            "format": self._format,
        }

    def _tojson(self, value: Any, indent: int | None = None) -> str:
        if indent is not None and not 0 <= indent <= MAX_INDENT:
            raise ExpressionError(f"`tojson` indents by 0 to {MAX_INDENT}")
        plain = raw(value)
        self._current.allowance.check_size(plain)
        if indent is None:
            text = json.dumps(plain, ensure_ascii=False)
            self._make(len(text))
            return text
        pieces = []
        for piece in json.JSONEncoder(ensure_ascii=False, indent=indent).iterencode(plain):
            self._make(len(piece))
            self._current.tick()
            pieces.append(piece)
        return "".join(pieces)

    def _pluck(self, items: Any, attribute: str) -> Any:
        steps = [int(step) if step.isdigit() else step for step in str(attribute).split(".")]
        found = []
        for number, item in enumerate(raw(items)):
            if not self._current.step():
                break
            value = item
            for step in steps:
                try:
                    value = value[step]
                except (KeyError, IndexError, TypeError):
                    raise ExpressionError(f"item {number} of a list has no `{attribute}`") from None
            found.append(value)
        return view(self._current, found, None, "map")

    def _length(self, value: Any) -> int:
        if isinstance(value, str | list | tuple | dict):
            return len(value)
        if isinstance(value, ListView | ObjectView):
            return len(raw(value))
        raise ExpressionError("`length` needs a text, a list or an object")

    def _fromjson(self, text: Any) -> Any:
        source = _text(text, "fromjson")
        self._make(len(source))
        try:
            value = jsontext.loads(source)
        except jsontext.BeyondDoublesError:
            raise ExpressionError("`fromjson`: a number is too large; write it as text") from None
        except json.JSONDecodeError as error:
            raise ExpressionError(f"`fromjson`: no valid JSON at character {error.pos}") from None
        return view(self._current, value, None, "fromjson")

    def _split(self, text: Any, separator: Any = None, times: int | None = None) -> Any:
        body = _text(text, "split")
        self._make(len(body))
        if separator is None:
            return self._items(body.split(None, -1 if times is None else times), "split")
        mark = _text(separator, "split")
        if not mark:
            raise ExpressionError("`split` needs a separator that is not empty; `list` gives the characters")
        found = body.count(mark) if times is None else times
        if found >= MAX_LIST:
            raise too_expensive(f"splits into more than {MAX_LIST:,} items")
        return self._items(body.split(mark, found), "split")

    def _lines(self, text: Any) -> Any:
        body = _text(text, "lines")
        self._make(len(body))
        lines = body.removesuffix("\n").split("\n") if body else []
        return self._items([line.removesuffix("\r") for line in lines], "lines")

    def _items(self, found: list[str], name: str) -> Any:
        return view(self._current, found, None, name)

    def _replace(self, text: Any, old: Any, new: Any, count: int = -1) -> str:
        body, before, after = _text(text, "replace"), _text(old, "replace"), _text(new, "replace")
        times = body.count(before) if count < 0 else min(body.count(before), count)
        self._make(len(body) + times * max(len(after) - len(before), 0))
        return body.replace(before, after, count)

    def _indent(self, text: Any, width: int = 4, first: bool = False, blank: bool = False) -> str:
        if not 0 <= width <= MAX_INDENT:
            raise ExpressionError(f"`indent` indents by 0 to {MAX_INDENT}")
        body = _text(text, "indent")
        self._make(len(body) + width * (body.count("\n") + 1))
        pad = " " * width
        lines = [pad + line if line.strip() or blank else line for line in body.split("\n")]
        return "\n".join(lines) if first else "\n".join([body.split("\n", 1)[0], *lines[1:]])

    def _format(self, pattern: Any, *values: Any) -> str:
        pattern = _text(pattern, "format")
        if "%" in _FORMAT.sub("", pattern):
            raise ExpressionError("`format` knows %s, %d, %f, %e, %g, %x, %o and %c, with widths of at most 3 digits")
        arguments = tuple(value if isinstance(value, int | float | str) else to_text(raw(value)) for value in values)
        self._make(len(pattern) * 1000 + sum(len(v) for v in arguments if isinstance(v, str)))
        try:
            return str(pattern % arguments)
        except (TypeError, ValueError, OverflowError):
            raise ExpressionError("`format`: the values do not fit the pattern") from None


_local = threading.local()


def engine() -> Engine:
    """The engine of this thread."""
    found: Engine | None = getattr(_local, "engine", None)
    if found is None:
        found = _local.engine = Engine()
    return found


def _never_escape(_name: str) -> None:
    return None


def _text(value: Any, name: str) -> str:
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int | float) or value is None:
        return to_text(value)
    raise ExpressionError(f"`{name}` needs a text")
