"""Runtime tokens are what the newest SDK takes, and what the platform knows again."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from kiket_console.engine.platform.tokens import RuntimeTokens, TokenError
from kiket_console.errors import ConsoleError

if TYPE_CHECKING:
    from pathlib import Path

NOW_S = 1_800_000_000
HOLDER: Any = {
    "worker": "marketing",
    "extension_id": "com.example.marketing",
    "scopes": ("custom_data.read",),
    "delivery_id": "dlv_0123",
    "organization_id": 4120,
    "project_id": 27,
}


@pytest.fixture
def tokens(tmp_path: Path) -> RuntimeTokens:
    return RuntimeTokens(tmp_path / "token-key.pem", lambda: NOW_S)


def decoded(token: str, tokens: RuntimeTokens) -> dict[str, Any]:
    """Return a token's claims, verified with nothing but the JWKS that is served."""
    keys = jwt.PyJWKSet.from_dict(tokens.jwks())
    key = keys[jwt.get_unverified_header(token)["kid"]]
    checks: Any = {"verify_exp": False, "verify_iat": False}
    claims: dict[str, Any] = jwt.decode(token, key, ["ES256"], issuer="kiket.dev", options=checks)
    return claims


def test_a_token_verifies_against_the_served_key_and_has_the_platforms_claims(
    tokens: RuntimeTokens,
) -> None:
    claims = decoded(tokens.mint(**HOLDER), tokens)

    assert claims.pop("jti").startswith("dlv_0123.")
    assert claims == {
        "iss": "kiket.dev",
        "sub": "marketing",
        "ext_id": "com.example.marketing",
        "org_id": 4120,
        "proj_id": 27,
        "pi_id": 1,
        "scopes": ["custom_data.read"],
        "src": "kiket-console",
        "iat": NOW_S,
        "exp": NOW_S + 600,
    }


def test_each_token_has_an_id_of_its_own_and_names_its_delivery(tokens: RuntimeTokens) -> None:
    first, second = tokens.mint(**HOLDER), tokens.mint(**HOLDER)

    assert decoded(first, tokens)["jti"] != decoded(second, tokens)["jti"]
    for token in (first, second):
        read = tokens.read(token)
        assert read is not None
        assert (read.delivery_id, read.worker) == ("dlv_0123", "marketing")
        assert read.scopes == ("custom_data.read",)


def test_the_payload_says_what_the_token_says(tokens: RuntimeTokens) -> None:
    said = tokens.authentication(**HOLDER)

    assert decoded(said["runtime_token"], tokens)["exp"] == NOW_S + 600
    assert (said["token_type"], said["scopes"]) == ("runtime", ["custom_data.read"])
    assert said["expires_at"] == "2027-01-15T08:10:00+00:00"


def test_the_key_is_kept_for_the_project_and_private(tokens: RuntimeTokens, tmp_path: Path) -> None:
    token = tokens.mint(**HOLDER)
    file = tmp_path / "token-key.pem"
    later = RuntimeTokens(file, lambda: NOW_S)

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert later.jwks() == tokens.jwks()
    assert later.read(token) is not None


def test_a_key_that_others_may_read_is_made_private_again(tmp_path: Path) -> None:
    file = tmp_path / "token-key.pem"
    RuntimeTokens(file).load()
    file.chmod(0o644)
    RuntimeTokens(file).load()

    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("raw", [b"", b"not a key", b"-----BEGIN PRIVATE KEY-----\n"])
def test_a_broken_key_is_a_sentence(tmp_path: Path, raw: bytes) -> None:
    file = tmp_path / "token-key.pem"
    file.write_bytes(raw)

    with pytest.raises(ConsoleError, match="cannot be used"):
        RuntimeTokens(file).load()


def test_a_token_that_is_over_is_told_from_one_that_is_not_ours(
    tokens: RuntimeTokens, tmp_path: Path
) -> None:
    foreign = RuntimeTokens(tmp_path / "other.pem", lambda: NOW_S).mint(**HOLDER)

    with pytest.raises(TokenError, match="expired 60 s ago"):
        tokens.read(tokens.mint(lifetime_s=-60, **HOLDER))
    for text in (foreign, "rt_opaque", "a.b.c", "", "ü.ü.ü", "." * 9000):
        assert tokens.read(text) is None
    head, body, signature = tokens.mint(**HOLDER).split(".")
    assert tokens.read(f"{head}.{body}.{signature[:-4]}AAAA") is None


def test_a_token_can_be_tied_to_its_body(tokens: RuntimeTokens) -> None:
    assert decoded(tokens.mint(body_hash="abc", **HOLDER), tokens)["bh"] == "abc"


def test_threads_that_need_the_key_first_make_one_between_them(tmp_path: Path) -> None:
    for attempt in range(20):
        tokens = RuntimeTokens(tmp_path / f"{attempt}.pem", lambda: NOW_S)
        with ThreadPoolExecutor(4) as threads:
            minted = list(threads.map(lambda _: tokens.mint(**HOLDER), range(4)))  # noqa: B023 - ends within
        later = RuntimeTokens(tmp_path / f"{attempt}.pem", lambda: NOW_S)
        assert all(later.read(token) for token in minted)
