"""The delivery policy, with a whole engine and an extension without a webhook secret behind it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import httpx
import pytest
from tests.kiket_console.engine.test_sender import Sample

from kiket_console import decision, project
from kiket_console.client import Client
from kiket_console.config import Config
from kiket_console.engine.engine import Engine
from kiket_console.engine.parts import Events
from kiket_console.errors import ConsoleError
from kiket_console.model import Retry
from kiket_console.paths import ProjectPaths
from kiket_console.store.reader import Reader
from kiket_console.wire import WAYS, Event

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

MAIN = """\
from kiket_sdk import KiketSDK, deny

sdk = KiketSDK(extension_id="com.example.sample", extension_version="1.0", strict=True)


@sdk.webhook("issue.created", version="v1")
async def created(payload, context):
    return {"scopes": context.auth.scopes, "verified": context.auth.is_verified}


@sdk.webhook("workflow.before_transition", version="v1")
def guard(payload, context):
    return deny("Not on a Friday.")


@sdk.webhook("external.webhook.pager_ack", version="v2")
def pager(payload, context):
    posted = payload["external_webhook"]
    return {"page": posted["body"]["page"], "by": posted["query_params"]["by"]}


@sdk.webhook("issue.failing", version="v1")
def failing(payload, context):
    from starlette.responses import JSONResponse

    return JSONResponse({"error": "later"}, 503)
"""


@pytest.fixture
async def sample(extension_folder: Path) -> AsyncIterator[Sample]:
    (extension_folder / "main.py").write_text(MAIN)
    (extension_folder / "kiket.toml").write_text(
        '[[extension]]\nname = "sample"\nentry = "main:sdk"\nera = "newest"\n'
    )
    paths = ProjectPaths(extension_folder)
    ready = asyncio.Event()
    events = Events(lambda _: ready.set(), lambda: None, lambda _: None, lambda _: None)
    found = project.find(paths.folder)
    engine = Engine(paths, found, Config(), events, session_secrets=True)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(engine.run())
        async with asyncio.timeout(120):
            await ready.wait()
        try:
            async with Client(paths) as client, contextlib.AsyncExitStack() as held:
                reader = held.enter_context(Reader(paths.store))
                yield Sample(client, reader)
        finally:
            engine.stop()


async def test_an_extension_without_a_secret_is_delivered_to_by_tokens_and_its_guard_decides(
    sample: Sample,
) -> None:
    """Others post to its address, and what fails waits to be tried again."""
    first = await sample.client.trigger("issue.created")
    assert sample.answer(first.exchange_id) == {"scopes": ["*"], "verified": True}
    answered = {}
    for way in WAYS:
        try:
            result = await sample.client.replay(first.exchange_id, way)
        except ConsoleError as error:
            answered[way] = error.message
        else:
            answered[way] = (
                f"{result.status} {sample.detail(result.exchange_id).exchange.signature}"
            )

    no_secret = "There is no webhook secret to sign with."
    assert answered == {
        "resigned": "200 re-signed",
        "exact": "200 ok es256",
        "stale": "401 stale",
        "bad-signature": "401 mismatch",
        "unsigned": "401 unsigned",
        **dict.fromkeys(("k0", "kr", "k1", "sw1"), no_secret),
        "es256": "200 ok es256",
    }

    guard = await sample.client.trigger(decision.GUARD)
    failed = await sample.client.send_event(Event("issue.failing", raw_payload=b"{}", retry=True))
    again = await sample.client.retry(failed.exchange_id)
    await sample.client.cancel_retries([failed.exchange_id])
    url = (await sample.client.platform.state()).inbound_urls["sample"]
    async with httpx.AsyncClient(timeout=120, trust_env=False) as others:
        address = url.replace("{action}", "pager_ack")
        posted = await others.put(f"{address}?by=ivo", json={"page": "pg_77"})
        wrong = await others.post(url.rsplit("/", 2)[0] + "/guessed/pager_ack")

    found = decision.decide(sample.detail(guard.exchange_id))
    assert guard.decision == sample.detail(guard.exchange_id).exchange.decision == decision.DENY
    assert found is not None
    assert found.message == "Not on a Friday."
    assert (failed.status, failed.retry) == (503, Retry.WAITING)
    assert (again.status, again.retry) == (503, Retry.WAITING)
    assert again.next_try_us > failed.next_try_us > 0
    kept = sample.detail(failed.exchange_id)
    assert (kept.exchange.attempts, kept.exchange.retry) == (2, Retry.CANCELLED)
    assert posted.status_code == 202
    assert sample.answer(posted.json()["exchange"]) == {"page": "pg_77", "by": "ivo"}
    assert (wrong.status_code, wrong.json()["error"]) == (
        404,
        "No extension has this address; the console shows those there are.",
    )
