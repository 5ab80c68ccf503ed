from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from kiket_console.engine import replay
from kiket_console.engine.platform.envelope import Surroundings
from kiket_console.engine.ports import Target
from kiket_console.errors import ConsoleError
from kiket_console.model import Body, Detail, Exchange, Headers, Message, Source, State
from kiket_console.sending import head
from kiket_console.wire import Edit
from kiket_sdk import _signing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kiket_console.engine.ports import Delivery

ENVELOPE = {"api", "secrets", "secret_status", "context"}
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


def sent(
    raw_body: bytes = b"{}",
    way: str = "resigned",
    edit: Edit | None = None,
    *,
    dialect: str = "k0",
    secret: str = SECRET,
    linked: bool = True,
) -> Delivery:
    signing = replay.Signing(dialect, secret, way)
    return replay.again(recorded(), raw_body, signing, edit or Edit(), linked=linked)


def judged(delivery: Delivery, accept: Sequence[str] = ("k0", "kr", "k1", "sw1")) -> Any:
    return _signing.verify([SECRET], delivery.raw_body, delivery.headers, accept=accept)


def value(delivery: Delivery, name: str) -> str:
    [found] = [value for key, value in delivery.headers if key.lower() == name]
    return found


def names(delivery: Delivery) -> list[str]:
    return [name.lower() for name, _ in delivery.headers]


def composed(payload: Any = None, **options: Any) -> Delivery:
    dialect, secret = options.pop("dialect", "k0"), options.pop("secret", SECRET)
    around = Surroundings("http://127.0.0.1:9", options.pop("secrets", {}))
    values: dict[str, Any] = {
        "signing": replay.Signing(dialect, secret),
        "surroundings": around,
    }
    return replay.compose("issue.created", "v1", payload, **(values | options))


@pytest.mark.parametrize("dialect", ["k0", "kr", "k1", "sw1"])
def test_a_resigned_delivery_verifies_now_in_its_dialect(dialect: str) -> None:
    delivery = sent(b'{"n":1}', dialect=dialect)

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
    delivery = sent()

    assert value(delivery, "x-kiket-delivery") == value(delivery, "webhook-id") != "dlv_old"
    assert "traceparent" not in names(delivery)
    assert delivery.headers[:3] == (
        ("host", "localhost:8700"),
        ("X-Kiket-Event", "issue.created"),
        ("x-other", "1"),
    )


def test_more_headers_than_a_person_may_send_are_sent_again_as_they_came() -> None:
    many = tuple((f"x-{number}", "1") for number in range(head.MOST_HEADERS + 1))
    message = Message(many, Body(b"{}"))
    detail = msgspec.structs.replace(recorded(), request=message)
    delivery = replay.again(detail, b"{}", replay.Signing("k0", SECRET, "unsigned"))
    assert set(many) <= set(delivery.headers)


def test_an_exact_replay_changes_nothing_but_what_was_never_stored() -> None:
    """And it is no loop, even if what it repeats was one."""
    delivery = sent(way="exact")

    left_out = {"authorization", "X-Kiket-Console-Hop"}
    assert delivery.headers == tuple(pair for pair in RECORDED if pair[0] not in left_out)
    assert (delivery.replay_of, delivery.signature_word) == (7, None)


@pytest.mark.parametrize("way", ["exact", "resigned"])
def test_a_call_to_the_platform_is_not_sent_again(way: str) -> None:
    signing = replay.Signing("k0", SECRET, way)
    with pytest.raises(ConsoleError) as refused:
        replay.again(recorded(Source.API), b"{}", signing)

    assert refused.value.message == (
        "Exchange 7 is a call to the platform; only webhooks can be sent again."
    )


def test_a_message_of_a_module_is_sent_again_by_another_command() -> None:
    with pytest.raises(ConsoleError) as refused:
        replay.again(recorded(Source.IPC), b"{}", replay.Signing("k0", SECRET))

    assert refused.value.message == "Exchange 7 is a message of the module marketing."
    assert refused.value.hint == "`kiket-console ipc replay 7` sends it again."


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


def test_a_payload_of_the_persons_own_keeps_its_digits_and_order_inside_the_envelope() -> None:
    delivery = composed({"n": 12345678901234567890123, "ü": [1.5, None]})

    assert delivery.raw_body.startswith('{"n":12345678901234567890123,"ü":[1.5,null],'.encode())
    assert set(json.loads(delivery.raw_body)) == {"n", "ü", *ENVELOPE}


@pytest.mark.parametrize(
    "payload", [[1], "text", 5, None, b'{"any": bytes}', {"type": "a", "createdAt": "b"}]
)
def test_what_takes_no_envelope_is_sent_as_it_is(payload: Any) -> None:
    sent = composed(payload).raw_body
    if payload is None:  # a sample
        assert "api" in json.loads(sent)
    elif isinstance(payload, bytes):
        assert sent == payload
    else:
        assert json.loads(sent) == payload


def test_headers_of_the_persons_own_stand_in_place_of_ours() -> None:
    delivery = composed({}, headers=(("X-Kiket-Signature", "bad"), ("x-more", "1")))

    assert value(delivery, "x-kiket-signature") == "bad"
    assert value(delivery, "x-more") == "1"


def test_secrets_and_what_is_missing_of_them_are_in_the_envelope() -> None:
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


@pytest.mark.parametrize(
    ("way", "reason", "sentence"),
    [
        ("stale", "stale", "Signature is fine, but the timestamp is 60"),
        ("bad-signature", "mismatch", "do not match"),
        ("unsigned", "unsigned", "no"),
    ],
)
@pytest.mark.parametrize("dialect", ["k0", "kr", "k1", "sw1"])
def test_each_bad_way_fails_for_its_own_reason_in_every_dialect(
    way: str, reason: str, sentence: str, dialect: str
) -> None:
    verdict = judged(sent(way=way, dialect=dialect))

    assert (verdict.ok, verdict.reason.value) == (False, reason)
    assert sentence in verdict.sentence or "does not match" in verdict.sentence


@pytest.mark.parametrize("dialect", ["k0", "kr", "k1", "sw1"])
def test_in_another_dialect_it_is_signed_in_that_one_alone(dialect: str) -> None:
    """Else a receiver that takes a stronger one too would never look at it."""
    delivery = sent(way=dialect)

    assert judged(delivery).dialect == dialect
    assert ("webhook-signature" in names(delivery)) is (dialect == "sw1")
    assert ("x-kiket-signature" in names(delivery)) is (dialect != "sw1")
    assert delivery.signature_word is None, "the list is to say how it was judged"


@pytest.mark.parametrize("way", ["stale", "k1"])
def test_a_way_that_needs_a_secret_says_so(way: str) -> None:
    with pytest.raises(ConsoleError, match="There is no webhook secret to sign with"):
        sent(way=way, secret="")


def test_an_edit_changes_what_it_names_and_nothing_else() -> None:
    edit = Edit(b'{"n":2}', (("X-Other", "2"), ("x-new", "a: b")), version="v2")
    delivery = sent(b'{"n":2}', edit=edit)

    assert (delivery.version, delivery.path) == ("v2", "/v/v2/webhooks/issue.created?a=1")
    assert value(delivery, "x-other") == "2"
    assert value(delivery, "x-new") == "a: b"
    assert value(delivery, "host") == "localhost:8700"
    assert judged(delivery).ok
    assert (delivery.replay_of, delivery.edited) == (7, True)


def test_another_event_goes_to_its_own_path_and_says_so_in_its_header() -> None:
    delivery = sent(edit=Edit(event="issue.updated", version=""))

    assert delivery.path == "/webhooks/issue.updated?a=1"
    assert value(delivery, "x-kiket-event") == "issue.updated"


def test_what_is_sent_with_nothing_changed_is_not_edited() -> None:
    kept = (("x-other", "1"),)

    assert not sent(edit=Edit(b"{}", kept, "issue.created", "v1")).edited
    assert not sent(way="stale").edited
    assert sent(edit=Edit(headers=())).edited


def test_a_header_of_the_persons_own_stands_in_place_of_what_is_made_anew() -> None:
    edit = Edit(headers=(("X-Kiket-Delivery", "dlv_mine"), ("x-kiket-event", "other")))
    delivery = sent(edit=edit)

    assert value(delivery, "x-kiket-delivery") == "dlv_mine"
    assert value(delivery, "x-kiket-event") == "other"


def test_an_exact_replay_of_an_edit_keeps_the_old_signature() -> None:
    delivery = sent(b'{"n":2}', "exact", Edit(b'{"n":2}'))

    assert value(delivery, "x-kiket-signature") == "00ff"
    assert (delivery.raw_body, delivery.edited) == (b'{"n":2}', True)


def test_a_duplicate_names_no_original() -> None:
    delivery = sent(edit=Edit(b"[]"), linked=False)

    assert (delivery.replay_of, delivery.edited, delivery.signature_word) == (None, False, None)


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        (("x-a", "1\r\nx-b: 2"), "The value of x-a has a line break"),
        (("x a", "1"), "'x a' is not a header's name"),
        (("x-a", "\u20ac"), "The value of x-a has characters that HTTP cannot carry"),
    ],
)
def test_a_header_that_http_cannot_carry_is_refused(header: tuple[str, str], sentence: str) -> None:
    with pytest.raises(ConsoleError, match=sentence):
        sent(edit=Edit(headers=(header,)))


def test_a_version_in_the_query_follows_the_edit() -> None:
    original = recorded()
    exchange = msgspec.structs.replace(
        original.exchange, path="/webhooks/issue.created?version=v1&a=1", version="v1"
    )
    detail = msgspec.structs.replace(original, exchange=exchange)
    delivery = replay.again(detail, b"{}", replay.Signing("k0", SECRET), Edit(version="v2"))

    assert delivery.path == "/v/v2/webhooks/issue.created?a=1"


def test_the_secret_is_in_no_words_of_a_signing() -> None:
    assert SECRET not in repr(replay.Signing("k0", SECRET))


def test_headers_are_those_for_the_worker_that_takes_them() -> None:
    """Signed anew where its secret is another; not what is sent exactly, and not without need."""
    other = Target("marketing", "marketing#4", webhook_secret="another-secret-of-24-bytes")
    made = [composed(), sent(b'{"n":1}')]
    for delivery in made:
        same = replace(other, webhook_secret=SECRET)
        assert delivery.headers_for(same) is delivery.headers
        assert delivery.headers_for(replace(other, webhook_secret="")) is delivery.headers
        headers = delivery.headers_for(other)
        assert _signing.verify([other.webhook_secret], delivery.raw_body, headers).ok
        assert [name for name, _ in headers] == [name for name, _ in delivery.headers]
        assert dict(headers)["x-kiket-delivery"] == value(delivery, "x-kiket-delivery")
    exact = sent(b'{"n":1}', way="exact")
    assert exact.headers_for(other) is exact.headers


def test_a_secret_that_cannot_sign_leaves_a_delivery_as_it_was() -> None:
    delivery = composed(dialect="sw1")
    unusable = Target("marketing", "marketing#4", webhook_secret="whsec_no base64!")
    assert delivery.headers_for(unusable) is delivery.headers
