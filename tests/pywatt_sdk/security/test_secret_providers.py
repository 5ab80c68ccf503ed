"""Where secrets come from when no orchestrator gives them."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from pywatt_sdk.core.error import ConfigError, SecretError
from pywatt_sdk.security.secret_providers import (
    ChainedProvider,
    EnvProvider,
    FileProvider,
    MemoryProvider,
    SecretChange,
    SecretEvent,
    SecretProvider,
    provider_from_environment,
    redact_line,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


async def value_of(provider: SecretProvider, key: str) -> str | None:
    """Return a secret's value."""
    secret = await provider.get(key)
    return None if secret is None else secret.expose_secret()


@asynccontextmanager
async def watched(provider: SecretProvider) -> AsyncIterator[asyncio.Queue[SecretEvent]]:
    """Watch a provider meanwhile."""
    events: asyncio.Queue[SecretEvent] = asyncio.Queue()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(provider.watch(events.put_nowait))
        for _ in "ab":  # a chain starts its watchers, they begin
            await asyncio.sleep(0)
        yield events
        task.cancel()


async def test_a_variable_is_a_secret_by_its_name_or_with_the_prefix() -> None:
    environ = {"API_KEY": "exact", "PYWATT_SECRET_OTHER": "prefixed", "EMPTY": ""}
    provider = EnvProvider(environ)

    assert await value_of(provider, "API_KEY") == "exact"
    assert await value_of(provider, "other") == "prefixed"
    assert await value_of(provider, "EMPTY") is None
    assert await value_of(provider, "A=B\0") is None
    assert await provider.keys() == ()
    with pytest.raises(SecretError, match=r"EnvProvider\(\) can only be read"):
        await provider.set("API_KEY", "new")


FORMS = {
    "secrets.toml": 'API_KEY = "s3cr3t"\nPORT = 5432\nDEBUG = true\n',
    "secrets.json": '{"API_KEY": "s3cr3t", "PORT": 5432, "DEBUG": true}',
    "secrets.yaml": "API_KEY: s3cr3t\nPORT: 5432\nDEBUG: true\n",
    ".env": "API_KEY='s3cr3t'\nexport PORT=5432\nDEBUG=true\n",
}


@pytest.mark.parametrize("name", FORMS)
async def test_a_file_is_a_flat_table_in_any_of_four_forms(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(FORMS[name])
    provider = FileProvider(tmp_path / name)

    assert await provider.keys() == ("API_KEY", "PORT", "DEBUG")
    assert [await value_of(provider, key) for key in ("API_KEY", "PORT", "DEBUG", "NONE")] == [
        "s3cr3t",
        "5432",
        "true",
        None,
    ]


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("a.toml", "API_KEY = hunter2", "not readable as toml"),
        ("a.json", '["hunter2"]', "flat table"),
        ("a.yaml", "db: {password: hunter2}", "flat table"),
        ("a.json", " " * 2_000_000, "too many"),
    ],
)
async def test_a_file_that_cannot_be_used_is_refused_without_quoting_it(
    tmp_path: Path, name: str, text: str, reason: str
) -> None:
    (tmp_path / name).write_text(text)

    with pytest.raises(SecretError, match=reason) as raised:
        FileProvider(tmp_path / name)

    assert "hunter2" not in str(raised.value)


def test_a_file_that_is_not_there_or_of_unknown_form_is_told(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match="No such file"):
        FileProvider(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="toml, json, yaml and dotenv"):
        FileProvider(tmp_path / "secrets.ini")


def test_a_file_that_anybody_can_read_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "secrets.json"
    path.write_text("{}")
    path.chmod(0o600)
    FileProvider(path)
    assert not caplog.records

    path.chmod(0o644)
    FileProvider(path)
    assert "chmod 600" in caplog.text


async def test_changes_of_a_file_are_noticed_values_too(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    path.write_text('{"A": "1", "B": "2", "C": "3"}')
    provider = FileProvider(path, look_every_s=0.02)

    async with watched(provider) as events:
        path.write_text('{"A": "1", "B": "changed", "D": "4"}')
        noticed = [await asyncio.wait_for(events.get(), 120) for _ in range(3)]

    assert noticed == [
        SecretEvent(SecretChange.ADDED, ("D",)),
        SecretEvent(SecretChange.ROTATED, ("B",)),
        SecretEvent(SecretChange.REMOVED, ("C",)),
    ]
    assert await value_of(provider, "B") == "changed"


async def test_the_first_of_a_chain_gives_and_the_first_that_can_keeps() -> None:
    memory = MemoryProvider({"A": "memory"})
    chain = ChainedProvider([EnvProvider({"A": "env"}), memory])

    assert await value_of(chain, "A") == "env"
    async with watched(chain) as events:
        await chain.set("B", "kept")
        assert await asyncio.wait_for(events.get(), 120) == SecretEvent(SecretChange.ADDED, ("B",))
    assert await value_of(memory, "B") == "kept"
    assert await chain.keys() == ("A", "B")
    assert await value_of(chain, "C") is None
    with pytest.raises(SecretError, match="can only be read"):
        await ChainedProvider([EnvProvider({})]).set("A", "x")


async def test_the_environment_chooses_the_providers(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text('A = "file"\n')
    chosen = provider_from_environment({
        "SECRET_PROVIDER_CHAIN": "env, file",
        "SECRET_FILE_PATH": str(path),
        "SECRET_FILE_FORMAT": "toml",
        "B": "env",
    })  # fmt: skip

    assert [await value_of(chosen, key) for key in "AB"] == ["file", "env"]
    assert isinstance(provider_from_environment({}), EnvProvider)
    with pytest.raises(ConfigError, match="SECRET_FILE_PATH is not set"):
        provider_from_environment({"SECRET_PROVIDER_CHAIN": "file"})
    with pytest.raises(ConfigError, match=r"names 'memory'; it may list env and file"):
        provider_from_environment({"SECRET_PROVIDER_CHAIN": "memory"})


async def test_a_line_is_rid_of_what_a_provider_knows() -> None:
    provider = MemoryProvider({"API_KEY": "hunter2-hunter2"})

    assert await redact_line("key=hunter2-hunter2", provider) == "key=[secret:API_KEY]"
