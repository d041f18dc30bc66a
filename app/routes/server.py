"""What the routes need of the server; made by the composition root and kept as `app.state.server`."""

from collections import Counter
from dataclasses import dataclass, field
from typing import cast

from fastapi import Request

from app.config import Settings
from app.db import Database
from app.events import Hub, Wakeups
from app.queue import Queue
from app.services.access import Access
from app.services.catalog import Catalog
from app.services.graphs import Graphs


@dataclass(frozen=True, slots=True)
class Server:
    """Open for as long as the application runs."""

    settings: Settings
    access: Access
    database: Database
    queue: Queue
    wakeups: Wakeups
    hub: Hub
    graphs: Graphs
    catalog: Catalog
    requests: Counter[tuple[str, str, int]] = field(default_factory=Counter)


async def server_of(request: Request) -> Server:
    """The server that answers this request."""
    return cast("Server", request.app.state.server)
