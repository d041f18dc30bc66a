"""The settings of a command: the environment, and what its options say instead."""

from typing import Any

from pydantic import ValidationError

from app.config import Settings
from app.errors import GraphwrightError


class SettingsProblemError(GraphwrightError):
    """A setting cannot be."""

    code = "invalid_settings"
    status = 422
    title = "A setting is wrong"


def settings_with(**options: Any) -> Settings:
    """The settings; an option that is None leaves the environment's value. Raises SettingsProblemError."""
    try:
        return Settings(**{name: value for name, value in options.items() if value is not None})
    except ValidationError as error:
        told = (f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_input=False))
        raise SettingsProblemError(f"Change the settings: {'; '.join(told)}.") from error
