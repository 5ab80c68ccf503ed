"""Messages are checked, signed and sent; what comes back is told (Kindo specification §7.4)."""

from __future__ import annotations

import json
import logging
import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock, patch

import httpx
import pytest

from kindo_message_client import _deadline, _retrying
from kindo_message_client import producer as client
from kindo_message_client.config import ConfigError
from kindo_message_client.credentials import Credentials
from kindo_message_client.errors import (
    AnswerError,
    CredentialsError,
    RefusedError,
    SendError,
    UnreachableError,
)
from kindo_message_client.producer import send_to_producer
from kindo_message_client.testing import ProducerAnswer

if TYPE_CHECKING:
    from kindo_message_client.testing import FakeProducer

Message = dict[str, Any]


def test_a_message_arrives_signed_and_its_tracking_id_is_returned(
    producer: FakeProducer, message: Message
) -> None:
    assert send_to_producer(producer.url, message) == producer.tracking_ids[0]
    [call] = producer.calls
    assert producer.messages == [{**message, "security_level": "normal"}]
    assert call.verdict.ok
    assert (call.verdict.region, call.verdict.service) == ("ap-southeast-2", "lambda")


def test_the_wire_format_is_that_of_the_releases(producer: FakeProducer, message: Message) -> None:
    send_to_producer(producer.url, message)
    [call] = producer.calls
    assert call.raw_body == json.dumps(message).encode()
    assert call.headers["content-type"] == "application/json"
    assert "SignedHeaders=content-type;host;x-amz-date, " in call.headers["authorization"]


def test_the_callers_message_is_given_a_security_level(
    producer: FakeProducer, message: Message
) -> None:
    send_to_producer(producer.url, message)
    assert list(message)[-1] == "security_level"
    assert message["security_level"] == "normal"


@pytest.mark.parametrize("behavior", ["instant", "scheduled", "deferred", "long_term"])
def test_every_behavior_of_the_schema_is_sent(
    producer: FakeProducer, message: Message, behavior: str
) -> None:
    assert send_to_producer(producer.url, {**message, "behavior": behavior}, strict=True)


def test_region_and_service_are_said_or_come_from_the_environment(
    producer: FakeProducer, message: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    send_to_producer(producer.url, message)
    send_to_producer(producer.url, message, "us-east-1")
    with pytest.raises(RefusedError, match="correct service"):
        send_to_producer(producer.url, message, region="us-east-1", service="execute-api")
    assert [call.verdict.region for call in producer.calls] == [
        "eu-west-1",
        "us-east-1",
        "us-east-1",
    ]


def test_a_function_url_says_its_region(message: Message) -> None:
    with patch.object(client, "signed_post", return_value=answering({})) as post:
        send_to_producer("https://abc.lambda-url.eu-central-1.on.aws/", message)
    assert post.call_args.args[2] == "eu-central-1"


def test_the_url_of_the_environment_is_used_where_none_is_given(
    producer: FakeProducer, message: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError) as missing:
        send_to_producer(None, message)
    assert str(missing.value) == "Missing required environment variable: KINDO_MESSAGE_PRODUCER_URL"
    monkeypatch.setenv("KINDO_MESSAGE_PRODUCER_URL", producer.url)
    assert send_to_producer(None, message) == producer.tracking_ids[0]


def test_an_env_file_says_where_to_send_and_who_signs(
    producer: FakeProducer, message: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    Path(".env").write_text(
        f"KINDO_MESSAGE_PRODUCER_URL={producer.url}\nAWS_SECRET_ACCESS_KEY=local\n"
    )
    assert send_to_producer(None, message) == producer.tracking_ids[0]


def answering(body: Any, status: int = 200) -> Any:
    """Return what a test puts in the place of an answer."""
    return Mock(status_code=status, text=str(body), json=lambda: body)


def test_signed_post_can_be_replaced_and_is_given_four_values(message: Message) -> None:
    calls = []

    def post(url: str, payload: Message, region: str, service: str) -> Any:
        calls.append((url, payload, region, service))
        return answering({"tracking_id": "t1"})

    with patch("kindo_message_client.producer.signed_post", post):
        assert send_to_producer("https://example.test", message) == "t1"
    assert calls == [("https://example.test", message, "ap-southeast-2", "lambda")]
    assert calls[0][1] is message


class TestAnswers:
    """One row of the specification each, and what was mended."""

    @pytest.mark.parametrize("body", [{}, {"tracking_id": None}, {"tracking_id": ""}])
    def test_without_a_tracking_id_none_is_returned_and_logged(
        self, producer: FakeProducer, message: Message, body: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        producer.answers += [ProducerAnswer(body=body)] * 2
        with caplog.at_level(logging.WARNING, "kindo_message_client"):
            assert send_to_producer(producer.url, message) is None
        assert "without a tracking id" in caplog.text
        with pytest.raises(AnswerError, match="without a tracking id"):
            send_to_producer(producer.url, message, strict=True)

    @pytest.mark.parametrize("status", [201, 202, 204, 301, 307, 400, 403, 500, 503])
    def test_only_200_counts(self, producer: FakeProducer, message: Message, status: int) -> None:
        text = "" if status == 204 else "because"
        target = {"Location": f"{producer.url}/elsewhere"}
        producer.answers.append(ProducerAnswer(status, text, target))
        with pytest.raises(RuntimeError) as refused:
            send_to_producer(producer.url, message)
        assert str(refused.value).startswith(f"Failed to send message: {status} {text}")
        assert ("redirects are not followed" in str(refused.value)) == (status in {301, 307})
        assert isinstance(refused.value, RefusedError)
        assert refused.value.status == status
        assert len(producer.calls) == 1  # redirects are not followed, nothing is sent twice

    def test_an_array_is_no_answer(self, producer: FakeProducer, message: Message) -> None:
        producer.answers.append(ProducerAnswer(body=[1]))
        with pytest.raises(RuntimeError, match=r"^Unexpected response format: \[1\]$"):
            send_to_producer(producer.url, message)

    @pytest.mark.parametrize(
        "body", ["<html>", "[" * 100_000, b"\xff\xfe"], ids=["html", "deep", "raw"]
    )
    def test_what_is_no_json_is_no_answer(
        self, producer: FakeProducer, message: Message, body: Any
    ) -> None:
        producer.answers.append(ProducerAnswer(body=body))
        with pytest.raises(AnswerError, match="answered 200 with no JSON"):
            send_to_producer(producer.url, message)

    def test_an_answer_without_end_is_not_read(
        self, producer: FakeProducer, message: Message
    ) -> None:
        producer.answers.append(ProducerAnswer(body=b" " * (1024 * 1024 + 1)))
        with pytest.raises(AnswerError, match="more than 1,048,576 bytes"):
            send_to_producer(producer.url, message)

    def test_a_compressed_answer_is_not_unpacked(
        self, producer: FakeProducer, message: Message
    ) -> None:
        producer.answers.append(ProducerAnswer(body=b"..", headers={"Content-Encoding": "gzip"}))
        with pytest.raises(AnswerError, match="compressed"):
            send_to_producer(producer.url, message)

    def test_a_late_answer_is_not_waited_for(
        self, producer: FakeProducer, message: Message, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Only the answer is late: that the message goes is no question of time.
        monkeypatch.setattr(_deadline, "time", SimpleNamespace(monotonic=lambda: 0.0))
        producer.answers.append(ProducerAnswer(after_s=120))
        with pytest.raises(UnreachableError, match=r"within 0\.15 s") as late:
            send_to_producer(producer.url, message, timeout_s=0.15)
        assert late.value.may_be_taken
        assert isinstance(late.value.__cause__, httpx.ReadTimeout)
        end_s = time.monotonic() + 120
        while not producer.calls and time.monotonic() < end_s:
            time.sleep(0.001)  # the producer has threads of its own
        assert len(producer.calls) == 1  # for it may have been taken


class TestSentAgain:
    """Only what cannot have been taken, or what the producer asks for; signed anew."""

    @pytest.mark.parametrize(
        "answer",
        [
            ProducerAnswer(429, "slow down"),
            ProducerAnswer(429, "slow down", {"Retry-After": "0"}),
            ProducerAnswer(503, "restarting", {"Retry-After": "0"}),
        ],
        ids=["429", "429-after", "503-after"],
    )
    def test_an_answer_that_asks_for_it(
        self,
        producer: FakeProducer,
        message: Message,
        answer: ProducerAnswer,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        producer.answers += [answer, answer]
        assert send_to_producer(producer.url, message) == producer.tracking_ids[0]
        assert caplog.messages == []  # a script without logging would print it
        assert [call.verdict.ok for call in producer.calls] == [True, True, True]

    def test_the_last_answer_counts(self, producer: FakeProducer, message: Message) -> None:
        producer.answers += [ProducerAnswer(429, f"no {number}") for number in range(4)]
        with pytest.raises(RefusedError, match="429 no 2"):
            send_to_producer(producer.url, message)

    def test_not_where_the_caller_wants_none(
        self, producer: FakeProducer, message: Message, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import stamina

        monkeypatch.setattr(_retrying, "LONGEST_S", 30.0)
        producer.answers.append(ProducerAnswer(429, "no"))
        with stamina.set_testing(False), pytest.raises(RefusedError):
            send_to_producer(producer.url, message, retries=0)
        assert len(producer.calls) == 1

    def test_not_where_too_long_a_pause_is_asked_for(
        self, producer: FakeProducer, message: Message
    ) -> None:
        producer.answers.append(ProducerAnswer(429, "no", {"Retry-After": "3600"}))
        with pytest.raises(RefusedError):
            send_to_producer(producer.url, message)
        assert len(producer.calls) == 1

    def test_where_nobody_listened(self, message: Message) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            url = f"http://127.0.0.1:{free.getsockname()[1]}"
        with (
            patch.object(_retrying.budget, "take", wraps=_retrying.budget.take) as tries,
            pytest.raises(UnreachableError, match="nothing listens on that port") as unreachable,
        ):
            send_to_producer(url, message)
        assert tries.call_count == 2
        assert not unreachable.value.may_be_taken
        assert isinstance(unreachable.value.__cause__, httpx.ConnectError)

    def test_not_where_the_connection_broke_after_the_message_went(self, message: Message) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            from threading import Thread

            accepted = []

            def hang_up() -> None:
                peer, _ = server.accept()
                accepted.append(peer.recv(65536))
                peer.close()

            thread = Thread(target=hang_up)
            thread.start()
            with pytest.raises(UnreachableError, match="may have been taken") as broken:
                send_to_producer(f"http://127.0.0.1:{server.getsockname()[1]}", message)
            thread.join()
        assert broken.value.may_be_taken
        assert len(accepted) == 1


def test_sending_again_has_a_budget() -> None:
    budget = _retrying.Budget()
    assert [budget.take() for _ in range(11)] == [True] * 10 + [False]
    for _ in range(11):
        budget.sent()
    assert [budget.take(), budget.take()] == [True, False]


class TestUrls:
    """Signed messages go over https, or to this machine."""

    @pytest.mark.parametrize(
        ("url", "sentence"),
        [
            ("", "is empty"),
            ("http://example.test/x", "not encrypted"),
            ("http://localhost.example.test", "not encrypted"),
            ("http://10.0.0.1", "not encrypted"),
            ("ftp://example.test", "no web address"),
            ("example.test", "no web address"),
            ("https://", "no web address"),
            ("https://example.test:99999", "no web address"),
            ("https://user:pass@example.test", "holds a user name"),
            ("https://exam ple.test", "no web address"),
            ("https://[::1", "no web address"),
        ],
    )
    def test_another_url_is_refused_before_anything_is_sent(
        self, message: Message, url: str, sentence: str
    ) -> None:
        with pytest.raises(ConfigError, match=sentence) as refused:
            send_to_producer(url, message)
        assert "pass" not in str(refused.value)

    def test_odd_paths_are_signed_as_they_are_sent(
        self, producer: FakeProducer, message: Message
    ) -> None:
        url = f"{producer.url}/a b/ü/%7e/x'y;z?b=2&a=1 %2B&c"
        assert send_to_producer(url, message) == producer.tracking_ids[0]

    def test_a_proxy_is_not_asked_for_this_machine(
        self, producer: FakeProducer, message: Message, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        assert send_to_producer(producer.url, message)


class TestCredentials:
    """Who signs, and what is said where nobody can."""

    def test_without_any(
        self, producer: FakeProducer, message: Message, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        with pytest.raises(CredentialsError, match="No AWS credentials were found"):
            send_to_producer(producer.url, message)
        assert producer.calls == []

    def test_with_half_of_them(
        self, producer: FakeProducer, message: Message, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        with pytest.raises(CredentialsError, match="cannot be used: Partial credentials"):
            send_to_producer(producer.url, message)

    def test_of_a_profile_that_is_not_there(self, producer: FakeProducer, message: Message) -> None:
        with pytest.raises(CredentialsError, match="elsewhere"):
            send_to_producer(producer.url, message, profile="elsewhere")

    def test_given_ones_are_used_and_nothing_else_is_looked_at(
        self, producer: FakeProducer, message: Message, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        given = Credentials("local", "local")
        assert send_to_producer(producer.url, message, credentials=given)
        assert "secret" not in repr(given)
        assert "local'" in repr(given)

    def test_a_session_token_goes_along_and_is_signed(
        self, producer: FakeProducer, message: Message
    ) -> None:
        given = Credentials("local", "local", "a session token")
        with pytest.raises(RefusedError) as refused:
            send_to_producer(producer.url, message, credentials=given)
        [call] = producer.calls
        assert call.headers["x-amz-security-token"] == "a session token"
        assert ";x-amz-security-token, " in call.headers["authorization"]
        assert refused.value.headers["x-amzn-errortype"] == "ExpiredTokenException"

    def test_a_change_is_seen_with_the_next_message(
        self, producer: FakeProducer, message: Message, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        send_to_producer(producer.url, message)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
        with pytest.raises(RefusedError, match="signature we calculated does not match"):
            send_to_producer(producer.url, message)
        files = Path.home() / ".aws"
        files.mkdir()
        (files / "credentials").write_text(
            "[local]\naws_access_key_id = local\naws_secret_access_key = local\n"
        )
        assert send_to_producer(producer.url, message, profile="local")


class TestRefusedSignatures:
    """Why is told below the error, and not in the text that the releases had."""

    def test_another_secret(self, producer: FakeProducer, message: Message) -> None:
        with pytest.raises(RefusedError) as refused:
            send_to_producer(producer.url, message, credentials=Credentials("local", "another"))
        why = refused.value.explanation
        assert why is not None
        assert why.reason == "wrong secret"
        assert refused.value.__notes__ == [f"{why.sentence} {why.hint}"]

    def test_another_time(
        self, producer: FakeProducer, message: Message, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import time

        late_s = time.time() - 360
        monkeypatch.setattr(
            "kindo_message_client.signer.time", SimpleNamespace(time=lambda: late_s)
        )
        with pytest.raises(RefusedError) as refused:
            send_to_producer(producer.url, message)
        assert refused.value.explanation is not None
        assert refused.value.explanation.reason == "clock skew"
        assert re.search(r"36\d s behind", refused.value.__notes__[0])  # the call takes time, too
        assert len(producer.calls) == 1

    def test_another_refusal_has_none(self, producer: FakeProducer, message: Message) -> None:
        producer.answers.append(ProducerAnswer(400, "The channel is closed."))
        with pytest.raises(RefusedError) as refused:
            send_to_producer(producer.url, message)
        assert refused.value.explanation is None


class TestNothingLeaks:
    """Neither what signs nor a sensitive payload is in an error."""

    def test_of_an_answer_that_repeats_what_was_sent(
        self, producer: FakeProducer, message: Message
    ) -> None:
        given = Credentials("local", "local secret key", "local session token")
        with pytest.raises(RefusedError):
            send_to_producer(producer.url, message, credentials=given)
        headers = producer.calls[0].headers
        producer.answers.append(ProducerAnswer(403, dict(headers)))
        with pytest.raises(RefusedError) as refused:
            send_to_producer(producer.url, message, credentials=given)
        assert "local session token" not in str(refused.value)
        assert headers["authorization"].rpartition("=")[2] not in str(refused.value)
        assert "AWS4-HMAC-SHA256 [redacted]" in str(refused.value)

    def test_a_long_text_is_cut_and_made_printable(
        self, producer: FakeProducer, message: Message
    ) -> None:
        producer.answers.append(ProducerAnswer(400, "\x1b[31m" + "x" * 5_000))
        with pytest.raises(RefusedError) as refused:
            send_to_producer(producer.url, message)
        assert len(str(refused.value)) < 600
        assert "\x1b" not in str(refused.value)
        assert str(refused.value).endswith("…")

    @pytest.mark.parametrize(
        "repeated",
        [
            "card 4111-1111 of Ada",
            "card NDExMS0xMTEx",
            "1234 Main Street and",
            '"cvv": 987',
            "99.5",
        ],
    )
    def test_of_a_sensitive_payload(
        self, producer: FakeProducer, message: Message, repeated: str
    ) -> None:
        payload = {
            "card": "4111-1111",
            "to": "1234 Main Street and more",
            "cvv": "987",
            "sum": 99.5,
        }
        message |= {"security_level": "sensitive", "payload": payload}
        producer.answers += [ProducerAnswer(400, f"Refused: {repeated}.")]
        with pytest.raises(RefusedError) as refused:
            send_to_producer(producer.url, message)
        text = str(refused.value)
        assert text.startswith("Failed to send message: 400 ")
        assert [value for value in map(str, payload.values()) if value in text] == []
        assert repeated not in text

    def test_of_a_sensitive_payload_in_an_answer_that_is_none(
        self, producer: FakeProducer, message: Message
    ) -> None:
        message |= {"security_level": "sensitive", "payload": {"card": "4111-1111"}}
        producer.answers += [ProducerAnswer(body=body) for body in (["4111-1111"], "4111-1111")]
        for _ in range(2):
            with pytest.raises(AnswerError) as wrong:
                send_to_producer(producer.url, message)
            assert "4111-" not in str(wrong.value)

    def test_of_a_sensitive_payload_with_more_values_than_are_looked_for(
        self, producer: FakeProducer, message: Message
    ) -> None:
        cards = [f"4111{number:04}" for number in range(3000)]
        message |= {"security_level": "sensitive", "payload": {"cards": cards}}
        producer.answers += [ProducerAnswer(400, f"No such cards: {' '.join(cards)}")]
        with pytest.raises(RefusedError) as refused:
            send_to_producer(producer.url, message)
        assert not [card for card in cards if card in str(refused.value)]

    def test_a_sensitive_message_is_told_why_it_was_refused(
        self, producer: FakeProducer, message: Message
    ) -> None:
        message |= {"security_level": "sensitive"}
        producer.answers.append(ProducerAnswer(400, "The channel email is closed."))
        with pytest.raises(RefusedError, match="The channel email is closed"):
            send_to_producer(producer.url, message)


def test_what_is_no_json_is_not_sent(producer: FakeProducer, message: Message) -> None:
    with pytest.raises(TypeError, match="not JSON serializable"):
        send_to_producer(producer.url, {**message, "payload": {"at": object()}})
    nested: list[Any] = []
    for _ in range(500_000):
        nested = [nested]
    with pytest.raises(ValueError, match="nested too deeply"):
        send_to_producer(producer.url, {**message, "payload": {"deep": nested}})
    with pytest.raises(ValueError, match=r"has 7,\d\d\d,\d\d\d bytes .* takes 6,291,456 at most"):
        send_to_producer(producer.url, {**message, "payload": {"big": "x" * 7_000_000}})
    assert producer.calls == []


def test_errors_are_those_that_the_documentation_names() -> None:
    for error in (AnswerError, CredentialsError, RefusedError, UnreachableError):
        assert issubclass(error, SendError)
    assert issubclass(SendError, RuntimeError)
    assert not issubclass(ConfigError, (RuntimeError, ValueError))


def test_importing_reads_nothing_and_loads_nothing_heavy(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("AWS_REGION=nowhere-1\n")
    code = (
        "import os, sys\n"
        "from kindo_message_client import config, errors, producer, signer\n"
        "heavy = {'httpx', 'botocore', 'boto3', 'jsonschema', 'stamina', 'dotenv', 'ssl'}\n"
        "print(sorted(heavy & set(sys.modules)), 'AWS_REGION' in os.environ)\n"
        "print(config.AWS_REGION, config.AWS_SERVICE, config.KINDO_MESSAGE_BEHAVIOR)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["[] False", "nowhere-1 lambda instant"]


def test_an_answer_that_a_test_made_up_is_told(message: Message) -> None:
    for refusing in (SimpleNamespace(status_code=400, text="no"), answering("no", 400)):
        with (
            patch.object(client, "signed_post", return_value=refusing),
            pytest.raises(RefusedError, match=r"^Failed to send message: 400 no$"),
        ):
            send_to_producer("https://example.test", message)
