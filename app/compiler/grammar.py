"""The words that a template may use, and the shapes that are refused before the engine sees them."""

from collections.abc import Sequence
from typing import Final

from app.compiler.tokens import RefusedError, Token

KEYWORDS: Final = frozenset(
    ["and", "or", "not", "in", "is", "if", "else", "true", "false", "none", "True", "False", "None"]
)
FUNCTIONS: Final = frozenset({"range", "dict"})
FILTERS: Final = frozenset(
    [
        "abs",
        "bool",
        "capitalize",
        "count",
        "d",
        "default",
        "dictsort",
        "e",
        "escape",
        "filesizeformat",
        "first",
        "float",
        "format",
        "fromjson",
        "groupby",
        "indent",
        "int",
        "items",
        "join",
        "last",
        "length",
        "lines",
        "list",
        "lower",
        "map",
        "max",
        "min",
        "pluralize",
        "reject",
        "rejectattr",
        "replace",
        "reverse",
        "round",
        "select",
        "selectattr",
        "sort",
        "split",
        "string",
        "sum",
        "title",
        "tojson",
        "trim",
        "unique",
        "upper",
        "urlencode",
        "zip",
        "chain",
    ]
)
TESTS: Final = frozenset(
    [
        "boolean",
        "defined",
        "divisibleby",
        "endingwith",
        "eq",
        "equalto",
        "even",
        "false",
        "float",
        "ge",
        "greaterthan",
        "gt",
        "in",
        "integer",
        "iterable",
        "le",
        "lessthan",
        "lower",
        "lt",
        "mapping",
        "ne",
        "none",
        "number",
        "odd",
        "sameas",
        "sequence",
        "startingwith",
        "string",
        "true",
        "undefined",
        "upper",
    ]
)
_BY_NAME: Final = frozenset({"map", "select", "reject", "selectattr", "rejectattr"})
_FOR_LISTS: Final = _BY_NAME | {
    "chain",
    "dictsort",
    "groupby",
    "items",
    "join",
    "list",
    "max",
    "min",
    "sort",
    "unique",
    "zip",
}
MAX_SEPARATOR = 1000
_OPEN, _CLOSE = frozenset("([{"), frozenset(")]}")


def is_root(tokens: Sequence[Token], index: int) -> bool:
    """Whether a name stands where a variable does: not behind `.`, `|` or `is`, and not as a named argument."""
    before = tokens[index - 1] if index else None
    if before is not None and before.text in (".", "|", "is") and before.kind != "string":
        return False
    if before is not None and before.text == "not" and index > 1 and tokens[index - 2].text == "is":
        return False
    return not (index + 1 < len(tokens) and tokens[index + 1].text == "=" and tokens[index + 1].kind == "op")


def follows_operand(tokens: Sequence[Token], index: int) -> bool:
    """Whether the token before ends a value; the argument of a test may follow its name without brackets."""
    if not index:
        return False
    before = tokens[index - 1]
    if before.kind in ("string", "number") or (before.kind == "op" and before.text in _CLOSE):
        return True
    if before.kind != "name" or before.text in KEYWORDS:
        return False
    words = [token.text for token in tokens[max(index - 3, 0) : index - 1]]
    return words[-1:] != ["is"] and words != ["is", "not"]


def check_word(tokens: Sequence[Token], index: int) -> None:
    """Refuses what the engine would do but we do not allow: methods, unknown filters and tests."""
    token = tokens[index]
    before = tokens[index - 1] if index else None
    if token.text == "(" and token.kind == "op" and before is not None:
        _check_call(tokens, index)
    if token.kind != "name" or before is None or before.kind == "string":
        return
    if before.text == "|":
        _check_filter(tokens, index)
    elif not is_root(tokens, index) and before.text in ("is", "not") and token.text not in TESTS | {"not"}:
        raise RefusedError(f"there is no test `{token.text}`", token.position)


def _check_call(tokens: Sequence[Token], index: int) -> None:
    before = tokens[index - 1]
    if before.text in (")", "]", "}") or before.kind in ("string", "number"):
        raise RefusedError("only filters and the functions range and dict can be called", before.position)
    if before.kind == "name" and index > 1 and tokens[index - 2].text == "." and tokens[index - 2].kind == "op":
        raise RefusedError(f"methods such as `.{before.text}()` cannot be called; use a filter", before.position)


def _check_filter(tokens: Sequence[Token], index: int) -> None:
    name = tokens[index].text
    if name not in FILTERS:
        raise RefusedError(f"there is no filter `{name}`", tokens[index].position)
    arguments = call_arguments(tokens, index + 1)
    position = tokens[index].position
    if name == "join" and arguments and not _is_short_literal(arguments):
        raise RefusedError(
            f"the separator of `join` must be a text in quotes of at most {MAX_SEPARATOR} characters", position
        )
    if name not in _BY_NAME or not arguments:
        return
    if arguments[0].kind != "string" and arguments[0].text != "attribute":
        raise RefusedError(f"the first argument of `{name}` must be a text in quotes or attribute=…", position)
    if name == "map":
        _check_map(arguments, position)


def _check_map(arguments: Sequence[Token], position: int) -> None:
    by_filter = arguments[0].kind == "string"
    if by_filter and (arguments[0].text[1:-1] not in FILTERS - _FOR_LISTS or len(arguments) > 1):
        raise RefusedError(
            "`map` takes the name of one filter for single values, without arguments, or attribute=…", position
        )
    if not by_filter and len(arguments) != 3:  # noqa: PLR2004 - attribute, =, text
        raise RefusedError("`map(attribute=…)` takes nothing else", position)


def _is_short_literal(arguments: Sequence[Token]) -> bool:
    first = arguments[0]
    if first.text in ("attribute", "d") and first.kind == "name":
        rest = [t for t in arguments if t.kind == "name" and t.text not in ("attribute", "d")]
        return not rest and all(len(token.text) <= MAX_SEPARATOR for token in arguments)
    alone = len(arguments) == 1 or arguments[1].text == ","
    return first.kind == "string" and alone and len(first.text) <= MAX_SEPARATOR


def call_arguments(tokens: Sequence[Token], index: int) -> Sequence[Token]:
    if index >= len(tokens) or tokens[index].text != "(":
        return ()
    return tokens[index + 1 : _behind_bracket(tokens, index) - 1]


def _behind_bracket(tokens: Sequence[Token], index: int) -> int:
    balance = 0
    for i in range(index, len(tokens)):
        if tokens[i].kind == "op":
            balance += (tokens[i].text in _OPEN) - (tokens[i].text in _CLOSE)
        if balance == 0:
            return i + 1
    return len(tokens)


def number_checks(tokens: Sequence[Token]) -> set[int]:
    """Where ` ** 1` must stand so that both sides of every `*` are numbers, or the engine says that they are not."""
    found: set[int] = set()
    for index, token in enumerate(tokens):
        if token.kind != "op" or token.text not in ("*", "**"):
            continue
        if index and tokens[index - 1].text in ("(", ",", "["):
            raise RefusedError("`*` needs a number on both sides", token.position)
        if token.text == "*":
            end = _operand_end(tokens, index + 1)
            found.add(index)
            found.update({end} if end >= len(tokens) or tokens[end].text != "**" else ())
    return found


def _operand_end(tokens: Sequence[Token], index: int) -> int:
    """The index behind the operand that begins at `index`: signs, a value, and its attributes, items and filters."""
    while index < len(tokens) and tokens[index].text == "-":
        index += 1
    is_group = index < len(tokens) and tokens[index].text in _OPEN and tokens[index].kind == "op"
    index = _behind_bracket(tokens, index) if is_group else index + 1
    while index < len(tokens):
        if tokens[index].text in (".", "|"):
            index += 2
        elif tokens[index].text in ("[", "("):
            index = _behind_bracket(tokens, index)
        else:
            break
    return min(index, len(tokens))


def find(tokens: Sequence[Token], text: str, start: int = 0) -> int | None:
    """The index of the first token outside of brackets that reads `text`."""
    balance = 0
    for index in range(start, len(tokens)):
        token = tokens[index]
        if token.kind == "string":
            continue
        if balance == 0 and token.text == text:
            return index
        balance += (token.text in _OPEN) - (token.text in _CLOSE)
    return None
