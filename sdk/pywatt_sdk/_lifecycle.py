"""One life of a module: from the orchestrator's first line to its own orderly end.

    stdin ─► init ─► secrets ─► state ─► app ─► listening ─► announce ─► … ─► shutdown ─► drained
                └──► TCP and Unix-socket channels, dialled meanwhile

It ends when it is told to (`shutdown`, a signal), when stdin ends, or when its server cannot go
on. What is under way is finished, up to a limit; stdin is not waited for (pywatt wire
specification §1, §12 rows 20, 21, 37, 38).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from typing import TYPE_CHECKING, Any, Final

from kiket_core.secret import redactor
from pywatt_sdk import _protocol as p
from pywatt_sdk._assembly import assemble, surface_of
from pywatt_sdk._channels import Invalid, Lines
from pywatt_sdk._handshake import hello, proof, read_init
from pywatt_sdk._link import STDIO, TCP, Link
from pywatt_sdk._pipes import open_pipes
from pywatt_sdk.core.error import BootstrapError, HandshakeError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from pywatt_sdk._assembly import Module, Plan
    from pywatt_sdk._stdout import Streams
    from pywatt_sdk.core.connection import Dialling

CLOSE_LIMIT_S: Final = 5.0
"""How long what the state was asked to close may take."""
CONNECT_LIMIT_S: Final = 30.0
"""How long it waits for one that is (specification §1.6)."""
FIRST_TRY_S: Final = 2.0
"""How long an announcement waits for a channel that is not required."""

_NOWHERE: Final = "127.0.0.1:0"
"""What is announced of a module that is asked by messages alone (specification §13, row 7)."""

_logger = logging.getLogger("pywatt_sdk")


class Life:
    """A module's life: `run` lives it over the streams that it was started with.

    Where there are none, as in a test, `take_orders` and `serve` live it over a link. `announced`
    is set once the module is announced, `stopping` once it is to end.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.announced = asyncio.Event()
        self.stopping = asyncio.Event()
        self.why = ""
        self.module: Module | None = None
        self._main: asyncio.Task[Any] | None = None
        self._link: Link | None = None
        self._first: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._stdio = Lines(self._hear, on_invalid=self._tell_invalid, on_closed=self._end_of_stdin)

    async def run(self, streams: Streams) -> None:
        """Live: returns at the orderly end.

        Raises:
            HandshakeError: if the first line does not come or is no init line.
            SecretError: if a secret is not given.
            BootstrapError: if a required channel or the address cannot be had.
            Exception: whatever the module's own code raises while it starts.
        """
        self._main = asyncio.current_task()
        try:
            with self._signals():
                await open_pipes(self._stdio, *streams)
                init = read_init(await self._first)
                if init.auth_token:
                    redactor.add("auth_token", init.auth_token)
                await self._live(init)
        except asyncio.CancelledError:
            if not self.stopping.is_set():
                raise
            if self._main is not None:
                self._main.uncancel()
            _logger.info("The module ended before it was through. %s", self.why)
        finally:
            self._stdio.close()

    def stop(self, why: str) -> None:
        """End in good order; while it is still starting, at once."""
        if self.stopping.is_set():
            return
        self.why = why
        self.stopping.set()
        if not self.announced.is_set() and self._main is not None:
            self._main.cancel()

    def hurry(self, why: str) -> None:
        """End in good order, or, where that is under way, at once."""
        if self.stopping.is_set() and self._main is not None:
            self.why = why
            self._main.cancel()
        self.stop(why)

    async def _live(self, init: p.Init) -> None:
        is_ours = init.orchestrator is not None
        async with Link(module_id=init.module_id, is_ours=is_ours) as link:
            self._link = link
            link.attach(STDIO, self._stdio)
            if is_ours:
                link.tell(hello())
            self.take_orders(link, init)
            self._stdio.resume()
            channels = self._offers(link, init)
            for each in channels:
                link.keep(each.run())
            await self.serve(init, link, channels)

    async def serve(self, init: p.Init, link: Link, channels: Sequence[Dialling] = ()) -> None:
        """Put the module together, serve and announce it, until it is stopped; raises as `run`."""
        now_s = asyncio.get_running_loop().time
        self.module = module = await assemble(self.plan, init, link)
        try:
            await _reached(channels)
            async with self._served(init, link, module) as announce:
                module.state.address = announce.listen
                link.tell(announce)
                self.announced.set()
                _logger.info("The module %s is announced on %s.", init.module_id, announce.listen)
                await self.stopping.wait()
                _logger.info("The module ends. %s", self.why)
                until_s = now_s() + self.plan.drain_s
            await link.finish(max(until_s - now_s(), 0))
        finally:
            await self._close(module)

    async def _close(self, module: Module) -> None:
        try:
            async with asyncio.timeout(CLOSE_LIMIT_S):
                await module.state.close()
        except TimeoutError:
            _logger.warning("What is closed with the module takes over %g s.", CLOSE_LIMIT_S)

    def take_orders(self, link: Link, init: p.Init) -> None:
        """Answer heartbeats and challenges, and stop when that is said."""

        def beat(_: p.Heartbeat) -> p.HeartbeatAck | None:
            if link.hearing == STDIO and not link.is_ours:
                return None  # Rust modules never answer there (specification §1.4)
            return p.HeartbeatAck()

        def identify(challenge: p.Challenge) -> p.Identify:
            shown = proof(init.auth_token or "", challenge.nonce, init.module_id)
            return p.Identify(init.module_id, shown)

        link.on(p.Heartbeat, beat)
        link.on(p.Challenge, identify)
        link.on(p.Shutdown, lambda _: self.stop("The orchestrator said shutdown."))

    def _offers(self, link: Link, init: p.Init) -> list[Dialling]:
        plan = self.plan
        offers = init.tcp_channel or init.ipc_channel
        if offers is None and not (plan.enable_tcp or plan.enable_ipc):
            return []
        from pywatt_sdk.core.connection import offered

        given = {"enable_tcp": plan.enable_tcp, "enable_ipc": plan.enable_ipc}
        return list(offered(init, link, tcp_config=plan.tcp_config, **given))

    @contextlib.asynccontextmanager
    async def _served(self, init: p.Init, link: Link, module: Module) -> AsyncIterator[p.Announce]:
        """Serve the app while entered; give what is to be announced."""
        plan = self.plan
        if module.app is None:
            yield p.Announce(init.listen, plan.endpoints)
            return
        from pywatt_sdk._bridge import serve_http

        surface = surface_of(plan, module)
        address = p.read_address(init.listen)
        hosts = plan.allow_hosts
        if hosts is not None and not hosts and not link.is_ours:
            hosts = None  # another orchestrator is a proxy whose names are not known here
        options: dict[str, Any] = {"drain_s": plan.drain_s, "allow_hosts": hosts}
        if not plan.bind_http:
            options["bind"] = False
        elif address is None:
            options["path"] = init.listen
        else:
            options["host"] = plan.listen_addr or address.host
            options["port"] = plan.specific_port or address.port
        async with serve_http(surface.asgi, **options) as serving:
            take_back = link.on(p.HttpRequest, serving.answer)
            nowhere = _NOWHERE if link.is_ours else init.listen
            yield p.Announce(serving.address or nowhere, surface.endpoints)
            take_back()
            link.on(p.HttpRequest, _refuse)

    def _hear(self, raw: bytes) -> None:
        if self._link is not None:
            self._link.heard(STDIO, raw)
        elif not self._first.done():
            self._first.set_result(raw)
            self._stdio.pause()  # what follows waits until there is a link to hear it

    def _tell_invalid(self, invalid: Invalid) -> None:
        if self._link is None and not self._first.done():
            self._first.set_exception(HandshakeError(invalid.reason))
        else:
            _logger.warning("Something on stdin is no message. %s", invalid.reason)

    def _end_of_stdin(self, error: Exception | None) -> None:
        if not self._first.done():
            self._first.set_exception(
                HandshakeError("stdin closed unexpectedly during handshake", error)
            )
        elif self._link is None or not self._link.closed.is_set():  # else it is we who closed it
            self.stop(str(error) if error else "The orchestrator closed stdin.")

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        taken = []
        for number in (signal.SIGTERM, signal.SIGINT):
            with contextlib.suppress(ValueError, RuntimeError, NotImplementedError):
                loop.add_signal_handler(number, self.hurry, f"{number.name} came.")
                taken.append(number)
        try:
            yield
        finally:
            for number in taken:
                loop.remove_signal_handler(number)


async def _reached(channels: Sequence[Dialling]) -> None:
    """Wait for the channels' first try.

    Raises:
        BootstrapError: if a required one failed.
    """
    for each in channels:
        error = await each.first_try(CONNECT_LIMIT_S if each.is_required else FIRST_TRY_S)
        if each.connects:
            continue
        kind = "TCP" if each.name == TCP else "IPC"
        if each.is_required:
            raise BootstrapError(
                f"required channel failed to initialize: {kind} - {each} cannot be reached", error
            )
        reason = error or "it does not answer"
        _logger.warning("The %s channel to %s is not there yet: %s.", kind, each, reason)


def _refuse(request: p.HttpRequest) -> p.HttpResponse:
    text = b'{"error":"The module is ending; try again."}'
    headers = {"content-type": "application/json", "retry-after": "1"}
    return p.HttpResponse(request.request_id, 503, headers, text)
