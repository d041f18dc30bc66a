"""Who calls, and what they may do."""

import hashlib
import hmac
import ipaddress
import secrets
from dataclasses import dataclass
from enum import IntEnum
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import dict_row

from app.config import Settings
from app.db import Pool
from app.errors import ForbiddenError, NotFoundError, UnauthorizedError

PREFIX_CHARACTERS = 8
SECRET_BYTES = 32


class Role(IntEnum):
    """What a key may do in its project; each role may do what the ones before it may."""

    VIEWER = 1
    RUNNER = 2
    EDITOR = 3
    ADMIN = 4


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever sent a request; `project_id` None means the whole server, `name` is that of the key."""

    project_id: UUID | None
    role: Role
    name: str = "admin"

    @property
    def scope(self) -> str:
        """What idempotency keys of this caller are told apart by."""
        return str(self.project_id or "server")

    def must(self, role: Role, project_id: UUID) -> None:
        """Raise NotFoundError outside the caller's project, ForbiddenError below the role."""
        if self.project_id not in (None, project_id):
            raise NotFoundError("There is no such project.")
        if self.role < role:
            raise ForbiddenError(
                f"This needs a key with the role {role.name.lower()}; this key has {self.role.name.lower()}."
            )

    def must_be_server_admin(self) -> None:
        """Raise ForbiddenError for keys of a project."""
        if self.project_id is not None:
            raise ForbiddenError("This needs the server's admin key; this key belongs to a project.")


EVERYTHING = Caller(None, Role.ADMIN)
ANYBODY = Caller(None, Role.ADMIN, "anybody")


class Access:
    """The rules of this server: open to all who reach it, or closed to those without a key."""

    def __init__(self, settings: Settings) -> None:
        self._admin = hashed(settings.admin_key.get_secret_value()) if settings.admin_key else None
        self.is_open = self._admin is None
        if self.is_open and not is_loopback(settings.host):
            raise UnauthorizedError(
                f"Graphwright does not listen on {settings.host} without a key. "
                "Set GRAPHWRIGHT_ADMIN_KEY, or listen on 127.0.0.1."
            )

    async def caller(self, pool: Pool, secret: str | None) -> Caller:
        """Who shows this key, or none; asks the database for the keys of projects.

        Raises UnauthorizedError when there is no such key, or none is shown and one is needed.
        """
        if secret is None:
            if self.is_open:
                return ANYBODY
            raise UnauthorizedError("Send an API key: `Authorization: Bearer <key>`.")
        if self._admin is not None and hmac.compare_digest(hashed(secret), self._admin):
            return EVERYTHING
        async with pool.connection() as connection:
            return await _caller_of(connection, secret)


async def _caller_of(connection: AsyncConnection[Any], secret: str) -> Caller:
    cursor = connection.cursor(row_factory=dict_row)
    secret_hash = hashed(secret)
    await cursor.execute(
        "SELECT project_id, role, name, secret_hash FROM api_keys WHERE secret_hash = %s", (secret_hash,)
    )
    row = await cursor.fetchone()
    if row is None or not hmac.compare_digest(row["secret_hash"], secret_hash):
        raise UnauthorizedError("The API key is not valid. It may have been deleted; ask for a new one.")
    return Caller(row["project_id"], Role[row["role"].upper()], row["name"])


def new_secret() -> tuple[str, str]:
    """A new key and its prefix, by which people tell keys apart."""
    prefix = secrets.token_hex(PREFIX_CHARACTERS // 2)
    return f"gw_{prefix}_{secrets.token_urlsafe(SECRET_BYTES)}", prefix


def hashed(secret: str) -> str:
    """The SHA-256 of a secret, in hex. Secrets carry 256 random bits, so no slow hash is needed."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


def is_loopback(host: str) -> bool:
    """Whether nothing but this machine reaches the address."""
    name = host.strip("[]").lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
