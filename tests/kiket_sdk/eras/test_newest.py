"""An extension of the newest release (era B) and its tests, unchanged.

No shared secret: each delivery carries an ES256 token of the platform, which is verified against
the platform's published keys. Written from the specification.
"""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from kiket_sdk import (
    AllowResponse,
    AuthContext,
    DenyResponse,
    HandlerContext,
    KiketClient,
    KiketSDK,
    PendingResponse,
    Response,
    allow,
    deny,
    pending,
    webhook,
)
from kiket_sdk.auth import (
    ALGORITHM,
    ISSUER,
    JWKS_CACHE_TTL,
    JwtPayload,
    build_auth_context,
    clear_jwks_cache,
    decode_jwt,
    verify_runtime_token,
)
from kiket_sdk.exceptions import AuthenticationError, KiketSDKError, ScopeError
from kiket_sdk.routing import HandlerRegistry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.kiket_sdk.conftest import Platform

JWKS = "GET /.well-known/jwks.json"
ISSUE = {"event": "issue.created", "issue": {"id": 7, "title": "Bug"}}


@dataclass
class Issuer:
    """The platform's key, and the tokens that it signs with it."""

    platform: Platform
    key: ec.EllipticCurvePrivateKey
    kid: str

    def publish(self) -> None:
        """Serve the public key where the platform does."""
        published = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self.key.public_key()))
        published |= {"kid": self.kid, "alg": "ES256", "use": "sig"}
        self.platform.answer(JWKS, (200, {"keys": [published]}))

    def mint(self, *, headers: dict[str, Any] | None = None, **claims: Any) -> str:
        """Sign a token; a claim of None is left out."""
        now = int(time.time())
        content = {
            "iss": "kiket.dev",
            "sub": "installation:1",
            "iat": now,
            "exp": now + 600,
            "org_id": 1,
            "ext_id": 42,
            "proj_id": 3,
            "pi_id": 5,
            "src": "webhook",
            "scopes": ["issues.read"],
            "jti": uuid.uuid4().hex,
        } | claims
        given = {name: value for name, value in content.items() if value is not None}
        return jwt.encode(given, self.key, "ES256", headers={"kid": self.kid} | (headers or {}))

    def payload(self, token: Any = None, **more: Any) -> dict[str, Any]:
        """Return a delivery's body as the platform builds it (§1.9)."""
        return {
            **ISSUE,
            "authentication": {
                "runtime_token": self.mint() if token is None else token,
                "token_type": "runtime",
            },
            "api": {"base_url": self.platform.url, "runtime_header": "X-Kiket-Runtime-Token"},
            **more,
        }


@pytest.fixture(scope="module")
def key() -> ec.EllipticCurvePrivateKey:
    """Return a P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def issuer(platform: Platform, key: ec.EllipticCurvePrivateKey) -> Iterator[Issuer]:
    """Publish a key and sign with it."""
    issuer = Issuer(platform, key, uuid.uuid4().hex)
    issuer.publish()
    yield issuer
    clear_jwks_cache()


@pytest.fixture
def sdk(platform: Platform) -> KiketSDK:
    """Build an extension as the newest documentation does."""
    return KiketSDK(
        workspace_token="wk_test",
        base_url=platform.url,
        extension_id="com.example.marketing",
        extension_version="2.0.0",
    )


def deliver(sdk: KiketSDK, payload: Any, event: str = "issue.created") -> Any:
    """Post a delivery as the newest platform does: by path, unsigned."""
    raw_body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return sdk.create_test_client().post(f"/v/v1/webhooks/{event}", content=raw_body)


def handled(sdk: KiketSDK, result: Any = None, **options: Any) -> list[HandlerContext]:
    """Register a handler; return the list of contexts that it was called with."""
    contexts: list[HandlerContext] = []

    @sdk.webhook("issue.created", version="v1", **options)
    async def handle(payload: Any, context: HandlerContext) -> Any:
        contexts.append(context)
        return result(payload, context) if callable(result) else result

    return contexts


# Who calls (§1.8)


def test_a_delivery_is_known_by_its_token(sdk: KiketSDK, issuer: Issuer) -> None:
    contexts = handled(sdk)
    expires_s = int(time.time()) + 300
    token = issuer.mint(exp=expires_s, scopes=["issues.read", "issues.write"])
    answer = deliver(sdk, issuer.payload(token))
    assert (answer.status_code, answer.json()) == (200, {"ok": True})
    auth = contexts[0].auth
    assert isinstance(auth, AuthContext)
    assert (auth.runtime_token, auth.token_type) == (token, "runtime")
    assert list(auth.scopes) == ["issues.read", "issues.write"]
    assert (auth.org_id, auth.ext_id, auth.proj_id) == (1, 42, 3)
    assert auth.expires_at is not None
    moment = datetime.fromisoformat(auth.expires_at)
    assert (moment.timestamp(), moment.utcoffset()) == (
        expires_s,
        datetime.now().astimezone(moment.tzinfo).utcoffset(),
    )


def test_the_keys_are_fetched_once(sdk: KiketSDK, issuer: Issuer, platform: Platform) -> None:
    handled(sdk)
    for _ in range(3):
        assert deliver(sdk, issuer.payload()).status_code == 200
    assert [call.path for call in platform.calls] == ["/.well-known/jwks.json"]


def test_the_token_goes_out_again(sdk: KiketSDK, issuer: Issuer, platform: Platform) -> None:
    @sdk.webhook("issue.created", version="v1")
    async def handle(payload: Any, context: HandlerContext) -> None:
        await context.endpoints.log_event("seen")

    token = issuer.mint()
    assert deliver(sdk, issuer.payload(token)).status_code == 200
    [log] = [call for call in platform.calls if call.method == "POST"]
    assert log.headers["x-kiket-runtime-token"] == token
    assert log.headers["authorization"] == "Bearer wk_test"


@pytest.mark.parametrize("authentication", [None, {}, {"runtime_token": ""}, "text", [], 7])
def test_a_delivery_without_a_token_is_refused(
    authentication: Any, sdk: KiketSDK, issuer: Issuer
) -> None:
    contexts = handled(sdk)
    answer = deliver(sdk, issuer.payload() | {"authentication": authentication})
    assert answer.status_code == 401
    assert answer.json() == {"detail": "Missing runtime_token in payload"}
    assert contexts == []


def refused_tokens(issuer: Issuer) -> dict[str, tuple[str, str]]:
    """Return tokens that nobody may be let in with, each with how its refusal begins."""
    now = int(time.time())
    stranger = ec.generate_private_key(ec.SECP256R1())
    by_stranger = Issuer(issuer.platform, stranger, issuer.kid)
    shared = jwt.encode(
        {"iss": "kiket.dev", "iat": now, "exp": now + 60, "sub": "x"},
        "a shared secret of at least 32 bytes",
        "HS256",
        headers={"kid": issuer.kid},
    )
    whole = issuer.mint()
    head, body, signature = whole.split(".")
    other_body = issuer.mint(scopes=["*"]).split(".")[1]
    return {
        "expired": (issuer.mint(iat=now - 900, exp=now - 600), "Runtime token has expired"),
        "issuer": (issuer.mint(iss="evil.example"), "Invalid token issuer"),
        "shared secret": (shared, "Invalid token"),
        "unsigned": (f"{head}.{body}.", "Invalid token"),
        "no token": ("rt_opaque", "Invalid token"),
        "stranger": (by_stranger.mint(), "Invalid token"),
        "altered": (f"{head}.{other_body}.{signature}", "Invalid token"),
        "no exp": (issuer.mint(exp=None), "Invalid token"),
        "no iat": (issuer.mint(iat=None), "Invalid token"),
        "no iss": (issuer.mint(iss=None), "Invalid token"),
        "not yet": (issuer.mint(nbf=now + 600), "Invalid token"),
        "unknown key": (issuer.mint(headers={"kid": "other"}), "Invalid token"),
        "audience": (issuer.mint(aud="com.example.other"), "Invalid token"),
        "another extension": (issuer.mint(ext_id="com.example.other"), "Invalid token"),
    }


@pytest.mark.parametrize(
    "case",
    [
        *("expired", "issuer", "shared secret", "unsigned", "no token", "stranger", "altered"),
        *("no exp", "no iat", "no iss", "not yet", "unknown key", "audience"),
        "another extension",
    ],
)
def test_a_token_that_does_not_hold_is_refused(case: str, sdk: KiketSDK, issuer: Issuer) -> None:
    contexts = handled(sdk)
    token, detail = refused_tokens(issuer)[case]
    answer = deliver(sdk, issuer.payload(token))
    assert answer.status_code == 401
    assert answer.json()["detail"].startswith(detail)
    assert token not in answer.text
    assert contexts == []


@pytest.mark.parametrize("raw_body", [b"", b"{", b"\xff", b"[]", b"7", b"null", b'"text"'])
def test_what_is_no_delivery_at_all_is_never_our_failure(raw_body: bytes, sdk: KiketSDK) -> None:
    """The newest release answered these with 500."""
    handled(sdk)
    assert deliver(sdk, raw_body).status_code in {400, 401}


@pytest.mark.parametrize("api", [None, 7, "text", {}, {"base_url": 7}, {"base_url": None}])
def test_an_odd_api_block_changes_nothing(api: Any, sdk: KiketSDK, issuer: Issuer) -> None:
    handled(sdk)
    assert deliver(sdk, issuer.payload(api=api)).status_code == 200


def test_the_payload_does_not_choose_who_verifies_it(
    sdk: KiketSDK, issuer: Issuer, platform: Platform
) -> None:
    """The newest release let anybody in who published keys of their own (§9, 1)."""
    contexts = handled(sdk)
    elsewhere = {"base_url": "http://127.0.0.1:9/elsewhere"}
    assert deliver(sdk, issuer.payload(api=elsewhere)).status_code == 200
    assert contexts[0].client.base_url == platform.url


def test_unreachable_keys_are_told_without_their_place(platform: Platform, issuer: Issuer) -> None:
    platform.answer(JWKS, (503, None))
    sdk = KiketSDK(base_url=platform.url)
    handled(sdk)
    answer = deliver(sdk, issuer.payload())
    assert answer.status_code == 401
    assert platform.url not in answer.text


def test_version_and_handler_are_looked_up_behind_the_token(sdk: KiketSDK, issuer: Issuer) -> None:
    handled(sdk)
    assert deliver(sdk, issuer.payload(), "issue.unknown").status_code == 404
    assert deliver(sdk, ISSUE, "issue.unknown").status_code == 401


# What a token may do (§1.8)


@pytest.mark.parametrize(
    ("granted", "missing"),
    [
        (["issues.read", "issues.write"], []),
        (["*"], []),
        (["issues.read"], ["issues.write"]),
        ([], ["issues.read", "issues.write"]),
        (None, ["issues.read", "issues.write"]),
    ],
)
def test_a_handler_is_guarded_by_scopes(
    granted: Any, missing: list[str], sdk: KiketSDK, issuer: Issuer
) -> None:
    handled(sdk, required_scopes=["issues.read", "issues.write"])
    answer = deliver(sdk, issuer.payload(issuer.mint(scopes=granted)))
    if not missing:
        assert answer.status_code == 200
        return
    assert answer.status_code == 403
    assert answer.json() == {
        "detail": {
            "error": "Insufficient scopes",
            "required_scopes": ["issues.read", "issues.write"],
            "missing_scopes": missing,
        }
    }


def test_scopes_as_a_text_are_words_of_it(sdk: KiketSDK, issuer: Issuer) -> None:
    """The newest release looked for a part of the text: `read` let `issues.read` in (§9, 12)."""
    handled(sdk, required_scopes=["read"])
    assert deliver(sdk, issuer.payload(issuer.mint(scopes="issues.read"))).status_code in {401, 403}


def test_a_loaded_module_keeps_its_guards(sdk: KiketSDK, issuer: Issuer) -> None:
    """The newest release forgot them (§9, 11)."""
    from types import ModuleType

    @webhook("issue.created", version="v1", required_scopes=["issues.write"])
    def guarded(payload: Any, context: HandlerContext) -> None:
        """Do nothing."""

    assert list(vars(guarded)["__kiket_required_scopes__"]) == ["issues.write"]
    module = ModuleType("handlers")
    module.guarded = guarded  # type: ignore[attr-defined]
    sdk.load(module)
    assert deliver(sdk, issuer.payload()).status_code == 403


def test_a_handler_may_ask_for_scopes_itself(sdk: KiketSDK, issuer: Issuer) -> None:
    handled(sdk, lambda _, context: context.require_scopes("issues.read"))
    assert deliver(sdk, issuer.payload()).status_code == 200
    handled(sdk, lambda _, context: context.require_scopes("a", "issues.read", "b"))
    answer = deliver(sdk, issuer.payload())
    assert answer.status_code == 403
    assert "a" in json.dumps(answer.json())
    assert "Insufficient scopes" in answer.text
    error = ScopeError(["a", "b", "c"], ["b"])
    assert isinstance(error, KiketSDKError)
    assert list(error.missing_scopes) == ["a", "c"]
    assert str(error) == "Insufficient scopes: missing a, c"


# Secrets of a payload (§1.9)


def test_a_payloads_secrets_win_over_the_environment(
    sdk: KiketSDK, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_TOKEN", "of the environment")
    monkeypatch.setenv("OTHER_TOKEN", "of the environment")
    contexts = handled(sdk)
    bundled = {"SLACK_TOKEN": "of the payload", "OTHER_TOKEN": ""}
    assert deliver(sdk, issuer.payload(secrets=bundled)).status_code == 200
    [context] = contexts
    assert context.secret("SLACK_TOKEN") == "of the payload"
    assert context.secret("OTHER_TOKEN") == "of the environment"
    assert context.secret("THIRD_TOKEN") is None
    assert context.payload_secrets["SLACK_TOKEN"] == "of the payload"


@pytest.mark.parametrize("bundled", [None, {}, [], "text"])
def test_odd_secrets_are_none(bundled: Any, sdk: KiketSDK, issuer: Issuer) -> None:
    contexts = handled(sdk)
    assert deliver(sdk, issuer.payload(secrets=bundled)).status_code == 200
    assert dict(contexts[0].payload_secrets) == {}


def test_the_secret_helper_can_be_built_for_a_test(
    sdk: KiketSDK, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_TOKEN", "of the environment")
    secret = sdk._build_secret_helper({"B_TOKEN": "b"})
    assert (secret("A_TOKEN"), secret("B_TOKEN"), secret("C_TOKEN")) == (
        *("of the environment", "b"),
        None,
    )
    assert sdk._check_scopes(["a", "b"], ["b"]) == ["a"]
    with pytest.raises(ScopeError):
        sdk._build_scope_checker(["a"])("b")


# Answers (§1.11)


def test_the_helpers_return_plain_mappings() -> None:
    assert allow() == {"status": "allow", "metadata": {}}
    assert allow("fine", {"a": 1}, {"ticket_url": "https://t.test/1"}) == {
        "status": "allow",
        "message": "fine",
        "metadata": {"a": 1, "output_fields": {"ticket_url": "https://t.test/1"}},
    }
    assert allow(output_fields={}) == {"status": "allow", "metadata": {}}
    assert deny("no", {"why": "frozen"}) == {
        "status": "deny",
        "message": "no",
        "metadata": {"why": "frozen"},
    }
    assert pending("wait") == {"status": "pending", "message": "wait", "metadata": {}}


@pytest.mark.parametrize(
    ("result", "body"),
    [
        (deny("frozen"), {"status": "deny", "message": "frozen", "metadata": {}}),
        (DenyResponse("deny", "no", {}), {"status": "deny", "message": "no", "metadata": {}}),
        (
            PendingResponse("pending", "w", {}),
            {"status": "pending", "message": "w", "metadata": {}},
        ),
        (
            Response("allow", "m", {"a": 1}),
            {"status": "allow", "message": "m", "metadata": {"a": 1}},
        ),
    ],
)
def test_a_guard_answers(result: Any, body: Any, sdk: KiketSDK, issuer: Issuer) -> None:
    """The newest release answered its own dataclasses with 500."""
    handled(sdk, result)
    answer = deliver(sdk, issuer.payload())
    assert (answer.status_code, answer.json()) == (200, body)
    assert issubclass(AllowResponse, Response)


# The functions behind it (§3.11)


async def test_a_token_is_read_by_hand(issuer: Issuer, platform: Platform) -> None:
    assert (ALGORITHM, ISSUER, JWKS_CACHE_TTL) == ("ES256", "kiket.dev", 3600)
    token = issuer.mint()
    claims = await decode_jwt(token, platform.url)
    assert isinstance(claims, JwtPayload)
    assert (claims.sub, claims.org_id, claims.ext_id, claims.pi_id) == ("installation:1", 1, 42, 5)
    assert (claims.iss, claims.src, claims.scopes) == ("kiket.dev", "webhook", ["issues.read"])
    payload = issuer.payload(token)
    verified = await verify_runtime_token(payload, platform.url + "/")
    assert verified == claims
    context = build_auth_context(verified, payload)
    assert (context.runtime_token, context.token_type) == (token, "runtime")
    assert list(context.scopes) == ["issues.read"]
    with pytest.raises(AuthenticationError, match="Missing runtime_token in payload"):
        await verify_runtime_token({}, platform.url)
    with pytest.raises(AuthenticationError, match="Runtime token has expired"):
        await decode_jwt(issuer.mint(exp=int(time.time()) - 60), platform.url)


def test_the_claims_and_the_context_can_be_made_by_hand() -> None:
    claims = JwtPayload("installation:1")
    assert (claims.org_id, claims.scopes, claims.iss, claims.exp, claims.jti) == (
        *(None, None, "", 0),
        "",
    )
    made = AuthContext("t", "runtime", None, ["a"])
    assert (made.org_id, made.ext_id, made.proj_id) == (None, None, None)
    assert "secret-token" not in repr(AuthContext("secret-token", "runtime", None, []))


def test_a_context_of_thirteen_fields_can_be_made_by_hand() -> None:
    from kiket_sdk import ExtensionEndpoints

    client: Any = object()
    endpoints = ExtensionEndpoints(client)
    asked: list[str] = []
    context = HandlerContext(
        *("issue.created", "v1", {}, client, endpoints),
        *({}, None, None, endpoints.secrets),
        *({"TOKEN": "t"}.get, {"TOKEN": "t"}, AuthContext("rt", "runtime", None, ["a"])),
        lambda *scopes: asked.extend(scopes),
    )
    context.require_scopes("a", "b")
    assert (context.secret("TOKEN"), context.auth.runtime_token, asked) == ("t", "rt", ["a", "b"])


async def test_a_client_takes_the_token_where_the_newest_release_did(
    issuer: Issuer, platform: Platform
) -> None:
    token = issuer.mint()
    async with KiketClient(platform.url, "wk", token) as client:
        assert client.runtime_token == token
        await client.get("/things")
    [call] = platform.calls
    assert call.headers["x-kiket-runtime-token"] == token
    assert "x-kiket-api-key" not in call.headers


def test_the_registry_keeps_what_a_handler_requires() -> None:
    registry = HandlerRegistry()
    registry.register("issue.created", print, version="v1", required_scopes=["a"])
    found = registry.get("issue.created", "v1")
    assert found is not None
    assert (found.handler, found.version, list(found.required_scopes)) == (print, "v1", ["a"])


# Both at once (§3.0)


def test_an_extension_with_a_secret_is_signed_as_ever(issuer: Issuer, platform: Platform) -> None:
    """A delivery of the console carries both; who has a secret is let in by the signature alone."""
    from tests.kiket_sdk.eras.conftest import sender

    sdk = KiketSDK(webhook_secret="sh_123", base_url=platform.url, workspace_token="wk")
    handled(sdk)
    payload = issuer.payload()
    assert sender(sdk).deliver("issue.created", payload).status_code == 200
    assert deliver(sdk, payload).status_code == 401
