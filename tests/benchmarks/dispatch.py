"""How fast a signed webhook gets to its handler and back, beside its limit and its peers.

One run starts each contender as a real uvicorn (uvloop, httptools) in a process of its own and
loads them in turn, round by round, over 16 keep-alive connections with a signed POST of 1 KB:

kiket_sdk   the SDK as `KiketSDK.run` serves it, but for the log of each request: with guard,
            verification, version routing, context, trace and a telemetry hook
k1, sw1     the same SDK, told in other ways that its caller may be trusted: with the timestamp in
token       the signature; and with an ES256 token in the payload, the same one again and again
asgi        the same SDK as an ASGI application under a bare uvicorn
starlette   a bare Starlette endpoint that parses and answers JSON, and verifies nothing
limit       a bare ASGI function: HMAC, a dictionary as router, JSON
original    what the first SDK did, its one defect mended: FastAPI, a new HTTP client for each
            request (but on a shared TLS context), the telemetry hook awaited

A contender has one core and the sender the other, which is kept busy at the lowest priority (see
`_load.Neighbour`). Work per processor second (capacity) moves least with other load on the machine;
the ratios are medians of the rounds' ratios. Rounds are short, because what else the machine does
changes more slowly than that; and all contenders start anew now and then, because processes of the
same code differ by some hundredths.
"""

from __future__ import annotations

import hmac
import json
import socket
import statistics
import subprocess
import sys
import time
from collections import deque
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.benchmarks._load import Burst, Generator, Neighbour, cores, cpu_s, pin
from tests.benchmarks._request import (
    BODY_BYTES,
    EVENT,
    PATH,
    SECRET,
    VERSION,
    issue_body,
    post,
    signed_post,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from kiket_sdk import KiketSDK

OURS = ("kiket_sdk", "k1", "sw1", "token", "asgi")
CONTENDERS = (*OURS, "starlette", "limit", "original")
CONNECTIONS = 16
GOAL_OF_LIMIT = 0.90
GOAL_OF_ORIGINAL = 8.0
GOAL_TOKEN_OF_LIMIT = 0.6
GOAL_P99_OF_LIMIT = 1.2


class Server(NamedTuple):
    """A contender that serves, and the request that it lets in."""

    pid: int
    port: int
    raw_request: bytes


class Round(NamedTuple):
    """One contender's load of one round."""

    requests_per_s: float
    requests_per_cpu_s: float
    p50_ms: float
    p99_ms: float


def measure(quick: bool) -> dict[str, Any]:
    """Load all contenders in interleaved rounds and return figures, ratios and goals."""
    generations, rounds, seconds = (2, 3, 0.3) if quick else (5, 9, 0.4)
    taken: dict[str, list[Round]] = {name: [] for name in CONTENDERS}
    ours, theirs = cores()
    with Generator(theirs) as load, Neighbour(theirs):
        for _ in range(generations):
            with ExitStack() as stack:
                servers = {name: stack.enter_context(_serving(name)) for name in CONTENDERS}
                pin([server.pid for server in servers.values()], ours)
                for server in servers.values():
                    _load(load, server, 0.3)
                for index in range(rounds):
                    turn = index % len(CONTENDERS)
                    for name in CONTENDERS[turn:] + CONTENDERS[:turn]:
                        taken[name].append(_load(load, servers[name], seconds))
    return {
        "benchmark": "webhook dispatch",
        "body_bytes": BODY_BYTES,
        "connections": CONNECTIONS,
        "rounds": generations * rounds,
        "contenders": {
            name: {
                field: round(statistics.median(getattr(each, field) for each in results), 3)
                for field in Round._fields
            }
            for name, results in taken.items()
        },
        "ratios": {
            "of_limit": _ratio(taken, "kiket_sdk", "limit", "requests_per_cpu_s"),
            "limit_of_original": _ratio(taken, "limit", "original", "requests_per_cpu_s"),
            "of_starlette": _ratio(taken, "kiket_sdk", "starlette", "requests_per_cpu_s"),
            "of_original": _ratio(taken, "kiket_sdk", "original", "requests_per_cpu_s"),
            "p99_of_limit": _ratio(taken, "kiket_sdk", "limit", "p99_ms"),
            **{
                f"{name}_of_limit": _ratio(taken, name, "limit", "requests_per_cpu_s")
                for name in OURS[1:]
            },
        },
        "goals": {
            "of_limit": f">= {GOAL_OF_LIMIT}",
            "of_original": f">= {GOAL_OF_ORIGINAL}",
            "p99_of_limit": f"<= {GOAL_P99_OF_LIMIT}",
            "k1_of_limit": f">= {GOAL_OF_LIMIT}",
            "sw1_of_limit": f">= {GOAL_OF_LIMIT}",
            "token_of_limit": f">= {GOAL_TOKEN_OF_LIMIT}",
        },
    }


def _ratio(taken: dict[str, list[Round]], name: str, peer: str, field: str) -> float:
    pairs = zip(taken[name], taken[peer], strict=True)
    ratios = [float(getattr(ours, field) / getattr(theirs, field)) for ours, theirs in pairs]
    return round(statistics.median(ratios), 3)


def _load(load: Generator, server: Server, seconds: float) -> Round:
    before_s = cpu_s([server.pid])
    answers = load.run(Burst(server.port, server.raw_request, CONNECTIONS, seconds))
    taken_s = max(cpu_s([server.pid]) - before_s, 0.01)
    if answers.failed:
        raise RuntimeError(f"{answers.failed} answers of a contender were not 2xx.")
    return Round(
        answers.good / answers.elapsed_s,
        answers.good / taken_s,
        answers.p50_ms,
        answers.p99_ms,
    )


# The contenders


@contextmanager
def _serving(name: str) -> Iterator[Server]:
    """Run one contender in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.dispatch", name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise RuntimeError(f"The contender {name} did not start; run {command} to see why.")
            told = json.loads(line)
            yield Server(process.pid, told["port"], told["request"].encode())
        finally:
            process.terminate()


def _serve(name: str) -> None:
    import uvicorn

    apps: dict[str, Callable[[], Any]] = {
        "asgi": lambda: _extension(webhook_secret=SECRET).app,
        "starlette": _starlette_app,
        "limit": _limit_app,
        "original": _original_app,
    }
    raw_request = signed_post(PATH, issue_body(), dialect=name if name in ("k1", "sw1") else "k0")
    platforms = ExitStack()
    settings: dict[str, Any] = {"log_config": None, "access_log": False}
    if name == "token":
        from kiket_sdk.testing.platform import fake_platform

        platform = platforms.enter_context(fake_platform())
        raw_request = post(PATH, _with_token(platform.tokens.mint()))
        config = _extension(base_url=platform.url)._server_config(**settings)
    elif name in OURS and name != "asgi":
        config = _extension(webhook_secret=SECRET)._server_config(**settings)
    else:
        config = uvicorn.Config(
            apps[name](), loop="uvloop", http="httptools", interface="asgi3", **settings
        )
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    told = {"port": listener.getsockname()[1], "request": raw_request.decode()}
    print(json.dumps(told), flush=True)
    with platforms:
        uvicorn.Server(config).run(sockets=[listener])


def _extension(**how: Any) -> KiketSDK:
    from kiket_sdk import HandlerContext, KiketSDK, TelemetryRecord

    recent: deque[TelemetryRecord] = deque(maxlen=1_000)
    sdk = KiketSDK(
        **how,
        workspace_token="wk_test",
        extension_id="com.example.benchmark",
        extension_version="1.0.0",
        feedback_hook=recent.append,
    )

    @sdk.webhook(EVENT, version=VERSION)
    async def handle(payload: Any, context: HandlerContext) -> dict[str, Any]:
        return {"ok": True, "id": payload["issue"]["id"], "version": context.event_version}

    return sdk


def _with_token(token: str) -> bytes:
    """Return the event's JSON with a token, as long as it is without."""
    payload = json.loads(issue_body())
    payload["authentication"] = {"runtime_token": token}
    excess = len(json.dumps(payload)) - BODY_BYTES
    payload["issue"]["description"] = payload["issue"]["description"][max(0, excess) :]
    return json.dumps(payload).encode()


def _starlette_app() -> Any:
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    async def endpoint(request: Any) -> JSONResponse:
        payload = await request.json()
        version = request.path_params["version"]
        return JSONResponse({"ok": True, "id": payload["issue"]["id"], "version": version})

    return Starlette(routes=[Route("/v/{version}/webhooks/{event}", endpoint, methods=["POST"])])


async def _trivial(payload: Any, version: str) -> dict[str, Any]:
    return {"ok": True, "id": payload["issue"]["id"], "version": version}


_ROUTES: dict[tuple[str, str], Callable[[Any, str], Awaitable[Any]]] = {
    (VERSION, EVENT): _trivial,
}


def _limit_app() -> Any:
    import msgspec

    decode, encode = msgspec.json.Decoder().decode, msgspec.json.Encoder().encode
    raw_key = SECRET.encode()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        message = await receive()
        raw_body = message["body"]
        while message.get("more_body"):
            message = await receive()
            raw_body += message["body"]
        signature = dict(scope["headers"])[b"x-kiket-signature"].decode()
        mac = hmac.digest(raw_key, raw_body, "sha256")
        if not hmac.compare_digest(mac, bytes.fromhex(signature)):
            raise ValueError("The benchmark's own signature must match.")
        version, _, event = scope["path"][len("/v/") :].partition("/webhooks/")
        raw_reply = encode(await _ROUTES[version, event](decode(raw_body), version))
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(raw_reply)),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": raw_reply})

    return app


def _original_app() -> Any:
    import httpx
    from fastapi import FastAPI, HTTPException, Request
    from fastapi.responses import JSONResponse

    app = FastAPI()
    recent: deque[tuple[str, float]] = deque(maxlen=1_000)
    tls_context = httpx.create_ssl_context()

    async def webhook(request: Request) -> JSONResponse:
        event, version = request.path_params["event"], request.path_params["version"]
        raw_body = await request.body()
        expected = hmac.new(SECRET.encode(), raw_body, "sha256").hexdigest()
        if not hmac.compare_digest(expected, request.headers["x-kiket-signature"]):
            raise HTTPException(401)
        handler = _ROUTES[version, event]
        payload = json.loads(raw_body)
        started = time.perf_counter()
        async with httpx.AsyncClient(
            base_url="https://kiket.example", timeout=15.0, verify=tls_context
        ):
            result = await handler(payload, version)
        recent.append(("ok", (time.perf_counter() - started) * 1000))
        return JSONResponse(result)

    webhook.__annotations__["request"] = Request  # FastAPI looks for the class, not its name
    app.post("/v/{version}/webhooks/{event}")(webhook)
    return app


if __name__ == "__main__":
    _serve(sys.argv[1])
