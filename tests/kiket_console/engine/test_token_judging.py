"""What a gateway finds about runtime tokens."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from kiket_console.engine import judging
from kiket_console.engine.platform.delivery import signatures
from kiket_console.engine.platform.envelope import forged
from kiket_console.engine.platform.tokens import RuntimeTokens
from kiket_console.engine.ports import Delivery, Judging
from kiket_console.engine.token_judging import TokenJudge
from kiket_console.model import Handler, Headers, Judgement

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "a-webhook-secret-of-24-bytes"
TOKENS_ALONE = Judging((), ("k0", "sw1"))
SIGNED = Judging((SECRET,), ("k0", "sw1"))
EXTENSION = "com.example.marketing"


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> RuntimeTokens:
    return RuntimeTokens(tmp_path_factory.mktemp("key") / "key.pem")


def body(tokens: RuntimeTokens, **changes: Any) -> bytes:
    holder: dict[str, Any] = {
        "worker": "marketing",
        "extension_id": EXTENSION,
        "scopes": ["*"],
        "delivery_id": "dlv_1",
        "organization_id": 4120,
        "project_id": 27,
    }
    payload = changes.pop("payload", {"n": 1})

    def raw_with(said: Any) -> bytes:
        return json.dumps({**payload, "authentication": said}).encode()

    return raw_with(tokens.authentication(raw_with, **(holder | changes)))


def judged(
    tokens: RuntimeTokens, raw: bytes, headers: Headers = (), by: Judging = TOKENS_ALONE
) -> Judgement:
    delivery = Delivery(None, "issue.created", "v1", "/", headers, raw)
    handlers = (Handler("issue.created", "v1"),)
    return judging.judge(delivery, "v1", by, handlers, TokenJudge(tokens.jwks), EXTENSION)


def test_code_without_a_secret_is_judged_by_its_token(tokens: RuntimeTokens) -> None:
    found = judged(tokens, body(tokens))

    assert (found.ok, found.dialect, found.sentence) == (True, "es256", "Runtime token is fine.")
    assert judging.word(found) == "ok es256"


@pytest.mark.parametrize(
    ("changes", "word", "sentence"),
    [
        ({"lifetime_s": -60}, "stale", "The runtime token expired 6"),
        ({"extension_id": "com.example.other"}, "mismatch", "is for extension 'com.example.other'"),
        ({"organization_id": 9}, "mismatch", "is for organization 9"),
        ({"project_id": 9}, "mismatch", "is for project 9"),
        ({"lifetime_s": 10**6}, "malformed", "is good for 1000000 s; the limit is"),
    ],
)
def test_a_token_that_is_not_good_is_said_why(
    tokens: RuntimeTokens, changes: dict[str, Any], word: str, sentence: str
) -> None:
    found = judged(tokens, body(tokens, **changes))

    assert (found.ok, judging.word(found), found.dialect) == (False, word, "es256")
    assert sentence in found.sentence


def test_a_token_of_another_key_and_one_with_another_signature_do_not_match(
    tokens: RuntimeTokens, tmp_path: Path
) -> None:
    other = RuntimeTokens(tmp_path / "other.pem")
    document = json.loads(body(tokens))
    document["authentication"]["runtime_token"] = forged(
        document["authentication"]["runtime_token"]
    )

    assert "names the key" in judged(tokens, body(other)).sentence
    found = judged(tokens, json.dumps(document).encode())
    assert (found.ok, found.reason) == (False, "mismatch")


def test_a_token_is_good_for_the_body_alone_that_it_was_made_for(tokens: RuntimeTokens) -> None:
    raw = body(tokens).replace(b'"n": 1', b'"n": 2')

    assert judged(tokens, raw).sentence == (
        "The runtime token was issued for another body than this."
    )


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff",
        b"[]",
        b'{"authentication": null}',
        b'{"authentication": {"runtime_token": 5}}',
        b'{"authentication": {"runtime_token": ""}}',
        b'{"runtime_token"' + b"[" * 100_000,
    ],
)
def test_a_body_without_a_token_is_unsigned(tokens: RuntimeTokens, raw: bytes) -> None:
    found = judged(tokens, raw)

    assert (found.ok, judging.word(found), found.dialect) == (False, "unsigned", None)


def test_a_signature_that_nobody_can_verify_is_named(tokens: RuntimeTokens) -> None:
    found = judged(tokens, b"{}", signatures("k1", SECRET, b"{}", "dlv_1", time.time()))

    assert found.sentence == (
        "The payload carries no runtime token. It is signed in k1, and the code has no secret to "
        "verify that with."
    )


def test_code_with_a_secret_is_told_that_the_token_would_have_been_good(
    tokens: RuntimeTokens,
) -> None:
    found = judged(tokens, body(tokens), by=SIGNED)

    assert (found.ok, judging.word(found), found.nearest) == (False, "unsigned", "es256")
    assert found.sentence.endswith(
        "Its runtime token is good, but code that has a webhook secret wants a signature."
    )


def test_a_good_signature_decides_whatever_the_token_is(tokens: RuntimeTokens) -> None:
    raw = body(tokens, lifetime_s=-60)
    found = judged(tokens, raw, signatures("k0", SECRET, raw, "dlv_1", alone=True), SIGNED)

    assert judging.word(found) == "ok k0"
