"""The part of the control API's client that keeps secrets.

    async with Client(paths) as client:
        state = await client.secrets.state()
        rotation = await client.secrets.set("API_KEY", value, scope="shared")

Every call raises what `Client`'s calls raise. *scope* is one of `wire_secrets.SCOPES`; empty: the
scope whose value this project sees.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from msgspec.structs import asdict

from kiket_console.wire import ROTATION_WAIT_S, Rotation
from kiket_console.wire_secrets import PROJECT, Revealed, SecretEntry, SecretsState, VaultFacts

if TYPE_CHECKING:
    from kiket_console.client_asking import Ask
    from kiket_console.wire_secrets import Generate

_MORE_S = 30.0
"""What the engine takes at most besides what is waited for: a few calls to a keyring."""


class SecretCalls:
    """Look at what the vault holds, and change it."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def state(self) -> SecretsState:
        """Return where secrets are kept, and which are kept or asked for, by name."""
        return await self._ask("GET", "/secrets", SecretsState, timeout_s=_MORE_S)

    async def set(
        self, name: str, value: str, *, scope: str = PROJECT, version: int | None = None
    ) -> Rotation:
        """Keep *value*, and hand it to what runs.

        With *version*, only if that is still the present one's (0: there is none); the refusal of
        what somebody else has changed since has `ExitCode.VERIFICATION`.
        """
        document = {"value": value, "scope": scope, "version": version}
        limit_s = ROTATION_WAIT_S + _MORE_S
        return await self._ask("PUT", _place(name), Rotation, document, limit_s)

    async def rotate(
        self,
        name: str,
        value: str | None = None,
        *,
        generate: Generate | None = None,
        scope: str = "",
        timeout_s: float = ROTATION_WAIT_S,
    ) -> Rotation:
        """Hand a new value to those who have the old one: *value*, or one that is made.

        With neither, the present one is handed out again. Each module has *timeout_s* to confirm
        it.
        """
        document: dict[str, Any] = {"value": value, "scope": scope, "timeout_s": timeout_s}
        if generate is not None:
            document["generate"] = asdict(generate)
        limit_s = timeout_s + _MORE_S
        return await self._ask("POST", f"{_place(name)}/rotate", Rotation, document, limit_s)

    async def delete(self, name: str, *, scope: str = "") -> SecretEntry:
        """Forget a secret's value; `restore` brings it back until `previous_until_us`."""
        query = f"?{urlencode({'scope': scope})}" if scope else ""
        return await self._ask("DELETE", _place(name) + query, SecretEntry, timeout_s=_MORE_S)

    async def restore(self, name: str, *, scope: str = "") -> Rotation:
        """Bring back the value before the last change, and hand it to what runs.

        The value that it takes the place of can be brought back in its turn.
        """
        limit_s = ROTATION_WAIT_S + _MORE_S
        path = f"{_place(name)}/restore"
        return await self._ask("POST", path, Rotation, {"scope": scope}, limit_s)

    async def reveal(self, name: str, *, scope: str = "") -> str:
        """Return a secret's value."""
        path = f"{_place(name)}/reveal"
        found = await self._ask("POST", path, Revealed, {"scope": scope}, _MORE_S)
        return found.value

    async def vault(self, mode: str) -> VaultFacts:
        """Keep secrets in the keyring, which is looked for again, or for this session alone.

        *mode* is one of `wire_secrets.VAULT_MODES`. What was kept for the session goes into the
        keyring; the answer names it. Raises `ConsoleError` when no keyring can be used.
        """
        return await self._ask("POST", "/secrets/vault", VaultFacts, {"mode": mode}, _MORE_S)


def _place(name: str) -> str:
    return f"/secrets/{quote(name, safe='')}"
