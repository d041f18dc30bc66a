"""Values that must fit a JSON Schema."""

from typing import Any

from jsonschema.validators import Draft202012Validator, validator_for


def check(schema: Any, value: Any, what: str) -> None:
    """Raise ValueError where a value does not fit its JSON Schema."""
    kind = validator_for(schema, default=Draft202012Validator)
    said = [
        f"{error.json_path}: {error.message}"
        for error in kind(schema, format_checker=kind.FORMAT_CHECKER).iter_errors(value)
    ]
    if said:
        raise ValueError(f"{what} does not fit its schema: {'; '.join(said[:20])}")
