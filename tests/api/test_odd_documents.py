from typing import Any

import pytest

from tests.support import Project, ended


def transform(node_id: str, value: str = "1", **more: Any) -> str:
    fields = "".join(f', "{name}": {text}' for name, text in more.items())
    return f'{{"id": {node_id}, "type": "transform", "config": {{"value": {value}}}{fields}}}'


def graph(*nodes: str, edges: str = "", more: str = "") -> str:
    return f'{{"nodes": [{", ".join(nodes)}], "edges": [{edges}]{more}}}'


A = transform('"a"')
# Written as JSON text, as no Python client would send some of them.
ODD = {
    "a NUL in an id": (graph(transform(r'"a\u0000b"')), 422),
    "a lone surrogate in an id": (graph(transform(r'"\ud800"')), 422),
    "a NUL in an edge": (graph(A, edges=r'{"source": "a", "target": "\u0000"}'), 422),
    "nothing but names": (graph('{"id": "a"}'), 422),
    "nodes without end": ('{"nodes": ' + "[" * 5000 + "]" * 5000 + "}", 422),
    "a NUL in a value": (graph(transform('"a"', r'"x\u0000y"')), 201),
    "a lone surrogate in a value": (graph(transform('"a"', r'"\ud800"')), 201),
    "a NUL in a template": (graph(transform('"a"', r'"{{ input }}\u0000"')), 201),
    "a NUL in a name": (graph(transform('"a"', name=r'"\u0000"')), 201),
    "a NUL in the metadata": (graph(A, more=r', "metadata": {"\u0000": "\ud800"}'), 201),
    "a whole number over 64 bits": (graph(transform('"a"', str(2**80))), 201),
    "names that LangGraph reserves": (
        graph(transform('"a:b|c"'), transform('"__start__"'), edges='{"source": "a:b|c", "target": "__start__"}'),
        201,
    ),
    "ids that look alike": (graph(transform('"é"'), transform('"e\u0301"'), transform('" "'), transform('"/"')), 201),
    "values nested deep": (graph(transform('"a"', "[" * 150 + "]" * 150)), 201),
}


@pytest.mark.spec("API-8")
async def test_an_odd_document_is_refused_or_runs_to_its_end(server_project: Project) -> None:
    client = server_project.client
    for name, (document, status) in ODD.items():
        body = f'{{"name": "odd", "graph": {document}}}'
        made = await client.post(
            server_project.workflows, content=body.encode(), headers={"Content-Type": "application/json"}
        )
        assert made.status_code == status, (name, made.text)
        if status != 201:
            assert made.json()["errors"], name
            continue
        run = await server_project.run(made.json()["id"], {}, execute=True)
        path = f"{server_project.runs}/{run['id']}"
        assert (await ended(client, path))["status"] == "COMPLETED", name
        for part in ("nodes", "result", "events"):
            got = await client.get(f"{path}/{part}", headers={"Accept": "application/json"})
            assert got.status_code == 200, (name, part, got.text)
        for part in ("export?format=mermaid", "export", "versions", "diff?from=1&to=1"):
            got = await client.get(f"{server_project.workflows}/{made.json()['id']}/{part}")
            assert got.status_code == 200, (name, part, got.text)
    assert (await client.get("/stats")).status_code == 200
