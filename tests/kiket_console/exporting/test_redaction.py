"""What is left out before others see an exchange, and that nothing else is touched."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiket_console.exporting.redaction import for_others
from kiket_console.model import Body, Detail, Message

if TYPE_CHECKING:
    from tests.kiket_console.exporting.conftest import MakeDetail


def shown(detail: Detail) -> str:
    return for_others(detail).request.body.raw.decode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('{"api_key": "a", "n": 1}', '{"api_key": "[redacted]", "n": 1}'),
        ('{"password" :\n "a\\"b" }', '{"password" :\n "[redacted]" }'),
        ('{"a": {"accessToken": "x"}, "l": [{"secret": "y"}]}',
         '{"a": {"accessToken": "[redacted]"}, "l": [{"secret": "[redacted]"}]}'),
        ('{"token": "[secret:CRM]"}', '{"token": "[secret:CRM]"}'),
        ('{"tokens_used": 12, "token": null}', '{"tokens_used": 12, "token": null}'),
        ('{"key": "KIK-42", "text": "\\"token\\": \\"no\\""}',
         '{"key": "KIK-42", "text": "\\"token\\": \\"no\\""}'),
        ('["token", "a"]', '["token", "a"]'),
        ('{"token": "cut', '{"token": "[redacted]"'),
        ("token=abc", "token=abc"),
    ],
)  # fmt: skip
def test_texts_of_members_with_telling_names_are_left_out(
    make_detail: MakeDetail, before: str, after: str
) -> None:
    assert shown(make_detail(before.encode())) == after


def test_headers_and_parameters_are_left_out_by_their_names(make_detail: MakeDetail) -> None:
    headers = (("X-Kiket-Signature", "00ff"), ("X-Api-Key", "k"), ("X-Kiket-Event", "e"))
    found = for_others(make_detail(headers=headers, path="/x?api_key=k&b=2&c"))
    assert found.request.headers == (
        ("X-Kiket-Signature", "[redacted]"), ("X-Api-Key", "[redacted]"), ("X-Kiket-Event", "e"),
    )  # fmt: skip
    assert found.exchange.path == "/x?api_key=[redacted]&b=2&c"


def test_parameters_of_addresses_in_headers_are_left_out_too(make_detail: MakeDetail) -> None:
    headers = (("Referer", "https://a.example/x?token=k&b=2"), ("Link", "<https://b/?token=k>; x"))
    assert for_others(make_detail(headers=headers)).request.headers == (
        ("Referer", "https://a.example/x?token=[redacted]&b=2"),
        ("Link", "<https://b/?token=[redacted]>; x"),
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"client_secret=a%20b&n=1", "client_secret=[redacted]&n=1"),
        (b"n=1&access%5Ftoken=x&", "n=1&access%5Ftoken=[redacted]&"),
        (b"token=[secret:CRM]", "token=[secret:CRM]"),
        (b"text=token", "text=token"),
        (b'{"token": "x"}', '{"token": "x"}'),
    ],
)
def test_fields_of_a_form_are_left_out_by_their_names(
    make_detail: MakeDetail, before: bytes, after: str
) -> None:
    headers = (("Content-Type", "Application/X-WWW-Form-Urlencoded; charset=utf-8"),)
    assert shown(make_detail(before, headers=headers)) == after


def test_a_path_of_question_marks_costs_nothing(make_detail: MakeDetail) -> None:
    path = "/" + "?" * 60_000
    began_s = time.process_time()
    assert for_others(make_detail(path=path)).exchange.path == path
    assert time.process_time() - began_s < 1


def test_where_others_post_is_left_out_wherever_it_stands(make_detail: MakeDetail) -> None:
    """Whoever knows the token of such an address can post to the extension."""
    address = "http://127.0.0.1:4100/webhooks/ext/4YqEtDZffyPVDNlNiw3BN1_g/push?n=1"
    without = "http://127.0.0.1:4100/webhooks/ext/[redacted]/push?n=1"
    raw = json.dumps({"external_webhook": {"original_url": address}}).encode()
    found = for_others(make_detail(raw, headers=(("Referer", address),)))

    assert json.loads(found.request.body.raw) == {"external_webhook": {"original_url": without}}
    assert found.request.headers == (("Referer", without),)


def test_bytes_that_are_no_text_stay_as_they_are(make_detail: MakeDetail) -> None:
    detail = make_detail(b'\xff{"token": "a"}')
    assert for_others(detail).request.body == detail.request.body


documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=4) | st.just("token"), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(document=documents)
def test_json_stays_json_and_only_telling_members_change(document: object) -> None:
    def expected(value: object, key: str = "") -> object:
        if isinstance(value, dict):
            return {name: expected(member, name) for name, member in value.items()}
        if isinstance(value, list):
            return [expected(item) for item in value]
        marked = isinstance(value, str) and "[redacted]" in value
        return "[redacted]" if isinstance(value, str) and key == "token" and not marked else value

    from tests.kiket_console.exporting.conftest import EXCHANGE

    raw = json.dumps({"a": document}).encode()
    detail = Detail(EXCHANGE, Message((), Body(raw, len(raw))), None, (), ())
    assert json.loads(shown(detail)) == {"a": expected(document)}
