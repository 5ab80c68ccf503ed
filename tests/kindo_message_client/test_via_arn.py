"""The producer's Lambda function is invoked by its ARN (Kindo specification §7.5)."""

from __future__ import annotations

import io
import json
import multiprocessing
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock, patch

import pytest

from kindo_message_client import producer as client
from kindo_message_client.config import ConfigError
from kindo_message_client.errors import AnswerError, RefusedError, SendError
from kindo_message_client.producer import send_to_producer_via_arn
from kindo_message_client.testing import ProducerAnswer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kindo_message_client.testing import FakeProducer

Message = dict[str, Any]
ARN = "arn:aws:lambda:eu-west-1:123456789012:function:producer"


def invoking(said: Any, status: int = 200, **more: Any) -> Any:
    """Return what a test puts in the place of boto3: each function answers *said*."""
    boto3 = Mock()
    boto3.client.return_value.invoke.side_effect = lambda **_: {
        "StatusCode": status,
        "Payload": io.BytesIO(said if isinstance(said, bytes) else json.dumps(said).encode()),
        **more,
    }
    return boto3


def sent(message: Message, boto3: Any, **options: Any) -> str | None:
    with patch("kindo_message_client.producer.boto3", boto3):
        return send_to_producer_via_arn(ARN, message, **options)


def test_the_function_is_invoked_as_in_the_releases(message: Message) -> None:
    boto3 = invoking({"tracking_id": "t1"})
    assert sent(message, boto3, region="us-east-1") == "t1"
    boto3.client.assert_called_once_with("lambda", region_name="us-east-1")
    boto3.client.return_value.invoke.assert_called_once_with(
        FunctionName=ARN, InvocationType="RequestResponse", Payload=json.dumps(message)
    )
    assert message["security_level"] == "normal"


def test_the_clients_function_can_be_replaced_too(message: Message) -> None:
    with patch(
        "kindo_message_client.producer.boto3.client", invoking({"tracking_id": "t2"}).client
    ):
        assert send_to_producer_via_arn(ARN, message) == "t2"


@pytest.mark.parametrize(
    ("said", "tracking_id"),
    [
        ({"tracking_id": "t1"}, "t1"),
        ({}, None),
        ({"statusCode": 200, "body": '{"tracking_id": "t1"}'}, "t1"),
        ({"statusCode": 200, "body": {"tracking_id": "t1"}}, "t1"),
        ({"statusCode": 200, "body": {}}, None),
    ],
)
def test_what_is_answered_is_returned(message: Message, said: Any, tracking_id: str | None) -> None:
    assert sent(message, invoking(said)) == tracking_id


@pytest.mark.parametrize(
    ("said", "options", "sentence"),
    [
        ({"statusCode": 400, "body": "no"}, {}, "Failed to send message: 400 no"),
        ({"statusCode": 500}, {}, "Failed to send message: 500 "),
        ([1], {}, "Unexpected response format: [1]"),
        ("t1", {}, "Unexpected response format: 't1'"),
        (None, {}, "Unexpected response format: None"),
        ({}, {"status": 202}, "Lambda invocation failed with status: 202"),
        ({"statusCode": 200}, {}, "Failed to invoke Lambda function: 'body'"),
        (
            {"errorMessage": "no table", "errorType": "KeyError"},
            {"FunctionError": "Unhandled"},
            "The Lambda function failed (Unhandled): no table",
        ),
        ("gone", {"FunctionError": "Handled"}, "The Lambda function failed (Handled): gone"),
    ],
)
def test_what_went_wrong_is_told(
    message: Message, said: Any, options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(RuntimeError) as wrong:
        sent(message, invoking(said, **options))
    assert str(wrong.value) == sentence
    assert isinstance(wrong.value, SendError)


def test_what_is_no_json_is_told_with_its_cause(message: Message) -> None:
    with pytest.raises(SendError, match=r"^Failed to invoke Lambda function: Expecting") as wrong:
        sent(message, invoking(b"<html>"))
    assert isinstance(wrong.value.__cause__, json.JSONDecodeError)


def test_strict_wants_a_tracking_id(message: Message) -> None:
    with pytest.raises(AnswerError, match="without a tracking id"):
        sent(message, invoking({}), strict=True)


def test_nothing_of_a_sensitive_payload_is_told(message: Message) -> None:
    message |= {"security_level": "sensitive", "payload": {"card": "4111-1111"}}
    answers: list[tuple[Any, dict[str, Any]]] = [
        ({"errorMessage": "card 4111-1111"}, {"FunctionError": "Unhandled"}),
        ({"statusCode": 400, "body": {"card": "4111-1111"}}, {}),
        (["4111-1111"], {}),
        ({"statusCode": 200, "body": ["4111-1111"]}, {}),
    ]
    for said, more in answers:
        with pytest.raises(SendError) as wrong:
            sent(message, invoking(said, **more))
        assert "4111-" not in str(wrong.value)


def test_a_wrong_message_is_not_sent(message: Message) -> None:
    boto3 = invoking({})
    with pytest.raises(ValueError, match="'later' is not one of"):
        sent({**message, "behavior": "later"}, boto3)
    boto3.client.assert_not_called()


def test_without_boto3_the_extra_is_named(
    message: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(ImportError, match=r"pip install 'kiket-console\[lambda\]'"):
        send_to_producer_via_arn(ARN, message)
    assert not hasattr(client, "boto3")


def test_the_arn_of_the_environment_is_used_where_none_is_given(
    message: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="environment variable: KINDO_MESSAGE_PRODUCER_ARN"):
        send_to_producer_via_arn(None, message)
    monkeypatch.setenv("KINDO_MESSAGE_PRODUCER_ARN", ARN)
    boto3 = invoking({"tracking_id": "t1"})
    with patch("kindo_message_client.producer.boto3", boto3):
        assert send_to_producer_via_arn(None, message) == "t1"
    boto3.client.assert_called_once_with("lambda", region_name="eu-west-1")


def test_a_client_of_ones_own_needs_nothing_but_invoke(message: Message) -> None:
    answer = {"StatusCode": 200, "Payload": io.BytesIO(b'{"tracking_id": "t3"}')}
    bare = SimpleNamespace(invoke=lambda **_: answer)
    assert sent(message, SimpleNamespace(client=lambda *_, **__: bare)) == "t3"


def test_another_default_session_is_used_from_then_on(message: Message) -> None:
    boto3 = invoking({"tracking_id": "t1"})
    for boto3.DEFAULT_SESSION in ("first", "first", "second"):
        sent(message, boto3)
    assert boto3.client.call_count == 2


class TestWithBoto3:
    """The real library, and a Lambda service on this machine."""

    @pytest.fixture(autouse=True)
    def lambda_service(
        self, producer: FakeProducer, monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[None]:
        import boto3

        made: list[Any] = []

        def make(*args: Any, **options: Any) -> Any:
            made.append(boto3.session.Session().client(*args, **options))
            return made[-1]

        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", producer.url)
        monkeypatch.setattr(boto3, "client", make)
        yield
        for each in made:
            each.close()

    def test_a_message_arrives_signed(self, producer: FakeProducer, message: Message) -> None:
        assert send_to_producer_via_arn(ARN, message) == producer.tracking_ids[0]
        [call] = producer.calls
        assert call.path == (
            "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-west-1%3A123456789012%3Afunction%3A"
            "producer/invocations"
        )
        assert (call.verdict.ok, call.verdict.region) == (True, "eu-west-1")

    def test_a_function_that_fails_is_told_and_not_invoked_again(
        self, producer: FakeProducer, message: Message
    ) -> None:
        failed = {"X-Amz-Function-Error": "Unhandled"}
        producer.answers.append(ProducerAnswer(200, {"errorMessage": "no table"}, failed))
        with pytest.raises(SendError, match=r"failed \(Unhandled\): no table"):
            send_to_producer_via_arn(ARN, message)
        producer.answers.append(ProducerAnswer(500, {"message": "broken"}))
        with pytest.raises(SendError, match=r"Failed to invoke Lambda function: .*broken"):
            send_to_producer_via_arn(ARN, message)
        assert len(producer.calls) == 2

    @pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
    def test_a_child_opens_its_own_connection(
        self, producer: FakeProducer, message: Message
    ) -> None:
        send_to_producer_via_arn(ARN, message)
        child = multiprocessing.get_context("fork").Process(
            target=send_to_producer_via_arn, args=(ARN, message)
        )
        child.start()
        child.join()
        assert child.exitcode == 0
        send_to_producer_via_arn(ARN, message)
        first, second, third = [call.peer for call in producer.calls]
        assert first == third != second

    def test_a_sensitive_payload_is_in_no_log(
        self, producer: FakeProducer, message: Message, caplog: pytest.LogCaptureFixture
    ) -> None:
        message |= {"security_level": "sensitive", "payload": {"card": "4111-1111"}}
        with caplog.at_level("DEBUG"):
            send_to_producer_via_arn(ARN, message)
        assert producer.messages == [message]
        assert "invocations" in caplog.text
        assert "4111-1111" not in caplog.text

    def test_a_refused_message_says_why(self, producer: FakeProducer, message: Message) -> None:
        answer = {"statusCode": 400, "body": '{"message": "closed"}'}
        producer.answers.append(ProducerAnswer(200, answer))
        with pytest.raises(RefusedError, match=r"400 .*closed") as refused:
            send_to_producer_via_arn(ARN, message)
        assert refused.value.status == 400
