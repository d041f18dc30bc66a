"""Nodes that ask a person."""

import asyncio
import json
from threading import Thread
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
                typed = await _typed(f"{prompt or see.node_id}\n> ")
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


async def _typed(prompt: str) -> str:
    """What is typed in; the thread that waits for it does not keep the program from ending."""
    loop, answer = asyncio.get_running_loop(), asyncio.Future[str]()

    def settle(text: str | None) -> None:
        if text is None and not answer.done():
            answer.set_exception(HardError("Nobody can answer here: call `run` with `answers`.", "no_answer"))
        elif not answer.done():
            answer.set_result(text or "")

    def read() -> None:
        try:
            text: str | None = input(prompt)
        except EOFError:
            text = None
        loop.call_soon_threadsafe(settle, text)

    Thread(target=read, daemon=True).start()
    return await answer
