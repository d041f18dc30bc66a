from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from tests.artifacts.files import Files
from tests.queues.elsewhere import Site, a_site
from tests.support import Project
from tests.worker.conftest import Trace, trace

__all__ = ["Trace", "trace"]

MOST = 40_000_000


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server for all tests of a module."""
    with a_site(tmp_path_factory.mktemp("site"), max_artifact_bytes=MOST) as site:
        yield site


@pytest.fixture
async def project(site: Site) -> AsyncIterator[Project]:
    async with httpx.AsyncClient(base_url=site.server.api, timeout=60) as client:
        yield await Project.make(client)


@pytest.fixture
def files(project: Project) -> Files:
    return Files(project)
