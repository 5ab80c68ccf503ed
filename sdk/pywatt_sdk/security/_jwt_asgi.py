"""Ask for a token before an app hears of a request."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from pywatt_sdk.core.error import ConfigError
from pywatt_sdk.security._jwt_tokens import JwtError, JwtValidator, token_of

if TYPE_CHECKING:
    from pywatt_sdk._exchange import ASGI, Receive, Scope, Send
    from pywatt_sdk.security._jwt_tokens import JwtConfig

_NO_KEY: Final = (
    "This endpoint asks for a JWT, and the module has no secret to check it with; "
    "give it jwt_secret=…, or set JWT_SECRET."
)
_SERVICE_UNAVAILABLE: Final = 503


class JwtGate:
    """Let requests with a token in that counts, and give the app its claims.

    They are at `request.state.jwt_claims` (Starlette, FastAPI), and what `get_jwt_claims()`
    returns. Without `config` nobody gets in.
    """

    def __init__(self, config: JwtConfig | None, claims_type: type[Any] | None = None) -> None:
        self._validator = None if config is None else JwtValidator(config)
        self._claims_type = {} if claims_type is None else {"claims_type": claims_type}

    async def admits(self, scope: Scope, receive: Receive, send: Send) -> bool:
        """Tell whether the request may go on; if not, it has been answered."""
        try:
            token = token_of(_authorization(scope))
            if self._validator is None:
                await _answer(scope, receive, send, _SERVICE_UNAVAILABLE, _NO_KEY)
                return False
            claims = self._validator.validate_token(token, **self._claims_type)
        except JwtError as error:
            await _answer(scope, receive, send, error.status_code, str(error), error.challenge)
            return False
        except ConfigError:
            await _answer(scope, receive, send, _SERVICE_UNAVAILABLE, _NO_KEY)
            return False
        scope.setdefault("state", {})["jwt_claims"] = claims
        return True


class JwtAuthMiddleware:
    """Ask for a token in front of a whole ASGI app: `app.add_middleware(…, config=config)`.

    `public_paths` need none; they are compared with the decoded path, and must be equal.
    """

    def __init__(
        self,
        app: ASGI,
        config: JwtConfig,
        public_paths: tuple[str, ...] = ("/health", "/metrics"),
        claims_type: type[Any] | None = None,
    ) -> None:
        self._app = app
        self._gate = JwtGate(config, claims_type)
        self._public_paths = frozenset(public_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if (
            scope["type"] == "lifespan"
            or scope["path"] in self._public_paths
            or await self._gate.admits(scope, receive, send)
        ):
            await self._app(scope, receive, send)


def _authorization(scope: Scope) -> str | None:
    """Return the header; None also when there are two, which two readers may read differently."""
    found = [value for name, value in scope["headers"] if name == b"authorization"]
    return found[0].decode("latin-1") if len(found) == 1 else None


async def _answer(
    scope: Scope, receive: Receive, send: Send, status: int, sentence: str, challenge: str = ""
) -> None:
    body = json.dumps({"error": sentence}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    if challenge:
        headers.append((b"www-authenticate", challenge.encode()))
    kind = scope["type"]
    if kind == "websocket":
        await receive()  # websocket.connect
        if "websocket.http.response" not in scope.get("extensions", {}):
            await send({"type": "websocket.close", "code": 1008, "reason": sentence})
            return
        kind = "websocket.http"
    await send({"type": f"{kind}.response.start", "status": status, "headers": headers})
    await send({"type": f"{kind}.response.body", "body": body})
