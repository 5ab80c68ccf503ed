"""The outbound client: where credentials go, what errors look like."""

from __future__ import annotations

import asyncio
import gzip
import traceback
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import stamina

from kiket_core import trace
from kiket_core.secret import redactor
from kiket_sdk import KiketClient
from kiket_sdk.client import RESPONSE_LIMIT_BYTES, new_http_client
from kiket_sdk.exceptions import ArgumentError, OutboundRequestError, SecretStoreError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.kiket_sdk.conftest import Platform

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"


async def test_a_request_carries_credentials_and_json(platform: Platform) -> None:
    platform.answer("POST /api/x", (201, {"a": 1}))
    async with KiketClient(f"{platform.url}/", "wk_test") as client:
        reply = await client.post("/api/x", json={"b": 2})
    (call,) = platform.calls
    assert reply.json() == {"a": 1}
    assert call.body == {"b": 2}
    assert call.headers["authorization"] == "Bearer wk_test"
    assert call.headers["accept"] == "application/json"
    assert "traceparent" not in call.headers


async def test_every_verb(platform: Platform) -> None:
    async with KiketClient(platform.url, None) as client:
        for verb in ("get", "post", "put", "patch", "delete"):
            await getattr(client, verb)("/x")
    assert [call.method for call in platform.calls] == ["GET", "POST", "PUT", "PATCH", "DELETE"]
    assert "authorization" not in platform.calls[0].headers


@pytest.mark.parametrize(
    ("client", "expected"),
    [
        (KiketClient("http://x", "wk", "api"), {"X-Kiket-API-Key": "api"}),
        (
            KiketClient("http://x", "wk", "api", "rt"),
            {"X-Runtime-Token": "rt", "X-Kiket-Runtime-Token": "rt"},
        ),
    ],
)
def test_tokens_of_later_eras(client: KiketClient, expected: dict[str, str]) -> None:
    headers = client._build_headers({})
    assert headers == {
        "Accept": "application/json",
        "Authorization": "Bearer wk",
        **expected,
    }


def test_the_callers_headers_win_whatever_their_case() -> None:
    headers = KiketClient("http://x", "wk")._build_headers({"authorization": "mine"})
    assert headers == {"Accept": "application/json", "authorization": "mine"}


async def test_credentials_stay_at_the_configured_origin(platform: Platform) -> None:
    token = trace.enter(None)
    async with KiketClient("http://kiket.invalid", "wk_test", "api", "rt") as client:
        await client.get(f"{platform.url}/elsewhere")
    trace.leave(token)
    (call,) = platform.calls
    secret = {"authorization", "x-runtime-token", "x-kiket-runtime-token", "traceparent"}
    assert not secret & set(call.headers)


async def test_an_absolute_url_of_the_same_origin_is_ours(platform: Platform) -> None:
    async with KiketClient(platform.url, "wk_test") as client:
        await client.get(f"{platform.url}/here")
    assert platform.calls[0].headers["authorization"] == "Bearer wk_test"


async def test_redirects_are_errors_even_when_asked_for(platform: Platform) -> None:
    platform.answer("GET /moved", (302, "/other"))
    async with KiketClient(platform.url, "wk_test") as client:
        with pytest.raises(OutboundRequestError, match=r"^Kiket API returned 302$"):
            await client.get("/moved", follow_redirects=True)
    assert len(platform.calls) == 1


async def test_an_error_answer_keeps_its_cause(platform: Platform) -> None:
    platform.answer("GET /x", (503, {"error": "no"}))
    async with KiketClient(platform.url, "wk_test") as client:
        with pytest.raises(OutboundRequestError, match=r"^Kiket API returned 503$") as caught:
            await client.get("/x")
    assert caught.value.status_code == 503
    assert isinstance(caught.value.__cause__, httpx.HTTPStatusError)


async def test_nobody_there() -> None:
    async with KiketClient("http://127.0.0.1:9", "wk_test") as client:
        with pytest.raises(OutboundRequestError, match=r"^Failed to communicate with Kiket API$"):
            await client.get("/x")


async def test_a_traceback_says_what_was_asked_and_answered(platform: Platform) -> None:
    """The error's own text is fixed; what helps to mend it is in the notes of its cause."""
    redactor.add("A_TOKEN", "never-shown-in-a-note")
    platform.answer("GET /x?t=1", (422, {"error": "no such key: never-shown-in-a-note"}))
    async with KiketClient(platform.url, "wk_test") as client:
        with pytest.raises(OutboundRequestError) as refused:
            await client.get("/x?t=1")
    assert (
        f'GET {platform.url}/x?t=1 was answered: {{"error": "no such key: [secret:A_TOKEN]"}}'
    ) in shown(refused.value)
    async with KiketClient("http://127.0.0.1:9", "wk_test") as client:
        with pytest.raises(OutboundRequestError) as unreachable:
            await client.get("/x")
    assert "ConnectError: All connection attempts failed\nThis was GET http://127.0.0.1:9/x\n" in (
        shown(unreachable.value)
    )


def shown(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_proxies_are_not_asked_for_this_machine(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    url = platform.url.replace("127.0.0.1", host)
    async with KiketClient(url, "wk_test") as client:
        await client.get("/here")
        with pytest.raises(OutboundRequestError, match=r"^Failed to communicate"):
            await client.get("http://kiket.invalid/through-the-proxy")
    async with KiketClient("http://kiket.invalid", "wk_test") as client:
        await client.get(f"{url}/there")
    assert [call.path for call in platform.calls] == ["/here", "/there"]


@pytest.mark.parametrize("is_packed", [False, True])
async def test_an_answer_is_read_up_to_a_limit_of_its_unpacked_size(is_packed: bool) -> None:
    async def respond(size: int) -> httpx.Response:
        body = b"x" * size
        headers = {"content-encoding": "gzip"} if is_packed else {}
        raw_answer = gzip.compress(body) if is_packed else body

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
            head = f"HTTP/1.1 200 OK\r\ncontent-length: {len(raw_answer)}\r\n{''.join(lines)}\r\n"
            writer.write(head.encode() + raw_answer)
            writer.close()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            async with KiketClient(f"http://127.0.0.1:{port}", None) as client:
                return await client.get("/x")

    response = await respond(RESPONSE_LIMIT_BYTES)
    assert len(response.content) == RESPONSE_LIMIT_BYTES
    assert response.headers["content-length"] == str(RESPONSE_LIMIT_BYTES)
    assert response.elapsed.total_seconds() > 0
    with pytest.raises(OutboundRequestError, match=r"more than 5242880 bytes; ask for less"):
        await respond(RESPONSE_LIMIT_BYTES + 1)


async def test_a_streamed_answer_is_its_readers_care(platform: Platform) -> None:
    platform.answer("GET /x", (200, [1]))
    async with (
        new_http_client(platform.url, timeout_s=120) as client,
        client.stream("GET", "/x") as response,
    ):
        assert await response.aread() == b"[1]"


async def test_an_answer_that_a_test_made_up_is_taken_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Libraries that stand in for the network replace the transport's method."""

    async def made_up(
        _transport: httpx.AsyncHTTPTransport, _request: httpx.Request
    ) -> httpx.Response:
        return httpx.Response(200, json=[1])

    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", made_up)
    async with KiketClient("http://127.0.0.1:9", None) as client:
        assert (await client.get("/x")).json() == [1]


async def test_connections_assigned_from_outside_are_used() -> None:
    client = KiketClient("https://example.invalid", "wk_test")
    transport = httpx.MockTransport(lambda _request: httpx.Response(200, json={"mock": True}))
    client._client = httpx.AsyncClient(transport=transport, base_url=client.base_url)
    async with client as entered:
        assert (await entered.get("/ping")).json() == {"mock": True}


async def test_connections_of_one_event_loop_are_not_used_by_another(platform: Platform) -> None:
    client = KiketClient(platform.url, "wk_test")
    await client.get("/here")
    await asyncio.to_thread(lambda: asyncio.run(client.get("/there")))
    await client.get("/here")
    await client.aclose()
    assert [call.path for call in platform.calls] == ["/here", "/there", "/here"]


async def test_cookies_are_not_kept(platform: Platform) -> None:
    async with KiketClient(platform.url, "wk_test") as client:
        await client.get("/sets-a-cookie")
        await client.get("/x")
    assert "cookie" not in platform.calls[1].headers


async def test_a_call_within_a_webhook_continues_its_trace(platform: Platform) -> None:
    token = trace.enter(f"00-{TRACE_ID}-b7ad6b7169203331-00")
    async with KiketClient(platform.url, "wk_test") as client:
        await client.get("/x")
        await client.get("/x")
    trace.leave(token)
    first, second = (call.headers["traceparent"].split("-") for call in platform.calls)
    assert first[:2] == second[:2] == ["00", TRACE_ID]
    assert first[3] == "00"
    assert first[2] != second[2]


async def test_storing_a_secret_updates_the_one_that_exists(platform: Platform) -> None:
    platform.answer("POST /api/v1/extensions/ext.test/secrets", (422, {"error": "taken"}))
    async with KiketClient(platform.url, "wk_test") as client:
        await client.store_secret("ext.test", "API KEY", "value")
    assert [(call.method, call.path, call.body) for call in platform.calls] == [
        (
            "POST",
            "/api/v1/extensions/ext.test/secrets",
            {"secret": {"key": "API KEY", "value": "value"}},
        ),
        (
            "PATCH",
            "/api/v1/extensions/ext.test/secrets/API%20KEY",
            {"secret": {"value": "value"}},
        ),
    ]


async def test_failures_of_the_secret_store(platform: Platform) -> None:
    platform.answer("POST /api/v1/extensions/e/secrets", (500, None))
    platform.answer("DELETE /api/v1/extensions/e/secrets/k", (500, None))
    async with KiketClient(platform.url, "wk_test") as client:
        with pytest.raises(SecretStoreError, match=r"^Failed to store extension secret$"):
            await client.store_secret("e", "k", "v")
        with pytest.raises(SecretStoreError, match=r"^Failed to delete extension secret$"):
            await client.delete_secret("e", "k")


@pytest.mark.parametrize("name", [".", "..", ""])
async def test_a_name_that_would_leave_its_path_is_refused(name: str) -> None:
    client = KiketClient("http://127.0.0.1:9", "wk_test")
    with pytest.raises(SecretStoreError, match="cannot be part of a platform path"):
        await client.delete_secret("e", name)


async def test_a_name_is_one_path_segment(platform: Platform) -> None:
    async with KiketClient(platform.url, "wk_test") as client:
        await client.delete_secret("e", "../../other/secrets/K?x#y")
    assert platform.calls[0].path == (
        "/api/v1/extensions/e/secrets/..%2F..%2Fother%2Fsecrets%2FK%3Fx%23y"
    )


def test_the_repr_shows_no_token() -> None:
    assert "wk_test" not in repr(KiketClient("http://x", "wk_test"))


async def test_deliveries_share_connections_and_not_tokens(platform: Platform) -> None:
    """A view carries its own runtime token; it opens nothing and closes nothing."""
    client = KiketClient(platform.url, "wk_test", "api")
    async with client.for_delivery("rt_1") as first:
        await first.get("/one")
    second = client.for_delivery("rt_2")
    await asyncio.gather(second.get("/two"), client.get("/plain"))
    assert second._client is client._client
    await second.aclose()
    assert not client._client.is_closed
    await client.aclose()
    sent = {call.path: call.headers for call in platform.calls}
    assert sent["/one"]["x-kiket-runtime-token"] == sent["/one"]["x-runtime-token"] == "rt_1"
    assert sent["/two"]["x-kiket-runtime-token"] == "rt_2"
    assert "x-kiket-api-key" not in sent["/two"]
    assert "x-kiket-runtime-token" not in sent["/plain"]
    assert sent["/plain"]["x-kiket-api-key"] == "api"


async def test_a_delivery_without_a_token_is_the_client_s_own() -> None:
    client = KiketClient("http://x", "wk", None, "configured")
    assert client.for_delivery(None).runtime_token == "configured"


async def test_connections_assigned_to_a_delivery_are_its_own() -> None:
    client = KiketClient("https://example.invalid", "wk_test")
    view = client.for_delivery("rt")
    view._client = httpx.AsyncClient(
        transport=httpx.MockTransport(lambda request: httpx.Response(200, text=str(request.url))),
        base_url=view.base_url,
    )
    async with view:
        assert (await view.get("/x")).text == "https://example.invalid/x"
    assert client._connections.http is view._connections.http is None


def test_a_token_in_the_place_of_the_key_is_recognised() -> None:
    """The newest releases take the runtime token third."""
    client = KiketClient("http://x", "wk", "eyJhbGciOiJFUzI1NiJ9.e30.c2ln")
    assert client.runtime_token == "eyJhbGciOiJFUzI1NiJ9.e30.c2ln"
    assert client.extension_api_key is None


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda client: client.get("http://[::1"), "Invalid port"),
        (lambda client: client.get("/a\nb"), "Invalid non-printable ASCII character"),
        (lambda client: client.post("/x", json={"a": "\ud800"}), "surrogates not allowed"),
        (lambda client: client.post("/x", json=float("nan")), "not JSON compliant"),
        (lambda client: client.get("/x", headers={"X-A": "✓"}), "can't encode"),
        (lambda client: client.for_delivery("é-secret").get("/x"), "can't encode"),
        (
            lambda client: client.for_delivery("a\r\nX-Evil: my-secret").get("/x"),
            "a header holds what HTTP cannot carry",
        ),
    ],
)
async def test_what_cannot_be_sent_is_one_of_our_errors(
    platform: Platform, call: Any, reason: str
) -> None:
    """The payload's token is anybody's text where it is handed on unverified."""
    async with KiketClient(platform.url, "wk_test", retries=2) as client:
        with pytest.raises(ArgumentError, match=f"cannot be sent: .*{reason}") as refused:
            await call(client)
    assert "secret" not in shown(refused.value).replace("test_client.py", "")
    assert platform.calls == []


@pytest.fixture
def no_pauses() -> Iterator[None]:
    with stamina.set_testing(True, attempts=10, cap=True):
        yield


@pytest.mark.usefixtures("no_pauses")
@pytest.mark.parametrize(
    ("method", "headers"),
    [("GET", {}), ("PUT", {}), ("DELETE", {}), ("POST", {"idempotency-key": "k1"})],
)
async def test_a_busy_platform_is_asked_again_by_choice(
    platform: Platform, method: str, headers: dict[str, str]
) -> None:
    platform.answer(f"{method} /x", (503, None), (429, None), (204, None))
    async with KiketClient(platform.url, "wk_test", retries=2) as client:
        assert (await client.request(method, "/x", headers=headers)).status_code == 204
    assert len(platform.calls) == 3


@pytest.mark.parametrize(
    ("method", "status", "retries"),
    [("POST", 503, 2), ("PATCH", 429, 2), ("GET", 500, 2), ("GET", 404, 2), ("GET", 503, 0)],
)
async def test_what_might_be_done_twice_or_is_no_use_is_not_repeated(
    platform: Platform, method: str, status: int, retries: int
) -> None:
    platform.answer(f"{method} /x", (status, None))
    async with KiketClient(platform.url, "wk_test", retries=retries) as client:
        with pytest.raises(OutboundRequestError, match=str(status)):
            await client.request(method, "/x")
    assert len(platform.calls) == 1


async def test_a_stream_is_sent_once(platform: Platform) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"1"

    platform.answer("PUT /x", (503, None))
    async with KiketClient(platform.url, "wk_test", retries=2) as client:
        with pytest.raises(OutboundRequestError, match="503"):
            await client.put("/x", content=chunks())
    assert len(platform.calls) == 1


@pytest.mark.usefixtures("no_pauses")
async def test_the_last_failure_is_raised_with_its_cause(platform: Platform) -> None:
    platform.answer("GET /x", (503, {"error": "still busy"}))
    async with KiketClient(platform.url, "wk_test", retries=1) as client:
        with pytest.raises(OutboundRequestError, match=r"^Kiket API returned 503$") as failed:
            await client.get("/x")
    assert "still busy" in shown(failed.value)
    assert len(platform.calls) == 2


async def test_nobody_there_is_asked_again() -> None:
    tries = 0

    def refuse(request: httpx.Request) -> httpx.Response:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise httpx.ConnectError("refused", request=request)
        return httpx.Response(200, json=tries)

    client = KiketClient("https://example.invalid", None, retries=1).for_delivery("rt")
    client._client = httpx.AsyncClient(
        transport=httpx.MockTransport(refuse), base_url=client.base_url
    )
    assert (await client.get("/x")).json() == 2


@pytest.mark.parametrize(
    ("asked", "pause_s", "tries"),
    [
        ("0", 0.0, 2),
        (" 31 ", 31.0, 1),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0, 2),
        ("soon", None, 2),
        ("-1", None, 2),
    ],
)
async def test_the_pause_that_is_asked_for_is_kept_or_the_call_given_up(
    asked: str, pause_s: float | None, tries: int
) -> None:
    answers = 0

    def busy(_request: httpx.Request) -> httpx.Response:
        nonlocal answers
        answers += 1
        return httpx.Response(429, headers={"Retry-After": asked})

    client = KiketClient("https://example.invalid", None, retries=1)
    client._client = httpx.AsyncClient(
        transport=httpx.MockTransport(busy), base_url=client.base_url
    )
    with pytest.raises(OutboundRequestError) as failed:
        await client.get("/x")
    assert failed.value.retry_after_s == pause_s
    assert answers == tries
