"""Hooks: made, changed, looked at, and their deliveries. What sends them is in `deliveries`."""

from typing import LiteralString
from uuid import UUID

from psycopg.rows import DictRow

from app import jsontext
from app.clock import now
from app.errors import ConflictError, NotFoundError, Problem, UnprocessableError
from app.ids import new_id
from app.schemas.common import Page
from app.schemas.hook import DeliveryOut, DeliveryStatus, DeliveryWithBody, HookChange, HookIn, HookOut
from app.schemas.trigger import RotationIn
from app.services.deliveries import GIVE_UP
from app.services.pages import decode_cursor, maybe_rfc3339, maybe_text, page, rfc3339
from app.services.projects import must_exist
from app.services.signatures import checked_secret, rotated
from app.services.work import Work

PING = "hook.ping"
_PLAIN = ("url", "name", "events", "active")
_DELIVERY: LiteralString = "id, hook_id, run_id, seq, type, status, attempts, due_at, answer, created_at, ended_at"


async def create(work: Work, project_id: UUID, body: HookIn) -> HookOut:
    """A new hook, with its secret; it hears of what happens from now on. Raises NotFoundError, UnprocessableError."""
    await must_exist(work, project_id)
    workflow_id = await _workflow(work, project_id, body.workflow_id)
    secret = checked_secret("standard", body.secret)
    hook_id, time = new_id(), now()
    await work.run(
        """INSERT INTO hooks (id, project_id, workflow_id, name, url, events, secret, active, since, scanned_at,
                              created_at, updated_at)
           VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
        (
            *(hook_id, project_id, workflow_id, body.name, body.url, body.events, secret, body.active),
            *(time, time, time, time),
        ),
    )
    return {**await get(work, project_id, hook_id), "secret": secret}


async def get(work: Work, project_id: UUID, hook_id: UUID) -> HookOut:
    """Raises NotFoundError."""
    return _view(await _row(work, project_id, hook_id))


async def list_hooks(work: Work, project_id: UUID, limit: int, cursor: str | None) -> Page[HookOut]:
    """The hooks of a project without their secrets, newest first. Raises NotFoundError."""
    before = decode_cursor(cursor, UUID)
    rows = await work.all(
        """SELECT * FROM hooks WHERE project_id = %s AND (%s::uuid IS NULL OR id < %s) ORDER BY id DESC LIMIT %s""",
        (project_id, *(before or (None,)) * 2, limit + 1),
    )
    if not rows:
        await must_exist(work, project_id)
    return page(rows, limit, _view, lambda row: (str(row["id"]),))


async def change(work: Work, project_id: UUID, hook_id: UUID, wanted: HookChange) -> HookOut:
    """Change what is given; what becomes active again hears of what happens from now on. Raises NotFoundError."""
    row = await _row(work, project_id, hook_id, hold=True)
    fields = {name: value for name in _PLAIN if (value := getattr(wanted, name)) is not None}
    if fields.get("active") and not row["active"]:
        fields |= {"since": now(), "scanned_at": now(), "problem": None, "failing_since": None}
        await work.run("DELETE FROM hook_cursors WHERE hook_id = %s", (hook_id,))
    merged = {**row, **fields, "now": now()}
    await work.run(
        """UPDATE hooks SET url = %(url)s, name = %(name)s, events = %(events)s, active = %(active)s,
                  since = %(since)s, scanned_at = %(scanned_at)s, failing_since = %(failing_since)s,
                  problem = %(problem)s::json, updated_at = %(now)s WHERE id = %(id)s""",
        {**merged, "problem": None if merged["problem"] is None else jsontext.dumps(merged["problem"])},
    )
    return await get(work, project_id, hook_id)


async def rotate(work: Work, project_id: UUID, hook_id: UUID, wanted: RotationIn) -> HookOut:
    """Sign with another secret from now on. Raises NotFoundError, UnprocessableError."""
    row = await _row(work, project_id, hook_id, hold=True)
    fields = rotated(row, "standard", wanted.secret, wanted.keep_old_seconds)
    await work.run(
        """UPDATE hooks SET secret = %(secret)s, old_secret = %(old_secret)s, old_until = %(old_until)s,
                  updated_at = %(now)s WHERE id = %(id)s""",
        fields,
    )
    return {**await get(work, project_id, hook_id), "secret": fields["secret"]}


async def delete(work: Work, project_id: UUID, hook_id: UUID) -> None:
    """Remove the hook with its deliveries. Raises NotFoundError."""
    await _row(work, project_id, hook_id, hold=True)
    await work.run("DELETE FROM hooks WHERE id = %s", (hook_id,))


async def ping(work: Work, project_id: UUID, hook_id: UUID) -> DeliveryOut:
    """Send an event of the type `hook.ping`. Raises NotFoundError, ConflictError when the hook is not active."""
    _must_be_active(await _row(work, project_id, hook_id, hold=True))
    delivery_id, time = new_id(), now()
    event = {
        "id": str(delivery_id),
        "seq": None,
        "type": PING,
        "at": rfc3339(time),
        "project_id": str(project_id),
        "run_id": None,
        "node_id": None,
        "data": {"hook_id": str(hook_id)},
    }
    await work.run(
        """INSERT INTO hook_deliveries (id, hook_id, type, body, status, due_at, give_up_at, created_at)
           VALUES (%s, %s, %s, %s, 'pending', %s, %s, %s)""",
        (delivery_id, hook_id, PING, jsontext.dumps(event), time, time + GIVE_UP, time),
    )
    return _delivery_view(await _delivery(work, project_id, hook_id, delivery_id))


async def list_deliveries(
    work: Work, project_id: UUID, hook_id: UUID, *, status: DeliveryStatus | None, limit: int, cursor: str | None
) -> Page[DeliveryOut]:
    """What was or is to be sent, newest first. Raises NotFoundError."""
    await _row(work, project_id, hook_id)
    before = decode_cursor(cursor, UUID)
    rows = await work.all(
        f"""SELECT {_DELIVERY} FROM hook_deliveries WHERE hook_id = %s AND (%s::uuid IS NULL OR id < %s)
            AND (%s::text IS NULL OR status = %s) ORDER BY id DESC LIMIT %s""",
        (hook_id, *(before or (None,)) * 2, status, status, limit + 1),
    )
    return page(rows, limit, _delivery_view, lambda row: (str(row["id"]),))


async def get_delivery(work: Work, project_id: UUID, hook_id: UUID, delivery_id: UUID) -> DeliveryWithBody:
    """Raises NotFoundError."""
    row = await _delivery(work, project_id, hook_id, delivery_id)
    return {**_delivery_view(row), "body": jsontext.loads(row["body"])}


async def redeliver(work: Work, project_id: UUID, hook_id: UUID, delivery_id: UUID) -> DeliveryOut:
    """Send it again now, under the same webhook-id. Raises NotFoundError, ConflictError when the hook is not active."""
    hook = await _row(work, project_id, hook_id, hold=True)
    await _delivery(work, project_id, hook_id, delivery_id)
    _must_be_active(hook)
    # One failure counts, so that nothing that follows in the run waits for it.
    await work.run(
        """UPDATE hook_deliveries SET status = 'pending', due_at = %s, give_up_at = %s, failures = 1, ended_at = NULL
           WHERE id = %s""",
        (now(), now() + GIVE_UP, delivery_id),
    )
    return _delivery_view(await _delivery(work, project_id, hook_id, delivery_id))


async def _workflow(work: Work, project_id: UUID, given: str | None) -> UUID | None:
    if given is None:
        return None
    try:
        row = await work.first(
            "SELECT id FROM workflows WHERE project_id = %s AND id = %s AND deleted_at IS NULL",
            (project_id, UUID(given)),
        )
    except ValueError:
        row = None
    if row is None:
        sentence = "There is no such workflow in this project. Name one that it has, or leave it out for all."
        raise UnprocessableError(
            sentence, code="unknown_workflow", problems=[Problem("unknown_workflow", "/workflow_id", sentence)]
        )
    workflow_id: UUID = row["id"]
    return workflow_id


async def _row(work: Work, project_id: UUID, hook_id: UUID, *, hold: bool = False) -> DictRow:
    lock: LiteralString = "FOR UPDATE" if hold else ""
    row = await work.first(f"SELECT * FROM hooks WHERE project_id = %s AND id = %s {lock}", (project_id, hook_id))
    if row is None:
        raise NotFoundError("There is no such hook in this project.")
    return row


async def _delivery(work: Work, project_id: UUID, hook_id: UUID, delivery_id: UUID) -> DictRow:
    row = await work.first(
        """SELECT d.* FROM hook_deliveries d JOIN hooks h ON h.id = d.hook_id
           WHERE h.project_id = %s AND h.id = %s AND d.id = %s""",
        (project_id, hook_id, delivery_id),
    )
    if row is None:
        raise NotFoundError("This hook has no such delivery.")
    return row


def _must_be_active(row: DictRow) -> None:
    if not row["active"]:
        raise ConflictError("The hook is not active. Activate it (`active: true`) first.", code="hook_inactive")


def _view(row: DictRow) -> HookOut:
    return {
        "id": str(row["id"]),
        "project_id": str(row["project_id"]),
        "workflow_id": maybe_text(row["workflow_id"]),
        "name": row["name"],
        "url": row["url"],
        "events": row["events"],
        "active": row["active"],
        "failing_since": maybe_rfc3339(row["failing_since"]),
        "problem": row["problem"],
        "old_secret_until": maybe_rfc3339(row["old_until"]),
        "created_at": rfc3339(row["created_at"]),
        "updated_at": rfc3339(row["updated_at"]),
    }


def _delivery_view(row: DictRow) -> DeliveryOut:
    return {
        "id": str(row["id"]),
        "hook_id": str(row["hook_id"]),
        "run_id": maybe_text(row["run_id"]),
        "seq": row["seq"],
        "type": row["type"],
        "status": row["status"],
        "attempts": row["attempts"],
        "next_at": rfc3339(row["due_at"]) if row["status"] == "pending" else None,
        "answer": row["answer"],
        "created_at": rfc3339(row["created_at"]),
        "ended_at": maybe_rfc3339(row["ended_at"]),
    }
