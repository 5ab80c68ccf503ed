"""The parts that take and send messages, each handed the others it needs.

sink ──► book ◄── desk          desk ──(trace of what it sends)──► sink
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from kiket_console import env_file as env_files
from kiket_console.engine import asgi
from kiket_console.engine.producer.book import Book
from kiket_console.engine.producer.desk import ProducerDesk
from kiket_console.engine.producer.faults import Faults
from kiket_console.engine.producer.known_keys import KnownKeys
from kiket_console.engine.producer.sink import PATH, Sink
from kiket_console.errors import ConsoleError
from kiket_console.producing.agreed import Agreed
from kiket_console.producing.offers import Settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from starlette.types import ASGIApp, Receive, Scope, Send

    from kiket_console.config import Config
    from kiket_console.engine.ports import Workers
    from kiket_console.engine.recorder import Recorder
    from kiket_console.engine.refusals import Refusals
    from kiket_console.store.reader import Reader


class Producer:
    """The sink below *platform_url*, and the desk; *value_of* gives a secret's value."""

    def __init__(
        self,
        *,
        recorder: Recorder,
        reader: Reader,
        workers: Workers,
        refusals: Refusals,
        config: Config,
        key_file: Path,
        agreed_file: Path,
        env_file: Path,
        platform_url: str,
        value_of: Callable[[str], Awaitable[str | None]],
    ) -> None:
        self.url = platform_url + PATH

        def environ() -> dict[str, str]:
            found = None
            with suppress(ConsoleError):  # who starts a worker is told what is wrong with it
                found = env_files.read(env_file)
            return {**(found.variables if found else {}), **os.environ}

        book, faults, own = Book(recorder, key_file), Faults(), set[str]()
        self._sink = Sink(
            recorder=recorder,
            book=book,
            workers=workers,
            refusals=refusals,
            keys=KnownKeys(environ),
            faults=faults,
            own=own,
            region=config.producer_region,
        )
        settings = Settings.of(config, self.url, Agreed(agreed_file))
        self.desk = ProducerDesk(
            recorder=recorder,
            reader=reader,
            book=book,
            sink=self._sink,
            faults=faults,
            own=own,
            settings=settings,
            environ=environ,
            value_of=value_of,
        )

    def before(self, app: ASGIApp) -> ASGIApp:
        """Return an app (ASGI) that takes what the sink takes, and leaves the rest to *app*."""

        async def front(scope: Scope, receive: Receive, send: Send) -> None:
            taken = scope["type"] == "http" and self._sink.takes(asgi.raw_path(scope))
            await (self._sink.app if taken else app)(scope, receive, send)

        return front
