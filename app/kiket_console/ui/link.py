"""The connection to the engine: listens for notices, asks for the status, comes back by itself."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from kiket_console.errors import ConsoleError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from kiket_console.engine_status import EngineStatus
    from kiket_console.model import Notice, Worker
    from kiket_console.wire import (
        Edit,
        Event,
        ForcedFailure,
        IpcMessage,
        IpcOp,
        IpcResult,
        PlatformRows,
        PlatformSettings,
        PlatformState,
        Preview,
        Result,
        Rotation,
        Selection,
        Template,
    )
    from kiket_console.wire_producer import (
        ProducerMessage,
        ProducerPreview,
        ProducerResult,
        ProducerState,
        SinkFault,
    )
    from kiket_console.wire_secrets import Generate, SecretEntry, SecretsState, VaultFacts

STATUS_EVERY_S = 2.0
STATUS_AT_MOST_EVERY_S = 0.5
SILENT_AFTER_S = 3.0
"""An engine that has not said for so long how things are is stopped, or stuck."""
LOOKS = 6
"""In so many steps: a console that was itself held up for longer, and finds the answer waiting, has
taken one of them, and does not take the engine for silent."""
FIRST_RETRY_S = 0.05
LONGEST_RETRY_S = 1.0
TELL_EVERY_S = 1 / 16
"""Drawing takes longer than hearing: of what comes meanwhile only the last is told."""


class Engine(Protocol):
    """What the console asks of the engine (`kiket_console.client.Client`)."""

    async def status(self) -> EngineStatus:
        """Return what runs."""

    def notices(self) -> AsyncIterator[Notice]:
        """Yield what changed until the engine ends."""

    async def send_event(self, event: Event) -> Result:
        """Send a signed event."""

    async def preview_event(self, event: Event) -> Preview:
        """Return what that would send."""

    async def replay(self, exchange_id: int, way: str = "resigned", version: str = "") -> Result:
        """Send a recorded delivery again."""

    async def send(
        self, exchange_id: int, edit: Edit, way: str = "resigned", *, linked: bool = True
    ) -> Result:
        """Send a recorded delivery again, edited."""

    async def preview(
        self, exchange_id: int, edit: Edit, way: str = "resigned", *, linked: bool = True
    ) -> Preview:
        """Return what that would send."""

    async def retry(self, exchange_id: int) -> Result:
        """Make the next attempt at a delivery that failed."""

    async def cancel_retries(self, ids: Sequence[int]) -> Selection:
        """Make no more attempts at deliveries."""

    async def pin(self, ids: Sequence[int], *, pinned: bool) -> Selection:
        """Keep exchanges whatever their age, or no longer."""

    async def note(self, ids: Sequence[int], text: str) -> Selection:
        """Say something about exchanges, or nothing any more."""

    async def mark_read(self, ids: Sequence[int]) -> Selection:
        """Count exchanges as looked at."""

    async def remove(self, ids: Sequence[int]) -> Selection:
        """Take exchanges out of sight."""

    async def restore(self, ids: Sequence[int]) -> Selection:
        """Bring removed exchanges back."""

    async def templates(self, extension: str = "") -> tuple[Template, ...]:
        """Return the sample events, those that an extension handles first."""

    async def worker(self, name: str, verb: str) -> Worker:
        """Restart, stop or start a worker."""

    @property
    def platform(self) -> Platform:
        """What the platform keeps."""

    @property
    def modules(self) -> Modules:
        """What is said to modules."""

    @property
    def producer(self) -> Producer:
        """Where messages of a producer go."""

    @property
    def secrets(self) -> Secrets:
        """What the vault holds."""

    async def stop(self) -> None:
        """Ask the engine to end."""

    async def close(self) -> None:
        """Give the connections back."""


class Platform(Protocol):
    """What the console asks of the platform (`kiket_console.client_platform.PlatformCalls`)."""

    async def state(self) -> PlatformState:
        """Return the collections and the settings."""

    async def rows(
        self, collection: str, *, limit: int, after: int | str = "", find: str = ""
    ) -> PlatformRows:
        """Return a page of a collection, newest first."""

    async def add(self, collection: str, row: Mapping[str, Any]) -> dict[str, Any]:
        """Add a row."""

    async def change(
        self, collection: str, row_id: int | str, changes: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Change what *changes* names of a row."""

    async def remove(self, collection: str, row_id: int | str) -> None:
        """Take a row away."""

    async def restore(self, collection: str, row_id: int | str) -> dict[str, Any]:
        """Bring a removed row back."""

    async def set(
        self,
        *,
        rate_limit_per_minute: int | None = None,
        granted_scopes: Sequence[str] | None = None,
        open_tables: bool | None = None,
        failures: Sequence[ForcedFailure] | None = None,
    ) -> PlatformSettings:
        """Change settings; what is None stays."""


class Modules(Protocol):
    """What the console asks of modules (`kiket_console.client_modules.ModuleCalls`)."""

    async def ops(self) -> tuple[IpcOp, ...]:
        """Return the messages that can be sent."""

    async def send(self, message: IpcMessage) -> IpcResult:
        """Send a message, and wait for what it is answered."""

    async def replay(self, exchange_id: int) -> IpcResult:
        """Send a recorded message again."""


class Secrets(Protocol):
    """What the console asks of the vault (`kiket_console.client_secrets.SecretCalls`)."""

    async def state(self) -> SecretsState:
        """Return where secrets are kept, and which are kept or asked for."""

    async def set(
        self, name: str, value: str, *, scope: str = "project", version: int | None = None
    ) -> Rotation:
        """Keep a value; with *version*, only in place of that one."""

    async def rotate(
        self,
        name: str,
        value: str | None = None,
        *,
        generate: Generate | None = None,
        scope: str = "",
    ) -> Rotation:
        """Hand out a secret's new value, with neither the present one; return who took it."""

    async def delete(self, name: str, *, scope: str = "") -> SecretEntry:
        """Forget a value."""

    async def restore(self, name: str, *, scope: str = "") -> Rotation:
        """Bring back the value before the last change."""

    async def reveal(self, name: str, *, scope: str = "") -> str:
        """Return a value."""

    async def vault(self, mode: str) -> VaultFacts:
        """Keep secrets in the keyring, or for this session alone."""


class Producer(Protocol):
    """What the console asks for producer messages (`kiket_console.client_producer`)."""

    async def state(self) -> ProducerState:
        """Return where messages go, and whose credentials there are."""

    async def preview(self, message: ProducerMessage) -> ProducerPreview:
        """Return what would be sent, and what would be signed."""

    async def send(self, message: ProducerMessage) -> ProducerResult:
        """Sign and send a message, and wait for its answer."""

    async def resend(self, exchange_id: int) -> ProducerResult:
        """Send a recorded message again."""

    async def message(self, exchange_id: int) -> ProducerMessage:
        """Return a recorded message to be edited."""

    async def set_faults(self, faults: Sequence[SinkFault]) -> ProducerState:
        """Let the engine's own producer fail in these ways, and in no others."""


class Listener(Protocol):
    """Who is told what the connection hears."""

    def heard_notice(self, notice: Notice) -> None:
        """Take in what changed."""

    def heard_status(self, status: EngineStatus) -> None:
        """Take in how things are."""

    def link_changed(self, up: bool, silent_s: float = 0.0) -> None:
        """Take in that the engine can, or can no longer, be reached.

        *silent_s*: it is there, and has not answered for so long (s).
        """


async def keep_listening(engine: Engine, listener: Listener) -> None:
    """Listen until cancelled; while the engine is gone, try again at growing intervals."""
    retry_s = FIRST_RETRY_S
    while True:
        connection = _Connection(engine, listener)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(connection.follow_notices())
                group.create_task(connection.tell_notices())
                group.create_task(connection.follow_status())
        except* (ConsoleError, OSError):
            if not connection.is_silent:  # whether it is gone, the next attempt tells
                listener.link_changed(False)
        await engine.close()
        retry_s = FIRST_RETRY_S if connection.was_up else min(LONGEST_RETRY_S, retry_s * 2)
        await asyncio.sleep(retry_s)


class _Connection:
    def __init__(self, engine: Engine, listener: Listener) -> None:
        self._engine = engine
        self._listener = listener
        self._wake = asyncio.Event()
        self._notice: Notice | None = None
        self._news = asyncio.Event()
        self._workers_change = -1
        self._silence: asyncio.TimerHandle
        self.was_up = False
        self.is_silent = False

    async def follow_notices(self) -> None:
        async for notice in self._engine.notices():
            if not self.was_up:
                self.was_up = True
                self._listener.link_changed(True)
            self._notice = notice
            self._news.set()
            if notice.workers_change != self._workers_change:
                self._workers_change = notice.workers_change
                self._wake.set()
        raise ConsoleError("The engine has ended.")

    async def tell_notices(self) -> None:
        """Tell at once what was heard, then at most so often."""
        while True:
            await self._news.wait()
            self._news.clear()
            if self._notice is not None:
                self._listener.heard_notice(self._notice)
            await asyncio.sleep(TELL_EVERY_S)

    async def follow_status(self) -> None:
        """Ask now and then, and at once when a worker changed."""
        while True:
            self._look_out()
            try:
                status = await self._engine.status()
            finally:
                self._silence.cancel()
            if self.is_silent:
                self.is_silent = False
                self._listener.link_changed(True)
            self._listener.heard_status(status)
            self._wake.clear()
            await asyncio.sleep(STATUS_AT_MOST_EVERY_S)
            try:
                await asyncio.wait_for(
                    self._wake.wait(), timeout=STATUS_EVERY_S - STATUS_AT_MOST_EVERY_S
                )
            except TimeoutError:
                continue

    def _look_out(self, look: int = 1) -> None:
        """Take note, at the last look, that the engine has not answered."""
        then = partial(self._look_out, look + 1) if look < LOOKS else self._fell_silent
        loop = asyncio.get_running_loop()
        self._silence = loop.call_later(SILENT_AFTER_S / LOOKS, then)

    def _fell_silent(self) -> None:
        self.is_silent = True
        self._listener.link_changed(False, SILENT_AFTER_S)
