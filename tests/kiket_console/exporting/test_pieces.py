"""What can be copied of exchanges: each by a key of its own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from kiket_console.exporting.commands import Urls
from kiket_console.exporting.files import Recorded
from kiket_console.exporting.pieces import pieces, pieces_of_several
from kiket_console.model import Source

if TYPE_CHECKING:
    from tests.kiket_console.exporting.conftest import MakeDetail

URLS = Urls("http://127.0.0.1:8700", "http://127.0.0.1:8701")


def test_every_piece_has_a_key_of_its_own_and_its_text(make_detail: MakeDetail) -> None:
    detail = make_detail(b'{"a": 1}')
    found = pieces(Recorded(detail), URLS, path="$.a", raw_value=b"1")
    texts = {piece.key: piece.text for piece in found}
    assert len(texts) == len(found)
    assert texts["b"] == '{"a": 1}'
    assert texts["r"] == '{"ok": true}'
    assert texts["h"].startswith("Host: 127.0.0.1:8700\nContent-Type: application/json")
    assert texts["u"] == "http://127.0.0.1:8700/v/v2/webhooks/issue.updated?a=1"
    assert (texts["i"], texts["n"], texts["t"]) == ("d0b6f1b2", "1204", detail.exchange.trace_id)
    assert (texts["p"], texts["v"]) == ("$.a", "1")
    assert json.loads(texts["j"])["id"] == 1204
    assert texts["c"].startswith("curl -i")


def test_what_is_not_there_is_not_offered(make_detail: MakeDetail) -> None:
    detail = make_detail(b"", headers=(), source=Source.IPC, path="", trace_id="", answer=b"")
    keys = {piece.key for piece in pieces(Recorded(detail), URLS)}
    assert keys == {"H", "n", "j", "m"}


def test_bytes_are_copied_in_base64_and_it_is_said(make_detail: MakeDetail) -> None:
    found = {piece.key: piece for piece in pieces(Recorded(make_detail(b"\xff")), URLS)}
    assert (found["b"].text, found["b"].what) == ("/w==", "The request body (base64)")


def test_forms_for_others_leave_out_what_looks_like_a_secret(make_detail: MakeDetail) -> None:
    detail = make_detail(b'{"token": "hunter2"}')
    for redact in (True, False):
        found = {each.key: each.text for each in pieces(Recorded(detail), URLS, redact=redact)}
        assert ("hunter2" in found["j"], "hunter2" in found["m"]) == (not redact, not redact)
        assert "hunter2" in found["b"]


def test_several_are_copied_one_after_the_other(make_detail: MakeDetail) -> None:
    recorded = [Recorded(make_detail(id=1)), Recorded(make_detail(id=2, dialect="k0"))]
    found = {piece.key: piece for piece in pieces_of_several(recorded, URLS)}
    assert found["n"].text == "1 2"
    assert found["c"].text.count("curl -i") == 2
    assert len(found["c"].notes) == 1
    assert [json.loads(line)["id"] for line in found["j"].text.splitlines()] == [1, 2]
