"""WSGI apps in threads: whoever leaves, no thread is lost."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx
import pytest
from flask import Flask, Response
from flask import request as flask_request

from pywatt_sdk._bridge import answer, serve_http
from pywatt_sdk._protocol import HttpRequest
from pywatt_sdk._wsgi import Threaded

if TYPE_CHECKING:
    from collections.abc import Iterator


def asked(uri: str, **headers: str) -> HttpRequest:
    return HttpRequest("r-1", "GET", uri, headers)


@pytest.fixture
def app() -> Threaded:
    """One thread: who keeps it keeps everybody else waiting."""
    made = Flask(__name__)

    @made.get("/endless")
    def endless() -> Response:
        def pieces() -> Iterator[bytes]:
            while True:
                yield b"x" * 1024

        return Response(pieces())

    @made.get("/quick")
    def quick() -> str:
        return "ok"

    @made.post("/length")
    def length() -> str:
        return str(len(flask_request.get_data()))

    return Threaded(made, threads=1)


async def is_answered(app: Threaded) -> bool:
    response = await answer(app, asked("/quick"), timeout_s=120)
    return response.body == b"ok"


async def test_an_answer_that_is_too_large_ends(app: Threaded) -> None:
    response = await answer(app, asked("/endless"), answer_bytes=100_000)
    assert response.status_code == 500
    assert await is_answered(app)


async def test_an_answer_that_takes_too_long_ends(app: Threaded) -> None:
    response = await answer(app, asked("/endless"), timeout_s=0.05, answer_bytes=10**12)
    assert response.status_code == 504
    assert await is_answered(app)


async def test_an_answer_ends_when_its_client_has_left(app: Threaded) -> None:
    async with serve_http(app) as serving:
        reader, writer = await asyncio.open_connection(serving.host, serving.port)
        writer.write(b"GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await reader.readexactly(1_000)
        writer.transport.abort()
        assert await is_answered(app)


async def test_a_body_that_does_not_come_whole_is_waited_for_no_longer(app: Threaded) -> None:
    async with serve_http(app) as serving:
        _, writer = await asyncio.open_connection(serving.host, serving.port)
        head = b"POST /length HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhalf"
        writer.write(head)
        await writer.drain()
        writer.close()
        assert await is_answered(app)


async def test_a_large_body_arrives_whole(app: Threaded) -> None:
    async with serve_http(app) as serving, httpx.AsyncClient(timeout=120) as client:
        got = await client.post(f"http://{serving.address}/length", content=b"x" * 3_000_000)
    assert got.text == "3000000"
