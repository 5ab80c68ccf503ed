"""JSON Web Tokens (RFC 7519): make and check them, and find them in requests.

What an endpoint announced with `auth="jwt"` asks for is checked by the SDK before the app hears of
the request, and the claims are there: `get_jwt_claims(request)`, or `flask.g.jwt_claims`.
Everything else here is for what an app wants to do itself.
"""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any

from pywatt_sdk.core.error import ConfigError
from pywatt_sdk.security._jwt_asgi import JwtAuthMiddleware
from pywatt_sdk.security._jwt_flask import FlaskJwtManager
from pywatt_sdk.security._jwt_requests import (
    get_jwt_claims,
    require_jwt_claims,
    validate_jwt_from_headers,
)
from pywatt_sdk.security._jwt_tokens import (
    JwtClaims,
    JwtConfig,
    JwtError,
    JwtValidator,
    create_jwt_token,
    get_jwt_secret_from_env,
    token_of,
    validate_jwt_token,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "FastAPIJwtMiddleware",
    "FlaskJwtManager",
    "JwtAuthMiddleware",
    "JwtClaims",
    "JwtConfig",
    "JwtError",
    "JwtValidator",
    "StarletteJwtMiddleware",
    "create_jwt_middleware",
    "create_jwt_token",
    "extract_jwt_claims",
    "get_jwt_claims",
    "get_jwt_secret_from_env",
    "is_running_as_module",
    "require_jwt_claims",
    "token_of",
    "validate_jwt_from_headers",
    "validate_jwt_token",
]

FastAPIJwtMiddleware = StarletteJwtMiddleware = JwtAuthMiddleware
extract_jwt_claims = get_jwt_claims


def create_jwt_middleware(
    config: JwtConfig | str | None = None, framework: str = "fastapi", **settings: Any
) -> Callable[..., Any]:
    """Return what asks for tokens in front of an app of a framework.

    For FastAPI and Starlette it goes to `app.add_middleware()`, for Flask it is called with the
    app. `config` may be the secret alone; without it that is the environment's JWT_SECRET.
    `settings` are those of `JwtAuthMiddleware`.

    Raises:
        ConfigError: if there is no secret, or the framework is unknown.
    """
    config = config or get_jwt_secret_from_env()
    if config is None:
        raise ConfigError.missing_env_var("JWT_SECRET")
    if isinstance(config, str):
        config = JwtConfig(config)
    if framework == "flask":
        return functools.partial(FlaskJwtManager, config)
    if framework in ("fastapi", "starlette"):
        return functools.partial(JwtAuthMiddleware, config=config, **settings)
    raise ConfigError(f"the framework {framework!r} is not one of fastapi, flask and starlette")


def is_running_as_module() -> bool:
    """Tell whether an orchestrator has started this program."""
    return bool(os.environ.get("PYWATT_MODULE_ID"))
