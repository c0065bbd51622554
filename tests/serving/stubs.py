"""The clinic's use case, and stores in memory, for tests that need no published table, no bundle and no server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import httpx

from nightloop.definitions import UseCase, load_use_case
from nightloop.errors import ChampionMissing, NotReady
from nightloop.model.champions import Champion
from nightloop.model.use_case_task import answer_columns
from nightloop.nights import Night
from serving.model_snapshot import Identity, ModelSnapshot
from tests.serving.clinic import DEFINITION

USE_CASE: UseCase = load_use_case(DEFINITION.stem, DEFINITION.parent)
OTHER_FORMATS = {  # path -> id of the operation
    "/invocations": "invoke_only",
    "/v1/{use_case}/invocations": "invoke",
    "/v2": "v2_server",
    "/v2/health/live": "v2_live",
    "/v2/health/ready": "v2_ready",
    "/v2/models/{model}": "v2_model_metadata",
    "/v2/models/{model}/ready": "v2_model_ready",
    "/v2/models/{model}/infer": "v2_infer",
}
NIGHT = date(2024, 1, 6)
ROW: dict[str, Any] = {
    "visit_id": "v1",
    "visit_date": "2024-01-07",
    "clinic": "north",
    "planned_hour": 9,
    "price": 12.5,
    "is_new": False,
    "patient": None,
}


def champion(version: int, effective_from: Night = date(2024, 1, 1)) -> Champion:
    return Champion(version, effective_from - timedelta(days=1), effective_from, {"bundle_digest": f"digest {version}"})


def identity(night: Night = NIGHT, aggregates_version: int = 1, model_version: int = 1) -> Identity:
    return Identity(night, aggregates_version, model_version, champion(model_version))


def snapshot(of: Identity, **parts: Any) -> ModelSnapshot:
    return ModelSnapshot(
        USE_CASE,
        of,
        **{"predictor": None, "online": None, "aggregates": None, "columns": tuple(answer_columns(USE_CASE)), **parts},
    )


@dataclass
class Stores:
    """Stands for ``find`` and ``load`` of serving.model_snapshot: which nights are published, and who is champion of each."""

    published: dict[Night, int]  # night -> version of the aggregates
    champions: Mapping[Night, int]  # first night -> version of the model
    find_error: Exception | None = None
    load_error: Exception | None = None
    loaded: list[tuple[Identity, ModelSnapshot | None]] = field(default_factory=list)
    asked: list[Night | None] = field(default_factory=list)

    def find(self, _workspace: object, _use_case: UseCase, night: Night | None = None) -> Identity:
        self.asked.append(night)
        if self.find_error:
            raise self.find_error
        if not self.published or (night and night not in self.published):
            raise NotReady("no aggregates are published.")
        newest = night or max(self.published)
        versions = [self.champions[first] for first in sorted(self.champions) if first <= newest]
        if not versions:
            raise ChampionMissing(f"nobody is champion on {newest}.")
        return identity(newest, self.published[newest], versions[-1])

    def load(
        self, _workspace: object, _use_case: UseCase, of: Identity, previous: ModelSnapshot | None = None
    ) -> ModelSnapshot:
        self.loaded.append((of, previous))
        if self.load_error:
            raise self.load_error
        return snapshot(of)

    @property
    def loads(self) -> list[tuple[Night, int, int]]:
        return [(of.night, of.aggregates_version, of.model_version) for of, _ in self.loaded]


NO_EVENTS: Any = SimpleNamespace(events=lambda *_, **__: [])
"""A ledger on which nothing stands."""


class Clock:
    """A clock that goes on by a second each time it is read."""

    def __init__(self) -> None:
        self.now = datetime(2024, 1, 7, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


def loaded_model(status: Any, use_case: UseCase = USE_CASE) -> Any:
    """What status, metrics and routes see of ``LoadedModels``."""
    return SimpleNamespace(use_case=use_case, status=status)


class Client:
    """Sends requests to an application in this process, without a server; the application's lifespan does not begin."""

    def __init__(self, app: Any) -> None:
        self._transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)

    def request(self, method: str, url: str, **options: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            async with httpx.AsyncClient(transport=self._transport, base_url="http://service") as client:
                return await client.request(method, url, **options)

        return asyncio.run(send())

    def get(self, url: str, **options: Any) -> httpx.Response:
        return self.request("GET", url, **options)

    def post(self, url: str, **options: Any) -> httpx.Response:
        return self.request("POST", url, **options)


async def in_chunks(body: bytes, size: int = 5000) -> AsyncIterator[bytes]:
    """A body whose length nobody is told beforehand."""
    for start in range(0, len(body), size):
        yield body[start : start + size]
