"""What lets ordinary webhooks in at once lets in nobody whom the whole judgement refuses."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiket_sdk import _ordinary
from kiket_sdk._keys import WebhookSecret, keys_of
from kiket_sdk._ordinary import ordinary
from kiket_sdk._signing import DIALECTS, SKEW_S, sign, verify_sent

if TYPE_CHECKING:
    from collections.abc import Collection

NOW_S = 1_800_000_000.0
SECRET = "whk_0123456789abcdefghijklmnop"
KEYS = keys_of([SECRET])
RAW = b'{"event": "issue.created"}'
ALL = tuple(DIALECTS)
ORDINARY = ("k0", "k1", "sw1")


def headers_of(dialect: str, age_s: float = 0, secret: str = SECRET) -> dict[bytes, bytes]:
    made = sign(dialect, secret, RAW, message_id="msg_1", timestamp=NOW_S - age_s)
    return {name.lower().encode(): value.encode() for name, value in made.items()}


def is_let_in(
    sent: dict[bytes, bytes], raw_body: bytes = RAW, accept: Collection[str] = ALL
) -> bool:
    found = ordinary(KEYS, accept)
    assert found is not None
    with mock.patch.object(_ordinary, "time", SimpleNamespace(time=lambda: NOW_S)):
        if b"x-kiket-signature" in sent:
            return found.include(raw_body, sent)
        return found.include_standard(raw_body, sent)


@pytest.mark.parametrize("dialect", ORDINARY)
def test_a_good_request_is_let_in_where_its_dialect_is_accepted(dialect: str) -> None:
    others = [name for name in ALL if name != dialect]
    for age_s in (-SKEW_S, 0, SKEW_S):
        assert is_let_in(headers_of(dialect, age_s))
        assert not is_let_in(headers_of(dialect, age_s), accept=others)
    for age_s in (-SKEW_S - 1, SKEW_S + 1):
        assert not is_let_in(headers_of(dialect, age_s))
    assert not is_let_in(headers_of(dialect), RAW + b" ")
    assert not is_let_in(headers_of(dialect, secret="another"))
    for name in headers_of(dialect):
        assert not is_let_in(
            {key: value for key, value in headers_of(dialect).items() if key != name}
        )


def test_a_weaker_signature_counts_for_nothing_beside_a_standard_one() -> None:
    for dialect in ("k0", "k1"):
        for name in headers_of("sw1"):
            assert not is_let_in(headers_of(dialect) | {name: b"x"})


ODD = st.one_of(st.binary(max_size=80), st.sampled_from([b"", b"1" * 12, b"v1,", b"a" * 64]))
NAMES = sorted({name for dialect in ALL for name in headers_of(dialect)})


@given(
    st.lists(st.sampled_from(ALL), min_size=1, max_size=2),
    st.integers(-SKEW_S - 2, SKEW_S + 2),
    st.dictionaries(st.sampled_from(NAMES), ODD, max_size=2),
    st.sets(st.sampled_from(ALL)),
    st.sampled_from([RAW, b""]),
)
def test_who_is_let_in_at_once_is_let_in_by_the_whole_judgement(
    dialects: list[str], age_s: int, odd: dict[bytes, bytes], accept: set[str], raw_body: bytes
) -> None:
    sent: dict[bytes, bytes] = {}
    for dialect in dialects:
        sent |= headers_of(dialect, age_s)
    sent |= odd
    if is_let_in(sent, raw_body, accept):
        assert verify_sent(KEYS, raw_body, sent, accept, NOW_S).ok


@pytest.mark.parametrize(
    "secrets",
    [
        (),
        ("one", "two"),
        (WebhookSecret("named", key_id="2026"),),
        ("whsec_not base64",),
        ("whpk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",),
    ],
)
def test_nothing_is_ordinary_where_no_one_secret_decides_at_any_time(
    secrets: tuple[str, ...],
) -> None:
    assert ordinary(keys_of(secrets), ALL) is None
