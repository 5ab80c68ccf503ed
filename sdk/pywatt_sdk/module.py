"""Make a module of a function that makes a web app: `@pywatt_module`.

    @pywatt_module(endpoints=[AnnouncedEndpoint(path="/", methods=["GET"])])
    async def create_app(state: AppState) -> FastAPI: ...

Started as a program, the file runs the module; imported, it only defines it.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import sys
from typing import TYPE_CHECKING, Any, Final, Protocol, Self, overload

from msgspec.structs import force_setattr, replace

from pywatt_sdk._assembly import DRAIN_S, Plan, assemble
from pywatt_sdk._handshake import read_given
from pywatt_sdk._protocol import Endpoint
from pywatt_sdk.core.error import ConfigError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from pywatt_sdk._assembly import Factory, StateBuilder
    from pywatt_sdk._lifecycle import Life
    from pywatt_sdk._protocol import Init
    from pywatt_sdk.core.config import AppConfig
    from pywatt_sdk.core.state import AppState
    from pywatt_sdk.security._jwt_tokens import JwtConfig

_LAST_PORT: Final = 65_535
_FRAMEWORKS: Final = ("fastapi", "flask", "starlette", "asgi")


class AnnouncedEndpoint(Endpoint, frozen=True):
    """A route that a module announces: `AnnouncedEndpoint(path="/users", methods=["GET"])`.

    `auth="jwt"` asks for a valid token; the `jwt_secret` of the decorator checks it.
    """

    path: str
    methods: Sequence[str] = ("GET",)  # type: ignore[assignment]  # a list is as good
    auth: str | None = None

    def __post_init__(self) -> None:
        if not self.path.startswith("/"):
            raise ConfigError(f"the path {self.path!r} of an endpoint has to begin with /")
        methods = (self.methods,) if isinstance(self.methods, str) else self.methods
        upper = tuple(dict.fromkeys(each.upper() for each in methods))
        force_setattr(self, "methods", upper)

    def to_endpoint_info(self) -> Any:
        """Return it as the announcement's model has it."""
        from pywatt_sdk.communication.ipc_types import EndpointAnnounce

        return EndpointAnnounce(path=self.path, methods=list(self.methods), auth=self.auth)


class Decorated(Protocol):
    """What the decorator makes of a function.

    Called without argument it lives the module's life, until its orchestrator ends it. Called
    with what an orchestrator says first, or with a state, it returns the app, without one.
    """

    __module_func__: Factory
    __is_pywatt_module__: bool
    __plan__: Plan

    async def __call__(self, arg: Mapping[str, Any] | Init | AppState[Any] | None = None) -> Any:
        """Run the module, or make its app."""


@overload
def pywatt_module(factory: Factory, /) -> Decorated: ...
@overload
def pywatt_module(
    *,
    secrets: Iterable[str] | None = ...,
    rotate: bool = ...,
    endpoints: Iterable[Endpoint | dict[str, Any]] | None = ...,
    health: str | None = ...,
    metrics: bool = ...,
    version: str | None = ...,
    framework: str | None = ...,
    state_builder: StateBuilder | None = ...,
    config: AppConfig | None = ...,
    jwt_secret: str | JwtConfig | None = ...,
    bind_http: bool = ...,
    specific_port: int | None = ...,
    listen_addr: str | None = ...,
    enable_tcp: bool | None = ...,
    enable_ipc: bool | None = ...,
    enable_database: bool = ...,
    enable_cache: bool = ...,
    tcp_config: Mapping[str, Any] | None = ...,
    database_config: Mapping[str, Any] | None = ...,
    cache_config: Mapping[str, Any] | None = ...,
    allow_hosts: Collection[str] | None = ...,
    drain_s: float = ...,
) -> Decorator: ...
def pywatt_module(
    factory: Factory | None = None,
    /,
    *,
    secrets: Iterable[str] | None = None,
    rotate: bool = False,
    endpoints: Iterable[Endpoint | dict[str, Any]] | None = None,
    health: str | None = "/health",
    metrics: bool = False,
    version: str | None = None,
    framework: str | None = "fastapi",
    state_builder: StateBuilder | None = None,
    config: AppConfig | None = None,
    jwt_secret: str | JwtConfig | None = None,
    bind_http: bool = True,
    specific_port: int | None = None,
    listen_addr: str | None = None,
    enable_tcp: bool | None = None,
    enable_ipc: bool | None = None,
    enable_database: bool = False,
    enable_cache: bool = False,
    tcp_config: Mapping[str, Any] | None = None,
    database_config: Mapping[str, Any] | None = None,
    cache_config: Mapping[str, Any] | None = None,
    allow_hosts: Collection[str] | None = (),
    drain_s: float = DRAIN_S,
) -> Decorator | Decorated:
    """Make a module of a function, sync or async, that is given `AppState` and returns an app.

    The app is FastAPI, Starlette, Flask, or anything else that speaks ASGI.

    Args:
        factory: the function, where the decorator is used without parentheses.
        secrets: names of secrets to fetch before the function is called.
        rotate: fetch them again when the orchestrator rotates them.
        endpoints: routes to announce; without them those that the app has.
        health: path of the health check, added where the app has none; None for no check.
        metrics: serve Prometheus metrics at `/metrics`.
        version: a prefix, such as `v1`; announced with it, served with and without.
        framework: `fastapi`, `flask`, `starlette` or `asgi`. What the function returns counts.
        state_builder: called with the init data and the secrets by name; what it returns, or
            what comes of it when that is awaitable, is `AppState.user_state`.
        config: settings of your own, `AppState.config`.
        jwt_secret: checks tokens of endpoints with `auth="jwt"`: a literal of 32 bytes or more,
            or the name of one of `secrets`; a `JwtConfig` where more is to be checked. Without it
            that is the secret JWT_SECRET, or the environment's.
        bind_http: listen for HTTP; otherwise requests come as messages alone.
        specific_port: listen on this port whatever the orchestrator says.
        listen_addr: listen on this address whatever the orchestrator says.
        enable_tcp: False: do not use the TCP channel that the orchestrator offers; True: say so
            in the log when it offers none. Without either it is used where it is offered.
        enable_ipc: the same for the Unix-domain socket.
        enable_database: comes with a later release.
        enable_cache: comes with a later release.
        tcp_config: how the TCP channel is used, a `ConnectionConfig` or its fields: `timeout`,
            `tls`, `insecure_peer`, `reconnect_policy`; and with `enable_tcp` the `host` and
            `port` to call where the orchestrator offers none.
        database_config: comes with a later release.
        cache_config: comes with a later release.
        allow_hosts: names besides this machine's own that requests may give as Host; None: any.
        drain_s: seconds that requests under way may take when the module ends.

    Raises:
        ConfigError: if one of them cannot work.
    """
    if framework is not None and framework not in _FRAMEWORKS:
        raise ConfigError(f"framework={framework!r} is none of {', '.join(_FRAMEWORKS)}")
    if isinstance(secrets, str):  # whose letters are no names
        raise ConfigError(f"secrets={secrets!r} is a text; give a list of names: [{secrets!r}]")
    if specific_port is not None and not 0 <= specific_port <= _LAST_PORT:
        raise ConfigError(f"specific_port={specific_port} is no port; they end at {_LAST_PORT}")

    database, cache = enable_database or database_config, enable_cache or cache_config
    later = tuple(
        part
        for part in ("AppState.db" if database else "", "AppState.cache" if cache else "")
        if part
    )

    decorator = Decorator(
        Plan(
            factory=None,
            secrets=tuple(secrets or ()),
            rotate=rotate,
            endpoints=tuple(map(_endpoint, endpoints or ())),
            health=health,
            metrics=metrics,
            version=version,
            state_builder=state_builder,
            config=config,
            bind_http=bind_http,
            specific_port=specific_port,
            listen_addr=listen_addr,
            jwt_secret=jwt_secret,
            enable_tcp=enable_tcp,
            enable_ipc=enable_ipc,
            tcp_config=tcp_config,
            allow_hosts=allow_hosts,
            drain_s=drain_s,
            wanted_later=later,
        )
    )
    return decorator if factory is None else decorator(factory)


class Decorator:
    """What `pywatt_module(…)` returns: it makes modules of functions."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def plan_for(self, factory: Factory) -> Plan:
        """Return what a module with `factory` does; raises TypeError if that cannot be called."""
        if not callable(factory):
            raise TypeError(
                f"@pywatt_module decorates a function that makes an app, not a "
                f"{type(factory).__name__}"
            )
        return replace(self._plan, factory=factory)

    def __call__(self, factory: Factory) -> Decorated:
        """Make a module; the program ends with it if it is the program's own."""
        plan = self.plan_for(factory)

        @functools.wraps(factory)
        async def module(arg: Any = None) -> Any:
            if arg is None:
                from pywatt_sdk._running import live

                return await live(plan)
            return await _made(plan, arg)

        module.__module_func__ = factory  # type: ignore[attr-defined]
        module.__is_pywatt_module__ = True  # type: ignore[attr-defined]
        module.__plan__ = plan  # type: ignore[attr-defined]
        if getattr(factory, "__module__", "") == "__main__":
            from pywatt_sdk._running import run_as_program

            run_as_program(module, sys._getframe(1))
        return module  # type: ignore[return-value]


def run_module(app_factory: Factory, **options: Any) -> int:
    """Run a module until its orchestrator ends it; return the exit status, 0 if all was well.

    `options` are those of `pywatt_module`. What goes wrong is in the log.
    """
    from pywatt_sdk._running import run

    return run(pywatt_module(**options).plan_for(app_factory))


class ModuleApp:
    """A module under a name, to be run, or started and ended by hand.

        async with ModuleApp("greeter", create_app, endpoints=[…]) as module:
            ...  # announced; left, it ends in good order

    `options` are those of `pywatt_module`. `state` is there once the module is announced.
    """

    def __init__(
        self, name: str, app_factory: Factory, version: str = "0.1.0", **options: Any
    ) -> None:
        self.name = name
        self.version = version
        self.plan = pywatt_module(**options).plan_for(app_factory)
        self._life: Life | None = None
        self._living: asyncio.Task[None] | None = None

    @property
    def state(self) -> AppState[Any] | None:
        """The module's state; None before it is made."""
        module = self._life.module if self._life else None
        return module.state if module else None

    async def start(self) -> None:
        """Start, and return once the module is announced; raises as `bootstrap_module` does."""
        from pywatt_sdk.core.bootstrap import begin

        self._life, self._living = await begin(self.plan)

    async def shutdown(self) -> None:
        """End in good order, as if the orchestrator had said so; do nothing if it has not begun."""
        if self._life is not None and self._living is not None:
            self._life.stop(f"{self.name} was shut down.")
            await self._living

    async def wait(self) -> None:
        """Wait until the module has ended, whoever ends it."""
        if self._living is not None:
            await asyncio.shield(self._living)

    def run(self) -> int:
        """Run the module as a program; return the exit status."""
        from pywatt_sdk._running import run

        return run(self.plan)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.shutdown()


def _endpoint(given: Any) -> Endpoint:
    if not isinstance(given, dict):
        return given  # type: ignore[no-any-return]  # whatever has path, methods and auth
    try:
        return AnnouncedEndpoint(**given)
    except TypeError as error:
        raise ConfigError(f"{given!r} is no endpoint: {error}") from None


async def _made(plan: Plan, arg: Any) -> Any:
    """Return the app, made without an orchestrator."""
    from pywatt_sdk.core.state import AppState

    if isinstance(arg, AppState) and plan.factory is not None:
        outcome = plan.factory(arg)
        return await outcome if inspect.isawaitable(outcome) else outcome
    return (await assemble(plan, read_given(arg), None)).app
