"""Serve ASGI apps with limits and deadlines: uvicorn, guarded.

uvicorn as it comes has no deadline for headers or bodies and, with httptools, no limit on headers.
`guarded()` makes a protocol class for its `http=` setting that has them, and that refuses whatever
two programs on one connection might read differently. After a refusal the connection is closed and
nothing that came after it is served.

    config = server_config(app, hosts={"127.0.0.1", "localhost"})
    server = Server(config)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server.serve(sockets=[bound]))
        await server.wait_started()
        ...
        server.should_exit = True
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
from typing import TYPE_CHECKING, Any

from kiket_core import _uvicorn
from kiket_core._admission import LOOPBACK, Admission, Limits, Refusal
from kiket_core._direct import DirectRequest, Taker, serving_directly
from kiket_core._guarded_protocol import GuardedProtocol, Policy
from kiket_core._servant import Servant, Underway

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Collection, Iterator

__all__ = [
    "LOOPBACK",
    "DirectRequest",
    "Limits",
    "Refusal",
    "Servant",
    "Server",
    "StartupError",
    "Taker",
    "Underway",
    "guarded",
    "server_config",
    "serving_directly",
]

_DEFAULT_LIMITS = Limits()


class StartupError(RuntimeError):
    """A server ended before it served."""


def guarded(
    limits: Limits = _DEFAULT_LIMITS,
    hosts: Collection[str] | None = LOOPBACK,
    *,
    allow_cross_site: bool = False,
    allow_websockets: bool = False,
    on_refusal: Callable[[int, str], None] | None = None,
    protocol: type[Servant] = Servant,
) -> type[asyncio.Protocol]:
    """Make the class for uvicorn's `http=` setting that enforces `limits`.

    Only requests for `hosts` (names without port) are served; None serves any host, for an app
    whose public name is not known here. Requests that a browser sends for pages of another origin
    are refused unless `allow_cross_site`; an app with CORS rules of its own, or behind a proxy
    that changes Host, needs that. With `allow_websockets` a request may turn its connection into a
    WebSocket (RFC 6455), by the same rules; what is said on it is uvicorn's to limit.

    `on_refusal` is called with status and sentence, on the event loop: it must be quick and must
    not raise. `protocol` is what the guard stands in front of: uvicorn's own, or a subclass that
    serves requests without an app.
    """
    admission = Admission(
        limits, hosts, allow_cross_site=allow_cross_site, allow_websockets=allow_websockets
    )
    policy = Policy(limits, admission, on_refusal)
    return type("Guarded", (GuardedProtocol, protocol), {"policy": policy})


def server_config(
    app: Any,
    *,
    limits: Limits = _DEFAULT_LIMITS,
    hosts: Collection[str] | None = LOOPBACK,
    allow_cross_site: bool = False,
    allow_websockets: bool = False,
    on_refusal: Callable[[int, str], None] | None = None,
    protocol: type[Servant] = Servant,
    **overrides: Any,
) -> _uvicorn.Config:
    """Configure uvicorn to serve `app` guarded, and to leave logging to the host program.

    It names no server software, trusts no forwarding header, speaks WebSocket only when told, and
    gives requests 5 seconds at shutdown. `overrides` are settings of `uvicorn.Config` and win.
    """
    settings = {
        "loop": "uvloop" if importlib.util.find_spec("uvloop") else "asyncio",
        "http": guarded(
            limits,
            hosts,
            allow_cross_site=allow_cross_site,
            allow_websockets=allow_websockets,
            on_refusal=on_refusal,
            protocol=protocol,
        ),
        "ws": _websocket if allow_websockets else "none",
        "lifespan": "on",
        "interface": "asgi3",  # a guess would take a bound method for ASGI 2
        "workers": 1,  # not what WEB_CONCURRENCY says
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,
        "timeout_graceful_shutdown": 5,
    }
    return _uvicorn.Config(app, **settings | overrides)


def _websocket(**settings: Any) -> asyncio.Protocol:
    """Make the protocol of a WebSocket, whose library is loaded for the first one."""
    from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

    return WebSocketsSansIOProtocol(**settings)


class Server(_uvicorn.Server):
    """Serve inside a program that keeps its own signal handlers; stop it with `should_exit`."""

    def __init__(self, config: _uvicorn.Config) -> None:
        super().__init__(config)
        self._settled = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the program."""
        yield

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until `should_exit`.

        Raises:
            StartupError: if the app's start-up fails or the address cannot be bound.
        """
        try:
            await super().serve(sockets)
        finally:
            self._settled.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the app and listen."""
        try:
            await super().startup(sockets)
        except SystemExit:  # uvicorn's way to fail; it would end the program around us
            raise StartupError(self._failure()) from None
        self._settled.set()

    async def wait_started(self) -> None:
        """Wait until the server listens.

        Raises:
            StartupError: if it ended before.
        """
        await self._settled.wait()
        if not self.started:
            raise StartupError(self._failure())

    def _failure(self) -> str:
        lifespan = getattr(self, "lifespan", None)  # there is none until uvicorn starts the app
        if lifespan is not None and lifespan.should_exit:
            return "The app failed while starting up; the log of uvicorn.error has its traceback."
        where = f"{self.config.host}:{self.config.port}"
        return f"The server cannot listen on {where}; the log of uvicorn.error says why."
