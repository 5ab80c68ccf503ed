"""Serve a web app by itself, for programs that put their module together on their own.

`@pywatt_module` does all of this; these are its parts under the names of earlier releases.
"""

from __future__ import annotations

import asyncio
import inspect
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Final

from pywatt_sdk.core.error import ConfigError, NetworkError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from pywatt_sdk._link import Link

__all__ = [
    "FastAPIServerManager",
    "FlaskServerManager",
    "ServeOptions",
    "ServerManager",
    "StarletteServerManager",
    "get_pre_allocated_port",
    "get_server_manager",
    "serve_module",
    "serve_with_options",
    "set_pre_allocated_port",
]

_LOOPBACK: Final = "127.0.0.1"
_LARGEST_PORT: Final = 65535


@dataclass
class ServeOptions:
    """How an app is served (pywatt wire specification §5.1).

    With `bind_http` it listens on `listen_addr` (127.0.0.1) and `specific_port`, else on the port
    that was allocated before; without, it answers what comes as messages alone. `options` are
    further settings of `serve_http`: `drain_s`, `allow_hosts`.
    """

    bind_http: bool = True
    specific_port: int | None = None
    listen_addr: str | None = None
    options: dict[str, Any] = field(default_factory=dict)


class ServerManager:
    """Serve the apps of one framework until `stop` is called or the caller is cancelled."""

    framework: ClassVar[str] = "asgi"

    def __init__(self) -> None:
        self._stopping = asyncio.Event()
        self.address = ""
        """Where the app listens, once it does: `127.0.0.1:8080`."""

    async def start_server(
        self, app: Any, addr: str = _LOOPBACK, port: int = 0, **options: Any
    ) -> None:
        """Serve `app` over HTTP; port 0 is a free one.

        Raises:
            BootstrapError: if the app fails to start, or the address cannot be listened on.
            TypeError: if it is no web application.
        """
        from pywatt_sdk._bridge import asgi_app, serve_http

        async with serve_http(asgi_app(app), addr, port, **options) as serving:
            self.address = serving.address
            await self._stopping.wait()

    async def serve_ipc(self, app: Any, link: Link | None = None, **options: Any) -> None:
        """Answer the requests that come as messages: over `link`, or over stdin and stdout.

        It ends with the link, or on `shutdown`.

        Raises:
            BootstrapError: if the app fails to start.
            TypeError: if it is no web application.
        """
        from pywatt_sdk._bridge import DRAIN_S, asgi_app, serve_http
        from pywatt_sdk._protocol import HttpRequest, Shutdown

        async with serve_http(asgi_app(app), bind=False, **options) as serving:
            if link is not None:
                link.on(HttpRequest, serving.answer)
                await self._until_end_of(link)
                return
            async with _stdio(self.stop) as own:
                own.on(HttpRequest, serving.answer)
                own.on(Shutdown, lambda _: self.stop())
                await self._until_end_of(own)
                await own.finish(DRAIN_S)

    def stop(self) -> None:
        """End in good order: what is under way is finished, up to a limit."""
        self._stopping.set()

    async def create_app(self, router_builder: Callable[[Any], Any], app_state: Any) -> Any:
        """Return the app that `router_builder` makes of the state, now or later."""
        app = router_builder(app_state)
        return await app if inspect.isawaitable(app) else app

    async def _until_end_of(self, link: Link) -> None:
        async with asyncio.TaskGroup() as tasks:
            ends = [tasks.create_task(each.wait()) for each in (self._stopping, link.closed)]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for each in ends:
                each.cancel()


class FastAPIServerManager(ServerManager):
    """Serve FastAPI apps."""

    framework = "fastapi"


class StarletteServerManager(ServerManager):
    """Serve Starlette apps."""

    framework = "starlette"


class FlaskServerManager(ServerManager):
    """Serve Flask apps, each request in a thread."""

    framework = "flask"


def get_server_manager(framework: str = "fastapi") -> ServerManager:
    """Return what serves the apps of `framework`: fastapi, starlette, flask or asgi.

    Raises:
        ConfigError: if it is none of them.
    """
    for kind in (FastAPIServerManager, StarletteServerManager, FlaskServerManager, ServerManager):
        if kind.framework == framework.lower():
            return kind()
    raise ConfigError(
        f"the framework {framework!r} is not one of fastapi, starlette, flask and asgi"
    )


async def serve_module(app: Any, framework: str = "fastapi") -> None:
    """Serve `app` over HTTP on the port that was allocated, until cancelled.

    Raises:
        NetworkError: if no port was allocated.
        BootstrapError: if the app fails to start, or the address cannot be listened on.
    """
    await serve_with_options(app, ServeOptions(), framework)


async def serve_with_options(
    app: Any, options: ServeOptions | None = None, framework: str = "fastapi"
) -> None:
    """Serve `app` as the options say, until cancelled, or until stdin ends where it is served.

    Raises:
        NetworkError: if it is to listen, and no port was given or allocated.
        BootstrapError: if the app fails to start, or the address cannot be listened on.
    """
    wanted = options or ServeOptions()
    server = get_server_manager(framework)
    if not wanted.bind_http:
        await server.serve_ipc(app, **wanted.options)
        return
    port = get_pre_allocated_port() if wanted.specific_port is None else wanted.specific_port
    if port is None:
        raise NetworkError(
            "no port has been allocated; give ServeOptions(specific_port=…), or call "
            "set_pre_allocated_port() with the port of the orchestrator's first line"
        )
    await server.start_server(app, wanted.listen_addr or _LOOPBACK, port, **wanted.options)


@asynccontextmanager
async def _stdio(on_end: Callable[[], None]) -> AsyncIterator[Link]:
    """Open a link over this process's stdin and stdout, which are kept for it from then on."""
    from pywatt_sdk import _stdout
    from pywatt_sdk._channels import Lines
    from pywatt_sdk._link import STDIO, Link
    from pywatt_sdk._pipes import open_pipes

    async with Link() as link:
        lines = Lines(
            lambda raw: link.heard(STDIO, raw),
            on_closed=lambda _: on_end(),
        )
        link.attach(STDIO, lines)
        await open_pipes(lines, *_stdout.take())
        yield link


class _Allocated:
    """The port of this process."""

    port: int | None = None


def set_pre_allocated_port(port: int) -> None:
    """Remember the port that this module is to listen on.

    Raises:
        ConfigError: if it is no port.
    """
    if not 0 < port <= _LARGEST_PORT:
        raise ConfigError(f"{port} is no port; ports are 1 to {_LARGEST_PORT}")
    _Allocated.port = port


def get_pre_allocated_port() -> int | None:
    """Return the port that was remembered or negotiated, or None."""
    return _Allocated.port
