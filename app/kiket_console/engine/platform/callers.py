"""Who calls the platform: by the runtime token of a delivery, else by a worker's own token."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from msgspec import Struct

from kiket_console.engine.headers import value_of
from kiket_console.engine.platform.calls import RefusedError
from kiket_console.engine.platform.tokens import HEADER, TokenError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kiket_console.engine.platform.tokens import RuntimeTokens
    from kiket_console.model import Headers
    from kiket_core.secret import Secret

_RUNTIME_HEADERS = (HEADER.lower(), "x-runtime-token")
_EXPECTED = (
    "the workspace token in KIKET_WORKSPACE_TOKEN, or the one that your code gives "
    "as workspace_token"
)
_AGAIN = "Send the delivery again, signed anew; its handler is given a new one."


class Caller(Struct, frozen=True):
    """Whose call it is."""

    worker: str
    """Empty when several workers have the token that was shown."""
    scopes: tuple[str, ...] | None = None
    """What the runtime token allows; None for a call without one."""
    delivery_id: str = ""
    """Of the delivery whose runtime token it shows; empty without one."""


class Callers:
    """Tell by its tokens which worker a call comes from.

    `tokens` gives the workers' own that are good now, with the name of the worker that has each;
    `runtime` knows those of deliveries.
    """

    def __init__(
        self, tokens: Callable[[], Iterable[tuple[str, Secret]]], runtime: RuntimeTokens
    ) -> None:
        self._tokens = tokens
        self._runtime = runtime

    def caller(self, headers: Headers) -> Caller:
        """Return who calls.

        Raises `RefusedError` when the call shows none of the tokens, or a runtime token that is
        over, and `ConsoleError` when the key of runtime tokens cannot be used.
        """
        scheme, _, bearer = value_of(headers, "authorization").partition(" ")
        bearer = bearer.strip() if scheme.lower() == "bearer" else ""
        shown = [value_of(headers, name).strip() for name in _RUNTIME_HEADERS]
        for text in (*shown, bearer):
            try:
                claims = self._runtime.read(text)
            except TokenError as error:
                raise RefusedError(401, f"{error} {_AGAIN}") from None
            if claims is not None:
                return Caller(claims.worker, claims.scopes, claims.delivery_id)
        token = bearer or value_of(headers, "x-kiket-api-key").strip()
        if token:
            return self._by_own_token(token)
        if any(shown):
            raise RefusedError(401, f"The runtime token is not one of this project's. {_AGAIN}")
        raise RefusedError(401, f"The call carries no bearer token; send {_EXPECTED}.")

    def _by_own_token(self, token: str) -> Caller:
        raw_token = _raw(token)
        # All are compared, so that the time taken does not tell which one is near.
        names = [
            name
            for name, each in self._tokens()
            if hmac.compare_digest(raw_token, _raw(each.reveal())) and each.reveal()
        ]
        if not names:
            raise RefusedError(
                401, f"The bearer token is not one of this project's; send {_EXPECTED}."
            )
        return Caller(names[0] if len(set(names)) == 1 else "")


def _raw(token: str) -> bytes:
    return token.encode("utf-8", "surrogatepass")
