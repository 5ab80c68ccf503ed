"""The platform's routes for an extension's secrets, kept in the vault."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from kiket_console.engine.platform.calls import BODY_BYTES, Call, RefusedError, Reply
from kiket_console.wire_secrets import SECRET_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kiket_console.engine.ports import Secrets
    from kiket_console.wire_secrets import SecretEntry

_NAME = re.compile(SECRET_NAME, re.ASCII)
_OWN = re.compile(r"KIKET_(?:WEBHOOK_SECRET|WORKSPACE_TOKEN)(?:\..*)?", re.ASCII)
"""By what a worker is known, and its deliveries: who has it could pass for another."""
_NAME_RULE = "key must be 1 to 128 letters, digits, and . _ -"
_OTHER_SDKS = re.compile(
    r"kiket-sdk-(?!python)|node|undici|axios|Go-http-client|Java|okhttp|Apache-HttpClient|Ruby|Faraday"
    r"|\.NET|RestSharp",
    re.IGNORECASE,
)
"""How the SDKs for other languages, and the HTTP libraries below them, call themselves."""


def sent_secret(key: str | None, raw_body: bytes) -> dict[str, str] | None:
    """Return the secret in the body of a call that sets one, by name; None when unreadable.

    Of a body that cannot be read nothing may be recorded: the value may be anywhere in it.
    """
    if len(raw_body) > BODY_BYTES:
        return None
    try:
        document = json.loads(raw_body.decode("utf-8"))
        secret = document if "secret" not in document and key is not None else document["secret"]
        name, value = secret["key"] if key is None else key, secret["value"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    if not isinstance(name, str) or not isinstance(value, str) or not _NAME.fullmatch(name):
        return None
    return {name: value}


class SecretRoutes:
    """List, read, set, change and delete secrets; values are only in `Reply.body`."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._turn = asyncio.Lock()  # a check and its write belong together

    async def list(self, call: Call) -> Reply:
        """Answer with every secret's name and times; the other SDKs expect names alone."""
        found = [each for each in await self._secrets.names() if not _OWN.fullmatch(each.name)]
        if _OTHER_SDKS.match(call.user_agent):
            return Reply(200, {"keys": [each.name for each in found]})
        return Reply(200, [_times(each) for each in found])

    async def read(self, call: Call) -> Reply:
        """Answer with one secret, value included."""
        key = _named(call)
        value = await self._secrets.get(key)
        if value is None:
            raise _unknown(key)
        body = await self._entry(key)
        return Reply(200, {**body, "value": value}, secrets={key: value})

    async def create(self, call: Call) -> Reply:
        """Keep a secret that has no value yet."""
        secret = _secret(call)
        key = secret.get("key")
        if not isinstance(key, str):
            raise _invalid(_NAME_RULE)
        _check_new(key)
        value = _value(secret)
        async with self._turn:
            if await self._secrets.get(key) is not None:
                raise RefusedError(
                    422,
                    f"The secret {key!r} exists already; change it with PATCH.",
                    errors=("key has already been taken",),
                )
            await self._secrets.set(key, value)
        return Reply(201, await self._entry(key))

    async def put(self, call: Call) -> Reply:
        """Keep a secret, whether it had a value or not: what other SDKs do."""
        key, fields = call.parts["key"], call.fields()
        _check_new(key)
        value = _value(_secret(call) if "secret" in fields else fields)
        async with self._turn:
            is_new = await self._secrets.get(key) is None
            await self._secrets.set(key, value)
        return Reply(201 if is_new else 200, await self._entry(key))

    async def change(self, call: Call) -> Reply:
        """Give a secret another value."""
        key = _named(call)
        value = _value(_secret(call))
        async with self._turn:
            if await self._secrets.get(key) is None:
                raise _unknown(key)
            await self._secrets.set(key, value)
        return Reply(200, await self._entry(key))

    async def delete(self, call: Call) -> Reply:
        """Forget a secret."""
        key = _named(call)
        if not await self._secrets.delete(key):
            if await self._secrets.get(key) is not None:
                raise RefusedError(403, f"The secret {key!r} is shared by all of your projects.")
            raise _unknown(key)
        return Reply(204)

    async def _entry(self, key: str) -> dict[str, str]:
        for each in await self._secrets.names():
            if each.name == key:
                return _times(each)
        return {"key": key}


def _named(call: Call) -> str:
    """Return the name of a secret that there may be; raises `RefusedError` for any other."""
    key = call.parts["key"]
    if not _NAME.fullmatch(key) or _OWN.fullmatch(key):
        raise _unknown(key)
    return key


def _check_new(key: str) -> None:
    """Raise `RefusedError` for a name that no extension can give a value here."""
    if not _NAME.fullmatch(key):
        raise _invalid(_NAME_RULE)
    if _OWN.fullmatch(key):
        raise RefusedError(403, f"{key} is the engine's to set: `kiket-console secrets set {key}`.")


def _secret(call: Call) -> Mapping[str, Any]:
    secret = call.fields().get("secret")
    if not isinstance(secret, dict):
        raise _invalid("secret must be an object")
    return secret


def _value(secret: Mapping[str, Any]) -> str:
    value = secret.get("value")
    if not isinstance(value, str) or not value:
        raise _invalid("value can't be blank")
    return value


def _invalid(problem: str) -> RefusedError:
    return RefusedError(422, f"The secret was not kept: {problem}.", errors=(problem,))


def _unknown(key: str) -> RefusedError:
    return RefusedError(404, f"There is no secret {key[:128]!r}.")


def _times(secret: SecretEntry) -> dict[str, str]:
    return {
        "key": secret.name,
        "created_at": _iso(secret.created_us),
        "updated_at": _iso(secret.updated_us),
    }


def _iso(moment_us: int) -> str:
    moment = datetime.fromtimestamp(moment_us // 1_000_000, UTC)
    return moment.isoformat().replace("+00:00", "Z")
