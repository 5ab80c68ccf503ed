"""What modules say in the scene: they start, serve, ask for a service, and talk to each other."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from kiket_console.model import Body, Message, Source, State
from kiket_console.store.records import AttemptEnd, NewAttempt, NewExchange

if TYPE_CHECKING:
    from tests.snap.scene import Story


def said(
    story: Story,
    op: str,
    direction: str = "out",
    *,
    module: str = "billing",
    answer: bytes | None = None,
    took_us: int = 1_100,
    kind: str = "req",
    channel: str = "stdio",
    raw: bytes | None = None,
    parent: int | None = None,
    gap_us: int = 640_000,
    state: State | None = None,
    status: int | None = None,
    error: str = "",
    method: str = "",
    path: str = "",
    **fields: object,
) -> int:
    """Tell of a module's message and its reply; without *answer* or *error* it is pending."""
    story.at_us += gap_us
    number = story.next_id()
    raw = json.dumps({"op": op, **fields}, separators=(",", ":")).encode() if raw is None else raw
    begun = {"invalid": State.REJECTED, "notify": State.FORWARDED}.get(kind, State.RECEIVED)
    target = f"{module}#1" if direction == "in" else "orchestrator"
    story.rows.append(
        NewExchange(
            number, Source.IPC, module, op, "", method, path, story.at_us, begun,
            Message((), Body(raw, len(raw), hashlib.sha256(raw).digest())), parent_id=parent,
            kind=kind, direction=direction, channel=channel,
        )
    )  # fmt: skip
    if kind == "req":
        story.rows.append(NewAttempt(number, 1, target, story.at_us))
    if answer is not None or error:
        reply = None if answer is None else Message((), Body(answer, len(answer)))
        end = state or (State.FAILED if error else State.FORWARDED)
        story.rows.append(AttemptEnd(number, 1, end, status, took_us, error, reply))
    return number


ROUTED = "11111111-2222-4333-8444-555555555555"


def tell_of_modules(story: Story) -> None:
    """Tell how two modules start, serve, ask for a service, and talk to each other."""
    said(story, "init", "in", kind="notify", module_id="billing", env={}, listen="127.0.0.1:41237")
    said(
        story,
        "get_secret",
        name="DATABASE_URL",
        answer=b'{"op":"secret","name":"DATABASE_URL","value":"[secret:DATABASE_URL]"}',
    )
    said(
        story,
        "announce",
        kind="notify",
        listen="127.0.0.1:41237",
        endpoints=[{"path": "/invoices", "methods": ["GET", "POST"], "auth": "jwt"}],
    )
    said(story, "stray output", kind="invalid", raw=b"connected to the database")
    asked = said(story,
        "http_request", "in", channel="stdio", method="POST", path="/invoices?draft=1", status=201,
        took_us=41_300, request_id="h-1", uri="/invoices?draft=1",
        headers={"content-type": "application/json", "authorization": "[secret:authorization]"},
        body=list('{"customer": "Größe", "total": 1204}'.encode()),
        answer=json.dumps({
            "content": {"request_id": "h-1", "status_code": 201, "headers": {},
                        "body": list(b'{"id": 7}')},
            "metadata": {"id": "m-1", "source": "billing",
                         "properties": {"correlation_id": "h-1"}},
        }).encode(),
    )  # fmt: skip
    said(
        story,
        "service_request",
        id="req-1",
        service_type="Database",
        config={"database": "app"},
        parent=asked,
        gap_us=1_000,
        answer=b'{"op":"service_response","id":"req-1","service_type":"Database",'
        b'"success":false,"error":"No database is configured.","connection_id":null}',
    )
    routed = said(story,
        "route_to_module", channel="tcp", path="search/greet", took_us=3_900,
        target_module_id="search", target_endpoint="greet", request_id=ROUTED,
        payload={"data": list(b'{"ping": 1}'), "format": "Json"},
        answer=json.dumps({
            "op": "routed_module_response", "source_module_id": "search", "request_id": ROUTED,
            "payload": {"data": list(b'{"pong": 1}'), "format": "Json"},
        }).encode(),
    )  # fmt: skip
    said(
        story,
        "routed_module_message",
        "in",
        module="search",
        channel="tcp",
        parent=routed,
        gap_us=700,
        took_us=2_600,
        source_module_id="billing",
        original_request_id=ROUTED,
        payload={"data": list(b'{"ping": 1}'), "format": "Json"},
        answer=b'{"op":"route_to_module","target_module_id":"billing"}',
    )
    said(
        story,
        "http_request",
        "in",
        channel="http",
        method="GET",
        path="/invoices/7",
        status=200,
        raw=b"",
        answer=b'{"id": 7}',
    )
    said(
        story,
        "http_request",
        "in",
        module="search",
        method="GET",
        path="/find?q=x",
        took_us=30_000_000,
        error="search did not answer in 30 s.",
        request_id="h-2",
    )
    said(
        story,
        "service_operation",
        connection_id="conn-1",
        service_type="Database",
        operation="query",
        params={"query": "SELECT 1", "params": []},
    )
