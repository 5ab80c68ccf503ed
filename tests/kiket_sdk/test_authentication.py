"""Which webhook is let in, by what, and whom it speaks for: the tables of spec §1.3 and §1.8."""

from __future__ import annotations

import base64
import json
import logging
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.kiket_sdk.deliveries import (
    EVENT,
    EXTENSION,
    HOME,
    MISSING,
    NO_SIGNATURE,
    OK,
    SECRET,
    STAGING,
    V1,
    Extension,
    carrying,
    claims,
    told,
    with_secret,
    without_secret,
)
from tests.vectors import forge

from kiket_sdk import sdk as sdk_module
from kiket_sdk._signing import sign
from kiket_sdk.auth import JwtPayload
from kiket_sdk.exceptions import AuthenticationError

if TYPE_CHECKING:
    from tests.kiket_sdk.conftest import Platform

pytestmark = pytest.mark.usefixtures("token_keys")

# With a webhook secret: spec §1.3

RAW = b'{"issue": {"id": 1}}'
GOOD = sign("k0", SECRET, RAW, message_id="m")["X-Kiket-Signature"]


def stamp(**ago: float) -> str:
    return (datetime.now(UTC) - timedelta(**ago)).isoformat()


def k0(signature: str | None, timestamp: str | None = None) -> dict[str, str]:
    sent = {"X-Kiket-Signature": signature, "X-Kiket-Timestamp": timestamp}
    return {name: value for name, value in sent.items() if value is not None}


OUTSIDE = told("Request timestamp outside allowed window")
BAD_STAMP = told("Invalid X-Kiket-Timestamp header")
INVALID = told("Invalid signature")


@pytest.mark.parametrize(
    ("headers", "answer"),
    [
        pytest.param(lambda: k0(GOOD), OK, id="no timestamp"),
        pytest.param(lambda: k0(GOOD, ""), OK, id="an empty timestamp"),
        pytest.param(lambda: k0(GOOD, stamp()), OK, id="a fresh timestamp"),
        pytest.param(lambda: k0(GOOD, stamp().replace("+00:00", "Z")), OK, id="with Z"),
        pytest.param(lambda: k0(GOOD, stamp(seconds=290)), OK, id="290 s old"),
        pytest.param(lambda: k0(GOOD, stamp(seconds=-290)), OK, id="290 s ahead"),
        pytest.param(lambda: k0(GOOD, stamp(seconds=310)), OUTSIDE, id="310 s old"),
        pytest.param(lambda: k0(GOOD, stamp(seconds=-310)), OUTSIDE, id="310 s ahead"),
        pytest.param(lambda: k0(None), NO_SIGNATURE, id="no signature"),
        pytest.param(lambda: k0(""), NO_SIGNATURE, id="an empty signature"),
        pytest.param(lambda: k0("0" * 64), INVALID, id="a wrong signature"),
        pytest.param(
            lambda: k0(base64.b64encode(bytes.fromhex(GOOD)).decode()), INVALID, id="base64"
        ),
        pytest.param(lambda: k0(GOOD, str(int(time.time()))), BAD_STAMP, id="unix seconds"),
        pytest.param(lambda: k0(GOOD, "yesterday"), BAD_STAMP, id="garbage"),
        pytest.param(lambda: k0(GOOD, "2026-01-01T00:00:00"), BAD_STAMP, id="naive: was a 500"),
        pytest.param(lambda: k0(GOOD.upper()), OK, id="capitals: taken, as §1.4 advises"),
        pytest.param(
            lambda: k0("sha256=" + GOOD), told("Missing X-Kiket-Timestamp header"), id="a prefix"
        ),
    ],
)
def test_with_a_secret_the_signature_decides(headers: Any, answer: tuple[int, Any]) -> None:
    assert with_secret().post(RAW, headers()) == answer


@pytest.mark.parametrize(
    ("raw_body", "path", "answer"),
    [
        (b"{", V1, told("Request body is not valid JSON", 400)),
        (b"", V1, told("Request body is not valid JSON", 400)),
        (b"\xff", V1, told("Request body is not valid JSON", 400)),
        (b"{", "/v/v1/webhooks/x", 404),
        (b"[1]", V1, OK),
        (b"null", V1, OK),
        (b"{}", f"/webhooks/{EVENT}", 400),
    ],
)
def test_what_comes_behind_a_good_signature(raw_body: bytes, path: str, answer: Any) -> None:
    headers = sign("k0", SECRET, raw_body, message_id="m")
    found = with_secret().post(raw_body, headers, path)
    assert found == answer if isinstance(answer, tuple) else found[0] == answer


def test_the_same_twice_is_taken_twice_without_a_replay_store() -> None:
    extension = Extension(webhook_secret=SECRET)
    assert [extension.post(RAW, k0(GOOD)) for _ in range(2)] == [OK, OK]


def test_with_a_secret_a_token_is_passed_on_and_not_judged() -> None:
    extension = Extension(webhook_secret=SECRET)
    authentication = {
        "runtime_token": "rt_opaque",
        "token_type": "runtime",
        "expires_at": "2020-01-01T00:00:00Z",
        "scopes": ["a", "", " b "],
    }
    assert extension.signed({"authentication": authentication}) == OK
    auth = extension.contexts[0].auth
    assert (auth.runtime_token, auth.token_type) == ("rt_opaque", "runtime")
    assert (auth.expires_at, auth.scopes) == ("2020-01-01T00:00:00Z", ["a", "b"])
    assert not auth.is_verified
    assert "rt_opaque" not in repr(extension.contexts[0])
    assert extension.contexts[0].client.runtime_token == "rt_opaque"


def test_with_a_secret_the_claims_of_a_token_are_told_as_the_signature_vouches_for_them() -> None:
    extension = Extension(webhook_secret=SECRET)
    assert extension.signed(carrying(forge.token(claims(), key="stranger"))) == OK
    auth = extension.contexts[0].auth
    assert (auth.org_id, auth.ext_id, auth.proj_id) == (12, EXTENSION, 27)
    assert auth.scopes == ["issues.read", "issues.write"]
    assert not auth.is_verified


@pytest.mark.parametrize("authentication", [None, "text", 7, [], {}])
def test_with_a_secret_an_odd_authentication_is_none(authentication: Any) -> None:
    extension = with_secret()
    assert extension.signed({"authentication": authentication}) == OK
    assert extension.contexts[-1].auth.runtime_token is None
    assert extension.contexts[-1].auth.scopes == []


# Without one: spec §1.8


@pytest.mark.parametrize(
    ("payload", "answer"),
    [
        pytest.param({}, MISSING, id="no authentication"),
        pytest.param({"authentication": {}}, MISSING, id="an empty one"),
        pytest.param(carrying(""), MISSING, id="an empty token"),
        pytest.param(carrying(7), MISSING, id="a token that is a number"),
        pytest.param({"authentication": None}, MISSING, id="null: was a 500"),
        pytest.param({"authentication": "x"}, MISSING, id="a text: was a 500"),
        pytest.param([1], MISSING, id="a list: was a 500"),
        pytest.param(b"null", MISSING, id="null alone: was a 500"),
        pytest.param(b"{", told("Request body is not valid JSON", 400), id="no JSON: was a 500"),
        pytest.param(b"", told("Request body is not valid JSON", 400), id="nothing: was a 500"),
        pytest.param(
            lambda: carrying(forge.token(claims(exp=int(time.time()) - 1, iat=1))),
            told("Runtime token has expired"),
            id="expired",
        ),
        pytest.param(
            lambda: carrying(forge.token(claims(iss="evil"))),
            told("Invalid token issuer"),
            id="another issuer",
        ),
        pytest.param(
            lambda: carrying(forge.hashed(forge.pem())),
            told("Invalid token: The specified alg value is not allowed"),
            id="HS256",
        ),
        pytest.param(
            carrying("rt_opaque"), told("Invalid token: Not enough segments"), id="not a JWT"
        ),
        pytest.param(
            lambda: carrying(forge.token(claims(), key="stranger")),
            told("Invalid token: Signature verification failed"),
            id="a bad signature",
        ),
        pytest.param(
            lambda: carrying(forge.token(claims(exp=None))),
            told("Invalid token: A claim is missing or malformed"),
            id="no exp",
        ),
        pytest.param(
            lambda: carrying(forge.token(claims(aud="com.example.other"))),
            told("Invalid token: Invalid audience"),
            id="another audience",
        ),
        pytest.param(
            lambda: carrying(forge.token(claims(aud=EXTENSION))), OK, id="this audience: was a 401"
        ),
        pytest.param(
            lambda: carrying(forge.token(claims(), {**forge.HEADER, "kid": "x"})),
            told("Invalid token: No signing key matches it"),
            id="an unknown kid",
        ),
        pytest.param(
            lambda: carrying(forge.token(claims(nbf=int(time.time()) + 90))),
            told("Invalid token: The token is not yet valid"),
            id="not yet good",
        ),
        pytest.param(
            lambda: carrying(forge.token(claims(ext_id="com.example.other"))),
            told("Invalid token: It was issued for another extension"),
            id="another extension: was let in",
        ),
        pytest.param(
            lambda: carrying(forge.token(claims()), organization_id=13),
            told("Invalid token: It was issued for another organization"),
            id="another organization: was let in",
        ),
        pytest.param(
            lambda: carrying(forge.token(claims()), organization={"id": "12"}),
            OK,
            id="the same organization",
        ),
        pytest.param(
            lambda: carrying(forge.token(claims()), project_id=28),
            told("Invalid token: It was issued for another project"),
            id="another project: was let in",
        ),
        pytest.param(
            lambda: carrying(forge.token(claims()), project={"id": 27, "slug": "harbour"}),
            OK,
            id="the same project",
        ),
        pytest.param(
            lambda: carrying(forge.token(claims(bh="x"))),
            told("Invalid token: It was issued for another body"),
            id="another body: was let in",
        ),
        *(
            pytest.param(
                lambda api=api: carrying(forge.token(claims()), api=api), OK, id=f"api {api!r}"
            )
            for api in (None, "x", {}, {"base_url": 7}, {"base_url": None}, {"base_url": "::"})
        ),
    ],
)
def test_without_a_secret_a_token_decides(payload: Any, answer: tuple[int, Any]) -> None:
    assert without_secret().post(payload() if callable(payload) else payload) == answer


@pytest.mark.parametrize(
    ("path", "status"),
    [(f"/webhooks/{EVENT}", 400), ("/v/v1/webhooks/x", 404), ("/v/v2/webhooks/x", 404)],
)
def test_version_and_handler_are_looked_up_only_behind_a_good_token(path: str, status: int) -> None:
    extension = without_secret()
    assert extension.post(carrying(forge.token(claims())), path=path)[0] == status
    assert extension.post({}, path=path) == MISSING


def test_a_signature_does_not_replace_a_token_where_no_secret_is_configured() -> None:
    assert Extension().post(RAW, k0(GOOD)) == MISSING


def test_keys_that_cannot_be_had_are_told_without_their_address(
    platform: Platform, caplog: pytest.LogCaptureFixture
) -> None:
    platform.answer("GET /.well-known/jwks.json", (500, None))
    extension = Extension(base_url=platform.url)
    assert extension.post(carrying(forge.token(claims()))) == told("Failed to fetch JWKS")
    assert platform.url in caplog.text


def test_what_a_verified_token_says_is_told() -> None:
    extension = Extension()
    token = forge.token(claims(exp=int(time.time()) + 60))
    assert extension.post(carrying(token)) == OK
    auth = extension.contexts[0].auth
    assert (auth.runtime_token, auth.token_type) == (token, "runtime")
    assert (auth.org_id, auth.ext_id, auth.proj_id) == (12, EXTENSION, 27)
    assert auth.scopes == ["issues.read", "issues.write"]
    assert auth.is_verified
    assert datetime.fromisoformat(auth.expires_at or "") > datetime.now(UTC)
    assert token not in repr(auth)


def test_why_is_told_in_the_log_and_no_part_of_the_token_is(
    caplog: pytest.LogCaptureFixture,
) -> None:
    token = forge.token(claims(ext_id="com.example.other"))
    with caplog.at_level(logging.WARNING, "kiket_sdk.webhook"):
        Extension().post(carrying(token))
    assert "Webhook refused: The runtime token is for extension 'com.example.other'" in caplog.text
    assert not any(part in caplog.text for part in token.split("."))


def test_what_checks_tokens_is_loaded_before_the_first_one_and_only_where_there_are_any() -> None:
    script = (
        "import asyncio, sys\nfrom kiket_sdk import KiketSDK\n"
        f"signed, told = KiketSDK(webhook_secret={SECRET!r}), KiketSDK()\n"
        "assert 'jwt' not in sys.modules\n"
        "async def serve(sdk):\n async with sdk.app.router.lifespan_context(sdk.app):\n"
        "  print('jwt' in sys.modules)\nasyncio.run(serve(signed))\nasyncio.run(serve(told))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "True"]


# By hand


def test_a_test_may_replace_the_check_of_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Authors of the newest release had no other way to call a handler in a test."""

    async def verified(_payload: Any, base_url: str) -> JwtPayload:
        assert base_url == HOME
        return JwtPayload(sub="1", ext_id=5, scopes=["a"], exp=1_767_225_600)

    async def refused(_payload: Any, _base_url: str) -> JwtPayload:
        raise AuthenticationError("no")

    extension = Extension()
    monkeypatch.setattr(sdk_module, "verify_runtime_token", verified)
    assert extension.post(carrying("any text")) == OK
    assert extension.contexts[0].auth.expires_at == "2026-01-01T00:00:00+00:00"
    monkeypatch.setattr(sdk_module, "verify_runtime_token", refused)
    assert extension.post(carrying("any text")) == told("no")


# Nothing but answers

BODIES = st.one_of(
    st.binary(max_size=80),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=6),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["authentication", "runtime_token", "scopes", "secrets", "api", "base_url"]
                )
                | st.text(max_size=3),
                inner,
                max_size=4,
            )
        ),
        max_leaves=10,
    ).map(lambda document: json.dumps(document).encode()),
)
HEADERS = st.dictionaries(
    st.sampled_from(
        ["x-kiket-signature", "x-kiket-timestamp", "webhook-id", "webhook-signature", "traceparent"]
    ),
    st.text(st.characters(min_codepoint=33, max_codepoint=255), max_size=70),
    max_size=3,
)


@pytest.mark.parametrize(
    "options",
    [{}, {"webhook_secret": SECRET}, {"allow_unsigned": True}, {"strict": True}],
    ids=["token", "signature", "unsigned", "strict"],
)
def test_whatever_is_sent_there_is_an_answer(options: dict[str, Any]) -> None:
    extension = Extension(**options, allowed_api_origins=[STAGING])
    logging.getLogger("kiket_sdk.webhook").disabled = True

    @given(BODIES, HEADERS)
    @settings(suppress_health_check=list(HealthCheck))
    def send(raw_body: bytes, headers: dict[str, str]) -> None:
        sent = {name: value.encode("latin-1") for name, value in headers.items()}
        status, _ = extension.post(raw_body, sent)  # type: ignore[arg-type]  # bytes are headers too
        assert status in {200, 400, 401}

    try:
        send()
    finally:
        logging.getLogger("kiket_sdk.webhook").disabled = False
