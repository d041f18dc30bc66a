"""A process that holds the server until its input ends; `fork` lets it have a child that outlives it."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from app.embedded import EmbeddedPostgres


async def main(data: str, store: str, grace: str, mode: str) -> None:
    server = EmbeddedPostgres(Path(data), store=Path(store), grace=float(grace))
    url = await server.start()
    if mode == "fork" and os.fork() == 0:
        os.closerange(0, 3)
        signal.pause()
    print(url, flush=True)  # noqa: T201
    await asyncio.to_thread(sys.stdin.read)
    await server.stop()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
