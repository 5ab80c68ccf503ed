"""What becomes of what modules say: services are registered and found, messages passed on.

Session ──► heard ──► registry · router · services · ports ──► Peer.send ──► its module
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from kiket_console.engine.orchestrator.allocation import NoPortError
from kiket_console.engine.orchestrator.peers import Peers
from kiket_console.engine.orchestrator.ports import Errand
from kiket_console.engine.orchestrator.registry import NotRegisteredError, Registry
from kiket_console.engine.orchestrator.router import Router
from kiket_console.engine.orchestrator.services import Services
from kiket_console.model import State
from pywatt_sdk._protocol import (
    DiscoverServiceProviders,
    DiscoverServiceProvidersResponse,
    PortRequest,
    PortResponse,
    RegisterServiceProvider,
    RegisterServiceProviderResponse,
    RouteToModule,
    ServiceOperation,
    ServiceRequest,
    ServiceResponse,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from kiket_console.engine.orchestrator.allocation import Ports
    from kiket_console.engine.orchestrator.ports import Peer, Tape
    from kiket_console.module_facts import ModuleService
    from pywatt_sdk._protocol import ToModule, ToOrchestrator

OPENING_LIMIT: Final = 100
"""How many connections may be on their way to being opened at a time."""


class Orchestrator:
    """Decide what becomes of what modules say; it is their sessions' `ports.Orchestrating`.

    Arguments are those of `Router` and `Services`, and *ports*, of which modules ask for some.
    """

    def __init__(
        self,
        tape: Tape,
        ports: Ports,
        *,
        secret: Callable[[str, str], Awaitable[str | None]],
        is_starting: Callable[[str], bool],
        known: Callable[[], tuple[str, ...]],
        note: Callable[[str, str], None],
        hold_s: float = 10.0,
    ) -> None:
        self._tape = tape
        self._ports = ports
        self.peers = Peers()
        self.registry = Registry(self.peers.is_well)
        self._services = Services(secret)
        self.router = Router(
            self.peers, tape, is_starting=is_starting, known=known, note=note, hold_s=hold_s
        )
        self._opening: asyncio.Queue[tuple[Peer, ServiceRequest, int | None, str]] = asyncio.Queue(
            OPENING_LIMIT
        )

    async def run(self) -> None:
        """Open the connections that modules ask for, in their order, until cancelled."""
        try:
            while True:
                peer, asked, exchange_id, channel = await self._opening.get()
                answer = await self._services.open(peer.name, peer.label, asked)
                self._answer(peer, answer, exchange_id, channel)
        finally:
            self.router.close()

    def heard(
        self, peer: Peer, message: ToOrchestrator, exchange_id: int | None, channel: str
    ) -> None:
        """Take a message that concerns others: services, routing, ports."""
        match message:
            case RouteToModule():
                self.router.take(peer, message, exchange_id)
            case RegisterServiceProvider():
                self._answer(peer, self._registered(peer, message), exchange_id, channel)
            case DiscoverServiceProviders():
                found = self.registry.discover(
                    message.service_type, every=bool(message.all_providers)
                )
                answer = DiscoverServiceProvidersResponse(success=True, providers=found)
                self._answer(peer, answer, exchange_id, channel)
            case ServiceOperation():
                result = self._services.carry_out(peer.label, message)
                self._answer(peer, result, exchange_id, channel)
            case ServiceRequest():
                self._open(peer, message, exchange_id, channel)
            case PortRequest():
                self._answer(peer, self._port(peer, message), exchange_id, channel)
            case _:  # the session's own
                pass

    def answered(self, peer: Peer, message: RouteToModule) -> int | None:
        """Return the exchange that *message* replies to; None when it is a request of its own."""
        return self.router.answered(peer, message)

    def services_of(self, label: str) -> tuple[ModuleService, ...]:
        """Return what the start called *label* offers others."""
        return self.registry.services_of(label)

    def joined(self, peer: Peer) -> None:
        """Take note that *peer* is ready, in the place of an older one of its name."""
        self.peers.joined(peer)
        self.router.joined(peer)

    def gone(self, peer: Peer) -> None:
        """Take note that *peer* takes nothing any more; its successor may have joined."""
        self.peers.gone(peer)
        self.router.gone(peer)
        self.registry.drop(peer.label)
        self._services.drop(peer.label)
        self._ports.release(peer.label)

    def _registered(
        self, peer: Peer, asked: RegisterServiceProvider
    ) -> RegisterServiceProviderResponse:
        try:
            provider_id = self.registry.register(peer.name, peer.label, asked)
        except NotRegisteredError as error:
            return RegisterServiceProviderResponse(success=False, error=str(error))
        return RegisterServiceProviderResponse(success=True, provider_id=provider_id)

    def _open(
        self, peer: Peer, asked: ServiceRequest, exchange_id: int | None, channel: str
    ) -> None:
        try:
            self._opening.put_nowait((peer, asked, exchange_id, channel))
        except asyncio.QueueFull:
            refused = ServiceResponse(
                id=asked.id,
                service_type=asked.service_type,
                success=False,
                error=f"{OPENING_LIMIT} connections are being opened already; ask again.",
            )
            self._answer(peer, refused, exchange_id, channel)

    def _port(self, peer: Peer, asked: PortRequest) -> PortResponse:
        try:
            port = self._ports.allocate(peer.label, asked.specific_port)
        except NoPortError as error:
            return PortResponse(
                request_id=asked.request_id, success=False, port=0, error_message=str(error)
            )
        return PortResponse(request_id=asked.request_id, success=True, port=port)

    def _answer(self, peer: Peer, message: ToModule, exchange_id: int | None, channel: str) -> None:
        try:
            peer.send(message, Errand(channel=channel, answers=exchange_id))
        except ConnectionError as error:
            said = str(error) or f"{peer.label} ended before it was answered."
            self._tape.reply(exchange_id, None, state=State.FAILED, error=said)
