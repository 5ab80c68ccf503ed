"""Exchanges are found over the control API, with the language of the filter bar."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.kiket_console.engine.test_control import Post, new_hub, served

from kiket_console.client import Client
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.model import Message, Source, State
from kiket_console.paths import ProjectPaths
from kiket_console.store.records import NewExchange
from kiket_console.store.writer import Writer

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def recorded(own_places: Path) -> ProjectPaths:
    """Return a project with five exchanges, every other one of another event, and a filter."""
    folder = own_places / "project"
    folder.mkdir()
    (folder / "kiket.toml").write_text('[filters]\nodd = "event:odd.*"\n')
    paths = ProjectPaths(folder)
    paths.make()
    writer = Writer(paths.store)
    names = ("even.one", "odd.one")
    rows = [
        NewExchange(
            number, Source.WEBHOOK, "marketing", names[number % 2], "v1", "POST", "/", number,
            State.RECEIVED, Message(),
        )
        for number in range(1, 6)
    ]  # fmt: skip
    writer.submit(rows).result(120)
    writer.close()
    return paths


async def test_the_newest_that_match_come_the_oldest_first(recorded: ProjectPaths) -> None:
    async with served(recorded, Post(), new_hub()), Client(recorded) as client:
        everything = await client.exchanges()
        odd = await client.exchanges("event:odd.*", limit=2)
        by_name = await client.exchanges("@odd")
        nothing = await client.exchanges("status:500")
        saved = await client.filters()

    assert [each.id for each in everything] == [1, 2, 3, 4, 5]
    assert [(each.id, each.name) for each in odd] == [(3, "odd.one"), (5, "odd.one")]
    assert [each.id for each in by_name] == [1, 3, 5]
    assert nothing == ()
    assert saved == {"odd": "event:odd.*"}


@pytest.mark.parametrize(
    ("text", "limit", "sentence"),
    [
        ("evnt:x", 5, "Unknown field 'evnt': did you mean event:?"),
        ("", 0, 'The limit "0" is none.'),
        ("", 1001, 'The limit "1001" is none.'),
    ],
)
async def test_what_makes_no_sense_is_refused(
    recorded: ProjectPaths, text: str, limit: int, sentence: str
) -> None:
    async with served(recorded, Post(), new_hub()), Client(recorded) as client:
        with pytest.raises(ConsoleError) as caught:
            await client.exchanges(text, limit)

    assert caught.value.message == sentence
    assert caught.value.exit_code == ExitCode.USAGE


async def test_a_project_without_a_store_has_none(own_places: Path) -> None:
    folder = own_places / "empty"
    folder.mkdir()
    paths = ProjectPaths(folder)
    paths.make()
    async with served(paths, Post(), new_hub()), Client(paths) as client:
        assert await client.exchanges("event:x") == ()
