"""Between a module's web app and those who ask it: over HTTP, and over messages.

    HTTP ─► uvicorn, guarded ─┐
                              ├─► the app (ASGI; Flask through a2wsgi)
    http_request messages ────┘

Both share the app's start-up, its state and its end: what is under way is finished, up to a limit.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import os
import socket
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from kiket_core.guard import LOOPBACK, Limits, Server, StartupError, server_config
from pywatt_sdk._exchange import ANSWER_BYTES, Exchange, failure
from pywatt_sdk.core.error import BootstrapError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, MutableMapping

    from uvicorn import Config

    from pywatt_sdk._exchange import ASGI
    from pywatt_sdk._protocol import HttpRequest, HttpResponse

BODY_BYTES: Final = 16 * 1024 * 1024
LIMITS: Final = Limits(body_bytes=BODY_BYTES, body_deadline_s=60.0, idle_s=75.0)
"""What one connection to a module may cost; idle ones stay open for a gateway's pool."""

AT_ONCE: Final = 100
"""How many requests that came as messages are handled at a time (wire specification §5.2)."""
WAITING: Final = 256
"""How many more may wait for their turn; the next are answered 503 (wire specification §5.2)."""
PATIENCE_S: Final = 30.0
DRAIN_S: Final = 5.0
HURRIED_S: Final = 1.0
"""How long the app's own end may take when the module has to end at once."""

_BACKLOG: Final = 128
_SERVICE_UNAVAILABLE: Final = 503
_GATEWAY_TIMEOUT: Final = 504


class Serving:
    """An app that is served: where it listens, and how to ask it without a connection."""

    def __init__(
        self,
        app: ASGI,
        state: MutableMapping[str, Any],
        sockets: list[socket.socket],
        tasks: asyncio.TaskGroup,
        under_way: set[asyncio.Task[None]],
    ) -> None:
        self._app = app
        self._state = state
        self._tasks = tasks
        self._under_way = under_way
        self._room = asyncio.Semaphore(AT_ONCE)
        self._asked: set[str] = set()
        self.host, self.port, self.address = "", 0, ""
        if sockets:
            self.address = address_of(sockets[0])
            if sockets[0].family != getattr(socket, "AF_UNIX", None):
                self.host, self.port = sockets[0].getsockname()[:2]

    async def answer(
        self,
        request: HttpRequest,
        *,
        timeout_s: float = PATIENCE_S,
        answer_bytes: int = ANSWER_BYTES,
    ) -> HttpResponse | None:
        """Ask the app what came as a message.

        None when a request of the same id is being answered: orchestrators repeat requests until
        they are answered (wire specification §0.6), and want one answer.
        """
        request_id = request.request_id
        if request_id in self._asked:
            return None
        if len(self._asked) >= AT_ONCE + WAITING:
            sentence = f"{AT_ONCE + WAITING} requests are under way; try again shortly."
            return failure(request_id, _SERVICE_UNAVAILABLE, sentence)
        self._asked.add(request_id)
        try:
            exchange = Exchange(request, state=self._state, answer_bytes=answer_bytes)
            task = self._tasks.create_task(self._ask(exchange))
            self._under_way.add(task)
            task.add_done_callback(functools.partial(self._asked_for, exchange))
            return await _within(timeout_s, exchange, task)
        finally:
            self._asked.discard(request_id)

    def _asked_for(self, exchange: Exchange, task: asyncio.Task[None]) -> None:
        """Answer what was cut off before its turn came, at the end of the drain."""
        self._under_way.discard(task)
        exchange.conclude(_SERVICE_UNAVAILABLE, "The module stopped before it answered.")

    async def _ask(self, exchange: Exchange) -> None:
        """Ask the app when it is this one's turn, which ends with the answer."""
        await self._room.acquire()
        exchange.response.add_done_callback(lambda _: self._room.release())
        await exchange.run(self._app)


@contextlib.asynccontextmanager
async def serve_http(
    app: ASGI,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    path: str | Path | None = None,
    sockets: list[socket.socket] | None = None,
    bind: bool = True,
    allow_hosts: Collection[str] | None = (),
    limits: Limits = LIMITS,
    drain_s: float = DRAIN_S,
) -> AsyncIterator[Serving]:
    """Start `app` and serve it while the context is entered, with limits and deadlines.

    It listens on `host` and `port` (0: a free one), on the Unix socket `path`, or on `sockets`
    that are bound already; with `bind=False` nowhere, for an app that is asked by messages alone.
    `allow_hosts` are the names that requests may give as Host, besides those of this machine and
    the address itself; None takes any, and requests of other web sites too, as behind a proxy. On
    leaving, nothing new is accepted, and what is under way has `drain_s` seconds.

    Raises:
        BootstrapError: if the app fails to start, or the address cannot be listened on.
    """
    if sockets is None:
        sockets = _bound(host, port, path) if bind else []
    bound = _inode(path)
    config = server_config(
        app,
        limits=limits,
        hosts=_names(allow_hosts, sockets),
        allow_cross_site=allow_hosts is None,
        allow_websockets=True,
        lifespan="auto",  # an app without start-up is an app
        log_level="warning",
        timeout_graceful_shutdown=drain_s,
        ws_max_size=limits.body_bytes,
    )
    try:
        serving = _listening(app, config, sockets) if sockets else _asked_only(app, config, drain_s)
        async with serving as served:
            yield served
    except (StartupError, BaseExceptionGroup) as failed:
        error = _first(failed) if isinstance(failed, BaseExceptionGroup) else failed
        if isinstance(error, StartupError):
            raise BootstrapError("the app failed to start; the log has its traceback") from error
        raise error from None
    finally:
        for listener in sockets:
            listener.close()
        if path is not None and bound is not None and _inode(path) == bound:
            Path(path).unlink(missing_ok=True)  # noqa: ASYNC240  # a name in memory


@contextlib.asynccontextmanager
async def _listening(
    app: ASGI, config: Config, sockets: list[socket.socket]
) -> AsyncIterator[Serving]:
    server = Server(config)
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(server.serve(sockets=sockets))
            try:
                await server.wait_started()
                # What the server waits for at its end are its tasks: ours are among them.
                yield Serving(app, server.lifespan.state, sockets, tasks, server.server_state.tasks)
            finally:
                server.should_exit = True
    except asyncio.CancelledError:  # the server was cut off, and the app's end with it
        if (lifespan := getattr(server, "lifespan", None)) is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HURRIED_S):
                    await lifespan.shutdown()
        raise


@contextlib.asynccontextmanager
async def _asked_only(app: ASGI, config: Config, drain_s: float) -> AsyncIterator[Serving]:
    """Start an app that is asked by messages alone: there is no server to wait for at the end."""
    config.load()
    lifespan = config.lifespan_class(config)
    await lifespan.startup()
    if lifespan.should_exit:
        raise StartupError("The app failed while starting up; the log has its traceback.")
    under_way: set[asyncio.Task[None]] = set()
    try:
        async with asyncio.TaskGroup() as tasks:
            yield Serving(app, lifespan.state, [], tasks, under_way)
            if under_way:
                _, late = await asyncio.wait(under_way, timeout=drain_s)
                for task in late:
                    task.cancel()
    finally:
        await lifespan.shutdown()


async def answer(
    app: ASGI,
    request: HttpRequest,
    *,
    state: MutableMapping[str, Any] | None = None,
    timeout_s: float = PATIENCE_S,
    answer_bytes: int = ANSWER_BYTES,
) -> HttpResponse:
    """Ask an app one request and wait for the end of what it starts in the background.

    The app is not started for it; `state` is what its start-up would have set up.
    """
    exchange = Exchange(request, state=state, answer_bytes=answer_bytes)
    async with asyncio.TaskGroup() as tasks:
        return await _within(timeout_s, exchange, tasks.create_task(exchange.run(app)))


def asgi_app(app: Any) -> ASGI:
    """Return `app` as ASGI: FastAPI and Starlette are, Flask and other WSGI apps run in threads.

    Raises:
        TypeError: if it is no web application.
        BootstrapError: if it is a WSGI app, and what serves those is not installed.
    """
    if not callable(app):
        raise TypeError(
            f"A {type(app).__name__} is no web application; return a FastAPI, Starlette or "
            "Flask app from the decorated function."
        )
    if _is_wsgi(app):
        try:
            from pywatt_sdk._wsgi import Threaded
        except ImportError as error:
            raise BootstrapError(
                f"a {type(app).__name__} app needs a2wsgi; install kiket-console[flask]", error
            ) from None

        return Threaded(app)
    return cast("ASGI", app)


def address_of(listener: socket.socket) -> str:
    """Return where a socket listens: `127.0.0.1:8080`, `[::1]:8080`, or the path of the socket."""
    name = listener.getsockname()
    if not isinstance(name, tuple):
        return str(name)
    host, port = name[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def _within(timeout_s: float, exchange: Exchange, task: asyncio.Task[None]) -> HttpResponse:
    """Wait for an answer, or give one: 504. Who is cancelled meanwhile gives up the request."""
    timer = asyncio.get_running_loop().call_later(timeout_s, _time_out, exchange, timeout_s)
    try:
        return await exchange.response
    finally:
        timer.cancel()
        if not exchange.is_answered:
            task.cancel()


def _time_out(exchange: Exchange, timeout_s: float) -> None:
    exchange.conclude(
        _GATEWAY_TIMEOUT,
        f"The module gave no complete answer within {timeout_s:g} seconds; "
        "what goes on for long is to be asked for over HTTP.",
    )


def _bound(host: str, port: int, path: str | Path | None) -> list[socket.socket]:
    try:
        if path is not None:
            return [_bound_unix(Path(path))]
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return [socket.create_server((host, port), family=family, backlog=_BACKLOG)]
    except OSError as error:
        where = path or f"{host}:{port}"
        raise BootstrapError(f"the module cannot listen on {where}", error) from error


def _bound_unix(path: Path) -> socket.socket:
    """Listen on a Unix socket that only its owner can connect to.

    Raises:
        OSError: if something else than a socket of ours is there.
    """
    with contextlib.suppress(FileNotFoundError):
        found = path.lstat()
        if stat.S_ISSOCK(found.st_mode) and found.st_uid == os.getuid():
            path.unlink()  # an earlier process left it behind
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(str(path))
        path.chmod(0o600)  # nobody can connect before listen()
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _inode(path: str | Path | None) -> int | None:
    """Tell a socket from another of its name, as that of the process that takes over from us."""
    if path is None:
        return None
    with contextlib.suppress(OSError):
        return os.lstat(path).st_ino
    return None


def _names(allowed: Collection[str] | None, sockets: list[socket.socket]) -> Collection[str] | None:
    """Return the hosts to serve: this machine, those given, and the addresses listened on.

    Who listens on every interface is reached under names that are not known here: any is served.
    """
    if allowed is None:
        return None
    addresses = {name[0] for each in sockets if isinstance(name := each.getsockname(), tuple)}
    return None if addresses & {"0.0.0.0", "::"} else {*LOOPBACK, *allowed, *addresses}  # noqa: S104


def _is_wsgi(app: Any) -> bool:
    """Tell a WSGI app (environ, start_response) from an ASGI one (scope, receive, send)."""
    call = app if inspect.isroutine(app) or isinstance(app, functools.partial) else app.__call__
    if inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(call):
        return False
    try:
        inspect.signature(call).bind("environ", "start_response")
    except TypeError:
        return False
    return True


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
