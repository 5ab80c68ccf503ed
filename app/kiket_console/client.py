"""Typed client of an engine's control API.

Nothing heavy is imported with this module: the HTTP library only when a client is made.
"""

from __future__ import annotations

import os
import stat
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Self, TypeVar

from kiket_console.client_asking import ANSWER_TIMEOUT_S
from kiket_console.client_documents import asked, sent
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.wire import API

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Sequence
    from types import TracebackType

    import httpx

    from kiket_console.client_modules import ModuleCalls
    from kiket_console.client_platform import PlatformCalls
    from kiket_console.client_producer import ProducerCalls
    from kiket_console.client_secrets import SecretCalls
    from kiket_console.engine_status import EngineStatus
    from kiket_console.model import Exchange, Headers, Notice, Worker
    from kiket_console.paths import ProjectPaths
    from kiket_console.wire import Edit, Event, Preview, Result, Selection, Template

T = TypeVar("T")

SEARCH_TIMEOUT_S = 600.0
"""Looking into each of a million bodies takes long."""
DELIVERY_TIMEOUT_S = 7300.0
"""Longer than the engine may be set to hold a delivery and to wait for its answer, together."""


START_ONE = "Start one with `kiket-console` or `kiket-console run --headless`."


class EngineGone(ConsoleError):  # noqa: N818 - it is a state of the world that callers wait out
    """No engine answers for this project."""

    def __init__(self, folder: object, reason: str = "", hint: str = START_ONE) -> None:
        message = f"No engine runs for {folder}{f' ({reason})' if reason else ''}."
        super().__init__(message, hint=hint, exit_code=ExitCode.NETWORK)


class Client(AbstractAsyncContextManager["Client"]):
    """Ask things of a project's engine. Use as `async with Client(paths) as client`.

    Every call raises `EngineGone` when no engine answers, and `ConsoleError` with the engine's
    sentence when it refuses. Making one loads the HTTP library (0.1 s): a screen does that in a
    thread, so that its first call finds it ready. *when_gone*: what a person is to do then.
    """

    def __init__(self, paths: ProjectPaths, when_gone: str = START_ONE) -> None:
        import httpx  # noqa: F401 - see above
        import httpx_sse  # noqa: F401 - see above

        self._paths = paths
        self._when_gone = when_gone
        self._http: httpx.AsyncClient | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Give the connections back; the client can be used again afterwards."""
        if self._http is not None:
            http, self._http = self._http, None
            await http.aclose()

    async def status(self) -> EngineStatus:
        """Return what runs, how sure the engine is, and since when."""
        from kiket_console.engine_status import EngineStatus

        return await self._ask("GET", "/status", EngineStatus)

    async def workers(self) -> tuple[Worker, ...]:
        """Return the workers, in the order of the project."""
        from kiket_console.model import Worker

        return await self._ask("GET", "/workers", tuple[Worker, ...])

    async def trigger(
        self,
        event: str,
        *,
        version: str = "",
        extension: str = "",
        raw_payload: bytes | None = None,
        raw_body: bytes | None = None,
        headers: Headers = (),
        dialect: str = "",
    ) -> Result:
        """Send a signed event to an extension as the platform would, and return how it ended.

        *raw_payload* is the event's JSON, to which the platform's envelope is added; without it
        the engine's template is sent. *raw_body* are the very bytes to send instead. *headers*
        replace those of the delivery; *dialect* signs in one way only.
        """
        from kiket_console.wire import Event

        return await self.send_event(
            Event(event, version, extension, raw_payload, raw_body, headers, dialect)
        )

    async def send_event(self, event: Event) -> Result:
        """Send a signed event, as `trigger` does."""
        from kiket_console.wire import Result

        return await self._ask("POST", "/trigger", Result, asked(event), DELIVERY_TIMEOUT_S)

    async def preview_event(self, event: Event) -> Preview:
        """Return what `send_event` would send."""
        from kiket_console.wire import Preview

        return await self._ask("POST", "/trigger", Preview, asked(event) | {"dry_run": True})

    async def replay(
        self,
        exchange_id: int,
        way: str = "resigned",
        version: str = "",
        *,
        retry: bool | None = None,
    ) -> Result:
        """Send a recorded delivery again (*way*: see `wire.WAYS`) and return how it ended.

        It is sent to the handler of another *version* when that is given.
        """
        from kiket_console.wire import Edit

        return await self.send(exchange_id, Edit(version=version or None), way, retry=retry)

    async def send(
        self,
        exchange_id: int,
        edit: Edit,
        way: str = "resigned",
        *,
        linked: bool = True,
        retry: bool | None = None,
    ) -> Result:
        """Send a recorded delivery again, with what *edit* changes of it; return how it ended.

        It names the delivery that it repeats unless it is not *linked*. *retry*: whether it is
        tried again when it fails; None: as the settings say.
        """
        from kiket_console.wire import Result

        path, asked = f"/exchanges/{exchange_id}/send", sent(edit, way, linked) | {"retry": retry}
        return await self._ask("POST", path, Result, asked, DELIVERY_TIMEOUT_S)

    async def retry(self, exchange_id: int) -> Result:
        """Make the next attempt at a delivery that failed, at once; return how it ended."""
        from kiket_console.wire import Result

        path = f"/exchanges/{exchange_id}/retry"
        return await self._ask("POST", path, Result, timeout_s=DELIVERY_TIMEOUT_S)

    async def cancel_retries(self, ids: Sequence[int]) -> Selection:
        """Make no more attempts at deliveries; return those that waited for one."""
        from kiket_console.wire import Selection

        return await self._ask("POST", "/exchanges/cancel", Selection, {"ids": list(ids)})

    async def preview(
        self, exchange_id: int, edit: Edit, way: str = "resigned", *, linked: bool = True
    ) -> Preview:
        """Return what `send` would send."""
        from kiket_console.wire import Preview

        asked = sent(edit, way, linked) | {"dry_run": True}
        return await self._ask("POST", f"/exchanges/{exchange_id}/send", Preview, asked)

    async def pin(self, ids: Sequence[int], *, pinned: bool = True) -> Selection:
        """Keep exchanges whatever their age and the store's size, or no longer."""
        from kiket_console.wire import Selection

        document = {"ids": list(ids), "pinned": pinned}
        return await self._ask("POST", "/exchanges/pin", Selection, document)

    async def note(self, ids: Sequence[int], text: str) -> Selection:
        """Say something about exchanges, in one line; an empty text takes back what was said."""
        from kiket_console.wire import Selection

        document = {"ids": list(ids), "note": text}
        return await self._ask("POST", "/exchanges/note", Selection, document)

    async def mark_read(self, ids: Sequence[int]) -> Selection:
        """Count exchanges as looked at; return those that are still there."""
        from kiket_console.wire import Selection

        return await self._ask("POST", "/exchanges/read", Selection, {"ids": list(ids)})

    async def remove(self, ids: Sequence[int]) -> Selection:
        """Take exchanges out of sight, with what they caused; return all that went."""
        from kiket_console.wire import Selection

        return await self._ask("POST", "/exchanges/remove", Selection, {"ids": list(ids)})

    async def restore(self, ids: Sequence[int]) -> Selection:
        """Bring removed exchanges back, with what they caused; return all that came."""
        from kiket_console.wire import Selection

        return await self._ask("POST", "/exchanges/restore", Selection, {"ids": list(ids)})

    async def exchanges(self, filter_text: str = "", limit: int = 50) -> tuple[Exchange, ...]:
        """Return the newest *limit* exchanges that match a filter, the oldest of them first.

        At most `wire.LIST_LIMIT`. Raises `ConsoleError` for a text that is no filter.
        """
        from kiket_console.model import Exchange

        query = f"?filter={_quoted(filter_text)}&limit={limit}"
        return await self._ask(
            "GET", f"/exchanges{query}", tuple[Exchange, ...], timeout_s=SEARCH_TIMEOUT_S
        )

    async def filters(self) -> dict[str, str]:
        """Return the texts of the saved filters, by name."""
        return await self._ask("GET", "/filters", dict[str, str])

    async def templates(self, extension: str = "") -> tuple[Template, ...]:
        """Return the events that can be triggered, those that *extension* handles first.

        An empty name means every extension.
        """
        from kiket_console.wire import Template

        query = f"?extension={_quoted(extension)}" if extension else ""
        return await self._ask("GET", f"/templates{query}", tuple[Template, ...])

    async def worker(self, name: str, verb: str) -> Worker:
        """Do *verb* (see `wire.VERBS`) to a worker and return how it is now."""
        from kiket_console.model import Worker

        return await self._ask("POST", f"/workers/{_quoted(name)}/{verb}", Worker)

    @property
    def platform(self) -> PlatformCalls:
        """What can be asked of the platform's state."""
        from kiket_console.client_platform import PlatformCalls

        return PlatformCalls(self._ask)

    @property
    def producer(self) -> ProducerCalls:
        """What can be sent to a producer."""
        from kiket_console.client_producer import ProducerCalls

        return ProducerCalls(self._ask)

    @property
    def modules(self) -> ModuleCalls:
        """What can be sent to modules, and what they offer."""
        from kiket_console.client_modules import ModuleCalls

        return ModuleCalls(self._ask)

    @property
    def secrets(self) -> SecretCalls:
        """What the vault holds, and what can be done with it."""
        from kiket_console.client_secrets import SecretCalls

        return SecretCalls(self._ask)

    async def stop(self) -> None:
        """Ask the engine to stop its workers and end; it ends shortly after this returns."""
        await self._ask("POST", "/stop", None)

    async def notices(self) -> AsyncIterator[Notice]:
        """Yield what changed, the newest at once; ends with `EngineGone` when the engine does.

        Reconnecting is up to the caller.
        """
        import httpx
        import httpx_sse
        import msgspec

        from kiket_console.model import Notice

        quiet = httpx.Timeout(5.0, read=None)
        try:
            async with httpx_sse.aconnect_sse(
                self._connected(), "GET", f"{API}/notices", timeout=quiet
            ) as source:
                if source.response.status_code != 200:
                    raise _refusal(await source.response.aread())
                async for event in source.aiter_sse():
                    if event.event == "notice":
                        yield msgspec.json.decode(event.data, type=Notice)
        except httpx.TransportError as error:
            raise EngineGone(self._paths.folder, hint=self._when_gone) from error
        raise EngineGone(self._paths.folder, "it ended", self._when_gone)

    async def _ask(
        self,
        method: str,
        path: str,
        kind: type[T] | None,
        document: object = None,
        timeout_s: float = ANSWER_TIMEOUT_S,
    ) -> T:
        import httpx
        import msgspec

        raw_body = b"" if document is None else msgspec.json.encode(document)
        headers = {"content-type": "application/json"} if raw_body else {}
        try:
            response = await self._connected().request(
                method,
                API + path,
                content=raw_body,
                headers=headers,
                timeout=httpx.Timeout(timeout_s, connect=5.0),
            )
        except httpx.TimeoutException as error:
            raise ConsoleError(
                f"The engine has not answered within {timeout_s:g} s.",
                hint=f"Its log is {self._paths.engine_log}.",
                exit_code=ExitCode.NETWORK,
            ) from error
        except httpx.TransportError as error:
            raise EngineGone(self._paths.folder, hint=self._when_gone) from error
        if response.status_code >= 400:
            raise _refusal(response.content)
        return msgspec.json.decode(response.content, type=kind) if kind else None  # type: ignore[return-value]  # T is None there

    def _connected(self) -> httpx.AsyncClient:
        _check_socket(self._paths, self._when_gone)
        if self._http is None:
            import ssl

            import httpx

            # There is no TLS on a socket; loading the certificates of the world takes 25 ms.
            nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            socket = str(self._paths.control_socket)
            self._http = httpx.AsyncClient(
                transport=httpx.AsyncHTTPTransport(uds=socket, verify=nobody),
                base_url="http://engine",
                trust_env=False,
            )
        return self._http


def call(request: Coroutine[Any, Any, T]) -> T:
    """Run one coroutine to its end, for code that has no event loop."""
    import asyncio

    return asyncio.run(request)


def _check_socket(paths: ProjectPaths, when_gone: str) -> None:
    """Refuse a control socket that somebody else put there."""
    try:
        seen = paths.control_socket.lstat()
        folder = paths.run.lstat()
    except FileNotFoundError:
        raise EngineGone(paths.folder, hint=when_gone) from None
    ours = seen.st_uid == folder.st_uid == os.getuid()
    if not (ours and stat.S_ISSOCK(seen.st_mode) and not folder.st_mode & 0o077):
        raise ConsoleError(
            f"{paths.control_socket} is not a private socket of yours (owner {seen.st_uid}).",
            hint="Remove it and start the engine again.",
            exit_code=ExitCode.NETWORK,
        )


def _refusal(raw_answer: bytes) -> ConsoleError:
    import msgspec

    from kiket_console.wire import Refusal

    try:
        refusal = msgspec.json.decode(raw_answer, type=Refusal)
        return ConsoleError(refusal.error, hint=refusal.hint, exit_code=ExitCode(refusal.exit_code))
    except (msgspec.MsgspecError, ValueError):
        return ConsoleError("The engine's answer makes no sense to this version of the program.")


def _quoted(name: str) -> str:
    from urllib.parse import quote

    return quote(name, safe="")
