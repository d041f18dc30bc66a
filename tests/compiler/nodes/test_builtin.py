import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from app.compiler.discovery import load_registry
from app.compiler.failures import HardError, Park
from app.compiler.jsonschemas import misfits, schema_problem
from app.compiler.registry import NodeType, collecting, snapshot, tool
from tests.compiler.nodes.conftest import MakeVisit
from tests.compiler.nodes.visits import Visit

TYPES = load_registry().node_types


@pytest.mark.spec("NODE-3")
@pytest.mark.parametrize("node_type", TYPES.values(), ids=TYPES)
def test_every_type_publishes_its_schema_and_refuses_unknown_fields(node_type: NodeType) -> None:
    schema = node_type.config_schema()
    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False
    assert node_type.title
    assert node_type.description
    with pytest.raises(ValidationError, match="Extra inputs"):
        node_type.config.model_validate({"surprise": 1})


@pytest.mark.spec("NODE-13")
async def test_input_gives_the_runs_input(visit: Visit) -> None:
    assert await visit.run("input", {}, input={"a": [1]}) == {"a": [1]}
    assert await visit.run("input", {"schema": {"type": "object"}}, input=None) is None
    assert "schema" in TYPES["input"].config_schema()["properties"]
    assert TYPES["input"].literal == ("schema",)


@pytest.mark.spec("NODE-13")
@pytest.mark.parametrize(
    "schema",
    [
        {"type": "objekt"},
        {"$ref": "https://example.com/schema.json"},
        {"properties": {"a": {"$ref": "#/$defs/missing"}}},
        {"$ref": "file:///etc/passwd"},
        {"pattern": "("},
        {"properties": 3},
        7,
    ],
)
def test_input_refuses_a_schema_that_cannot_be_used(schema: Any) -> None:
    with pytest.raises(ValidationError):
        TYPES["input"].config.model_validate({"schema": schema})


@pytest.mark.spec("NODE-13")
def test_schemas_are_usable_or_say_why_not() -> None:
    tree = {
        "$defs": {"n": {"properties": {"next": {"$ref": "#/$defs/n"}, "v": {"type": "integer"}}}},
        "$ref": "#/$defs/n",
    }
    assert schema_problem(tree) is None
    assert schema_problem(True) is None
    assert misfits(tree, {"next": {"v": "x"}})[0][0] == "/next/v"
    assert misfits({"required": ["a"]}, {})[0] == ("", "'a' is a required property")
    assert misfits(False, 1) != []
    assert schema_problem({"$ref": "#"}) is None
    assert misfits({"$ref": "#"}, 1) == [("", "the schema never ends for this value")]
    assert schema_problem({"$schema": "http://json-schema.org/draft-07/schema#", "type": "string"}) is None


@pytest.mark.spec("NODE-14")
async def test_output_gives_its_value_or_what_led_to_it(visit: Visit) -> None:
    assert await visit.run("output", {"value": None}, taken={"a": 1}) is None
    assert await visit.run("output", {"value": [1]}, taken={"a": 1}) == [1]
    assert await visit.run("output", {}, taken={"a": 1, "b": None}) == {"a": 1, "b": None}


@pytest.mark.spec("NODE-15")
async def test_transform_gives_its_value(visit: Visit) -> None:
    assert await visit.run("transform", {"value": {"a": [None, 1.5]}}) == {"a": [None, 1.5]}
    with pytest.raises(ValidationError):
        await visit.run("transform", {})


@pytest.mark.spec("NODE-16")
async def test_condition_chooses_the_first_true_branch_then_the_default(visit: Visit) -> None:
    branches = [{"name": "low", "when": "x < 1"}, {"name": "mid", "when": "x < 5"}, {"name": "any", "when": True}]
    values = {"x < 1": False, "x < 5": [0]}
    assert await visit.run("condition", {"branches": branches}, values=values) == {"branch": "mid"}
    assert await visit.run("condition", {"branches": branches}, values={"x < 1": 0, "x < 5": ""}) == {"branch": "any"}
    only = {"branches": branches[:1]}
    assert await visit.run("condition", {**only, "default": "rest"}, values=values) == {"branch": "rest"}
    with pytest.raises(HardError) as caught:
        await visit.run("condition", only, values=values)
    assert caught.value.type == "no_branch"


@pytest.mark.spec("NODE-16")
def test_condition_tells_its_branches_even_of_a_malformed_config() -> None:
    condition = TYPES["condition"]
    branches = [{"name": "a", "when": True}, {"name": "b", "when": "x"}]
    assert condition.branches({"branches": branches, "default": "a"}) == ("a", "b")
    assert condition.branches({"branches": branches, "default": "c"}) == ("a", "b", "c")
    assert condition.branches({"branches": [{"name": 1}, 2, None], "default": []}) == ()
    assert condition.branches({"branches": "x"}) == ()
    assert TYPES["transform"].branches({}) is None
    malformed: list[dict[str, Any]] = [{"branches": []}, {"branches": [branches[0], branches[0]]}, {}]
    for wrong in malformed:
        with pytest.raises(ValidationError):
            condition.config.model_validate(wrong)


@pytest.mark.spec("NODE-17")
async def test_a_short_delay_waits_in_place_and_can_be_cancelled(visit: Visit) -> None:
    begin = time.monotonic()
    assert await visit.run("delay", {"seconds": 0.05}) is None
    assert 0.04 < time.monotonic() - begin < 5
    assert await visit.run("delay", {"until": "2001-01-01T00:00:00Z"}) is None
    wait = asyncio.create_task(visit.run("delay", {"seconds": 50}))
    await asyncio.sleep(0)
    wait.cancel()
    with pytest.raises(asyncio.CancelledError):
        await wait


@pytest.mark.spec("NODE-17")
async def test_a_long_delay_parks_and_ends_when_its_time_has_come(make_visit: MakeVisit) -> None:
    visit = make_visit(park_seconds=1)
    with pytest.raises(Park) as parked:
        await visit.run("delay", {"seconds": 3600})
    assert 3590 < (parked.value.until - datetime.now(UTC)).total_seconds() <= 3600
    later = datetime.now(UTC) + timedelta(days=1)
    with pytest.raises(Park) as until:
        await visit.run("delay", {"until": later.isoformat()})
    assert until.value.until == later
    began = datetime.now(UTC) - timedelta(seconds=3601)
    assert await visit.run("delay", {"seconds": 3600}, began=began) is None
    with pytest.raises(Park) as early:
        await visit.run("delay", {"seconds": 7200}, began=began)
    assert early.value.until == began + timedelta(seconds=7200)


@pytest.mark.spec("NODE-17")
@pytest.mark.parametrize(
    "config",
    [{}, {"seconds": -1}, {"seconds": 1, "until": "2030-01-01T00:00:00Z"}, {"until": "2030-01-01T00:00:00"}]
    + [{"seconds": value} for value in (1e12, float("nan"), float("inf"), "soon")],
)
def test_a_delay_that_makes_no_sense_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TYPES["delay"].config.model_validate(config)


def double(value: int, times: int = 2) -> int:
    return value * times


@pytest.mark.spec("NODE-18")
async def test_a_tool_node_calls_its_tool(make_visit: MakeVisit) -> None:
    with collecting() as catalogue:
        tool(double)
    visit = make_visit(registry=snapshot(catalogue))
    assert await visit.run("tool", {"tool": "double", "args": {"value": 4}}) == 8
    with pytest.raises(HardError) as caught:
        await visit.run("tool", {"tool": "treble"})
    assert caught.value.type == "unknown_tool"


@pytest.mark.spec("NODE-18")
def test_an_unknown_tool_and_wrong_names_of_arguments_are_problems() -> None:
    with collecting() as catalogue:
        tool(double)
    registry = snapshot(catalogue)
    check = TYPES["tool"].check
    assert check is not None
    assert check({"tool": "double", "args": {"value": "{{ x }}"}}, registry) == []
    assert check({"tool": "double", "args": "{{ x }}"}, registry) == []
    assert check({"tool": ["x"]}, registry) == []
    assert [pointer for pointer, _ in check({"tool": "treble"}, registry)] == ["/tool"]
    assert [pointer for pointer, _ in check({"tool": "double", "args": {"a/b": 1}}, registry)] == [
        "/args",
        "/args/a~1b",
    ]
