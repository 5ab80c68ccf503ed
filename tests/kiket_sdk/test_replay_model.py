"""Replay protection against a model: whatever comes in whatever order, each delivery runs once."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.kiket_sdk.webhooks import RAW, SECRET

from kiket_sdk import KiketSDK
from kiket_sdk._signing import sign
from kiket_sdk.replay_stores import MemoryStore

PATH = "/v/v1/webhooks/e"


async def posted(sdk: KiketSDK, headers: dict[str, str], raw_body: bytes = RAW) -> int:
    """Return the status that the application answers with, without a server."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": raw_body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    raw_headers = [
        (name.lower().encode("latin-1"), value.encode("latin-1", "replace"))
        for name, value in headers.items()
    ]
    scope = {"type": "http", "method": "POST", "path": PATH, "query_string": b"", "root_path": ""}
    await sdk.app({**scope, "headers": raw_headers}, receive, send)
    status: int = sent[0]["status"]
    return status


@given(
    tries=st.lists(
        st.tuples(
            st.sampled_from(["d_1", "d_2", "d_3"]),  # which delivery
            st.sampled_from(["new", "same", "other dialect"]),  # how it is tried again
            st.booleans(),  # whether its handler would succeed
        ),
        max_size=25,
    )
)
def test_a_delivery_runs_until_it_succeeds_and_a_signature_once(
    tries: list[tuple[str, str, bool]],
) -> None:
    store = MemoryStore()
    runs: dict[str, list[bool]] = {"d_1": [], "d_2": [], "d_3": []}
    outcome = [True]
    started_s = time.time()

    async def handle(_payload: Any, context: Any) -> None:
        runs[context.headers["x-kiket-delivery"]].append(outcome[0])
        if not outcome[0]:
            raise ValueError("not this time")

    async def play() -> None:
        sdk = KiketSDK(webhook_secret=SECRET, extension_id="ext.test", replay_store=store)
        sdk.register("e", handle, version="v1")
        last: dict[str, dict[str, str]] = {}
        for age_s, (name, how, succeeds) in enumerate(tries):
            is_replay = how == "same" and name in last
            if not is_replay:
                dialect = "sw1" if how == "other dialect" else "k1"
                moment_s = started_s - age_s  # no two alike, for they count in seconds
                last[name] = sign(dialect, SECRET, RAW, message_id=name, timestamp=moment_s)
            outcome[0] = succeeds
            done = any(runs[name])
            status = await posted(sdk, {**last[name], "X-Kiket-Delivery": name})
            expected = 409 if is_replay else 200 if done or succeeds else 400
            assert status == expected
        for outcomes in runs.values():
            assert not any(outcomes[:-1]), "after a success nothing runs"

    asyncio.run(play())


NAMES = st.sampled_from(
    ["X-Kiket-Delivery", "X-Kiket-Invocation", "X-Kiket-Timestamp", "webhook-id"]
)


@given(
    odd=st.dictionaries(NAMES, st.text(max_size=40), max_size=4),
    dialect=st.sampled_from(["k0", "k1", "sw1"]),
)
def test_whatever_the_headers_say_there_is_an_answer(odd: dict[str, str], dialect: str) -> None:
    async def play() -> None:
        sdk = KiketSDK(webhook_secret=SECRET, replay_store=MemoryStore())
        sdk.register("e", lambda _payload, _context: None, version="v1")
        headers = {**sign(dialect, SECRET, RAW, message_id="msg_1"), **odd}
        first, second = await posted(sdk, headers), await posted(sdk, headers)
        assert (first, second) in {(200, 409), (401, 401)}

    asyncio.run(play())
