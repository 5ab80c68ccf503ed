"""Payloads that carry runtime tokens, and the extension that verifies them with the test's keys."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from kiket_sdk import HandlerContext, KiketSDK
from kiket_sdk.testing import RuntimeTokens, platform_for, webhook_payload_factory
from kiket_sdk.testing._payload import payloads_for

if TYPE_CHECKING:
    from kiket_sdk.testing import SignedPayload

SECRET = "a webhook secret of more than 24 bytes"


def build_sdk(**options: Any) -> KiketSDK:
    sdk = KiketSDK(extension_id="com.example.crm", workspace_token="wk_test", **options)

    async def handle(payload: Any, context: HandlerContext) -> Any:
        await context.endpoints.log_event("seen")
        return [context.auth.scopes, payload["n"]]

    sdk.registry.register("e", handle, version="v1", required_scopes=["issues.write"])
    return sdk


def post(sdk: KiketSDK, signed: SignedPayload, body: str | None = None) -> Any:
    client = sdk.create_test_client()
    return client.post(signed["path"], content=body or signed["body"], headers=signed["headers"])


def test_a_token_is_verified_with_the_platforms_keys_and_goes_out_again() -> None:
    sdk = build_sdk()
    with platform_for(sdk) as platform:
        sign = payloads_for(sdk, platform)
        signed = sign({"n": 1}, event="e")
        assert "X-Kiket-Signature" not in signed["headers"]
        assert post(sdk, signed).json() == [["*"], 1]
        assert post(sdk, sign({"n": 2}, event="e", scopes=["issues.write"])).status_code == 200
        assert post(sdk, sign({"n": 3}, event="e", scopes=["issues.read"])).status_code == 403
        assert len(platform.calls) == len(platform.logs) == 2
        token = platform.calls[0].headers["x-kiket-runtime-token"]
        claims = jwt.decode(token, options={"verify_signature": False})
        assert (claims["iss"], claims["ext_id"]) == ("kiket.dev", "com.example.crm")
        assert "aud" not in claims, "the newest releases refuse one"


def test_a_token_belongs_to_its_body() -> None:
    sdk = build_sdk()
    with platform_for(sdk) as platform:
        signed = payloads_for(sdk, platform)({"n": 1}, event="e")
        altered = signed["body"].replace('"n": 1', '"n": 9')
        assert altered != signed["body"]
        assert post(sdk, signed, body=altered).status_code == 401


@pytest.mark.parametrize(
    "claims",
    [{"exp": 1_600_000_000}, {"iss": "example.com"}, {"ext_id": "com.example.other"}],
    ids=["expired", "another issuer", "another extension"],
)
def test_claims_may_be_chosen_to_see_them_refused(claims: dict[str, Any]) -> None:
    sdk = build_sdk()
    with platform_for(sdk) as platform:
        sign = webhook_payload_factory(dialect="es256", tokens=platform.tokens, claims=claims)
        assert post(sdk, sign({"n": 1}, event="e")).status_code == 401


def test_a_token_of_another_platform_is_refused() -> None:
    sdk = build_sdk()
    with platform_for(sdk):
        sign = webhook_payload_factory(dialect="es256", tokens=RuntimeTokens())
        assert post(sdk, sign({"n": 1}, event="e")).status_code == 401


def test_a_signed_payload_carries_a_token_when_scopes_are_named() -> None:
    sdk = build_sdk(webhook_secret=SECRET)
    with platform_for(sdk) as platform:
        sign = payloads_for(sdk, platform)
        assert sign({"n": 1})["body"] == '{"n": 1}'
        assert post(sdk, sign({"n": 1}, event="e")).status_code == 403
        signed = sign({"n": 1}, event="e", scopes=["issues.write"])
        assert post(sdk, signed).json() == [["issues.write"], 1]
    opaque = webhook_payload_factory(SECRET, scopes=["a"])({"n": 1})
    assert '"runtime_token": "rt_test"' in opaque["body"]


def test_what_a_body_says_itself_stays() -> None:
    tokens = RuntimeTokens()
    sign = webhook_payload_factory(dialect="es256", tokens=tokens, base_url="http://x")
    own = {"authentication": {"runtime_token": "mine"}, "api": None}
    assert sign(own)["body"] == '{"api": null, "authentication": {"runtime_token": "mine"}}'
    assert sign([1])["body"] == "[1]"


def test_a_token_needs_a_key() -> None:
    with pytest.raises(ValueError, match=r"pass tokens=RuntimeTokens\(\)"):
        webhook_payload_factory(dialect="es256")({})


def test_a_stale_signature_can_be_made() -> None:
    sdk = build_sdk(webhook_secret=SECRET)
    signed = webhook_payload_factory(SECRET, dialect="k1")({}, event="e", timestamp=1_600_000_000)
    assert post(sdk, signed).json() == {"detail": "Request timestamp outside allowed window"}


def test_a_project_whose_extension_goes_by_tokens(tmp_path: Path) -> None:
    """`kiket_dialect = es256` is all that its configuration says."""
    (tmp_path / "main.py").write_text(
        "from kiket_sdk import KiketSDK\nsdk = KiketSDK(extension_id='mine')\n"
        "@sdk.webhook('e', version='v1', required_scopes=['a'])\n"
        "async def handle(payload, context):\n    await context.endpoints.log_event('seen')\n"
    )
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nkiket_sdk = main:sdk\nkiket_dialect = es256\n"
        "asyncio_default_fixture_loop_scope = function\n"
    )
    (tmp_path / "test_main.py").write_text(
        "def test_it(kiket_client, kiket_signed_payload, kiket_platform):\n"
        "    for scopes, status in (['a'], 200), (['b'], 403):\n"
        "        signed = kiket_signed_payload({}, event='e', scopes=scopes)\n"
        "        answer = kiket_client.post(\n"
        "            signed['path'], content=signed['body'], headers=signed['headers'])\n"
        "        assert answer.status_code == status, answer.text\n"
        "    assert [log['message'] for log in kiket_platform.logs] == ['seen']\n"
    )
    found = subprocess.run(
        [Path(sys.executable).with_name("pytest"), "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "KIKET_WEBHOOK_SECRET": SECRET},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 passed" in found.stdout, found.stdout + found.stderr
