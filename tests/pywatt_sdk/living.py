"""A module's life in this process, over real pipes; a test plays the orchestrator."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING, Any, Self, TypeVar

import msgspec
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from pywatt_sdk._assembly import Plan
from pywatt_sdk._channels import Lines
from pywatt_sdk._lifecycle import Life
from pywatt_sdk._pipes import open_pipes
from pywatt_sdk._protocol import decode_to_orchestrator, encode_line
from pywatt_sdk._stdout import Streams

if TYPE_CHECKING:
    from pywatt_sdk._protocol import ToModule, ToOrchestrator
    from pywatt_sdk.core.state import AppState

M = TypeVar("M")


def greeter(state: AppState[Any]) -> Starlette:
    """Make the app that most tests serve."""

    async def hello(_: object) -> JSONResponse:
        return JSONResponse({"module": state.module_id})

    return Starlette(routes=[Route("/", hello)])


def init_line(**fields: Any) -> bytes:
    """Return what an orchestrator says first; a field of None is left out."""
    said = {
        "orchestrator_api": "http://localhost:9900",
        "module_id": "greeter",
        "env": {},
        "listen": "127.0.0.1:0",
        "security_level": "None",
    } | fields
    kept = {name: value for name, value in said.items() if value is not None}
    return msgspec.json.encode(kept) + b"\n"


class Living:
    """`async with Living(plan)`: the module runs; `say` and `hear` are the orchestrator's."""

    def __init__(
        self, plan: Plan | None = None, *, first: bytes | None = None, **init: Any
    ) -> None:
        self.plan = plan or Plan(factory=greeter)
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()
        self._first = init_line(**init) if first is None else first
        self.failure: BaseException | None = None

    async def __aenter__(self) -> Self:
        stdin, to_module = os.pipe()
        from_module, stdout = os.pipe()
        self._streams = Streams(os.fdopen(stdin, "rb", 0), os.fdopen(stdout, "wb", 0))
        self.channel = Lines(self.heard.put_nowait)
        reader, writer = os.fdopen(from_module, "rb", 0), os.fdopen(to_module, "wb", 0)
        await open_pipes(self.channel, reader, writer)
        self._group = await asyncio.TaskGroup().__aenter__()
        self.life = Life(self.plan)
        self._task = self._group.create_task(self._live())
        self.channel.send(self._first)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.channel.close()
        async with asyncio.timeout(120):
            await self._group.__aexit__(None, None, None)

    async def _live(self) -> None:
        try:
            await self.life.run(self._streams)
        except Exception as error:  # what a program would end with
            self.failure = error

    async def ended(self) -> BaseException | None:
        """Wait for the module's end; return what it failed with."""
        await asyncio.wait_for(self._task, 120)
        return self.failure

    def say(self, *messages: ToModule) -> None:
        """Send messages in one write."""
        self.channel.send(b"".join(map(encode_line, messages)))

    async def hear(self, kind: type[M]) -> M:
        """Return the next message, which must be of that kind."""
        raw = await asyncio.wait_for(self.heard.get(), 120)
        message: ToOrchestrator = decode_to_orchestrator(raw)
        assert isinstance(message, kind), message
        return message

    async def hang_up(self) -> None:
        """Close the module's stdin, and go on reading its stdout."""
        self.channel.close_sending()


@contextlib.asynccontextmanager
async def announced(plan: Plan | None = None, **init: Any) -> Any:
    """Give a module that is announced, and where it listens."""
    from pywatt_sdk._protocol import Announce

    async with Living(plan, **init) as module:
        announce = await module.hear(Announce)
        yield module, f"http://{announce.listen}"
