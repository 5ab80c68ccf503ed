"""An HTTP request that came as a message, asked of an ASGI app."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from fastapi import BackgroundTasks, FastAPI, Request, Response
from starlette.responses import StreamingResponse

from pywatt_sdk._bridge import answer
from pywatt_sdk._exchange import ANSWER_BYTES, URI_BYTES, Exchange
from pywatt_sdk._protocol import HttpRequest, HttpResponse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answer with the scope, as far as it is text."""
    body = (await receive())["body"]
    seen = {
        "method": scope["method"],
        "path": scope["path"],
        "raw_path": scope["raw_path"].decode(),
        "query": scope["query_string"].decode(),
        "headers": [[name.decode(), value.decode()] for name, value in scope["headers"]],
        "body": body.decode(),
        "state": scope["state"],
    }
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": json.dumps(seen).encode()})


def request(method: str = "GET", uri: str = "/", **fields: Any) -> HttpRequest:
    return HttpRequest("r-1", method, uri, fields.pop("headers", {}), **fields)


def sentence(response: HttpResponse) -> str:
    content = json.loads(response.body or b"")
    assert list(content) == ["error"]
    text = content["error"]
    assert isinstance(text, str)
    return text


async def seen(asked: HttpRequest) -> dict[str, Any]:
    response = await answer(echo, asked, state={"is_started": True})
    assert response.request_id == asked.request_id
    content: dict[str, Any] = json.loads(response.body or b"")
    return content


@pytest.mark.parametrize(
    ("uri", "path", "raw_path", "query"),
    [
        ("/a%20b?x=1&y=%C3%A9", "/a b", "/a%20b", "x=1&y=%C3%A9"),
        ("/ä b?q=ü", "/ä b", "/%C3%A4%20b", "q=%C3%BC"),
        ("http://example.com/a?b", "/a", "/a", "b"),
        ("http://example.com", "/", "/", ""),
        ("/a?b#c", "/a", "/a", "b"),
        ("/%ff", "/\ufffd", "/%ff", ""),
    ],
)
async def test_splits_a_uri_as_a_browser_would_have_sent_it(
    uri: str, path: str, raw_path: str, query: str
) -> None:
    got = await seen(request(uri=uri))
    assert (got["path"], got["raw_path"], got["query"]) == (path, raw_path, query)


async def test_gives_the_app_the_headers_and_the_length_that_the_body_has() -> None:
    headers = {"X-One": "é", "Content-Length": "7", "Transfer-Encoding": "chunked"}
    got = await seen(request("post", headers=headers, body=b"hey"))
    assert got["headers"] == [["x-one", "é"], ["content-length", "3"]]
    assert (got["method"], got["body"]) == ("POST", "hey")
    assert got["state"] == {"is_started": True}


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (request("GE T"), 400),
        (request(""), 400),
        (request(uri="a"), 400),
        (request(uri=""), 400),
        (request(uri="/" + "a" * URI_BYTES), 414),
        (request(headers={"a b": "c"}), 400),
        (request(headers={"a": "b", "": "c"}), 400),
        (request(headers={"a": "b", "c": "d\n"}), 400),
        (request(headers={"a": "b\r\nc: d"}), 400),
        (request(headers={"a": "\x00"}), 400),
    ],
)
async def test_refuses_what_no_client_could_have_sent(asked: HttpRequest, status: int) -> None:
    response = await answer(echo, asked)
    assert response.status_code == status
    assert sentence(response).endswith(".")


def app() -> FastAPI:
    made = FastAPI()

    @made.get("/cookies")
    async def cookies(response: Response) -> None:
        for name in ("a", "b", "c"):
            response.set_cookie(name, "1")
        response.headers.append("vary", "x")
        response.headers.append("vary", "y")

    @made.get("/boom")
    async def boom() -> None:
        raise ValueError("the password is hunter2")

    @made.get("/large")
    async def large() -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            while True:
                yield b"x" * 65536

        return StreamingResponse(pieces())

    @made.get("/slow")
    async def slow(request: Request) -> None:
        await asyncio.Event().wait()

    return made


async def test_gives_each_cookie_a_spelling_of_its_own_and_joins_the_rest() -> None:
    """A map holds a name once; names of headers differ in nothing by their case."""
    headers = (await answer(app(), request(uri="/cookies"))).headers
    cookies = [name for name in headers if name.lower() == "set-cookie"]
    assert cookies[0] == "set-cookie"
    assert [headers[name][0] for name in cookies] == ["a", "b", "c"]
    assert headers["vary"] == "x, y"


@pytest.mark.parametrize(
    "header", [(b"location", b"/a\r\nset-cookie: b=c"), (b"x y", b"z"), (b"x", b"a\0b")]
)
async def test_a_header_that_would_be_two_is_not_passed_on(header: tuple[bytes, bytes]) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 302, "headers": [header]})
        await send({"type": "http.response.body", "body": b"moved"})

    response = await answer(app, request())
    assert response.status_code == 500
    assert sentence(response) == "The module failed to answer."


async def test_answers_nothing_of_what_a_handler_raises(caplog: pytest.LogCaptureFixture) -> None:
    response = await answer(app(), request(uri="/boom"))
    assert response.status_code == 500
    assert b"hunter2" not in (response.body or b"")
    assert "hunter2" in caplog.text


async def test_an_app_that_raises_before_it_answers_gives_a_sentence() -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("secret")

    response = await answer(broken, request())
    assert (response.status_code, sentence(response)) == (500, "The module failed to answer.")


async def test_an_app_that_ends_without_an_answer_gives_a_sentence() -> None:
    async def silent(scope: Any, receive: Any, send: Any) -> None:
        """Answer nothing."""

    response = await answer(silent, request())
    assert response.status_code == 500
    assert "no complete answer" in sentence(response)


async def test_an_answer_is_collected_up_to_a_limit() -> None:
    response = await answer(app(), request(uri="/large"))
    assert response.status_code == 500
    assert f"larger than {ANSWER_BYTES} bytes" in sentence(response)


async def test_an_answer_that_does_not_come_is_given_up() -> None:
    response = await answer(app(), request(uri="/slow"), timeout_s=0.01)
    assert response.status_code == 504
    assert "0.01 seconds" in sentence(response)


async def test_a_head_request_has_no_body() -> None:
    async def answers(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-length", b"2"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"ok"})

    response = await answer(answers, request("HEAD"))
    assert (response.body, response.headers) == (b"", {"content-length": "2"})


async def test_the_answer_does_not_wait_for_background_tasks() -> None:
    made = FastAPI()
    release, ran = asyncio.Event(), asyncio.Event()

    @made.get("/")
    async def begin(tasks: BackgroundTasks) -> str:
        async def later() -> None:
            await release.wait()
            ran.set()

        tasks.add_task(later)
        return "begun"

    exchange = Exchange(request())
    async with asyncio.TaskGroup() as group:
        group.create_task(exchange.run(made))
        assert (await exchange.response).body == b'"begun"'
        assert not ran.is_set()
        release.set()
    assert ran.is_set()


async def test_a_request_that_is_cancelled_is_answered() -> None:
    exchange = Exchange(request(uri="/slow"))
    async with asyncio.TaskGroup() as group:
        task = group.create_task(exchange.run(app()))
        await asyncio.sleep(0)
        task.cancel()
    assert exchange.response.result().status_code == 503
