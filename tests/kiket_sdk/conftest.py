"""A platform stand-in on a real socket, and an environment without KIKET_ variables."""

from __future__ import annotations

import json
import os
import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Call:
    """One request that the platform received."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class Platform:
    """Answer 204, or what `answers` holds for "METHOD path", and remember every call."""

    url: str
    calls: list[Call] = field(default_factory=list)
    answers: dict[str, list[tuple[int, Any]]] = field(default_factory=dict)
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def answer(self, call: str, *replies: tuple[int, Any]) -> None:
        """Queue replies for a call; the last one is repeated."""
        self.answers[call] = list(replies)

    def wait_for(self, count: int, deadline_s: float = 120.0) -> list[Call]:
        """Return the calls as soon as there are `count`."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.calls) >= count, deadline_s)
            return list(self.calls)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        raw_body = b""
        more = True
        while more:
            message = await receive()
            raw_body += message.get("body", b"")
            more = message.get("more_body", False)
        query = scope["query_string"].decode()
        path = scope["raw_path"].decode() + (f"?{query}" if query else "")
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        body = json.loads(raw_body) if raw_body else None
        replies = self.answers.get(f"{scope['method']} {path}", [(204, None)])
        status, content = replies.pop(0) if len(replies) > 1 else replies[0]
        raw_answer = b"" if content is None else json.dumps(content).encode()
        start_headers = [
            (b"content-length", str(len(raw_answer)).encode()),
            (b"set-cookie", b"session=1; Path=/"),
        ]
        if status in {301, 302, 307}:
            start_headers.append((b"location", content.encode()))
        with self.arrived:
            self.calls.append(Call(scope["method"], path, headers, body))
            self.arrived.notify_all()
        await send({"type": "http.response.start", "status": status, "headers": start_headers})
        await send({"type": "http.response.body", "body": raw_answer})


@contextmanager
def served(application: Any) -> Iterator[str]:
    """Serve an ASGI application on a free port; yield its URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(application, log_config=None, ws="none", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(120)
    listener.close()
    assert not thread.is_alive()


@pytest.fixture
def platform() -> Iterator[Platform]:
    """Serve a platform on a free port."""
    stand_in = Platform("")
    with served(stand_in) as stand_in.url:
        yield stand_in


@pytest.fixture
def token_keys() -> Iterator[None]:
    """Know the keys of two platforms, and no others, without asking either."""
    from tests.kiket_sdk.deliveries import HOME, STAGING
    from tests.vectors import forge

    from kiket_sdk._jwks import address, keys_at
    from kiket_sdk.auth import clear_jwks_cache

    clear_jwks_cache()
    keys_at(address(HOME)).put(forge.JWKS)
    keys_at(address(STAGING)).put({"keys": [forge.jwk("stranger", kid="main")]})
    yield
    clear_jwks_cache()


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give replay stores and platforms the time that they take on a busy machine."""
    monkeypatch.setattr("kiket_sdk._replay.BUDGET_S", 120)
    monkeypatch.setattr("kiket_sdk._jwks.TIMEOUT_S", 120)


@pytest.fixture(autouse=True)
def no_kiket_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the developer's own settings out of the tests."""
    for name in list(os.environ):
        if name.startswith("KIKET_"):
            monkeypatch.delenv(name)
