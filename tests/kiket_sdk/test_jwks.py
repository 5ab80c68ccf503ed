"""The platform's keys: where they come from, how rarely, and what happens without them."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from tests.clocks import passing
from tests.vectors import forge

from kiket_sdk import _jwks
from kiket_sdk._jwks import KeySet, keys_at
from kiket_sdk._tokens import TokenReason, TokenRefusedError
from kiket_sdk.auth import JWKS_CACHE_TTL, clear_jwks_cache, decode_jwt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.kiket_sdk.conftest import Platform

CALL = f"GET {_jwks.PATH}"
ROTATED = {"keys": [forge.jwk("next")]}


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(autouse=True)
def no_keys_from_before() -> Iterator[None]:
    clear_jwks_cache()
    yield
    clear_jwks_cache()


@pytest.fixture
def keys(platform: Platform, clock: Clock) -> KeySet:
    platform.answer(CALL, (200, forge.JWKS))
    return KeySet(_jwks.address(platform.url), clock)


async def refusal(keys: KeySet, name: str) -> TokenReason:
    with pytest.raises(TokenRefusedError) as caught:
        await keys.key(name)
    return caught.value.reason


async def test_a_set_is_fetched_once_an_hour(
    keys: KeySet, platform: Platform, clock: Clock
) -> None:
    for _ in range(3):
        await keys.key("main")
    clock.now_s += JWKS_CACHE_TTL
    await keys.key("next")
    assert len(platform.calls) == 1
    clock.now_s += 1
    await keys.key("main")
    assert len(platform.calls) == 2


async def test_a_crowd_waits_for_one_fetch(keys: KeySet, platform: Platform) -> None:
    found = await asyncio.gather(*(keys.key("main") for _ in range(50)))
    assert len({id(key) for key in found}) == 1
    assert len(platform.calls) == 1


async def test_who_waits_for_a_fetch_that_was_given_up_fetches(
    keys: KeySet, platform: Platform
) -> None:
    async with asyncio.TaskGroup() as group:
        first = group.create_task(keys.key("main"))
        others = [group.create_task(keys.key("main")) for _ in range(3)]
        await asyncio.sleep(0)
        first.cancel()
    assert all(task.result() for task in others)


async def test_an_unknown_key_is_asked_for_again_but_rarely(
    keys: KeySet, platform: Platform, clock: Clock
) -> None:
    for _ in range(5):
        assert await refusal(keys, "invented") is TokenReason.UNKNOWN_KEY
    assert len(platform.calls) == 1
    clock.now_s += _jwks.AGAIN_S
    platform.answer(CALL, (200, ROTATED))
    await keys.key("next")
    assert len(platform.calls) == 1, "a key that is known asks for nothing"
    assert await refusal(keys, "invented") is TokenReason.UNKNOWN_KEY
    assert len(platform.calls) == 2


async def test_a_new_key_is_found_and_an_old_one_forgotten(
    keys: KeySet, platform: Platform, clock: Clock
) -> None:
    platform.answer(CALL, (200, {"keys": [forge.jwk("main")]}), (200, ROTATED))
    await keys.key("main")
    clock.now_s += _jwks.AGAIN_S
    await keys.key("next")
    assert await refusal(keys, "main") is TokenReason.UNKNOWN_KEY


async def test_keys_from_before_serve_for_a_day(
    keys: KeySet, platform: Platform, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    await keys.key("main")
    platform.answer(CALL, (503, None))
    clock.now_s += JWKS_CACHE_TTL + 1
    for _ in range(3):
        await keys.key("main")
    assert len(platform.calls) == 2, "a platform that is down is not asked with every token"
    assert "it was answered with 503. The keys from before are used." in caplog.text
    clock.now_s += _jwks.STALE_S
    assert await refusal(keys, "main") is TokenReason.NO_KEYS
    platform.answer(CALL, (200, forge.JWKS))
    clock.now_s += _jwks.RETRY_S
    await keys.key("main")


async def test_invented_keys_do_not_make_good_ones_wait_for_a_platform_that_is_down(
    keys: KeySet, platform: Platform, clock: Clock
) -> None:
    await keys.key("main")
    platform.answer(CALL, (503, None))
    clock.now_s += _jwks.AGAIN_S
    assert await refusal(keys, "invented") is TokenReason.NO_KEYS
    clock.now_s += _jwks.AGAIN_S
    await keys.key("main")
    assert len(platform.calls) == 2


async def test_while_one_caller_renews_the_keys_the_others_use_those_from_before(
    keys: KeySet, platform: Platform, clock: Clock
) -> None:
    await keys.key("main")
    clock.now_s += JWKS_CACHE_TTL + 1
    async with asyncio.TaskGroup() as group:
        renewing = group.create_task(keys.key("main"))
        await asyncio.sleep(0)
        await keys.key("main")
        assert not renewing.done()
    assert len(platform.calls) == 2


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((500, None), "answered with 500"),
        ((302, "http://127.0.0.1:1/other"), "answered with 302"),
        ((204, None), "answered with 204"),
        ((200, {"keys": []}), "holds no P-256 key"),
        ((200, [forge.jwk("main")]), "holds no P-256 key"),
        ((200, {"keys": [forge.jwk("main")], "more": "x" * 70_000}), "more than 65536 bytes"),
    ],
    ids=lambda value: str(value)[:30],
)
async def test_an_answer_that_is_no_set_of_keys(
    keys: KeySet,
    platform: Platform,
    answer: tuple[int, Any],
    said: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    platform.answer(CALL, answer)
    assert await refusal(keys, "main") is TokenReason.NO_KEYS
    assert await refusal(keys, "main") is TokenReason.NO_KEYS
    assert len(platform.calls) == 1
    assert said in caplog.text


async def test_a_platform_that_is_not_there(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    keys = KeySet("http://127.0.0.1:9/.well-known/jwks.json", clock)
    assert await refusal(keys, "main") is TokenReason.NO_KEYS
    assert "cannot be read from http://127.0.0.1:9/" in caplog.text


async def test_a_platform_that_answers_without_end_is_given_up(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each byte comes in time, and all of them never do."""
    monkeypatch.setattr(_jwks, "TIMEOUT_S", 120)
    pass_by = passing(monkeypatch)

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n")
        with suppress(ConnectionError):
            while not writer.is_closing():
                writer.write(b" ")
                await writer.drain()
                pass_by(30)
                await asyncio.sleep(0.001)
        writer.close()
        ended.set()

    ended = asyncio.Event()
    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        keys = KeySet(_jwks.address(f"http://127.0.0.1:{port}"), clock)
        assert await refusal(keys, "main") is TokenReason.NO_KEYS
        await ended.wait()


@pytest.mark.parametrize("address", ["https://u:hunter22@kiket.dev", "http://u:hunter22@kiket.dev"])
def test_the_password_of_an_address_is_not_told(address: str) -> None:
    with pytest.raises(TokenRefusedError) as refused:
        keys_at(_jwks.address(address))
    assert "hunter22" not in refused.value.sentence


def test_each_event_loop_may_fetch(keys: KeySet, platform: Platform, clock: Clock) -> None:
    for _ in range(2):
        asyncio.run(keys.key("main"))
        clock.now_s += JWKS_CACHE_TTL + 1
    assert len(platform.calls) == 2


@pytest.mark.parametrize(
    ("url", "is_read"),
    [
        ("https://kiket.dev", True),
        ("http://localhost:4400", True),
        ("http://127.0.0.1:4400", True),
        ("http://127.8.8.8", True),
        ("http://[::1]:4400", True),
        ("http://kiket.dev", False),
        ("http://10.0.0.1", False),
        ("http://localhost.evil.example", False),
        ("http://127.0.0.1.evil.example", False),
        ("http://127.0.0.1@evil.example", False),
        ("ftp://kiket.dev", False),
        ("file:///etc/passwd", False),
        ("https://", False),
        ("http://[::1", False),
        ("", False),
    ],
)
def test_keys_are_read_where_nobody_can_change_them_on_the_way(url: str, is_read: bool) -> None:
    if is_read:
        assert keys_at(_jwks.address(url)).url == url + _jwks.PATH
        return
    with pytest.raises(TokenRefusedError, match="Failed to fetch JWKS") as caught:
        keys_at(_jwks.address(url))
    assert "that is no https address" in caught.value.sentence


def test_a_slash_at_the_end_of_an_address_changes_nothing() -> None:
    assert _jwks.address("https://kiket.dev/") == _jwks.address("https://kiket.dev")


def test_the_sets_are_bounded_and_the_one_in_use_stays() -> None:
    first = keys_at("https://0.example")
    for number in range(1, 40):
        keys_at(f"https://{number}.example")
        assert keys_at("https://0.example") is first
    assert len(_jwks._sets) == _jwks.SETS_LIMIT


async def test_a_test_can_put_keys_in_place(platform: Platform) -> None:
    keys_at(_jwks.address(platform.url)).put(forge.JWKS)
    claims = forge.FULL | {"iat": 1, "exp": 2}
    with pytest.raises(TokenRefusedError, match="has expired"):
        await decode_jwt(forge.token(claims), platform.url)
    assert platform.calls == []


async def test_what_failed_is_told_in_the_log_and_not_to_the_sender(
    platform: Platform, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "kiket_sdk.auth")
    platform.answer(CALL, (500, {"error": "database at 10.1.2.3 is down"}))
    with pytest.raises(TokenRefusedError) as caught:
        await decode_jwt(forge.token(), platform.url)
    assert str(caught.value) == "Failed to fetch JWKS"
    assert platform.url in caplog.text
