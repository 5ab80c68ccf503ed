"""Help extension authors test their handlers: signed payloads, test clients, replays."""

from __future__ import annotations

from kiket_sdk.testing._client import kiket_client_fixture
from kiket_sdk.testing._payload import SignedPayload, webhook_payload_factory
from kiket_sdk.testing.replay import replay_payload

__all__ = ["SignedPayload", "kiket_client_fixture", "replay_payload", "webhook_payload_factory"]
