"""How long a handler may take."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest
from httpx import ASGITransport, AsyncClient
from tests.kiket_sdk.webhooks import RAW, build_sdk, post, signed

from kiket_sdk.exceptions import ConfigurationError
from kiket_sdk.replay_stores import MemoryStore

if TYPE_CHECKING:
    from pathlib import Path

    from kiket_sdk import TelemetryRecord

LIMIT_S = 0.05
TOO_LONG = (504, {"error": "The handler took longer than 0.05 s"})
PATH = "/v/v1/webhooks/e"


def test_an_asynchronous_handler_is_cancelled_at_its_limit(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ended: list[str] = []
    records: list[TelemetryRecord] = []

    async def slow(_payload: Any, _context: Any) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    sdk = build_sdk(handler_timeout=LIMIT_S, feedback_hook=records.append)
    sdk.register("e", slow, version="v1")
    assert post(sdk, PATH, signed()) == TOO_LONG
    assert ended == ["cancelled"]
    assert "The handler of e@v1 took longer than 0.05 s." in caplog.text
    assert [record.status for record in records] == ["error"]
    assert records[0].metadata["error_class"] == "HandlerTimeoutError"


def test_a_synchronous_handler_is_not_waited_for_any_longer() -> None:
    finish = threading.Event()

    def slow(_payload: Any, _context: Any) -> None:
        finish.wait(60)

    sdk = build_sdk(handler_timeout=LIMIT_S)
    sdk.register("e", slow, version="v1")
    with sdk.create_test_client() as client:
        reply = client.post(PATH, content=b"{}", headers=signed(b"{}"))
        assert (reply.status_code, reply.json()) == TOO_LONG
        finish.set()


@pytest.mark.parametrize("is_async", [True, False])
def test_a_handler_within_its_limit_answers(is_async: bool) -> None:
    async def later(_payload: Any, _context: Any) -> str:
        return "done"

    def now(_payload: Any, _context: Any) -> str:
        return "done"

    sdk = build_sdk(handler_timeout=30)
    sdk.register("e", later if is_async else now, version="v1")
    assert post(sdk, PATH, signed()) == (200, "done")


def test_work_of_a_handlers_own_that_was_cancelled_is_its_failure() -> None:
    """CancelledError is no Exception, and would be a 500 of the server's."""
    records: list[TelemetryRecord] = []

    async def cancels(_payload: Any, _context: Any) -> None:
        async with asyncio.TaskGroup() as tasks:
            work = tasks.create_task(asyncio.sleep(60))
            work.cancel()
        await work

    sdk = build_sdk(feedback_hook=records.append)
    sdk.register("e", cancels, version="v1")
    assert post(sdk, PATH, signed()) == (400, {"error": "Work of the handler was cancelled"})
    assert [record.metadata["error_class"] for record in records] == ["CancelledError"]


async def test_a_delivery_whose_run_is_stopped_with_the_server_runs_again() -> None:
    started, runs = asyncio.Event(), []

    async def handler(_payload: Any, _context: Any) -> str:
        runs.append(1)
        started.set()
        await asyncio.sleep(60 if len(runs) == 1 else 0)
        return "done"

    sdk = build_sdk(replay_store=MemoryStore())
    sdk.register("e", handler, version="v1")
    async with AsyncClient(transport=ASGITransport(sdk.app), base_url="http://x") as client:
        headers = signed(dialect="sw1")
        async with asyncio.TaskGroup() as tasks:
            first = tasks.create_task(client.post(PATH, content=RAW, headers=headers))
            await started.wait()
            first.cancel()
        later = signed(dialect="k1", X_Kiket_Delivery=headers["webhook-id"])
        assert (await client.post(PATH, content=RAW, headers=later)).json() == "done"


def test_a_time_limit_of_the_handlers_own_is_its_failure() -> None:
    async def impatient(_payload: Any, _context: Any) -> None:
        async with asyncio.timeout(0):
            await asyncio.sleep(60)

    sdk = build_sdk(handler_timeout=30)
    sdk.register("e", impatient, version="v1")
    assert post(sdk, PATH, signed())[0] == 400


def test_a_delivery_that_took_too_long_runs_again() -> None:
    delays = [60]

    async def handler(_payload: Any, _context: Any) -> str:
        if delays:
            await asyncio.sleep(delays.pop())
        return "done"

    sdk = build_sdk(handler_timeout=LIMIT_S, replay_store=MemoryStore())
    sdk.register("e", handler, version="v1")
    first = signed(dialect="sw1")
    assert post(sdk, PATH, first)[0] == 504
    assert delays == []
    later = signed(dialect="k1", X_Kiket_Delivery=first["webhook-id"])
    assert post(sdk, PATH, later) == (200, "done")


@pytest.mark.parametrize("limit_s", [0, -1.5, float("nan")])
def test_no_time_at_all_is_refused_at_construction(limit_s: float) -> None:
    with pytest.raises(ConfigurationError, match="leaves handlers no time"):
        build_sdk(handler_timeout=limit_s)


@pytest.mark.parametrize(
    ("limit_s", "declared_ms", "is_told"),
    [(9.9, None, False), (10, None, True), (5, 3000, True), (20, 30_000, False)],
)
def test_a_limit_beyond_the_platforms_patience_is_told(
    limit_s: float,
    declared_ms: int | None,
    is_told: bool,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    manifest = tmp_path / "extension.yaml"
    manifest.write_text(
        "id: ext.test\ndelivery:\n  callback:\n    url: https://ext.example\n"
        + (f"    timeout: {declared_ms}\n" if declared_ms else "")
    )
    build_sdk(handler_timeout=limit_s, manifest_path=manifest)
    assert ("The platform waits" in caplog.text) is is_told
    assert (str(manifest) in caplog.text) is bool(is_told and declared_ms)
