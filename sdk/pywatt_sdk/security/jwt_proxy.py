"""Have the orchestrator make and check tokens, so that the module never holds the secret.

    async with JwtProxy(app_state.link) as tokens:
        claims = await tokens.validate(token)

These are the operations of the service type `Jwt` (pywatt wire specification §7); they cost a round
trip each. What is announced with `auth="jwt"` is checked in the module.
"""

from __future__ import annotations

import contextlib
import uuid
from typing import TYPE_CHECKING, Any, Self

from pywatt_sdk._protocol import ServiceOperation, ServiceRequest, ServiceType
from pywatt_sdk.core.error import NetworkError
from pywatt_sdk.security._jwt_tokens import JwtClaims, JwtError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from pywatt_sdk._link import Link

__all__ = ["JwtProxy"]


class JwtProxy:
    """A connection to the orchestrator's tokens, opened with the first operation.

    `config` is what the orchestrator asks for, if anything; `timeout_s` is how long it may take to
    answer. Each operation raises NetworkError if it does not answer or offers no tokens.
    """

    def __init__(
        self, link: Link, config: Mapping[str, Any] | None = None, *, timeout_s: float = 30.0
    ) -> None:
        self._link = link
        self._config = None if config is None else dict(config)
        self._timeout_s = timeout_s
        self._connection_id = ""

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def connect(self) -> None:
        """Open the connection, unless it is open.

        Raises:
            NetworkError: if the orchestrator offers no tokens, or does not answer.
        """
        if self._connection_id:
            return
        request = ServiceRequest(f"jwt_request_{uuid.uuid4()}", ServiceType.JWT, self._config)
        response = await self._link.ask(request, timeout_s=self._timeout_s)
        if not response.success or not response.connection_id:
            reason = response.error or "it gives no reason."
            raise NetworkError(f"the orchestrator offers no tokens: {reason}")
        self._connection_id = response.connection_id

    async def validate(self, token: str) -> JwtClaims:
        """Return the claims of a token.

        Raises:
            JwtError: if the token does not count.
        """
        result = await self._operate("validate", {"token": token})
        if not result.success or not isinstance(result.result, dict):
            raise JwtError("InvalidToken")
        return JwtClaims(result.result)

    async def generate(self, claims: Mapping[str, Any]) -> str:
        """Return a token with these claims.

        Raises:
            NetworkError: if the orchestrator makes none of them.
        """
        result = await self._operate("generate", {"claims": dict(claims)})
        if not result.success or not isinstance(result.result, str):
            reason = result.error or "it gives no reason."
            raise NetworkError(f"the orchestrator made no token: {reason}")
        return result.result

    async def close(self) -> None:
        """End the connection; twice is fine, and so is a link that has ended."""
        if not self._connection_id:
            return
        with contextlib.suppress(NetworkError):  # with the link the connection has ended
            await self._operate("close", {})
        self._connection_id = ""

    async def _operate(self, operation: str, params: dict[str, Any]) -> Any:
        await self.connect()
        asked = ServiceOperation(
            self._connection_id,
            ServiceType.JWT,
            operation,
            params,
            operation_id=str(uuid.uuid4()) if self._link.is_ours else None,
        )
        return await self._link.ask(asked, timeout_s=self._timeout_s)
