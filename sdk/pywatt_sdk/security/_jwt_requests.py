"""Find tokens and their claims in requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pywatt_sdk.security._jwt_tokens import (
    JwtClaims,
    JwtConfig,
    JwtError,
    token_of,
    validate_jwt_token,
)

if TYPE_CHECKING:
    from collections.abc import Iterable


def validate_jwt_from_headers(
    headers: Mapping[str, str] | Iterable[tuple[str, str]],
    config: JwtConfig,
    claims_type: type[Any] = JwtClaims,
) -> Any:
    """Return the claims of the token in a request's headers, whose names may be in any case.

    Raises:
        JwtError: if there is no Authorization header, or more than one, or its token does not
            count.
    """
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    found = [value for name, value in pairs if name.lower() == "authorization"]
    if len(found) > 1:
        raise JwtError
    return validate_jwt_token(token_of(found[0] if found else None), config, claims_type)


def get_jwt_claims(request: Any = None) -> JwtClaims | None:
    """Return the claims that a request came with, or None.

    `request` is Starlette's or FastAPI's; without one it is the request that Flask is handling.
    """
    if request is None:
        import flask

        claims = flask.g.get("jwt_claims") or _of_wsgi(flask.request.environ)
    elif hasattr(request, "environ"):
        claims = _of_wsgi(request.environ)
    else:
        claims = getattr(request.state, "jwt_claims", None)
    return claims


def require_jwt_claims(request: Any = None) -> JwtClaims:
    """Return the claims that a request came with.

    Raises:
        JwtError: if it came without a token that counts.
    """
    claims = get_jwt_claims(request)
    if claims is None:
        raise JwtError
    return claims


def _of_wsgi(environ: Mapping[str, Any]) -> JwtClaims | None:
    scope = environ.get("asgi.scope")
    return scope["state"].get("jwt_claims") if scope and scope.get("state") else None
