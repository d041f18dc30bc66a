"""Triggers: webhooks that come in and start runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID

from psycopg.rows import DictRow

from app import jsontext
from app.clock import now
from app.errors import ConflictError, NotFoundError, Problem, UnprocessableError
from app.ids import new_id
from app.schemas.common import JsonObject, Page
from app.schemas.trigger import ReceiptOut, RotationIn, TriggerChange, TriggerIn, TriggerOut
from app.services import runs
from app.services.firings import Firer
from app.services.graphs import pinned_version, stored_version
from app.services.pages import decode_cursor, maybe_rfc3339, page, rfc3339
from app.services.signatures import SignatureError, checked_secret, id_of, is_signed, known_secrets, rotated
from app.services.work import Work

FROM: LiteralString = "triggers t JOIN workflows w ON w.id = t.workflow_id AND w.deleted_at IS NULL"
PRIVATE_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization"})
_PLAIN = ("name", "envelope", "priority", "active")


@dataclass(frozen=True, slots=True)
class Webhook:
    """A request to a trigger: its headers by lower-case names, its query, its body as it came and as JSON.

    `problems` say why the body is no JSON, where it is none.
    """

    headers: Mapping[str, str]
    query: Mapping[str, str | list[str]]
    raw: bytes
    value: Any = None
    problems: Sequence[Problem] = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a webhook is answered; `again` when it has been here before."""

    answer: ReceiptOut
    again: bool


async def create(work: Work, project_id: UUID, workflow_id: UUID, body: TriggerIn) -> TriggerOut:
    """A new trigger, with its secret. Raises NotFoundError, UnprocessableError."""
    secret = checked_secret(body.signature, body.secret)
    await pinned_version(work, project_id, workflow_id, body.version)
    trigger_id, time = new_id(), now()
    await work.run(
        """INSERT INTO triggers (id, project_id, workflow_id, name, signature, secret, version, envelope, meta,
                                 priority, active, created_at, updated_at)
           VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s::json, %s, %s, %s, %s)""",
        (
            *(trigger_id, project_id, workflow_id, body.name, body.signature, secret, body.version, body.envelope),
            *(jsontext.dumps(body.metadata), body.priority, body.active, time, time),
        ),
    )
    return {**await get(work, project_id, workflow_id, trigger_id), "secret": secret}


async def get(work: Work, project_id: UUID, workflow_id: UUID, trigger_id: UUID) -> TriggerOut:
    """Raises NotFoundError."""
    return _view(await _row(work, project_id, workflow_id, trigger_id))


async def list_triggers(
    work: Work, project_id: UUID, workflow_id: UUID, limit: int, cursor: str | None
) -> Page[TriggerOut]:
    """The triggers of a workflow without their secrets, newest first. Raises NotFoundError."""
    before = decode_cursor(cursor, UUID)
    rows = await work.all(
        f"""SELECT t.* FROM {FROM} WHERE t.project_id = %s AND t.workflow_id = %s
            AND (%s::uuid IS NULL OR t.id < %s) ORDER BY t.id DESC LIMIT %s""",
        (project_id, workflow_id, *(before or (None,)) * 2, limit + 1),
    )
    if not rows:
        await stored_version(work, project_id, workflow_id, None)
    return page(rows, limit, _view, lambda row: (str(row["id"]),))


async def change(
    work: Work, project_id: UUID, workflow_id: UUID, trigger_id: UUID, wanted: TriggerChange
) -> TriggerOut:
    """Change what is given. Raises NotFoundError, UnprocessableError."""
    row = await _row(work, project_id, workflow_id, trigger_id, hold=True)
    fields = {name: value for name in _PLAIN if (value := getattr(wanted, name)) is not None}
    if "version" in wanted.model_fields_set:
        await pinned_version(work, project_id, workflow_id, wanted.version)
        fields["version"] = wanted.version
    meta = row["meta"] if wanted.metadata is None else wanted.metadata
    await work.run(
        """UPDATE triggers SET name = %(name)s, version = %(version)s, envelope = %(envelope)s, meta = %(meta)s::json,
                  priority = %(priority)s, active = %(active)s, updated_at = %(now)s WHERE id = %(id)s""",
        {**row, **fields, "meta": jsontext.dumps(meta), "now": now()},
    )
    return await get(work, project_id, workflow_id, trigger_id)


async def rotate(work: Work, project_id: UUID, workflow_id: UUID, trigger_id: UUID, wanted: RotationIn) -> TriggerOut:
    """Give the trigger another secret. Raises NotFoundError, UnprocessableError."""
    row = await _row(work, project_id, workflow_id, trigger_id, hold=True)
    fields = rotated(row, row["signature"], wanted.secret, wanted.keep_old_seconds)
    await work.run(
        """UPDATE triggers SET secret = %(secret)s, old_secret = %(old_secret)s, old_until = %(old_until)s,
                  updated_at = %(now)s WHERE id = %(id)s""",
        fields,
    )
    return {**await get(work, project_id, workflow_id, trigger_id), "secret": fields["secret"]}


async def delete(work: Work, project_id: UUID, workflow_id: UUID, trigger_id: UUID) -> None:
    """Remove the trigger; the runs that it has started stay. Raises NotFoundError."""
    await _row(work, project_id, workflow_id, trigger_id, hold=True)
    await work.run("DELETE FROM triggers WHERE id = %s", (trigger_id,))


async def receive(work: Work, firer: Firer, trigger_id: UUID, webhook: Webhook) -> Receipt:
    """Start a run for a webhook; one that comes again gets the run that it has started.

    Raises NotFoundError, SignatureError, ConflictError when trigger or workflow is not active, UnprocessableError.
    """
    row = await work.first(f"SELECT t.* FROM {FROM} WHERE t.id = %s FOR KEY SHARE OF t", (trigger_id,))
    if row is None:
        raise NotFoundError("There is no such trigger.")
    if not is_signed(row["signature"], known_secrets(row), webhook.headers, webhook.raw):
        raise SignatureError("The request is not signed as this trigger wants it, or was signed too long ago.")
    if not row["active"]:
        raise ConflictError("The trigger is not active. Activate it (`active: true`).", code="trigger_inactive")
    webhook_id = id_of(row["signature"], webhook.headers)
    if webhook_id is not None:
        known = await _taken(work, trigger_id, webhook_id)
        if known is not None:
            return Receipt(known, again=True)
    value = _input_of(row, webhook)
    run_id = await _start(work, firer, row, webhook_id, value)
    if webhook_id is not None:
        await work.run(
            "UPDATE trigger_calls SET run_id = %s WHERE trigger_id = %s AND webhook_id = %s",
            (run_id, trigger_id, webhook_id),
        )
    return Receipt(await _receipt(work, run_id), again=False)


async def _taken(work: Work, trigger_id: UUID, webhook_id: str) -> ReceiptOut | None:
    """Take the webhook, or get the answer it had before; while another one takes it, this waits for the outcome."""
    taken = await work.first(
        """INSERT INTO trigger_calls (trigger_id, webhook_id, created_at) VALUES (%s, %s, clock_timestamp())
           ON CONFLICT DO NOTHING RETURNING 1 AS one""",
        (trigger_id, webhook_id),
    )
    if taken is not None:
        return None
    known = await work.first(
        "SELECT run_id FROM trigger_calls WHERE trigger_id = %s AND webhook_id = %s", (trigger_id, webhook_id)
    )
    return await _receipt(work, known["run_id"] if known else None)


def _input_of(row: DictRow, webhook: Webhook) -> Any:
    if not row["envelope"]:
        if webhook.problems:
            raise _no_json(webhook)
        return webhook.value
    body = webhook.value
    if webhook.problems:
        try:
            body = webhook.raw.decode()
        except UnicodeDecodeError:
            raise _no_json(webhook) from None
    headers = {name: value for name, value in webhook.headers.items() if name not in PRIVATE_HEADERS}
    return {"body": body, "headers": headers, "query": dict(webhook.query)}


async def _start(work: Work, firer: Firer, row: DictRow, webhook_id: str | None, value: Any) -> UUID:
    told: JsonObject = {"type": "webhook", "trigger_id": str(row["id"]), "webhook_id": webhook_id}
    try:
        run_id = await runs.create(
            work,
            firer.graphs,
            row["project_id"],
            row["workflow_id"],
            version=row["version"],
            input_data=value,
            metadata=row["meta"] or {},
            priority=row["priority"],
            trigger=told,
        )
    except UnprocessableError as error:
        # The sender knows nothing of `input_data`: its body is the input.
        problems = [
            Problem(one.code, one.pointer.removeprefix("/input_data"), one.message.removeprefix("/input_data"))
            for one in error.problems
        ]
        raise UnprocessableError(error.message, code=error.problem_code, problems=problems) from None
    await runs.start(work, firer.queue, row["project_id"], run_id)
    return run_id


async def _receipt(work: Work, run_id: UUID | None) -> ReceiptOut:
    row = None if run_id is None else await work.first("SELECT status FROM runs WHERE id = %s", (run_id,))
    if row is None:
        return {"run_id": None, "status": None}
    return {"run_id": str(run_id), "status": row["status"]}


async def _row(work: Work, project_id: UUID, workflow_id: UUID, trigger_id: UUID, *, hold: bool = False) -> DictRow:
    lock: LiteralString = "FOR UPDATE OF t" if hold else ""
    row = await work.first(
        f"SELECT t.* FROM {FROM} WHERE t.project_id = %s AND t.workflow_id = %s AND t.id = %s {lock}",
        (project_id, workflow_id, trigger_id),
    )
    if row is None:
        raise NotFoundError("This workflow has no such trigger.")
    return row


def _no_json(webhook: Webhook) -> UnprocessableError:
    first = webhook.problems[0]
    return UnprocessableError(first.message, code=first.code, problems=list(webhook.problems))


def _view(row: DictRow) -> TriggerOut:
    return {
        "id": str(row["id"]),
        "project_id": str(row["project_id"]),
        "workflow_id": str(row["workflow_id"]),
        "name": row["name"],
        "path": f"/api/v1/triggers/{row['id']}",
        "signature": row["signature"],
        "version": row["version"],
        "envelope": row["envelope"],
        "metadata": row["meta"] or {},
        "priority": row["priority"],
        "active": row["active"],
        "old_secret_until": maybe_rfc3339(row["old_until"]),
        "created_at": rfc3339(row["created_at"]),
        "updated_at": rfc3339(row["updated_at"]),
    }
