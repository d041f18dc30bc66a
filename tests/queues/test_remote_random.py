"""Random graphs, some of whose nodes another worker runs, end as the reference interpreter says."""

import random
from collections.abc import AsyncIterator, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.queues.elsewhere import Site, a_site
from tests.support import ROOT, Project
from tests.worker.test_random_runs import Calls, Story, _each

GRAPHS = 20
FOLDER = ROOT / "tests" / "counting"


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Calls:
    calls = Calls(tmp_path / "calls")
    monkeypatch.setenv("CALLS_FILE", str(calls.path))
    return calls


@pytest.fixture
def site(calls: Calls, tmp_path: Path) -> Iterator[Site]:
    assert calls.path.exists()
    with a_site(tmp_path, workflows=(FOLDER,)) as site:
        yield site


@pytest.fixture
async def project(site: Site) -> AsyncIterator[Project]:
    await site.workers.start("gpu", GRAPHWRIGHT_WORKFLOWS=str(FOLDER))
    async with httpx.AsyncClient(base_url=site.server.api, timeout=60) as client:
        yield await Project.make(client)


def scattered(document: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """The document with half of its nodes, and of what its maps run, on another queue."""
    nodes = []
    for node in deepcopy(document["nodes"]):
        inner = node.get("config", {}).get("node")
        if node["type"] == "map" and inner is not None and rng.random() < 0.5:
            node["config"]["node"] = {**inner, "queue": "gpu"}
        if rng.random() < 0.5:
            node["queue"] = "gpu"
        nodes.append(node)
    return {**document, "nodes": nodes}


@pytest.mark.spec("QUEUE-51")
@pytest.mark.timeout(180)
async def test_random_graphs_with_nodes_on_two_workers_end_as_the_reference_says(
    site: Site, project: Project, calls: Calls
) -> None:
    stories = []
    for seed in range(GRAPHS):
        story = Story.draw(69_999 + 3 * seed)  # without approvals
        story.document = scattered(story.document, random.Random(seed))
        stories.append(story)
    await _each(stories, lambda story: story.begin(project))

    await _each(stories, lambda story: project.client.post(f"{project.runs}/{story.run_id}/execute"))
    await _each(stories, lambda story: story.check(project))

    rows = await site.workers.rows("select count(*) as n from procrastinate_jobs where status = 'failed'")
    assert rows == [{"n": 0}]
    assert {place: n for place, n in calls.count().items() if n > 1} == {}
