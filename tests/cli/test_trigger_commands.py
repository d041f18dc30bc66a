import base64

import pytest

from tests.cli.conftest import Shell
from tests.support import DOUBLE


async def workflow_of(remote: Shell) -> str:
    await remote.good("projects", "create", "Acme")
    return (await remote.good("workflows", "create", remote.file("double.json", DOUBLE))).out.strip()


@pytest.mark.spec("SCHED-14")
async def test_schedules_are_made_paused_resumed_triggered_and_deleted(remote: Shell) -> None:
    workflow = await workflow_of(remote)
    options = ("--timezone", "Europe/Berlin", "--data", '{"n": 4}')
    schedule = (await remote.good("schedules", "create", workflow, "0 9 * * mon-fri", *options)).out.strip()
    assert (
        f"{schedule}\t0 9 * * mon-fri\t0 9 * * mon-fri\tEurope/Berlin"
        in (await remote.good("schedules", "list", workflow)).out
    )
    assert "False" in (await remote.good("schedules", "pause", workflow, schedule)).out
    assert "paused" in (await remote.good("schedules", "list", workflow)).out
    resumed = await remote.good("schedules", "resume", workflow, schedule, "--json")
    assert resumed.value["next_at"] is not None
    run = (await remote.good("schedules", "trigger", workflow, schedule)).out.strip()
    assert (await remote.good("runs", "show", run, "--json")).value["input"] == {"n": 4}
    assert f"started\t{run}" in (await remote.good("schedules", "show", workflow, schedule)).out
    refused = await remote.run("schedules", "create", workflow, "every day")
    assert refused.code == 1
    assert "invalid_cron /cron" in refused.err
    await remote.good("schedules", "delete", workflow, schedule)
    assert (await remote.good("schedules", "list", workflow)).out == ""


@pytest.mark.spec("TRIG-11")
async def test_triggers_are_made_rotated_paused_and_deleted(remote: Shell) -> None:
    workflow = await workflow_of(remote)
    made = (await remote.good("triggers", "create", workflow, "Orders", "--signature", "github")).out
    fields = dict(line.split(maxsplit=1) for line in made.splitlines())
    assert fields["address"].endswith(f"/api/v1/triggers/{fields['id']}")
    listed = (await remote.good("triggers", "list", workflow)).out
    assert f"{fields['id']}\tOrders\tgithub\tactive\t{fields['address']}" in listed
    rotated = await remote.good("triggers", "rotate", workflow, fields["id"], "--keep", "60", "--json")
    assert rotated.value["secret"] not in ("", fields["secret"])
    await remote.good("triggers", "pause", workflow, fields["id"])
    assert "paused" in (await remote.good("triggers", "list", workflow)).out
    await remote.good("triggers", "resume", workflow, fields["id"])
    await remote.good("triggers", "delete", workflow, fields["id"])
    assert (await remote.good("triggers", "list", workflow)).out == ""


@pytest.mark.spec("HOOK-14")
async def test_hooks_are_made_pinged_rotated_paused_and_deleted(remote: Shell) -> None:
    await workflow_of(remote)
    url = "http://127.0.0.1:9/nobody"
    made = (await remote.good("hooks", "create", url, "--event", "workflow.run.*", "--json")).value
    assert (made["events"], made["secret"][:6]) == (["workflow.run.*"], "whsec_")
    assert f"{made['id']}\tHook\t{url}\tworkflow.run.*\tactive" in (await remote.good("hooks", "list")).out
    delivery = (await remote.good("hooks", "ping", made["id"])).out.strip()
    assert f"{delivery}\thook.ping" in (await remote.good("hooks", "deliveries", made["id"])).out
    await remote.good("hooks", "redeliver", made["id"], delivery)
    assert made["secret"] not in (await remote.good("hooks", "rotate", made["id"])).out
    await remote.good("hooks", "pause", made["id"])
    assert "paused" in (await remote.good("hooks", "list")).out
    await remote.good("hooks", "resume", made["id"])
    refused = await remote.run("hooks", "create", url, "--event", "nonsense")
    assert (refused.code, "/events/0" in refused.err) == (1, True)
    await remote.good("hooks", "delete", made["id"])
    assert (await remote.good("hooks", "list")).out == ""


@pytest.mark.spec("TRIG-11")
async def test_a_secret_of_the_sender_is_used(remote: Shell) -> None:
    workflow = await workflow_of(remote)
    secret = "whsec_" + base64.b64encode(b"k" * 32).decode()
    made = await remote.good("triggers", "create", workflow, "Orders", "--secret", secret, "--envelope", "--json")
    assert (made.value["secret"], made.value["envelope"]) == (secret, True)
