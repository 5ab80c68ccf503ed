"""A platform over a real store and a state of its own, asked as an extension would ask it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from msgspec.structs import replace
from tests.kiket_console.engine.found import Found

from kiket_console.engine.platform.api import Api
from kiket_console.engine.platform.callers import Callers
from kiket_console.engine.platform.custom_data import Modules
from kiket_console.engine.platform.desk import Desk
from kiket_console.engine.platform.settings import Settings
from kiket_console.engine.platform.state import State
from kiket_console.engine.platform.surface import Platform
from kiket_console.engine.platform.tokens import RuntimeTokens
from kiket_console.engine.refusals import Refusals
from kiket_console.engine.telemetry.handlers import Handlers
from kiket_console.errors import ConsoleError
from kiket_console.wire_secrets import PROJECT, SecretEntry
from kiket_core.secret import Redactor, Secret
from kiket_sdk.client import KiketClient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from kiket_console.contract import Contract
    from kiket_console.engine.recorder import Recorder
    from kiket_console.engine.telemetry.placing import Untold
    from kiket_console.model import Worker

TOKEN = "wk_local_0123456789abcdef"
BASE_URL = "http://127.0.0.1:9"


@dataclass
class Vault:
    """Secrets in memory, with times that tell which change was the last."""

    values: dict[str, str] = field(default_factory=dict)
    shared: dict[str, str] = field(default_factory=dict)
    """What all projects see, and no call changes."""
    times: dict[str, tuple[int, int]] = field(default_factory=dict)
    clock_s: int = 1_800_000_000
    trouble: str = ""

    async def get(self, name: str) -> str | None:
        """Return a value."""
        if self.trouble:
            raise ConsoleError(self.trouble)
        return self.values.get(name, self.shared.get(name))

    async def set(self, name: str, value: str) -> SecretEntry:
        """Keep a value."""
        self.clock_s += 1
        now_us = self.clock_s * 1_000_000
        self.times[name] = (self.times.get(name, (now_us, 0))[0], now_us)
        self.values[name] = value
        return self._entry(name)

    async def delete(self, name: str) -> bool:
        """Forget a value."""
        return self.values.pop(name, None) is not None

    async def names(self) -> list[SecretEntry]:
        """List what has a value."""
        return [self._entry(name) for name in sorted(self.values)]

    def _entry(self, name: str) -> SecretEntry:
        created_us, updated_us = self.times[name]
        return SecretEntry(
            name, present=True, scope=PROJECT, created_us=created_us, updated_us=updated_us
        )


Pairs = Iterable[tuple[str, Secret]]


@dataclass
class World:
    """The parts of a platform, each of which a test may ask."""

    platform: Platform
    api: Api
    state: State
    settings: Settings
    desk: Desk
    tokens: RuntimeTokens
    notes: list[str]
    told: list[Untold]
    """What handlers were told of."""

    def sdk(self, runtime_token: str | None = None) -> KiketClient:
        """Return the SDK's client, as a handler of `marketing` has it."""
        client = KiketClient(BASE_URL, TOKEN, runtime_token=runtime_token)
        client._client = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.platform.app), base_url=BASE_URL
        )
        return client

    def client(self, **headers: str) -> httpx.AsyncClient:
        """Return a client of the platform that sends *headers*, `_` standing for `-`."""
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.platform.app),
            base_url=BASE_URL,
            headers={name.replace("_", "-"): value for name, value in headers.items()},
        )


Make = Callable[[Any, Pairs], World]


@pytest.fixture
def vault() -> Vault:
    """Return where secrets are."""
    return Vault()


@pytest.fixture
def make(recorder: Recorder, vault: Vault, redactor: Redactor, tmp_path: Path) -> Iterator[Make]:
    """Return what makes a platform for workers and their tokens."""
    made: list[World] = []

    def make(workers: Any, pairs: Pairs) -> World:
        notes: list[str] = []
        told: list[Untold] = []
        state = State(tmp_path / "platform.sqlite3", notes.append)
        settings, modules = Settings(state), Modules()
        tokens = RuntimeTokens(tmp_path / "token-key.pem")

        def address(extension: str, action: str = "{action}") -> str:
            return f"http://127.0.0.1:8700/webhooks/ext/token-of-{extension}/{action}"

        api = Api(
            state=state,
            settings=settings,
            secrets=vault,
            workers=workers,
            modules=modules,
            tokens=tokens,
            address=address,
            base_url=BASE_URL,
            handlers=Handlers(workers, told.extend),
        )
        desk = Desk(
            state=state,
            settings=settings,
            modules=modules,
            workers=workers,
            address=address,
            redact=redactor.redact,
            on_change=lambda: None,
        )
        callers = Callers(lambda: pairs, tokens)
        refusals = Refusals(recorder.log, minute_s=3600.0)  # however long a test's calls take
        platform = Platform(recorder, workers, refusals, callers, api)
        made.append(World(platform, api, state, settings, desk, tokens, notes, told))
        return made[-1]

    yield make
    for world in made:
        world.state.close()


SCHEMA = """
module: com.example.marketing.pages
version: "1.0"
tables:
  pages:
    description: Pages and their acknowledgement
    columns:
      - { name: id, type: bigint, primary_key: true, auto_increment: true }
      - { name: issue_id, type: bigint, null: false }
      - { name: state, type: string, length: 8, null: false, default: sent }
      - { name: cost, type: decimal, precision: 6, scale: 2 }
      - { name: vendor_ref, type: string, unique: true }
      - { name: urgent, type: boolean }
      - { name: details, type: json }
      - { name: acked_at, type: timestamp }
      - { name: created_at, type: timestamp, null: false }
"""


@dataclass
class Placed(Found):
    """The workers of a test's crew, with a folder where their code is."""

    crew: Any
    folder: Path

    def workers(self) -> tuple[Worker, ...]:
        """Return them."""
        return tuple(replace(each, folder=str(self.folder)) for each in self.crew.workers())

    def contract(self, name: str) -> Contract:
        """Return what the manifest says."""
        terms: Contract = self.crew.contract(name)
        return terms


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the extension's folder, with the schema of one module."""
    schema = tmp_path / "project" / ".kiket" / "modules" / "pages" / "schema.yml"
    schema.parent.mkdir(parents=True)
    schema.write_text(SCHEMA)
    return tmp_path / "project"


@pytest.fixture
def world(make: Make, crew: Any, folder: Path) -> World:
    """Return a platform for the extension `marketing`."""
    tokens = (TOKEN, "", "wk_of_the_code")
    return make(Placed(crew, folder), [("marketing", Secret(token, "TOKEN")) for token in tokens])


@pytest.fixture
async def extension(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """Return the extension's client of the platform."""
    async with world.client(Authorization=f"Bearer {TOKEN}") as client:
        yield client
