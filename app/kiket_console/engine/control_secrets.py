"""The part of the control API that keeps secrets.

GET  /v1/secrets                  names, versions, who asks for them, where they are kept
PUT  /v1/secrets/{name}           DELETE /v1/secrets/{name}?scope=
POST /v1/secrets/{name}/rotate    …/restore    …/reveal (the one answer with a value)
POST /v1/secrets/vault            the keyring, or this session alone
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Protocol

import msgspec
from starlette.routing import Route

from kiket_console.engine.control_bodies import answer, asked_body
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.wire import API, ROTATION_LIMIT_S, ROTATION_WAIT_S
from kiket_console.wire_secrets import FORMS, LEAST_BYTES, MOST_BYTES, PROJECT, Generate, Revealed

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from kiket_console.wire import Rotation
    from kiket_console.wire_secrets import SecretEntry, SecretsState, VaultFacts

_Scope = Literal["", "project", "shared"]
_Seconds = Annotated[float, msgspec.Meta(gt=0, le=ROTATION_LIMIT_S)]
_Bytes = Annotated[int, msgspec.Meta(ge=LEAST_BYTES, le=MOST_BYTES)]


class SecretAsked(msgspec.Struct, forbid_unknown_fields=True):
    """The body of `PUT /v1/secrets/{name}`."""

    value: str
    scope: _Scope = PROJECT
    version: int | None = None
    """None: whatever there is now; 0: there is none."""


class GenerateAsked(msgspec.Struct, forbid_unknown_fields=True):
    """How the value of a rotation is to be made."""

    form: Literal["hex", "base64url", "uuid"] = FORMS[0]
    size: _Bytes = 32


class RotateAsked(msgspec.Struct, forbid_unknown_fields=True):
    """The body of `POST /v1/secrets/{name}/rotate`."""

    value: str | None = None
    generate: GenerateAsked | None = None
    scope: _Scope = ""
    timeout_s: _Seconds = ROTATION_WAIT_S

    @property
    def new(self) -> str | Generate | None:
        """The new value, how to make it, or None for the present one; raises `ConsoleError`."""
        if self.generate is not None:
            if self.value is not None:
                raise ConsoleError(
                    "A new value is given, and another is to be made.",
                    hint="Send value or generate.",
                    exit_code=ExitCode.USAGE,
                )
            return Generate(self.generate.form, self.generate.size)
        return self.value


class ScopeAsked(msgspec.Struct, forbid_unknown_fields=True):
    """The body of `POST /v1/secrets/{name}/restore` and `…/reveal`."""

    scope: _Scope = ""


class VaultAsked(msgspec.Struct, forbid_unknown_fields=True):
    """The body of `POST /v1/secrets/vault`."""

    mode: Literal["keyring", "session"]


class SecretControls(Protocol):
    """What the engine lets a person do with secrets; *scope* empty: whose value is seen here."""

    async def state(self) -> SecretsState:
        """Return the vault, and what is in it or asked for."""
        ...

    async def set(self, name: str, value: str, scope: str, version: int | None) -> Rotation:
        """Keep a value, and hand it to what runs."""
        ...

    async def rotate(
        self, name: str, new: str | Generate | None, scope: str, timeout_s: float
    ) -> Rotation:
        """Hand out a new value, or the present one again."""
        ...

    async def delete(self, name: str, scope: str) -> SecretEntry:
        """Forget a value."""
        ...

    async def restore(self, name: str, scope: str) -> Rotation:
        """Bring back the value before the last change."""
        ...

    async def reveal(self, name: str, scope: str) -> str:
        """Return a value."""
        ...

    async def vault(self, mode: str) -> VaultFacts:
        """Keep secrets in the keyring, or for this session alone."""
        ...


def secret_routes(desk: SecretControls) -> list[Route]:
    """Return the routes over *desk*."""

    async def state(_: Request) -> Response:
        return answer(await desk.state())

    async def secret(request: Request) -> Response:
        name = request.path_params["name"]
        if request.method == "DELETE":
            return answer(await desk.delete(name, request.query_params.get("scope", "")))
        asked = await asked_body(request, SecretAsked)
        return answer(await desk.set(name, asked.value, asked.scope, asked.version))

    async def rotate(request: Request) -> Response:
        asked = await asked_body(request, RotateAsked)
        name = request.path_params["name"]
        return answer(await desk.rotate(name, asked.new, asked.scope, asked.timeout_s))

    async def restore(request: Request) -> Response:
        asked = await asked_body(request, ScopeAsked)
        return answer(await desk.restore(request.path_params["name"], asked.scope))

    async def reveal(request: Request) -> Response:
        asked = await asked_body(request, ScopeAsked)
        value = await desk.reveal(request.path_params["name"], asked.scope)
        return answer(Revealed(value))

    async def vault(request: Request) -> Response:
        asked = await asked_body(request, VaultAsked)
        return answer(await desk.vault(asked.mode))

    place = f"{API}/secrets"
    return [
        Route(place, state, methods=["GET"]),
        Route(f"{place}/vault", vault, methods=["POST"]),
        Route(f"{place}/{{name}}", secret, methods=["PUT", "DELETE"]),
        Route(f"{place}/{{name}}/rotate", rotate, methods=["POST"]),
        Route(f"{place}/{{name}}/restore", restore, methods=["POST"]),
        Route(f"{place}/{{name}}/reveal", reveal, methods=["POST"]),
    ]
