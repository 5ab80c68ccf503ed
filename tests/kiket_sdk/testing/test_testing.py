"""The helpers that extension authors test with."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kiket_sdk import HandlerContext, KiketSDK
from kiket_sdk._signing import DIALECTS
from kiket_sdk.testing import kiket_client_fixture, replay_payload, webhook_payload_factory

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

    from kiket_sdk.testing._payload import PayloadFactory
    from kiket_sdk.testing.platform import FakePlatform

SECRET = "a webhook secret of more than 24 bytes"


def build_sdk(*versions: str) -> KiketSDK:
    sdk = KiketSDK(webhook_secret=SECRET)

    async def echo(payload: Any, context: HandlerContext) -> Any:
        return {"payload": payload, "version": context.event_version}

    for version in versions:
        sdk.register("issue.created", echo, version=version)
    return sdk


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_factory_signs_now_in_any_dialect(dialect: str) -> None:
    signed = webhook_payload_factory(SECRET)({"a": 1}, event="issue.created", dialect=dialect)
    client = kiket_client_fixture(build_sdk("v1"))
    for path in (signed["path"], "/webhooks/issue.created"):
        reply = client.post(path, content=signed["body"], headers=signed["headers"])
        assert reply.json() == {"payload": {"a": 1}, "version": "v1"}


def test_keywords_of_the_factory_are_defaults_of_its_calls() -> None:
    factory = webhook_payload_factory(SECRET, event="a b", version="v2", dialect="k1")
    assert factory({})["path"] == "/v/v2/webhooks/a%20b"
    assert factory({})["headers"]["X-Kiket-Signature"].startswith("sha256=")
    changed = factory({}, event="c", version="v3", dialect="sw1")
    assert changed["path"] == "/v/v3/webhooks/c"
    assert changed["headers"]["X-Kiket-Event-Version"] == "v3"
    assert "webhook-signature" in changed["headers"]


def test_without_a_secret_a_payload_is_unsigned() -> None:
    signed = webhook_payload_factory()({})
    assert signed["path"] == ""
    assert set(signed["headers"]) == {"Content-Type", "X-Kiket-Event-Version"}


def test_replay_signs_and_picks_the_only_version(tmp_path: Path) -> None:
    file = tmp_path / "payload.json"
    file.write_text(json.dumps({"a": 1}))
    reply = replay_payload(build_sdk("v7"), "issue.created", file)
    assert reply == {"payload": {"a": 1}, "version": "v7"}
    both = build_sdk("v1", "v2")
    assert replay_payload(both, "issue.created", file, version="v2")["version"] == "v2"
    with pytest.raises(ValueError, match=r"^'issue\.created' has handlers for v1, v2; say which"):
        replay_payload(both, "issue.created", file)
    with pytest.raises(ValueError, match=r"registered are: issue\.created@v1, issue\.created@v2"):
        replay_payload(both, "other", file)


def test_a_replay_that_fails_says_what_was_answered(tmp_path: Path) -> None:
    sdk = KiketSDK(webhook_secret=SECRET)
    sdk.register("e", lambda payload, _context: payload["title"], version="v1")
    file = tmp_path / "payload.json"
    file.write_text("{}")
    with pytest.raises(Exception, match="400 Bad Request") as caught:
        replay_payload(sdk, "e", file)
    assert caught.value.__notes__ == ['e@v1 was answered: {"error":"\'title\'"}']
    file.write_text("{")
    with pytest.raises(ValueError, match=r"payload\.json does not hold JSON: Expecting property"):
        replay_payload(sdk, "e", file)


def test_helpers_sign_as_a_strict_extension_expects(tmp_path: Path) -> None:
    sdk = KiketSDK(webhook_secret=SECRET, strict=True)
    sdk.register("e", lambda payload, _context: payload, version="v1")
    file = tmp_path / "payload.json"
    file.write_text("[1]")
    assert replay_payload(sdk, "e", file) == [1]


def test_the_plugin_gives_an_extension_and_its_client(
    kiket_sdk: KiketSDK, kiket_client: TestClient, kiket_signed_payload: PayloadFactory
) -> None:
    kiket_sdk.register("e", lambda payload, _context: payload, version="v1")
    signed = kiket_signed_payload({"a": 1}, event="e")
    reply = kiket_client.post(signed["path"], content=signed["body"], headers=signed["headers"])
    assert reply.json() == {"a": 1}


async def use_every_secret_call(_payload: Any, context: HandlerContext) -> Any:
    secrets = context.secrets
    await secrets.set("A KEY", "first")
    await secrets.set("A KEY", "second")
    read = await secrets.get("A KEY")
    await secrets.rotate("B", "other")
    names = [secret.key for secret in await secrets.list()]
    await secrets.delete("B")
    await context.endpoints.emit_metric("m", 1)
    return [read.value, *names]


def test_the_plugins_platform_answers_what_handlers_ask(
    kiket_sdk: KiketSDK,
    kiket_client: TestClient,
    kiket_platform: FakePlatform,
    kiket_signed_payload: PayloadFactory,
) -> None:
    kiket_sdk.register("e", use_every_secret_call, version="v1")
    signed = kiket_signed_payload({}, event="e")

    def post() -> Any:
        answer = kiket_client.post(
            signed["path"], content=signed["body"], headers=signed["headers"]
        )
        return answer.json()

    assert post() == ["second", "A KEY", "B"]
    assert kiket_platform.secrets == {"A KEY": "second"}
    assert kiket_platform.bodies("/api/v1/extensions/metrics") == [
        {"name": "m", "value": 1, "unit": "count"}
    ]
    assert kiket_platform.calls[0].headers["authorization"] == "Bearer wk_test"
    kiket_platform.answers["POST /api/v1/extensions/metrics"] = 503, {"error": "later"}
    assert post() == {"error": "Kiket API returned 503"}
    kiket_platform.secrets.clear()
    kiket_sdk.register("e", lambda _payload, context: context.secrets.get("B"), version="v1")
    assert post() == {"error": "Failed to load secret 'B' for extension 'com.example.test'"}


PROJECT_TEST = """
from kiket_sdk.testing.fixtures import client, kiket_sdk_fixture, signed_payload

def test_plugin(kiket_sdk, kiket_client, kiket_signed_payload):
    assert kiket_client.get("/health").json()["extension_id"] == "mine"
    signed = kiket_signed_payload({}, event="e")
    reply = kiket_client.post(signed["path"], content=signed["body"], headers=signed["headers"])
    assert reply.json() == {"ok": True}, "the secret is invented, the platform is a stand-in"

def test_fixtures(kiket_sdk_fixture, client, signed_payload):
    async def handle(payload, context):
        await context.endpoints.log_event("to a platform on this machine")
        return payload
    kiket_sdk_fixture.register("e", handle, version="v1")
    signed = signed_payload({"a": 1}, event="e")
    reply = client.post(signed["path"], content=signed["body"], headers=signed["headers"])
    assert reply.json() == {"a": 1}
"""

WITHOUT_HTTPX2 = "import sys; sys.modules['httpx2'] = None\n"


@pytest.mark.parametrize("prelude", ["", WITHOUT_HTTPX2], ids=["httpx2", "httpx alone"])
def test_helpers_do_not_warn_in_a_project(tmp_path: Path, prelude: str) -> None:
    """A project with warnings as errors, its extension named in the configuration."""
    (tmp_path / "main.py").write_text(
        "from kiket_sdk import KiketSDK\nsdk = KiketSDK(extension_id='mine')\n"
        "@sdk.webhook('e', version='v1')\n"
        "async def handle(payload, context):\n    await context.endpoints.log_event('seen')\n"
    )
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nkiket_sdk = main:sdk\nfilterwarnings = error\n"
        "asyncio_default_fixture_loop_scope = function\n"
    )
    (tmp_path / "conftest.py").write_text(prelude)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_project.py").write_text(PROJECT_TEST)
    found = subprocess.run(
        [Path(sys.executable).with_name("pytest"), "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "2 passed" in found.stdout, found.stdout + found.stderr


NAMED = """
import sys
import pytest
for target in sys.argv[1:]:
    pytest.main(["-q", "-p", "no:cacheprovider", "-o", f"kiket_sdk={target}"])
"""


def test_an_extension_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_it.py").write_text("def test_it(kiket_sdk): ...\n")
    found = subprocess.run(
        [sys.executable, "-c", NAMED, "json:dumps", "absent:sdk"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "kiket_sdk = 'json:dumps' does not name a KiketSDK; write module:name" in found.stdout
    assert "kiket_sdk = 'absent:sdk' names a module that is neither in " in found.stdout
