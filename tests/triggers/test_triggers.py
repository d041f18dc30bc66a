"""Triggers: webhooks that start runs for whoever knows the secret."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.config import Settings
from app.main import create_app
from tests.support import DOUBLE, Project, client_of, running, settings_for
from tests.triggers.conftest import ECHO


def standard(secret: str, body: bytes, *, name: str = "msg_1", ago: int = 0, prefix: str = "webhook") -> dict[str, str]:
    """The headers that Standard Webhooks asks for, made here from its text alone."""
    timestamp = str(int(time.time()) - ago)
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{name}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    signature = "v1," + base64.b64encode(digest).decode()
    return {f"{prefix}-id": name, f"{prefix}-timestamp": timestamp, f"{prefix}-signature": signature}


class Triggers:
    """The triggers of one workflow over the API."""

    def __init__(self, project: Project, workflow: dict[str, Any]) -> None:
        self.project = project
        self.workflow = workflow
        self.path = f"{project.workflows}/{workflow['id']}/triggers"

    async def make(self, **fields: Any) -> dict[str, Any]:
        answer = await self.project.client.post(self.path, json={"name": "A trigger", **fields})
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def call(
        self, trigger: dict[str, Any], body: bytes, headers: dict[str, str], *, query: str = ""
    ) -> httpx.Response:
        headers = {"Content-Type": "application/json", **headers}
        return await self.project.client.post(f"/triggers/{trigger['id']}{query}", content=body, headers=headers)

    async def run(self, answer: httpx.Response) -> dict[str, Any]:
        assert answer.status_code == 202, answer.text
        found = await self.project.client.get(f"{self.project.runs}/{answer.json()['run_id']}")
        run: dict[str, Any] = found.json()
        return run

    async def runs(self) -> list[dict[str, Any]]:
        answer = await self.project.client.get(self.project.runs, params={"workflow_id": self.workflow["id"]})
        items: list[dict[str, Any]] = answer.json()["items"]
        return items


@pytest.fixture
async def triggers(project: Project) -> Triggers:
    return Triggers(project, await project.workflow(ECHO))


@pytest.mark.spec("TRIG-1")
async def test_a_signed_webhook_starts_a_run_with_its_body(triggers: Triggers) -> None:
    made = await triggers.make(metadata={"from": "shop"}, priority=4)
    body = b'{"order": 4711, "note": "\xc3\xa4"}'

    answer = await triggers.call(made, body, standard(made["secret"], body))

    assert answer.json()["status"] == "QUEUED"
    run = await triggers.run(answer)
    assert (run["input"], run["metadata"], run["priority"]) == ({"order": 4711, "note": "ä"}, {"from": "shop"}, 4)
    trigger = {"type": "webhook", "trigger_id": made["id"], "webhook_id": "msg_1"}
    assert run["trigger"] == trigger
    events = await triggers.project.client.get(
        f"{triggers.project.runs}/{run['id']}/events", headers={"Accept": "application/json"}
    )
    assert events.json()["items"][0]["data"]["trigger"] == trigger


@pytest.mark.spec("TRIG-2")
async def test_the_published_example_of_standard_webhooks_is_verified() -> None:
    """The secret, message and signature are those that the libraries of Standard Webhooks are tested with."""
    secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'
    key = base64.b64decode(secret.removeprefix("whsec_"))
    content = b"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330." + body
    made = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    assert made == "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.spec("TRIG-2")
@pytest.mark.parametrize("prefix", ["webhook", "svix"])
async def test_one_good_signature_of_several_is_enough(triggers: Triggers, prefix: str) -> None:
    made = await triggers.make()
    headers = standard(made["secret"], b"{}", prefix=prefix, ago=200)
    headers[f"{prefix}-signature"] = f"v1,bm90IHRoaXM= v2,x {headers[f'{prefix}-signature']}"

    assert (await triggers.call(made, b"{}", headers)).status_code == 202


@pytest.mark.spec("TRIG-3")
async def test_whatever_is_wrong_with_a_signature_gets_the_same_401(triggers: Triggers) -> None:
    made, other = await triggers.make(), await triggers.make()
    body = b'{"a": 1}'
    good = standard(made["secret"], body)
    wrong = [
        {},
        standard(made["secret"], b'{"a": 2}'),
        standard(other["secret"], body),
        standard(made["secret"], body, ago=301),
        standard(made["secret"], body, ago=-301),
        {**good, "webhook-id": "another"},
        {**good, "webhook-timestamp": "soon"},
        {**good, "webhook-timestamp": "9" * 400},
        {**good, "webhook-signature": good["webhook-signature"].removeprefix("v1,")},
        {**good, "webhook-signature": ""},
        {"Authorization": f"Bearer {made['secret']}"},
        {"X-Hub-Signature-256": "sha256=00"},
    ]
    answers = [await triggers.call(made, body, headers) for headers in wrong]

    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1
    assert answers[0].json()["code"] == "invalid_signature"
    assert await triggers.runs() == []
    assert (await triggers.call(made, body, good)).status_code == 202


@pytest.mark.spec("TRIG-4")
async def test_the_same_webhook_again_gives_the_same_run(triggers: Triggers) -> None:
    made = await triggers.make()
    calls = [triggers.call(made, b"{}", standard(made["secret"], b"{}", ago=n)) for n in range(5)]

    answers = await asyncio.gather(*calls)

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["run_id"] for answer in answers}) == 1
    assert [answer.headers.get("idempotent-replayed") for answer in answers].count("true") == 4
    assert len(await triggers.runs()) == 1
    other = await triggers.call(made, b"{}", standard(made["secret"], b"{}", name="msg_2"))
    assert other.json()["run_id"] != answers[0].json()["run_id"]


@pytest.mark.spec("TRIG-40")
async def test_an_id_that_is_not_signed_makes_nothing_new_of_a_webhook(triggers: Triggers) -> None:
    made = await triggers.make()
    headers = standard(made["secret"], b"{}", prefix="svix")
    assert (await triggers.call(made, b"{}", headers)).status_code == 202

    again = await triggers.call(made, b"{}", {**headers, "webhook-id": "another"})
    same = await triggers.call(made, b"{}", {**headers, "webhook-id": headers["svix-id"]})

    assert (again.status_code, again.json()["code"]) == (401, "invalid_signature")
    assert (same.status_code, same.headers["idempotent-replayed"]) == (202, "true")
    assert len(await triggers.runs()) == 1


@pytest.mark.spec("TRIG-5")
async def test_github_signs_in_its_own_way(triggers: Triggers) -> None:
    made = await triggers.make(signature="github")
    body = b'{"zen": "Keep it logically awesome."}'
    signature = "sha256=" + hmac.new(made["secret"].encode(), body, hashlib.sha256).hexdigest()
    headers = {"X-Hub-Signature-256": signature, "X-GitHub-Delivery": "72d3162e", "X-GitHub-Event": "push"}

    first = await triggers.call(made, body, headers)
    again = await triggers.call(made, body, headers)

    assert (await triggers.run(first))["input"]["zen"].startswith("Keep")
    assert again.json()["run_id"] == first.json()["run_id"]
    assert (await triggers.call(made, body + b" ", headers)).status_code == 401
    assert (await triggers.call(made, body, {**headers, "X-Hub-Signature-256": signature[7:]})).status_code == 401


@pytest.mark.spec("TRIG-5")
async def test_a_token_is_enough_where_the_trigger_says_so(triggers: Triggers) -> None:
    made = await triggers.make(signature="token")
    headers = {"Authorization": f"Bearer {made['secret']}"}

    assert (await triggers.run(await triggers.call(made, b"", headers)))["input"] is None
    keyed = [await triggers.call(made, b"1", {**headers, "Idempotency-Key": "k"}) for _ in range(2)]
    assert keyed[0].json()["run_id"] == keyed[1].json()["run_id"]
    for wrong in ({}, {"Authorization": "Bearer x"}, {"Authorization": made["secret"]}):
        assert (await triggers.call(made, b"1", wrong)).status_code == 401


@pytest.mark.spec("TRIG-6")
async def test_an_envelope_holds_body_headers_and_query(triggers: Triggers) -> None:
    made = await triggers.make(signature="token", envelope=True)
    headers = {"Authorization": f"Bearer {made['secret']}", "X-Event": "push", "Cookie": "a=b"}

    answer = await triggers.call(made, b'{"a": 1}', headers, query="?x=1&y=2&y=3")
    got = (await triggers.run(answer))["input"]
    assert (got["body"], got["query"], got["headers"]["x-event"]) == ({"a": 1}, {"x": "1", "y": ["2", "3"]}, "push")
    assert not {"authorization", "cookie"} & set(got["headers"])

    form = await triggers.call(made, b"a=1&b=2", {**headers, "Content-Type": "application/x-www-form-urlencoded"})
    assert (await triggers.run(form))["input"]["body"] == "a=1&b=2"
    assert (await triggers.call(made, b"\xff\xfe", headers)).status_code == 422


@pytest.mark.spec("TRIG-7")
async def test_what_cannot_start_a_run_is_told(project: Project, settings: Settings) -> None:
    triggers = Triggers(project, await project.workflow(DOUBLE))
    made = await triggers.make()
    for body, code in (
        (b"{", "invalid_json"),
        (b"NaN", "invalid_json"),
        (b'{"n": 1e999}', "number_too_large"),
        (b"[" * 300, "invalid_json"),
        (b'{"m": 1}', ""),
    ):
        answer = await triggers.call(made, body, standard(made["secret"], body))
        assert answer.status_code == 422, body
        assert answer.json()["code"] == (code or "invalid_input")
    assert answer.json()["errors"][0]["pointer"] == ""
    unknown = await triggers.call({"id": project.id}, b"{}", {})
    assert unknown.status_code == 404
    large = b'"' + b"x" * settings.max_body_bytes + b'"'
    assert (await triggers.call(made, large, standard(made["secret"], large))).status_code == 413
    good = b'{"n": 1}'
    assert (await triggers.call(made, good, standard(made["secret"], good))).status_code == 202

    path = f"{triggers.path}/{made['id']}"
    assert (await project.client.patch(path, json={"active": False})).json()["active"] is False
    paused = await triggers.call(made, good, standard(made["secret"], good))
    assert (paused.status_code, paused.json()["code"]) == (409, "trigger_inactive")
    assert (await triggers.call(made, good, {})).status_code == 401
    await project.client.patch(path, json={"active": True})
    workflow = f"{project.workflows}/{triggers.workflow['id']}"
    await project.client.patch(workflow, json={"active": False})
    inactive = await triggers.call(made, good, standard(made["secret"], good, name="msg_3"))
    assert (inactive.status_code, inactive.json()["code"]) == (409, "workflow_inactive")
    await project.client.delete(workflow)
    assert (await triggers.call(made, good, standard(made["secret"], good))).status_code == 404


@pytest.mark.spec("TRIG-7")
async def test_a_webhook_whose_run_was_refused_may_come_again(triggers: Triggers) -> None:
    made = await triggers.make()
    workflow = f"{triggers.project.workflows}/{triggers.workflow['id']}"
    await triggers.project.client.patch(workflow, json={"active": False})
    headers = standard(made["secret"], b"{}")
    assert (await triggers.call(made, b"{}", headers)).status_code == 409
    await triggers.project.client.patch(workflow, json={"active": True})

    answer = await triggers.call(made, b"{}", headers)

    assert (answer.status_code, answer.headers.get("idempotent-replayed")) == (202, None)


@pytest.mark.spec("TRIG-8")
async def test_a_secret_is_shown_once_and_changed_without_a_gap(triggers: Triggers) -> None:
    client = triggers.project.client
    posted = [await client.post(triggers.path, json={"name": "x"}, headers={"Idempotency-Key": "k"}) for _ in range(2)]
    made = posted[0].json()
    assert made["secret"].startswith("whsec_")
    assert (posted[1].json()["id"], posted[1].json()["secret"]) == (made["id"], None)
    path = f"{triggers.path}/{made['id']}"
    assert "secret" not in (await client.get(path)).json()
    assert "secret" not in (await client.get(triggers.path)).json()["items"][0]

    async def works(secret: str, name: str) -> bool:
        return (await triggers.call(made, b"{}", standard(secret, b"{}", name=name))).status_code == 202

    second = (await client.post(f"{path}/rotate", json={"keep_old_seconds": 60})).json()
    assert second["old_secret_until"] is not None
    assert [await works(made["secret"], "1"), await works(second["secret"], "2")] == [True, True]
    third = (
        await client.post(f"{path}/rotate", json={"secret": "whsec_" + base64.b64encode(b"k" * 24).decode()})
    ).json()
    assert [await works(second["secret"], "3"), await works(third["secret"], "4")] == [False, True]
    assert (await client.post(f"{path}/rotate")).json()["secret"] not in {second["secret"], third["secret"]}


@pytest.mark.spec("TRIG-8")
@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"secret": "short"}, "/secret"),
        ({"secret": "whsec_!!!!"}, "/secret"),
        ({"secret": "x" * 15, "signature": "token"}, "/secret"),
        ({"secret": "ä" * 20, "signature": "github"}, "/secret"),
        ({"signature": "none"}, "/signature"),
        ({"version": 9}, "/version"),
        ({"name": ""}, "/name"),
        ({"priority": 101}, "/priority"),
    ],
)
async def test_what_a_trigger_cannot_be_is_refused(triggers: Triggers, body: dict[str, Any], pointer: str) -> None:
    answer = await triggers.project.client.post(triggers.path, json={"name": "x", **body})

    assert answer.status_code == 422
    assert [problem["pointer"] for problem in answer.json()["errors"]] == [pointer]


@pytest.mark.spec("TRIG-9")
async def test_a_trigger_is_changed_and_deleted_and_no_other_project_sees_it(triggers: Triggers) -> None:
    client = triggers.project.client
    made = await triggers.make(version=1)
    path = f"{triggers.path}/{made['id']}"
    changed = (await client.patch(path, json={"name": "New", "version": None, "envelope": True})).json()
    assert (changed["name"], changed["version"], changed["envelope"]) == ("New", None, True)
    assert (await client.patch(path, json={"version": 5})).status_code == 422
    other = Triggers(await Project.make(client, "Other"), triggers.workflow)
    for method, rest in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/rotate")):
        body = {"json": {}} if method == "PATCH" else {}
        assert (await client.request(method, f"{other.path}/{made['id']}{rest}", **body)).status_code == 404
    assert (await client.get(other.path)).status_code == 404
    assert (await client.delete(path)).status_code == 204
    assert (await triggers.call(made, b"{}", standard(made["secret"], b"{}"))).status_code == 404


@pytest.mark.spec("TRIG-10")
async def test_an_open_server_lets_signed_webhooks_in_under_any_name_and_nothing_else(
    app: FastAPI, triggers: Triggers
) -> None:
    made = await triggers.make()
    elsewhere = {"Host": "tunnel.example", "Origin": "https://elsewhere.example", "Sec-Fetch-Site": "cross-site"}
    signed = {**standard(made["secret"], b"{}"), **elsewhere}

    assert (await triggers.call(made, b"{}", signed)).status_code == 202
    assert (await triggers.call(made, b"{}", elsewhere)).status_code == 401
    for method, path in (
        ("GET", f"/triggers/{made['id']}"),
        ("PUT", f"/triggers/{made['id']}"),
        ("POST", f"/triggers/{made['id']}/x"),
        ("POST", f"/triggers/{made['id']}/../../projects"),
        ("POST", "/triggers/x"),
        ("POST", "/projects"),
        ("POST", f"{triggers.path}/{made['id']}/rotate"),
    ):
        answer = await triggers.project.client.request(method, path, headers=signed, content=b"{}")
        assert answer.status_code == 403, (method, path)


@pytest.mark.spec("TRIG-10")
async def test_a_closed_server_takes_signed_webhooks_without_a_key(database_url: str, tmp_path: Any) -> None:
    settings = settings_for(database_url, tmp_path, admin_key="the-admin-key", host="0.0.0.0")
    async with running(create_app(settings, worker=False)) as app, client_of(app, "the-admin-key") as admin:
        project = await Project.make(admin)
        triggers = Triggers(project, await project.workflow(ECHO))
        made = await triggers.make()
        async with client_of(app) as anybody:
            body = json.dumps({"a": 1}).encode()
            answer = await anybody.post(f"/triggers/{made['id']}", content=body, headers=standard(made["secret"], body))
            assert answer.status_code == 202
            assert (await anybody.post(f"/triggers/{made['id']}", content=body)).status_code == 401
            assert (await anybody.get(triggers.path)).status_code == 401
