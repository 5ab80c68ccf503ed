"""The examples of kindo_message_client's pages do what is said around them."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
from tests.docs.blocks import ROOT, block

from kindo_message_client.testing import ProducerAnswer

if TYPE_CHECKING:
    from kindo_message_client.testing import FakeProducer

PAGES = ROOT / "docs" / "kindo"
FIRST = block(PAGES / "README.md", "Send a message")
LOCAL = block(PAGES / "README.md", "Without an AWS account")
MANY = block(PAGES / "how-to.md", "Send many messages")
SIGNING = block(PAGES / "how-to.md", "Choose who signs")
HASHING = block(PAGES / "how-to.md", "Keep a value to yourself")
ERRORS = block(PAGES / "how-to.md", "Know what went wrong")
WAITING = block(PAGES / "how-to.md", "Say how long to wait, and how often to try")
OWN_SCHEMA = block(PAGES / "how-to.md", "Check against a schema of your own")
BY_ARN = block(PAGES / "how-to.md", "Call the function by its ARN")
A_TEST = block(PAGES / "how-to.md", "Test what sends")


@pytest.fixture
def message() -> dict[str, Any]:
    """Return a message that the producer takes."""
    return {"event_type": "e", "message_channel": "c", "behavior": "instant", "payload": {"a": 1}}


def test_a_message_is_sent(producer: FakeProducer, capsys: pytest.CaptureFixture[str]) -> None:
    FIRST.run()
    assert capsys.readouterr().out.split() == producer.tracking_ids


def test_a_script_sends_without_an_aws_account(
    producer: FakeProducer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Python says what it was started with; a test need not start another one."""
    (tmp_path / "python").write_text('#!/bin/sh\nenv | grep -E "^(AWS|KINDO)"; echo "$@"\n')
    (tmp_path / "python").chmod(0o755)
    done = subprocess.run(
        ["sh", "-euc", LOCAL.text],
        env={"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    *lines, started = done.stdout.splitlines()
    given = dict(line.split("=", 1) for line in lines)
    assert started == "send.py"
    assert given["KINDO_MESSAGE_PRODUCER_URL"].endswith("/producer")
    with patch.dict(os.environ, given | {"KINDO_MESSAGE_PRODUCER_URL": producer.url}, clear=True):
        FIRST.run()
    assert capsys.readouterr().out.split() == producer.tracking_ids


def test_many_messages_are_sent(producer: FakeProducer) -> None:
    producer.answers.append(ProducerAnswer(400, "no"))
    few = replace(MANY, text=MANY.text.replace("range(1000)", "range(20)"))
    failed = few.run()["failed"]
    assert [str(error) for _, error in failed] == ["Failed to send message: 400 no"]
    assert len(producer.messages) == 19


def test_who_signs_is_chosen(producer: FakeProducer, message: dict[str, Any]) -> None:
    names = SIGNING.run()
    assert names["send_with"](producer.url, message, "local", "local") == producer.tracking_ids[0]
    files = Path.home() / ".aws"
    files.mkdir()
    (files / "credentials").write_text(
        "[auditor]\naws_access_key_id = local\naws_secret_access_key = local\n"
    )
    assert names["send_as_auditor"](producer.url, message) == producer.tracking_ids[1]
    assert producer.calls[1].verdict.region == "eu-west-1"


def test_a_value_is_kept(producer: FakeProducer) -> None:
    send = HASHING.run()["payment_processed"]
    assert send(producer.url, "1234", 99.5, "a key of sixteen bytes or more")
    assert producer.messages[0]["payload"]["card_last4"].startswith("hmac-sha256:")


def test_each_error_is_told_apart(
    producer: FakeProducer, message: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    send = ERRORS.run()["send"]
    assert send(producer.url, {**message, "x": 1}).startswith("the message is wrong: Invalid")
    assert send("", message).startswith("a setting is wrong: ")
    producer.answers += [ProducerAnswer(500, "no"), ProducerAnswer(body=[1])]
    assert send(producer.url, message) == "500"
    assert send(producer.url, message).startswith("the answer is none: Unexpected response")
    import stamina

    with stamina.set_testing(True):
        assert send("http://127.0.0.1:9", message) == "it did not arrive"
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    assert send(producer.url, message).startswith("403, wrong secret: Check that AWS_SECRET")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert send(producer.url, message).startswith("nobody can sign: ")


def test_a_script_need_not_wait(producer: FakeProducer, message: dict[str, Any]) -> None:
    producer.answers.append(ProducerAnswer(429, "slow down"))
    with pytest.raises(RuntimeError, match="429"):
        WAITING.run()["send_now_or_never"](producer.url, message)


def test_a_schema_of_ones_own_is_used(producer: FakeProducer, message: dict[str, Any]) -> None:
    Path("schemas").mkdir()
    Path("schemas/order.json").write_text('{"required": ["payload", "order"]}')
    with pytest.raises(ValueError, match="'order' is a required property"):
        OWN_SCHEMA.run()["send_checked"](producer.url, message)


def test_a_function_is_called_by_its_arn(producer: FakeProducer, message: dict[str, Any]) -> None:
    assert BY_ARN.run()["send_by_arn"](message) == producer.tracking_ids[0]
    assert producer.calls[0].verdict.region == "ap-southeast-2"


def test_a_test_of_a_reader_passes() -> None:
    A_TEST.run()["test_shipping_is_told"]()
