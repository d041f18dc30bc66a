"""Which errors of a write pass, so that the same rows are written again, and which are refusals."""

import psycopg

PASSING = ("08", "25P03", "40", "53", "55", "57", "58")
"""SQLSTATEs: connection, stood still, conflict with others, out of resources, locked, intervention, the disk."""
STOOD_STILL = ("25P03", "25P04")
"""The server has ended a transaction in which this process did nothing, or that took too long; nothing came of it."""
STALE = ("25006", "0A000")
"""A server that is read-only since a failover, a plan from before a migration: another connection helps."""


def passes(error: BaseException) -> bool:
    """Whether the same write may go through later; False for rows that the database will never take."""
    if isinstance(error, psycopg.Error) and error.sqlstate is not None:
        return error.sqlstate.startswith(PASSING) or is_stale(error)
    return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError | OSError | TimeoutError)


def was_ended(error: BaseException) -> bool:
    """Whether the server has ended a transaction as this process stood still in it, or took too long."""
    return isinstance(error, psycopg.Error) and error.sqlstate in STOOD_STILL


def is_stale(error: BaseException) -> bool:
    """Whether it is the connection that cannot write, and another one may; others of its pool will be like it."""
    return isinstance(error, psycopg.Error) and error.sqlstate in STALE
