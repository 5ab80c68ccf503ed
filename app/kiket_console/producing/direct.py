"""Preview and send messages where no engine runs: nothing is recorded."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Self

from msgspec.structs import replace

from kiket_console.producing import answers, message, offers, sending, signing
from kiket_console.wire_producer import LOCAL, ProducerResult

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from kiket_console.producing.message import Message
    from kiket_console.producing.offers import Resolved, Settings
    from kiket_console.producing.signing import Request
    from kiket_console.wire_producer import ProducerMessage, ProducerPreview

STAND_IN = "http://localhost/producer"
"""Where a preview goes when nothing says where; nothing is sent there."""


class Direct:
    """Send with the credentials of *environ*. Use as `async with Direct(…) as direct`."""

    def __init__(self, settings: Settings, environ: Mapping[str, str]) -> None:
        self._settings = settings
        self._environ = environ
        self._connections = sending.Connections()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._connections.close()

    async def preview(self, asked: ProducerMessage) -> ProducerPreview:
        """Return what `send` would send; raises `ConsoleError` when it could not be.

        With nothing that says where it goes, it is shown as it would go to a sink.
        """
        checked = await asyncio.to_thread(_read, asked)
        if not asked.url and not offers.url_of(self._settings, self._environ):
            asked = replace(asked, url=STAND_IN, profile=asked.profile or LOCAL)
        found = await offers.resolved(asked, self._settings, self._environ)
        if found.problem is not None:
            raise found.problem
        return self._request(asked, checked, found).preview

    async def send(self, asked: ProducerMessage) -> ProducerResult:
        """Sign and send a message; raises `ConsoleError` for one that cannot be sent at all."""
        checked = await asyncio.to_thread(_read, asked)
        await asyncio.to_thread(offers.agree, asked, self._settings, self._environ)
        found = await offers.resolved(asked, self._settings, self._environ)
        if (problem := found.problem) is not None:
            return ProducerResult(
                0,
                found.to.url,
                None,
                error=problem.message,
                hint=problem.hint,
                exit_code=int(problem.exit_code),
                attempts=0,
            )
        request = self._request(asked, checked, found)
        client = await self._connections.to(request.url)
        answer = await sending.post(client, request)
        result, _ = await asyncio.to_thread(answers.result, request, answer, checked)
        return result

    def _request(self, asked: ProducerMessage, checked: Message, found: Resolved) -> Request:
        assert found.keys is not None  # noqa: S101 - else there is a problem, and it was told
        is_sink = found.profile == LOCAL
        return signing.request(checked, found.to, found.keys, asked.way, is_sink=is_sink)


def _read(asked: ProducerMessage) -> Message:
    return message.read(asked.message, Path(asked.schema_path) if asked.schema_path else None)
