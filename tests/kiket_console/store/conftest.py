"""A store in a folder of the test, and rows to fill it with."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from kiket_console.model import Body, Message, Source, State
from kiket_console.store.records import NewExchange
from kiket_console.store.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class MakeExchange(Protocol):
    def __call__(self, exchange_id: int, raw: bytes = b"{}", **fields: Any) -> NewExchange: ...


@pytest.fixture
def path(own_places: Path) -> Path:
    return own_places / "store.sqlite3"


@pytest.fixture
def writer(path: Path) -> Iterator[Writer]:
    writer = Writer(path)
    yield writer
    writer.close()


@pytest.fixture
def arrived() -> MakeExchange:
    """Return a function that makes the row of a webhook that arrived."""

    def make(exchange_id: int, raw: bytes = b"{}", **fields: Any) -> NewExchange:
        body = Body(raw, len(raw), hashlib.sha256(raw).digest())
        values: dict[str, Any] = {
            "source": Source.WEBHOOK,
            "worker": "marketing",
            "name": "issue.created",
            "version": "v1",
            "method": "POST",
            "path": "/v/v1/webhooks/issue.created",
            "started_us": 1_800_000_000_000_000 + exchange_id,
            "state": State.RECEIVED,
            "request": Message((("Content-Type", "application/json"), ("X-B", "1")), body),
            "trace_id": f"{exchange_id:032x}",
        }
        return NewExchange(exchange_id, **(values | fields))

    return make
