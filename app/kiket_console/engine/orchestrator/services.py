"""Services that the orchestrator itself offers modules (pywatt wire specification §2.5, §7).

    service_request ──► a connection, or why there is none      service_operation ──► its result

Tokens are made and checked here (`Jwt`, HS256). Every operation is answered, as modules wait
without end, and with its echo, by which they find who waits.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from kiket_console.errors import ConsoleError
from kiket_core.secret import Secret
from pywatt_sdk._protocol import ServiceOperationResult, ServiceResponse, ServiceType

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pywatt_sdk._protocol import ServiceOperation, ServiceRequest

CONNECTIONS_OF_ONE: Final = 100
"""How many connections one start of a module can have open."""
KEY_NAME: Final = "JWT_SECRET"
"""The secret that signs tokens, unless the request's config names another as `secret`."""
KEY_BYTES: Final = 32
"""What HS256 takes at least (RFC 7518 §3.2)."""
_ALGORITHM: Final = "HS256"
_LATER: Final = (
    "The console's orchestrator has no {0} yet: a later release brings it. "
    "Until then let the module connect to its {0} itself."
)


class ServiceError(Exception):
    """An operation is not carried out; the text says why, in a sentence."""


class _Connection(Struct, frozen=True):
    label: str
    key: Secret


class Services:
    """Open connections for modules, and carry out operations on them.

    *secret* returns the value of a secret that a module, by its name, may have; None: it may
    not, or there is none.
    """

    def __init__(self, secret: Callable[[str, str], Awaitable[str | None]]) -> None:
        self._secret = secret
        self._connections: dict[str, _Connection] = {}

    async def open(self, module: str, label: str, asked: ServiceRequest) -> ServiceResponse:
        """Return the answer to what the start *label* of *module* asks for."""
        try:
            connection_id = await self._opened(module, label, asked)
        except ServiceError as error:
            return ServiceResponse(
                id=asked.id, service_type=asked.service_type, success=False, error=str(error)
            )
        return ServiceResponse(
            id=asked.id,
            service_type=asked.service_type,
            success=True,
            connection_id=connection_id,
        )

    def carry_out(self, label: str, asked: ServiceOperation) -> ServiceOperationResult:
        """Return the result of an operation, or why there is none."""
        try:
            return ServiceOperationResult.to(asked, result=self._result(label, asked))
        except ServiceError as error:
            return ServiceOperationResult.to(asked, error=str(error))

    def drop(self, label: str) -> None:
        """Close what the start *label* has open: it has ended."""
        kept = {name: each for name, each in self._connections.items() if each.label != label}
        self._connections = kept

    async def _opened(self, module: str, label: str, asked: ServiceRequest) -> str:
        if asked.service_type != ServiceType.JWT:
            raise ServiceError(_missing(asked.service_type))
        if sum(each.label == label for each in self._connections.values()) >= CONNECTIONS_OF_ONE:
            raise ServiceError(f"{label} has {CONNECTIONS_OF_ONE} connections open already.")
        config = asked.config if isinstance(asked.config, dict) else {}
        name = str(config.get("secret") or KEY_NAME)
        try:
            value = await self._secret(module, name)
        except ConsoleError as error:
            raise ServiceError(f"The secret {name} cannot be had: {error}") from error
        if value is None:
            raise ServiceError(
                f"No token can be made or checked: the secret {name} has no value, or {module} "
                "does not name it among its secrets in kiket.toml."
            )
        if len(value.encode()) < KEY_BYTES:
            raise ServiceError(
                f"The secret {name} has fewer than {KEY_BYTES} bytes, which {_ALGORITHM} needs; "
                "set a longer one."
            )
        connection_id = str(uuid.uuid4())
        self._connections[connection_id] = _Connection(label, Secret(value, name))
        return connection_id

    def _result(self, label: str, asked: ServiceOperation) -> Any:
        if asked.service_type != ServiceType.JWT:
            raise ServiceError(_missing(asked.service_type))
        if asked.operation == "close":
            connection = self._connections.get(asked.connection_id)
            if connection is not None and connection.label == label:
                del self._connections[asked.connection_id]
            return None  # twice is fine: modules close what they have closed
        connection = self._connections.get(asked.connection_id)
        if connection is None or connection.label != label:
            raise ServiceError("This connection is not open; ask for one with a service_request.")
        params = asked.params if isinstance(asked.params, dict) else {}
        match asked.operation:
            case "validate":
                return _claims(params.get("token"), connection.key)
            case "generate":
                return _token(params.get("claims"), connection.key)
            case _:
                raise ServiceError(
                    f"Jwt has no operation {asked.operation!r}: it has validate, generate, close."
                )


def _missing(service_type: ServiceType) -> str:
    if service_type == ServiceType.DATABASE or service_type == ServiceType.CACHE:
        return _LATER.format(service_type)
    return (
        f"The orchestrator itself offers no service {str(service_type)!r}; "
        "discover_service_providers finds those that modules offer."
    )


def _claims(token: object, key: Secret) -> dict[str, Any]:
    """Return what a token claims; raises `ServiceError` unless it is good and has not expired."""
    import jwt

    if not isinstance(token, str):
        raise ServiceError("params.token is missing: the token, a text.")
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key.reveal(),
            algorithms=[_ALGORITHM],
            options={"require": ["exp"], "verify_aud": False, "verify_iss": False},
        )
    except jwt.ExpiredSignatureError as error:
        raise ServiceError("The token has expired.") from error
    except jwt.InvalidSignatureError as error:
        raise ServiceError(f"The token was not signed with the secret {key.name}.") from error
    except jwt.InvalidAlgorithmError as error:
        raise ServiceError(f"The token is not signed by {_ALGORITHM}.") from error
    except jwt.MissingRequiredClaimError as error:
        raise ServiceError("The token does not say when it ends: it has no exp.") from error
    except jwt.InvalidTokenError as error:
        raise ServiceError("This is no token, or one that is not valid now.") from error
    return claims


def _token(claims: object, key: Secret) -> str:
    import jwt

    if not isinstance(claims, dict):
        raise ServiceError("params.claims is missing: an object with what the token claims.")
    end = claims.get("exp")
    if not isinstance(end, int) or isinstance(end, bool):
        raise ServiceError("claims.exp is missing: when the token ends, in Unix seconds.")
    try:
        return jwt.encode(claims, key.reveal(), _ALGORITHM)
    except (TypeError, ValueError) as error:
        raise ServiceError("The claims cannot be made a token of.") from error
