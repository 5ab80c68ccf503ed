"""Start a module without the decorator: by hand, or with a function that builds its router."""

from __future__ import annotations

import asyncio
import functools
import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from pywatt_sdk._assembly import Plan
from pywatt_sdk._lifecycle import Life
from pywatt_sdk._running import live, streams
from pywatt_sdk.core.error import BootstrapError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pywatt_sdk._assembly import Factory, StateBuilder
    from pywatt_sdk._protocol import Endpoint
    from pywatt_sdk.communication.channel_types import ChannelPreferences
    from pywatt_sdk.core.state import AppState
    from pywatt_sdk.services.server import ServeOptions

    Hook = Callable[[AppState[Any]], object]

S = TypeVar("S")

__all__ = [
    "AppStateExt",
    "BootstrapResult",
    "bootstrap_module",
    "bootstrap_module_legacy",
    "serve_module_full",
    "serve_module_with_lifecycle",
]


@dataclass(frozen=True)
class BootstrapResult:
    """A module that is announced: its state, and the task that is done when it has to end."""

    app_state: AppState[Any]
    ipc_handle: asyncio.Task[None]
    tcp_channel: object = None
    """What the orchestrator offered of TCP, None if nothing; `app_state.link` speaks over it."""


def AppStateExt(app_state: AppState[S]) -> AppState[S]:  # noqa: N802  # as documented
    """Return the state itself: the channels that this adds to it elsewhere, it has here."""
    return app_state


async def bootstrap_module(
    secret_keys: Iterable[str] = (),
    endpoints: Iterable[Endpoint] = (),
    state_builder: StateBuilder | None = None,
    channel_preferences: ChannelPreferences | None = None,
) -> tuple[AppState[Any], asyncio.Task[None]]:
    """Shake hands, fetch secrets, build the state, announce `endpoints`; serving them is yours.

    Listen where the orchestrator said: `serve_module(app)` does. The task is done when the
    orchestrator ends the module; cancel it to end by yourself.

    Raises:
        HandshakeError: if the first line does not come or is no init line.
        SecretError: if a secret is not given.
        BootstrapError: if a required channel cannot be had, or the module ended meanwhile.
    """
    wanted = channel_preferences
    plan = Plan(
        factory=None,
        secrets=tuple(secret_keys),
        endpoints=tuple(endpoints),
        state_builder=state_builder,
        enable_tcp=None if wanted is None or wanted.use_tcp else False,
        enable_ipc=None if wanted is None or wanted.use_ipc else False,
    )
    life, handle = await begin(plan)
    if life.module is None:
        raise BootstrapError("the module ended as soon as it was announced")
    _remember_port(life.module.state)
    return life.module.state, handle


async def begin(plan: Plan) -> tuple[Life, asyncio.Task[None]]:
    """Begin a module's life over this process's streams; return it once it is announced.

    Raises:
        BootstrapError: if it ended before that; else as `Life.run` does.
    """
    life = Life(plan)
    living = asyncio.ensure_future(life.run(streams()))
    announced = asyncio.ensure_future(life.announced.wait())
    try:
        await asyncio.wait((living, announced), return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        living.cancel()
        raise
    finally:
        announced.cancel()
    if not life.announced.is_set():
        await living
        raise BootstrapError(f"the module ended before it was announced. {life.why}")
    return life, living


async def bootstrap_module_legacy(
    secret_keys: Iterable[str] = (),
    endpoints: Iterable[Endpoint] = (),
    state_builder: StateBuilder | None = None,
    channel_preferences: ChannelPreferences | None = None,
) -> BootstrapResult:
    """Do what `bootstrap_module` does, and give the parts by name."""
    state, handle = await bootstrap_module(
        secret_keys, endpoints, state_builder, channel_preferences
    )
    return BootstrapResult(state, handle, state.init.tcp_channel if state.init else None)


async def serve_module_full(
    secret_keys: Iterable[str],
    endpoints: Iterable[Endpoint],
    state_builder: StateBuilder | None,
    router_builder: Factory,
    framework: str = "fastapi",
    options: ServeOptions | None = None,
) -> None:
    """Live a module's whole life: `router_builder` is given the state and returns the app.

    Raises as `Life.run` does; returns when the orchestrator has ended the module.
    """
    await serve_module_with_lifecycle(
        secret_keys, endpoints, state_builder, router_builder, framework, options
    )


async def serve_module_with_lifecycle(
    secret_keys: Iterable[str],
    endpoints: Iterable[Endpoint],
    state_builder: StateBuilder | None,
    router_builder: Factory,
    framework: str = "fastapi",
    options: ServeOptions | None = None,
    *,
    on_startup: Hook | None = None,
    on_shutdown: Hook | None = None,
) -> None:
    """Live a module's whole life, with a say at its beginning and at its end.

    `on_startup` is called with the state before the app is made, `on_shutdown` when everything
    under way is finished; both may be coroutines. `framework` is said for the reader: what
    `router_builder` returns counts. Raises as `Life.run` does.
    """
    del framework

    async def make(state: AppState[Any]) -> Any:
        if on_startup is not None:
            await _settled(on_startup(state))
        if on_shutdown is not None:
            state.on_close(functools.partial(on_shutdown, state))
        return await _settled(router_builder(state))

    further = dict(options.options) if options else {}
    plan = Plan(
        factory=make,
        secrets=tuple(secret_keys),
        endpoints=tuple(endpoints),
        state_builder=state_builder,
        bind_http=options.bind_http if options else True,
        specific_port=options.specific_port if options else None,
        listen_addr=options.listen_addr if options else None,
        **{name: further[name] for name in ("drain_s", "allow_hosts") if name in further},
    )
    await live(plan)


def _remember_port(state: AppState[Any]) -> None:
    """Let `serve_module` listen where the orchestrator said."""
    from pywatt_sdk._protocol import read_address
    from pywatt_sdk.services.server import set_pre_allocated_port

    address = read_address(state.init.listen) if state.init else None
    if address is not None and address.port:
        set_pre_allocated_port(address.port)


async def _settled(outcome: Any) -> Any:
    return await outcome if inspect.isawaitable(outcome) else outcome
