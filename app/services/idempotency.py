"""Answers kept for idempotency keys.

The key's row is written first, in the transaction of the request itself. A duplicate that comes meanwhile waits in
PostgreSQL for that transaction: when it commits, the duplicate finds the kept answer; when it rolls back, nothing was
done and nothing is kept, and the duplicate does the work.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import orjson

from app import jsontext
from app.errors import UnprocessableError
from app.services.work import Work

LONGEST_KEY = 255


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What the first request was answered."""

    status: int
    body: Any
    headers: dict[str, str]


async def begin(work: Work, scope: str, key: str, request_hash: str) -> KeptAnswer | None:
    """Take the key for this request, or get the answer that it has had before.

    Raises UnprocessableError (`idempotency_key_reused`) when the key was used for another request.
    """
    taken = await work.first(
        """INSERT INTO idempotency_keys (scope, key, request_hash, created_at) VALUES (%s, %s, %s, now())
           ON CONFLICT DO NOTHING RETURNING key""",
        (scope, key, request_hash),
    )
    if taken is not None:
        return None
    kept = await work.first(
        "SELECT request_hash, status, answer, headers FROM idempotency_keys WHERE scope = %s AND key = %s", (scope, key)
    )
    if kept is None or kept["request_hash"] != request_hash:
        raise UnprocessableError(
            "This Idempotency-Key was used for another request. Send a new key with a new request.",
            code="idempotency_key_reused",
        )
    return KeptAnswer(kept["status"], kept["answer"], kept["headers"] or {})


async def keep(work: Work, scope: str, key: str, answer: KeptAnswer) -> None:
    """Keep the answer with the key; both are there only if the request's transaction commits."""
    await (await work.connection()).execute(
        "UPDATE idempotency_keys SET status = %s, answer = %s::json, headers = %s::json WHERE scope = %s AND key = %s",
        (answer.status, jsontext.dumps(answer.body), jsontext.dumps(answer.headers), scope, key),
    )


def fingerprint(query: str, body: bytes) -> str:
    """The same for the same request, however its JSON is spaced and ordered."""
    return hashlib.sha256(query.encode() + b"\0" + (_sorted(body) if body else b"")).hexdigest()


def _sorted(body: bytes) -> bytes:
    try:
        value = jsontext.loads(body)
    except (ValueError, RecursionError):
        return body  # the route reads none
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        return json.dumps(value, sort_keys=True).encode()
