"""What a person pins, removes and brings back, in a real store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kiket_console.engine.curator import Curator
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.model import Message, Source, State
from kiket_console.store.reader import Reader
from kiket_console.store.records import NewExchange
from kiket_console.store.writer import Writer
from kiket_console.wire import Selection

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def arrived(number: int, parent: int | None = None) -> NewExchange:
    source = Source.WEBHOOK if parent is None else Source.API
    return NewExchange(
        number, source, "sample", "issue.created", "v1", "POST", "/", 1_800_000_000_000_000,
        State.RECEIVED, Message(), parent_id=parent,
    )  # fmt: skip


class Recorded:
    """A store with two deliveries (1 and 4), the first of which made two calls (2 and 3)."""

    def __init__(self, path: Path) -> None:
        self.writer = Writer(path)
        self.reader = Reader(path)
        rows = [arrived(1), arrived(2, 1), arrived(3, 1), arrived(4)]
        self.writer.submit(rows).result(120)
        self.curator = Curator(
            self.writer, self.reader, lambda text: text.replace("hush", "[secret:K]")
        )

    @property
    def ids(self) -> list[int]:
        return list(self.reader.ids())


@pytest.fixture
def recorded(own_places: Path) -> Iterator[Recorded]:
    made = Recorded(own_places / "store.sqlite3")
    yield made
    made.reader.close()
    made.writer.close()


async def test_an_exchange_is_pinned_and_unpinned(recorded: Recorded) -> None:
    assert await recorded.curator.pin([4, 1], pinned=True) == Selection((4, 1))
    assert [each.pinned for each in recorded.reader.page([1, 2, 4])] == [True, False, True]
    await recorded.curator.pin([4], pinned=False)
    assert [each.pinned for each in recorded.reader.page([1, 2, 4])] == [True, False, False]


async def test_an_exchange_is_unread_until_it_was_looked_at(recorded: Recorded) -> None:
    """That another one has gone since is no mistake."""
    assert await recorded.curator.mark_read([4, 1, 999]) == Selection((4, 1))
    found = recorded.reader.page([1, 2, 4])
    assert [each.unread for each in found] == [False, True, False]
    change = recorded.reader.newest()[1]
    await recorded.curator.mark_read([1, 999])
    assert recorded.reader.changed(change, [1, 2, 4]) == [], "it was looked at before"


async def test_a_note_is_one_line_without_secrets(recorded: Recorded) -> None:
    assert await recorded.curator.note([4, 1], " see\n#42:\thush ") == Selection((4, 1))
    assert [each.note for each in recorded.reader.page([1, 2, 4])] == [
        "see #42: [secret:K]",
        "",
        "see #42: [secret:K]",
    ]
    await recorded.curator.note([4], "")
    assert [each.note for each in recorded.reader.page([4])] == [""]


async def test_a_note_that_is_too_long_is_refused(recorded: Recorded) -> None:
    with pytest.raises(ConsoleError, match="The note has 501 characters, and 500 is the most"):
        await recorded.curator.note([4], "x" * 501)
    assert recorded.reader.page([4])[0].note == ""


async def test_a_delivery_goes_with_its_calls_and_comes_back_with_them(recorded: Recorded) -> None:
    assert await recorded.curator.remove([1]) == Selection((1, 2, 3))
    assert recorded.ids == [4]
    assert await recorded.curator.restore([1]) == Selection((1, 2, 3))
    assert recorded.ids == [1, 2, 3, 4]


async def test_one_call_goes_alone(recorded: Recorded) -> None:
    assert await recorded.curator.remove([2]) == Selection((2,))
    assert recorded.ids == [1, 3, 4]


async def test_what_was_removed_before_stays_so_when_its_cause_comes_back(
    recorded: Recorded,
) -> None:
    await recorded.curator.remove([2])
    assert await recorded.curator.remove([1]) == Selection((1, 3))
    assert await recorded.curator.restore([1]) == Selection((1, 3))
    assert await recorded.curator.restore([2]) == Selection((2,))


async def test_a_request_with_an_unknown_exchange_changes_nothing(recorded: Recorded) -> None:
    """Nobody is left to wonder which half of a request was carried out."""
    for request in (
        recorded.curator.remove,
        lambda ids: recorded.curator.pin(ids, pinned=True),
        lambda ids: recorded.curator.note(ids, "no"),
    ):
        with pytest.raises(ConsoleError) as refused:
            await request([4, 70, 71, 72, 73])
        assert refused.value.message == (
            "Exchange 70, 71, 72 (and 1 more) is not recorded for this project; "
            "nothing was changed."
        )
        assert refused.value.exit_code is ExitCode.USAGE
    assert recorded.ids == [1, 2, 3, 4]
    [exchange] = recorded.reader.page([4])
    assert (exchange.pinned, exchange.note) == (False, "")


async def test_what_was_not_removed_cannot_be_brought_back(recorded: Recorded) -> None:
    await recorded.curator.remove([1])
    with pytest.raises(ConsoleError, match=r"Exchange 4 cannot be brought back\."):
        await recorded.curator.restore([1, 4])
    assert recorded.ids == [4]


async def test_removing_what_is_removed_already_says_that_it_is_not_there(
    recorded: Recorded,
) -> None:
    await recorded.curator.remove([4])
    with pytest.raises(ConsoleError, match="Exchange 4 is not recorded"):
        await recorded.curator.remove([4])
