"""The documentation that the message client began with holds, word for word."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NotRequired, TypedDict, get_type_hints

import pytest
from tests.docs.blocks import SEED_KINDO, Block, block

from kindo_message_client import config
from kindo_message_client.producer import ProducerPayload, send_to_producer
from kindo_message_client.testing import ProducerAnswer

if TYPE_CHECKING:
    from kindo_message_client.testing import FakeProducer

INSTALL = block(SEED_KINDO, "Install Dependencies")
ENVIRONMENT = block(SEED_KINDO, "Environment Variables")
BASIC = block(SEED_KINDO, "Basic Example")
ADVANCED = block(SEED_KINDO, "Advanced Example with Custom Configuration")
PAYLOAD = block(SEED_KINDO, "Message Structure")
SCHEMA = block(SEED_KINDO, "Message Schema")
ERRORS = block(SEED_KINDO, "Error Handling")
TESTING = block(SEED_KINDO, "Testing")
NOTIFICATION = block(SEED_KINDO, "Notification System")
EVENT_LOGGING = block(SEED_KINDO, "Event Logging")

URL = "https://your-lambda-function-url.amazonaws.com"


def for_reader(example: Block, producer: FakeProducer) -> Block:
    """Put the reader's own address into an example, and nothing else."""
    return replace(example, text=example.text.replace(URL, producer.url))


def test_the_basic_example_sends(
    producer: FakeProducer, capsys: pytest.CaptureFixture[str]
) -> None:
    names = for_reader(BASIC, producer).run()
    [tracking_id] = producer.tracking_ids
    assert capsys.readouterr().out == f"Message sent successfully. Tracking ID: {tracking_id}\n"
    assert producer.messages == [{**names["message"], "security_level": "normal"}]
    assert send_to_producer(producer.url, names["sensitive_message"]) == producer.tracking_ids[1]
    assert producer.messages[1] == names["sensitive_message"]


def test_the_basic_example_says_what_is_wrong(
    producer: FakeProducer, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = replace(BASIC, text=BASIC.text.replace('"behavior": "instant"', '"behavior": "later"'))
    for_reader(wrong, producer).run()
    producer.answers.append(ProducerAnswer(500, "the queue is full"))
    for_reader(BASIC, producer).run()
    refused, failed = capsys.readouterr().out.splitlines()
    assert refused.startswith("Validation error: Invalid message structure: 'later' is not one of")
    assert failed == "Send error: Failed to send message: 500 the queue is full"


def test_the_advanced_example_signs_for_its_region(producer: FakeProducer) -> None:
    assert for_reader(ADVANCED, producer).run()["tracking_id"] == producer.tracking_ids[0]
    assert producer.calls[0].verdict.region == "us-east-1"


def test_the_env_file_is_understood(producer: FakeProducer) -> None:
    for name in ("KINDO_MESSAGE_PRODUCER_URL", "AWS_REGION", "AWS_SERVICE"):
        os.environ.pop(name, None)
    Path(".env").write_text(ENVIRONMENT.text)
    assert config.KINDO_MESSAGE_PRODUCER_URL == URL
    assert config.KINDO_MESSAGE_BEHAVIOR == "instant"
    assert config.AWS_REGION == "ap-southeast-2"
    assert config.AWS_SERVICE == "lambda"


def test_the_payload_has_the_documented_fields_and_more_behaviors() -> None:
    shown = PAYLOAD.run(TypedDict=TypedDict, Literal=Literal, NotRequired=NotRequired)
    documented = get_type_hints(shown["ProducerPayload"])
    ours = get_type_hints(ProducerPayload)
    assert list(ours) == list(documented)
    assert shown["ProducerPayload"].__required_keys__ == ProducerPayload.__required_keys__
    assert set(documented["behavior"].__args__) < set(ours["behavior"].__args__)


def test_the_schema_has_the_documented_fields() -> None:
    schema = json.loads(Path(config.SCHEMA_PATH).read_text())
    documented = json.loads(SCHEMA.text)
    assert set(documented) == set(schema["properties"])
    levels = documented["security_level"].split("|")
    assert sorted(levels) == sorted(schema["properties"]["security_level"]["enum"])


@pytest.mark.parametrize(
    ("message", "url", "said"),
    [
        ({}, None, "Invalid message format: Invalid message structure: 'event_type' is a"),
        ("whole", None, "Failed to send message: Failed to send message: 503 closed"),
        (
            "whole",
            "http://127.0.0.1:9",
            "Failed to send message: The producer at 127.0.0.1 cannot be",
        ),
        ("whole", "http://example.test", "Unexpected error: The producer's URL http://example"),
    ],
    ids=["message", "answer", "network", "configuration"],
)
def test_each_error_arrives_where_it_is_documented(
    producer: FakeProducer,
    capsys: pytest.CaptureFixture[str],
    message: Any,
    url: str | None,
    said: str,
) -> None:
    import stamina

    whole = {"event_type": "e", "message_channel": "c", "behavior": "instant", "payload": {}}
    producer.answers.append(ProducerAnswer(503, "closed"))
    with stamina.set_testing(True):
        ERRORS.run(
            send_to_producer=send_to_producer,
            url=url or producer.url,
            message=whole if message == "whole" else message,
        )
    assert capsys.readouterr().out.startswith(said)


@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")
def test_the_notification_system_sends(producer: FakeProducer) -> None:
    sends = NOTIFICATION.run(PRODUCER_URL=producer.url)["send_user_notification"]
    assert sends("1", "Hello", "sms") == producer.tracking_ids[1]
    first, second = producer.messages
    assert (first["security_level"], first["payload"]["user_id"]) == ("sensitive", "12345")
    assert (second["security_level"], second["message_channel"]) == ("normal", "sms")


@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")
def test_the_event_logging_sends(producer: FakeProducer) -> None:
    log = EVENT_LOGGING.run(PRODUCER_URL=producer.url)["log_system_event"]
    assert log("started", {"pid": 1}) == producer.tracking_ids[0]
    assert producer.messages[0]["event_type"] == "system.started"


PIP = '#!/bin/sh\nprintf "%s\\n" "$*" >> "$PIP_WAS_ASKED"\n'


def test_installing_and_testing(tmp_path: Path) -> None:
    """The installer writes down what it is asked for: tests install nothing."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "pip").write_text(PIP)
    (tools / "pip").chmod(0o755)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_it.py").write_text(
        "from kindo_message_client.producer import send_to_producer\n\n\n"
        "def test_it():\n    assert send_to_producer\n"
    )
    path = os.pathsep.join([str(tools), str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["sh", "-euc", INSTALL.text + TESTING.text],
        cwd=tmp_path,
        env={**os.environ, "PATH": path, "PIP_WAS_ASKED": str(tmp_path / "asked")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 passed" in done.stdout, done.stderr
    assert (tmp_path / "asked").read_text() == "install -r requirements.txt\n"
