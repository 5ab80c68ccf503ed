from __future__ import annotations

import asyncio
import hashlib
import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.kiket_console.engine.producer.conftest import (
    MESSAGE,
    body_of,
    bytes_below,
    client_of,
    signed,
)

from kiket_console.errors import ConsoleError
from kiket_console.model import Source, State
from kiket_console.producing.message import MESSAGE_BYTES
from kiket_console.wire_producer import SinkFault

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    import httpx

    from kiket_console.engine.producer.producer import Producer
    from kiket_console.engine.recorder import Recorder
    from kiket_console.model import Detail
    from kiket_console.store.reader import Reader
    from kiket_console.store.writer import Writer


@pytest.fixture
def producer(made: Callable[..., Producer]) -> Producer:
    """Return a producer's parts; its sink is asked without a network."""
    return made()


@pytest.fixture
async def http(producer: Producer) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client of the sink."""
    async with client_of(producer) as client:
        yield client


def deep(levels: int) -> dict[str, Any]:
    """Return an object in an object, and so on."""
    found: dict[str, Any] = {}
    for _ in range(levels):
        found = {"a": found}
    return found


NO_OBJECT = "The message is no JSON object of at most 200 levels."
BEHAVIORS = ["instant", "scheduled", "deferred", "long_term"]


def recorded(reader: Reader, writer: Writer) -> list[Detail]:
    """Return every exchange, once all of them are written."""
    writer.close()
    details = [reader.detail(each) for each in reader.ids()]
    return [detail for detail in details if detail is not None]


async def test_a_signed_message_gets_a_tracking_id_and_is_recorded(
    producer: Producer, http: httpx.AsyncClient, reader: Reader, writer: Writer
) -> None:
    body = body_of()

    answer = await http.post(producer.url, content=body, headers=signed(producer.url, body))
    answered_us = time.time_ns() // 1000

    assert (answer.status_code, len(answer.json()["tracking_id"])) == (200, 36)
    [detail] = recorded(reader, writer)
    exchange, [attempt] = detail.exchange, detail.attempts
    assert exchange.started_us + (exchange.duration_us or 0) <= answered_us, "it was checked first"
    assert (exchange.source, exchange.name) == (Source.PRODUCER, "user.created")
    assert (exchange.method, exchange.path) == ("POST", "/producer")
    assert (exchange.signature, exchange.state, exchange.status) == (
        "ok sigv4",
        State.FORWARDED,
        200,
    )
    assert json.loads(detail.request.body.raw) == MESSAGE
    assert attempt.answer is not None
    assert json.loads(attempt.answer.body.raw) == answer.json()
    assert detail.request.header("authorization") == "AWS4-HMAC-SHA256 [redacted]"
    assert detail.judgement is not None
    assert detail.judgement.sentence == "It is signed for us-east-1/lambda."


@pytest.mark.parametrize(
    ("how", "reason", "kind"),
    [
        ({"secret_key": "other"}, "wrong secret", "InvalidSignatureException"),
        ({"access_key": "AKIANOBODY"}, "unknown key", "UnrecognizedClientException"),
        ({"service": "execute-api"}, "wrong service", "InvalidSignatureException"),
        ({"region": "mars-north-1"}, "wrong region", "InvalidSignatureException"),
    ],
    ids=str,
)
async def test_a_wrong_signature_is_refused_in_aws_words_and_explained(
    producer: Producer, http: httpx.AsyncClient, how: dict[str, str], reason: str, kind: str
) -> None:
    body = body_of()

    answer = await http.post(producer.url, content=body, headers=signed(producer.url, body, **how))

    assert (answer.status_code, answer.headers["x-amzn-errortype"]) == (403, kind)
    assert answer.json()["reason"] == reason
    assert answer.json()["message"]
    assert answer.json()["explanation"].endswith(".")


async def test_other_bytes_than_the_signed_ones_and_no_signature_are_refused(
    producer: Producer, http: httpx.AsyncClient, reader: Reader, writer: Writer
) -> None:
    headers = signed(producer.url, body_of())

    altered = await http.post(producer.url, content=body_of(event_type="x"), headers=headers)
    unsigned = await http.post(producer.url, content=body_of())

    assert (altered.status_code, altered.json()["reason"]) == (403, "wrong secret")
    assert (unsigned.status_code, unsigned.json()["reason"]) == (403, "unsigned")
    words = [detail.exchange.signature for detail in recorded(reader, writer)]
    assert words == ["bad sigv4", "unsigned"]


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_a_flood_of_what_anybody_may_send_fills_neither_store_nor_memory(
    made: Any, reader: Reader, writer: Writer, method: str
) -> None:
    """A page in a browser, or another user of this machine, has no credentials."""
    producer = made()
    body = body_of(payload={"x": "x" * 50_000})

    async with client_of(producer) as client:
        await client.request(method, producer.url, content=body_of(security_level="sensitive"))
        for _ in range(30):
            await client.request(method, producer.url, content=body)
        sent = await client.post(
            producer.url, content=body_of(), headers=signed(producer.url, body_of())
        )

    assert sent.status_code == 200
    rows = recorded(reader, writer)
    assert len(rows) == 20 + 1
    assert {each.request.body.truncated for each in rows} == {True, False}
    assert max(len(each.request.body.raw) for each in rows) <= 4096
    with pytest.raises(ConsoleError, match="not known any more"):
        await producer.desk.preview(await producer.desk.message(1))


async def test_with_a_region_in_the_settings_no_other_is_taken(
    made: Callable[..., Producer],
) -> None:
    producer = made(producer_region="eu-west-1")
    async with client_of(producer) as http:
        body, url = body_of(), producer.url
        wrong = await http.post(url, content=body, headers=signed(url, body, region="us-east-1"))
        right = await http.post(url, content=body, headers=signed(url, body, region="eu-west-1"))

    assert (wrong.json()["reason"], right.status_code) == ("wrong region", 200)


async def test_static_credentials_of_the_user_sign_too_and_new_ones_are_found(
    made: Callable[..., Producer], aws_files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kiket_console.engine.producer.known_keys.LOOK_EVERY_S", 0)
    file = aws_files / "credentials"
    producer = made()
    async with client_of(producer) as http:
        body, url = body_of(), producer.url

        async def post(access_key: str, secret_key: str) -> int:
            headers = signed(url, body, access_key, secret_key)
            return (await http.post(url, content=body, headers=headers)).status_code

        known = await post("AKIAEXAMPLE000007Q", "dev-secret-of-aws")
        unknown = await post("AKIANEW", "new-secret")
        file.write_text("[n]\naws_access_key_id=AKIANEW\naws_secret_access_key=new-secret\n")
        written = await post("AKIANEW", "new-secret")
        (aws_files / ".env").write_text("AWS_ACCESS_KEY_ID=AKIAE\nAWS_SECRET_ACCESS_KEY=env-x\n")
        in_env_file = await post("AKIAE", "env-x")

    assert [known, unknown, written, in_env_file] == [200, 403, 200, 200]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"[1]", NO_OBJECT),
        (b"{nope", NO_OBJECT),
        (b"[" * 100_000, NO_OBJECT),
        (body_of(payload=deep(900), security_level="sensitive"), NO_OBJECT),
        (
            body_of(behavior="later"),
            f"The message does not fit the schema: 'later' is not one of {BEHAVIORS}.",
        ),
    ],
    ids=["list", "no JSON", "levels", "deep", "behaviour"],
)
async def test_a_message_that_does_not_fit_is_refused(
    producer: Producer, http: httpx.AsyncClient, body: bytes, sentence: str
) -> None:
    answer = await http.post(producer.url, content=body, headers=signed(producer.url, body))

    assert (answer.status_code, answer.json()) == (400, {"error": sentence})


async def test_half_a_pair_of_surrogates_is_recorded_too(
    producer: Producer, http: httpx.AsyncClient, reader: Reader, writer: Writer
) -> None:
    body = body_of(event_type="odd \ud800", payload={"\udfff": "\ud800"})

    answer = await http.post(producer.url, content=body, headers=signed(producer.url, body))

    assert answer.status_code == 200
    [detail] = recorded(reader, writer)
    assert detail.exchange.name == "odd \\ud800"


async def test_all_four_behaviours_are_taken_and_more_than_lambda_takes_is_not(
    producer: Producer, http: httpx.AsyncClient
) -> None:
    statuses = []
    for behavior in BEHAVIORS:
        body = body_of(behavior=behavior)
        answer = await http.post(producer.url, content=body, headers=signed(producer.url, body))
        statuses.append(answer.status_code)
    huge = body_of(payload={"text": "x" * MESSAGE_BYTES})
    answer = await http.post(producer.url, content=huge, headers=signed(producer.url, huge))

    assert statuses == [200] * 4
    assert (answer.status_code, answer.json()["message"]) == (
        413,
        "The message has more than 6,291,456 bytes.",
    )


async def test_a_sensitive_payload_is_hashed_as_the_service_does_and_stored_masked(
    producer: Producer, http: httpx.AsyncClient, reader: Reader, writer: Writer, own_places: Path
) -> None:
    payload = {"b": 2, "card": "4111111111111111", "same": "4111111111111111"}
    body = body_of(security_level="sensitive", payload=payload)

    answer = await http.post(producer.url, content=body, headers=signed(producer.url, body))
    refused = await http.post(producer.url, content=body, headers=signed(producer.url, b"{}"))

    assert hashlib.sha256(body).hexdigest() in refused.text
    canonical = b'{"b":2,"card":"4111111111111111","same":"4111111111111111"}'
    assert answer.headers["x-payload-sha256"] == hashlib.sha256(canonical).hexdigest()
    detail, _ = recorded(reader, writer)
    stored = json.loads(detail.request.body.raw)
    assert stored["event_type"] == "user.created"
    assert stored["payload"]["card"] == stored["payload"]["same"] != stored["payload"]["b"]
    assert stored["payload"]["card"].startswith("[masked:")
    kept = bytes_below(own_places)
    assert b"4111111111111111" not in kept
    for told in (canonical, body):  # without a key, what it was could be tried out
        assert hashlib.sha256(told).hexdigest().encode() not in kept


@pytest.mark.parametrize("spelled", [b"sensitive", b"\\u0073ensitive"])
async def test_a_message_that_says_it_is_sensitive_and_is_no_json_is_not_stored(
    producer: Producer, http: httpx.AsyncClient, reader: Reader, writer: Writer, spelled: bytes
) -> None:
    body = b'{"security_level": "%s", "payload": {"card": "4111111111111111"' % spelled

    await http.post(producer.url, content=body, headers=signed(producer.url, body))

    [detail] = recorded(reader, writer)
    assert (detail.request.body.raw, detail.request.body.truncated) == (b"", True)


@pytest.mark.parametrize(
    ("fault", "status", "said"),
    [
        ("throttle", 429, '"Rate Exceeded."'),
        ("error", 500, '"Internal Server Error"'),
        ("skew", 403, '"clock skew"'),
        ("no-tracking-id", 200, '{"ok": true}'),
        ("not-json", 200, "<html>"),
    ],
)
async def test_the_sink_fails_as_it_was_told_for_so_many_messages(
    producer: Producer, http: httpx.AsyncClient, fault: str, status: int, said: str
) -> None:
    body = body_of()
    await producer.desk.set_faults([SinkFault(fault, times=2)])

    answers = [
        await http.post(producer.url, content=body, headers=signed(producer.url, body))
        for _ in range(3)
    ]

    assert [each.status_code for each in answers] == [status, status, 200]
    assert said in answers[0].text
    assert "tracking_id" in answers[2].json()
    assert (await producer.desk.state()).received == 1


async def test_a_slow_sink_answers_late_and_others_meanwhile(
    producer: Producer, http: httpx.AsyncClient
) -> None:
    body = body_of()

    async def post() -> float:
        began_s = time.monotonic()
        await http.post(producer.url, content=body, headers=signed(producer.url, body))
        return time.monotonic() - began_s

    await producer.desk.set_faults([SinkFault("slow", times=1, seconds=0.1)])
    assert await post() >= 0.1

    await producer.desk.set_faults([SinkFault("slow", times=1, seconds=60)])
    both = [asyncio.ensure_future(post()) for _ in range(2)]
    answered, late = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    for each in late:
        each.cancel()
    await asyncio.gather(*late, return_exceptions=True)
    assert (len(answered), len(late)) == (1, 1)


async def test_a_workers_message_belongs_to_the_delivery_during_which_it_was_sent(
    producer: Producer, http: httpx.AsyncClient, recorder: Recorder, reader: Reader, writer: Writer
) -> None:
    from kiket_console.engine.recorder import Arrival

    arrival = Arrival(Source.WEBHOOK, "marketing", "issue.created", "v1", "POST", "/", (), b"{}")
    delivery = await recorder.receive(arrival, target="marketing#1")
    url, body = f"{producer.url}/marketing", body_of()

    await http.post(url, content=body, headers=signed(url, body))

    message = recorded(reader, writer)[1].exchange
    assert (message.worker, message.parent_id) == ("marketing", delivery.id)
    assert (message.parent_guessed, message.trace_id) == (True, delivery.trace.trace_id)


async def test_boto3_invokes_the_function_that_the_sink_stands_for(
    opened: Callable[..., AbstractAsyncContextManager[Producer]],
) -> None:
    boto3 = pytest.importorskip("boto3")
    arn = "arn:aws:lambda:eu-west-1:123456789012:function:producer"

    def invoke(body: bytes) -> tuple[int, str | None, Any]:
        answer = client.invoke(FunctionName=arn, Payload=body)
        return answer["StatusCode"], answer.get("FunctionError"), json.load(answer["Payload"])

    async with opened() as producer:
        client = boto3.client(
            "lambda",
            region_name="eu-west-1",
            endpoint_url=producer.url.removesuffix("/producer"),
            aws_access_key_id="local",
            aws_secret_access_key="local",
        )
        status, error, taken = await asyncio.to_thread(invoke, body_of())
        _, _, refused = await asyncio.to_thread(invoke, b'{"a": 1}')
        await producer.desk.set_faults([SinkFault("error")])
        _, crashed, _ = await asyncio.to_thread(invoke, body_of())
        client.close()

    assert (status, error, list(taken)) == (200, None, ["tracking_id"])
    assert refused["statusCode"] == 400
    assert crashed == "Unhandled"
