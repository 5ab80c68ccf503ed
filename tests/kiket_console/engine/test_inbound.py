"""What others post for an extension, and what it is told of it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from kiket_console.engine.addresses import Addresses
from kiket_console.engine.inbound import BODY_BYTES, Inbound, Posted
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.sending.head import HOP
from kiket_console.wire import Result

if TYPE_CHECKING:
    from pathlib import Path

    from kiket_console.model import Headers


class Sent:
    """What is delivered, and what becomes of it."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, dict[str, Any]]] = []
        self.failure: ConsoleError | None = None
        self.status = 200

    async def deliver_unattended(
        self, extension: str, event: str, payload: dict[str, Any]
    ) -> Result:
        if self.failure is not None:
            raise self.failure
        self.events.append((extension, event, payload))
        return Result(41, "forwarded", self.status, 5, "")


@pytest.fixture
def addresses(tmp_path: Path) -> Addresses:
    return Addresses(tmp_path / "addresses.json", "http://127.0.0.1:8700")


@pytest.fixture
def sent() -> Sent:
    return Sent()


@pytest.fixture
def inbound(addresses: Addresses, sent: Sent) -> Inbound:
    return Inbound(addresses, sent)


def posted(
    addresses: Addresses, raw: bytes = b"", *headers: tuple[str, str], **changes: Any
) -> Posted:
    url = addresses.url("pager", "pager_ack").removeprefix("http://127.0.0.1:8700")
    values: dict[str, Any] = {
        "token": url.split("/")[3],
        "action": "pager_ack",
        "method": "POST",
        "target": f"{url}?region=nz&x=1&x=2",
        "headers": (("Host", "tunnel.example"), ("User-Agent", "PagerVendor/3.2"), *headers),
        "raw_body": raw,
    }
    return Posted(**(values | changes))


JSON: Headers = (("Content-Type", "application/json; charset=utf-8"),)


async def test_it_becomes_an_event_that_tells_the_extension_all_of_it(
    inbound: Inbound, addresses: Addresses, sent: Sent
) -> None:
    answer = await inbound.take(
        posted(addresses, b'{"page":"pg_77"}', *JSON, ("X-A", "1"), ("x-a", "2"))
    )

    assert (answer.status, json.loads(answer.raw_body)) == (
        202,
        {"status": "accepted", "exchange": 41},
    )
    [(extension, event, payload)] = sent.events
    assert (extension, event) == ("pager", "external.webhook.pager_ack")
    assert payload["event"] == event
    assert payload["action"] == "pager_ack"
    assert datetime.fromisoformat(payload["received_at"]).tzinfo is not None
    url = payload["external_webhook"].pop("original_url")
    assert url.startswith("http://tunnel.example/webhooks/ext/")
    assert url.endswith("/pager_ack?region=nz&x=1&x=2")
    assert payload["external_webhook"] == {
        "body": {"page": "pg_77"},
        "headers": {
            "host": "tunnel.example",
            "user-agent": "PagerVendor/3.2",
            "content-type": "application/json; charset=utf-8",
            "x-a": "1, 2",
        },
        "content_type": "application/json; charset=utf-8",
        "method": "POST",
        "query_params": {"region": "nz", "x": ["1", "2"]},
    }


@pytest.mark.parametrize(
    ("kind", "raw", "body"),
    [
        ("application/json", b"[1, 2]", [1, 2]),
        ("application/vnd.pager+json", b'"a"', "a"),
        ("application/json", b"{not json", "{not json"),
        ("application/json", b"NaN", "NaN"),
        ("application/json", b'{"n": 1e999}', '{"n": 1e999}'),
        ("application/json", b"[" * 100_000, "[" * 100_000),
        (
            "application/x-www-form-urlencoded",
            b"a=1&b=%20&a=2&c=",
            {"a": ["1", "2"], "b": " ", "c": ""},
        ),
        ("application/x-www-form-urlencoded", b"a=1&" * 2000, {}),
        ("text/plain", b'{"a": 1}', '{"a": 1}'),
        ("", b"", ""),
        ("image/png", b"\x89PNG\xff", "\ufffdPNG\ufffd"),
    ],
)
async def test_a_body_is_decoded_where_it_says_what_it_is(
    inbound: Inbound, addresses: Addresses, sent: Sent, kind: str, raw: bytes, body: object
) -> None:
    await inbound.take(posted(addresses, raw, ("content-type", kind)))

    assert sent.events[0][2]["external_webhook"]["body"] == body


async def test_others_are_not_told_what_the_extension_answered(
    inbound: Inbound, addresses: Addresses, sent: Sent
) -> None:
    sent.status = 500

    assert (await inbound.take(posted(addresses))).status == 202


async def test_an_address_that_is_nobodys_is_refused(
    inbound: Inbound, addresses: Addresses, sent: Sent
) -> None:
    answer = await inbound.take(posted(addresses, token="guessed"))

    assert (answer.status, sent.events) == (404, [])


async def test_what_is_too_large_is_refused(
    inbound: Inbound, addresses: Addresses, sent: Sent
) -> None:
    answer = await inbound.take(posted(addresses, b"x" * (BODY_BYTES + 1)))

    assert (answer.status, sent.events) == (413, [])


async def test_a_loop_ends_where_it_closes(
    inbound: Inbound, addresses: Addresses, sent: Sent
) -> None:
    answer = await inbound.take(posted(addresses, b"", (HOP, "1")))

    assert (answer.status, sent.events) == (508, [])


@pytest.mark.parametrize(("exit_code", "status"), [(ExitCode.USAGE, 400), (ExitCode.FAILURE, 503)])
async def test_what_cannot_be_taken_is_said(
    inbound: Inbound, addresses: Addresses, sent: Sent, exit_code: ExitCode, status: int
) -> None:
    sent.failure = ConsoleError("It is full.", exit_code=exit_code)
    answer = await inbound.take(posted(addresses))

    assert answer.status == status
    assert json.loads(answer.raw_body)["error"] == "It is full."
    assert ("retry-after" in dict(answer.headers)) is (status == 503)


def test_the_token_is_in_no_words_of_a_post(addresses: Addresses) -> None:
    found = posted(addresses, target="/")

    assert found.token not in repr(found)
