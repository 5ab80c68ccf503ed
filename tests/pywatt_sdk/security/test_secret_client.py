"""A module's secrets: asked for once, followed when they are rotated."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.pywatt_sdk.far_end import FarEnd

from kiket_core.secret import redactor
from pywatt_sdk import SecretError
from pywatt_sdk._link import Link
from pywatt_sdk._protocol import GetSecret, Rotated, RotationAck
from pywatt_sdk._protocol import Secret as SecretLine
from pywatt_sdk.security.secret_client import (
    RequestMode,
    SecretClient,
    SecretNotFoundError,
    get_module_secret_client,
    get_secret,
    subscribe_secret_rotations,
)
from pywatt_sdk.security.secret_providers import MemoryProvider

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable

    from pywatt_sdk.security.typed_secret import Secret


@pytest.fixture
async def link() -> AsyncIterator[Link]:
    async with Link(is_ours=True) as link:
        yield link


@pytest.fixture
def orchestrator(link: Link) -> FarEnd:
    return FarEnd(link)


@pytest.fixture
def client(link: Link, orchestrator: FarEnd) -> SecretClient:
    return SecretClient("http://localhost:9900", "users", link=link)


async def test_a_secret_is_asked_for_once_and_then_remembered(
    client: SecretClient, orchestrator: FarEnd
) -> None:
    async with asyncio.TaskGroup() as group:
        first = group.create_task(client.get_secret("DATABASE_URL"))
        second = group.create_task(client.get_secret("DATABASE_URL"))
        assert (await orchestrator.hears(GetSecret)).name == "DATABASE_URL"
        orchestrator.say(SecretLine("DATABASE_URL", "postgres://u:pw@host/db"))

    assert first.result().expose_secret() == "postgres://u:pw@host/db"
    assert second.result() is first.result()
    assert await client.get_secret("DATABASE_URL") is first.result()
    assert not orchestrator.has_heard_more
    assert redactor.redact("to postgres://u:pw@host/db") == "to [secret:DATABASE_URL]"


async def test_several_secrets_are_asked_for_together(
    client: SecretClient, orchestrator: FarEnd
) -> None:
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(client.get_secrets(["A", "B", "A"]))
        names = [(await orchestrator.hears(GetSecret)).name for _ in "AB"]
        orchestrator.say(SecretLine("B", "bee-bee-bee"), SecretLine("A", "ay-ay-ay-ay"))

    assert names == ["A", "B"]
    assert [secret.reveal() for secret in asked.result().values()] == ["ay-ay-ay-ay", "bee-bee-bee"]


async def test_secrets_that_do_not_exist_are_all_named(
    client: SecretClient, orchestrator: FarEnd
) -> None:
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(_error_of(client.get_secrets(["A", "B"])))
        orchestrator.say(*[
            SecretLine((await orchestrator.hears(GetSecret)).name, "", error="no such secret")
            for _ in "AB"
        ])  # fmt: skip

    assert isinstance(asked.result(), SecretNotFoundError)
    assert "'A', 'B'" in str(asked.result())


async def test_an_orchestrator_that_does_not_answer_is_told(link: Link) -> None:
    FarEnd(link)
    client = SecretClient("", "users", link=link, timeout_s=0.01)

    with pytest.raises(SecretError, match=r"did not answer when asked for the secret 'A'"):
        await client.get_secret("A")


async def test_modes_say_where_a_secret_may_come_from(
    client: SecretClient, orchestrator: FarEnd
) -> None:
    with pytest.raises(SecretNotFoundError, match="not in memory"):
        await client.get_secret("A", RequestMode.CACHE_ONLY)
    orchestrator.say(SecretLine("A", "unasked-for"))
    assert (await client.get_secret("A", RequestMode.CACHE_ONLY)).reveal() == "unasked-for"

    async with asyncio.TaskGroup() as group:
        forced = group.create_task(client.get_secret("A", RequestMode.FORCE_REMOTE))
        await orchestrator.hears(GetSecret)
        orchestrator.say(SecretLine("A", "brand-new"))

    assert forced.result().reveal() == "brand-new"
    assert redactor.redact("unasked-for brand-new") == "[secret:A] [secret:A]"


async def test_memory_is_bounded_and_forgets_after_a_while(link: Link) -> None:
    client = SecretClient("", "users", link=link, max_cached=2, cached_for_s=0)
    client.remember("A", "x")
    with pytest.raises(SecretNotFoundError):
        await client.get_secret("A", RequestMode.CACHE_ONLY)
    assert client.known("A").reveal() == "x"
    with pytest.raises(SecretNotFoundError, match=r"name it in the module's secrets"):
        client.known("B")

    client = SecretClient("", "users", link=link, max_cached=2)
    for name in "ABC":
        client.remember(name, "x")
    with pytest.raises(SecretNotFoundError):
        await client.get_secret("A", RequestMode.CACHE_ONLY)
    assert (await client.get_secret("C")).reveal() == "x"


async def test_secrets_have_types(client: SecretClient) -> None:
    client.remember("PORT", "5432")
    client.remember("DEBUG", "yes")

    assert (await client.get_int("PORT")).expose_secret() == 5432
    assert (await client.get_float("PORT")).expose_secret() == 5432.0
    assert (await client.get_bool("DEBUG")).expose_secret() is True
    assert (await client.get_string("PORT")).expose_secret() == "5432"


async def test_a_rotation_without_subscribers_is_acknowledged_and_forgets(
    client: SecretClient, orchestrator: FarEnd
) -> None:
    client.remember("A", "old")
    client.remember("B", "kept")

    orchestrator.say(Rotated(("A",), "rot-1"))

    assert await orchestrator.hears(RotationAck) == RotationAck("rot-1", "success")
    assert (await client.get_secret("B", RequestMode.CACHE_ONLY)).reveal() == "kept"
    with pytest.raises(SecretNotFoundError):
        await client.get_secret("A", RequestMode.CACHE_ONLY)


async def test_subscribers_are_given_new_values_before_the_rotation_is_acknowledged(
    client: SecretClient, orchestrator: FarEnd
) -> None:
    client.remember("A", "old")
    given: list[tuple[str, str]] = []

    async def renewed(key: str, value: Secret[str]) -> None:
        given.append((key, value.expose_secret()))

    stop = await subscribe_secret_rotations(client, ["A"], renewed)
    orchestrator.say(Rotated(("A", "B"), "rot-1"))
    assert (await orchestrator.hears(GetSecret)).name == "A"
    orchestrator.say(SecretLine("A", "new", rotation_id="rot-1"))
    assert (await orchestrator.hears(RotationAck)).status == "success"
    assert given == [("A", "new")]

    stop()
    orchestrator.say(Rotated(("A",), "rot-2"))
    assert (await orchestrator.hears(RotationAck)).status == "success"
    assert len(given) == 1


async def test_new_values_that_come_with_the_rotation_are_not_asked_for(
    client: SecretClient, orchestrator: FarEnd
) -> None:
    given: list[str] = []
    await subscribe_secret_rotations(client, ["A"], lambda _, value: given.append(value.reveal()))

    orchestrator.say(Rotated(("A",), "rot-1"), SecretLine("A", "new", rotation_id="rot-1"))

    assert (await orchestrator.hears(RotationAck)).status == "success"
    assert given == ["new"]
    assert client.rotation_id("A") == "rot-1"


async def test_a_subscriber_that_fails_is_told_to_the_orchestrator_without_the_secret(
    client: SecretClient, orchestrator: FarEnd, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(key: str, value: Secret[str]) -> None:
        raise ValueError(f"cannot log in with {value.expose_secret()}")

    await subscribe_secret_rotations(client, ["A"], fail)
    orchestrator.say(Rotated(("A",), "rot-1"), SecretLine("A", "hunter2hunter2", "rot-1"))

    ack = await orchestrator.hears(RotationAck)
    assert (ack.rotation_id, ack.status) == ("rot-1", "error")
    assert ack.message == "A subscriber raised ValueError: cannot log in with [secret:A]"
    assert "rotations of A failed" in caplog.text


async def test_a_slow_subscriber_does_not_hold_the_acknowledgement_up(
    client: SecretClient, orchestrator: FarEnd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pywatt_sdk.security.secret_client._ACK_WITHIN_S", 0.01)
    may_end, has_ended = asyncio.Event(), asyncio.Event()

    async def slow(keys: list[str]) -> None:
        await may_end.wait()
        has_ended.set()

    client.subscribe_to_rotations(slow)
    orchestrator.say(Rotated(("A",), "rot-1"))

    ack = await orchestrator.hears(RotationAck)
    assert (ack.status, ack.message) == ("success", "1 of 1 subscribers are not through yet.")
    may_end.set()
    await asyncio.wait_for(has_ended.wait(), 120)


async def test_without_an_orchestrator_secrets_come_from_providers() -> None:
    client = SecretClient("", "offline", provider=MemoryProvider({"A": "from-memory"}))

    assert (await client.get_secret("A")).reveal() == "from-memory"
    with pytest.raises(SecretNotFoundError, match=r"no orchestrator to ask for the secret 'B'"):
        await client.get_secret("B")


async def test_without_an_orchestrator_environment_variables_are_secrets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MY_API_KEY", "from-the-environment")

    client = await get_module_secret_client("http://localhost:9900", "nobody-runs-this")

    assert (await client.get_secret("MY_API_KEY")).reveal() == "from-the-environment"


async def test_the_running_modules_client_is_found(client: SecretClient) -> None:
    client.remember("A", "value")

    assert await get_module_secret_client("", "users") is client
    assert (await get_secret("A")).reveal() == "value"


async def _error_of(asked: Awaitable[object]) -> SecretError:
    with pytest.raises(SecretError) as raised:
        await asked
    return raised.value
