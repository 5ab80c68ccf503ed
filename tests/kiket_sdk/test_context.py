"""What a handler is given: the secrets of its delivery, and who may ask for what."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.kiket_sdk.webhooks import build_sdk, post, signed

from kiket_sdk import ExtensionEndpoints, HandlerContext, KiketClient, KiketSDK
from kiket_sdk._clients import PlatformClients
from kiket_sdk._context import Surroundings, secrets_in
from kiket_sdk.config import ExtensionConfig
from kiket_sdk.exceptions import ScopeError
from kiket_sdk.secret_providers import secret_reader

if TYPE_CHECKING:
    from pathlib import Path

    from kiket_sdk import TelemetryRecord


def bare() -> HandlerContext:
    nothing: Any = ["e", "v1", {}, None, None, {}, None, None, None]
    return HandlerContext(*nothing)


def test_what_older_tests_leave_out_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    context = bare()
    assert context.payload_secrets == {}
    assert (context.auth.runtime_token, context.auth.scopes) == (None, [])
    with pytest.raises(ScopeError):
        context.require_scopes("a")
    monkeypatch.setenv("MY_SECRET", "from the environment")
    assert context.secret("MY_SECRET") == "from the environment"
    bare().auth.scopes.append("a")
    assert bare().auth.scopes == []


def test_calls_are_made_when_a_handler_asks_for_them_and_once() -> None:
    opened: list[ExtensionEndpoints] = []

    class Clients(PlatformClients):
        def calls(self, *args: Any, **options: Any) -> ExtensionEndpoints:
            opened.append(super().calls(*args, **options))
            return opened[-1]

    config = ExtensionConfig(base_url="http://127.0.0.1:1")
    surroundings = Surroundings(config, Clients(config), secret_reader, lambda auth: auth.scopes)

    def context() -> HandlerContext:
        return surroundings.context(("e", "v1"), [], {}, None)

    one = context()
    assert (one.event, opened) == ("e", [])
    assert one.secrets is one.endpoints.secrets
    assert one.client is one.endpoints.client
    assert opened == [one.endpoints]
    assert repr(one).startswith("HandlerContext(event='e', event_version='v1', client=")
    two, own = context(), KiketClient("http://127.0.0.1:2", None)
    two.client = own
    assert two.endpoints.client is not own
    assert two.client is own
    with pytest.raises(AttributeError, match="'HandlerContext' has no attribute 'clients'"):
        two.clients  # type: ignore[attr-defined]  # noqa: B018 (asked for on purpose)


def test_what_a_webhook_brought_stays_when_its_handler_changes_the_payload() -> None:
    sdk = KiketSDK(allow_unsigned=True)
    seen: list[Any] = []

    @sdk.webhook("e", version="v1")
    async def handle(payload: Any, context: HandlerContext) -> None:
        payload.clear()
        context.require_scopes("a")
        seen.extend((context.auth.runtime_token, context.secret("KEY"), context.headers["x-a"]))

    brought = {"runtime_token": "rt_1", "scopes": ["a"]}
    payload = {"authentication": brought, "secrets": {"KEY": "of the payload"}}
    answer = sdk.create_test_client().post(
        "/v/v1/webhooks/e", json=payload, headers=[("X-A", "first"), ("X-A", "second")]
    )
    assert (answer.status_code, seen) == (200, ["rt_1", "of the payload", "first"])


@pytest.mark.parametrize("payload", [None, [], {}, {"secrets": None}, {"secrets": "x"}])
def test_odd_secrets_are_none(payload: Any) -> None:
    assert secrets_in(payload) == {}


def test_a_handler_reads_the_secrets_of_its_delivery(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMPTY", "from the environment")
    monkeypatch.setenv("KIKET_SECRET_BOTH", "never asked")
    sdk = KiketSDK(allow_unsigned=True)
    seen: list[Any] = []

    @sdk.webhook("e", version="v1")
    async def handle(_payload: Any, context: HandlerContext) -> None:
        seen.extend(context.secret(key) for key in ("BOTH", "EMPTY", "NUMBER", "NONE"))
        seen.append(dict(context.payload_secrets))

    payload = {"secrets": {"BOTH": "of the payload", "EMPTY": "", "NUMBER": 7}}
    assert sdk.create_test_client().post("/v/v1/webhooks/e", json=payload).status_code == 200
    assert seen == ["of the payload", "from the environment", "7", None, payload["secrets"]]


def test_the_machines_variables_are_secrets_only_where_the_manifest_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of the machine")
    manifest = tmp_path / "extension.yaml"
    manifest.write_text(
        "id: a.b\n"
        "configuration: {properties: {AWS_SECRET_ACCESS_KEY: {type: string, secret: true}}}\n"
    )
    for path, value in ((None, None), (manifest, "of the machine")):
        sdk = KiketSDK(allow_unsigned=True, manifest_path=path)
        assert sdk._build_secret_helper({})("AWS_SECRET_ACCESS_KEY") == value


def test_what_a_webhook_brought_is_kept_out_of_a_failures_text() -> None:
    records: list[TelemetryRecord] = []
    payload = {
        "secrets": {"API_KEY": "sk_live_of_the_tenant", "PORT": 8080},
        "authentication": {"runtime_token": "rt_of_this_delivery"},
    }

    async def leak(_payload: Any, context: HandlerContext) -> None:
        key, token = context.payload_secrets["API_KEY"], context.auth.runtime_token
        raise ValueError(f"401 for {key} and {token}")

    sdk = build_sdk(feedback_hook=records.append)
    sdk.register("e", leak, version="v1")
    raw_body = json.dumps(payload).encode()
    text = "401 for [secret:API_KEY] and [secret:runtime_token]"
    assert post(sdk, "/v/v1/webhooks/e", signed(raw_body), raw_body) == (400, {"error": text})
    assert records[0].metadata["message"] == text


def test_nothing_is_told_of_a_failure_with_more_secrets_than_can_be_looked_for() -> None:
    async def fail(_payload: Any, context: HandlerContext) -> None:
        raise ValueError(context.payload_secrets["key_1"])

    sdk = build_sdk()
    sdk.register("e", fail, version="v1")
    secrets = {f"key_{number}": f"value of {number}" for number in range(2_000)}
    raw_body = json.dumps({"secrets": secrets}).encode()
    found = post(sdk, "/v/v1/webhooks/e", signed(raw_body), raw_body)
    assert found == (400, {"error": "The handler failed"})
