from pathlib import Path

import pytest

from app.main import create_app
from app.services.artifacts import BLOCK_BYTES
from tests.artifacts.files import Files, alone, save, tool
from tests.support import DOUBLE, Project, client_of, running, settings_for

ALONE = "default-src 'none'; frame-ancestors 'none'; sandbox"


@pytest.mark.spec("ART-13")
async def test_a_file_does_nothing_in_the_name_of_the_server(files: Files) -> None:
    path = await files.run(alone(save(name="page.html", text="<script>alert(1)</script>")))

    answer = await files.get(path, await files.output(path))

    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert answer.headers["Content-Security-Policy"] == ALONE
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.spec("ART-14")
async def test_a_file_that_is_known_is_not_sent_again_and_head_sends_only_what_is_known_of_it(files: Files) -> None:
    path = await files.run(alone(save(text="known")))
    reference = await files.output(path)

    got = await files.get(path, reference)
    tag = got.headers["ETag"]
    head = await files.client.head(f"{path}/artifacts/{reference['artifact']}")

    assert tag == f'"{reference["sha256"]}"'
    assert (head.status_code, head.content, head.headers["Content-Length"], head.headers["ETag"]) == (
        200,
        b"",
        "5",
        tag,
    )
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        answer = await files.get(path, reference, if_none_match=known)
        assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", tag)
    assert (await files.get(path, reference, if_none_match='"other"')).status_code == 200


@pytest.mark.spec("ART-15")
async def test_a_range_of_a_file_is_sent_alone(files: Files) -> None:
    size = 3 * BLOCK_BYTES + 7
    path = await files.run(alone(tool("a", "stream", size=size), save("empty", text="")))
    reference = await files.output(path)
    whole = (await files.get(path, reference)).content
    tag = f'"{reference["sha256"]}"'

    for first, last in [
        (0, 0),
        (5, 9),
        (BLOCK_BYTES - 1, BLOCK_BYTES),
        (BLOCK_BYTES, 2 * BLOCK_BYTES - 1),
        (7, size - 1),
        (size - 1, size + 99),
    ]:
        answer = await files.get(path, reference, range=f"bytes={first}-{last}")
        assert (answer.status_code, answer.content) == (206, whole[first : last + 1])
        assert answer.headers["Content-Range"] == f"bytes {first}-{min(last, size - 1)}/{size}"
    assert (await files.get(path, reference, range="bytes=-9")).content == whole[-9:]
    assert (await files.get(path, reference, range=f"bytes={size - 9}-", if_range=tag)).content == whole[-9:]
    for unheeded in ("bytes=9-5", "bytes=0-1,4-5", "lines=1-2", "bytes=-"):
        answer = await files.get(path, reference, range=unheeded)
        assert (answer.status_code, len(answer.content)) == (200, size)
    assert (await files.get(path, reference, range="bytes=0-1", if_range='"other"')).status_code == 200
    for beyond in (f"bytes={size}-", "bytes=-0", f"bytes={10**17}-"):
        answer = await files.get(path, reference, range=beyond)
        assert (answer.status_code, answer.json()["code"]) == (416, "range_not_satisfiable")
        assert answer.headers["Content-Range"] == f"bytes */{size}"
    assert (await files.get(path, await files.output(path, "empty"), range="bytes=0-")).status_code == 416


@pytest.mark.spec("ART-16")
async def test_a_list_of_files_has_pages_and_a_filter_by_node(files: Files) -> None:
    path = await files.run(alone(*(save(name, name=f"{name}{i}.txt") for i, name in enumerate("abcde"))))
    await files.run(alone(save(name="of another run.txt")))

    first = (await files.client.get(f"{path}/artifacts", params={"limit": 2})).json()
    rest = (await files.client.get(f"{path}/artifacts", params={"limit": 3, "cursor": first["next_cursor"]})).json()

    assert rest["next_cursor"] is None
    shown = [one["name"] for one in first["items"] + rest["items"]]
    assert sorted(shown) == ["a0.txt", "b1.txt", "c2.txt", "d3.txt", "e4.txt"]
    assert shown == await files.names(path)
    assert await files.names(path, node_id="c") == ["c2.txt"]
    assert await files.names(path, node_id="nobody") == []
    assert (await files.client.get(f"{path}/artifacts", params={"cursor": "x"})).status_code == 422


@pytest.mark.spec("ART-17")
async def test_files_of_other_projects_and_other_runs_are_not_there(files: Files) -> None:
    path = await files.run(alone(save()))
    other = await files.run(alone(save()))
    elsewhere = await Project.make(files.client)
    own, run = await files.output(path), path.rsplit("/", 1)[1]

    refused = [
        f"{other}/artifacts/{own['artifact']}",
        f"{elsewhere.runs}/{run}/artifacts/{own['artifact']}",
        f"{elsewhere.runs}/{run}/artifacts",
        f"{path}/artifacts/{run}",
        f"{files.project.runs}/{own['artifact']}/artifacts",
    ]
    assert [(await files.client.get(place)).status_code for place in refused] == [404] * len(refused)
    assert (await files.client.head(refused[0])).status_code == 404
    assert (await files.client.get(f"{path}/artifacts/nothing")).status_code == 404


@pytest.mark.spec("ART-17")
async def test_who_may_see_the_project_may_fetch_its_files_and_nobody_else(database_url: str, tmp_path: Path) -> None:
    admin_key = "the-server-wide-key"
    settings = settings_for(database_url, tmp_path, admin_key=admin_key, host="0.0.0.0")
    async with running(create_app(settings, worker=False)) as app:
        async with client_of(app, admin_key) as admin:
            project = await Project.make(admin)
            run = await project.run((await project.workflow(DOUBLE))["id"], {"n": 1})
            key = (await admin.post(f"/projects/{project.id}/keys", json={"name": "v", "role": "viewer"})).json()
        place = f"{project.runs}/{run['id']}/artifacts"
        async with client_of(app, key["secret"]) as viewer:
            listed = await viewer.get(place)
            assert (listed.status_code, listed.json()["items"]) == (200, [])
            assert (await viewer.get(f"{place}/{run['id']}")).status_code == 404
        async with client_of(app) as nobody:
            assert [(await nobody.get(one)).status_code for one in (place, f"{place}/{run['id']}")] == [401, 401]
