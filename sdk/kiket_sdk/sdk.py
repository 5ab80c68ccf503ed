"""Build an extension: configuration, handlers and the application that serves them."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from starlette.responses import JSONResponse

from kiket_core import env
from kiket_core.secret import redactor
from kiket_sdk import _json
from kiket_sdk._authentication import Authenticator
from kiket_sdk._claims import AuthenticationContext, JwtPayload
from kiket_sdk._clients import PlatformClients
from kiket_sdk._context import HandlerContext, SecretReader, Surroundings, scope_checker
from kiket_sdk._dispatch import WebhookDispatcher
from kiket_sdk._entrance import HEALTH, Entrance
from kiket_sdk._origins import checked_base_url, checked_key_address, checked_origins
from kiket_sdk._running import checked_limit_s
from kiket_sdk._scopes import missing
from kiket_sdk.auth import accepted_dialects, check_audience, check_secrets, verify_runtime_token
from kiket_sdk.config import (
    DEFAULT_BASE_URL,
    ExtensionConfig,
    ExtensionSettings,
    webhook_secrets,
)
from kiket_sdk.exceptions import ConfigurationError
from kiket_sdk.manifest import ExtensionManifest, apply_secret_env_overrides, load_manifest
from kiket_sdk.routing import F, Handler, HandlerRegistry
from kiket_sdk.secret_providers import DEFAULT_PROVIDERS, secret_reader
from kiket_sdk.telemetry import FeedbackHook, TelemetryReporter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
    from types import ModuleType

    import uvicorn
    from fastapi import FastAPI
    from fastapi.testclient import TestClient
    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from kiket_sdk._replay import ReplayGuard
    from kiket_sdk.replay_stores import ReplayStore
    from kiket_sdk.secret_providers import SecretProvider

__all__ = ["AuthenticationContext", "HandlerContext", "KiketSDK", "create_app"]

BODY_LIMIT_BYTES = 5 * 1024 * 1024

_STARTUP_FAILED = 3  # uvicorn's exit status for it


class KiketSDK:
    """One extension.

    Values that are left out come from the manifest and the environment: KIKET_WEBHOOK_SECRET,
    KIKET_WORKSPACE_TOKEN, KIKET_EXTENSION_API_KEY, KIKET_BASE_URL, KIKET_SDK_TELEMETRY_URL and,
    for settings that the manifest calls secret, KIKET_SECRET_<KEY>. The manifest is
    `manifest_path`, or the first of the default names in the current folder. Its settings are
    taken as they are written, mostly as text; with `typed_settings` they have the type that the
    manifest declares.

    `webhook_secret` may be a sequence while secrets are rotated: the first is current, the
    others still verify. Without a secret a webhook needs a runtime token, which the platform
    signed with a key at `{base_url}/.well-known/jwks.json`; `allow_unsigned` lets webhooks in
    that have neither. With `jwks_url`, which says where those keys are, the token of a signed
    webhook is checked as well. Deliveries that name a platform of `allowed_api_origins`, such as
    https://staging.example.com, are checked with its keys and answered to it. `strict` refuses
    short secrets, signatures that leave the timestamp out, tokens that nothing ties to the body
    or to this extension, the scope `*`, and, with `jwks_url`, webhooks without a token.
    `debug`, or KIKET_SDK_DEBUG, serves /docs. A longer body than `body_limit_bytes` is
    answered with 413. `accepted_dialects` are the ways to sign that are let in.
    `secret_providers` are asked for secrets before the platform, instead of the environment
    alone. `retries` is how often a call to the platform that can be repeated is made again when
    the platform is busy or does not answer.

    A handler that takes longer than `handler_timeout` seconds is given up: the answer is 504, so
    that the platform tries again. `replay_store`, one of `kiket_sdk.replay_stores`, refuses a
    webhook that was sent before with 409, and runs a delivery that is tried again only if it
    failed; while the store is down webhooks are let in unchecked, or refused with 503 when strict,
    or as `on_replay_store_error` says.

    Raises ConfigurationError for a secret that is blank (or short, when strict), and
    ManifestNotFoundError or ManifestError for a manifest that cannot be used.
    """

    def __init__(
        self,
        *,
        webhook_secret: str | Sequence[str] | None = None,
        workspace_token: str | None = None,
        extension_api_key: str | None = None,
        base_url: str | None = None,
        settings: Mapping[str, Any] | None = None,
        extension_id: str | None = None,
        extension_version: str | None = None,
        jwks_url: str | None = None,
        allowed_api_origins: Sequence[str] = (),
        manifest_path: str | os.PathLike[str] | None = None,
        auto_env_secrets: bool = True,
        typed_settings: bool = False,
        telemetry_enabled: bool = True,
        feedback_hook: FeedbackHook | None = None,
        telemetry_url: str | None = None,
        allow_unsigned: bool = False,
        strict: bool = False,
        debug: bool | None = None,
        body_limit_bytes: int = BODY_LIMIT_BYTES,
        handler_timeout: float | None = None,
        replay_store: ReplayStore | None = None,
        on_replay_store_error: Literal["accept", "refuse"] | None = None,
        secret_providers: Sequence[SecretProvider] | None = None,
        retries: int = 0,
    ) -> None:
        self.manifest: ExtensionManifest | None = load_manifest(manifest_path)
        manifest = self.manifest
        secrets = webhook_secrets(webhook_secret, manifest)
        check_secrets(secrets, strict=strict, allow_unsigned=allow_unsigned)
        self.config = ExtensionConfig(
            webhook_secret=secrets[0] if secrets else None,
            previous_webhook_secrets=secrets[1:],
            workspace_token=workspace_token or os.environ.get("KIKET_WORKSPACE_TOKEN") or None,
            extension_api_key=extension_api_key
            or os.environ.get("KIKET_EXTENSION_API_KEY")
            or None,
            secret_providers=None if secret_providers is None else tuple(secret_providers),
            retries=retries,
            base_url=checked_base_url(
                base_url or os.environ.get("KIKET_BASE_URL") or DEFAULT_BASE_URL
            ),
            settings=ExtensionSettings(
                _settings(manifest, settings, overlay=auto_env_secrets, typed=typed_settings)
            ),
            extension_id=extension_id or (manifest.extension_id if manifest else None),
            extension_version=extension_version or (manifest.version if manifest else None),
            jwks_url=checked_key_address(jwks_url),
            allowed_api_origins=checked_origins(allowed_api_origins),
        )
        if not allow_unsigned:
            check_audience(secrets, self.config.extension_id, strict=strict)
        _redact_credentials(self.config, manifest)
        self._declared_secrets = frozenset(manifest.secret_keys() if manifest else ())
        self.registry = HandlerRegistry()
        self.telemetry = TelemetryReporter(
            enabled=telemetry_enabled,
            telemetry_url=telemetry_url or os.environ.get("KIKET_SDK_TELEMETRY_URL"),
            feedback_hook=feedback_hook,
            extension_id=self.config.extension_id,
            extension_version=self.config.extension_version,
            api_key=self.config.extension_api_key,
        )
        self.accepted_dialects = accepted_dialects(strict=strict, secrets=secrets)
        self._body_limit_bytes = body_limit_bytes
        self._clients = PlatformClients(self.config)
        handler_limit_s = checked_limit_s(handler_timeout, manifest)
        self._replays: ReplayGuard | None = None
        if replay_store is not None:
            self._replays = _replay_guard(
                replay_store,
                on_replay_store_error or ("refuse" if strict else "accept"),
                extension_id=self.config.extension_id,
                run_limit_s=handler_limit_s,
            )
        self._authenticator = Authenticator(
            self.config,
            _verify_token,
            accept=self.accepted_dialects,
            allow_unsigned=allow_unsigned,
            strict=strict,
        )
        self._dispatcher = WebhookDispatcher(
            self.registry,
            self.telemetry,
            self._authenticator,
            Surroundings(
                self.config, self._clients, self._build_secret_helper, self._authenticator.granted
            ),
            read_json=_json.read_strictly if strict else _json.read,
            replays=self._replays,
            body_limit_bytes=body_limit_bytes,
            handler_limit_s=handler_limit_s,
        )
        self._debug = env.flag("KIKET_SDK_DEBUG") if debug is None else debug
        self._entrance = Entrance(
            self._dispatcher,
            health=self._health,
            lifespan=self._running,
            loaded_app=lambda: vars(self).get("app"),
            whole_app=lambda: self.app,
        )

    def __repr__(self) -> str:
        return f"KiketSDK({self.config.extension_id!r}, events={self.registry.event_names()})"

    @cached_property
    def app(self) -> FastAPI:
        """The FastAPI application of this extension, for routes and middleware of its own.

        FastAPI is loaded for the first who asks.
        """
        from kiket_sdk._app import ExtensionApp

        app = ExtensionApp(self._dispatcher, lifespan=self._running, debug=self._debug)
        app.router.add_route(HEALTH, self._health, methods=["GET"])
        return app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection; FastAPI is loaded for what is no webhook."""
        await self._entrance(scope, receive, send)

    def register(
        self,
        event: str,
        handler: Handler,
        *,
        version: str,
        required_scopes: Iterable[str] | None = None,
    ) -> None:
        """Add the handler of an event and version; raises ValueError for a blank version or scope.

        A webhook whose sender did not grant all of `required_scopes` is answered with 403.
        """
        self.registry.register(event, handler, version=version, required_scopes=required_scopes)

    def webhook(
        self, event: str, *, version: str, required_scopes: Iterable[str] | None = None
    ) -> Callable[[F], F]:
        """Register the decorated function as the handler of an event; see `register`."""

        def register(function: F) -> F:
            self.register(event, function, version=version, required_scopes=required_scopes)
            return function

        return register

    def load(self, module: ModuleType) -> None:
        """Register every function of `module` that the `webhook` decorator marked.

        Raises ValueError for one that was marked without a version.
        """
        for name in dir(module):
            function = getattr(module, name)
            event = getattr(function, "__kiket_event__", None)
            if not isinstance(event, str):
                continue
            version = getattr(function, "__kiket_version__", None)
            if version is None:
                raise ValueError(
                    f"Handler {module.__name__}.{name} is missing version metadata; "
                    "decorate it with @webhook(event, version=...)."
                )
            scopes = getattr(function, "__kiket_required_scopes__", None)
            self.register(event, function, version=version, required_scopes=scopes)

    def run(self, host: str = "127.0.0.1", port: int = 8000) -> None:
        """Serve until interrupted, with limits on what a client may send and how slowly.

        Any host name is served and any page may call: what lets a webhook in is its signature.
        Forwarding headers of proxies are taken from the addresses in FORWARDED_ALLOW_IPS, else
        from this machine alone. A server that cannot start ends the program with status 3.
        """
        import uvicorn

        logs = {"log_config": uvicorn.config.LOGGING_CONFIG, "access_log": True}
        server = uvicorn.Server(self._server_config(host=host, port=port, **logs))
        with suppress(KeyboardInterrupt):  # raised after a graceful stop on SIGINT
            server.run()
        if not server.started:
            raise SystemExit(_STARTUP_FAILED)

    def _server_config(self, **settings: Any) -> uvicorn.Config:
        """Configure the server that `run` runs."""
        from kiket_core.guard import Limits, server_config, serving_directly

        return server_config(
            self.app,
            limits=Limits(body_bytes=self._body_limit_bytes),
            hosts=None,  # an extension is reached under whatever name it was deployed to
            allow_cross_site=True,  # a proxy in front may change Host, but not Origin
            protocol=serving_directly(self._entrance.taker_of),
            proxy_headers=True,
            **settings,
        )

    def create_test_client(self) -> TestClient:
        """Return FastAPI's test client for this extension."""
        from kiket_sdk.testing._client import test_client

        return test_client(self.app)

    def _build_secret_helper(self, payload_secrets: Mapping[str, Any] | None) -> SecretReader:
        """Return `context.secret` of a webhook that brought these secrets."""
        providers = self.config.secret_providers
        return secret_reader(
            payload_secrets,
            DEFAULT_PROVIDERS if providers is None else providers,
            declared=self._declared_secrets,
        )

    # what tests of the newest release call
    _check_scopes = staticmethod(missing)
    _build_scope_checker = staticmethod(scope_checker)

    @asynccontextmanager
    async def _running(self, _app: FastAPI | None = None) -> AsyncIterator[None]:
        """Keep one set of connections to the platform, and the telemetry queue, while serving."""
        self._authenticator.prepare()
        try:
            async with self.telemetry.running(), self._clients.shared():
                yield
        finally:
            if self._replays is not None:
                await self._replays.aclose()

    async def _health(self, _request: Request | None) -> JSONResponse:
        return JSONResponse(
            {
                "status": "ok",
                "extension_id": self.config.extension_id,
                "extension_version": self.config.extension_version,
                "registered_events": self.registry.event_names(),
            }
        )


def _verify_token(payload: Any, base_url: str, **options: Any) -> Coroutine[Any, Any, JwtPayload]:
    """Check a token by this module's name for it, which tests of the newest release replace."""
    return verify_runtime_token(payload, base_url, **options)


def create_app(**options: Any) -> FastAPI:
    """Return the application of `KiketSDK(**options)`."""
    return KiketSDK(**options).app


def _replay_guard(
    store: ReplayStore,
    on_error: Literal["accept", "refuse"],
    *,
    extension_id: str | None,
    run_limit_s: float | None,
) -> ReplayGuard:
    from kiket_sdk._replay import ReplayGuard

    if on_error not in {"accept", "refuse"}:
        raise ConfigurationError(
            f'on_replay_store_error={on_error!r} is neither "accept" nor "refuse".'
        )
    return ReplayGuard(
        store,
        extension_id=extension_id,
        refuse_when_down=on_error == "refuse",
        run_limit_s=run_limit_s,
    )


def _settings(
    manifest: ExtensionManifest | None,
    given: Mapping[str, Any] | None,
    *,
    overlay: bool,
    typed: bool,
) -> dict[str, Any]:
    """Put together the manifest's defaults, secrets of the environment, and the argument."""
    settings = manifest.settings_defaults() if manifest else {}
    if manifest and overlay:
        settings = apply_secret_env_overrides(settings, manifest.secret_keys())
    if manifest and typed:
        settings = manifest.typed(settings)
    return {**settings, **(given or {})}


def _redact_credentials(config: ExtensionConfig, manifest: ExtensionManifest | None) -> None:
    """Keep this extension's credentials out of replies, telemetry and redacted logs."""
    credentials = [
        # of several values of one name the last counts as current
        *(("KIKET_WEBHOOK_SECRET", secret) for secret in config.previous_webhook_secrets),
        ("KIKET_WEBHOOK_SECRET", config.webhook_secret),
        ("KIKET_WORKSPACE_TOKEN", config.workspace_token),
        ("KIKET_EXTENSION_API_KEY", config.extension_api_key),
        *((key, config.settings.get(key)) for key in (manifest.secret_keys() if manifest else ())),
    ]
    for name, value in credentials:
        if isinstance(value, str):
            redactor.add(name, value)
