"""What an extension keeps at the platform is there, for it and for the person, and stays there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from kiket_console.client import Client, call

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.acceptance.conftest import Engine

    from kiket_console.wire import PlatformState

    Running = Callable[..., AbstractContextManager[Engine]]

MODULE = "com.example.sample.pages"
MAIN = f"""\
from kiket_sdk import KiketSDK

sdk = KiketSDK(strict=True)


@sdk.webhook("issue.created", version="v1", required_scopes=["custom_data.write"])
async def created(payload, context):
    pages = context.endpoints.custom_data(payload["project_id"])
    row = await pages.create("{MODULE}", "pages", {{"issue_id": payload["issue"]["id"]}})
    await context.endpoints.notify("Paged", payload["issue"]["key"])
    return {{"row": row["data"]["id"], "left": (await context.endpoints.rate_limit())["remaining"]}}
"""
SCHEMA = f"""\
module: {MODULE}
version: "1.0"
tables:
  pages:
    columns:
      - {{ name: issue_id, type: bigint, null: false }}
      - {{ name: state, type: string, null: false, default: sent }}
"""


def state(engine: Engine) -> PlatformState:
    """Return what the platform of an engine keeps."""

    async def ask() -> PlatformState:
        async with Client(engine.paths) as client:
            return await client.platform.state()

    return call(ask())


def counts(found: PlatformState) -> dict[str, int]:
    """Return how many rows each collection has that has some."""
    return {each.name: each.count for each in found.collections if each.count}


def answer_of(engine: Engine, exchange_id: int) -> tuple[int | None, Any]:
    """Return status and JSON of the answer to a delivery."""
    detail = engine.reader.detail(exchange_id)
    assert detail is not None
    answer = detail.attempts[-1].answer
    assert answer is not None
    return detail.exchange.status, json.loads(answer.body.raw)


def test_what_a_handler_keeps_is_seen_limited_and_there_after_a_restart(
    folder: Path, running: Running
) -> None:
    (folder / "main.py").write_text(MAIN)
    schema = folder / ".kiket" / "modules" / "pages" / "schema.yml"
    schema.parent.mkdir(parents=True)
    schema.write_text(SCHEMA)
    kept = {"issues": 1, "notifications": 1, "audit_records": 1, f"custom_data.{MODULE}.pages": 1}
    with running(folder, "--session-secrets") as engine:
        engine.wait_serving()
        delivered = engine.trigger("issue.created@v1")["exchange_id"]
        assert answer_of(engine, delivered) == (200, {"row": 1, "left": 597})
        calls = engine.calls(delivered, 3)
        assert [(each.name, each.status, each.parent_guessed) for each in calls] == [
            (f"POST custom_data/{MODULE}/pages", 201, False),
            ("POST extensions/notifications", 204, False),
            ("GET rate_limit", 200, False),
        ]
        assert counts(state(engine)) == kept

        async def restrict() -> None:
            async with Client(engine.paths) as client:
                await client.platform.set(granted_scopes=["custom_data.read"])

        call(restrict())
        status, said = answer_of(engine, engine.trigger("issue.created@v1")["exchange_id"])
        assert (status, said["detail"]["missing_scopes"]) == (403, ["custom_data.write"])

    with running(folder, "--session-secrets") as engine:
        again = state(engine)
        assert counts(again) == kept
        assert again.settings.granted_scopes == ("custom_data.read",)
