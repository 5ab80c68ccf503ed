"""Who calls the platform: each worker has a token of its own."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from kiket_console.engine.platform.calls import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kiket_console.model import Headers
    from kiket_core.secret import Secret

_EXPECTED = (
    "the workspace token in KIKET_WORKSPACE_TOKEN, or the one that your code gives "
    "as workspace_token"
)


class Callers:
    """Tell by its bearer token which worker a call comes from.

    `tokens` gives those that are good now, with the name of the worker that has each.
    """

    def __init__(self, tokens: Callable[[], Iterable[tuple[str, Secret]]]) -> None:
        self._tokens = tokens

    def caller(self, headers: Headers) -> str:
        """Return the worker's name; empty when several share the token.

        Raises `RefusedError` when the call shows none of the tokens.
        """
        scheme, _, token = next(
            (value for name, value in headers if name.lower() == "authorization"), ""
        ).partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise RefusedError(401, f"The call carries no bearer token; send {_EXPECTED}.")
        raw_token = _raw(token.strip())
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
        return names[0] if len(set(names)) == 1 else ""


def _raw(token: str) -> bytes:
    return token.encode("utf-8", "surrogatepass")
