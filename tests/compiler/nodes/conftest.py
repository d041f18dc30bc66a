from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from app.compiler.discovery import load_registry
from app.compiler.guard import HttpGuard
from app.compiler.resources import Resources
from tests.compiler.nodes.visits import Visit

MakeVisit = Callable[..., Visit]


@pytest.fixture
async def make_visit() -> AsyncIterator[MakeVisit]:
    made: list[Resources] = []

    def make(guard: HttpGuard | None = None, **options: Any) -> Visit:
        options.setdefault("registry", load_registry())
        made.append(Resources(http_guard=guard or HttpGuard(allow_loopback=True), **options))
        return Visit(made[-1])

    yield make
    for resources in made:
        await resources.aclose()


@pytest.fixture
def visit(make_visit: MakeVisit) -> Visit:
    return make_visit()
