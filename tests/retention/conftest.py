from pathlib import Path

import pytest

from app.config import Settings
from tests.support import ROOT, settings_for
from tests.worker.conftest import Trace


@pytest.fixture
def policy() -> dict[str, float]:
    """What the server deletes by itself during a test: nothing; to be parametrized."""
    return {}


@pytest.fixture
def settings(database_url: str, tmp_path: Path, policy: dict[str, float]) -> Settings:
    quiet = {"prune_every_seconds": 3600, "keep_checkpoints_seconds": 1e9, "keep_idempotency_seconds": 1e9}
    return settings_for(
        database_url,
        tmp_path,
        **{"workflows": (ROOT / "tests" / "tools",), "heartbeat_seconds": 0.2, "park_seconds": 0.5, **quiet, **policy},
    )


@pytest.fixture
def trace(tmp_path: Path) -> Trace:
    return Trace(tmp_path / "trace")
