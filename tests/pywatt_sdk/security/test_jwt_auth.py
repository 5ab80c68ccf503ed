"""JSON Web Tokens: made, checked, and found in requests."""

from __future__ import annotations

import base64
import dataclasses
import hmac
import json
import logging
import time
from typing import TYPE_CHECKING, Any

import jwt as pyjwt
import msgspec
import pydantic
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import FastAPI, Request
from flask import Flask, g
from starlette.testclient import TestClient

from kiket_core.secret import Secret
from pywatt_sdk.core.error import ConfigError
from pywatt_sdk.security._jwt_tokens import TOKEN_BYTES, module_jwt
from pywatt_sdk.security.jwt_auth import (
    FastAPIJwtMiddleware,
    FlaskJwtManager,
    JwtClaims,
    JwtConfig,
    JwtError,
    JwtValidator,
    StarletteJwtMiddleware,
    create_jwt_middleware,
    create_jwt_token,
    extract_jwt_claims,
    get_jwt_secret_from_env,
    is_running_as_module,
    require_jwt_claims,
    token_of,
    validate_jwt_from_headers,
    validate_jwt_token,
)

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET = "0123456789abcdef0123456789abcdef"
CONFIG = JwtConfig(SECRET)


def signed(claims: dict[str, Any], secret: str = SECRET, algorithm: str = "HS256") -> str:
    return pyjwt.encode(claims, secret, algorithm)


def later(seconds: int = 3600) -> int:
    """Return a time that is still to come when the last of the suite's tests runs."""
    return int(time.time()) + seconds


def reason(token: str, config: JwtConfig = CONFIG) -> str:
    with pytest.raises(JwtError) as refused:
        validate_jwt_token(token, config)
    assert refused.value.status_code == 401
    assert refused.value.challenge == 'Bearer error="invalid_token"'
    assert str(refused.value) == f"Unauthorized: {refused.value.reason}"
    return refused.value.reason


def test_a_token_carries_claims_from_one_to_the_other() -> None:
    claims = validate_jwt_token(create_jwt_token({"sub": "me", "aud": "all"}, CONFIG), CONFIG)
    assert isinstance(claims, JwtClaims)
    assert (claims.sub, claims.aud, claims.iss, claims["sub"]) == ("me", "all", None, "me")
    assert claims.exp == (claims.iat or 0) + 3600


def unsigned(header: dict[str, Any], claims: dict[str, Any]) -> str:
    parts = (json.dumps(each).encode() for each in (header, claims))
    return ".".join(base64.urlsafe_b64encode(each).rstrip(b"=").decode() for each in parts) + "."


def spelled(claims: str, header: str = '{"alg": "HS256"}') -> str:
    """Sign claims as they are spelled."""
    parts = (base64.urlsafe_b64encode(each.encode()).rstrip(b"=") for each in (header, claims))
    signing_input = b".".join(parts)
    mac = hmac.digest(SECRET.encode(), signing_input, "sha256")
    return (signing_input + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")).decode()


REFUSED: dict[str, Callable[[], str]] = {
    "ExpiredSignature": lambda: signed({"exp": later(-1)}),
    "ImmatureSignature": lambda: signed({"exp": later(), "nbf": later(1800)}),
    "InvalidSignature": lambda: signed({"exp": later()}, "x" * 32),
    "InvalidAlgorithm": lambda: signed({"exp": later()}, "y" * 64, "HS512"),
    "Missing required claim: exp": lambda: signed({"sub": "me"}),
}
MALFORMED: dict[str, Callable[[], str]] = {
    "nothing": lambda: "",
    "one part": lambda: "a",
    "three parts": lambda: "a.b.c",
    "five parts": lambda: "a.b.c.d.e",
    "unsigned, with a signature": lambda: unsigned({"alg": "none"}, {"exp": later()}) + "x",
    "a word as its end": lambda: signed({"exp": "soon"}),
    "padded": lambda: signed({"exp": later()}) + "=",
    "cut short": lambda: signed({"exp": later()})[:-3],
    "its end as a text": lambda: signed({"exp": str(later())}),
    "its end in halves": lambda: signed({"exp": later() + 0.5}),
    "an end beyond all numbers": lambda: spelled('{"exp": 1e400}'),
    "no number as its end": lambda: spelled('{"exp": NaN}'),
    "no number elsewhere": lambda: spelled(f'{{"exp": {later()}, "a": [NaN]}}'),
    "two ends": lambda: spelled(f'{{"exp": 1, "exp": {later()}}}'),
    "two algorithms": lambda: spelled(f'{{"exp": {later()}}}', '{"alg": "none", "alg": "HS256"}'),
    "its beginning as a text": lambda: signed({"exp": later(), "nbf": str(later(-9))}),
    "nested too deep": lambda: spelled("[" * 4_000),
    "too long": lambda: signed({"exp": later(), "pad": "x" * TOKEN_BYTES}),
}


@pytest.mark.parametrize("wanted", REFUSED)
def test_a_token_that_does_not_count_is_refused_for_one_word(wanted: str) -> None:
    assert reason(REFUSED[wanted]()) == wanted


def test_a_token_counts_however_it_is_laid_out() -> None:
    assert validate_jwt_token(spelled(f' {{ "exp" : {later()} }} '), CONFIG)


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_tokens_are_refused(name: str) -> None:
    assert reason(MALFORMED[name]()) in ("InvalidToken", "InvalidSignature", "InvalidAlgorithm")


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE"])
def test_unsigned_tokens_are_refused(alg: str) -> None:
    assert reason(unsigned({"alg": alg}, {"exp": later()})) == "InvalidAlgorithm"


def test_audience_and_issuer_are_checked_where_given() -> None:
    config = JwtConfig(SECRET, audience="me", issuer="them")
    assert (
        reason(signed({"exp": later(), "aud": "you", "iss": "them"}), config) == "InvalidAudience"
    )
    assert reason(signed({"exp": later(), "aud": "me", "iss": "x"}), config) == "InvalidIssuer"
    assert reason(signed({"exp": later(), "iss": "them"}), config) == "Missing required claim: aud"
    assert validate_jwt_token(signed({"exp": later(), "aud": "me", "iss": "them"}), config)


def test_clocks_may_differ_by_the_leeway() -> None:
    assert validate_jwt_token(signed({"exp": later(-5)}), JwtConfig(SECRET, leeway_s=30))


def test_expiry_can_be_left_alone() -> None:
    config = JwtConfig(SECRET, verify_exp=False)
    assert validate_jwt_token(signed({"exp": later(-5)}), config)
    assert validate_jwt_token(signed({"sub": "me"}), config)


def test_key_pairs_serve_too() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
    public = (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )
    token = create_jwt_token({"sub": "me"}, JwtConfig(private, "ES256"))
    assert validate_jwt_token(token, JwtConfig(public, "ES256")).sub == "me"
    with pytest.raises(ConfigError, match="does not fit HS256"):
        create_jwt_token({}, JwtConfig(public))


@dataclasses.dataclass
class AsDataclass:
    role: str


class AsStruct(msgspec.Struct):
    role: str


class AsModel(pydantic.BaseModel):
    role: str


@pytest.mark.parametrize("kind", [AsDataclass, AsStruct, AsModel])
def test_claims_can_be_of_a_type(kind: type[Any]) -> None:
    validator = JwtValidator(CONFIG)
    claims = validator.validate_token(create_jwt_token({"role": "me"}, CONFIG), kind)
    assert (type(claims), claims.role) == (kind, "me")
    with pytest.raises(JwtError) as refused:
        validator.validate_token(create_jwt_token({"role": 7}, CONFIG), kind)
    assert str(refused.value) == "Unauthorized: InvalidClaims"


# configuration


def test_a_secret_is_not_shown_with_its_configuration() -> None:
    assert SECRET not in repr(CONFIG)


def test_a_short_secret_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        config = JwtConfig("your-secret")
        token = create_jwt_token({}, config)
        assert validate_jwt_token(token, config)
    assert [record.message[:50] for record in caplog.records] == [
        "The JWT secret has 11 bytes, and HS256 needs 32 (R"
    ]
    assert "your-secret" not in caplog.text


def test_a_short_secret_is_refused_when_strict() -> None:
    with pytest.raises(ConfigError, match="has 31 bytes, and HS256 needs 32"):
        JwtConfig("x" * 31, strict=True)


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({"secret_key": ""}, "the JWT secret is empty"),
        ({"algorithm": "none"}, "'none' is not one of ES256"),
        ({"verify_aud": True}, r"JwtConfig\(audience=…\)"),
        ({"verify_iss": True}, r"JwtConfig\(issuer=…\)"),
    ],
)
def test_a_configuration_that_cannot_work_is_refused(settings: dict[str, Any], wanted: str) -> None:
    with pytest.raises(ConfigError, match=wanted):
        JwtConfig(**{"secret_key": SECRET, **settings})


def test_a_module_names_its_secret_or_gives_it() -> None:
    known = {"KEY": "k" * 32}
    named = module_jwt("KEY", known.get)
    given = module_jwt(SECRET, known.get)
    held = module_jwt(Secret(SECRET), known.get)
    assert named
    assert given
    assert held
    assert (named.key(), given.key(), held.key()) == ("k" * 32, SECRET, SECRET)
    known["KEY"] = "n" * 32
    assert named.key() == "n" * 32, "it was rotated"
    known["KEY"] = ""
    with pytest.raises(ConfigError, match="empty"):
        named.key()


def test_a_module_without_one_takes_the_secret_of_that_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("JWT_SECRET", raising=False)
    monkeypatch.delenv("PYWATT_JWT_SECRET", raising=False)
    nothing: dict[str, str] = {}
    assert module_jwt(None, nothing.get) is None
    monkeypatch.setenv("PYWATT_JWT_SECRET", "e" * 32)
    assert get_jwt_secret_from_env() == "e" * 32
    for secrets, wanted in ((nothing, "e" * 32), ({"JWT_SECRET": "f" * 32}, "f" * 32)):
        config = module_jwt(None, secrets.get)
        assert config is not None
        assert config.key() == wanted


def test_it_is_a_module_where_an_orchestrator_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYWATT_MODULE_ID", raising=False)
    assert not is_running_as_module()
    monkeypatch.setenv("PYWATT_MODULE_ID", "mod-a")
    assert is_running_as_module()


# requests


@pytest.mark.parametrize(
    "header", [None, "", "Basic a", "bearer a", "Bearer", "Bearer ", "Bearer  a", "Bearer a "]
)
def test_a_header_without_a_token_is_refused(header: str | None) -> None:
    with pytest.raises(JwtError, match=r"^Missing Authorization header$") as refused:
        token_of(header)
    assert refused.value.challenge == "Bearer"


def test_headers_are_found_in_any_case_and_once() -> None:
    value = f"Bearer {create_jwt_token({'sub': 'me'}, CONFIG)}"
    assert validate_jwt_from_headers({"AUTHORIZATION": value}, CONFIG).sub == "me"
    with pytest.raises(JwtError, match="Missing"):
        validate_jwt_from_headers([("authorization", value), ("Authorization", value)], CONFIG)
    with pytest.raises(JwtError, match="Missing"):
        validate_jwt_from_headers({}, CONFIG)


def test_a_middleware_stands_in_front_of_an_app_of_ones_own() -> None:
    app = FastAPI()
    app.add_middleware(create_jwt_middleware(SECRET), public_paths=("/open",))

    @app.get("/{path}")
    async def who(path: str, request: Request) -> Any:
        claims = extract_jwt_claims(request)
        return claims and require_jwt_claims(request).sub

    client = TestClient(app)
    assert [client.get(path).status_code for path in ("/open", "/docs", "/x")] == [200, 401, 401]
    headers = {"authorization": f"Bearer {create_jwt_token({'sub': 'me'}, CONFIG)}"}
    assert client.get("/x", headers=headers).json() == "me"
    assert isinstance(FastAPIJwtMiddleware(app, CONFIG), StarletteJwtMiddleware)


def test_flask_views_ask_for_tokens() -> None:
    app = Flask(__name__)
    tokens = create_jwt_middleware(CONFIG, "flask")(app)
    assert isinstance(tokens, FlaskJwtManager)

    @app.get("/private")
    @tokens.jwt_required
    def private() -> str:
        claims = tokens.get_jwt_claims()
        assert claims is g.jwt_claims
        return str(claims["sub"])

    client = app.test_client()
    refused = client.get("/private")
    assert (refused.status_code, refused.json) == (401, {"error": "Missing Authorization header"})
    assert refused.headers["www-authenticate"] == "Bearer"
    headers = {"Authorization": f"Bearer {create_jwt_token({'sub': 'me'}, CONFIG)}"}
    assert client.get("/private", headers=headers).text == "me"


def test_a_middleware_needs_a_secret_and_a_framework(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JWT_SECRET", raising=False)
    monkeypatch.delenv("PYWATT_JWT_SECRET", raising=False)
    with pytest.raises(ConfigError, match="JWT_SECRET is not set"):
        create_jwt_middleware()
    with pytest.raises(ConfigError, match="'django' is not one of"):
        create_jwt_middleware(CONFIG, "django")
