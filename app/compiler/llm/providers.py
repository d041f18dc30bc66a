"""Opening chat models: which provider, whose key, by which way, and one object for all who ask for the same.

A provider's package costs a second and 25 to 40 MiB to import, most of a server's own start. So none is imported
before a node asks for it, and then in a thread, for runs go on meanwhile.
"""

import asyncio
import hashlib
import importlib
import importlib.util
import json
import os
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import httpx
from langchain.chat_models import init_chat_model
from langchain_core.language_models import BaseChatModel
from pydantic import JsonValue

from app.compiler.failures import HardError, message_of
from app.compiler.guard import HttpGuard
from app.compiler.llm.fake import FakeChatModel
from app.compiler.outbound import open_client

CACHED = 64
FAKE = "fake"
_CONNECT_SECONDS = 10.0
_KEYLESS = "none"
_CLIENT = "_async_client"
_OPENAI_NAMES = re.compile(r"gpt-|chatgpt|o\d|text-davinci")


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider whose HTTP client can be handed in, and where its settings are in the environment."""

    package: str
    key_variable: str
    address_variables: tuple[str, ...]
    address: str


GUARDED = {
    "openai": Provider(
        "langchain_openai", "OPENAI_API_KEY", ("OPENAI_BASE_URL", "OPENAI_API_BASE"), "https://api.openai.com/v1"
    ),
    "anthropic": Provider(
        "langchain_anthropic",
        "ANTHROPIC_API_KEY",
        ("ANTHROPIC_BASE_URL", "ANTHROPIC_API_URL"),
        "https://api.anthropic.com",
    ),
}


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """Which model, and how it is asked; `timeout` is the longest silence in seconds."""

    model: str
    temperature: float | None = None
    max_tokens: int | None = None
    base_url: str | None = None
    api_key: str | None = None
    timeout: float = 300.0
    options: Mapping[str, JsonValue] | None = None

    @property
    def provider(self) -> str:
        """The provider by its prefix, else guessed from the model's name; empty when neither says it."""
        prefix, colon, _ = self.model.partition(":")
        if colon:
            return prefix.replace("-", "_").lower()
        name = self.model.lower()
        if _OPENAI_NAMES.match(name):
            return "openai"
        return "anthropic" if name.startswith("claude") else ""

    @property
    def name(self) -> str:
        """The model's name without its provider."""
        return self.model.partition(":")[2] or self.model


@dataclass(slots=True)
class OpenModel:
    """A model ready to be asked.

    `secret` is the key that it uses, to be kept out of what is shown; `streams` is what is known of its server.
    """

    chat: BaseChatModel
    provider: str
    secret: str | None
    streams: bool = True


@dataclass(frozen=True, slots=True)
class Access:
    """How a model is reached: where, with which key, and through which client."""

    provider: Provider
    address: str
    key: str
    client: httpx.AsyncClient


class ChatModels:
    """The open models of one process, at most 64; `http` is the guarded client, whose connections they share."""

    def __init__(self, http: Callable[[], httpx.AsyncClient]) -> None:
        self._http = http
        self._open: OrderedDict[str, asyncio.Task[OpenModel]] = OrderedDict()
        self._trusted: dict[str, httpx.AsyncClient] = {}

    async def open(self, choice: ModelChoice) -> OpenModel:
        """The model of that choice.

        Raises HardError `missing_package`, `missing_api_key`, `base_url_not_supported` or `invalid_model`.
        """
        access = self._access(choice)
        if choice.provider == FAKE:
            return OpenModel(_fake(choice), FAKE, None)
        key = _digest(choice, access)
        task = self._open.get(key)
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            task = self._open[key] = asyncio.create_task(_make(choice, access), name="open model")
        self._open.move_to_end(key)
        while len(self._open) > CACHED:
            self._open.popitem(last=False)
        # One who is cancelled must not take the model away from the others who wait for it.
        return await asyncio.shield(task)

    async def aclose(self) -> None:
        """Close the connections that are the models' own."""
        for task in self._open.values():
            task.cancel()
        await asyncio.gather(*self._open.values(), return_exceptions=True)
        for client in self._trusted.values():
            await client.aclose()

    def _access(self, choice: ModelChoice) -> Access | None:
        problem = address_problem(choice)
        if problem is not None:
            raise HardError(problem, "base_url_not_supported")
        provider = GUARDED.get(choice.provider)
        if provider is None:
            return None
        own = next((value for name in provider.address_variables if (value := os.environ.get(name))), None)
        if choice.base_url is not None and choice.base_url.rstrip("/") != (own or "").rstrip("/"):
            # The environment's key belongs to the provider: no document can send it to an address of its own.
            return Access(provider, choice.base_url, choice.api_key or _KEYLESS, self._http())
        key = choice.api_key or _environment_key(choice, provider)
        if own is not None:
            return Access(provider, own, key, self._trusting(own))
        return Access(provider, provider.address, key, self._http())

    def _trusting(self, address: str) -> httpx.AsyncClient:
        """A client for an address that whoever runs the server has chosen: it may be private, and only that one."""
        url = httpx.URL(address)
        port = url.port or (443 if url.scheme == "https" else 80)
        host = f"[{url.host}]" if ":" in url.host else url.host
        place = f"{host}:{port}"
        if place not in self._trusted:
            self._trusted[place] = open_client(HttpGuard(allow=[place]))
        return self._trusted[place]


async def _make(choice: ModelChoice, access: Access | None) -> OpenModel:
    if access is None:
        return OpenModel(await asyncio.to_thread(_other, choice), choice.provider, choice.api_key)
    if await asyncio.to_thread(importlib.util.find_spec, access.provider.package) is None:
        raise HardError(
            f"{choice.model} needs a package that this worker does not have: "
            f"pip install 'graphwright[{choice.provider}]'",
            "missing_package",
        )
    build = _openai if choice.provider == "openai" else _anthropic
    chat = await asyncio.to_thread(_built, choice, access.key, lambda: build(choice, access))
    return OpenModel(chat, choice.provider, access.key)


def _digest(choice: ModelChoice, access: Access | None) -> str:
    """What tells models apart, without the key in it for everybody to see."""
    text = json.dumps([asdict(choice), access and [access.address, access.key]], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def address_problem(choice: ModelChoice) -> str | None:
    """Why a model cannot have the `base_url` that it is given; None when it can."""
    if choice.base_url is None or choice.provider in GUARDED:
        return None
    return (
        f"`base_url` works with openai: and anthropic: models only, and {choice.model} is neither; use openai: for "
        "every server that speaks its protocol."
    )


def _environment_key(choice: ModelChoice, provider: Provider) -> str:
    key = os.environ.get(provider.key_variable)
    if not key:
        raise HardError(
            f"{choice.model} needs a key: give `api_key` as {{{{ secrets.{choice.provider} }}}}, which is "
            f"GRAPHWRIGHT_SECRET_{choice.provider.upper()} in the environment of the worker, or set "
            f"{provider.key_variable} there.",
            "missing_api_key",
        )
    return key


def _openai(choice: ModelChoice, access: Access) -> BaseChatModel:
    own: dict[str, Any] = {
        "stream_usage": True,
        "stream_chunk_timeout": choice.timeout,
        **(choice.options or {}),
        "base_url": access.address,
        "api_key": access.key,
        "http_async_client": access.client,
        "timeout": httpx.Timeout(choice.timeout, connect=_CONNECT_SECONDS),
    }
    chat: BaseChatModel = init_chat_model(choice.name, model_provider="openai", **_common(choice), **own)
    return chat


def _anthropic(choice: ModelChoice, access: Access) -> BaseChatModel:
    own: dict[str, Any] = {
        **(choice.options or {}),
        "base_url": access.address,
        "api_key": access.key,
        "timeout": choice.timeout,
    }
    chat: BaseChatModel = init_chat_model(choice.name, model_provider="anthropic", **_common(choice), **own)
    bridge = importlib.import_module("app.compiler.llm.bridge")
    # ChatAnthropic has no parameter for its client, but makes it once and keeps it under this name.
    default: Any = getattr(chat, _CLIENT)
    vars(chat)[_CLIENT] = default.with_options(http_client=bridge.bridged(access.client))
    return chat


def _other(choice: ModelChoice) -> BaseChatModel:
    own: dict[str, Any] = {**(choice.options or {})}
    if choice.api_key is not None:
        own["api_key"] = choice.api_key
    return _built(choice, choice.api_key, lambda: init_chat_model(choice.model, **_common(choice), **own))


def _common(choice: ModelChoice) -> dict[str, Any]:
    """The node decides about retries: a client that tries again by itself would hide them."""
    given = {"temperature": choice.temperature, "max_tokens": choice.max_tokens}
    return {"max_retries": 0, **{name: value for name, value in given.items() if value is not None}}


def _built(choice: ModelChoice, secret: str | None, build: Callable[[], BaseChatModel]) -> BaseChatModel:
    try:
        return build()
    except ImportError as error:
        raise HardError(f"{choice.model}: {error}", "missing_package") from error
    except Exception as error:  # noqa: BLE001  # each provider has kinds of its own for settings it does not take
        said = message_of(error)
        said = said.replace(secret, "***") if secret else said
        raise HardError(f"{choice.model} cannot be opened: {said}", "invalid_model") from None


def _fake(choice: ModelChoice) -> BaseChatModel:
    return _built(choice, None, lambda: FakeChatModel(kind=choice.name, **(choice.options or {})))
