"""What authors of every era had at hand: a platform to call, and its hand to sign with."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from tests.kiket_sdk.conftest import Platform, served

from kiket_sdk import KiketSDK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi.testclient import TestClient


SECRET = "sh_123"
ISSUE = {"event": "issue.created", "issue": {"id": 7, "title": "Bug", "project_id": 3}}


def extension(**options: Any) -> KiketSDK:
    """Build an extension as the quickstart does."""
    given = {
        "webhook_secret": SECRET,
        "workspace_token": "wk_test",
        "extension_id": "com.example.marketing",
        "extension_version": "1.0.0",
    }
    return KiketSDK(**(given | options))


def answering(result: Any, **options: Any) -> KiketSDK:
    """Build an extension whose handler of issue.created@v1 returns a value, or is a function."""
    sdk = extension(**options)
    handler = result if callable(result) else lambda *_: result
    sdk.register("issue.created", handler, version="v1")
    return sdk


def signature(raw_body: bytes, secret: str = SECRET) -> str:
    """Sign as the first platform did: hex HMAC-SHA256 of the body (spec §1.3)."""
    return hmac.new(secret.encode(), raw_body, hashlib.sha256).hexdigest()


@dataclass
class Sender:
    """Post webhooks to one extension as the platform of its era would."""

    client: TestClient
    secret: str = SECRET

    def deliver(
        self,
        event: str,
        payload: Any,
        *,
        version: str | None = "v1",
        headers: dict[str, Any] | None = None,
        path: str | None = None,
    ) -> Any:
        """Post a payload, signed over the bytes that are sent; a header of None is left out."""
        raw_body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        given = {"X-Kiket-Signature": signature(raw_body, self.secret)} | (headers or {})
        if path is None:
            path = f"/v/{version}/webhooks/{event}" if version else f"/webhooks/{event}"
        sent = {name: value for name, value in given.items() if value is not None}
        return self.client.post(path, content=raw_body, headers=sent)


def sender(sdk: KiketSDK, secret: str = SECRET) -> Sender:
    """Return what posts to an extension."""
    return Sender(sdk.create_test_client(), secret)


class Relay:
    """Pass what comes in on to the platform of the running test: one server does for a module."""

    platform: Platform | None = None
    url = ""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self.platform is not None:
            await self.platform(scope, receive, send)


@pytest.fixture(scope="module")
def relay() -> Iterator[Relay]:
    """Serve on a free port."""
    relay = Relay()
    with served(relay) as relay.url:
        yield relay


@pytest.fixture
def platform(relay: Relay) -> Platform:
    """Return a platform that has not been called yet."""
    relay.platform = Platform(relay.url)
    return relay.platform


@pytest.fixture
def base_url(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> str:
    """Point extensions that name no platform at the one of this test."""
    monkeypatch.setenv("KIKET_BASE_URL", platform.url)
    return platform.url
