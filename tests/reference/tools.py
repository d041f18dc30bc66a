"""Tools that random graphs call; they are plain functions, to be registered under the names in `TOOLS`."""

from collections.abc import Callable
from typing import Any


def fail(message: str) -> Any:
    """Fail for good: always raises ValueError with `message`."""
    raise ValueError(message)


def echo(value: Any) -> Any:
    """Return `value`, any JSON, as it is."""
    return value


def check(value: Any, fail: bool, message: str) -> Any:
    """Return `value` unless `fail` is true; then raise ValueError with `message`."""
    if fail:
        raise ValueError(message)
    return value


TOOLS: dict[str, Callable[..., Any]] = {"ref.fail": fail, "ref.echo": echo, "ref.check": check}
