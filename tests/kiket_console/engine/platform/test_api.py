"""What holds for all routes: limits, scopes, failures; and what the SDKs of others expect."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from kiket_sdk.exceptions import SecretStoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import httpx
    from tests.kiket_console.engine.platform.conftest import Vault, World

ID = "com.example.marketing"
LOGS = "/api/v1/extensions/logs"
TABLE = "/api/v1/ext/custom_data/com.example.marketing.pages/pages?project_id=27"


def minted(world: World, scopes: Sequence[str]) -> str:
    return world.tokens.mint(
        worker="marketing",
        extension_id=ID,
        scopes=scopes,
        delivery_id="dlv_7",
        organization_id=4120,
        project_id=27,
    )


async def test_each_answer_says_what_is_left_of_the_rate_limit(
    extension: httpx.AsyncClient,
) -> None:
    first = await extension.post(LOGS, json={"message": "hi"})
    limit = (await extension.get("/api/v1/ext/rate_limit")).json()["rate_limit"]

    assert (first.headers["x-ratelimit-limit"], first.headers["x-ratelimit-remaining"]) == (
        "600",
        "599",
    )
    assert limit | {"reset_in": 0} == {
        "limit": 600,
        "remaining": 598,
        "window_seconds": 60,
        "reset_in": 0,
    }
    assert 0 < limit["reset_in"] <= 60


async def test_beyond_the_rate_limit_calls_are_429_that_say_when_to_come_back(
    world: World, extension: httpx.AsyncClient
) -> None:
    await world.settings.change({"rate_limit_per_minute": 1})
    await extension.post(LOGS, json={"message": "hi"})
    answer = await extension.post(LOGS, json={"message": "hi"})
    free = await extension.post("/api/v1/ext/telemetry", json={"event": "e"})

    retry_after = int(answer.headers["retry-after"])
    assert answer.status_code == 429
    assert answer.json() == {"error": "Rate limit exceeded", "retry_after": retry_after}
    assert 0 < retry_after <= 60
    assert answer.headers["x-ratelimit-remaining"] == "0"
    assert free.status_code == 204


async def test_a_scope_that_the_token_lacks_is_403_that_says_which_and_who_granted(
    world: World,
) -> None:
    token = minted(world, ["custom_data.read", "custom_data:write"])
    async with world.client(X_Kiket_Runtime_Token=token) as client:
        read = await client.get(TABLE)
        written = await client.post(TABLE, json={"record": {"issue_id": 1}})

    assert read.status_code == 200
    assert written.status_code == 403
    said = written.json()
    assert said.pop("error") == (
        "The call needs the scope custom_data.write, and the runtime token of dlv_7 was granted "
        "custom_data.read, custom_data:write when it was made; add it to granted_scopes in the "
        "platform's settings. custom_data:write is another scope to the platform, however alike "
        "they look."
    )
    assert said == {
        "required_scopes": ["custom_data.write"],
        "missing_scopes": ["custom_data.write"],
        "granted_scopes": ["custom_data.read", "custom_data:write"],
    }


async def test_without_a_runtime_token_the_settings_grant(
    world: World, extension: httpx.AsyncClient
) -> None:
    assert (await extension.get(TABLE)).status_code == 200
    await world.settings.change({"granted_scopes": []})
    answer = await extension.get(TABLE)

    assert answer.status_code == 403
    assert "the platform's settings grant none" in answer.json()["error"]
    assert (await extension.post(LOGS, json={"message": "hi"})).status_code == 204


async def test_a_forced_failure_comes_in_place_of_the_answer_as_often_as_asked(
    world: World, extension: httpx.AsyncClient
) -> None:
    await world.settings.change(
        {"failures": [{"route": "POST extensions/logs", "status": 503, "times": 1}]}
    )
    failed = await extension.post(LOGS, json={"message": "hi"})
    again = await extension.post(LOGS, json={"message": "hi"})

    assert (failed.status_code, failed.headers["retry-after"]) == (503, "1")
    assert failed.json()["error"] == "The platform's settings let POST extensions/logs fail."
    assert again.status_code == 204


@pytest.mark.parametrize(
    "route", ["GET rate_limit", "ext/rate_limit", "* /api/v1/ext/rate_limit", "ext/*", "rate*"]
)
async def test_a_call_to_fail_is_named_as_in_lists_or_by_its_path(
    world: World, extension: httpx.AsyncClient, route: str
) -> None:
    await world.settings.change({"failures": [{"route": route}]})

    assert (await extension.get("/api/v1/ext/rate_limit")).status_code == 503
    assert (await extension.post(LOGS, json={"message": "hi"})).status_code == 204


async def test_even_the_jwks_and_what_there_is_not_can_be_made_to_fail(
    world: World, extension: httpx.AsyncClient
) -> None:
    failures: Any = [{"route": "*jwks.json", "status": 500}, {"route": "boards", "status": 204}]
    await world.settings.change({"failures": failures})

    assert (await extension.get("/.well-known/jwks.json")).status_code == 500
    assert (await extension.get("/api/v1/ext/boards")).status_code == 204


async def test_the_jwks_is_there_for_everybody_and_verifies_what_was_minted(world: World) -> None:
    async with world.client() as anybody:
        answer = await anybody.get("/.well-known/jwks.json")

    [key] = answer.json()["keys"]
    assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("EC", "P-256", "ES256", "sig")
    assert "d" not in key
    claims = jwt.decode(minted(world, []), jwt.PyJWK(key), ["ES256"], issuer="kiket.dev")
    assert claims["ext_id"] == ID


@pytest.mark.parametrize("prefix", ["", "/api/v1"])
async def test_other_sdks_set_read_list_and_delete_secrets_their_way(
    world: World, extension: httpx.AsyncClient, vault: Vault, prefix: str
) -> None:
    place = f"{prefix}/extensions/{ID}/secrets"
    extension.headers["user-agent"] = "kiket-sdk-ruby/0.3.0"
    made = await extension.post(f"{place}/API_KEY", json={"value": "one-long-value"})
    changed = await extension.post(f"{place}/API_KEY", json={"value": "two-long-value"})

    assert (made.status_code, changed.status_code) == (201, 200)
    assert vault.values == {"API_KEY": "two-long-value"}
    assert (await extension.get(place)).json() == {"keys": ["API_KEY"]}
    assert (await extension.get(f"{place}/API_KEY")).json()["value"] == "two-long-value"
    assert (await extension.delete(f"{place}/API_KEY")).status_code == 204
    assert (await extension.post(f"{place}/API_KEY", json={"value": ""})).status_code == 422


async def test_a_secret_that_all_projects_share_is_read_and_changed_here_but_not_deleted(
    extension: httpx.AsyncClient, vault: Vault
) -> None:
    place = f"/api/v1/extensions/{ID}/secrets/API_KEY"
    vault.shared["API_KEY"] = "of-all-projects"
    assert (await extension.delete(place)).status_code == 403
    changed = await extension.patch(place, json={"secret": {"value": "of-this-project"}})
    assert (changed.status_code, vault.values) == (200, {"API_KEY": "of-this-project"})
    assert (await extension.delete(place)).status_code == 204
    assert vault.shared == {"API_KEY": "of-all-projects"}


@pytest.mark.parametrize("key", ["KIKET_WEBHOOK_SECRET", "KIKET_WORKSPACE_TOKEN.other"])
async def test_what_workers_are_known_by_is_no_secret_of_an_extension(
    extension: httpx.AsyncClient, vault: Vault, key: str
) -> None:
    """Else one could read what another is given, and pass for it."""
    await vault.set(key, "of-another-worker")
    place = f"/api/v1/extensions/{ID}/secrets"
    secret = {"key": key, "value": "of-mine"}
    assert (await extension.get(place)).json() == []
    assert (await extension.get(f"{place}/{key}")).status_code == 404
    assert (await extension.patch(f"{place}/{key}", json={"secret": secret})).status_code == 404
    assert (await extension.delete(f"{place}/{key}")).status_code == 404
    assert (await extension.post(place, json={"secret": secret})).status_code == 403
    assert (await extension.post(f"{place}/{key}", json=secret)).status_code == 403
    assert vault.values == {key: "of-another-worker"}


@pytest.mark.parametrize("prefix", ["", "/api/v1"])
async def test_other_sdks_log_events_and_ask_about_their_extension(
    extension: httpx.AsyncClient, prefix: str
) -> None:
    place = f"{prefix}/extensions/{ID}"
    event = {"event": "sync.done", "version": "v1", "data": {}, "timestamp": "2026-05-01T00:00:00Z"}
    logged = await extension.post(f"{place}/events", json=event)
    about = await extension.get(place)
    other = await extension.get(f"{prefix}/extensions/com.example.other")

    assert (logged.status_code, logged.json()) == (201, {"ok": True})
    assert about.json()["events"] == ["issue.created@v1", "issue.created@v2"]
    assert (about.json()["id"], other.status_code) == (ID, 404)


async def test_an_extension_learns_where_others_post_for_it(extension: httpx.AsyncClient) -> None:
    place = "/api/v1/ext/webhook_url"
    answer = await extension.get(place, params={"action_name": "mail_received"})

    assert answer.json() == {
        "webhook_url": "http://127.0.0.1:8700/webhooks/ext/token-of-marketing/mail_received"
    }
    assert (await extension.get(place)).json()["errors"] == {"action_name": ["can't be blank"]}


async def test_the_sdk_is_let_in_by_its_runtime_token_alone(world: World) -> None:
    client = world.sdk(runtime_token=minted(world, ["ext.secrets.read"]))
    client.workspace_token = None

    assert (await client.get(f"/api/v1/extensions/{ID}/secrets")).json() == []
    with pytest.raises(SecretStoreError):
        await client.store_secret(ID, "KEY", "value")


async def test_a_query_of_too_many_fields_is_refused(extension: httpx.AsyncClient) -> None:
    answer = await extension.get(LOGS, params={str(n): "" for n in range(101)})

    assert answer.status_code == 400


def test_the_documentation_names_each_route_with_its_scope(world: World) -> None:
    text = (Path(__file__).parents[4] / "docs" / "platform.md").read_text()
    said = re.findall(
        r"^\| `([A-Z]+) ([^`]+)` \| (?:`([a-z_.:]+)`|(no token))? *\|", text, re.MULTILINE
    )
    found = [
        (route.method, _spelt(route.path.pattern), route.scope, "no token" if route.open else "")
        for route in world.api.routes
    ]

    assert said == found


def _spelt(pattern: str) -> str:
    named = re.sub(r"\(\?P<(\w+)>[^)]*\)", r"{\1}", pattern.replace("(?:/api/v1)?", "(/api/v1)"))
    return named.replace("\\", "")


ROOT = "0x" + "00" * 32


@pytest.mark.parametrize(
    ("path", "raw", "status"),
    [
        (TABLE, b'{"record": {"issue_id": 1, "details": {"n": 1180591620717411303424}}}', 422),
        (TABLE, b'{"record": {"issue_id": 1, "details": ["\\ud800"]}}', 422),
        (TABLE, b'{"record": {"issue_id": 1, "details": {"\\ud800": 1}}}', 422),
        (TABLE, b'{"record": {"issue_id": 1, "details": NaN}}', 422),
        (TABLE, b'{"record": {"issue_id": 1, "\\ud800": 1}}', 422),
        (TABLE, b'{"record": {"issue_id": 1, "details": "' + b"x" * 300_000 + b'"}}', 422),
        (TABLE, b'{"record": {"issue_id": 1, "details": ' + b"[" * 90 + b"]" * 90 + b"}}", 422),
        (f"{TABLE}&filters=%22%5Cud800%22", b'{"record": {"issue_id": 1}}', 201),
        (
            "/api/v1/audit/verify",
            b'{"content_hash": "%s", "merkle_root": "%s", "proof": [], "leaf_index": 1e999}'
            % (ROOT.encode(), ROOT.encode()),
            200,
        ),
        (
            "/api/v1/ext/intake_forms/none/submissions",
            b'{"project_id": "\\ud800", "data": {}}',
            404,
        ),
        (
            "/api/v1/extensions/notifications",
            b'{"title": "x", "body": "' + b"x" * 20_000 + b'"}',
            422,
        ),
        ("/api/v1/extensions/notifications", b'{"title": "\\ud800", "body": "x"}', 422),
        ("/api/v1/extensions/notifications", b'{"title": "a\\u0000b", "body": "x"}', 422),
    ],
)
async def test_what_no_store_or_answer_can_carry_is_refused(
    extension: httpx.AsyncClient, path: str, raw: bytes, status: int
) -> None:
    answer = await extension.post(path, content=raw)

    assert answer.status_code == status, answer.text[:300]
    assert len(answer.content) < 10_000


@pytest.mark.parametrize(
    "filters", ['{"state": "\\ud800"}', '{"details": "\\ud800"}', '{"id": 1e9}']
)
async def test_a_filter_that_no_row_can_match_is_refused(
    extension: httpx.AsyncClient, filters: str
) -> None:
    answer = await extension.get(TABLE, params={"project_id": "27", "filters": filters})

    assert answer.status_code == 422
