"""What each type of node does in an exported program."""

import json
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from pydantic import BaseModel, ConfigDict

from app.compiler import NodeContext
from app.compiler.discovery import load_registry
from app.compiler.export import export_python
from app.compiler.registry import collecting, node_type, snapshot
from tests.compiler.export_documents import tool
from tests.compiler.exported import run_program, run_programs
from tests.compiler.flow import COMPILER, graph, node, run


class Service(BaseHTTPRequestHandler):
    """Answers with what it was asked; /flaky fails twice before."""

    failures = 2

    def do_GET(self) -> None:
        if self.path == "/missing":
            return self.answer(404, b"not here", "text/plain")
        if self.path == "/flaky" and Service.failures:
            Service.failures -= 1
            self.send_response(503)
            self.send_header("Retry-After", "0")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        return self.answer(200, json.dumps({"path": self.path}).encode(), "application/json")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.path == "/v1/chat/completions":
            return self.complete(json.loads(body))
        said = {"type": self.headers["Content-Type"], "key": "Idempotency-Key" in self.headers, "body": body}
        return self.answer(201, json.dumps({**said, "token": self.headers["X-Token"]}).encode(), "application/json")

    def complete(self, asked: dict[str, object]) -> None:
        """Speaks the protocol of OpenAI: calls the last tool that it is given, once, and answers then."""
        if asked["model"] == "nobody":
            return self.answer(404, b'{"error": {"message": "no such model"}}', "application/json")
        if asked["model"] == "busy" and Service.failures:
            Service.failures -= 1
            return self.answer(429, b'{"error": {"message": "slow down"}}', "application/json")
        last = asked["messages"][-1]
        if asked.get("tools") and last["role"] != "tool":
            function = asked["tools"][-1]["function"]
            args = {"value": 7} if function["name"] == "ref_echo" else {"ok": True}
            call = {"id": "c1", "type": "function"} | {
                "function": {"name": function["name"], "arguments": json.dumps(args)}
            }
            message = {"role": "assistant", "content": "", "tool_calls": [call]}
        else:
            message = {"role": "assistant", "content": f"{self.headers['Authorization']}: {last['content']}"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
        whole = {"id": "x", "object": "chat.completion", "model": "m", "choices": [choice], "usage": usage}
        return self.answer(200, json.dumps(whole).encode(), "application/json")

    def answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args) -> None:
        """Tests are quiet."""


@pytest.fixture
def service():
    Service.failures = 2
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.spec("EXPORT-6", "EXPORT-7")
def test_http_nodes_call_their_services(service: str, tmp_path: Path) -> None:
    posted = {"method": "POST", "url": "{{ input.url }}/post", "json": {"n": "{{ input.n }}"}}
    posted["headers"] = {"X-Token": "{{ secrets.token }}", "X-None": None}
    retry = {"max_attempts": 3, "initial_interval": 0.01, "jitter": False}
    document = graph(
        [
            node("get", "http", config={"url": "{{ input.url }}/a", "query": {"q": [1, "x y"], "no": None}}),
            node("post", "http", config=posted),
            node("flaky", "http", config={"url": "{{ input.url }}/flaky"}, retry=retry),
            node("missing", "http", config={"url": "{{ input.url }}/missing"}, on_error="continue", retry=retry),
            node("fine", "http", config={"url": "{{ input.url }}/missing", "expect_status": [404]}),
            node("gone", "http", config={"url": "http://127.0.0.1:1/"}, on_error="continue"),
        ]
    )

    found = run_program(tmp_path, document, {"url": service, "n": 1}, state=True, GRAPHWRIGHT_SECRET_TOKEN="s3cret")

    ended = found["nodes"]
    assert ended["get"]["output"]["json"] == {"path": "/a?q=1&q=x+y"} == ended["get"]["output"]["response"]
    assert ended["get"]["output"]["status"] == 200
    assert ended["get"]["output"]["headers"]["content-type"] == "application/json"
    said = {"type": "application/json", "key": True, "body": '{"n": 1}', "token": "s3cret"}
    assert ended["post"]["output"]["json"] == said
    assert ended["flaky"]["output"]["json"] == {"path": "/flaky"}
    assert (ended["missing"]["error"]["type"], ended["missing"]["error"]["retryable"]) == ("http_status", False)
    assert ended["fine"]["output"]["text"] == "not here"
    assert (ended["gone"]["error"]["type"], ended["gone"]["error"]["retryable"]) == ("ConnectError", True)


@pytest.mark.spec("EXPORT-8")
def test_the_input_is_checked_against_its_schema(tmp_path: Path) -> None:
    schema = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
    document = graph([node("a", "input", config={"schema": schema})])

    assert run_program(tmp_path, document, {"n": 1})["result"] == {"a": {"n": 1}}
    refused = run_program(tmp_path, document, {"n": "one"})
    assert (refused["status"], "$.n" in refused["message"]) == ("FAILED", True)


@pytest.mark.spec("EXPORT-9")
def test_approvals_take_the_answers_that_are_given(tmp_path: Path) -> None:
    asks = node("ask", "approval", config={"prompt": "Is {{ input.n }} fine?", "schema": {"type": "boolean"}})
    document = graph([asks, node("b", config={"value": "{{ ask.output.answer }}"})], ("ask", "b"))

    assert run_program(tmp_path, document, {"n": 1}, answers={"ask": True})["result"] == {"b": True}
    assert run_program(tmp_path, document, {"n": 1}, answers={"ask": "yes"})["status"] == "FAILED"


@pytest.mark.spec("EXPORT-9")
def test_approvals_ask_on_the_terminal(tmp_path: Path) -> None:
    asks = node("ask", "approval", config={"prompt": "Is {{ input.n }} fine?", "schema": {"type": "boolean"}})
    (tmp_path / "program.py").write_text(export_python(graph([asks]), COMPILER.registry, name="Asking"))

    done = subprocess.run(
        [sys.executable, "program.py", '{"n": 4}'],
        cwd=tmp_path, input="perhaps\ntrue\n", capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert "Is 4 fine?" in done.stdout
    assert '"answer": true' in done.stdout


@pytest.mark.spec("EXPORT-10")
def test_a_subworkflow_is_part_of_the_program_when_it_is_known(tmp_path: Path) -> None:
    child = graph([node("a", "input"), node("b", "output", config={"value": "{{ input.m + 1 }}"})], ("a", "b"))
    calls = node("a", "subworkflow", config={"workflow": "Add one", "input": {"m": "{{ input.n }}"}})
    bad = node("c", "subworkflow", config={"workflow": "Add one", "input": {}}, on_error="continue")
    document = graph([calls, node("b", config={"value": "{{ a.output * 2 }}"}), bad], ("a", "b"))

    found = run_program(tmp_path, document, {"n": 3}, children={("Add one", None): child}, state=True)

    assert found["nodes"]["b"]["output"] == 8
    assert found["nodes"]["c"]["error"]["type"] == "child_failed"
    unknown = run_program(tmp_path, document, {"n": 3})
    assert (unknown["status"], "Add one" in unknown["message"]) == ("FAILED", True)


class Config(BaseModel):
    model_config = ConfigDict(extra="forbid")


@pytest.mark.spec("EXPORT-11")
def test_what_cannot_stand_alone_says_so(tmp_path: Path) -> None:
    with collecting() as catalogue:

        @node_type("special", config=Config)
        async def special(_context: NodeContext, _config: Config) -> int:
            return 1

    everything = load_registry()
    registry = snapshot(catalogue)
    registry = type(registry)({**everything.node_types, **registry.node_types}, everything.tools)
    document = graph(
        [node("a", "special", on_error="continue"), node("b", config={"value": "{{ a.error.type }}"})], ("a", "b")
    )
    source = export_python(document, registry, name="Special")

    found = run_programs(tmp_path, [{"source": source}])[0]

    assert found["result"] == {"b": "NotImplementedError"}
    assert "Node 'a' cannot stand alone" in source.split('"""')[1]


DOUBLE = {
    "type": "transform",
    "config": {"value": {"n": "{{ item * 2 }}", "at": "{{ index }}", "of": "{{ a.output }}"}},
}
MAPS = {
    "a map": node("m", "map", config={"items": "{{ input.list }}", "node": DOUBLE, "concurrency": 2}),
    "a map that collects": node(
        "m", "map", config={"items": [1, 0, 2], "on_item_error": "collect", "node": {
            "type": "tool", "config": tool("check", value="{{ item }}", fail="{{ item == 0 }}", message="zero")}},
    ),
    "a map that fails": node(
        "m", "map", config={"items": [1, 0, 2], "node": {
            "type": "tool", "config": tool("check", value="{{ item }}", fail="{{ item == 0 }}", message="zero")}},
    ),
    "items that go on": node(
        "m", "map", config={"items": [1, 2], "node": {
            "type": "tool", "config": tool("fail", message="no"), "on_error": "continue"}},
    ),
    "a map in a map": node(
        "m", "map", config={"items": [[1, 2], [3]], "node": {"type": "map", "config": {
            "items": "{{ item }}", "node": {"type": "transform", "config": {"value": "{{ item + input.n }}"}}}}},
    ),
    "no list": node("m", "map", config={"items": "{{ input.n }}", "node": DOUBLE}),
}  # fmt: skip


@pytest.mark.spec("EXPORT-13")
async def test_maps_give_the_results_of_their_items_in_order(tmp_path: Path) -> None:
    value = {"n": 1, "list": [1, 2, 3]}
    beside = node("b", "delay", config={"seconds": 0})
    documents = [graph([node("a"), inner, beside, node("z")], ("a", "m"), ("m", "z")) for inner in MAPS.values()]
    tasks = [
        {"source": export_python(one, COMPILER.registry, name="Map"), "input": value, "state": True}
        for one in documents
    ]

    for document, name, found in zip(documents, MAPS, run_programs(tmp_path, tasks), strict=True):
        flow = await run(document, value)
        outcome = flow.outcomes["m", 0]
        assert found["status"] == flow.status, (name, found)
        ended = found["nodes"]["m"]
        assert (ended["status"], ended["output"]) == (outcome.status, outcome.output), name
        error = outcome.error or {"type": None}
        assert (ended["error"] or {"type": None})["type"] == error["type"], name


@pytest.mark.spec("EXPORT-13", "EXPORT-10")
def test_a_map_runs_a_workflow_for_each_item(tmp_path: Path) -> None:
    child = graph([node("a", "input"), node("b", "output", config={"value": "{{ input + 1 }}"})], ("a", "b"))
    document = graph([node("m", "map", config={"items": [1, 2], "workflow": "Add one"})])

    assert run_program(tmp_path, document, children={("Add one", None): child})["result"] == {"m": [2, 3]}


SCRIPT = [{"tool_calls": [{"name": "ref_echo", "args": {"value": "{{ input.n }}"}}]}, "It is {{ input.n }}."]
SHAPE = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
MODELS = {
    "an echo": {"model": "fake:echo", "prompt": "Say {{ input.n }}.", "system": "Be brief."},
    "tools": {"model": "fake:script", "prompt": "n?", "tools": ["ref.echo"], "options": {"responses": SCRIPT}},
    "too many rounds": {
        "model": "fake:script", "prompt": "n?", "tools": ["ref.echo"], "max_tool_rounds": 0,
        "options": {"responses": SCRIPT},
    },
    "a failing tool": {
        "model": "fake:script", "prompt": "n?", "tools": ["ref.fail"],
        "options": {"responses": [{"tool_calls": [{"name": "ref_fail", "args": {"message": "m"}}]}, "done"]},
    },
    "a form": {
        "model": "fake:script", "messages": [{"role": "user", "content": "ok?"}], "schema": SHAPE,
        "prices": {"input": 1.0, "output": 2.0}, "options": {"responses": [{"structured": {"ok": True}}]},
    },
    "a form that does not fit": {
        "model": "fake:script", "prompt": "ok?", "schema": SHAPE, "options": {"responses": [{"structured": {"ok": 1}}]},
    },
    "an ended script": {"model": "fake:script", "prompt": "?"},
}  # fmt: skip


@pytest.mark.spec("EXPORT-14")
async def test_language_models_are_asked_the_same_way(tmp_path: Path) -> None:
    nodes = [node(f"m{n}", "llm", config=config, on_error="continue") for n, config in enumerate(MODELS.values())]
    document = graph([*nodes, node("last")])
    flow = await run(document, {"n": 3})

    found = run_program(tmp_path, document, {"n": 3}, state=True)

    for n, name in enumerate(MODELS):
        ended, outcome = found["nodes"][f"m{n}"], flow.outcomes[f"m{n}", 0]
        assert (ended["error"] or {}).get("type") == (outcome.error or {}).get("type"), (name, ended["error"])
        told = dict(ended["output"] or {})
        for key in ("text", "messages", "structured", "model"):
            assert told.get(key) == (outcome.output or {}).get(key), name
        assert told.get("usage", {}).keys() == (outcome.output or {}).get("usage", {}).keys()


@pytest.mark.spec("EXPORT-14")
def test_models_of_providers_are_opened_by_langchain() -> None:
    config = {"model": "openai:gpt-5.5", "prompt": "Hi", "temperature": 0, "api_key": "{{ secrets.openai }}"}
    source = export_python(graph([node("a", "llm", config=config)]), COMPILER.registry, name="Model")

    assert 'ask_model(see, "openai:gpt-5.5", prompt="Hi", temperature=0, api_key=see("secrets.openai"))' in source
    assert "init_chat_model(model" in source
    assert "class Fake" not in source
    assert "pip install langgraph langchain minijinja jsonschema langchain-openai" in source


@pytest.mark.spec("EXPORT-14", "EXPORT-7")
def test_a_model_of_a_provider_is_asked_with_tools_and_forms(service: str, tmp_path: Path) -> None:
    asked = {"model": "openai:m", "prompt": "Hi", "base_url": f"{service}/v1", "api_key": "{{ secrets.key }}"}
    document = graph(
        [
            node("text", "llm", config={**asked, "prices": {"input": 1e6, "output": 0.0}}),
            node("tools", "llm", config={**asked, "tools": ["ref.echo"]}),
            node("form", "llm", config={**asked, "schema": SHAPE}),
            node("busy", "llm", config={**asked, "model": "openai:busy"}, retry={"initial_interval": 0}),
            node("nobody", "llm", config={**asked, "model": "openai:nobody"}, on_error="continue"),
        ]
    )

    found = run_program(tmp_path, document, state=True, GRAPHWRIGHT_SECRET_KEY="s3cret")

    ended = found["nodes"]
    assert ended["text"]["output"]["text"] == "Bearer s3cret: Hi"
    assert ended["text"]["output"]["usage"] == {
        "input_tokens": 11, "output_tokens": 7, "total_tokens": 18, "cost": 11.0,
    }  # fmt: skip
    assert [message["role"] for message in ended["tools"]["output"]["messages"]] == [
        "user",
        "assistant",
        "tool",
        "assistant",
    ]
    assert ended["tools"]["output"]["text"] == "Bearer s3cret: 7"
    assert ended["form"]["output"]["structured"] == {"ok": True}
    assert ended["busy"]["output"]["text"] == "Bearer s3cret: Hi"
    assert (ended["nobody"]["error"]["type"], ended["nobody"]["error"]["retryable"]) == ("model_not_found", False)


@pytest.mark.spec("EXPORT-4", "EXPORT-6")
def test_a_chain_with_retries_and_timeouts_keeps_its_own_edges(service: str, tmp_path: Path) -> None:
    retry = {"max_attempts": 3, "initial_interval": 0, "jitter": False}
    document = graph(
        [
            node("flaky", "http", config={"url": "{{ input.url }}/flaky"}, retry=retry, timeout=5),
            node("last", "output", config={"value": "{{ flaky.output.json.path }}"}),
        ],
        ("flaky", "last"),
    )

    assert "class Flow" not in export_python(document, COMPILER.registry, name="Chain")
    assert run_program(tmp_path, document, {"url": service})["result"] == "/flaky"
