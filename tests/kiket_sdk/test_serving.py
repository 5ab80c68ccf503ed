"""The SDK's own server answers as any ASGI server would: what it does without ASGI is not seen."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest
from starlette.responses import JSONResponse, StreamingResponse
from tests.kiket_sdk.webhooks import EVENT, RAW, build_sdk, signed

from kiket_core.guard import Server, server_config
from kiket_core.trace import current_trace_id
from kiket_sdk.replay_stores import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    import uvicorn

    from kiket_sdk import HandlerContext, KiketSDK

V1 = f"/v/v1/webhooks/{EVENT}"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def build() -> KiketSDK:
    sdk = build_sdk(body_limit_bytes=200_000)

    @sdk.webhook("context", version="v1")
    async def tell(payload: Any, context: HandlerContext) -> Any:
        sent = {
            name: value for name, value in context.headers.items() if name != "x-kiket-timestamp"
        }
        return {"headers": sent, "trace": current_trace_id(), "event": context.event}

    @sdk.webhook("thread", version="v1")
    def in_thread(payload: Any, context: HandlerContext) -> Any:
        return {"thread": True}

    @sdk.webhook("response", version="v1")
    async def respond(payload: Any, context: HandlerContext) -> Any:
        return JSONResponse({"made": "tea"}, 418, {"X-Said": "yes"})

    @sdk.webhook("stream", version="v1")
    async def stream(payload: Any, context: HandlerContext) -> Any:
        return StreamingResponse(iter([b"one ", b"two"]), media_type="text/plain")

    @sdk.webhook("fail", version="v1")
    async def fail(payload: Any, context: HandlerContext) -> Any:
        raise ValueError("no tea")

    return sdk


@contextlib.contextmanager
def serving(config: uvicorn.Config) -> Iterator[int]:
    """Serve in a thread; give the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(config)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(120)


@pytest.fixture(scope="module")
def ports() -> Iterator[tuple[int, int]]:
    """Serve one extension with the SDK's server, and another like it with ASGI alone."""
    own = build()._server_config(log_config=None, access_log=False)
    asgi = server_config(build().app, hosts=None, allow_cross_site=True, limits=own_limits(own))
    with serving(own) as own_port, serving(asgi) as asgi_port:
        yield own_port, asgi_port


def own_limits(config: uvicorn.Config) -> Any:
    protocol: Any = config.http
    return protocol.policy.limits


def answer(port: int, path: str, headers: dict[str, str], raw_body: bytes) -> tuple[Any, ...]:
    """Post on a connection of its own; return status, headers and body, dates left out."""
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if "Transfer-Encoding" not in headers:
        lines.append(f"Content-Length: {len(raw_body)}")
    with socket.create_connection(("127.0.0.1", port), timeout=120) as connection:
        connection.sendall("\r\n".join([*lines, "\r\n"]).encode() + raw_body)
        raw = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = raw.partition(b"\r\n\r\n")
    status, *fields = re.sub(rb"\r\ndate: [^\r]*", b"", head).split(b"\r\n")
    return status, sorted(fields), body


LONG = b'{"text": "' + b"x" * 150_000 + b'"}'
REQUESTS = {
    "signed": (V1, signed(), RAW),
    "sw1": (V1, signed(dialect="sw1"), RAW),
    "version in a header": (f"/webhooks/{EVENT}", signed(X_Kiket_Event_Version="v1"), RAW),
    "version in the query": (f"/webhooks/{EVENT}?version=v1", signed(), RAW),
    "no version": (f"/webhooks/{EVENT}", signed(), RAW),
    "escaped path": ("/v/v1/webhooks/issue%2Ecreated", signed(), RAW),
    "escaped slash": ("/v/v1/webhooks/issue%2Fcreated", signed(), RAW),
    "trailing slash": (f"{V1}/", signed(), RAW),
    "nobody's event": ("/v/v1/webhooks/other", signed(), RAW),
    "no webhook": ("/nowhere", signed(), RAW),
    "unsigned": (V1, {}, RAW),
    "wrongly signed": (V1, signed(b"other"), RAW),
    "no JSON": (V1, signed(b"{"), b"{"),
    "empty": (V1, signed(b""), b""),
    "long": (V1, signed(LONG), LONG),
    "too long": (V1, signed(LONG * 2), LONG * 2),
    "chunked": (V1, signed() | {"Transfer-Encoding": "chunked"}, b"14\r\n%b\r\n0\r\n\r\n" % RAW),
    "what a handler sees": (
        "/v/v1/webhooks/context?a=b",
        signed(traceparent=TRACE) | {"X-Name": "Wert ä"},
        RAW,
    ),
    "in a thread": ("/v/v1/webhooks/thread", signed(), RAW),
    "a response": ("/v/v1/webhooks/response", signed(), RAW),
    "a stream": ("/v/v1/webhooks/stream", signed(), RAW),
    "a failure": ("/v/v1/webhooks/fail", signed(), RAW),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_the_sdks_server_answers_as_asgi_does(ports: tuple[int, int], name: str) -> None:
    path, headers, raw_body = REQUESTS[name]
    own, asgi = (answer(port, path, headers, raw_body) for port in ports)
    assert own == asgi


def test_middleware_sees_every_webhook() -> None:
    sdk = build()
    seen: list[str] = []

    @sdk.app.middleware("http")
    async def watch(request: Any, call_next: Any) -> Any:
        seen.append(request.url.path)
        return await call_next(request)

    with serving(sdk._server_config(log_config=None, access_log=False)) as port:
        assert answer(port, V1, signed(), RAW)[0] == b"HTTP/1.1 200 OK"
    assert seen == [V1]


def test_a_delivery_that_came_before_is_answered_alike() -> None:
    sdk = build_sdk(replay_store=MemoryStore())
    headers = signed(dialect="sw1")
    with serving(sdk._server_config(log_config=None, access_log=False)) as port:
        first, again = (answer(port, V1, headers, RAW) for _ in range(2))
    assert json.loads(first[2])["version"] == "v1"
    assert again[0].split()[1] in (b"200", b"409")
