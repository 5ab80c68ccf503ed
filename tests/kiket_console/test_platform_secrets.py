"""A platform that answers as none should is told so in a sentence, and what it says is not kept."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx
import pytest

from kiket_console.dotenv_secrets import Comparison, compared
from kiket_console.errors import ConsoleError
from kiket_console.platform_secrets import PlatformSecrets
from kiket_core.secret import Redactor
from kiket_sdk import secrets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

URL = "https://kiket.test"
MANY_LINES = "\n".join(f"line-{number:05}é" for number in range(11_000))


@pytest.fixture
async def platform(request: pytest.FixtureRequest) -> AsyncIterator[PlatformSecrets]:
    """Return a platform that answers whatever it is asked with what the test says."""
    raw = request.param.encode()
    async with PlatformSecrets(URL, "token-of-the-workspace", "com.example.pager") as platform:
        transport = httpx.MockTransport(lambda _: httpx.Response(200, content=raw))
        platform._client._client = httpx.AsyncClient(transport=transport, base_url=URL)
        yield platform


@pytest.mark.parametrize(
    "platform",
    ["[" * 100_000, "{}", "no JSON"],
    ids=["deep", "no list", "no JSON"],
    indirect=True,
)
async def test_a_list_that_is_none_is_refused(platform: PlatformSecrets) -> None:
    with pytest.raises(ConsoleError, match=rf"^Could not list the secrets.* {URL}"):
        await platform.names()


@pytest.mark.parametrize(
    "platform", [json.dumps({"value": MANY_LINES})], ids=["many lines"], indirect=True
)
async def test_a_value_that_could_not_be_cut_out_of_texts_is_refused(
    platform: PlatformSecrets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "redactor", Redactor())
    with pytest.raises(ConsoleError, match=r"^Could not read KEY") as told:
        await platform.read("KEY")
    assert "line-" not in f"{told.value} {told.value.hint}"


def test_a_value_that_is_no_text_cannot_be_kept() -> None:
    assert compared("KEY", "half of a \ud800 pair", None).comparison is Comparison.UNUSABLE
