"""Every setting of Graphwright: environment variables, read once."""

import re
from pathlib import Path
from typing import Annotated

import platformdirs
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

LONGEST_QUEUE_NAME = 40
QUEUE_NAME = "^[A-Za-z0-9][A-Za-z0-9._-]*$"
POSTGRESQL_URL = r"postgres(ql)?(\+[a-z0-9]+)?://"


def _default_home() -> Path:
    return Path(platformdirs.user_data_dir("graphwright", appauthor=False))


class ModelPrice(BaseModel):
    """What a language model costs: USD for a million tokens."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    input: float = Field(ge=0, description="Of what the model is told.")
    output: float = Field(ge=0, description="Of what it answers.")


class Settings(BaseSettings):
    """The settings, each an environment variable with the prefix GRAPHWRIGHT_ unless named otherwise."""

    model_config = SettingsConfigDict(
        env_prefix="GRAPHWRIGHT_", env_ignore_empty=True, extra="ignore", frozen=True, populate_by_name=True
    )

    home: Path = Field(default_factory=_default_home, description="Folder of the embedded database and the logs.")
    database_url: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("DATABASE_URL", "database_url"),
        description="PostgreSQL to use instead of the embedded one: postgresql://user:password@host/database.",
    )
    direct_url: SecretStr | None = Field(
        default=None, description="PostgreSQL itself, where DATABASE_URL leads to a pooler such as PgBouncer."
    )
    admin_key: SecretStr | None = Field(default=None, description="Key that may do everything; none: open on loopback.")
    workflows: Annotated[tuple[Path, ...], NoDecode] = Field(
        default=(), description="Folders of workflows and tools to discover, separated as in PATH."
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on.")
    concurrency: int = Field(default=50, ge=1, le=1000, description="Runs that one worker process executes at once.")
    queues: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("default",), description="Queues that the worker serves, separated by commas."
    )
    http_allow: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Private addresses that http nodes may reach: host names, addresses, networks; by commas.",
    )
    http_resolve: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Hosts that http nodes reach elsewhere: host[:port]=address[:port], separated by commas.",
    )
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Other origins whose pages may open the WebSocket, separated by commas."
    )
    ping_seconds: float = Field(
        default=15.0, ge=0.01, le=3600, description="Time between signs of life on streams and WebSockets."
    )
    pool_size: int = Field(default=10, ge=2, le=200, description="Database connections of each of the two pools.")
    max_body_bytes: int = Field(default=8_000_000, ge=1000, description="Largest request body in bytes.")
    max_artifact_bytes: int = Field(
        default=64_000_000, ge=1, le=1_000_000_000, description="Largest file in bytes that a node may save."
    )
    flush_seconds: float = Field(default=0.008, ge=0, le=1, description="Longest wait of the journal for company.")
    fair_window: int = Field(
        default=100, ge=1, le=100_000, description="Runs of one project that may wait in a queue at once."
    )
    heartbeat_seconds: float = Field(default=1.0, gt=0, le=60, description="Time between a worker's heartbeats.")
    worker_lost_seconds: float = Field(
        default=20.0, gt=0, description="Silence after which a worker that still holds its lock counts as lost."
    )
    queue_lost_seconds: dict[str, float] = Field(
        default={},
        description='The same for workers of certain queues, as JSON: {"gpu": 120}; of several the longest counts.',
    )
    hook_retry_seconds: float = Field(
        default=5.0,
        gt=0,
        le=3600,
        description="First pause before a webhook is sent again; each further one is doubled.",
    )
    drain_seconds: float = Field(default=10.0, ge=0, description="Time running runs get to end when the server stops.")
    park_seconds: float = Field(default=60.0, gt=0, description="A delay longer than this holds no worker.")
    keep_runs_days: float | None = Field(
        default=None, ge=0, le=36500, description="Days after its end at which a run is deleted; none: never."
    )
    keep_events_days: float | None = Field(
        default=None,
        ge=0,
        le=36500,
        description="Days after a run's end at which its events are deleted; none: with it.",
    )
    keep_checkpoints_seconds: float = Field(
        default=3600.0,
        ge=0,
        le=3e9,
        description="Time after a run's end at which its checkpoints are deleted.",
    )
    keep_idempotency_seconds: float = Field(
        default=86400.0, ge=0, le=3e9, description="Time for which the answer to an Idempotency-Key is kept."
    )
    prune_every_seconds: float = Field(
        default=300.0, gt=0, le=86400, description="Time between two looks for what is no longer kept."
    )
    model_prices: dict[str, ModelPrice] = Field(
        default={},
        description='USD for a million tokens of each model, as JSON: {"provider:name": {"input": 1.5, "output": 6}}.',
    )
    log_level: str = Field(default="info", description="debug, info, warning or error.")
    log_format: str = Field(default="auto", pattern="^(auto|console|json)$", description="auto, console or json.")

    @field_validator("database_url", "direct_url")
    @classmethod
    def _check_url(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.match(POSTGRESQL_URL, value.get_secret_value()):
            raise ValueError("write the address of a PostgreSQL server: postgresql://user:password@host/database")
        return value

    @field_validator("queues", "http_allow", "http_resolve", "allowed_origins", mode="before")
    @classmethod
    def _split_commas(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("queues")
    @classmethod
    def _check_queues(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        # A queue's name becomes part of a channel of PostgreSQL, whose names end at 63 bytes.
        if not value or any(len(name) > LONGEST_QUEUE_NAME or not re.fullmatch(QUEUE_NAME, name) for name in value):
            raise ValueError(
                f"name at least one queue, each with at most {LONGEST_QUEUE_NAME} letters (a to z), digits, . _ and -"
            )
        return value

    @field_validator("queue_lost_seconds")
    @classmethod
    def _check_seconds(cls, value: dict[str, float]) -> dict[str, float]:
        if any(not seconds > 0 for seconds in value.values()):
            raise ValueError("give seconds above 0")
        return value

    @property
    def own_lost_seconds(self) -> float:
        """How long this process's worker may be silent before it counts as lost."""
        return max(self.queue_lost_seconds.get(name, self.worker_lost_seconds) for name in self.queues)

    @field_validator("workflows", mode="before")
    @classmethod
    def _split_paths(cls, value: object) -> object:
        return tuple(Path(part) for part in value.split(":") if part) if isinstance(value, str) else value
