"""Graphs as Python programs: they mean the same, and need no Graphwright."""

import ast
import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from app.compiler import CompileError, WorkflowGraphCompiler
from app.compiler.discovery import load_registry
from app.compiler.export import export_python
from tests.compiler.export_documents import DOCUMENTS, EXPRESSIONS, VALUE, failing
from tests.compiler.exported import run_program, run_programs
from tests.compiler.flow import COMPILER, graph, node, run
from tests.reference.generator import random_graph, random_input
from tests.reference.interpreter import interpret

CHUNK = 50
EXAMPLE = Path(__file__).parents[2] / "examples" / "data-quality"


def seen(flow):
    """Status and output of each node, as its last turn left it."""
    last = {}
    for (name, _), outcome in sorted(flow.outcomes.items(), key=lambda pair: pair[0][1]):
        last[name] = (outcome.status, outcome.output)
    return last


@pytest.mark.spec("EXPORT-1", "EXPORT-2")
@pytest.mark.parametrize("first", range(0, 200, CHUNK))
def test_random_graphs_run_alone_as_the_reference_interpreter_says(first: int, tmp_path: Path) -> None:
    tasks, expected = [], []
    for seed in range(first, first + CHUNK):
        rng = random.Random(seed)
        document, value = random_graph(rng, loops=seed % 4, state=seed % 3 == 0), random_input(rng)
        source = export_python(document, COMPILER.registry, name=f"Seed {seed}")
        tasks.append({"source": source, "input": value, "state": seed % 3 == 0})
        expected.append((seed, interpret(document, value)))

    for (seed, outcome), found in zip(expected, run_programs(tmp_path, tasks), strict=True):
        assert found["status"] == outcome.status, (seed, found)
        if outcome.status == "COMPLETED":
            assert found["result"] == outcome.result, seed
            assert seed % 3 or found["state"] == outcome.state, seed
        last = {name: (turn.status, turn.output) for (name, _), turn in outcome.nodes.items()}
        if found["nodes"] is not None:
            assert {name: (n["status"], n["output"]) for name, n in found["nodes"].items()} == last, seed


@pytest.mark.spec("EXPORT-1", "EXPORT-2")
async def test_every_part_of_the_language_means_the_same(tmp_path: Path) -> None:
    sources = [export_python(document, COMPILER.registry, name=name) for name, document in DOCUMENTS.items()]
    tasks = [{"source": source, "input": VALUE} for source in sources]

    for (name, document), found in zip(DOCUMENTS.items(), run_programs(tmp_path, tasks), strict=True):
        flow = await run(document, VALUE)
        assert found["status"] == flow.status, (name, found)
        if flow.status == "COMPLETED":
            assert found["result"] == flow.result, name
        if found["nodes"] is not None:
            assert {key: (n["status"], n["output"]) for key, n in found["nodes"].items()} == seen(flow), name


@pytest.mark.spec("EXPORT-3")
async def test_expressions_give_the_same_values_and_the_same_errors(tmp_path: Path) -> None:
    nodes = [node(f"e{n}", config={"value": text}, on_error="continue") for n, text in enumerate(EXPRESSIONS)]
    flow = await run(graph(nodes), VALUE)

    found = run_program(tmp_path, graph([*nodes, node("last")]), VALUE, state=True)

    for n, text in enumerate(EXPRESSIONS):
        ended, outcome = found["nodes"][f"e{n}"], flow.outcomes[f"e{n}", 0]
        assert json.dumps(ended["output"]) == json.dumps(outcome.output), text
        assert (ended["error"] or {}).get("type") == (outcome.error or {}).get("type"), (text, ended["error"])


@pytest.mark.spec("EXPORT-4")
@pytest.mark.parametrize("name", ["a chain", "a choice", "a condition and else", "branches side by side"])
def test_a_simple_graph_is_a_simple_program(name: str) -> None:
    source = export_python(DOCUMENTS[name], COMPILER.registry, name=name)

    assert "builder.add_edge(START" in source
    assert "class Flow" not in source
    assert "Retry" not in source
    assert len(source.splitlines()) < 250


@pytest.mark.spec("EXPORT-4")
@pytest.mark.parametrize(
    "name", ["several true conditions", "branches of different length", "join first", "an error edge", "a loop"]
)
def test_what_langgraph_would_do_otherwise_is_no_native_edge(name: str) -> None:
    assert "class Flow" in export_python(DOCUMENTS[name], COMPILER.registry, name=name)


@pytest.mark.spec("EXPORT-5")
def test_programs_are_formatted_and_import_nothing_of_graphwright(tmp_path: Path) -> None:
    for number, (name, document) in enumerate(DOCUMENTS.items()):
        source = export_python(document, COMPILER.registry, name=name)
        (tmp_path / f"program_{number}.py").write_text(source)
        for part in ast.walk(ast.parse(source)):
            modules = [alias.name for alias in part.names] if isinstance(part, ast.Import) else []
            modules += [part.module or ""] if isinstance(part, ast.ImportFrom) else []
            assert not [module for module in modules if module.split(".")[0] == "app"]
    ruff = [str(Path(sys.executable).with_name("ruff"))]
    quiet = ["--isolated", "--line-length", "120", "--target-version", "py311", str(tmp_path)]
    checked = subprocess.run([*ruff, "check", "--select", "F,I,B", *quiet], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
    formatted = subprocess.run([*ruff, "format", "--diff", *quiet], capture_output=True, text=True, check=False)
    assert formatted.returncode == 0, formatted.stdout


@pytest.mark.spec("EXPORT-5")
def test_a_program_is_run_from_the_command_line(tmp_path: Path) -> None:
    source = export_python(DOCUMENTS["a chain"], COMPILER.registry, name="Doubling")
    (tmp_path / "program.py").write_text(source)

    done = subprocess.run(
        [sys.executable, "program.py", '{"n": 4}'], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    assert json.loads(done.stdout) == {"b": 8}
    assert source.startswith('"""Doubling.\n')
    assert "pip install langgraph minijinja\n" in source


@pytest.mark.spec("EXPORT-1")
def test_the_data_quality_workflow_gives_the_same_report(tmp_path: Path) -> None:
    document = json.loads((EXAMPLE / "graph.json").read_text())
    value = json.loads((EXAMPLE / "template.json").read_text())["input"]
    source = export_python(document, load_registry([EXAMPLE.parent]), name="Data quality")

    found = run_programs(tmp_path, [{"source": source, "input": value}], GRAPHWRIGHT_TOOLS=f"/nowhere:{EXAMPLE}")[0]

    assert found["status"] == "COMPLETED", found
    assert found["result"]["after"]["score"] == 1.0
    assert [lap["kind"] for lap in found["result"]["laps"]] == ["spacing", "missing", "spelling"]
    assert "data_quality.py" in source.split('"""')[1]


@pytest.mark.spec("EXPORT-12")
def test_a_graph_with_problems_is_refused_with_all_of_them() -> None:
    document = graph([node("a", config={"value": "{{ nowhere }}"}), node("a")], ("a", "b"))
    with pytest.raises(CompileError) as caught:
        export_python(document, COMPILER.registry, name="Wrong")
    assert caught.value.problems == COMPILER.inspect(document).problems


@pytest.mark.spec("EXPORT-1")
def test_a_run_stops_at_its_first_failure_where_the_graph_says_so(tmp_path: Path) -> None:
    slow = node("slow", "delay", config={"seconds": 60})
    found = run_program(tmp_path, graph([failing("bad"), slow], settings={"on_failure": "stop"}))

    assert (found["status"], found["code"]) == ("FAILED", "node_failed")


@pytest.mark.spec("EXPORT-1")
@pytest.mark.parametrize("name", sorted(place.parent.name for place in EXAMPLE.parent.glob("*/graph.json")))
def test_every_example_becomes_a_program(name: str, tmp_path: Path) -> None:
    folder = EXAMPLE.parent / name
    source = export_python(json.loads((folder / "graph.json").read_text()), load_registry([EXAMPLE.parent]), name=name)

    (tmp_path / "program.py").write_text(source)
    ruff = [str(Path(sys.executable).with_name("ruff")), "check", "--select", "F,I", "--isolated"]
    checked = subprocess.run([*ruff, str(tmp_path)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.spec("EXPORT-1")
async def test_the_agent_loop_gives_the_same_answer(tmp_path: Path) -> None:
    folder = EXAMPLE.parent / "agent-loop"
    document, registry = json.loads((folder / "graph.json").read_text()), load_registry([folder])
    value = json.loads((folder / "template.json").read_text())["input"]
    source = export_python(document, registry, name="Agent")
    flow = await run(document, value, compiler=WorkflowGraphCompiler(registry))

    found = run_programs(tmp_path, [{"source": source, "input": value}], GRAPHWRIGHT_TOOLS=str(folder))[0]

    assert found.get("result") == flow.result, found
