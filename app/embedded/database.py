"""What is asked of a server by really connecting to it."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from app.embedded.settings import ADMIN, ROLE

CONNECT_SECONDS = 5
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a server says that it listens."""

    socket: str
    port: int
    tcp: bool

    @property
    def url(self) -> str:
        """The libpq URL through the socket."""
        return f"postgresql://{ROLE}@/{ROLE}?host={quote(self.socket)}&port={self.port}"

    def tcp_url(self, password: str) -> str:
        """The libpq URL over the loopback address."""
        return f"postgresql://{ROLE}:{quote(password, safe='')}@{LOOPBACK}:{self.port}/{ROLE}"


def endpoint(data: Path) -> Endpoint | None:
    """What the server on this data folder, if there is one, has written about itself."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
        port, socket, address = lines[3:6]
        return Endpoint(socket, int(port), tcp=address == LOOPBACK)
    except (FileNotFoundError, ValueError):
        return None


def connect(where: Endpoint) -> psycopg.Connection[tuple[object, ...]]:
    """Connect as the server's administrator. Raises psycopg.OperationalError."""
    return psycopg.connect(
        host=where.socket,
        port=where.port,
        user=ADMIN,
        dbname=ADMIN,
        connect_timeout=CONNECT_SECONDS,
        autocommit=True,
    )


def serves(connection: psycopg.Connection[tuple[object, ...]], data: Path) -> bool:
    """Whether it is this data folder that the server serves."""
    row = connection.execute("SHOW data_directory").fetchone()
    return row is not None and Path(str(row[0])).resolve() == data


def prepare_database(connection: psycopg.Connection[tuple[object, ...]], password: str | None) -> None:
    """Create the role and its database where missing, and set the password, if any, without sending it."""
    name = sql.Identifier(ROLE)
    if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone() is None:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEDB").format(name))
    if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [ROLE]).fetchone() is None:
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, name))
    if password is not None:
        verifier = connection.pgconn.encrypt_password(password.encode(), ROLE.encode(), b"scram-sha-256").decode()
        connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(name, sql.Literal(verifier)))
