"""Expressions tried over the results of a run, while somebody writes them; changes nothing."""

from typing import Any, LiteralString
from uuid import UUID

from psycopg.rows import DictRow

from app import jsontext
from app.compiler import CompileError, HardError, plan_of
from app.compiler.expressions import ExpressionError
from app.compiler.plan import Plan
from app.compiler.trial import Standpoint, Trial, place_of_failure, read_trial, seen_at, spelled_scope, state_at
from app.errors import NotFoundError, Problem, UnprocessableError
from app.schemas.evaluation import EvaluateIn, EvaluationOut
from app.services.graphs import Graphs, graph_of, stored_version
from app.services.inputs import make_whole
from app.services.work import Work

MOST_SHOWN = 100_000
SHOWN_OF_LARGE = 4_000
MASK = "***"
RUN: LiteralString = "SELECT id, project_id, workflow_id, version, attempt, input FROM runs WHERE project_id = %s"


async def evaluate(work: Work, graphs: Graphs, project_id: UUID, wanted: EvaluateIn) -> EvaluationOut:
    """What an expression or a template gives. Raises NotFoundError, UnprocessableError (`unknown_node`)."""
    run = await _run(work, project_id, wanted)
    graph = await _graph(work, project_id, wanted, run)
    plan, trial = await graphs.aside(lambda: _read(graph, wanted))
    if not trial.problems and run is None and _depends_on_a_run(trial):
        trial.problems.append(Problem("no_run", "", "It reads values of a run, and there is none yet: start one."))
    if trial.problems:
        return _answer(run, trial.problems)
    scope, not_run = await _scope(work, run, plan, trial, wanted)
    if isinstance(scope, Problem):
        return _answer(run, [scope])
    return await graphs.aside(lambda: _tried(run, trial, scope, wanted, not_run))


async def _run(work: Work, project_id: UUID, wanted: EvaluateIn) -> DictRow | None:
    """The run that was asked for, else the newest one of the workflow, if it has any."""
    if wanted.run_id is not None:
        run = await work.first(f"{RUN} AND id = %s", (project_id, wanted.run_id))
        if run is None:
            raise NotFoundError("There is no such run in this project.")
        return run
    if wanted.workflow_id is None:
        return None
    return await work.first(f"{RUN} AND workflow_id = %s ORDER BY id DESC LIMIT 1", (project_id, wanted.workflow_id))


async def _graph(work: Work, project_id: UUID, wanted: EvaluateIn, run: DictRow | None) -> Any:
    """The graph in which the expression stands; None where nobody has said which."""
    if wanted.graph is not None:
        return wanted.graph
    if run is not None:
        return await graph_of(work, run["workflow_id"], run["version"])
    if wanted.workflow_id is None:
        return {"nodes": []}
    newest = await stored_version(work, project_id, wanted.workflow_id, None)
    return await graph_of(work, wanted.workflow_id, newest["version"])


def _read(graph: Any, wanted: EvaluateIn) -> tuple[Plan | None, Trial]:
    plan = _plan(graph)
    names = _names(graph) if plan is None else [node.id for node in plan.document.nodes]
    at: Standpoint | None = None
    if wanted.node_id is not None:
        if wanted.node_id not in names:
            message = f"The graph has no node `{wanted.node_id}`; send the id of one that it has."
            raise UnprocessableError(
                message, code="unknown_node", problems=[Problem("unknown_node", "/node_id", message)]
            )
        at = Standpoint(names.index(wanted.node_id), own=wanted.after, in_map=wanted.item is not None)
    bare = wanted.expression is not None
    value = wanted.expression if bare else wanted.template
    return plan, read_trial(value, bare=bare, plan=plan, names=names, at=at)


def _plan(graph: Any) -> Plan | None:
    """The plan of a graph; None while it has problems of its own, which its validation tells."""
    try:
        return plan_of(graph)
    except CompileError:
        return None


def _names(graph: Any) -> list[str]:
    nodes = graph.get("nodes") if isinstance(graph, dict) else None
    found = [node.get("id") for node in nodes if isinstance(node, dict)] if isinstance(nodes, list) else []
    return [name for name in found if isinstance(name, str)]


def _depends_on_a_run(trial: Trial) -> bool:
    return bool(trial.reads.roots - {"secrets"} or trial.reads.lookups)


async def _scope(
    work: Work, run: DictRow | None, plan: Plan | None, trial: Trial, wanted: EvaluateIn
) -> tuple[dict[str, Any] | Problem, list[str]]:
    """What it sees, and the nodes among this that have not run."""
    roots: dict[str, Any] = {"secrets": dict.fromkeys(trial.secrets, MASK)}
    reads = trial.reads
    if run is None:
        return spelled_scope(reads, roots, {}), []
    names = {lookup.name for lookup in reads.lookups}
    rows = await _turns(work, run["id"], plan, names | ({wanted.node_id} if wanted.node_id else set()), wanted)
    if isinstance(rows, Problem):
        return rows, []
    own = rows.get(wanted.node_id or "")
    path = own["path"] if own else []
    roots |= {
        "input": run["input"],
        "run": {
            "id": str(run["id"]),
            "project_id": str(run["project_id"]),
            "workflow_id": str(run["workflow_id"]),
            "attempt": run["attempt"],
        },
        "loop": {"iteration": path[-1] if path else 0},
        "output": own["output"] if own else None,
        "index": wanted.item,
    }
    if "item" in reads.roots:
        found = await _item(work, run["id"], wanted)
        if isinstance(found, Problem):
            return found, []
        roots["item"] = found[0]
    if "state" in reads.roots:
        state = await _state(work, run["id"], plan, wanted, path)
        if isinstance(state, Problem):
            return state, []
        roots["state"] = state
    nodes = {
        name: {"output": row["output"], "status": row["status"], "error": row["error"]} for name, row in rows.items()
    }
    return spelled_scope(reads, roots, nodes), sorted(names - rows.keys())


async def _turns(
    work: Work, run_id: UUID, plan: Plan | None, names: set[str], wanted: EvaluateIn
) -> dict[str, DictRow] | Problem:
    """The turns that are seen: the last ones, or the last ones before the node's iteration that is asked for."""
    if wanted.iteration is None or wanted.node_id is None:
        rows = await work.all(
            """SELECT DISTINCT ON (node_id) node_id, path, status, output, error FROM node_states
               WHERE run_id = %s AND node_id = ANY(%s) ORDER BY node_id, iteration DESC""",
            (run_id, list(names)),
        )
        return {row["node_id"]: row for row in rows}
    if plan is None:
        return Problem("graph_has_problems", "", "An iteration can be told once the graph has no problems.")
    found = await _seen(work, run_id, plan, names, (wanted.node_id, wanted.iteration))
    if found is None:
        return Problem("no_turn", "", f"The node has no turn {wanted.iteration} in this run.")
    rows = await work.all(
        """SELECT node_id, path, status, output, error FROM node_states
           JOIN unnest(%s::text[], %s::int[]) AS seen (name, turn) ON node_id = name AND iteration = turn
           WHERE run_id = %s""",
        (list(found), list(found.values()), run_id),
    )
    return {row["node_id"]: row for row in rows}


async def _seen(work: Work, run_id: UUID, plan: Plan, names: set[str], at: tuple[str, int]) -> dict[str, int] | None:
    """By node the iteration that a node sees in one of its own; None where it has no such."""
    turns = await work.all(
        "SELECT node_id, iteration, path FROM node_states WHERE run_id = %s AND node_id = ANY(%s) ORDER BY iteration",
        (run_id, list(names)),
    )
    name, iteration = at
    own = next((turn for turn in turns if turn["node_id"] == name and turn["iteration"] == iteration), None)
    index = {node.id: n for n, node in enumerate(plan.document.nodes)}
    if own is None or name not in index:
        return None
    return {
        **seen_at(
            plan, index[name], own["path"], [(turn["node_id"], turn["iteration"], turn["path"]) for turn in turns]
        ),
        name: iteration,
    }


async def _item(work: Work, run_id: UUID, wanted: EvaluateIn) -> list[Any] | Problem:
    """The item of the map at which the expression stands, alone in a list."""
    rows = await work.all(
        """SELECT input, input_parts FROM node_states WHERE run_id = %s AND node_id = %s
           AND iteration = coalesce(%s, iteration) ORDER BY iteration DESC LIMIT 1""",
        (run_id, wanted.node_id, wanted.iteration),
    )
    await make_whole(await work.connection(), run_id, rows)
    given = rows[0]["input"] if rows else None
    items = given.get("items") if isinstance(given, dict) else None
    at = wanted.item or 0
    if not isinstance(items, list) or at >= len(items):
        return Problem("no_item", "", f"The map has no item {at} in this run.")
    return [items[at]]


async def _state(
    work: Work, run_id: UUID, plan: Plan | None, wanted: EvaluateIn, path: list[int]
) -> dict[str, Any] | Problem:
    if plan is None:
        return Problem("graph_has_problems", "", "The state can be told once the graph has no problems.")
    rows = await work.all(
        "SELECT node_id, path, writes FROM node_states WHERE run_id = %s AND writes IS NOT NULL", (run_id,)
    )
    index = {node.id: n for n, node in enumerate(plan.document.nodes)}
    node = None if wanted.node_id is None else index.get(wanted.node_id)
    turns = [(row["node_id"], row["path"], [(key, value) for key, value in row["writes"]]) for row in rows]
    try:
        return state_at(plan, node, path, turns)
    except HardError as error:
        return Problem("state_error", "", str(error))


def _tried(
    run: DictRow | None, trial: Trial, scope: dict[str, Any], wanted: EvaluateIn, not_run: list[str]
) -> EvaluationOut:
    try:
        value = trial.value(scope)
        text = jsontext.dumps(value)
    except ExpressionError as error:
        pointer = "" if wanted.expression is not None else place_of_failure(wanted.template, scope)
        return _answer(run, [Problem(error.problem_code, pointer, error.message)], not_run)
    if len(text) > MOST_SHOWN:
        return {**_answer(run, [], not_run), "text": text[:SHOWN_OF_LARGE]}
    return {**_answer(run, [], not_run), "value": value}


def _answer(run: DictRow | None, problems: list[Problem], not_run: list[str] | None = None) -> EvaluationOut:
    return {
        "value": None,
        "text": None,
        "problems": [problem.as_json() for problem in problems],  # type: ignore[misc]
        "run_id": None if run is None else str(run["id"]),
        "not_run": not_run or [],
    }
