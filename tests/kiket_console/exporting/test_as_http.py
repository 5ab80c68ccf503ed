"""Messages of modules leave the program as the HTTP that they carry, or as commands."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from kiket_console.errors import ConsoleError
from kiket_console.exporting.as_http import as_http
from kiket_console.exporting.commands import Urls, base_url, curl
from kiket_console.exporting.files import Recorded, made
from kiket_console.exporting.pieces import pieces
from kiket_console.model import Source

if TYPE_CHECKING:
    from tests.kiket_console.exporting.conftest import MakeDetail

    from kiket_console.model import Detail

URLS = Urls("http://127.0.0.1:8700", "http://127.0.0.1:9000")
BODY = b'{"total":1204}'


@pytest.fixture
def request_(make_detail: MakeDetail) -> Detail:
    """Return an HTTP request that went to a module over standard input."""
    message = {
        "op": "http_request", "request_id": "h-1", "method": "POST", "uri": "/invoices",
        "headers": {"cookie": "[secret:cookie]", "x-page": "2"}, "body": list(BODY),
    }  # fmt: skip
    reply = {"content": {"request_id": "h-1", "status_code": 201, "body": list(b'{"id":7}')}}
    return make_detail(
        json.dumps(message, separators=(",", ":")).encode(), answer=json.dumps(reply).encode(),
        headers=(("cookie", "[redacted]"), ("x-page", "2")), source=Source.IPC, worker="billing",
        name="http_request", version="", path="/invoices", kind="req", direction="in",
        channel="stdio", status=201, signature="", replay_of=None,
    )  # fmt: skip


@pytest.fixture
def announce(make_detail: MakeDetail) -> Detail:
    """Return a message that is no HTTP."""
    return make_detail(
        b'{"op":"announce"}', headers=(), source=Source.IPC, worker="billing", name="announce",
        method="", path="", kind="notify", direction="out", channel="stdio", status=None,
    )  # fmt: skip


def test_a_request_to_a_module_is_one_to_the_gateway(request_: Detail) -> None:
    told = curl(as_http(request_), base_url(request_, URLS))

    assert told.text.startswith("curl -i")
    assert "http://127.0.0.1:8700/m/billing/invoices" in told.text
    assert f"--data-raw '{BODY.decode()}'" in told.text
    assert "x-page: 2" in told.text
    assert "cookie" not in told.text


def test_an_archive_has_what_the_message_and_its_reply_carry(
    request_: Detail, announce: Detail
) -> None:
    archive = json.loads(made("har", [Recorded(request_, ()), Recorded(announce, ())], URLS))

    [entry] = archive["log"]["entries"]
    assert entry["request"]["postData"]["text"] == BODY.decode()
    assert entry["response"]["content"]["text"] == '{"id":7}'


def test_what_can_be_copied_are_the_bodies_and_the_command_that_sends_it(request_: Detail) -> None:
    found = {piece.key: piece.text for piece in pieces(Recorded(request_, ()), URLS)}

    assert (found["d"], found["D"]) == (BODY.decode(), '{"id":7}')
    assert found["u"] == "http://127.0.0.1:8700/m/billing/invoices"
    assert found["k"] == (
        "kiket-console ipc send billing http_request --channel stdio --data "
        '\'{"op":"http_request","request_id":"h-1","method":"POST","uri":"/invoices",'
        '"headers":{"x-page":"2"},"body":{"json": {"total":1204}}}\''
    )


def test_what_is_no_http_is_left_out_where_nothing_else_can_be(
    request_: Detail, announce: Detail
) -> None:
    alone, both = [Recorded(announce, ())], [Recorded(announce, ()), Recorded(request_, ())]

    for name in ("har", "curl"):
        with pytest.raises(ConsoleError, match="HTTP request"):
            made(name, alone, URLS)
    assert b"# 1204 announce v2: no HTTP request" in made("curl", both, URLS)
    assert b"announce" in made("markdown", alone, URLS)
    assert made("bundle", alone, URLS)
    assert not {"c", "k", "u", "d"} & {piece.key for piece in pieces(alone[0], URLS)}


def test_a_report_shows_bodies_as_they_are_read(request_: Detail) -> None:
    told = made("markdown", [Recorded(request_, ())], URLS).decode()

    assert '"total": 1204' in told
    assert "123,34,116" not in "".join(told.split()), "the body's bytes, as the message has them"


def test_deliveries_stay_what_they_are(make_detail: MakeDetail) -> None:
    detail = make_detail()

    assert as_http(detail) is detail
