import asyncio
import contextvars
import json
import os
import sys
import threading
import time
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import Field

from app.compiler.context import NodeContext
from app.compiler.failures import HardError, RetryableError, failure_of
from app.compiler.registry import collecting, snapshot, tool
from app.compiler.tools import RegistrationError, Tool
from tests.compiler.nodes.visits import Visit, until

WHO: contextvars.ContextVar[str] = contextvars.ContextVar("who", default="nobody")


def made(function: Any, **options: Any) -> Tool:
    with collecting() as catalogue:
        tool(**options)(function) if options else tool(function)
    (found,) = catalogue.tools.values()
    return found


def area(width: float, height: Annotated[float, Field(description="In metres.")] = 2, json: bool = False) -> float:
    """Area of a rectangle."""
    return width * height


@pytest.mark.spec("NODE-1")
async def test_a_decorated_function_is_called_by_name_with_checked_arguments(visit: Visit) -> None:
    with collecting() as catalogue:
        assert tool(area) is area
        assert tool(name="shape.area", description="Another.")(area) is area
    tools = snapshot(catalogue).tools
    assert tools["area"].description == "Area of a rectangle."
    assert tools["shape.area"].description == "Another."
    schema = tools["area"].args_schema
    assert schema["required"] == ["width"]
    assert schema["properties"]["height"]["description"] == "In metres."
    assert schema["properties"]["json"]["type"] == "boolean"
    assert await tools["area"].call({"width": "3", "json": True}, visit.resources) == 6


@pytest.mark.spec("NODE-1")
async def test_arguments_arrive_as_the_annotated_types_and_extra_ones_where_wanted(visit: Visit) -> None:
    def year(day: date, **rest: Any) -> list[Any]:
        return [day.year, rest]

    assert await made(year).call({"day": "2024-05-06", "x": [1]}, visit.resources) == [2024, {"x": [1]}]


@pytest.mark.spec("NODE-1")
def test_a_function_that_cannot_be_called_by_name_is_refused() -> None:
    def rows(*values: int) -> None: ...

    def first(value: int, /) -> None: ...

    for wrong in (rows, first):
        with pytest.raises(RegistrationError, match="positional"):
            made(wrong)

    class Opaque:
        pass

    def takes(value: Opaque) -> None: ...

    with pytest.raises(RegistrationError, match="cannot be described"):
        made(takes)


@pytest.mark.spec("NODE-6")
async def test_each_wrong_argument_is_named(visit: Visit) -> None:
    with pytest.raises(HardError) as caught:
        await made(area).call({"height": "tall", "depth": 1}, visit.resources)
    assert caught.value.type == "invalid_arguments"
    assert all(name in caught.value.message for name in ("width", "height", "depth"))


@pytest.mark.spec("NODE-7")
async def test_a_plain_function_runs_in_a_thread_with_the_callers_context(visit: Visit) -> None:
    release = threading.Event()

    def blocked() -> list[str]:
        assert release.wait(10)
        return [WHO.get(), threading.current_thread().name]

    WHO.set("ada")
    calls = [asyncio.create_task(made(blocked).call({}, visit.resources)) for _ in range(20)]
    await asyncio.sleep(0)
    release.set()
    results: list[Any] = await asyncio.gather(*calls)
    assert {who for who, _ in results} == {"ada"}
    assert threading.current_thread().name not in {name for _, name in results}


@pytest.mark.spec("NODE-8")
async def test_a_cancelled_async_tool_sees_it(visit: Visit) -> None:
    started, seen = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        try:
            started.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.set()
            raise

    call = asyncio.create_task(made(wait).call({}, visit.resources))
    await started.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert seen.is_set()


@pytest.mark.spec("NODE-11")
async def test_the_context_is_given_to_who_asks_for_it(visit: Visit) -> None:
    async def tell(context: NodeContext, rows: int) -> str:
        await context.progress(rows, 10, "half")
        await context.log("hello", rows=rows)
        return context.idempotency_key

    told = made(tell)
    assert list(told.args_schema["properties"]) == ["rows"]
    assert await told.call({"rows": 5}, visit.resources, visit.context()) == "run-1/node/0"
    assert visit.reports == [
        ("progress", {"done": 5, "total": 10, "message": "half"}),
        ("log", {"level": "info", "message": "hello", "fields": {"rows": 5}}),
    ]
    with pytest.raises(HardError, match="context"):
        await told.call({"rows": 5, "context": {}}, visit.resources, visit.context())
    with pytest.raises(RegistrationError, match="NodeContext"):
        made(tell, process=True)


def leave() -> None:
    sys.exit(3)


def stop() -> None:
    raise StopIteration


def cancel() -> None:
    raise asyncio.CancelledError


async def leave_async() -> None:
    sys.exit("bye")


async def await_cancelled() -> None:
    inner = asyncio.ensure_future(asyncio.sleep(60))
    inner.cancel()
    await inner


@pytest.mark.spec("NODE-12")
@pytest.mark.parametrize("function", [leave, stop, cancel, leave_async, await_cancelled])
async def test_a_tool_can_fail_in_any_way_without_stopping_or_hanging_the_worker(visit: Visit, function: Any) -> None:
    async with asyncio.timeout(10):
        with pytest.raises((HardError, RuntimeError)) as caught:
            await made(function).call({}, visit.resources)
    assert not failure_of(caught.value).retryable


def in_process(value: Any) -> Any:
    print("printed, not answered")  # noqa: T201
    return {"pid": os.getpid(), "value": value}


async def in_process_async(value: int) -> int:
    await asyncio.sleep(0)
    return value + 1


def fail_in_process(kind: str) -> Any:
    if kind == "die":
        os._exit(9)
    if kind == "later":
        raise RetryableError("busy", 4)
    raise KeyError(kind)


def linger(file: str) -> None:
    Path(file).write_text(str(os.getpid()))
    time.sleep(120)


@pytest.mark.spec("NODE-9")
async def test_a_process_tool_runs_elsewhere_and_its_process_is_used_again(visit: Visit) -> None:
    call = made(in_process, process=True).call
    first: Any = await call({"value": [1, "\ud800"]}, visit.resources)
    second: Any = await call({"value": None}, visit.resources)
    assert first["value"] == [1, "\ud800"]
    assert first["pid"] == second["pid"] != os.getpid()
    assert await made(in_process_async, process=True).call({"value": 1}, visit.resources) == 2
    with pytest.raises(HardError, match="value"):
        await call({}, visit.resources)


@pytest.mark.spec("NODE-9")
async def test_a_process_tools_errors_arrive_with_their_kind_and_stack(visit: Visit) -> None:
    call = made(fail_in_process, process=True).call
    with pytest.raises(RetryableError) as later:
        await call({"kind": "later"}, visit.resources)
    assert later.value.retry_after == 4
    with pytest.raises(HardError) as hard:
        await call({"kind": "x"}, visit.resources)
    assert hard.value.type == "KeyError"
    assert "fail_in_process" in failure_of(hard.value).stack
    with pytest.raises(HardError) as dead:
        await call({"kind": "die"}, visit.resources)
    assert dead.value.type == "process_died"
    with pytest.raises(RetryableError):
        await call({"kind": "later"}, visit.resources)


@pytest.mark.spec("NODE-9")
async def test_a_cancelled_process_tool_is_killed(visit: Visit, tmp_path: Path) -> None:
    file = tmp_path / "pid"
    call = asyncio.create_task(made(linger, process=True).call({"file": str(file)}, visit.resources))
    await until(lambda: file.exists() and file.read_text() != "", 30)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    with pytest.raises(ProcessLookupError):
        os.kill(int(file.read_text()), 0)


@pytest.mark.spec("NODE-10")
async def test_a_result_that_is_no_json_fails_where_it_was_made(visit: Visit) -> None:
    def odd() -> Any:
        return {"handle": object()}

    for options in ({}, {"process": False}):
        with pytest.raises(HardError) as caught:
            await made(odd, **options).call({}, visit.resources)
        assert caught.value.type == "not_json"
    assert json.dumps(await made(area).call({"width": 1}, visit.resources)) == "2.0"
