"""The node that waits."""

import asyncio
from datetime import UTC, datetime, timedelta

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from app.compiler.context import NodeContext
from app.compiler.registry import node_type
from app.compiler.waiting import Reason

TEN_YEARS = 315_360_000


class DelayConfig(BaseModel):
    """How long to wait, or until when."""

    model_config = ConfigDict(extra="forbid")

    seconds: float | None = Field(
        default=None, ge=0, le=TEN_YEARS, allow_inf_nan=False, description="How long; or give `until`."
    )
    until: AwareDatetime | None = Field(default=None, description="A moment with its time zone: 2030-01-31T08:00:00Z.")

    @model_validator(mode="after")
    def _one_of_both(self) -> "DelayConfig":
        if (self.seconds is None) == (self.until is None):
            raise ValueError("a delay needs either seconds or until")
        return self


@node_type("delay", config=DelayConfig, title="Delay", in_place=True)
async def delay_node(context: NodeContext, config: DelayConfig) -> None:
    """Waits for `seconds` or `until` a moment, and gives null; a long wait holds no worker."""
    end = config.until or context.began + timedelta(seconds=config.seconds or 0)
    remaining = (end - datetime.now(UTC)).total_seconds()
    if remaining > context.resources.park_seconds:
        await context.wait(None, Reason("waiting_for_time", f"The node goes on at {end.isoformat()}."), end)
    elif remaining > 0:
        await asyncio.sleep(remaining)
