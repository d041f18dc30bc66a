"""The node that runs another workflow."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from app.compiler.context import NodeContext
from app.compiler.failures import HardError, RetryableError
from app.compiler.registry import node_type
from app.compiler.waiting import Child, Reason


class SubworkflowConfig(BaseModel):
    """Which workflow runs, and over what."""

    model_config = ConfigDict(extra="forbid")

    workflow: str = Field(min_length=1, description="The id of a workflow of the same project, or its name.")
    version: int | None = Field(default=None, ge=1, le=2**31 - 1, description="Default: the newest.")
    input: Any = Field(default=None, description="The child run's input; may hold templates.")


@node_type("subworkflow", config=SubworkflowConfig, title="Subworkflow", in_place=True)
async def subworkflow_node(context: NodeContext, config: SubworkflowConfig) -> JsonValue:
    """Runs another workflow as a run of its own, and gives its result.

    The parent waits without a worker. Cancelling the parent cancels the child, and a retry of the parent goes on with a
    child that failed. The node fails as the child does.
    """
    child = await context.child(config.workflow, config.version, config.input)
    while not child.has_ended:
        why = Reason("waiting_for_run", f"The node waits for the run {child.run_id}.", {"run_id": child.run_id})
        await context.wait("child", why)
        child = await context.child(config.workflow, config.version, config.input)
    if child.status == "COMPLETED":
        return child.result
    raise _failure(child)


def _failure(child: Child) -> HardError | RetryableError:
    if child.status == "CANCELLED":
        return HardError(f"The child run {child.run_id} was cancelled.", "child_cancelled")
    error = child.error or {}
    message = f"The child run {child.run_id} failed: {error.get('message') or 'no reason was given'}"
    return (
        RetryableError(message, type="child_failed") if error.get("retryable") else HardError(message, "child_failed")
    )
