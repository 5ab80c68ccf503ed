"""Whatever bytes arrive: no reading but the strict one, no failure inside, no hang."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from tests.kiket_core.streams import (
    EXAMPLES,
    Request,
    check_agreement,
    check_answers,
    sent,
    streams,
)

from kiket_core.guard import Limits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.kiket_core.conftest import Serve, Served

LIMITS = Limits(body_bytes=1000, header_deadline_s=1, body_deadline_s=1, idle_s=1)


class Witness:
    """An app that notes each request that it was given whole, by its sender's port."""

    def __init__(self) -> None:
        self.seen: dict[int, list[Request]] = defaultdict(list)

    async def app(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Note one request (ASGI)."""
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message["body"]
            more = message["more_body"]
        query = scope["query_string"].decode("latin-1")
        target = scope["raw_path"].decode("latin-1") + (f"?{query}" if query else "")
        self.seen[scope["client"][1]].append(Request(scope["method"], target, body))
        headers = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture(scope="module")
def witness() -> Witness:
    return Witness()


@pytest.fixture(scope="module")
def server(serve: Serve, witness: Witness) -> Iterator[Served]:
    with serve(app=witness.app, limits=LIMITS, lifespan="off") as served:
        yield served


@pytest.mark.timeout(0)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(pieces=streams())
def test_serves_only_what_another_strict_reader_finds_too(
    server: Served, witness: Witness, pieces: list[bytes]
) -> None:
    server.forget()
    connection = server.connect()
    port = connection.getsockname()[1]
    witness.seen.pop(port, None)  # what came late of an earlier connection from there
    check_answers(sent(connection, pieces))
    check_agreement(witness.seen.pop(port, []), b"".join(pieces))
