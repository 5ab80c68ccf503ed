"""The bundled script sends what it says, and keeps to itself what it has to."""

from __future__ import annotations

import json
import os
import runpy
import shutil
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest

from kindo_message_client._schema import validate
from kindo_message_client.testing import FakeProducer, ProducerAnswer, fake_producer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SAMPLE = Path(__file__).parents[2] / "assets" / "samples" / "producer"


@pytest.fixture
def producer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeProducer]:
    """Be in a copy of the sample, as its README says, with the address of this producer."""
    folder = shutil.copytree(SAMPLE, tmp_path / "producer")
    monkeypatch.chdir(folder)
    Path("env.example").rename(".env")
    with fake_producer() as producer, patch.dict(os.environ):
        for name in [name for name in os.environ if name.startswith(("AWS_", "KINDO_"))]:
            del os.environ[name]
        os.environ |= {"HOME": str(tmp_path), "KINDO_MESSAGE_PRODUCER_URL": producer.url}
        yield producer


def run() -> int:
    """Run the script as a person does; return its status."""
    main: Callable[[str], int] = runpy.run_path("notify.py")["main"]
    return main("orders.json")


def test_every_order_becomes_a_message(
    producer: FakeProducer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run() == 0
    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [line[1] for line in printed] == [each["event_type"] for each in producer.messages]
    assert [line[2] for line in printed] == producer.tracking_ids
    paid = producer.messages[0]
    assert paid["security_level"] == "sensitive"
    [order] = [each for each in json.loads(Path("orders.json").read_text()) if "amount" in each]
    hashed = paid["payload"].pop("credit_card_last4")
    assert hashed.startswith("hmac-sha256:")
    assert paid["payload"] == {"order_id": order["id"], "amount": order["amount"]}


def test_a_refusal_is_told_and_the_others_go_out(
    producer: FakeProducer, capsys: pytest.CaptureFixture[str]
) -> None:
    producer.answers.append(ProducerAnswer(400, "closed"))
    assert run() == 1
    assert capsys.readouterr().err == "A-17  Failed to send message: 400 closed\n"
    assert len(producer.messages) == 2


def test_its_templates_are_messages() -> None:
    templates = sorted((SAMPLE / "messages").glob("*.json"))
    assert len(templates) == 2
    for template in templates:
        validate(json.loads(template.read_text("utf-8")))
