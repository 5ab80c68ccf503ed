from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from kiket_console.engine.platform.calls import BODY_BYTES
from kiket_console.engine.recorder import Arrival, Ending, Recorder
from kiket_console.model import Detail, Source, State

if TYPE_CHECKING:
    from pathlib import Path

    from tests.kiket_console.engine.platform.conftest import Vault, World

    from kiket_console.engine.platform.surface import Platform
    from kiket_console.store.reader import Reader
    from kiket_console.store.writer import Writer

TOKEN = "wk_local_0123456789abcdef"
ID = "com.example.marketing"
SECRETS = f"/api/v1/extensions/{ID}/secrets"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def platform(world: World) -> Platform:
    return world.platform


def recorded(reader: Reader, writer: Writer) -> list[Detail]:
    """Return every exchange, once all of them are written."""
    writer.close()
    details = [reader.detail(each) for each in reader.ids()]
    return [detail for detail in details if detail is not None]


@pytest.mark.parametrize(
    ("route", "fields"),
    [
        ("extensions/logs", {"message": "hi", "metadata": {"a": 1}}),
        ("extensions/metrics", {"name": "n", "value": 1.5, "unit": "count"}),
        ("extensions/notifications", {"title": "t", "body": "b", "level": "info"}),
        ("ext/telemetry", {"event": "e"}),  # not how long it took
        ("ext", {"event": "", "duration_ms": 1}),
    ],
)
async def test_what_an_extension_tells_is_taken_and_recorded(
    extension: httpx.AsyncClient, reader: Reader, writer: Writer, route: str, fields: dict[str, Any]
) -> None:
    answer = await extension.post(f"/api/v1/{route}", json=fields)

    assert (answer.status_code, answer.content) == (204, b"")
    [detail] = recorded(reader, writer)
    exchange = detail.exchange
    assert (exchange.source, exchange.name) == (Source.API, f"POST {route.removeprefix('ext/')}")
    assert (exchange.worker, exchange.state, exchange.status) == (
        "marketing",
        State.FORWARDED,
        204,
    )
    assert json.loads(detail.request.body.raw) == fields
    assert detail.attempts[0].target == "platform"
    assert detail.request.header("authorization") == "Bearer [redacted]"


@pytest.mark.parametrize("route", ["ext/telemetry", "ext"])
@pytest.mark.parametrize("token", [TOKEN, ""])
async def test_telemetry_of_a_handler_is_a_span_of_its_delivery_and_no_exchange(
    world: World, recorder: Recorder, reader: Reader, writer: Writer, route: str, token: str
) -> None:
    arrival = Arrival(Source.WEBHOOK, "marketing", "e", "v1", "POST", "/", (), b"{}")
    delivery = await recorder.receive(arrival, target="marketing#1")
    await recorder.answered(delivery, Ending(State.FORWARDED, 200, 1))  # telemetry follows
    traceparent = delivery.trace.parent("00f067aa0ba902b7")
    authorization = f"Bearer {token}" if token else ""
    async with world.client(authorization=authorization, traceparent=traceparent) as client:
        told = {"event": "e", "version": "v1", "duration_ms": 1, "status": "ok"}
        answer = await client.post(f"/api/v1/{route}", json=told)

    assert (answer.status_code, answer.content) == (204, b"")
    assert [each.exchange.id for each in recorded(reader, writer)] == [delivery.id]
    [untold] = world.told
    span = untold.span
    assert (span.exchange_id, span.worker, span.name) == (delivery.id, "marketing", "e@v1")
    assert span.trace_id == delivery.trace.trace_id


@pytest.mark.parametrize(
    ("said", "workers"),
    [
        ({}, ("marketing",)),  # there is no other
        ({"extension_id": "com.example.marketing"}, ("marketing",)),
        ({"extension_id": "com.example.other"}, ()),
    ],
)
async def test_without_trace_and_token_telemetry_says_whose_it_is(
    world: World, said: dict[str, str], workers: tuple[str, ...]
) -> None:
    async with world.client() as client:
        await client.post("/api/v1/ext", json={"event": "e", "duration_ms": 1, **said})

    [untold] = world.told
    assert (untold.span.exchange_id, untold.workers, untold.event) == (None, workers, "e")


async def test_telemetry_that_is_made_to_fail_is_recorded_as_a_call(
    world: World, reader: Reader, writer: Writer
) -> None:
    await world.settings.change({"failures": [{"route": "POST telemetry", "status": 500}]})
    async with world.client() as client:
        answer = await client.post("/api/v1/ext/telemetry", json={"event": "e", "duration_ms": 1})

    assert answer.status_code == 500
    assert [each.exchange.status for each in recorded(reader, writer)] == [500]
    assert world.told == []


async def test_a_call_is_named_without_what_every_path_of_the_project_repeats(
    extension: httpx.AsyncClient, reader: Reader, writer: Writer
) -> None:
    await extension.get("/api/v1/extensions/com.example.marketing/secrets/CRM_TOKEN")
    await extension.get("/api/v1/extensions/com.example.other/secrets/CRM_TOKEN")

    assert [detail.exchange.name for detail in recorded(reader, writer)] == [
        "GET secrets/CRM_TOKEN",
        "GET extensions/com.example.other/secrets/CRM_TOKEN",
    ]


@pytest.mark.parametrize(
    ("route", "raw", "status", "problem"),
    [
        ("extensions/logs", b"{", 400, "The body is not JSON."),
        ("extensions/logs", b"[]", 422, "The body must be a JSON object."),
        ("extensions/logs", b"{}", 422, "message must be a text that is not blank."),
        ("extensions/metrics", b'{"name":"n","value":true}', 422, "value must be a number."),
        (
            "extensions/notifications",
            b'{"title":"t"}',
            422,
            "body must be a text that is not blank.",
        ),
        ("extensions/logs", b"[" * 100_000, 400, "The body is not JSON."),
    ],
)
async def test_what_cannot_be_understood_is_refused_with_a_sentence(
    extension: httpx.AsyncClient, route: str, raw: bytes, status: int, problem: str
) -> None:
    answer = await extension.post(f"/api/v1/{route}", content=raw)

    assert (answer.status_code, answer.json()["error"]) == (status, problem)


@pytest.mark.parametrize(
    ("sent", "problem"),
    [
        (None, "The call carries no bearer token; send "),
        ("Basic abc", "The call carries no bearer token; send "),
        ("Bearer  ", "The call carries no bearer token; send "),
        ("Bearer wrong-token", "The bearer token is not one of this project's; send "),
    ],
)
@pytest.mark.parametrize("route", [("POST", "extensions/logs"), ("GET", "nowhere"), ("PUT", "ext")])
async def test_without_the_right_token_everything_is_401_with_a_sentence(
    platform: Platform, sent: str | None, problem: str, route: tuple[str, str]
) -> None:
    method, path = route
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(platform.app), base_url="http://127.0.0.1:9"
    ) as client:
        headers = {"Authorization": sent} if sent else {}
        answer = await client.request(method, f"/api/v1/{path}", headers=headers)

    assert answer.status_code == 401
    assert answer.json()["error"].startswith(problem)
    assert "KIKET_WORKSPACE_TOKEN" in answer.json()["error"]
    assert TOKEN not in answer.text
    assert "wrong-token" not in answer.text


METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")


async def test_every_route_there_is_asks_for_a_token_but_those_named_here(world: World) -> None:
    """Whoever adds a route is to decide whether it is for everybody."""
    paths = {re.sub(r"\(\?P<\w+>[^)]*\)", "x", each.path.pattern) for each in world.api.routes}
    paths = {path.replace("(?:/api/v1)?", "").replace("\\", "") for path in paths}
    assert len(paths) >= 20
    public = set()
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(world.platform.app), base_url="http://127.0.0.1:9"
    ) as client:
        for path in paths:
            for method in METHODS:
                answer = await client.request(method, path, json={})
                assert not any(name.startswith("access-control") for name in answer.headers)
                if answer.status_code != 401:
                    public.add((method, path))
    assert public == {
        ("GET", "/.well-known/jwks.json"),
        ("POST", "/api/v1/ext"),
        ("POST", "/api/v1/ext/telemetry"),
    }


async def test_the_token_that_the_code_configured_is_good_too(
    extension: httpx.AsyncClient,
) -> None:
    answer = await extension.get(
        "/api/v1/ext/rate_limit", headers={"Authorization": "bearer wk_of_the_code"}
    )

    assert answer.status_code == 200


async def test_the_rate_limit_counts_the_call_itself(extension: httpx.AsyncClient) -> None:
    await extension.post("/api/v1/extensions/logs", json={"message": "hi"})
    answer = await extension.get("/api/v1/ext/rate_limit")

    limit = answer.json()["rate_limit"]
    assert (limit["limit"], limit["remaining"], limit["window_seconds"]) == (600, 598, 60)
    assert 0 < limit["reset_in"] <= 60


async def test_secrets_are_made_read_changed_listed_and_deleted(
    extension: httpx.AsyncClient,
) -> None:
    made = await extension.post(SECRETS, json={"secret": {"key": "API_KEY", "value": "one-value"}})
    again = await extension.post(SECRETS, json={"secret": {"key": "API_KEY", "value": "two"}})
    changed = await extension.patch(f"{SECRETS}/API_KEY", json={"secret": {"value": "three-v"}})
    read = await extension.get(f"{SECRETS}/API_KEY")
    listed = await extension.get(SECRETS)
    deleted = await extension.delete(f"{SECRETS}/API_KEY")
    gone = [
        await extension.get(f"{SECRETS}/API_KEY"),
        await extension.delete(f"{SECRETS}/API_KEY"),
        await extension.patch(f"{SECRETS}/API_KEY", json={"secret": {"value": "x"}}),
    ]

    assert made.status_code == 201
    assert (again.status_code, again.json()) == (
        422,
        {
            "error": "The secret 'API_KEY' exists already; change it with PATCH.",
            "errors": ["key has already been taken"],
        },
    )
    assert changed.status_code == 200
    times = {"created_at": "2027-01-15T08:00:01Z", "updated_at": "2027-01-15T08:00:02Z"}
    assert read.json() == {"key": "API_KEY", **times, "value": "three-v"}
    assert listed.json() == [{"key": "API_KEY", **times}]
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert [answer.status_code for answer in gone] == [404] * 3
    assert gone[0].json() == {"error": "There is no secret 'API_KEY'."}


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({}, "secret must be an object"),
        (
            {"secret": {"key": "a b", "value": "v"}},
            "key must be 1 to 128 letters, digits, and . _ -",
        ),
        ({"secret": {"value": "v"}}, "key must be 1 to 128 letters, digits, and . _ -"),
        ({"secret": {"key": "A", "value": ""}}, "value can't be blank"),
        ({"secret": {"key": "A", "value": 12345678}}, "value can't be blank"),
    ],
)
async def test_a_secret_that_is_none_is_422_with_its_errors(
    extension: httpx.AsyncClient, body: Any, problem: str
) -> None:
    answer = await extension.post(SECRETS, json=body)

    assert answer.status_code == 422
    assert answer.json()["errors"] == [problem]


@pytest.mark.parametrize("key", ["%2e%2e%2f", "a%20b", "a" * 129])
async def test_a_name_that_no_secret_can_have_is_that_of_none(
    extension: httpx.AsyncClient, vault: Vault, key: str
) -> None:
    """Trouble of the platform's own would be asked for again and again."""
    vault.trouble = "Nobody asks for such a name."

    answers = [
        await extension.get(f"{SECRETS}/{key}"),
        await extension.delete(f"{SECRETS}/{key}"),
        await extension.patch(f"{SECRETS}/{key}", json={"secret": {"value": "x"}}),
    ]

    assert [each.status_code for each in answers] == [404] * 3


async def test_another_extensions_secrets_are_not_here(extension: httpx.AsyncClient) -> None:
    answer = await extension.get("/api/v1/extensions/com.other/secrets")

    assert answer.status_code == 404
    assert answer.json()["error"] == (
        "No extension 'com.other' is installed here; this project's is com.example.marketing."
    )


async def test_a_keyring_that_does_not_answer_is_503(
    extension: httpx.AsyncClient, vault: Vault
) -> None:
    vault.trouble = "The keyring did not answer within 3 s."

    answer = await extension.get(f"{SECRETS}/API_KEY")

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json() == {"error": "The keyring did not answer within 3 s."}


@pytest.mark.parametrize("value", ["x7", "canary-value-0123", 'can"ary\\ ü/9'])
async def test_a_value_that_passes_through_is_nowhere_in_the_file(
    extension: httpx.AsyncClient, store: Path, reader: Reader, writer: Writer, value: str
) -> None:
    """Short ones and oddly escaped ones too; and when the call itself is refused."""
    for secret in (json.dumps(value), json.dumps(value, ensure_ascii=False)):
        raw = b'{"secret": {"key": "CANARY", "value": %s}}' % secret.encode()
        await extension.post(SECRETS, content=raw)
        await extension.patch(f"{SECRETS}/CANARY", content=raw)
        await extension.post(f"/extensions/{ID}/secrets", content=raw)
        await extension.post(SECRETS, content=raw, headers={"Authorization": "Bearer no"})
        await extension.post(SECRETS, content=raw[:-1])
        await extension.post(f"{SECRETS}/CANARY", content=b'{"value": %s}' % secret.encode())
    read = await extension.get(f"{SECRETS}/CANARY")

    details = recorded(reader, writer)

    assert read.json()["value"] == value
    assert len(details) == 13
    bodies = [detail.request.body.raw for detail in details]
    bodies += [
        each.answer.body.raw for detail in details for each in detail.attempts if each.answer
    ]
    assert b'{"secret": {"key": "CANARY", "value": "[secret:CANARY]"}}' in bodies
    spelled = {value.encode(), json.dumps(value)[1:-1].encode()}
    assert [body for body in bodies if any(each in body for each in spelled)] == []
    if len(value) > 4:  # two characters are found in any file
        content = b"".join(file.read_bytes() for file in store.parent.glob("store*"))
        assert not any(each in content for each in spelled)


async def test_what_the_platform_does_not_know_is_501_and_recorded(
    extension: httpx.AsyncClient, reader: Reader, writer: Writer
) -> None:
    answer = await extension.get("/api/v1/ext/projects/a/boards?page=2")
    wrong = await extension.put("/api/v1/extensions/logs")

    assert (answer.status_code, answer.json()["error"]) == (
        501,
        "GET /api/v1/ext/projects/a/boards is not part of this console's platform yet.",
    )
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST, GET")
    unknown, _ = recorded(reader, writer)
    assert (unknown.exchange.name, unknown.exchange.path, unknown.exchange.status) == (
        "GET projects/a/boards",
        "/api/v1/ext/projects/a/boards?page=2",
        501,
    )


async def test_a_call_is_a_child_of_its_delivery_by_trace_or_by_guess(
    extension: httpx.AsyncClient, recorder: Recorder, reader: Reader, writer: Writer
) -> None:
    traced = (("traceparent", f"00-{TRACE}-00f067aa0ba902b7-01"),)
    delivery = Arrival(Source.WEBHOOK, "marketing", "e", "v1", "POST", "/", traced, b"{}")
    await recorder.receive(delivery)
    log = {"message": "hi"}

    await extension.post("/api/v1/extensions/logs", json=log, headers=dict(traced))
    await extension.post("/api/v1/extensions/logs", json=log)

    parent, by_trace, guessed = recorded(reader, writer)
    assert [
        (child.exchange.parent_id, child.exchange.parent_guessed, child.exchange.trace_id)
        for child in (by_trace, guessed)
    ] == [(parent.exchange.id, False, TRACE), (parent.exchange.id, True, TRACE)]
    assert [child.id for child in parent.children] == [2, 3]


async def test_a_body_over_the_limit_is_refused_and_recorded_in_part(
    extension: httpx.AsyncClient, reader: Reader, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kiket_console.engine.platform.surface.BODY_BYTES", 20)

    answer = await extension.post("/api/v1/extensions/logs", content=b"x" * 30)

    assert answer.status_code == 413
    [detail] = recorded(reader, writer)
    assert detail.request.body.truncated
    assert len(detail.request.body.raw) == 20


@pytest.mark.parametrize("path", ["/api/v1/extensions/logs", SECRETS])
async def test_what_would_take_the_event_loop_long_to_read_is_refused_unread(
    extension: httpx.AsyncClient, reader: Reader, writer: Writer, path: str
) -> None:
    """JSON of many small values takes seconds for a few MiB, and all else would wait for it."""
    body = {"message": "hi", "secret": {"key": "CANARY", "value": "canary-0123"}}
    raw = json.dumps(body).encode()
    answer = await extension.post(path, content=raw + b" " * (BODY_BYTES - len(raw) + 1))

    assert (answer.status_code, answer.json()["error"]) == (
        413,
        "The body has more than 1,024 KiB.",
    )
    [detail] = recorded(reader, writer)
    kept = detail.request.body.raw
    assert kept == b"" if path == SECRETS else kept.startswith(raw), "it may hold a value anywhere"


async def test_a_call_that_cannot_be_recorded_is_refused(
    extension: httpx.AsyncClient, writer: Writer
) -> None:
    writer.close()

    answer = await extension.post("/api/v1/extensions/logs", json={"message": "hi"})

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert "nothing more is recorded" in answer.json()["error"]
