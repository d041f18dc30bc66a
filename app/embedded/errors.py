"""What can keep the embedded PostgreSQL from starting."""

from app.errors import UnavailableError


class EmbeddedPostgresError(UnavailableError):
    """The embedded database cannot run here; the message says why and what to do."""

    code = "embedded_postgres"
    title = "The embedded database cannot run"
