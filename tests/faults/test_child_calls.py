"""Which calls belong to which delivery, with two real workers that both call the platform."""

from __future__ import annotations

import json
import threading
from functools import partial
from typing import TYPE_CHECKING

import pytest
from tests.faults.lab import engine, post, statuses, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.faults.lab import Lab

STRANGER = """\
import asyncio, json, os, urllib.request

def call(number):
    request = urllib.request.Request(
        os.environ["KIKET_BASE_URL"] + "/api/v1/extensions/logs",
        json.dumps({"message": f"at {number}"}).encode(),
        {"Authorization": "Bearer " + os.environ["KIKET_WORKSPACE_TOKEN"],
         "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        return answer.status

async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    message = await receive()
    said = json.loads(message["body"] or b"{}")
    if "number" in said:
        assert await asyncio.to_thread(call, said["number"]) == 204
    headers = [(b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})
"""
"""An extension that knows nothing of traces: it calls with its token, as any language can."""

OURS = """\
from kiket_sdk import KiketSDK

sdk = KiketSDK(extension_id="com.example.ours", allow_unsigned=True)


@sdk.webhook("count.me", version="v1")
async def counted(payload, context):
    await context.endpoints.log_event(f"at {payload['number']}")
    return {"ok": True}
"""
FILES = {
    "kiket.toml": """\
[[extension]]
name = "stranger"
path = "stranger"

[[extension]]
name = "other"
path = "other"

[[extension]]
name = "ours"
path = "ours"
""",
    "stranger/main.py": STRANGER,
    "stranger/extension.yaml": "id: com.example.stranger\nversion: '1.0'\n",
    "other/main.py": STRANGER,
    "other/extension.yaml": "id: com.example.other\nversion: '1.0'\n",
    "ours/main.py": OURS,
    "ours/extension.yaml": "id: com.example.ours\nversion: '1.0'\n",
}


@pytest.fixture(scope="module")
def three() -> Iterator[Lab]:
    """Return an engine with three extensions that serve."""
    with engine(project_files=FILES) as lab:
        until(lambda: all(each["serving"] for each in lab.status()["workers"]), "all serve")
        yield lab


def deliver(lab: Lab, name: str, number: int) -> None:
    body = json.dumps({"number": number}).encode()
    answer = lab.send(post(path=f"/x/{name}/v/v1/webhooks/count.me", body=body))
    assert statuses(answer) == [200], answer


def families(lab: Lab, numbers: range) -> list[tuple[str, int, str, int, bool]]:
    """Return each call's worker and number, with its parent's, and whether that is a guess."""
    parents = {each.exchange.id: each for each in lab.details("webhook")}
    found = []
    for call in lab.details("api"):
        said = json.loads(call.request.body.raw).get("message", "")
        if not said.startswith("at ") or int(said[3:]) not in numbers:
            continue
        assert call.exchange.parent_id is not None, said
        parent = parents[call.exchange.parent_id]
        carried = json.loads(parent.request.body.raw)["number"]
        guessed = call.exchange.parent_guessed
        child = (call.exchange.worker, int(said[3:]))
        found.append((*child, parent.exchange.worker, carried, guessed))
    return found


def are_recorded(lab: Lab, numbers: range) -> bool:
    """Tell whether the calls of all these deliveries are there."""
    return len(families(lab, numbers)) == len(numbers)


def test_calls_of_several_extensions_at_once_find_their_own_deliveries(three: Lab) -> None:
    """One delivery at a time each: with our SDK for certain, without it by the worker's token."""
    numbers = {"stranger": range(100, 120), "other": range(200, 220), "ours": range(300, 320)}

    def one_by_one(name: str) -> None:
        for number in numbers[name]:
            deliver(three, name, number)

    threads = [threading.Thread(target=one_by_one, args=(name,)) for name in numbers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name, its in numbers.items():
        until(partial(are_recorded, three, its), "all calls are recorded")
        found = sorted(families(three, its))
        assert found == [(name, number, name, number, name != "ours") for number in its]


def test_calls_of_deliveries_at_once_are_certain_with_our_sdk_and_else_marked(three: Lab) -> None:
    """Without a trace the delivery is a guess, the worker is not."""
    numbers = range(400, 430)
    threads = [
        threading.Thread(target=deliver, args=(three, name, number))
        for number in numbers
        for name in (["ours", "stranger"][number % 2],)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until(partial(are_recorded, three, numbers), "all calls are recorded")
    found = families(three, numbers)
    for worker, number, its_worker, carried, guessed in found:
        assert worker == its_worker
        assert guessed == (worker == "stranger")
        assert worker == "stranger" or carried == number
