"""Put a module together: its secrets, its state, its app, and what it offers of it."""

from __future__ import annotations

import inspect
import logging
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from msgspec import Struct

from pywatt_sdk.core.error import BootstrapError, SecretError
from pywatt_sdk.core.state import AppState

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from pywatt_sdk._link import Link
    from pywatt_sdk._protocol import Endpoint, Init
    from pywatt_sdk._surface import ModuleApp
    from pywatt_sdk.core.config import AppConfig
    from pywatt_sdk.security._jwt_tokens import JwtConfig
    from pywatt_sdk.security.secret_client import SecretClient
    from pywatt_sdk.security.typed_secret import Secret

    Factory = Callable[[AppState[Any]], Any]
    StateBuilder = Callable[[Init, dict[str, Secret[str]]], Any]

DRAIN_S: Final = 5.0
"""How long what is under way may take when the module ends."""

_logger = logging.getLogger("pywatt_sdk")


class Plan(Struct, frozen=True, kw_only=True, eq=False):
    """What `@pywatt_module` was given; see there for what each means.

    Without a `factory` the module serves nothing itself: it announces what it was told to.
    """

    factory: Factory | None
    secrets: tuple[str, ...] = ()
    rotate: bool = False
    endpoints: tuple[Endpoint, ...] = ()
    health: str | None = "/health"
    metrics: bool = False
    version: str | None = None
    state_builder: StateBuilder | None = None
    config: AppConfig | None = None
    bind_http: bool = True
    specific_port: int | None = None
    listen_addr: str | None = None
    jwt_secret: str | JwtConfig | None = None
    enable_tcp: bool | None = None
    enable_ipc: bool | None = None
    tcp_config: Mapping[str, Any] | None = None
    allow_hosts: Collection[str] | None = ()
    drain_s: float = DRAIN_S
    wanted_later: tuple[str, ...] = ()
    """Parts it asks for that come with a later release."""

    def __repr__(self) -> str:
        """Name the function alone: there may be secrets in the rest."""
        return f"{type(self).__name__}(factory={self.factory!r})"


class Module(NamedTuple):
    """A module that is put together, and can be served."""

    state: AppState[Any]
    app: Any
    """What the decorated function returned; None where there is none."""
    secrets: dict[str, Secret[str]]
    """The secrets that the plan names, with their present values."""


async def assemble(plan: Plan, init: Init, link: Link | None) -> Module:
    """Fetch the secrets, build the state, make the app.

    Without a link secrets come from the environment's providers, and one that is missing is
    left out.

    Raises:
        SecretError: if the orchestrator does not give a secret.
        BootstrapError: if the function returns nothing.
        Exception: whatever the module's own code raises.
    """
    for part in plan.wanted_later:
        _logger.warning("%s comes with a later release; this module has none yet.", part)
    state: AppState[Any] = AppState(
        init.module_id, init.orchestrator_api, config=plan.config, link=link, init=init
    )
    secrets = await _secrets(plan, state)
    state.jwt_config = _tokens(plan, secrets)
    if plan.state_builder is not None:
        state.user_state = await _settled(plan.state_builder(init, dict(secrets)))
    if plan.factory is None:
        return Module(state, None, secrets)
    app = await _settled(plan.factory(state))
    if app is None:
        raise _no_app(plan, "nothing")
    return Module(state, app, secrets)


def surface_of(plan: Plan, module: Module) -> ModuleApp:
    """Return the app with health, metrics and tokens around it, and the routes to announce.

    Raises:
        BootstrapError: if it is no web app.
    """
    if not callable(module.app):
        raise _no_app(plan, f"a {type(module.app).__name__}, which is no web app")
    from pywatt_sdk._surface import module_app

    return module_app(
        module.app,
        endpoints=plan.endpoints,
        health=plan.health,
        metrics=module.state.metrics if plan.metrics else None,
        version=plan.version,
        jwt=module.state.jwt_config,
    )


def _no_app(plan: Plan, what: str) -> BootstrapError:
    name = getattr(plan.factory, "__qualname__", "the decorated function")
    return BootstrapError(f"{name}() returned {what}; return the app that it made")


def _tokens(plan: Plan, secrets: dict[str, Secret[str]]) -> JwtConfig | None:
    if plan.jwt_secret is None and not any(map(_asks_for_token, plan.endpoints)):
        return None
    if plan.jwt_secret in plan.secrets and plan.jwt_secret not in secrets:
        return None  # offline, where it is not given: nobody is let in
    from pywatt_sdk.security._jwt_tokens import module_jwt

    def value(name: str) -> str | None:
        return secrets[name].expose_secret() if name in secrets else None

    return module_jwt(plan.jwt_secret, value)


def _checks_tokens_with(plan: Plan, found: Collection[str]) -> bool:
    """Tell whether tokens are checked with one of these secrets, whose rotation then counts."""
    if isinstance(plan.jwt_secret, str):
        return plan.jwt_secret in found
    if plan.jwt_secret is not None or not any(map(_asks_for_token, plan.endpoints)):
        return False
    from pywatt_sdk.security._jwt_tokens import ENV_NAMES

    return any(name in found for name in ENV_NAMES)


def _asks_for_token(endpoint: Endpoint) -> bool:
    return (endpoint.auth or "").lower() == "jwt"


async def _secrets(plan: Plan, state: AppState[Any]) -> dict[str, Secret[str]]:
    if not plan.secrets:
        return {}
    client = state.secret_client
    if state.link is None:
        return await _provided(plan, client)
    if state.link.is_ours:
        found = await client.get_secrets(plan.secrets)
    else:  # strictly one after the other, as Rust modules ask (wire specification §1.2)
        found = {key: await client.get_secret(key) for key in plan.secrets}
    if plan.rotate or _checks_tokens_with(plan, found):
        from pywatt_sdk.security.secret_client import subscribe_secret_rotations

        await subscribe_secret_rotations(client, plan.secrets, found.__setitem__)
    return found


async def _provided(plan: Plan, client: SecretClient) -> dict[str, Secret[str]]:
    found = {}
    for key in plan.secrets:
        try:
            found[key] = await client.get_secret(key)
        except SecretError as error:
            _logger.info("The module is made without a secret. %s", error)
    return found


async def _settled(outcome: Any) -> Any:
    return await outcome if inspect.isawaitable(outcome) else outcome
