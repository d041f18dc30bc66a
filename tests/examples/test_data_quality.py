import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.compiler import HardError
from tests.examples.conftest import EXAMPLES, Service

FOLDER = EXAMPLES / "data-quality"
AIRPORTS = "903c7169e6d558eefb95295fe2947ec8503135fbb855ea5c737cf4a90ea603ad"
INPUT = json.loads((FOLDER / "template.json").read_text())["input"]
HEADER = "id,name,size\n"

Call = Callable[..., Any]


@pytest.fixture
async def workflow(service: Service) -> str:
    answer = await service.client.post(f"{service.project}/workflows", json={"template": "data-quality"})
    return str(answer.raise_for_status().json()["id"])


def outputs(turns: list[dict[str, Any]], node_id: str) -> list[Any]:
    return [turn["output"] for turn in turns if turn["node_id"] == node_id and turn["status"] == "COMPLETED"]


@pytest.mark.spec("TPL-1")
async def test_templates_are_listed_with_graph_input_source_and_licence(service: Service) -> None:
    answer = await service.client.get("/templates")
    templates = {template["id"]: template for template in answer.raise_for_status().json()["items"]}
    assert set(templates) == {place.parent.name for place in EXAMPLES.glob("*/graph.json")}
    found = templates["data-quality"]
    assert found["graph"] == json.loads((FOLDER / "graph.json").read_text())
    assert found["input"] == INPUT
    assert "vega_datasets 0.9.0" in found["source"]
    assert found["licence"].startswith("Public domain")


@pytest.mark.spec("TPL-2", "TPL-3", "TPL-8")
async def test_airports_become_better_lap_by_lap_until_they_are_good(service: Service, workflow: str) -> None:
    run = await service.run(workflow, INPUT)
    assert run["status"] == "COMPLETED", run["error"]
    turns = await service.turns(run)
    assert [told["score"] for told in outputs(turns, "check")] == [0.99141, 0.99496, 0.99852, 1.0]
    assert [told["mended"] for told in outputs(turns, "repair")] == [12, 12, 5]
    assert outputs(turns, "verdict") == [{"branch": "good"}]
    result = run["result"]
    assert (result["verdict"], result["warning"]) == ("good", None)
    assert (result["before"]["rows"], result["after"]["rows"]) == (3376, 3376)
    assert sum(len(json.dumps(turn["output"])) for turn in turns) < 20_000


@pytest.mark.spec("TPL-4")
async def test_too_few_laps_end_with_a_warning(service: Service, workflow: str) -> None:
    run = await service.run(workflow, {**INPUT, "max_laps": 2})
    assert run["status"] == "COMPLETED", run["error"]
    assert [lap["kind"] for lap in run["result"]["laps"]] == ["spacing", "missing"]
    assert run["result"]["verdict"] == "bad"
    assert "score 0.99852" in run["result"]["warning"]
    skipped = {turn["node_id"] for turn in await service.turns(run) if turn["status"] == "SKIPPED"}
    assert "report" in skipped
    assert "warn" not in skipped


@pytest.mark.spec("TPL-2", "TPL-6")
async def test_a_csv_text_is_repaired_too_and_changes_tell_all(service: Service, workflow: str) -> None:
    text = HEADER + "1, Ann ,7\n2,Bob,NA\n3,bob,9\n4,Bob,999\n4,Bob,999\n"
    given = {"csv": text, "threshold": 1, "max_laps": 10, "limits": {"size": [0, 10]}, "include_csv": True}
    run = await service.run(workflow, given)
    assert run["status"] == "COMPLETED", run["error"]
    result = run["result"]
    assert result["csv"] == HEADER + "1,Ann,7\n2,Bob,9.5\n3,Bob,9\n4,Bob,10\n"
    assert (result["before"]["score"], result["after"]["score"]) == (0.0, 1.0)
    assert result["changes"]["dropped"] == [5]
    assert result["changes"]["cells"] == [[1, "name", "Ann"], [2, "size", "9.5"], [3, "name", "Bob"], [4, "size", "10"]]


@pytest.mark.spec("TPL-5")
@pytest.mark.parametrize(
    ("kind", "rows", "changes"),
    [
        ("spacing", "1,a  b ,5\n2,c,6\n", {"cells": [[1, "name", "a b"]], "dropped": []}),
        ("missing", "1,a,4\n2,n/a,6\n3,c,\n", {"cells": [[2, "name", "unknown"], [3, "size", "5"]], "dropped": []}),
        ("missing", "1,a,4\n-,,6\n3,c,5\n", {"cells": [], "dropped": [2]}),
        ("values", "1,a,4\n2,b,-3\n3,c,99\n", {"cells": [[2, "size", "0"], [3, "size", "10"]], "dropped": []}),
        ("spelling", "1,St. Paul,4\n2,St Paul,5\n3,ST PAUL,6\n4,St Paul,7\n", None),
        ("duplicates", "1,a,4\n1,a,4\n2,a,4\n1,a,4\n", {"cells": [], "dropped": [2, 4]}),
    ],
)
def test_a_repair_mends_its_kind_and_nothing_else(call: Call, kind: str, rows: str, changes: Any) -> None:
    text, limits = HEADER + rows, {"size": [0, 10]}
    table = call("quality.load", text)
    assert call("quality.check", text, table=table, limits=limits)["findings"][kind] > 0
    repaired = call("quality.repair", text, table=table, kind=kind, limits=limits)
    expected = changes or {"cells": [[1, "name", "St Paul"], [3, "name", "St Paul"]], "dropped": []}
    assert repaired["changes"] == expected
    assert call("quality.check", text, table=table, limits=limits, repaired=repaired)["findings"][kind] == 0


@pytest.mark.spec("TPL-5")
def test_a_word_in_a_column_of_numbers_becomes_the_median(call: Call) -> None:
    text = HEADER + "".join(f"{n},a{n},{n}\n" for n in range(1, 40)) + "40,b,many\n"
    table = call("quality.load", text)
    assert call("quality.check", text, table=table, limits={})["findings"]["values"] == 1
    repaired = call("quality.repair", text, table=table, kind="values", limits={})
    assert repaired["changes"]["cells"] == [[40, "size", "20"]]


@pytest.mark.spec("TPL-7")
@pytest.mark.parametrize(
    "name",
    [
        "../data-quality/airports.csv",
        "/etc/passwd",
        "data_quality.py",
        "graph.json",
        "",
        ".",
        "airports.csv\0",
        "..csv",
    ],
)
def test_no_other_file_is_read(call: Call, name: str) -> None:
    with pytest.raises(HardError, match=r"airports\.csv"):
        call("quality.load", file=name)


@pytest.mark.spec("TPL-9")
def test_a_changed_source_fails(call: Call) -> None:
    table = call("quality.load", HEADER + "1,a,4\n")
    with pytest.raises(HardError, match="has changed"):
        call("quality.profile", HEADER + "1,a,5\n", table=table)


@pytest.mark.spec("TPL-10")
def test_the_data_is_as_published() -> None:
    assert hashlib.sha256(Path(FOLDER / "airports.csv").read_bytes()).hexdigest() == AIRPORTS


@pytest.mark.parametrize("text", ["", HEADER, "a,a\n1,2\n", HEADER + "1,2,3,4\n", HEADER + '1,"2,3\n'])
def test_a_text_that_is_no_table_is_refused(call: Call, text: str) -> None:
    with pytest.raises(HardError) as refused:
        call("quality.load", text)
    assert refused.value.type == "bad_csv"
