from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from kiket_console.engine import outbox as module
from kiket_console.engine.outbox import Outbox
from kiket_console.model import Message, Source, State
from kiket_console.store.records import AttemptEnd, NewAttempt, NewExchange
from kiket_console.store.writer import StoreFailedError

if TYPE_CHECKING:
    from kiket_console.store.reader import Reader
    from kiket_console.store.records import Committed, Row
    from kiket_console.store.writer import Writer

PATIENCE_S = 120


@pytest.fixture
async def outbox(writer: Writer) -> Outbox:
    return Outbox(writer)


def began(exchange_id: int) -> list[Row]:
    return [
        NewExchange(
            exchange_id,
            Source.WEBHOOK,
            "marketing",
            "issue.created",
            "v1",
            "POST",
            "/",
            time.time_ns() // 1000,
            State.RECEIVED,
            Message(),
        ),
        NewAttempt(exchange_id, 1, "marketing#1", 1),
    ]


def ended(exchange_id: int) -> AttemptEnd:
    return AttemptEnd(exchange_id, 1, State.FORWARDED, 200, 900, answer=Message())


async def test_an_exchange_and_its_quick_answer_are_one_commit(
    outbox: Outbox, writer: Writer, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HOLD_BACK_S", PATIENCE_S)
    before = writer.commits

    ticket = outbox.hold(1, began(1))
    outbox.send(ticket, ended(1))
    await outbox.durable(ticket)

    assert writer.commits == before + 1
    assert [row.state for row in reader.page([1])] == [State.FORWARDED]


async def test_an_exchange_whose_handler_takes_longer_goes_ahead(
    outbox: Outbox, writer: Writer, reader: Reader
) -> None:
    loop, committed = asyncio.get_running_loop(), asyncio.Event()

    def told(_: Committed) -> None:
        loop.call_soon_threadsafe(committed.set)

    writer.on_commit = told

    outbox.hold(1, began(1))
    async with asyncio.timeout(PATIENCE_S):
        await committed.wait()

    assert [row.state for row in reader.page([1])] == [State.RECEIVED]


async def test_exchanges_are_committed_in_the_order_of_their_ids(
    outbox: Outbox, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever reads the ids after the newest that it knows would miss one that comes later."""
    monkeypatch.setattr(module, "HOLD_BACK_S", PATIENCE_S)
    put: list[int] = []
    real = writer.put

    def noted(rows: list[Row], cost: int, ticket: module.Ticket) -> None:
        put.append(ticket.exchange_id)
        real(rows, cost, ticket)

    monkeypatch.setattr(writer, "put", noted)
    tickets = [outbox.hold(number, began(number)) for number in (1, 2, 3)]

    outbox.send(tickets[1], ended(2))  # the second is answered first
    early = list(put)
    outbox.send(tickets[0], ended(1))
    outbox.send(tickets[2], ended(3))
    for ticket in tickets:
        await outbox.durable(ticket)

    assert early == [1, 2]
    assert put == [1, 2, 1, 3]


async def test_who_waits_for_rows_that_a_closed_store_refuses_is_told(
    outbox: Outbox, writer: Writer
) -> None:
    ticket = outbox.hold(1, began(1))
    writer.close()

    with pytest.raises(StoreFailedError, match="nothing more is recorded"):
        await outbox.durable(ticket)


async def test_who_waits_for_a_commit_that_fails_is_told(outbox: Outbox) -> None:
    first = outbox.hold(1, began(1))
    await outbox.durable(first)
    again = outbox.hold(1, began(1))  # the same id: the store refuses it

    with pytest.raises(StoreFailedError):
        await outbox.durable(again)
