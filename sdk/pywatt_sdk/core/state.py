"""What a module's code is given: who it is, its secrets, its neighbours, its metrics.

    @pywatt_module(secrets=["API_KEY"])
    async def create_app(state: AppState) -> FastAPI:
        key = await state.get_secret("API_KEY")

Each part is made when it is first used.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic

import msgspec

from pywatt_sdk.core.channels import OpenChannels
from pywatt_sdk.core.error import ConfigError, NetworkError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping

    from pywatt_sdk._link import Link
    from pywatt_sdk._metrics import Metrics
    from pywatt_sdk._protocol import Init, Rotated, RoutedModuleMessage, RouteToModule
    from pywatt_sdk.core.config import AppConfig
    from pywatt_sdk.internal.messaging import InternalMessagingClient
    from pywatt_sdk.security._jwt_tokens import JwtConfig, JwtValidator
    from pywatt_sdk.security.secret_client import SecretClient
    from pywatt_sdk.security.typed_secret import Secret
    from pywatt_sdk.services.service_discovery import ServiceDiscoveryClient, ServiceProviderInfo

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    S = TypeVar("S", default=Any)  # most modules have no state of their own to name
else:
    from typing import TypeVar

    S = TypeVar("S")
T = TypeVar("T")


class AppState(OpenChannels, Generic[S]):
    """The state of one module; the decorated function and its handlers are given it.

    `user_state` is what the `state_builder` made, None without one. `config` is what the decorator
    was given. `link` is the connection to the orchestrator; None offline, as in a test, where
    secrets come from the environment and the rest says that there is nobody to ask. `init` is what
    the orchestrator said first.
    """

    def __init__(
        self,
        module_id: str,
        orchestrator_api: str,
        secret_client: SecretClient | None = None,
        user_state: S | None = None,
        config: AppConfig | None = None,
        *,
        link: Link | None = None,
        init: Init | None = None,
    ) -> None:
        self._module_id = module_id
        self._orchestrator_api = orchestrator_api
        self.user_state: S | None = user_state
        self.link = link
        self.init = init
        self.address = init.listen if init is not None else ""
        """Where the module serves HTTP, `"127.0.0.1:8080"`: as it was told, then as it is."""
        self.jwt_config: JwtConfig | None = None
        """How tokens are checked; None where no `jwt_secret` is known."""
        self._config = config
        self._loop = _running_loop()
        self._closers: list[Callable[[], object]] = []
        if secret_client is not None:
            self.__dict__["secret_client"] = secret_client
        if link is not None:
            from pywatt_sdk._protocol import Rotated, RoutedModuleMessage

            self._take_back = link.on(RoutedModuleMessage, self._first_message)
            if secret_client is None:
                self._take_back_rotations = link.on(Rotated, self._first_rotation)

    @property
    def module_id(self) -> str:
        """The module's id, given by its orchestrator."""
        return self._module_id

    @property
    def orchestrator_api(self) -> str:
        """The URL of the orchestrator's API."""
        return self._orchestrator_api

    @property
    def env(self) -> Mapping[str, str]:
        """The settings that the orchestrator sent with its first line; {} offline."""
        return self.init.env if self.init else {}

    @cached_property
    def config(self) -> AppConfig:
        """The settings that the decorator was given, else the defaults."""
        if self._config is not None:
            return self._config
        from pywatt_sdk.core.config import AppConfig

        return AppConfig()

    @cached_property
    def metrics(self) -> Metrics:
        """Counters, gauges and histograms, served at `/metrics` where that is asked for."""
        from pywatt_sdk._metrics import Metrics

        return Metrics()

    def custom(self) -> S | None:
        """Return `user_state`, what the state builder made."""
        return self.user_state

    # --- secrets ---

    @cached_property
    def secret_client(self) -> SecretClient:
        """What asks for secrets and remembers them."""
        from pywatt_sdk.security.secret_client import SecretClient

        if self.link is not None:
            self._take_back_rotations()
        return SecretClient(self._orchestrator_api, self._module_id, link=self.link)

    async def get_secret(self, key: str, use_cache: bool = True) -> Secret[str]:
        """Return a secret; `expose_secret()` gives its value.

        With `use_cache=False` the orchestrator is asked even when the value is known.

        Raises:
            SecretError: if there is none of that name, or nobody answers.
        """
        from pywatt_sdk.security.secret_client import RequestMode

        mode = RequestMode.CACHE_THEN_REMOTE if use_cache else RequestMode.FORCE_REMOTE
        return await self.secret_client.get_secret(key, mode)

    def set_secret(self, key: str, value: str) -> None:
        """Remember a secret in this process alone, and keep its value out of the logs."""
        self.secret_client.remember(key, value)

    # --- other modules ---

    @cached_property
    def service_discovery_client(self) -> ServiceDiscoveryClient:
        """What asks the orchestrator's registry of services.

        Raises:
            NetworkError: offline, where there is no registry.
        """
        from pywatt_sdk.services.service_discovery import ServiceDiscoveryClient

        return ServiceDiscoveryClient(self._connected("Service discovery"))

    @cached_property
    def internal_messaging_client(self) -> InternalMessagingClient:
        """What sends messages to other modules and hands out theirs."""
        from pywatt_sdk.internal.messaging import InternalMessagingClient

        if self.link is not None:
            self._take_back()
        return InternalMessagingClient(self._module_id, link=self.link)

    async def discover_services(
        self, service_type: str, all_providers: bool = True
    ) -> list[ServiceProviderInfo]:
        """Return the providers of a service, `"database"` or a type of your own; maybe none.

        With `all_providers=False` it is the first healthy one.

        Raises:
            NetworkError: if nobody answers.
        """
        return await self.service_discovery_client.discover(service_type, all_providers)

    async def register_service(
        self,
        name: str,
        service_type: str,
        address: str | None = None,
        version: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> str:
        """Offer a service at `address`, `"127.0.0.1:8080"`, to other modules; return its id.

        Without an address it is the module's own. It is withdrawn when the module ends.

        Raises:
            NetworkError: if the orchestrator refuses it, or does not answer.
        """
        return await self.service_discovery_client.register(
            name=name,
            service_type=service_type,
            address=self.address if address is None else address,
            version=version,
            metadata=dict(metadata) if metadata is not None else None,
        )

    async def register_service_provider(
        self, service_type: str, info: ServiceProviderInfo | dict[str, Any]
    ) -> str:
        """Offer a service that is described as `discover_services` would; raises the same."""
        given = info if isinstance(info, dict) else msgspec.structs.asdict(info)
        fields = {name: given.get(name) for name in ("version", "metadata")}
        return await self.register_service(given["name"], service_type, given["address"], **fields)

    async def discover_service_providers(self, service_type: str) -> list[ServiceProviderInfo]:
        """Return all providers of a service, as `discover_services` does."""
        return await self.discover_services(service_type)

    async def send_message(self, target: str, message: Any, preferences: object = None) -> None:
        """Send a message to another module and wait for no answer.

        `target` is a module, or `"module:endpoint"`; `message` is what JSON knows.

        Raises:
            InternalMessagingError: if it cannot be sent, or has no JSON form.
        """
        del preferences  # the link takes the channel that the orchestrator expects
        await self.internal_messaging_client.send_message(target, message)

    async def send_request(
        self,
        target: str,
        request: Any,
        response_type: type[Any] = dict,
        preferences: object = None,
        *,
        timeout: float | None = None,  # noqa: ASYNC109  # seconds, as the messaging client has it
    ) -> Any:
        """Send a message to another module, or to `"module:endpoint"`, and return its answer.

        Raises:
            InternalMessagingError: if there is no such module, it fails, or does not answer.
        """
        del preferences
        module_id, _, endpoint = target.partition(":")
        return await self.internal_messaging_client.send_request(
            module_id, endpoint or "default", request, response_type, timeout
        )

    def on_message(
        self, message_type: str = "*"
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Decorate what handles messages whose `"type"` is `message_type`; `"*"`: all others."""
        return self.internal_messaging_client.on_message(message_type)

    async def register_module_message_handler(
        self, source_module_id: str, handler: Callable[..., Awaitable[Any]]
    ) -> None:
        """Let `handler` have each message of one module."""
        self.internal_messaging_client.register_handler(source_module_id, handler)

    async def remove_module_message_handler(self, source_module_id: str) -> None:
        """Take that back."""
        self.internal_messaging_client.remove_handler(source_module_id)

    # --- tokens ---

    def validate_jwt_token(self, token: str, claims_type: type[Any] = dict) -> Any:
        """Return the claims of a token, checked as those of `auth="jwt"` endpoints are.

        Raises:
            JwtError: if it is not valid.
            ConfigError: if the module has no `jwt_secret`.
        """
        from pywatt_sdk.security._jwt_tokens import JwtClaims

        validator = self.jwt_validator
        if validator is None:
            raise ConfigError("there is no secret to check tokens with; give jwt_secret=…")
        return validator.validate_token(token, JwtClaims if claims_type is dict else claims_type)

    @property
    def jwt_validator(self) -> JwtValidator | None:
        """What checks tokens; None where no `jwt_secret` is known."""
        from pywatt_sdk.security._jwt_tokens import JwtValidator

        return JwtValidator(self.jwt_config) if self.jwt_config is not None else None

    # --- code in threads ---

    def wait(self, coroutine: Coroutine[Any, Any, T], timeout_s: float | None = None) -> T:
        """Return what comes of a coroutine, in code that cannot await, such as a Flask view.

            answer = app_state.wait(app_state.send_request("stock", {"item": "pear"}))

        Raises:
            RuntimeError: on the thread of the module's event loop, where it is to be awaited.
            TimeoutError: if it takes longer than `timeout_s` seconds; it is cancelled then.
            Exception: what the coroutine raises.
        """
        loop = self._loop
        if loop is None or not loop.is_running() or _running_loop() is loop:
            coroutine.close()
            raise RuntimeError(
                "AppState.wait is for other threads than the module's own, while it runs: await "
                "it here; where that cannot be, as in a function that makes a Flask app, "
                "secret_client.known has the secrets that the decorator names."
            )
        future = asyncio.run_coroutine_threadsafe(coroutine, loop)
        try:
            return future.result(timeout_s)
        finally:
            future.cancel()

    # --- the end ---

    def on_close(self, closer: Callable[[], object]) -> None:
        """Call `closer`, sync or async, when the module ends; the last one given comes first."""
        self._closers.append(closer)

    async def close(self) -> None:
        """Do what was asked for with `on_close`; all of it, whatever fails."""
        errors: list[Exception] = []
        while self._closers:
            try:
                outcome = self._closers.pop()()
                if inspect.isawaitable(outcome):
                    await outcome
            except Exception as error:  # the module's own code
                errors.append(error)
        if errors:
            raise ExceptionGroup("What was to be closed with the module failed", errors)

    def _first_message(self, message: RoutedModuleMessage) -> Awaitable[RouteToModule | None]:
        """Hear another module, though nobody asked for messages: it is told that nobody does."""
        return self.internal_messaging_client.handle_message(message)

    def _first_rotation(self, message: Rotated) -> Awaitable[None]:
        """Confirm a rotation, though no secret was asked for: the orchestrator waits for that."""
        return self.secret_client.process_rotation_message(message)

    def _connected(self, what: str) -> Link:
        if self.link is None:
            raise NetworkError(
                f"{what} needs an orchestrator, and this state was made without one; "
                "in tests pywatt_sdk.testing stands in for it"
            )
        return self.link

    def __getattr__(self, name: str) -> Any:
        from pywatt_sdk.core._absent import absence

        raise absence(name)

    def __repr__(self) -> str:
        return f"AppState(module_id={self._module_id!r})"


def _running_loop() -> asyncio.AbstractEventLoop | None:
    with contextlib.suppress(RuntimeError):
        return asyncio.get_running_loop()
    return None
