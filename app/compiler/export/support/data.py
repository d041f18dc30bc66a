"""What Python functions return, as JSON."""

import base64
import dataclasses
from collections.abc import Mapping
from typing import Any


def as_json(value: Any) -> Any:  # noqa: PLR0911
    """What a tool returns, as JSON: models and mappings as objects, sets as lists, dates as text, and so on."""
    if isinstance(value, Mapping):
        return {str(getattr(key, "value", key)): as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple) and not hasattr(value, "_asdict"):
        return [as_json(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted(map(as_json, value), key=lambda item: (str(type(item)), item))
    if dataclasses.is_dataclass(value):
        return {part.name: as_json(getattr(value, part.name)) for part in dataclasses.fields(value)}
    for method in ("model_dump", "_asdict", "isoformat", "total_seconds", "tolist"):
        if hasattr(value, method) and not isinstance(value, memoryview):
            return as_json(getattr(value, method)())
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode()
    value = getattr(value, "value", value)  # of an enum
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
