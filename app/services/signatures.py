"""Signatures of webhooks: as Standard Webhooks describes them, as GitHub makes them, or a plain token.

A standard signature is the HMAC-SHA256 of `<id>.<timestamp>.<body>` under the bytes that the secret holds behind
`whsec_` as base64; several signatures may stand in one header, so that a secret can be changed without a gap.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from app.clock import now
from app.errors import Problem, UnauthorizedError, UnprocessableError

Kind = Literal["standard", "github", "token"]

TOLERANCE_SECONDS = 300
LONGEST_ID = 255
SECRET_BYTES = 32
SHORTEST_KEY, LONGEST_KEY = 16, 128
PREFIX = "whsec_"
_ID_HEADERS: Mapping[Kind, tuple[str, ...]] = {
    "standard": ("webhook-id", "svix-id"),
    "github": ("x-github-delivery",),
    "token": ("idempotency-key", "webhook-id"),
}


class SignatureError(UnauthorizedError):
    """The request does not show that it comes from somebody who knows the secret."""

    code = "invalid_signature"
    title = "The signature is not valid"


def new_secret(kind: Kind) -> str:
    """A secret of 256 random bits."""
    if kind == "standard":
        return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
    return secrets.token_urlsafe(SECRET_BYTES)


def checked_secret(kind: Kind, given: str | None) -> str:
    """The secret that was given, or a new one. Raises UnprocessableError for one that cannot be used."""
    if given is None:
        return new_secret(kind)
    if kind == "standard":
        key = _key(given)
        good = given.startswith(PREFIX) and key is not None and SHORTEST_KEY <= len(key) <= LONGEST_KEY
    else:
        good = SHORTEST_KEY <= len(given) <= LONGEST_KEY and given.isascii() and given.isprintable()
    if not good:
        how = f"{PREFIX} and the base64 of" if kind == "standard" else "printable ASCII,"
        sentence = f"Write a secret as {how} {SHORTEST_KEY} to {LONGEST_KEY} bytes, or leave it out to get a new one."
        raise UnprocessableError(
            sentence, code="invalid_secret", problems=[Problem("invalid_secret", "/secret", sentence)]
        )
    return given


def known_secrets(row: Mapping[str, Any]) -> list[str]:
    """The secrets of a row that count now: its own, and for a while the one before."""
    old = row["old_secret"] if row["old_until"] is not None and row["old_until"] > now() else None
    return [row["secret"]] if old is None else [row["secret"], old]


def rotated(row: Mapping[str, Any], kind: Kind, given: str | None, keep_seconds: int) -> dict[str, Any]:
    """What a row's columns become when its secret changes. Raises UnprocessableError."""
    return {
        "secret": checked_secret(kind, given),
        "old_secret": row["secret"] if keep_seconds else None,
        "old_until": now() + timedelta(seconds=keep_seconds) if keep_seconds else None,
        "now": now(),
        "id": row["id"],
    }


def standard_headers(known: Iterable[str], webhook_id: str, time: datetime, body: bytes) -> dict[str, str]:
    """The headers of a webhook that goes out, signed with each of the secrets."""
    timestamp = str(int(time.timestamp()))
    signed = [_standard(secret, webhook_id, timestamp, body) for secret in known]
    return {"webhook-id": webhook_id, "webhook-timestamp": timestamp, "webhook-signature": " ".join(signed)}


def id_of(kind: Kind, headers: Mapping[str, str]) -> str | None:
    """What tells a webhook from others, if it says so; a repetition carries the same. Raises UnprocessableError."""
    found = next((headers[name] for name in _ID_HEADERS[kind] if headers.get(name)), None)
    if found is not None and len(found) > LONGEST_ID:
        raise UnprocessableError(f"The id of a webhook has at most {LONGEST_ID} characters.", code="invalid_webhook_id")
    return found


def is_signed(kind: Kind, known: Iterable[str], headers: Mapping[str, str], body: bytes) -> bool:
    """Whether one of the secrets has made the signature; the time that it takes tells nothing of the secret."""
    check = {"standard": _is_standard, "github": _is_github, "token": _is_token}[kind]
    return any([check(secret, headers, body) for secret in known])  # noqa: C419  # all of them, for the same time


def _is_standard(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    if len({headers[name] for name in _ID_HEADERS["standard"] if headers.get(name)}) > 1:
        # Only one of them is signed: the other would make a repetition look like something new.
        return False
    for name in ("webhook", "svix"):
        webhook_id, timestamp = headers.get(f"{name}-id"), headers.get(f"{name}-timestamp", "")
        if not webhook_id or not (timestamp.isascii() and timestamp.isdecimal()):
            continue
        if abs(now().timestamp() - int(timestamp[:15])) > TOLERANCE_SECONDS:
            continue
        wanted = _standard(secret, webhook_id, timestamp, body)
        if any(_same(one, wanted) for one in headers.get(f"{name}-signature", "").split(" ")):
            return True
    return False


def _is_github(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return _same(headers.get("x-hub-signature-256", ""), f"sha256={digest}")


def _is_token(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    del body
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and _same(token.strip(), secret)


def _standard(secret: str, webhook_id: str, timestamp: str, body: bytes) -> str:
    content = f"{webhook_id}.{timestamp}.".encode(errors="surrogateescape") + body
    digest = hmac.new(_key(secret) or b"", content, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def _key(secret: str) -> bytes | None:
    try:
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return None


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), wanted.encode(errors="replace"))
