"""The calls that handlers make most."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from kiket_sdk import ExtensionEndpoints, KiketClient

if TYPE_CHECKING:
    from tests.kiket_sdk.conftest import Platform


@pytest.mark.parametrize(
    ("call", "resource", "body"),
    [
        (lambda e: e.log_event("m"), "logs", {"message": "m", "metadata": {}}),
        (lambda e: e.log_event("m", a=1), "logs", {"message": "m", "metadata": {"a": 1}}),
        (
            lambda e: e.log_event("m", {"a": 1, "b": 1, "message": "x"}, b=2, fields=3),
            "logs",
            {"message": "m", "metadata": {"a": 1, "b": 2, "message": "x", "fields": 3}},
        ),
        (lambda e: e.log_event("m", None), "logs", {"message": "m", "metadata": {}}),
        (
            lambda e: e.log_event(message="m", a=1),
            "logs",
            {"message": "m", "metadata": {"a": 1}},
        ),
        (
            lambda e: e.emit_metric("n", 1.5),
            "metrics",
            {"name": "n", "value": 1.5, "unit": "count"},
        ),
        (
            lambda e: e.notify("t", "b", level="error"),
            "notifications",
            {"title": "t", "body": "b", "level": "error"},
        ),
    ],
)
@pytest.mark.parametrize("version", [None, "v2025"])
async def test_calls(
    platform: Platform, call: Any, resource: str, body: Any, version: str | None
) -> None:
    async with KiketClient(platform.url, "wk_test") as client:
        await call(ExtensionEndpoints(client, event_version=version))
    (received,) = platform.calls
    assert (received.method, received.path) == ("POST", f"/api/v1/extensions/{resource}")
    assert received.body == body
    assert received.headers.get("x-kiket-event-version") == version
