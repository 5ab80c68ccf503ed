"""The secrets manager."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from kiket_core.secret import redactor
from kiket_sdk import ExtensionEndpoints, ExtensionSecretManager, KiketClient, SecretValue
from kiket_sdk.exceptions import SecretStoreError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.kiket_sdk.conftest import Platform

PATH = "/api/v1/extensions/ext.test/secrets"
AT = "2026-01-01T12:00:00Z"
MOMENT = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
async def manager(platform: Platform) -> AsyncIterator[ExtensionSecretManager]:
    async with KiketClient(platform.url, "wk_test") as client:
        yield ExtensionSecretManager(client, "ext.test")


async def test_list(manager: ExtensionSecretManager, platform: Platform) -> None:
    platform.answer(
        f"GET {PATH}",
        (200, [{"key": "A", "created_at": AT, "updated_at": "soon"}, {"key": "B"}]),
    )
    listed = await manager.list()
    assert [(each.key, each.created_at, each.updated_at) for each in listed] == [
        ("A", MOMENT, None),
        ("B", None, None),
    ]


@pytest.mark.parametrize("content", [{"keys": []}, ["A"], None, 3])
async def test_a_listing_of_another_form(
    manager: ExtensionSecretManager, platform: Platform, content: Any
) -> None:
    platform.answer(f"GET {PATH}", (200, content))
    with pytest.raises(SecretStoreError, match=r"^Unexpected response format from secret listing$"):
        await manager.list()


async def test_get(manager: ExtensionSecretManager, platform: Platform) -> None:
    platform.answer(
        f"GET {PATH}/API_KEY", (200, {"key": "API_KEY", "value": "12345678", "created_at": AT})
    )
    secret = await manager.get("API_KEY")
    assert secret == SecretValue("API_KEY", MOMENT, None, "12345678")
    assert "12345678" not in repr(secret)
    assert redactor.redact("it is 12345678") == "it is [secret:API_KEY]"


@pytest.mark.parametrize("content", [{"key": "K"}, {"key": "K", "value": None}, [], None])
async def test_a_secret_without_a_value(
    manager: ExtensionSecretManager, platform: Platform, content: Any
) -> None:
    platform.answer(f"GET {PATH}/K", (200, content))
    with pytest.raises(SecretStoreError, match=r"^Unexpected response format from secret detail$"):
        await manager.get("K")


async def test_the_environment_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """No platform and no extension id is needed for a secret of the environment."""
    monkeypatch.setenv("KIKET_SECRET_SAMPLE_TOKEN", "from-environment")
    client: Any = object()
    secret = await ExtensionSecretManager(client).get("sample.token")
    assert (secret.key, secret.value) == ("sample.token", "from-environment")


async def test_an_empty_variable_is_no_secret(
    manager: ExtensionSecretManager, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KIKET_SECRET_K", "")
    platform.answer(f"GET {PATH}/K", (200, {"value": "stored"}))
    assert (await manager.get("K")).value == "stored"


async def test_set_and_delete(manager: ExtensionSecretManager, platform: Platform) -> None:
    await manager.set("K", "v")
    await manager.delete("K", extension_id="other")
    assert [(call.method, call.path, call.body) for call in platform.calls] == [
        ("POST", PATH, {"secret": {"key": "K", "value": "v"}}),
        ("DELETE", "/api/v1/extensions/other/secrets/K", None),
    ]


@pytest.mark.parametrize("value", [None, "given"])
async def test_rotate_returns_the_new_value(
    manager: ExtensionSecretManager, platform: Platform, value: str | None
) -> None:
    platform.answer(f"POST {PATH}", (422, None))
    rotated = await manager.rotate("K", value)
    assert platform.calls[-1].method == "PATCH"
    assert platform.calls[-1].body == {"secret": {"value": rotated.value}}
    assert rotated.value == value or len(rotated.value) == 43


async def test_generated_values_differ(manager: ExtensionSecretManager) -> None:
    assert (await manager.rotate("K")).value != (await manager.rotate("K")).value


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda m: m.list(), "Failed to list secrets for extension 'ext.test'"),
        (lambda m: m.get("K"), "Failed to load secret 'K' for extension 'ext.test'"),
        (lambda m: m.set("K", "v"), "Failed to persist secret 'K' for extension 'ext.test'"),
        (lambda m: m.delete("K"), "Failed to delete secret 'K' for extension 'ext.test'"),
        (lambda m: m.set("K", ""), "Secret value cannot be blank"),
        (lambda m: m.rotate("K", ""), "Secret value cannot be blank"),
        (lambda m: m.get(".."), "'..' cannot be part of a platform path; use another name."),
    ],
)
async def test_failures(call: Any, sentence: str) -> None:
    manager = ExtensionSecretManager(KiketClient("http://127.0.0.1:9", "wk"), "ext.test")
    with pytest.raises(SecretStoreError) as caught:
        await call(manager)
    assert str(caught.value) == sentence


async def test_an_extension_id_is_needed() -> None:
    manager = ExtensionSecretManager(KiketClient("http://127.0.0.1:9", "wk"))
    with pytest.raises(SecretStoreError, match=r"^Extension ID is required when managing secrets$"):
        await manager.list()
    assert manager.with_extension("e") is not manager


def test_endpoints_need_nothing_of_their_client() -> None:
    client: Any = object()
    assert isinstance(ExtensionEndpoints(client).secrets, ExtensionSecretManager)


async def test_a_secret_is_replaced_when_the_block_has_succeeded(
    manager: ExtensionSecretManager, platform: Platform
) -> None:
    platform.answer(f"GET {PATH}/K", (200, {"key": "K", "value": "the old one"}))
    async with manager.rotating("K") as rotation:
        assert (rotation.previous, len(rotation.value)) == ("the old one", 43)
        assert rotation.value not in repr(rotation)
        assert [call.method for call in platform.calls] == ["GET"], "nothing is stored yet"
    assert platform.calls[-1].body == {"secret": {"key": "K", "value": rotation.value}}


async def test_a_secret_that_somebody_else_makes_is_stored(
    manager: ExtensionSecretManager, platform: Platform
) -> None:
    platform.answer(f"GET {PATH}/K", (404, None))
    async with manager.rotating("K") as rotation:
        assert rotation.previous is None
        rotation.value = "made by the mail service"
    assert platform.calls[-1].body == {"secret": {"key": "K", "value": "made by the mail service"}}


async def test_a_secret_stays_when_the_block_fails(
    manager: ExtensionSecretManager, platform: Platform
) -> None:
    platform.answer(f"GET {PATH}/K", (200, {"key": "K", "value": "old"}))
    with pytest.raises(RuntimeError, match="the mail service is down"):
        async with manager.rotating("K"):
            raise RuntimeError("the mail service is down")
    assert [call.method for call in platform.calls] == ["GET"]


async def test_a_secret_is_not_rotated_blindly(
    manager: ExtensionSecretManager, platform: Platform
) -> None:
    """A platform that fails may still have the old value."""
    platform.answer(f"GET {PATH}/K", (500, None))
    with pytest.raises(SecretStoreError, match="Failed to load secret 'K'"):
        async with manager.rotating("K"):
            pytest.fail("the block must not run")
