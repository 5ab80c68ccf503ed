"""Messages are sent from an event loop: as by `send_to_producer`, and many at once."""

from __future__ import annotations

import asyncio
import itertools
import os
import threading
from typing import TYPE_CHECKING, Any

import pytest

from kindo_message_client import aio
from kindo_message_client.aio import ProducerClient, Sent
from kindo_message_client.config import ConfigError
from kindo_message_client.credentials import Credentials, find_credentials
from kindo_message_client.errors import (
    AnswerError,
    CredentialsError,
    RefusedError,
    UnreachableError,
)
from kindo_message_client.testing import LOCAL, ProducerAnswer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from kindo_message_client.testing import FakeProducer

Message = dict[str, Any]


def numbered(count: int | None = None) -> Iterator[Message]:
    """Yield so many messages, or endlessly many, each with its number."""
    for number in itertools.count() if count is None else range(count):
        yield {
            "event_type": "a",
            "message_channel": "email",
            "behavior": "instant",
            "payload": {"number": number},
        }


async def called_once(producer: FakeProducer) -> None:
    """Wait until the producer, in threads of its own, has taken in its only request."""
    async with asyncio.timeout(120):
        while not producer.calls:  # noqa: ASYNC110 - of other threads
            await asyncio.sleep(0.001)
    assert len(producer.calls) == 1


class TestOneMessage:
    async def test_arrives_signed_and_its_tracking_id_is_returned(
        self, producer: FakeProducer, message: Message
    ) -> None:
        os.environ["KINDO_MESSAGE_PRODUCER_URL"] = f"{producer.url}/a b/?q=1"
        async with ProducerClient() as client:
            assert await client.send(message) == producer.tracking_ids[0]
        [call] = producer.calls
        assert call.verdict.ok
        assert call.path == "/a%20b/?q=1"
        assert (call.verdict.region, call.verdict.service) == ("ap-southeast-2", "lambda")
        assert producer.messages == [message]
        assert message["security_level"] == "normal"

    async def test_is_signed_with_what_is_given(
        self, producer: FakeProducer, message: Message
    ) -> None:
        given = Credentials("AKIAOTHER", "another-secret", "session-token")
        async with ProducerClient(
            producer.url, region="us-east-1", service="s3", credentials=given
        ) as client:
            with pytest.raises(RefusedError) as refused:
                await client.send(message)
        assert refused.value.status == 403
        assert refused.value.explanation is not None
        assert refused.value.explanation.reason == "wrong service"
        [call] = producer.calls
        assert call.headers["x-amz-security-token"] == "session-token"
        assert (call.verdict.access_key, call.verdict.region) == ("AKIAOTHER", "us-east-1")
        assert call.verdict.reason == "wrong service"

    @pytest.mark.parametrize(
        ("answer", "error", "words"),
        [
            (ProducerAnswer(500, "broken"), RefusedError, "Failed to send message: 500 broken"),
            (ProducerAnswer(201, {"tracking_id": "x"}), RefusedError, "201"),
            (
                ProducerAnswer(307, "", {"Location": "http://127.0.0.1:9/"}),
                RefusedError,
                r"307 \(to http://127.0.0.1:9/; redirects are not followed\)",
            ),
            (ProducerAnswer(200, "hello"), AnswerError, "200 with no JSON: hello"),
            (ProducerAnswer(200, [1]), AnswerError, r"Unexpected response format: \[1\]"),
            (ProducerAnswer(200, {}), AnswerError, "without a tracking id"),
        ],
    )
    async def test_that_was_not_taken_is_an_error(
        self,
        producer: FakeProducer,
        message: Message,
        answer: ProducerAnswer,
        error: type[Exception],
        words: str,
    ) -> None:
        producer.answers.append(answer)
        async with ProducerClient(producer.url, strict=True) as client:
            with pytest.raises(error, match=words):
                await client.send(message)
        assert len(producer.calls) == 1

    async def test_of_another_structure_is_not_sent(self, producer: FakeProducer) -> None:
        async with ProducerClient(producer.url) as client:
            with pytest.raises(ValueError, match="'event_type' is a required property"):
                await client.send({"payload": {}})
            with pytest.raises(TypeError):
                await client.send(None)  # type: ignore[arg-type]
        assert not producer.calls

    async def test_that_is_sensitive_is_not_repeated_in_an_error(
        self, producer: FakeProducer, message: Message
    ) -> None:
        producer.answers.append(ProducerAnswer(500, "cannot store 4111-1111-1111-1111 there"))
        message |= {"security_level": "sensitive", "payload": {"card": "4111-1111-1111-1111"}}
        async with ProducerClient(producer.url) as client:
            with pytest.raises(RefusedError) as refused:
                await client.send(message)
        assert "4111-" not in str(refused.value)

    async def test_can_have_fields_hashed(self, producer: FakeProducer, message: Message) -> None:
        key = "a key of sixteen bytes"
        async with ProducerClient(producer.url, hash_fields=["user_id"], hmac_key=key) as client:
            await client.send(message)
        assert producer.messages[0]["payload"]["user_id"].startswith("hmac-sha256:")
        assert message["payload"] == {"user_id": "12345"}

    async def test_is_sent_again_and_signed_again_where_it_cannot_have_been_taken(
        self, producer: FakeProducer, message: Message
    ) -> None:
        busy = ProducerAnswer(429, "", {"Retry-After": "0"})
        producer.answers += [busy, ProducerAnswer(503, "", {"Retry-After": "0"})]
        async with ProducerClient(producer.url) as client:
            assert await client.send(message) == producer.tracking_ids[0]
        assert [call.verdict.ok for call in producer.calls] == [True] * 3

    async def test_is_sent_no_more_often_than_asked(
        self, producer: FakeProducer, message: Message
    ) -> None:
        producer.answers += [ProducerAnswer(429, "slow down")] * 9
        async with ProducerClient(producer.url, retries=1) as client:
            with pytest.raises(RefusedError, match="429 slow down"):
                await client.send(message)
        assert len(producer.calls) == 2

    async def test_may_not_be_there_in_time(self, producer: FakeProducer, message: Message) -> None:
        producer.answers.append(ProducerAnswer(200, {"tracking_id": "late"}, after_s=120))
        async with ProducerClient(producer.url, timeout_s=0.15) as client:
            with pytest.raises(UnreachableError, match=r"within 0\.15 s") as error:
                await client.send(message)
            assert error.value.may_be_taken
            await called_once(producer)
            client._timeout_s = 120
            assert await client.send(message) == producer.tracking_ids[0]

    async def test_is_given_up_when_its_task_is_cancelled(
        self, producer: FakeProducer, message: Message
    ) -> None:
        producer.answers.append(ProducerAnswer(200, {"tracking_id": "late"}, after_s=120))
        async with ProducerClient(producer.url, concurrency=1) as client:
            sending = asyncio.ensure_future(client.send(message))
            await called_once(producer)
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
            assert await client.send(message) == producer.tracking_ids[0], "not the late answer"


class TestManyMessages:
    async def test_come_back_in_order_and_one_that_fails_stops_no_other(
        self, producer: FakeProducer
    ) -> None:
        messages = list(numbered(40))
        del messages[7]["event_type"]
        producer.answers.append(ProducerAnswer(500, "broken"))
        async with ProducerClient(producer.url, concurrency=4) as client:
            results = [sent async for sent in client.send_many(messages)]
        assert [sent.index for sent in results] == list(range(40))
        assert [type(sent.error) for sent in results if sent.error] in (
            [ValueError, RefusedError],
            [RefusedError, ValueError],
        )
        by_id = dict(zip(producer.tracking_ids, producer.messages, strict=True))
        for sent in results:
            if sent.error is None:
                assert sent.tracking_id is not None
                assert by_id[sent.tracking_id]["payload"]["number"] == sent.index
        assert len(by_id) == 38

    async def test_can_be_endless_and_stop_with_their_reader(self, producer: FakeProducer) -> None:
        taken = itertools.count()
        async with ProducerClient(producer.url, concurrency=4) as client:
            endless = ((next(taken), message)[1] for message in numbered())
            async for sent in client.send_many(endless):
                assert sent.error is None
                if sent.index == 20:
                    break
            assert await client.send(next(numbered())), "the client goes on"
        assert next(taken) <= 20 + 1 + 2 * 4

    async def test_wait_for_whoever_reads_the_results(self, producer: FakeProducer) -> None:
        taken: list[Message] = []
        nine = asyncio.Event()

        def source() -> Iterator[Message]:
            for message in numbered(100):
                taken.append(message)
                if len(taken) == 9:
                    nine.set()
                yield message

        async with ProducerClient(producer.url, concurrency=4) as client:
            results = client.send_many(source())
            assert (await anext(results)).index == 0
            async with asyncio.timeout(120):
                await nine.wait()
            for message in numbered(3):
                await client.send(message)
            assert len(taken) == 9, "one was read, and eight are ahead"
            assert [sent.index async for sent in results] == list(range(1, 100))
        assert len(taken) == 100

    async def test_can_come_from_an_asynchronous_source(self, producer: FakeProducer) -> None:
        async def source() -> AsyncIterator[Message]:
            for message in numbered(20):
                await asyncio.sleep(0)
                yield message

        async with ProducerClient(producer.url, concurrency=4) as client:
            results = [sent async for sent in client.send_many(source())]
        by_id = dict(zip(producer.tracking_ids, producer.messages, strict=True))
        numbers = [by_id[sent.tracking_id or ""]["payload"]["number"] for sent in results]
        assert numbers == list(range(20))

    async def test_can_be_none(self, producer: FakeProducer) -> None:
        async with ProducerClient(producer.url) as client:
            assert [sent async for sent in client.send_many([])] == []

    async def test_whose_source_fails_are_told_first(self, producer: FakeProducer) -> None:
        def source() -> Iterator[Message]:
            yield from numbered(3)
            raise OSError("the file ended")

        results: list[Sent] = []
        async with ProducerClient(producer.url) as client:
            batch = client.send_many(source())
            with pytest.raises(OSError, match="the file ended"):
                await _read(batch, results)
        assert [sent.error for sent in results] == [None] * 3

    async def test_take_no_more_connections_than_allowed(self, producer: FakeProducer) -> None:
        async with ProducerClient(producer.url, concurrency=3) as client:
            async with asyncio.TaskGroup() as group:
                batch = client.send_many(numbered(30), concurrency=2)
                group.create_task(_read(batch))
                for message in numbered(10):
                    group.create_task(client.send(message))
            assert client._pool is not None
            assert len(client._pool._links) <= 3
        assert len(producer.messages) == 40

    async def test_end_with_the_client(self, producer: FakeProducer) -> None:
        client = ProducerClient(producer.url)
        async with client:
            results = client.send_many(numbered())
            await anext(results)
        with pytest.raises(RuntimeError, match="closed before all messages were sent"):
            await _read(results)


async def _read(results: AsyncIterator[Sent], into: list[Sent] | None = None) -> None:
    async for sent in results:
        assert sent.error is None
        if into is not None:
            into.append(sent)


class TestTheClient:
    async def test_is_used_within_async_with(self, message: Message) -> None:
        client = ProducerClient("http://127.0.0.1:9", credentials=LOCAL)
        with pytest.raises(RuntimeError, match="async with"):
            await client.send(message)
        with pytest.raises(RuntimeError, match="async with"):
            await anext(client.send_many([message]))

    async def test_raises_what_is_raised_within(self, producer: FakeProducer) -> None:
        async def failing() -> None:
            async with ProducerClient(producer.url) as client:
                await anext(client.send_many(numbered()))
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await failing()

    async def test_says_what_is_missing_when_it_is_entered(self) -> None:
        with pytest.raises(ConfigError, match="KINDO_MESSAGE_PRODUCER_URL"):
            await ProducerClient().__aenter__()
        with pytest.raises(ConfigError, match="not encrypted"):
            await ProducerClient("http://producer.example").__aenter__()
        with pytest.raises(ConfigError, match="schema file"):
            await ProducerClient("https://h.example", schema_path="/none.json").__aenter__()
        with pytest.raises(ConfigError, match="KINDO_MESSAGE_HMAC_KEY"):
            await ProducerClient("https://h.example", hash_fields=["card"]).__aenter__()
        with pytest.raises(ValueError, match="concurrency"):
            ProducerClient("https://h.example", concurrency=0)
        with pytest.raises(ValueError, match="concurrency"):
            ProducerClient("https://h.example").send_many([], concurrency=-1)
        del os.environ["AWS_SECRET_ACCESS_KEY"], os.environ["AWS_ACCESS_KEY_ID"]
        with pytest.raises(CredentialsError, match="No AWS credentials"):
            await ProducerClient("https://h.example").__aenter__()

    async def test_looks_for_credentials_without_blocking_the_loop(
        self, producer: FakeProducer, message: Message, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        loop = asyncio.get_running_loop()

        def slow(profile: str | None = None) -> Credentials:
            turned = threading.Event()
            loop.call_soon_threadsafe(turned.set)
            assert turned.wait(60), "the loop goes on meanwhile"
            return find_credentials(profile)

        monkeypatch.setattr(aio, "find_credentials", slow)
        async with ProducerClient(producer.url) as client:
            assert await client.send(message)

    async def test_takes_new_credentials_after_a_while_and_after_a_refusal(
        self, producer: FakeProducer, message: Message
    ) -> None:
        os.environ["AWS_SECRET_ACCESS_KEY"] = "over"
        async with ProducerClient(producer.url) as client:
            for attempt in range(2):
                os.environ["AWS_SECRET_ACCESS_KEY"] = "over" if attempt else "local"
                client._looked_s = client._look_again_s = client._loop.time() + 5
                if attempt == 0:
                    with pytest.raises(RefusedError, match="does not match") as refused:
                        await client.send(message)
                    assert refused.value.explanation is not None
                    assert refused.value.explanation.reason == "wrong secret"
                    client._looked_s = -1.0
                    with pytest.raises(RefusedError):
                        await client.send(message)
                    assert await client.send(message), "after a refusal"
                else:
                    assert await client.send(message), "kept meanwhile"
                    client._look_again_s = 0.0
                    with pytest.raises(RefusedError):
                        await client.send(message)
