"""The API key that a request shows, as OpenAPI tells of it."""

from fastapi import Request
from fastapi.security import HTTPBearer


class Bearer(HTTPBearer):
    """A security scheme; what depends on one gives its own value by `__call__`."""

    def __init__(self) -> None:
        super().__init__(
            scheme_name="HTTPBearer",
            auto_error=False,
            description="An API key of a project, or the server's admin key.",
        )

    async def secret(self, request: Request) -> str | None:
        """The key, if one is shown."""
        shown = await super().__call__(request)
        return shown.credentials if shown else None
