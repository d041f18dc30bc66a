"""The node that asks a person."""

from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationInfo, field_validator

from app.compiler.context import NodeContext
from app.compiler.failures import HardError
from app.compiler.jsonschemas import UsableSchema, misfits
from app.compiler.registry import node_type
from app.compiler.waiting import Reason

TEN_YEARS = 315_360_000
FAIL, GO_ON = "fail", "continue"


class ApprovalConfig(BaseModel):
    """What is asked, which answers fit, and what happens when none comes."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    prompt: str = Field(default="", description="What the person is asked; may hold templates.")
    schema_: UsableSchema | None = Field(default=None, alias="schema", description="JSON Schema of the answer.")
    timeout: float | None = Field(
        default=None,
        gt=0,
        le=TEN_YEARS,
        allow_inf_nan=False,
        description="Seconds to wait for an answer; null: for ever.",
    )
    on_timeout: Any = Field(
        default=FAIL,
        description='When the time is over: "fail", "continue" with a null answer, or any other value as the answer.',
    )

    @field_validator("on_timeout")
    @classmethod
    def _check_on_timeout(cls, value: Any, info: ValidationInfo) -> Any:
        schema = info.data.get("schema_")
        if schema is not None and value not in (FAIL, GO_ON):
            for pointer, message in misfits(schema, value):
                raise ValueError(f"this answer does not fit the schema at `{pointer or '/'}`: {message}")
        return value


@node_type("approval", config=ApprovalConfig, title="Approval", literal=("schema",), in_place=True)
async def approval_node(context: NodeContext, config: ApprovalConfig) -> JsonValue:
    """Asks a person and waits for the answer, which has to fit `schema`; gives `{answer, by}`.

    The run is WAITING meanwhile and holds no worker. The answer comes over the API. Past `timeout` the node fails with
    `approval_timeout`, or goes on with what `on_timeout` says, `by` then being "timeout".
    """
    until: datetime | None = None
    if config.timeout is not None:
        until = context.began + timedelta(seconds=config.timeout)
    why = Reason(
        "waiting_for_approval",
        config.prompt or "The run waits for an answer.",
        {"prompt": config.prompt, "schema": config.schema_},
    )
    signal = await context.wait("answer", why, until)
    if signal is not None:
        return {"answer": signal.data, "by": signal.by}
    if config.on_timeout == FAIL:
        raise HardError(f"Nobody answered within {config.timeout:g} seconds.", "approval_timeout")
    return {"answer": None if config.on_timeout == GO_ON else config.on_timeout, "by": "timeout"}
