"""Webhooks from the outside: which request gets which answer."""

from __future__ import annotations

import contextvars
import dataclasses
import json
import logging
import re
import threading
import traceback
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import PlainTextResponse
from tests.kiket_sdk.webhooks import EVENT, RAW, SECRET, build_sdk, post, signed

from kiket_core.trace import current_trace_id
from kiket_sdk import HandlerContext
from kiket_sdk._signing import DIALECTS
from kiket_sdk.routing import SELF_TEST_EVENT

REQUIRED = (
    "Event version required. Provide X-Kiket-Event-Version header, version query param, "
    "or /v/{version} path."
)


def k0(timestamp: str) -> dict[str, str]:
    return {**signed(), "X-Kiket-Timestamp": timestamp}


def iso(**ago: float) -> str:
    return (datetime.now(UTC) - timedelta(**ago)).isoformat()


V1 = f"/v/v1/webhooks/{EVENT}"
INVALID = (401, {"detail": "Invalid signature"})
OUTSIDE = (401, {"detail": "Request timestamp outside allowed window"})
BAD_STAMP = (401, {"detail": "Invalid X-Kiket-Timestamp header"})
MISSING = (401, {"detail": "Missing X-Kiket-Signature header"})


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_is_let_in(dialect: str) -> None:
    assert post(build_sdk(), V1, signed(dialect=dialect))[0] == 200


@pytest.mark.parametrize(
    ("headers", "answer"),
    [
        pytest.param({}, MISSING, id="unsigned"),
        pytest.param({"X-Kiket-Signature": ""}, MISSING, id="empty signature"),
        pytest.param({"X-Kiket-Signature": "0" * 64}, INVALID, id="wrong"),
        pytest.param({"X-Kiket-Signature": "nonsense"}, INVALID, id="not hex"),
        pytest.param(k0(iso(hours=2)), OUTSIDE, id="stale"),
        pytest.param(k0(iso(hours=-2)), OUTSIDE, id="from the future"),
        pytest.param(k0("1767225600"), BAD_STAMP, id="unix seconds outside the MAC"),
        pytest.param(k0("yesterday"), BAD_STAMP, id="garbage"),
        pytest.param(k0(datetime.now().isoformat()), BAD_STAMP, id="naive"),  # noqa: DTZ005
        pytest.param(
            {"webhook-signature": "v1,AAAA", "webhook-id": "m", "webhook-timestamp": "1"},
            INVALID,
            id="standard webhooks",
        ),
        pytest.param(
            {"webhook-id": "m", "webhook-timestamp": "1"},
            (401, {"detail": "Missing webhook-signature header"}),
            id="standard webhooks without a signature",
        ),
    ],
)
def test_a_refused_signature(headers: dict[str, str], answer: tuple[int, Any]) -> None:
    assert post(build_sdk(), V1, headers) == answer


def test_a_k0_timestamp_may_be_absent_or_fresh() -> None:
    for timestamp in ("", iso(), iso().replace("+00:00", "Z")):
        assert post(build_sdk(), V1, k0(timestamp))[0] == 200


def test_bytes_that_are_not_ascii_are_a_401_not_a_500() -> None:
    client = build_sdk().create_test_client()
    reply = client.post(V1, content=RAW, headers=[(b"x-kiket-signature", b"\xe9" * 64)])
    assert (reply.status_code, reply.json()) == INVALID


def test_a_repeated_signature_header_is_refused() -> None:
    client = build_sdk().create_test_client()
    good = signed()["X-Kiket-Signature"]
    reply = client.post(
        V1, content=RAW, headers=[("x-kiket-signature", good), ("x-kiket-signature", good)]
    )
    assert (reply.status_code, reply.json()) == INVALID


@pytest.mark.parametrize(
    ("path", "headers", "answer"),
    [
        pytest.param(V1, {}, 200, id="path"),
        pytest.param(f"/webhooks/{EVENT}", {"X-Kiket-Event-Version": " v1 "}, 200, id="header"),
        pytest.param(f"/webhooks/{EVENT}?version=v1", {}, 200, id="query"),
        pytest.param(V1, {"X-Kiket-Event-Version": "v9"}, 200, id="path before header"),
        pytest.param(
            f"/webhooks/{EVENT}?version=v9", {"X-Kiket-Event-Version": "v1"}, 200, id="then header"
        ),
        pytest.param(f"/v/%20/webhooks/{EVENT}?version=v1", {}, 200, id="blanks count as absent"),
        pytest.param(f"/webhooks/{EVENT}", {}, (400, {"detail": REQUIRED}), id="none"),
        pytest.param(
            f"/v/1/webhooks/{EVENT}",
            {},
            (404, {"detail": f"No handler registered for event '{EVENT}' with version '1'"}),
            id="compared exactly",
        ),
        pytest.param(f"/v/V1/webhooks/{EVENT}", {}, 404, id="case counts in versions"),
        pytest.param("/v/v1/webhooks/Issue.created", {}, 404, id="case counts in events"),
        pytest.param("/v/v1/webhooks/issue%2Ecreated", {}, 200, id="the event is decoded"),
        pytest.param("/v/v1/webhooks/issue%2Fcreated", {}, 404, id="one segment only"),
        pytest.param("/v/v1/webhooks/", {}, 404, id="no event"),
    ],
)
def test_routing(path: str, headers: dict[str, str], answer: Any) -> None:
    status, content = post(build_sdk(), path, {**signed(), **headers})
    assert answer in {status} if isinstance(answer, int) else (status, content) == answer


def test_other_methods_and_trailing_slashes() -> None:
    client = build_sdk().create_test_client()
    assert client.get(V1).status_code == 405
    reply = client.post(f"{V1}/", content=RAW, headers=signed(), follow_redirects=False)
    assert (reply.status_code, reply.headers["location"]) == (307, f"http://testserver{V1}")


@pytest.mark.parametrize(
    ("raw_body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b"[" * 100_000, 400),
        (b"[1]", 200),
        (b"null", 200),
        (b'"text"', 200),
        (b'"\\ud800"', 200),
        (b"123456789012345678901234567890", 200),
    ],
    ids=lambda value: str(value)[:24],
)
def test_the_body_is_any_json(raw_body: bytes, status: int) -> None:
    found, content = post(build_sdk(), V1, signed(raw_body), raw_body)
    assert found == status
    if status == 200:
        assert content["payload"] == json.loads(raw_body)
    else:
        assert content == {"detail": "Request body is not valid JSON"}


def test_an_unknown_event_is_told_before_a_broken_body() -> None:
    assert post(build_sdk(), "/v/v1/webhooks/other", signed(b"{"), b"{")[0] == 404


def test_a_body_over_the_limit_is_refused_unread() -> None:
    sdk = build_sdk(body_limit_bytes=19)
    assert post(sdk, V1, signed()) == (413, {"detail": "Request body exceeds 19 bytes"})
    assert post(build_sdk(body_limit_bytes=20), V1, signed())[0] == 200


class Decision:
    def to_dict(self) -> dict[str, str]:
        return {"status": "allow"}


FALSY: tuple[Any, ...] = (None, {}, [], 0, False, "")


@dataclasses.dataclass
class Point:
    x: int


@pytest.mark.parametrize(
    ("result", "answer"),
    [
        *((falsy, (200, {"ok": True})) for falsy in FALSY),
        ({"a": 1}, (200, {"a": 1})),
        ([1, "é"], (200, [1, "é"])),
        ("text", (200, "text")),
        (7, (200, 7)),
        (Decision(), (200, {"status": "allow"})),
        ({"nested": Decision()}, (200, {"nested": {"status": "allow"}})),
        (Point(1), (200, {"x": 1})),
        ({1: {True: 2}}, (200, {"1": {"true": 2}})),
        ({"o": object()}, (500, {"error": "The handler returned what JSON cannot carry"})),
    ],
    ids=lambda case: re.sub(r" at 0x\w+", "", repr(case)),  # an address changes with every run
)
def test_what_a_handler_returns(result: Any, answer: tuple[int, Any]) -> None:
    sdk = build_sdk()
    sdk.register("e", lambda _payload, _context: result, version="v1")
    assert post(sdk, "/v/v1/webhooks/e", signed()) == answer


def test_a_response_object_is_sent_as_it_is() -> None:
    sdk = build_sdk()
    sdk.register("e", lambda _payload, _context: PlainTextResponse("tea", 418), version="v1")
    reply = sdk.create_test_client().post("/v/v1/webhooks/e", content=RAW, headers=signed())
    assert (reply.status_code, reply.text) == (418, "tea")


@pytest.mark.parametrize(
    ("exception", "text"), [(ValueError("boom"), "boom"), (KeyError("title"), "'title'")]
)
@pytest.mark.parametrize("is_async", [True, False])
def test_a_failing_handler_is_a_400_with_its_text_and_a_logged_traceback(
    exception: Exception, text: str, is_async: bool, caplog: pytest.LogCaptureFixture
) -> None:
    sdk = build_sdk()

    def fail(_payload: Any, _context: HandlerContext) -> None:
        raise exception

    async def fail_later(_payload: Any, _context: HandlerContext) -> None:
        raise exception

    sdk.register("e", fail_later if is_async else fail, version="v1")
    with caplog.at_level(logging.ERROR, "kiket_sdk.webhook"):
        assert post(sdk, "/v/v1/webhooks/e", signed()) == (400, {"error": text})
    (record,) = caplog.records
    assert record.getMessage() == "The handler of e@v1 failed."
    assert record.exc_info is not None
    assert record.exc_info[1] is exception
    frames = traceback.extract_tb(record.exc_info[2])
    assert frames[0].name in {"fail", "fail_later"}, "the way to the handler is left out"


class UnspeakableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


class Undecided:
    def __bool__(self) -> bool:
        raise ValueError("neither yes nor no")


def test_a_failure_that_cannot_be_told_is_still_a_400(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "kiket_sdk.webhook")  # half a pair breaks what reports tests

    def fail(payload: Any, _context: HandlerContext) -> Any:
        if payload["how"] == "surrogate":
            raise ValueError("half a pair: \ud83d")
        if payload["how"] == "result":
            return Undecided()
        raise UnspeakableError

    sdk = build_sdk()
    sdk.register("e", fail, version="v1")

    def told(how: str) -> tuple[int, Any]:
        raw_body = json.dumps({"how": how}).encode()
        return post(sdk, "/v/v1/webhooks/e", signed(raw_body), raw_body)

    assert told("surrogate") == (400, {"error": "half a pair: \\ud83d"})
    assert told("result") == (400, {"error": "neither yes nor no"})
    assert told("text") == (400, {"error": "UnspeakableError (its text failed with RuntimeError)"})


def test_a_secret_in_an_exception_does_not_reach_the_sender() -> None:
    sdk = build_sdk()

    async def leak(_payload: Any, _context: HandlerContext) -> None:
        raise RuntimeError(f"cannot use {SECRET}")

    sdk.register("e", leak, version="v1")
    _, content = post(sdk, "/v/v1/webhooks/e", signed())
    assert content == {"error": "cannot use [secret:KIKET_WEBHOOK_SECRET]"}


def test_synchronous_handlers_run_in_a_thread_with_the_context_kept() -> None:
    sdk = build_sdk()
    seen: list[Any] = []
    variable = contextvars.ContextVar("variable", default="unset")

    def handler(_payload: Any, _context: HandlerContext) -> None:
        seen.extend([threading.current_thread().name, current_trace_id(), variable.get()])

    sdk.register("e", handler, version="v1")
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    headers = signed(traceparent=f"00-{trace_id}-b7ad6b7169203331-01")
    variable.set("set")
    assert post(sdk, "/v/v1/webhooks/e", headers)[0] == 200
    assert seen[0] != threading.main_thread().name
    assert "AnyIO worker thread" in seen[0]
    assert seen[1] == trace_id


def test_the_context_of_a_handler() -> None:
    sdk = build_sdk(settings={"region": "eu"})
    seen: list[HandlerContext] = []

    async def handler(_payload: Any, context: HandlerContext) -> None:
        assert "Authorization" in context.client._build_headers({})
        seen.append(context)

    sdk.register("e", handler, version="v1")
    post(sdk, "/v/ v1 /webhooks/e", signed(X_Custom="Yes"))
    (context,) = seen
    assert (context.event, context.event_version) == ("e", "v1")
    assert context.headers["x-custom"] == "Yes"
    assert all(name == name.lower() for name in context.headers)
    assert context.settings == {"region": "eu"}
    assert (context.extension_id, context.extension_version) == ("ext.test", "1.2.3")
    assert context.secrets is context.endpoints.secrets
    assert "Yes" not in repr(context)
    assert "wk_test" not in repr(context)


def test_a_context_can_be_built_by_hand() -> None:
    arguments: Any = ["e", "v1", {}, None, None, {}, None, None, None]
    assert HandlerContext(*arguments).event == "e"


def test_without_a_secret_a_webhook_needs_a_runtime_token(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sdk = build_sdk(webhook_secret=None)
    assert post(sdk, V1, signed()) == (401, {"detail": "Missing runtime_token in payload"})
    assert "set KIKET_WEBHOOK_SECRET" in caplog.text


@pytest.mark.parametrize("secret", [None, SECRET])
def test_allow_unsigned_lets_unsigned_webhooks_in(secret: str | None) -> None:
    sdk = build_sdk(webhook_secret=secret, allow_unsigned=True)
    assert post(sdk, V1, {})[0] == 200


def test_allow_unsigned_does_not_let_a_wrong_signature_in() -> None:
    sdk = build_sdk(allow_unsigned=True)
    assert post(sdk, V1, {"X-Kiket-Signature": "0" * 64}) == INVALID


def test_strict_takes_only_signed_timestamps() -> None:
    sdk = build_sdk(strict=True)
    accepted = {name for name in DIALECTS if post(sdk, V1, signed(dialect=name))[0] == 200}
    assert accepted == {"kr", "k1", "sw1"}


def test_a_previous_secret_still_verifies() -> None:
    sdk = build_sdk(webhook_secret=["the new secret of 24 bytes and more", SECRET])
    assert post(sdk, V1, signed())[0] == 200
    assert sdk.config.webhook_secret == "the new secret of 24 bytes and more"


def test_health_keeps_its_keys() -> None:
    reply = build_sdk().create_test_client().get("/health")
    assert reply.json() == {
        "status": "ok",
        "extension_id": "ext.test",
        "extension_version": "1.2.3",
        "registered_events": [f"{EVENT}@v1"],
    }


@pytest.mark.parametrize(("debug", "status"), [(True, 200), (False, 404)])
def test_docs_are_served_only_in_debug(
    debug: bool, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in ("/docs", "/openapi.json"):
        assert build_sdk(debug=debug).create_test_client().get(path).status_code == status
    monkeypatch.setenv("KIKET_SDK_DEBUG", "1" if debug else "0")
    assert build_sdk().create_test_client().get("/docs").status_code == status


def test_middleware_of_the_application_sees_webhooks() -> None:
    sdk = build_sdk()
    seen: list[str] = []

    async def watch(request: Any, call_next: Any) -> Any:
        seen.append(request.url.path)
        return await call_next(request)

    sdk.app.add_middleware(BaseHTTPMiddleware, dispatch=watch)
    assert post(sdk, V1, signed())[0] == 200
    assert post(sdk, f"/webhooks/{EVENT}?version=v1", signed())[0] == 200
    assert seen == [V1, f"/webhooks/{EVENT}"]


def test_the_application_can_be_mounted() -> None:
    from fastapi import FastAPI

    from kiket_sdk.testing._client import test_client

    outer = FastAPI()
    outer.mount("/ext", build_sdk().app)
    reply = test_client(outer).post(f"/ext{V1}", content=RAW, headers=signed())
    assert reply.status_code == 200


def test_other_routes_of_the_application_work() -> None:
    sdk = build_sdk()
    sdk.app.get("/extra")(lambda: {"extra": True})
    assert sdk.create_test_client().get("/extra").json() == {"extra": True}


def test_a_self_test_is_verified_as_any_delivery_and_leaves_no_trace(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It comes again and again: "404" tells that it was let in, "401" that it was not."""
    path = f"/v/v1/webhooks/{SELF_TEST_EVENT}"
    with build_sdk().create_test_client() as client:
        taken = client.post(path, content=RAW, headers=signed())
        refused = client.post(path, content=RAW + b" ", headers=signed())
        assert (taken.status_code, refused.status_code) == (404, 401)
        assert [record for record in caplog.records if record.name.startswith("kiket")] == []
        client.post(f"/v/v1/webhooks/{EVENT}", content=RAW + b" ", headers=signed())
        assert "Webhook refused" in caplog.text
