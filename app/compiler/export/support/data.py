"""What Python functions return, as JSON."""

import base64
import dataclasses
import math
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any
from uuid import UUID

from app.compiler.export.support.errors import HardError


def as_json(value: Any) -> Any:  # noqa: C901, PLR0911, PLR0912
    """The JSON form of what a tool returns: dataclasses, models and mappings as objects, dates as text, and so on."""
    if value is None or type(value) in (bool, int, str):
        return value
    if isinstance(value, Enum):
        return as_json(value.value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise HardError(f"The result holds {value}, which JSON cannot say.", "not_json")
        return float(value)
    if isinstance(value, str | int):
        return str(value) if isinstance(value, str) else int(value)
    if hasattr(value, "model_dump"):
        return as_json(value.model_dump(by_alias=True))
    if dataclasses.is_dataclass(value):
        return {part.name: as_json(getattr(value, part.name)) for part in dataclasses.fields(value)}
    if hasattr(value, "_asdict"):
        return as_json(value._asdict())
    if isinstance(value, Mapping):
        return {str(key.value if isinstance(key, Enum) else key): as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    if isinstance(value, AbstractSet):
        items = [as_json(item) for item in value]
        return sorted(items) if len({type(item) for item in items}) == 1 else items
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Decimal | UUID | PurePath):
        return str(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode()
    if hasattr(value, "tolist"):
        return as_json(value.tolist())
    raise HardError(f"The result holds a {type(value).__name__}, which JSON cannot say.", "not_json")
