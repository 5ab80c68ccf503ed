"""By what way a command's messages go: through the engine, which records them, or from here."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol

import click
from msgspec.structs import replace

from kiket_console.client import Client, EngineGone
from kiket_console.producing.destination import URL_VARIABLE
from kiket_console.producing.profiles import ENVIRONMENT, shown

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from kiket_console.client_producer import ProducerCalls
    from kiket_console.paths import ProjectPaths
    from kiket_console.producing.direct import Direct
    from kiket_console.wire_producer import (
        ProducerMessage,
        ProducerPreview,
        ProducerResult,
        ProducerState,
    )

_KEY = "AWS_ACCESS_KEY_ID"


class Road(Protocol):
    """What sends messages."""

    async def preview(self, asked: ProducerMessage) -> ProducerPreview:
        """Return what would be sent."""
        ...

    async def send(self, asked: ProducerMessage) -> ProducerResult:
        """Send a message."""
        ...

    async def resend(self, exchange_id: int) -> ProducerResult:
        """Send a recorded message again."""
        ...

    async def kept(self) -> tuple[int, ...]:
        """Return the recorded messages that can be sent again."""
        ...


@asynccontextmanager
async def road_of(paths: ProjectPaths, asked: ProducerMessage) -> AsyncIterator[Road]:
    """Return the engine's way, or the direct one.

    The direct one is for when no engine runs, or it does not have the credentials of this shell,
    which *asked* would be signed with.
    """
    async with Client(paths) as client:
        try:
            state = await client.producer.state()
        except EngineGone:
            state = None
        if state is not None and _has_credentials(state, asked):
            yield _ByEngine(client.producer, state)
            return
    if state is not None:
        click.echo(
            f"Sent from here, not by the engine: it does not have {_KEY} of this shell.",
            err=True,
        )
    async with _direct(paths, state) as direct:
        yield _FromHere(direct)


class _ByEngine:
    """Ask the engine, with what this shell says on top of what the engine knows."""

    def __init__(self, calls: ProducerCalls, state: ProducerState) -> None:
        self._calls = calls
        self._state = state

    async def preview(self, asked: ProducerMessage) -> ProducerPreview:
        return await self._calls.preview(self._meant(asked))

    async def send(self, asked: ProducerMessage) -> ProducerResult:
        return await self._calls.send(self._meant(asked))

    async def resend(self, exchange_id: int) -> ProducerResult:
        return await self._calls.resend(exchange_id)

    async def kept(self) -> tuple[int, ...]:
        return tuple(sorted(self._state.kept))

    def _meant(self, asked: ProducerMessage) -> ProducerMessage:
        url = asked.url or os.environ.get(URL_VARIABLE, "").strip()
        profile = asked.profile
        if not _is_sink(self._state, url):
            profile = profile or os.environ.get("AWS_PROFILE", "")
        return replace(asked, url=url, profile=profile)


class _FromHere:
    """Send without an engine."""

    def __init__(self, direct: Direct) -> None:
        self._direct = direct

    async def preview(self, asked: ProducerMessage) -> ProducerPreview:
        return await self._direct.preview(asked)

    async def send(self, asked: ProducerMessage) -> ProducerResult:
        return await self._direct.send(asked)

    async def resend(self, exchange_id: int) -> ProducerResult:
        raise EngineGone(f"the project of exchange {exchange_id}")

    async def kept(self) -> tuple[int, ...]:
        return ()


def _direct(paths: ProjectPaths, state: ProducerState | None) -> Direct:
    from kiket_console import config, env_file
    from kiket_console.producing.agreed import Agreed
    from kiket_console.producing.direct import Direct
    from kiket_console.producing.offers import Settings
    from kiket_console.trust import Trust

    is_trusted = Trust().is_trusted(paths.folder)
    variables = env_file.find(paths.folder) if is_trusted else None
    settings = config.load(paths.folder, env_file=variables)
    environ: Mapping[str, str] = {**(variables.variables if variables else {}), **os.environ}
    sink_url = "" if state is None else state.sink_url
    return Direct(Settings.of(settings, sink_url, Agreed(paths.agreed)), environ)


def _has_credentials(state: ProducerState, asked: ProducerMessage) -> bool:
    """Tell whether the engine would sign with what this shell has."""
    key = os.environ.get(_KEY, "")
    url = asked.url or os.environ.get(URL_VARIABLE, "").strip()
    if not key or asked.profile not in {"", ENVIRONMENT}:
        return True
    if not asked.profile and _is_sink(state, url):
        return True  # it is signed with the sink's own
    engines = next((each for each in state.profiles if each.name == ENVIRONMENT), None)
    return engines is not None and engines.access_key == shown(key)


def _is_sink(state: ProducerState, url: str) -> bool:
    """Tell whether a URL, empty for the one that the engine takes then, is the sink's."""
    from kiket_console.producing.offers import Settings

    return Settings(sink_url=state.sink_url).is_sink(url or state.url)
