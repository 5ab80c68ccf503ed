"""An orchestrator in a test's own process: modules run in it without processes or ports.

async with TestOrchestrator(secrets={"API_KEY": "…"}) as orchestrator:
    users = await orchestrator.start(create_app, "users")
    response = await users.http.get("/users/1")
    assert orchestrator.said("get_secret")
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import deque
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec

from pywatt_sdk import __version__
from pywatt_sdk import _protocol as p
from pywatt_sdk._lifecycle import Life
from pywatt_sdk.core.state import AppState
from pywatt_sdk.internal._failures import Failure
from pywatt_sdk.internal._payloads import refusal
from pywatt_sdk.testing._peers import Peer, RunningModule, Said

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from types import TracebackType

    from pywatt_sdk._assembly import Plan
    from pywatt_sdk._protocol import ToModule, ToOrchestrator
    from pywatt_sdk.module import Decorated

_REMEMBERED: Final = 10_000
_START_S: Final = 30.0
_STOP_S: Final = 10.0


class TestOrchestrator:
    """Run modules, answer them, and remember what was said.

    *secrets* are what they may ask for; the mapping may be changed meanwhile. `messages` are the
    last ten thousand, the oldest first; `services` is what modules registered.
    """

    __test__ = False  # its name is no test's

    def __init__(
        self,
        secrets: Mapping[str, str] | None = None,
        *,
        orchestrator_api: str = "http://localhost:9900",
    ) -> None:
        self.secrets = dict(secrets or {})
        self.orchestrator_api = orchestrator_api
        self.messages: deque[Said] = deque(maxlen=_REMEMBERED)
        self.services: list[p.ServiceProvider] = []
        self._peers: dict[str, Peer] = {}
        self._group = asyncio.TaskGroup()
        self._routed: dict[tuple[str, str], str] = {}
        self._acks: dict[tuple[str, str], asyncio.Future[p.RotationAck]] = {}

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        failures: list[Exception] = []
        for peer in reversed(list(self._peers.values())):
            try:
                await self._end(peer)
            except Exception as failure:  # whatever a module's own code raises
                failures.append(failure)
        await self._group.__aexit__(None, None, None)
        if failures and error is None:
            raise failures[0]

    async def start(
        self,
        module: Decorated,
        module_id: str = "test-module",
        *,
        env: Mapping[str, str] | None = None,
        bind_http: bool = False,
        timeout_s: float = _START_S,
    ) -> RunningModule:
        """Run what `@pywatt_module` decorates, and return when it has announced itself.

        *env* is what the init line brings. With *bind_http* it listens on a free port too.

        Raises:
            TypeError: if *module* is not decorated.
            ValueError: if a module of that id runs.
            TimeoutError: if it is not announced in time.
            Exception: what the module raises while it starts, such as SecretError.
        """
        plan: Plan | None = getattr(module, "__plan__", None)
        if plan is None:
            raise TypeError(f"{module!r} is no module: decorate it with @pywatt_module.")
        init = p.Init(
            orchestrator_api=self.orchestrator_api,
            module_id=module_id,
            env=dict(env or {}),
            listen="127.0.0.1:0",
            orchestrator=f"pywatt_sdk.testing/{__version__}",
        )
        life = Life(msgspec.structs.replace(plan, bind_http=bind_http))
        peer = self._peer(module_id)

        async def reside() -> None:
            async with peer.link as link:
                life.take_orders(link, init)
                await life.serve(init, link)

        await self._let_live(peer, reside, timeout_s)
        return RunningModule(peer, life, self._end)

    async def neighbour(self, module_id: str) -> AppState[None]:
        """Return the state of a module that the test plays itself.

        It sends and handles messages, and registers and finds services, as a module's own code
        does; raises ValueError if a module of that id runs.
        """
        peer = self._peer(module_id)
        may_end = asyncio.Event()

        async def reside() -> None:
            async with peer.link as link:
                link.on(p.Shutdown, lambda _: may_end.set())
                link.tell(p.Announce("", ()))
                await may_end.wait()

        await self._let_live(peer, reside, _START_S)
        return AppState(module_id, self.orchestrator_api, link=peer.link)

    async def rotate(
        self, secrets: Mapping[str, str], *, timeout_s: float = 5.0
    ) -> dict[str, p.RotationAck]:
        """Give secrets new values, as an orchestrator does; return the modules' acknowledgements.

        Told are the modules that have asked for one of them. They are sent the new values once
        they have acknowledged (pywatt wire specification §6.1).

        Raises:
            TimeoutError: if one does not acknowledge in time; the message names it.
        """
        self.secrets.update(secrets)
        told: dict[str, asyncio.Future[p.RotationAck]] = {}
        rotation_id = p.new_uuid()
        for peer in self._peers.values():
            keys = tuple(key for key in secrets if self._has_asked(peer, key))
            if keys:
                told[peer.module_id] = asyncio.get_running_loop().create_future()
                self._acks[peer.module_id, rotation_id] = told[peer.module_id]
                peer.say(p.Rotated(keys, rotation_id))
        if told:
            await asyncio.wait(told.values(), timeout=timeout_s)
        late = [name for name, ack in told.items() if not ack.done()]
        if late:
            raise TimeoutError(
                f"{', '.join(late)} did not acknowledge the rotation within {timeout_s:g} s."
            )
        for name in told:
            for key in (key for key in secrets if self._has_asked(self._peers[name], key)):
                self._peers[name].say(p.Secret(key, secrets[key], rotation_id))
        return {name: ack.result() for name, ack in told.items()}

    def send(self, module_id: str, message: ToModule | Mapping[str, Any]) -> None:
        """Send a module any message, such as `{"op": "heartbeat"}`.

        Raises:
            KeyError: if no such module runs.
            ValueError: if it is no message to a module.
        """
        if not isinstance(message, msgspec.Struct):
            message = p.decode_to_module(msgspec.json.encode(message))
        self._peers[module_id].say(message)

    def said(self, op: str, module_id: str | None = None) -> list[Any]:
        """Return the messages of an op, `"get_secret"`, the oldest first; of one module or all."""
        return [
            each.message
            for each in self.messages
            if each.op == op and module_id in (None, each.module_id)
        ]

    # --- modules ---

    def _peer(self, module_id: str) -> Peer:
        if module_id in self._peers:
            raise ValueError(f"A module {module_id!r} runs already; give this one another id.")
        peer = self._peers[module_id] = Peer(module_id, self._heard, self.messages.append)
        return peer

    async def _let_live(
        self, peer: Peer, reside: Callable[[], Awaitable[None]], timeout_s: float
    ) -> None:
        """Let a module live in a task of its own; return when it is announced."""

        async def live() -> None:
            try:
                await reside()
            except Exception as failure:  # whatever a module's own code raises
                peer.failure = failure
            finally:
                self._forget(peer)

        peer.task = self._group.create_task(live())
        either: set[asyncio.Future[Any]] = {peer.announced, peer.task}
        await asyncio.wait(either, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if not peer.announced.done():
            how = "ended before it was announced"
            if not peer.task.done():
                how = f"was not announced within {timeout_s:g} s"
            await self._end(peer)
            raise TimeoutError(f"The module {peer.module_id} {how}.")

    async def _end(self, peer: Peer) -> None:
        """End a module in good order, or, where it does not, at once; raise what it ended by."""
        if peer.task is not None and not peer.task.done():
            if peer.announced.done():
                peer.say(p.Shutdown())
                await asyncio.wait({peer.task}, timeout=_STOP_S)
            peer.task.cancel()
            await asyncio.wait({peer.task})
        failure, peer.failure = peer.failure, None
        if failure is not None:
            raise failure

    def _forget(self, peer: Peer) -> None:
        self._peers.pop(peer.module_id, None)
        self.services = [each for each in self.services if each.module_id != peer.module_id]
        for (source, request_id), target in list(self._routed.items()):
            if source == peer.module_id:
                del self._routed[source, request_id]
            elif target == peer.module_id:
                self._refuse(source, target, request_id, f"{target} ended before it replied.")

    # --- what is said ---

    def _heard(self, peer: Peer, message: ToOrchestrator) -> None:
        match message:
            case p.Announce():
                if not peer.announced.done():
                    peer.announced.set_result(message)
            case p.GetSecret():
                peer.say(self._secret(message.name))
            case p.RotationAck():
                _settle(self._acks.pop((peer.module_id, message.rotation_id), None), message)
            case p.HttpResponse():
                _settle(peer.answers.get(message.request_id), message)
            case p.RouteToModule():
                self._route(peer, message)
            case p.RegisterServiceProvider() | p.DiscoverServiceProviders():
                peer.say(self._registry(peer, message))
            case p.PortRequest():
                peer.say(_port(message))
            case p.ServiceRequest():
                text = f"There is no {message.service_type} here."
                peer.say(p.ServiceResponse(message.id, message.service_type, False, text))
            case p.ServiceOperation():
                text = f"There is no {message.service_type} here."
                peer.say(p.ServiceOperationResult.to(message, error=text))

    def _secret(self, name: str) -> p.Secret:
        if name in self.secrets:
            return p.Secret(name, self.secrets[name])
        why = f"give it with TestOrchestrator(secrets={{{name!r}: …}})"
        return p.Secret(name, "", error=why)

    def _has_asked(self, peer: Peer, key: str) -> bool:
        return any(each.name == key for each in self.said("get_secret", peer.module_id))

    def _registry(
        self, peer: Peer, asked: p.RegisterServiceProvider | p.DiscoverServiceProviders
    ) -> ToModule:
        if isinstance(asked, p.DiscoverServiceProviders):
            found = [each for each in self.services if each.service_type == asked.service_type]
            some = found if asked.all_providers else found[:1]
            return p.DiscoverServiceProvidersResponse(success=True, providers=tuple(some))
        provider = p.ServiceProvider(
            provider_id=p.new_uuid(),
            module_id=peer.module_id,
            service_type=asked.service_type,
            name=asked.name,
            version=asked.version,
            address=asked.address,
            metadata=asked.metadata or {},
            is_healthy=True,
        )
        self.services.append(provider)
        return p.RegisterServiceProviderResponse(success=True, provider_id=provider.provider_id)

    # --- messages between modules (pywatt wire specification §8.2) ---

    def _route(self, peer: Peer, message: p.RouteToModule) -> None:
        target, request_id = message.target_module_id, message.request_id
        if self._routed.get((target, request_id)) == peer.module_id:
            del self._routed[target, request_id]
            reply = p.RoutedModuleResponse(peer.module_id, request_id, message.payload)
            self._peers[target].say(reply)
            return
        if message.expects_reply:
            self._routed[peer.module_id, request_id] = target
        if target in self._peers:
            passed = p.RoutedModuleMessage(
                peer.module_id,
                request_id,
                message.payload,
                message.target_endpoint,
                message.expects_reply,
            )
            self._peers[target].say(passed)
        elif message.expects_reply:
            there = ", ".join(self._peers)
            text = f"No module is called {target!r} here; there is {there}."
            failure = Failure.TARGET_MODULE_NOT_FOUND
            self._refuse(peer.module_id, target, request_id, text, failure)

    def _refuse(
        self,
        source: str,
        target: str,
        request_id: str,
        sentence: str,
        failure: Failure = Failure.ORCHESTRATOR,
    ) -> None:
        """Tell who waits for a reply why none comes."""
        self._routed.pop((source, request_id), None)
        if source in self._peers:
            payload = refusal(sentence, failure)
            self._peers[source].say(p.RoutedModuleResponse(target, request_id, payload))


def _settle(waiting: asyncio.Future[Any] | None, message: ToOrchestrator) -> None:
    if waiting is not None and not waiting.done():
        waiting.set_result(message)


def _port(asked: p.PortRequest) -> p.PortResponse:
    with contextlib.closing(socket.socket()) as probe:
        try:
            probe.bind(("127.0.0.1", asked.specific_port or 0))
        except OSError as error:
            return p.PortResponse(asked.request_id, False, 0, str(error))
        return p.PortResponse(asked.request_id, True, probe.getsockname()[1])
