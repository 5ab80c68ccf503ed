"""Secrets of a program that looks after them itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.pywatt_sdk.far_end import FarEnd

from pywatt_sdk._link import Link
from pywatt_sdk._protocol import GetSecret
from pywatt_sdk._protocol import Secret as SecretLine
from pywatt_sdk.core.error import ConfigError, SecretError
from pywatt_sdk.security.secret_client import SecretClient
from pywatt_sdk.security.secrets import (
    ChainedProvider,
    EnvProvider,
    FileProvider,
    MemoryProvider,
    OrchestratorProvider,
    Secret,
    SecretConfig,
    SecretManager,
    create_secret_manager,
)

if TYPE_CHECKING:
    from pathlib import Path


def test_settings_come_from_the_environment() -> None:
    assert SecretConfig.from_env({}) == SecretConfig(900.0, 300.0, 1_000, False, None)
    assert SecretConfig.from_env({
        "PYWATT_SECRET_CACHE_TTL": "60",
        "PYWATT_SECRET_ENABLE_ROTATION": "yes",
        "PYWATT_ORCHESTRATOR_ENDPOINT": "http://localhost:9900",
    }) == SecretConfig(60.0, 300.0, 1_000, True, "http://localhost:9900")  # fmt: skip
    with pytest.raises(ConfigError, match="PYWATT_SECRET_MAX_CACHE_SIZE is 'many'"):
        SecretConfig.from_env({"PYWATT_SECRET_MAX_CACHE_SIZE": "many"})


async def test_a_manager_keeps_and_gives_secrets() -> None:
    manager = await create_secret_manager(providers=[EnvProvider({"A": "env"}), MemoryProvider()])

    await manager.set_secret("B", "kept")

    assert (await manager.get_secret("A")).expose_secret() == "env"
    assert (await manager.get_secret("B")).expose_secret() == "kept"
    assert await manager.list_secrets() == ("B",)
    with pytest.raises(SecretError, match="'C'"):
        await manager.get_secret("C")


async def test_a_manager_notices_a_new_value_and_tells(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    path.write_text('{"A": "old"}')
    rotated: asyncio.Queue[list[str]] = asyncio.Queue()

    provider = FileProvider(path, look_every_s=0.02)
    async with SecretManager(SecretConfig(enable_rotation=True), [provider]) as manager:
        manager.subscribe_to_rotations(rotated.put_nowait)
        assert (await manager.get_secret("A")).expose_secret() == "old"
        path.write_text('{"A": "new"}')
        assert await asyncio.wait_for(rotated.get(), 120) == ["A"]
        assert (await manager.get_secret("A")).expose_secret() == "new"


async def test_a_manager_compares_what_nobody_tells_of() -> None:
    environ = {"A": "old"}
    rotated: asyncio.Queue[list[str]] = asyncio.Queue()
    config = SecretConfig(enable_rotation=True, rotation_interval_seconds=0.001)

    async with SecretManager(config, [EnvProvider(environ)]) as manager:
        manager.subscribe_to_rotations(rotated.put_nowait)
        await manager.get_secret("A")
        environ["A"] = "new"
        assert await asyncio.wait_for(rotated.get(), 120) == ["A"]
        assert (await manager.get_secret("A")).expose_secret() == "new"


class Broken(EnvProvider):
    """A provider whose watching and giving fail, until it is mended."""

    def __init__(self, environ: dict[str, str]) -> None:
        super().__init__(environ)
        self.is_broken = False
        self.has_failed = asyncio.Event()

    async def get(self, key: str) -> Secret[str] | None:
        if self.is_broken:
            self.has_failed.set()
            raise ValueError("out of order")
        return await super().get(key)

    async def watch(self, notice: object) -> None:
        raise OSError(f"no inotify for {notice}")


async def test_a_provider_that_fails_is_told_and_asked_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    environ = {"A": "old"}
    provider = Broken(environ)
    rotated: asyncio.Queue[list[str]] = asyncio.Queue()
    config = SecretConfig(enable_rotation=True, rotation_interval_seconds=0.001)

    async with SecretManager(config, [provider]) as manager:
        manager.subscribe_to_rotations(rotated.put_nowait)
        await manager.get_secret("A")
        provider.is_broken = True
        await asyncio.wait_for(provider.has_failed.wait(), 120)
        environ["A"] = "new"
        provider.is_broken = False
        assert await asyncio.wait_for(rotated.get(), 120) == ["A"]
        assert rotated.empty()

    assert "tells of changes no longer" in caplog.text
    assert "did not say what A is now" in caplog.text


async def test_the_orchestrator_is_a_provider_among_others() -> None:
    async with Link(is_ours=True) as link:
        orchestrator = FarEnd(link)
        provider = OrchestratorProvider(SecretClient("", "users", link=link))
        chain = ChainedProvider([provider, EnvProvider({"A": "env"})])

        async with asyncio.TaskGroup() as group:
            asked = group.create_task(chain.get("A"))
            await orchestrator.hears(GetSecret)
            orchestrator.say(SecretLine("A", "", error="no such secret"))

    secret = asked.result()
    assert secret is not None
    assert secret.expose_secret() == "env"
