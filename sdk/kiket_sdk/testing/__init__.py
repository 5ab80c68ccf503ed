"""Help extension authors test handlers: signed payloads, test clients, a platform, replays."""

from __future__ import annotations

from kiket_sdk.testing._client import kiket_client_fixture
from kiket_sdk.testing._payload import PayloadFactory, SignedPayload, webhook_payload_factory
from kiket_sdk.testing._tokens import RuntimeTokens
from kiket_sdk.testing.platform import FakePlatform, PlatformCall, fake_platform
from kiket_sdk.testing.recordings import RecordedCall, Recording, recordings
from kiket_sdk.testing.replay import platform_for, replay_payload, replay_recording

__all__ = [
    "FakePlatform",
    "PayloadFactory",
    "PlatformCall",
    "RecordedCall",
    "Recording",
    "RuntimeTokens",
    "SignedPayload",
    "fake_platform",
    "kiket_client_fixture",
    "platform_for",
    "recordings",
    "replay_payload",
    "replay_recording",
    "webhook_payload_factory",
]
