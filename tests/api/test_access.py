from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
import pytest
from fastapi import FastAPI

from app.config import Settings
from app.errors import UnauthorizedError
from app.main import create_app
from tests.support import DOUBLE, Project, client_of, running, settings_for

ADMIN = "the-server-wide-key"
ROLES = ("viewer", "runner", "editor", "admin")


@pytest.fixture
async def closed_app(database_url: str, tmp_path: Path) -> AsyncIterator[FastAPI]:
    settings = settings_for(database_url, tmp_path, admin_key=ADMIN, host="0.0.0.0")
    async with running(create_app(settings, worker=False)) as app:
        yield app


@dataclass
class Keys:
    """A project with a client for each role, and one of the server's admin."""

    project: Project
    clients: dict[str, httpx.AsyncClient]
    admin: httpx.AsyncClient


@pytest.fixture
async def keys(closed_app: FastAPI) -> AsyncIterator[Keys]:
    async with AsyncExitStack() as stack:
        admin = await stack.enter_async_context(client_of(closed_app, ADMIN))
        project = await Project.make(admin)
        clients = {}
        for role in ROLES:
            made = await admin.post(f"/projects/{project.id}/keys", json={"name": role, "role": role})
            assert made.status_code == 201, made.text
            clients[role] = await stack.enter_async_context(client_of(closed_app, made.json()["secret"]))
        yield Keys(project, clients, admin)


@pytest.mark.spec("AUTH-1")
@pytest.mark.parametrize("header", [None, "Bearer ", "Bearer wrong", "Basic eDp5", "Bearer gw_00000000_x", "x"])
async def test_without_a_valid_key_a_closed_server_answers_401(closed_app: FastAPI, header: str | None) -> None:
    async with client_of(closed_app) as client:
        answer = await client.get("/projects", headers={"Authorization": header} if header else {})
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json()["code"] == "unauthorized"


@pytest.mark.spec("AUTH-11")
async def test_a_key_is_told_what_it_may_do(keys: Keys, client: httpx.AsyncClient) -> None:
    for role, caller in keys.clients.items():
        told = (await caller.get("/me")).json()
        assert told == {"name": role, "role": role, "project_id": keys.project.id, "open": False}
    told = (await keys.admin.get("/me")).json()
    assert told == {"name": "admin", "role": "admin", "project_id": None, "open": False}
    assert (await client.get("/me")).json() == {"name": "anybody", "role": "admin", "project_id": None, "open": True}


@pytest.mark.spec("AUTH-2")
async def test_each_role_may_do_what_it_says_and_no_more(keys: Keys) -> None:
    workflow = await keys.project.workflow(DOUBLE)
    body = {"workflow_id": workflow["id"], "input_data": {"n": 1}}
    steps = [
        ("viewer", "GET", f"{keys.project.workflows}/{workflow['id']}", None, 200),
        ("viewer", "POST", f"{keys.project.workflows}/validate", {"graph": DOUBLE}, 200),
        ("runner", "POST", keys.project.runs, body, 201),
        ("editor", "POST", keys.project.workflows, {"name": "x", "graph": DOUBLE}, 201),
        ("editor", "PATCH", f"{keys.project.workflows}/{workflow['id']}", {"name": "y"}, 200),
        ("admin", "GET", f"/projects/{keys.project.id}/keys", None, 200),
        ("admin", "POST", f"/projects/{keys.project.id}/keys", {"name": "x"}, 201),
    ]
    for needed, method, path, sent, success in steps:
        for role in ROLES:
            answer = await keys.clients[role].request(method, path, json=sent)
            allowed = ROLES.index(role) >= ROLES.index(needed)
            assert answer.status_code == (success if allowed else 403), (role, method, path, answer.text)


@pytest.mark.spec("AUTH-3")
async def test_a_thing_of_another_project_is_not_there(keys: Keys) -> None:
    other = await Project.make(keys.admin, "Other")
    workflow = await other.workflow(DOUBLE)
    run = await other.run(workflow["id"], {"n": 1})
    mine = keys.clients["admin"]
    paths = [
        f"/projects/{other.id}",
        other.workflows,
        f"{other.workflows}/{workflow['id']}",
        other.runs,
        f"{other.runs}/{run['id']}",
        f"{other.runs}/{run['id']}/events",
        f"{keys.project.workflows}/{workflow['id']}",
        f"{keys.project.workflows}/{workflow['id']}/versions/1",
        f"{keys.project.runs}/{run['id']}",
        f"{keys.project.runs}/{run['id']}/nodes",
        f"{keys.project.runs}/{run['id']}/result",
    ]
    for path in paths:
        assert (await mine.get(path)).status_code == 404, path
    for action in ("execute", "cancel", "retry"):
        assert (await mine.post(f"{keys.project.runs}/{run['id']}/{action}")).status_code == 404
    body = {"workflow_id": workflow["id"], "input_data": {"n": 1}}
    assert (await mine.post(keys.project.runs, json=body)).status_code == 404
    listed = (await mine.get("/projects")).json()["items"]
    assert [project["id"] for project in listed] == [keys.project.id]


@pytest.mark.spec("AUTH-4")
async def test_only_the_servers_own_key_makes_and_deletes_projects(keys: Keys) -> None:
    mine = keys.clients["admin"]
    assert (await mine.post("/projects", json={"name": "x"})).status_code == 403
    assert (await mine.delete(f"/projects/{keys.project.id}")).status_code == 403
    assert (await keys.admin.delete(f"/projects/{keys.project.id}")).status_code == 204
    assert (await keys.admin.get(f"/projects/{keys.project.id}")).status_code == 404


@pytest.mark.spec("AUTH-5")
async def test_a_secret_is_shown_once_and_only_its_hash_is_kept(keys: Keys, database_url: str) -> None:
    path = f"/projects/{keys.project.id}/keys"
    body = {"name": "x", "role": "viewer"}
    made = await keys.admin.post(path, json=body, headers={"Idempotency-Key": "k"})
    secret = made.json()["secret"]
    prefix = made.json()["prefix"]
    assert secret.startswith(f"gw_{prefix}_")
    assert len(secret.removeprefix(f"gw_{prefix}_")) == 43
    again = await keys.admin.post(path, json=body, headers={"Idempotency-Key": "k"})
    assert again.json() == {**made.json(), "secret": None}
    assert secret not in (await keys.admin.get(path)).text
    async with await psycopg.AsyncConnection.connect(database_url) as connection:
        for table in ("api_keys", "idempotency_keys"):
            rows = await (await connection.execute(f"SELECT * FROM {table}")).fetchall()
            assert rows
            assert secret not in str(rows)


@pytest.mark.spec("AUTH-6")
async def test_a_deleted_key_opens_nothing(keys: Keys) -> None:
    listed = (await keys.admin.get(f"/projects/{keys.project.id}/keys")).json()["items"]
    viewer = next(key for key in listed if key["name"] == "viewer")
    assert (await keys.clients["viewer"].get(keys.project.runs)).status_code == 200
    path = f"/projects/{keys.project.id}/keys/{viewer['id']}"
    assert (await keys.admin.delete(path)).status_code == 204
    assert (await keys.admin.delete(path)).status_code == 404
    assert (await keys.clients["viewer"].get(keys.project.runs)).status_code == 401


@pytest.mark.spec("AUTH-7")
@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "example.org", ""])
def test_a_server_without_a_key_refuses_to_start_on_other_addresses(tmp_path: Path, host: str) -> None:
    settings = Settings(home=tmp_path, host=host, admin_key=None)
    with pytest.raises(UnauthorizedError, match="GRAPHWRIGHT_ADMIN_KEY"):
        create_app(settings)


@pytest.mark.spec("AUTH-7")
@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.0.0.2"])
def test_a_server_without_a_key_starts_on_loopback(tmp_path: Path, host: str) -> None:
    create_app(Settings(home=tmp_path, host=host, admin_key=None))


@pytest.mark.spec("AUTH-8")
async def test_on_an_open_server_a_key_still_limits_and_a_wrong_one_is_refused(app: FastAPI, project: Project) -> None:
    made = await project.client.post(f"/projects/{project.id}/keys", json={"name": "x", "role": "viewer"})
    async with client_of(app, made.json()["secret"]) as viewer:
        assert (await viewer.get(project.runs)).status_code == 200
        assert (await viewer.post(project.workflows, json={"name": "x", "graph": DOUBLE})).status_code == 403
    async with client_of(app, "wrong") as stranger:
        assert (await stranger.get(project.runs)).status_code == 401


@pytest.mark.spec("AUTH-9")
async def test_an_open_server_answers_only_to_names_of_this_machine(client: httpx.AsyncClient) -> None:
    for host in ("localhost:8000", "127.0.0.1", "[::1]:8000", "app.localhost"):
        assert (await client.get("/projects", headers={"Host": host})).status_code == 200, host
    for host in ("evil.example", "127.0.0.1.evil.example", "localhost@evil.example", "192.168.1.5", ""):
        answer = await client.get("/projects", headers={"Host": host})
        assert answer.status_code == 403, host
        assert answer.json()["code"] == "host_not_allowed"


@pytest.mark.spec("AUTH-10")
async def test_pages_of_other_origins_change_nothing_on_an_open_server(client: httpx.AsyncClient) -> None:
    own = {"Origin": "http://localhost"}
    assert (await client.post("/projects", json={"name": "x"}, headers=own)).status_code == 201
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost:9999"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
    ):
        answer = await client.post("/projects", json={"name": "x"}, headers=headers)
        assert answer.status_code == 403, headers
        assert answer.json()["code"] == "origin_not_allowed"


@pytest.mark.spec("AUTH-10")
async def test_a_named_origin_may_change_things(database_url: str, tmp_path: Path) -> None:
    settings = settings_for(database_url, tmp_path, allowed_origins=("https://ui.example/",))
    async with running(create_app(settings, worker=False)) as app, client_of(app) as client:
        headers = {"Origin": "https://ui.example"}
        assert (await client.post("/projects", json={"name": "x"}, headers=headers)).status_code == 201
