"""What lets ordinary webhooks in at once lets in nobody whom the whole judgement refuses."""

from __future__ import annotations

from datetime import UTC, datetime
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
    from collections.abc import Collection, Sequence

    from kiket_sdk._keys import Term

NOW_S = 1_800_000_000.0
SECRET = "whk_0123456789abcdefghijklmnop"
OTHER = "whk_abcdefghijklmnop0123456789"
RAW = b'{"event": "issue.created"}'
ALL = tuple(DIALECTS)
ORDINARY = ("k0", "k1", "sw1")


def headers_of(dialect: str, age_s: float = 0, secret: str = SECRET) -> dict[bytes, bytes]:
    made = sign(dialect, secret, RAW, message_id="msg_1", timestamp=NOW_S - age_s)
    return {name.lower().encode(): value.encode() for name, value in made.items()}


def term_of(
    sent: dict[bytes, bytes],
    raw_body: bytes = RAW,
    accept: Collection[str] = ALL,
    secrets: Sequence[str] = (SECRET,),
) -> Term | None:
    with mock.patch.object(_ordinary, "time", SimpleNamespace(time=lambda: NOW_S)):
        return ordinary(keys_of(secrets), accept).term_of(raw_body, sent)


def is_let_in(
    sent: dict[bytes, bytes], raw_body: bytes = RAW, accept: Collection[str] = ALL
) -> bool:
    return term_of(sent, raw_body, accept) is not None


def moment(ahead_s: float | None) -> datetime | None:
    return None if ahead_s is None else datetime.fromtimestamp(NOW_S + ahead_s, UTC)


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


@pytest.mark.parametrize("dialect", ORDINARY)
def test_each_of_several_secrets_lets_in_while_it_counts(dialect: str) -> None:
    """While secrets are rotated, those who sign with the old one wait no longer than others."""
    older = WebhookSecret(OTHER, key_id="older", not_after=moment(60))
    found = term_of(headers_of(dialect, secret=OTHER), secrets=(SECRET, older))
    assert found is not None
    assert found.key_id == "older"
    found = term_of(headers_of(dialect), secrets=(SECRET, older))
    assert found is not None
    assert found.key_id == "secret 1"
    for begins_s, ends_s in ((None, -1), (1, None)):
        limited = WebhookSecret(SECRET, not_before=moment(begins_s), not_after=moment(ends_s))
        assert term_of(headers_of(dialect), secrets=(limited, OTHER)) is None


def test_a_weaker_signature_counts_for_nothing_beside_a_standard_one() -> None:
    for dialect in ("k0", "k1"):
        for name in headers_of("sw1"):
            assert not is_let_in(headers_of(dialect) | {name: b"x"})


ODD = st.one_of(st.binary(max_size=80), st.sampled_from([b"", b"1" * 12, b"v1,", b"a" * 64]))
NAMES = sorted({name for dialect in ALL for name in headers_of(dialect)})


SECRETS = st.builds(
    lambda text, key_id, begins_s, ends_s: WebhookSecret(
        text, key_id=key_id, not_before=moment(begins_s), not_after=moment(ends_s)
    ),
    st.sampled_from(
        [
            SECRET,
            OTHER,
            "whsec_not base64",
            "whpk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            " ",
        ]
    ),
    st.sampled_from([None, "spring"]),
    st.sampled_from([None, -1, 0, 1]),
    st.sampled_from([None, -1, 0, 1]),
)


@given(
    st.lists(st.sampled_from(ALL), min_size=1, max_size=2),
    st.integers(-SKEW_S - 2, SKEW_S + 2),
    st.dictionaries(st.sampled_from(NAMES), ODD, max_size=2),
    st.sets(st.sampled_from(ALL)),
    st.sampled_from([RAW, b""]),
    st.one_of(st.just([SECRET]), st.lists(SECRETS, max_size=3)),
)
def test_who_is_let_in_at_once_is_let_in_by_the_whole_judgement(
    dialects: list[str],
    age_s: int,
    odd: dict[bytes, bytes],
    accept: set[str],
    raw_body: bytes,
    secrets: list[str],
) -> None:
    sent: dict[bytes, bytes] = {}
    for dialect in dialects:
        sent |= headers_of(dialect, age_s)
    sent |= odd
    found = term_of(sent, raw_body, accept, secrets)
    if found is not None:
        verdict = verify_sent(keys_of(secrets), raw_body, sent, accept, NOW_S)
        assert verdict.ok
        assert verdict.key_id == found.key_id


def test_nothing_is_ordinary_where_there_is_no_secret() -> None:
    for secrets in ((), (" ",), ("whpk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",)):
        for dialect in ORDINARY:
            assert term_of(headers_of(dialect), secrets=secrets) is None
