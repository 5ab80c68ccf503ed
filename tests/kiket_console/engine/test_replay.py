from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from kiket_console.engine import replay
from kiket_console.errors import ConsoleError
from kiket_console.model import Body, Detail, Exchange, Headers, Message, Source, State
from kiket_sdk import _signing

if TYPE_CHECKING:
    from kiket_console.engine.ports import Delivery

SECRET = "a-webhook-secret-of-24-bytes"
RECORDED: Headers = (
    ("host", "localhost:8700"),
    ("X-Kiket-Event", "issue.created"),
    ("x-kiket-delivery", "dlv_old"),
    ("x-kiket-signature", "00ff"),
    ("x-kiket-timestamp", "2026-01-01T00:00:00Z"),
    ("webhook-id", "dlv_old"),
    ("webhook-timestamp", "1700000000"),
    ("webhook-signature", "v1,AA=="),
    ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    ("authorization", "Bearer [redacted]"),
    ("content-length", "7"),
    ("x-other", "1"),
    ("X-Kiket-Console-Hop", "1"),
)


def recorded(source: Source = Source.WEBHOOK) -> Detail:
    exchange = Exchange(
        7, 1, source, "marketing", "issue.created", "v1", "POST",
        "/v/v1/webhooks/issue.created?a=1", 1, State.FORWARDED, 200, 1, 7, "ok k0", "t",
        None, False, None, 1, False,
    )  # fmt: skip
    return Detail(exchange, Message(RECORDED, Body(b"{}")), None, (), ())


def value(delivery: Delivery, name: str) -> str:
    [found] = [value for key, value in delivery.headers if key.lower() == name]
    return found


def names(delivery: Delivery) -> list[str]:
    return [name.lower() for name, _ in delivery.headers]


def composed(payload: Any = None, **options: Any) -> Delivery:
    values: dict[str, Any] = {
        "dialect": "k0",
        "secret": SECRET,
        "platform_url": "http://127.0.0.1:9",
        "secrets": {},
    }
    return replay.compose("issue.created", "v1", payload, **(values | options))


@pytest.mark.parametrize("dialect", ["k0", "kr", "k1", "sw1"])
def test_a_resigned_delivery_verifies_now_in_its_dialect(dialect: str) -> None:
    delivery = replay.resigned(recorded(), b'{"n":1}', dialect, SECRET)

    verdict = _signing.verify([SECRET], b'{"n":1}', delivery.headers, accept=[dialect])

    assert (verdict.ok, verdict.dialect) == (True, dialect)
    assert delivery.raw_body == b'{"n":1}'
    assert (delivery.replay_of, delivery.signature_word) == (7, "re-signed")
    assert delivery.path == "/v/v1/webhooks/issue.created?a=1"
    assert (delivery.extension, delivery.event, delivery.version) == (
        "marketing",
        "issue.created",
        "v1",
    )


def test_a_resigned_delivery_has_a_new_id_and_trace_and_keeps_the_rest() -> None:
    delivery = replay.resigned(recorded(), b"{}", "k0", SECRET)

    assert value(delivery, "x-kiket-delivery") == value(delivery, "webhook-id") != "dlv_old"
    assert "traceparent" not in names(delivery)
    assert delivery.headers[:3] == (
        ("host", "localhost:8700"),
        ("X-Kiket-Event", "issue.created"),
        ("x-other", "1"),
    )


def test_an_exact_replay_changes_nothing_but_what_was_never_stored() -> None:
    """And it is no loop, even if what it repeats was one."""
    delivery = replay.exact(recorded(), b"{}")

    left_out = {"authorization", "X-Kiket-Console-Hop"}
    assert delivery.headers == tuple(pair for pair in RECORDED if pair[0] not in left_out)
    assert (delivery.replay_of, delivery.signature_word) == (7, None)


@pytest.mark.parametrize("again", [replay.exact, lambda d, b: replay.resigned(d, b, "k0", SECRET)])
def test_a_call_to_the_platform_is_not_sent_again(again: Any) -> None:
    with pytest.raises(ConsoleError) as refused:
        again(recorded(Source.API), b"{}")

    assert refused.value.message == (
        "Exchange 7 is a call to the platform; only webhooks can be sent again."
    )


def test_a_triggered_delivery_is_signed_twice_over() -> None:
    """k0 for every SDK that there ever was, sw1 for those that want the time signed."""
    delivery = composed()

    for dialect in ("k0", "sw1"):
        verdict = _signing.verify([SECRET], delivery.raw_body, delivery.headers, accept=[dialect])
        assert (verdict.ok, verdict.dialect) == (True, dialect)
    assert delivery.path == "/v/v1/webhooks/issue.created"
    assert value(delivery, "x-kiket-event") == "issue.created"
    assert value(delivery, "x-kiket-event-version") == "v1"
    assert value(delivery, "x-kiket-delivery") == value(delivery, "webhook-id")
    assert value(delivery, "x-kiket-invocation").startswith("inv_")
    assert (value(delivery, "x-kiket-project"), value(delivery, "x-kiket-organization")) == (
        "27",
        "4120",
    )


def test_a_payload_of_the_persons_own_is_sent_as_it_is() -> None:
    delivery = composed({"n": 12345678901234567890123, "ü": [1.5, None]})

    assert delivery.raw_body == '{"n":12345678901234567890123,"ü":[1.5,null]}'.encode()


def test_headers_of_the_persons_own_stand_in_place_of_ours() -> None:
    delivery = composed({}, headers=(("X-Kiket-Signature", "bad"), ("x-more", "1")))

    assert value(delivery, "x-kiket-signature") == "bad"
    assert value(delivery, "x-more") == "1"


def test_secrets_are_filled_in_only_where_the_payload_has_the_envelope() -> None:
    delivery = composed(secrets={"API_KEY": "value-of-the-key", "MISSING": None})

    body = json.loads(delivery.raw_body)
    assert body["secrets"] == {"API_KEY": "value-of-the-key"}
    assert body["secret_status"] == {"missing": ["MISSING"]}
    assert body["api"]["base_url"] == "http://127.0.0.1:9"
    assert "authentication" not in body


def test_without_a_secret_a_delivery_is_unsigned() -> None:
    assert not {"x-kiket-signature", "webhook-signature"} & set(names(composed(secret="")))


def test_a_secret_that_only_sw1_cannot_use_still_signs() -> None:
    delivery = composed(secret="whsec_ this is not base64")

    assert "x-kiket-signature" in names(delivery)
    assert "webhook-signature" not in names(delivery)


def test_an_unknown_dialect_is_a_sentence() -> None:
    with pytest.raises(ConsoleError, match="Unknown signing dialect 'k9'; use one of k0, kr"):
        composed(dialect="k9")


def test_a_payload_that_json_cannot_say_is_a_sentence() -> None:
    with pytest.raises(ConsoleError, match="The payload cannot be written as JSON"):
        composed({"n": float("nan")})
