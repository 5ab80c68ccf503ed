"""Which ways to sign a delivery came with, and why each did or did not decide."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.kiket_console.ui.test_fate import exchange

from kiket_console.model import Body, Detail, Judgement, Message
from kiket_console.ui.paint import schemes
from kiket_sdk import _signing

if TYPE_CHECKING:
    from kiket_console.ui.paint.line import Line

SECRET = "a secret of thirty-two characters"


def text_of(lines: list[Line]) -> str:
    """Return lines without their roles, blanks as one."""
    return "\n".join(" ".join("".join(text for text, _ in line).split()) for line in lines)


def token(**claims: Any) -> str:
    """Return a token whose signature nobody looks at."""
    parts = [{"alg": "ES256"}, claims]
    encoded = [base64.urlsafe_b64encode(json.dumps(each).encode()).rstrip(b"=") for each in parts]
    return b".".join([*encoded, b"c2ln"]).decode()


def delivery(*dialects: str, **claims: Any) -> Message:
    """Return a request that is signed in some ways; with *claims* it has a token."""
    payload = {"event": "issue.created"}
    if claims:
        payload["authentication"] = {"runtime_token": token(**claims)}  # type: ignore[assignment]  # a payload of its own
    raw = json.dumps(payload).encode()
    headers: dict[str, str] = {}
    for dialect in dialects:
        headers |= _signing.sign(dialect, SECRET, raw, message_id="msg_1", timestamp=1_795_183_507)
    return Message(tuple(headers.items()), Body(raw, len(raw)))


def told(request: Message, judgement: Judgement) -> str:
    """Return what is said of the schemes."""
    return text_of(
        schemes.scheme_lines(Detail(exchange(), request, judgement, (), ()), judgement, 100)
    )


@pytest.mark.parametrize("dialect", ["k0", "kr", "k1", "sw1"])
def test_what_came_is_told_by_its_form(dialect: str) -> None:
    """Three dialects share a header; the signature's form and the time's tell them apart."""
    assert schemes.came(delivery(dialect)) == (dialect,)


def test_each_scheme_says_what_it_was_good_for() -> None:
    """Our own deliveries carry three at once; one of them decides."""
    request = delivery("k0", "sw1", ext_id="com.example")

    assert told(request, Judgement(True, "ok", "sw1", "")) == (
        "· k0 came too; where Standard Webhooks is accepted it alone decides\n"
        "✓ sw1 matches\n"
        "· es256 came too; code with a webhook secret does not ask it\n"
        "kr k1 sw1a did not come"
    )
    assert "· sw1 came too, and is not accepted here" in told(
        request, Judgement(True, "ok", "k0", "")
    )
    assert "· k0 came too; code without a webhook secret cannot check it" in told(
        request, Judgement(True, "ok", "es256", "")
    )


@pytest.mark.parametrize(
    ("judgement", "said"),
    [
        (Judgement(False, "stale", "k1", "Old."), "✗ k1 matches, and is too old"),
        (Judgement(False, "audience", "es256", "It is for others."), "✗ es256 It is for others."),
        (Judgement(False, "mismatch", "k0", "", nearest="k1"), "✗ k0 does not match"),
        (Judgement(False, "malformed", None, "Twice."), "· k1 came"),
        (Judgement(False, "unsigned", None, ""), "k0 kr sw1 sw1a"),
    ],
)
def test_what_was_refused_says_why(judgement: Judgement, said: str) -> None:
    assert said in told(delivery("k1", ext_id=1), judgement)


def test_a_token_says_whom_it_is_for_and_until_when() -> None:
    """Its claims are read, and not believed; nothing in them acts on the terminal."""
    request = delivery(ext_id="com.\x1b[2Jexample", iss="kiket.dev", exp=1_795_184_107,
                       scopes=["custom_data.read"])  # fmt: skip
    said = text_of(schemes.claim_lines(request, 1_795_183_507_000_000, 120))

    assert said.startswith("Token for com.\\x1b[2Jexample · from kiket.dev · good until ")
    assert said.endswith("1 scope: custom_data.read")


@pytest.mark.parametrize("scopes", [["*"], "issues.read *"])
def test_a_token_for_everything_says_so(scopes: list[str] | str) -> None:
    said = text_of(schemes.claim_lines(delivery(ext_id=1, scopes=scopes), 0, 120))

    assert said.endswith(" · all scopes (*)")


@pytest.mark.parametrize(
    "raw",
    [
        b'{"authentication": {"runtime_token": "opaque"}}',
        b'{"authentication": {"runtime_token": 5}}',
        b'{"authentication": "runtime_token"}',
        b'["runtime_token"]',
        b'{"runtime_token": ',
        b'{"authentication": {"runtime_token": "' + token(exp=1 << 62).encode() + b'"}}',
        b"[" * 200_000 + b'"runtime_token"',
    ],
)
def test_no_payload_breaks_what_is_said_of_its_token(raw: bytes) -> None:
    request = Message((), Body(raw, len(raw)))

    schemes.came(request)
    schemes.claim_lines(request, 0, 80)
