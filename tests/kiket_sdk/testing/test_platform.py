"""The platform that tests of handlers run against."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from kiket_sdk import KiketClient
from kiket_sdk.exceptions import OutboundRequestError
from kiket_sdk.testing import FakePlatform, fake_platform

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRETS = "/api/v1/extensions/com.example.crm/secrets"


@pytest.fixture
def platform() -> Iterator[FakePlatform]:
    with fake_platform() as served:
        yield served


def ask(platform: FakePlatform, method: str, path: str, **options: Any) -> httpx.Response:
    return httpx.request(method, f"{platform.url}{path}", timeout=120, trust_env=False, **options)


def test_a_call_that_nobody_knows_is_answered_with_what_to_do(platform: FakePlatform) -> None:
    answer = ask(platform, "PUT", "/api/v1/things/3?x=1")
    assert answer.status_code == 501
    assert 'kiket_platform.answers["PUT /api/v1/things/3"] = 200' in answer.json()["error"]
    assert platform.calls[0].path == "/api/v1/things/3?x=1"


def test_answers_may_be_chosen_one_after_the_other(platform: FakePlatform) -> None:
    platform.answers["GET /x"] = [(503, None, {"Retry-After": "1"}), (200, {"a": 1})]
    platform.answers["GET /x?page=2"] = 200, {"a": 2}
    first, second, third = (ask(platform, "GET", path) for path in ("/x", "/x", "/x?b=1"))
    assert (first.status_code, first.headers["retry-after"]) == (503, "1")
    assert second.json() == third.json() == {"a": 1}
    assert ask(platform, "GET", "/x?page=2").json() == {"a": 2}


async def test_a_handler_that_tries_again_is_served(platform: FakePlatform) -> None:
    platform.answers["GET /x"] = [(503, None, {"Retry-After": "0"}), (200, [1])]
    async with KiketClient(platform.url, "wk_test", retries=1) as client:
        assert (await client.get("/x")).json() == [1]


def test_the_rate_limit_is_told_in_headers_and_holds(platform: FakePlatform) -> None:
    platform.rate_limit = 2
    path = "/api/v1/extensions/logs"
    first, second, third = (ask(platform, "POST", path, json={}) for _ in range(3))
    assert [each.status_code for each in (first, second, third)] == [204, 204, 429]
    assert first.headers["x-ratelimit-remaining"] == "1"
    assert third.json() == {"error": "Rate limit exceeded", "retry_after": 60}
    assert third.headers["retry-after"] == "60"
    platform.calls.clear()
    assert ask(platform, "POST", path, json={}).status_code == 204


async def test_a_handler_may_make_many_calls_at_once(platform: FakePlatform) -> None:
    """The system kept five of them waiting and broke the others off."""
    async with KiketClient(platform.url, "wk") as client:
        calls = (client.post("/api/v1/extensions/metrics", json={"n": n}) for n in range(90))
        await asyncio.gather(*calls)
    assert {each["n"] for each in platform.metrics} == set(range(90))


def test_what_was_said_is_at_hand(platform: FakePlatform) -> None:
    for name in ("logs", "metrics", "notifications"):
        ask(platform, "POST", f"/api/v1/extensions/{name}", json={"of": name})
        assert getattr(platform, name) == [{"of": name}]


def test_secrets_are_kept_as_the_sdks_of_all_languages_send_them(platform: FakePlatform) -> None:
    created = ask(platform, "POST", SECRETS, json={"secret": {"key": "A", "value": "1"}})
    taken = ask(platform, "POST", SECRETS, json={"secret": {"key": "A", "value": "2"}})
    blank = ask(platform, "POST", SECRETS, json={"secret": {"key": "B", "value": ""}})
    assert (created.status_code, taken.status_code, blank.status_code) == (201, 422, 422)
    assert ask(platform, "POST", f"{SECRETS}/C", json={"value": "3"}).status_code == 200
    assert (
        ask(platform, "PATCH", f"{SECRETS}/A", json={"secret": {"value": "4"}}).status_code == 200
    )
    assert platform.secrets == {"A": "4", "C": "3"}
    assert "value" not in ask(platform, "GET", SECRETS).text
    assert ask(platform, "DELETE", f"{SECRETS}/A").status_code == 204
    assert ask(platform, "GET", f"{SECRETS}/A").status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/v1/ext/custom_data/m/t", {"row": 1}),
        ("POST", "/api/v1/ext/custom_data/m/t", "text"),
        ("GET", "/api/v1/ext/custom_data/m/t?limit=many", None),
        ("GET", "/api/v1/ext/custom_data/m/t?filters=[1]", None),
        ("GET", "/api/v1/ext/custom_data/m/t?filters={", None),
        ("GET", "/api/v1/ext/intake_forms/f/submissions?since=soon", None),
        ("POST", SECRETS, {"key": "A"}),
    ],
)
def test_what_makes_no_sense_is_answered_with_422(
    platform: FakePlatform, method: str, path: str, body: Any
) -> None:
    platform.intake_forms.append({"key": "f"})
    platform.submissions["f"] = [{"id": 1, "created_at": "2026-01-01"}]
    answer = ask(platform, method, path, json=body)
    assert answer.status_code == 422
    assert answer.json()["error"]


def test_a_body_that_is_no_json_is_remembered_as_text(platform: FakePlatform) -> None:
    ask(platform, "POST", "/api/v1/extensions/logs", content=b"\xffhello")
    assert platform.logs == ["\ufffdhello"]


def test_keys_are_served_and_not_counted_as_calls(platform: FakePlatform) -> None:
    key = ask(platform, "GET", "/.well-known/jwks.json").json()["keys"][0]
    assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("EC", "P-256", "ES256", "sig")
    assert "d" not in key, "the private part stays here"
    assert platform.calls == []


async def test_nothing_that_a_handler_was_answered_changes_behind_its_back(
    platform: FakePlatform,
) -> None:
    platform.intake_forms.append({"key": "f", "name": "before"})
    async with KiketClient(platform.url, None) as client:
        answer = await client.get("/api/v1/ext/intake_forms/f")
        platform.intake_forms[0]["name"] = "after"
        assert answer.json()["name"] == "before"
        platform.rate_limit = 0
        with pytest.raises(OutboundRequestError, match="429"):
            await client.get("/api/v1/ext/intake_forms/f")
