"""Nodes that ask a person."""

import asyncio
import json
from typing import Any

from app.compiler.export.support.errors import HardError
from app.compiler.export.support.schema import check
from app.compiler.export.support.see import See


async def ask(
    see: See,
    prompt: str,
    *,
    schema: Any = True,
    timeout: float | None = None,  # noqa: ASYNC109
    on_timeout: Any = "fail",
) -> dict[str, Any]:
    """The answer given to `run(…, answers={node id: value})`, else the one typed in as JSON or text: `{answer, by}`."""
    if see.node_id in see.more["answers"]:
        answer = see.more["answers"][see.node_id]
        check(schema, answer, f"The answer for {see.node_id!r}")
        return {"answer": answer, "by": "answers"}
    try:
        async with asyncio.timeout(timeout):
            while True:
                typed = await asyncio.to_thread(input, f"{prompt or see.node_id}\n> ")
                try:
                    answer = json.loads(typed)
                except ValueError:
                    answer = typed
                try:
                    check(schema, answer, "The answer")
                except ValueError as error:
                    print(error)  # noqa: T201
                    continue
                return {"answer": answer, "by": "terminal"}
    except TimeoutError:
        if on_timeout == "fail":
            raise HardError(f"Nobody answered within {timeout:g} seconds.", "approval_timeout") from None
        return {"answer": None if on_timeout == "continue" else on_timeout, "by": "timeout"}
