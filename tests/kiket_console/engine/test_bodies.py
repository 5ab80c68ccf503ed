from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiket_console.engine import bodies
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.model import Body, SecretReference
from kiket_core.secret import Redactor

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

SECRETS = {
    "API_TOKEN": "tok-Zürich/1234+56",
    "PAGER": 'p&ger "quoted" value',
    "PIN": "4711",
}


def knowing(secrets: dict[str, str]) -> Redactor:
    redactor = Redactor()
    for name, value in secrets.items():
        redactor.add(name, value)
    return redactor


def values(secrets: dict[str, str]) -> Callable[[str], Awaitable[str | None]]:
    async def value_of(name: str) -> str | None:
        return secrets.get(name)

    return value_of


spelled = st.sampled_from(list(SECRETS.values())).flatmap(
    lambda value: st.sampled_from(
        [
            value.encode(),
            json.dumps(value)[1:-1].encode(),
            json.dumps(value, ensure_ascii=False)[1:-1].encode(),
            value.encode().hex().encode(),
        ]
    )
)
pieces = st.one_of(
    spelled, st.binary(max_size=30), st.sampled_from([b"[secret:API_TOKEN]", b'"', b" "])
)


@given(st.lists(pieces, max_size=12).map(b"".join))
async def test_the_bytes_that_were_stored_come_back_exactly(raw: bytes) -> None:
    """Whatever stands around the secrets, and however they are spelled."""
    body = bodies.stored(raw, knowing(SECRETS))

    assert await bodies.original(body, values(SECRETS)) == raw
    assert body.size == len(raw)
    assert body.sha256 == hashlib.sha256(raw).digest()
    for value in (SECRETS["API_TOKEN"], SECRETS["PAGER"]):
        assert value.encode() not in body.raw
        assert json.dumps(value)[1:-1].encode() not in body.raw


def test_a_secret_becomes_a_reference() -> None:
    raw = b'{"token":"a-secret-token","n":1}'

    body = bodies.stored(raw, knowing({"TOKEN": "a-secret-token"}))

    assert body.raw == b'{"token":"[secret:TOKEN]","n":1}'
    assert body.references == (SecretReference(10, 14, "TOKEN"),)


def test_a_known_value_is_left_out_however_short_and_however_escaped() -> None:
    raw = rb'{"value":"h\u0069","other":"hi there","x":"hi"}'

    body = bodies.stored(raw, Redactor(), {"SHORT": "hi"})

    assert body.raw == b'{"value":"[secret:SHORT]","other":"hi there","x":"[secret:SHORT]"}'


async def test_a_value_that_changed_is_refused_by_the_hash() -> None:
    body = bodies.stored(b"x a-secret-token", knowing({"TOKEN": "a-secret-token"}))

    with pytest.raises(ConsoleError) as refused:
        await bodies.original(body, values({"TOKEN": "b-secret-token"}))

    assert refused.value.message == (
        "The body cannot be put together as it came: the value of 'TOKEN' has changed since."
    )
    assert refused.value.exit_code is ExitCode.VERIFICATION


async def test_a_body_goes_out_again_with_secrets_as_they_are_now() -> None:
    """The very bytes that came, unless a secret was rotated since."""
    known = {"TOKEN": "a-secret-token", "KEY": "a-secret-key"}
    raw = b'{"t":"a-secret-token", "k":"a-secret-key", "hex":"%s"}' % b"a-secret-key".hex().encode()
    body = bodies.stored(raw, knowing(known))

    assert await bodies.present(body, values(known)) == raw
    rotated = await bodies.present(body, values(known | {"TOKEN": 'new "one"'}))
    assert json.loads(rotated) == {
        "t": 'new "one"',
        "k": "a-secret-key",
        "hex": "a-secret-key",  # how it was written can be told of the original alone
    }
    with pytest.raises(ConsoleError, match="'TOKEN', which has no value now"):
        await bodies.present(body, values({"KEY": "a-secret-key"}))


async def test_a_value_that_is_gone_is_named() -> None:
    body = bodies.stored(b"x a-secret-token", knowing({"TOKEN": "a-secret-token"}))

    with pytest.raises(ConsoleError, match="'TOKEN', which has no value now"):
        await bodies.original(body, values({}))


async def test_stored_bytes_that_were_altered_are_refused() -> None:
    body = bodies.stored(b"hello", Redactor())
    altered = Body(b"hullo", body.size, body.sha256)

    with pytest.raises(ConsoleError, match="does not match its checksum"):
        await bodies.original(altered, values({}))


async def test_a_body_that_was_cut_cannot_be_sent_again() -> None:
    body = bodies.cut(b"x" * 5000, 1000, Redactor())

    assert (len(body.raw), body.size, body.truncated) == (1000, 5000, True)
    with pytest.raises(ConsoleError, match="Only 1,000 of the body's 5,000 bytes"):
        await bodies.original(body, values({}))


def test_a_cut_never_leaves_half_a_secret() -> None:
    body = bodies.cut(
        b"x" * 10 + b"a-secret-token" + b"y" * 50, 16, knowing({"T": "a-secret-token"})
    )

    assert body.raw == b"x" * 10


class TestEditing:
    async def test_a_marker_that_was_left_becomes_the_secret_again_as_it_was_spelled(self) -> None:
        raw = json.dumps({"a": SECRETS["PAGER"], "b": 1}).encode()
        body = bodies.stored(raw, knowing(SECRETS))

        found = await bodies.edited(body, body.raw.replace(b"1", b"2"), values(SECRETS))

        assert found == raw.replace(b"1", b"2")

    async def test_it_may_be_moved_copied_and_taken_away(self) -> None:
        body = bodies.stored(b'["tok-Z\xc3\xbcrich/1234+56"]', knowing(SECRETS))
        mark = b"[secret:API_TOKEN]"

        assert await bodies.edited(body, b"{}", values(SECRETS)) == b"{}"
        twice = await bodies.edited(body, mark + b" " + mark, values(SECRETS))
        assert twice == " ".join([SECRETS["API_TOKEN"]] * 2).encode()

    async def test_text_that_only_looks_like_a_marker_stays_text(self) -> None:
        """A sender must not be able to make a person send out a secret."""
        body = bodies.stored(b"[secret:API_TOKEN]", knowing(SECRETS))

        found = await bodies.edited(body, b"x [secret:API_TOKEN]", values(SECRETS))

        assert found == b"x [secret:API_TOKEN]"

    async def test_both_together_are_told_apart_while_all_are_left(self) -> None:
        raw = b"[secret:PAGER] " + SECRETS["PAGER"].encode()
        body = bodies.stored(raw, knowing(SECRETS))

        assert await bodies.edited(body, body.raw + b"!", values(SECRETS)) == raw + b"!"
        with pytest.raises(ConsoleError) as refused:
            await bodies.edited(body, b"[secret:PAGER]", values(SECRETS))
        assert refused.value.message == (
            "[secret:PAGER] stands in the body both as a secret and as plain text, so it cannot "
            "be told which of them was left."
        )

    async def test_a_value_that_has_changed_is_put_in_as_it_is_now(self) -> None:
        body = bodies.stored(json.dumps([SECRETS["PAGER"]]).encode(), knowing(SECRETS))

        found = await bodies.edited(body, body.raw, values({"PAGER": 'new "one"'}))

        assert json.loads(found) == ['new "one"']

    async def test_a_secret_without_a_value_is_refused_only_where_it_was_left(self) -> None:
        body = bodies.stored(b"%s" % SECRETS["PAGER"].encode(), knowing(SECRETS))

        assert await bodies.edited(body, b"none", values({})) == b"none"
        with pytest.raises(ConsoleError, match=r"which has no value now\. Set it, or put text"):
            await bodies.edited(body, body.raw, values({}))
