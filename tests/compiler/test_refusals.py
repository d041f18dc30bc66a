import json
from pathlib import Path

import pytest

from app.compiler import CompileError
from tests.compiler.flow import COMPILER

EXAMPLES = sorted((Path(__file__).parent / "refusals").glob("*.json"))


@pytest.mark.spec("LANG-15")
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_a_bad_document_is_refused_with_exactly_its_problems(path: Path) -> None:
    example = json.loads(path.read_text())

    problems = COMPILER.inspect(example["graph"]).problems

    assert [[p.code, p.pointer] for p in problems] == example["problems"]
    assert all(p.message.endswith(".") for p in problems)
    with pytest.raises(CompileError):
        COMPILER.compile(example["graph"])


@pytest.mark.spec("LANG-15")
def test_every_code_of_the_language_has_an_example() -> None:
    shown = {code for path in EXAMPLES for code, _ in json.loads(path.read_text())["problems"]}

    assert shown >= {
        "duplicate_node_id",
        "unknown_node_type",
        "invalid_config",
        "unknown_source",
        "unknown_target",
        "no_entry",
        "unreachable_node",
        "loop_with_several_headers",
        "unconditional_loop",
        "unknown_branch",
        "invalid_template",
        "invalid_condition",
        "unknown_reference",
        "reference_not_upstream",
        "unknown_state_key",
    }


@pytest.mark.spec("LANG-15")
def test_what_is_too_large_is_refused_and_what_is_not_compiles() -> None:
    nodes = [{"id": f"n{i}", "type": "transform", "config": {"value": 1}} for i in range(10_001)]

    assert [p.code for p in COMPILER.inspect({"nodes": nodes}).problems] == ["too_large"]
    assert [
        p.code
        for p in COMPILER.inspect(
            {"nodes": [{"id": "a", "type": "transform", "config": {"value": "x" * 5_000_000}}]}
        ).problems
    ] == ["too_large"]


@pytest.mark.spec("LANG-15")
@pytest.mark.parametrize(
    "document",
    [
        None,
        1,
        "x",
        [],
        {},
        {"nodes": 1},
        {"nodes": {}},
        {"nodes": [1, None]},
        {"nodes": [], "edges": 3},
        {"nodes": [{"id": 5}]},
        {"nodes": [{"id": "a\0", "type": "transform"}]},
        {"nodes": [{"id": "\ud800", "type": "transform"}]},
        {"dag": 3},
        {"dag": {"nodes": [{"id": "a", "handler": [], "dependencies": {}}]}},
    ],
)
def test_any_json_value_is_refused_with_problems_and_never_an_exception(document) -> None:
    assert COMPILER.inspect(document).problems
