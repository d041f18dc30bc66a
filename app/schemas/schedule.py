"""Schedules, as the API speaks of them."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from app.schemas.common import Id, JsonObject, Name, Priority, ReasonOut, Request, Time, Version

CatchUp = Literal["none", "last", "all"]
FIRST_YEAR, LAST_YEAR = 1970, 9000

Overlap = Literal["skip", "queue", "allow", "cancel_previous"]
FiringStatus = Literal["started", "queued", "skipped", "failed", "missed"]


def _in_utc(time: datetime) -> datetime:
    if not FIRST_YEAR <= time.year <= LAST_YEAR:
        raise PydanticCustomError("out_of_range", "Write a time between 1970 and 9000.")
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


Moment = Annotated[datetime, AfterValidator(_in_utc)]
CRON = (
    "Minute, hour, day of month, month, day of week; a sixth field in front is the second; or `@hourly` and the like."
)


class ScheduleIn(Request):
    """When to run a workflow by itself, and with what."""

    name: Name = Field(examples=["Every working day at nine"])
    cron: str = Field(min_length=1, max_length=200, description=CRON, examples=["0 9 * * mon-fri"])
    timezone: str = Field(default="UTC", max_length=100, description="An IANA name.", examples=["Europe/Berlin"])
    version: Version | None = Field(default=None, description="Null: the newest at the time.")
    input_data: Any = Field(default=None, examples=[{"n": 21}])
    metadata: JsonObject = Field(default_factory=dict, description="Kept with each run.")
    priority: Priority = Field(default=0, description="Of the runs; those of a higher one go first.")
    catch_up: CatchUp = Field(
        default="last",
        description="What runs afterwards of the due times that were missed while nobody was there: nothing, the "
        "newest, or all, but no more than the newest 100.",
    )
    overlap: Overlap = Field(
        default="skip",
        description="When a run is due while the one before has not ended: leave it out, let it wait for that one, run "
        "both, or cancel the one before.",
    )
    active: bool = True
    starts_at: Moment | None = Field(default=None, description="Nothing is due before.")
    ends_at: Moment | None = Field(default=None, description="Nothing is due after.")


class ScheduleChange(Request):
    """What is to change; what is left out stays, and null takes away what may be absent."""

    name: Name | None = None
    cron: str | None = Field(default=None, min_length=1, max_length=200, description=CRON)
    timezone: str | None = Field(default=None, max_length=100)
    version: Version | None = None
    input_data: Any = None
    metadata: JsonObject | None = None
    priority: Priority | None = None
    catch_up: CatchUp | None = None
    overlap: Overlap | None = None
    active: bool | None = Field(default=None, description="What is due while it is false is neither run nor missed.")
    starts_at: Moment | None = None
    ends_at: Moment | None = None


class ScheduleOut(TypedDict):
    """A schedule. `missed` counts due times that passed while nobody was there, `skipped` those left out by `overlap`,
    `failed` those whose run could not be made; `problem` tells why the newest of them had no run.
    """

    id: Id
    project_id: Id
    workflow_id: Id
    name: str
    cron: str
    timezone: str
    version: int | None
    input_data: Any
    metadata: JsonObject
    priority: int
    catch_up: CatchUp
    overlap: Overlap
    active: bool
    starts_at: Time | None
    ends_at: Time | None
    next_at: Time | None
    last_at: Time | None
    last_run_id: Id | None
    missed: int
    skipped: int
    failed: int
    problem: ReasonOut | None
    created_at: Time
    updated_at: Time


class FiringOut(TypedDict):
    """What became of one due time: `queued` waits for the run before to end, all but it and `started` tell why."""

    scheduled_for: Time
    status: FiringStatus
    run_id: Id | None
    reason: ReasonOut | None
    created_at: Time
