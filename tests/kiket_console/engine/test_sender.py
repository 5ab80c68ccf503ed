"""Sending, editing and looking first, with a whole engine and a real extension behind it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace
from tests.kiket_console.engine.found import Found
from tests.kiket_console.engine.test_control import WORKER

from kiket_console import project
from kiket_console.client import Client
from kiket_console.config import Config
from kiket_console.engine.engine import Engine
from kiket_console.engine.parts import Events
from kiket_console.engine.sender import Sender
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.model import Message, Source, State
from kiket_console.paths import ProjectPaths
from kiket_console.store.reader import Reader
from kiket_console.store.records import NewExchange
from kiket_console.wire import WAYS, Edit, Event

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from kiket_console.engine.recorder import Recorder
    from kiket_console.model import Detail, Worker
    from kiket_console.store.writer import Writer
    from kiket_core.secret import Redactor

MAIN = """\
from kiket_sdk import KiketSDK

sdk = KiketSDK(webhook_secret="shared-secret-of-the-tests", extension_id="com.example.sample")


@sdk.webhook("issue.created", version="v1")
async def created(payload, context):
    return {"version": 1, "title": payload["issue"]["title"]}


@sdk.webhook("issue.created", version="v2")
async def created_anew(payload, context):
    return {"version": 2, "token": payload.get("token")}
"""
PAYLOAD = b'{"issue": {"title": "Bug", "estimate": 1.10}}'
HEADERS = (("x-mine", "1"),)


class Sample:
    """An engine with the sample extension, and what it recorded."""

    def __init__(self, client: Client, reader: Reader) -> None:
        self.client = client
        self.reader = reader

    def detail(self, exchange_id: int) -> Detail:
        found = self.reader.detail(exchange_id)
        assert found is not None
        return found

    def webhooks(self) -> list[int]:
        """Return the deliveries, without the calls of the extension's own."""
        return [each.id for each in self.reader.recent(50) if each.source is Source.WEBHOOK]

    def answer(self, exchange_id: int) -> dict[str, object]:
        last = self.detail(exchange_id).attempts[-1].answer
        assert last is not None
        found = json.loads(last.body.raw)
        assert isinstance(found, dict)
        return found


@pytest.fixture
async def sample(extension_folder: Path) -> AsyncIterator[Sample]:
    (extension_folder / "main.py").write_text(MAIN)
    manifest = extension_folder / "extension.yaml"
    manifest.write_text(
        manifest.read_text() + "  events: [comment.created, issue.created]\n  secrets: [TOKEN]\n"
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


async def sent(sample: Sample, raw: bytes = PAYLOAD) -> int:
    event = await sample.client.trigger("issue.created", version="v1", raw_body=raw)
    return event.exchange_id


async def test_an_exchange_is_sent_again_as_it_was_edited_as_another_version_and_in_each_way(
    sample: Sample,
) -> None:
    """What is no JSON is sent as well: what the code answers is what a person wants to see."""
    first = await sent(sample)
    before = sample.detail(first).request
    edit = Edit(b'{"issue": {"title": "Less"}}', HEADERS)
    result = await sample.client.send(first, edit)
    found = sample.detail(result.exchange_id)

    assert result.status == 200
    assert sample.answer(result.exchange_id) == {"version": 1, "title": "Less"}
    assert (found.exchange.replay_of, found.exchange.edited) == (first, True)
    assert found.exchange.signature == "re-signed"
    assert found.request.body.raw == edit.raw_payload
    assert found.request.header("x-mine") == "1"
    assert sample.detail(first).request == before, "the original is as it was"

    again = sample.detail((await sample.client.replay(first)).exchange_id)

    assert again.request.body.raw == PAYLOAD
    assert (again.exchange.replay_of, again.exchange.edited) == (first, False)

    result = await sample.client.replay(first, version="v2")

    assert sample.answer(result.exchange_id)["version"] == 2
    assert sample.detail(result.exchange_id).exchange.edited

    result = await sample.client.send(first, Edit(b"{ not json \xff"))

    assert result.status == 400
    assert sample.detail(result.exchange_id).request.body.raw == b"{ not json \xff"

    large = b'{"issue": {"title": "Bug"}, "filler": "' + b"x" * (5 * 1024 * 1024 - 60) + b'"}'
    result = await sample.client.send(first, Edit(large))

    assert result.status == 200
    assert sample.detail(result.exchange_id).request.body.size == len(large)

    answered = {}
    for way in WAYS:
        result = await sample.client.replay(first, way)
        answered[way] = result.status, sample.detail(result.exchange_id).exchange.signature

    assert answered == {
        "resigned": (200, "re-signed"),
        "exact": (200, "ok sw1"),
        "stale": (401, "stale"),
        "bad-signature": (401, "mismatch"),
        "unsigned": (401, "unsigned"),
        "k0": (200, "ok k0"),
        "kr": (200, "ok kr"),
        "k1": (200, "ok k1"),
        "sw1": (200, "ok sw1"),
        "es256": (401, "unsigned"),  # its code has a secret, and so wants a signature
    }


async def test_secrets_are_put_back_where_their_markers_were_left(sample: Sample) -> None:
    """Also into an event that is made from a capture, but into no other event."""
    await sample.client.secrets.set("TOKEN", "a-token-that-nobody-sees")
    first = await sent(sample, b'{"token": "a-token-that-nobody-sees", "n": 1}')
    stored = sample.detail(first).request.body.raw
    assert stored == b'{"token": "[secret:TOKEN]", "n": 1}'
    edit = Edit(stored.replace(b"1", b"2"), version="v2")
    preview = await sample.client.preview(first, edit)
    result = await sample.client.send(first, edit)

    assert sample.answer(result.exchange_id) == {"version": 2, "token": "[secret:TOKEN]"}
    kept = sample.detail(result.exchange_id).request.body
    assert kept.raw == b'{"token": "[secret:TOKEN]", "n": 2}'
    assert [reference.name for reference in kept.references] == ["TOKEN"]
    assert (preview.raw_body, preview.secrets) == (kept.raw, ("TOKEN",))
    assert preview.size == kept.size == len(b'{"token": "a-token-that-nobody-sees", "n": 2}')

    raw = b'{"token": "[secret:TOKEN]", "n": 2, "secrets": {}}'
    like = await sample.client.send_event(Event("issue.created", "v2", raw_payload=raw, like=first))
    plain = await sample.client.send_event(Event("issue.created", "v2", raw_payload=raw))

    held = [sample.detail(each.exchange_id).request.body.references for each in (like, plain)]
    assert [[reference.name for reference in each] for each in held] == [["TOKEN"], []]
    assert sample.detail(like.exchange_id).exchange.replay_of is None


async def test_secrets_of_one_worker_are_put_into_no_event_for_another(
    writer: Writer, reader: Reader, recorder: Recorder, redactor: Redactor
) -> None:
    """A secret reaches only the worker that had it."""

    class Others(Found):
        def workers(self) -> tuple[Worker, ...]:
            return (replace(WORKER, name="billing"),)

        async def wait_serving(self, *_: object) -> None:
            return None

    redactor.add("TOKEN", "a-token-that-nobody-sees")
    body = await recorder.stored(b'{"t": "a-token-that-nobody-sees"}')
    row = NewExchange(
        1, Source.WEBHOOK, "marketing", "issue.created", "v1", "POST", "/", 1, State.RECEIVED,
        Message((), body),
    )  # fmt: skip
    writer.submit([row]).result(120)
    parts: dict[str, Any] = {"workers": Others(), "recorder": recorder, "reader": reader}
    parts |= {"deliver": None, "vault": None, "redactor": redactor, "terms": None, "tokens": None}
    parts |= {"retries": None, "uses": None}
    sender = Sender(**parts)
    with pytest.raises(ConsoleError) as refused:
        await sender.trigger(Event("issue.created", raw_payload=body.raw, like=1))
    assert refused.value.message == (
        "Delivery 1 went to marketing and holds secrets, so nothing is made from it for billing."
    )


async def test_what_would_be_sent_is_previewed_or_refused_and_nothing_is_recorded(
    sample: Sample,
) -> None:
    """What the code handles and what its manifest names are told as templates."""
    first = await sent(sample)
    preview = await sample.client.preview(first, Edit(b"[]", HEADERS), "k1")
    event = await sample.client.preview_event(Event("issue.created", "v2"))

    assert sample.webhooks() == [first]
    line, *headers = preview.head.split("\n")
    assert line == "POST /v/v1/webhooks/issue.created HTTP/1.1"
    assert "x-mine: 1" in headers
    assert "content-length: 2" in headers
    [(dialect, covered)] = preview.signed
    assert dialect == "k1"
    assert covered[:-1].isdigit()
    assert covered.endswith(".")
    assert (preview.raw_body, preview.ok, preview.edited) == (b"[]", True, True)
    assert preview.sentence == "Signature and timestamp are fine."
    assert json.loads(event.raw_body)["event_version"] == "v2"
    assert [dialect for dialect, _ in event.signed] == ["k0", "sw1"]
    assert event.head.startswith("POST /v/v2/webhooks/issue.created HTTP/1.1\n")

    for edit, sentence in (
        (Edit(event="issue created"), "'issue created' cannot be an event's name"),
        (Edit(version="v/2"), "'v/2' cannot be a version's name"),
        (Edit(headers=(("x-a", "1\r\nx-b: 2"),)), "The value of x-a has a line break"),
        (Edit(headers=(("x-a", "b" * 40_000),)), "1 headers of 40,007 bytes are too many"),
    ):
        with pytest.raises(ConsoleError) as refused:
            await sample.client.send(first, edit)
        assert sentence in refused.value.message
        assert refused.value.exit_code is ExitCode.USAGE
    assert sample.webhooks() == [first]

    templates = await sample.client.templates()
    found = [(each.event, each.version, each.handled) for each in templates]

    assert found[:3] == [
        ("issue.created", "v1", True),
        ("issue.created", "v2", True),
        ("comment.created", "v1", False),
    ]
