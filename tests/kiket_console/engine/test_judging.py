from __future__ import annotations

import base64

import pytest

from kiket_console.engine import judging
from kiket_console.engine.ports import Delivery, Judging
from kiket_console.model import Handler
from kiket_sdk import _signing

HANDLERS = (
    Handler("issue.created", "v1"),
    Handler("issue.created", "v2"),
    Handler("sla.breach", "2024-10-01"),
)


@pytest.mark.parametrize(
    ("event", "version", "nearest"),
    [
        ("issue.created", "v2", None),
        ("issue.create", "v1", "issue.created@v1"),
        ("Issue.Created", "v2", "issue.created@v2"),
        ("sla.breach", "v1", "sla.breach@2024-10-01"),
        ("sla.breach", "", "sla.breach@2024-10-01"),
        ("zebra", "v1", None),
    ],
)
def test_the_nearest_handler_is_named_when_none_fits(
    event: str, version: str, nearest: str | None
) -> None:
    """One of the same event comes before any other event."""
    assert judging.nearest_handler(event, version, HANDLERS) == nearest


@pytest.mark.parametrize(
    ("by_path", "header", "query", "version"),
    [
        ("v9", "v7", "?version=v8", "v9"),
        ("", " v7 ", "?version=v8", "v7"),
        ("", " ", "?version=v8", "v8"),
        ("", "", "?a=1&version=%20v8", "v8"),
        ("", "", "", ""),
    ],
)
def test_the_version_is_found_as_the_sdk_finds_it(
    by_path: str, header: str, query: str, version: str
) -> None:
    """By path, else header, else query; a blank one counts as none."""
    headers = (("X-Kiket-Event-Version", header),)
    delivery = Delivery(None, "e", by_path, f"/webhooks/e{query}", headers, b"")

    assert judging.asked_version(delivery) == version


def test_without_a_secret_nothing_can_be_judged() -> None:
    delivery = Delivery(None, "e", "v1", "/webhooks/e", (), b"")

    judgement = judging.judge(delivery, "v1", Judging((), ("k0",)), ())

    assert (judgement.ok, judging.word(judgement)) == (False, "no-secret")
    assert "No webhook secret is configured" in judgement.sentence


@pytest.mark.parametrize("dialect", ["k0", "kr", "k1", "sw1"])
def test_of_signatures_that_differ_the_first_signs_are_kept(dialect: str) -> None:
    """Eight signs, to be compared by eye: nobody can sign with them."""
    ours, theirs = "ours-ours-ours-ours-ours", "theirs-theirs-theirs-theirs"
    sent = _signing.sign(dialect, theirs, b"{}", message_id="m1", timestamp=1e9)
    right = _signing.sign(dialect, ours, b"{}", message_id="m1", timestamp=1e9)
    delivery = Delivery(None, "e", "v1", "/webhooks/e", tuple(sent.items()), b"{}")

    judgement = judging.judge(delivery, "v1", Judging((ours,), (dialect,)), ())

    header = "webhook-signature" if dialect == "sw1" else "X-Kiket-Signature"
    kind = {"k1": len("sha256="), "sw1": len("v1,")}.get(dialect, 0)
    assert judgement.reason == "mismatch"
    assert judgement.received == sent[header][: kind + 8]
    assert judgement.expected == right[header][: kind + 8]


def test_a_signature_that_matches_keeps_no_signs() -> None:
    sent = _signing.sign("k0", "ours-ours-ours-ours-ours", b"{}", message_id="m")
    delivery = Delivery(None, "e", "v1", "/webhooks/e", tuple(sent.items()), b"{}")

    judgement = judging.judge(delivery, "v1", Judging(("ours-ours-ours-ours-ours",), ("k0",)), ())

    assert (judgement.ok, judgement.expected, judgement.received) == (True, "", "")


def test_secrets_are_in_no_repr() -> None:
    assert "hunter2" not in repr(Judging(("hunter2-hunter2",), ("k0",)))


def test_a_mismatch_under_a_public_key_shows_no_beginnings() -> None:
    """What a public key expects cannot be made, so there is nothing to compare by eye."""
    raw_body = b"{}"
    private = "whsk_" + base64.b64encode(bytes(range(32))).decode()
    public = "whpk_A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="
    headers = _signing.sign("sw1a", private, raw_body + b" ", message_id="msg_1")
    judgement = judging.judge(
        Delivery(None, "e", "v1", "/webhooks/e", tuple(headers.items()), raw_body),
        "v1",
        Judging((public,), ("sw1",)),
        (),
    )
    assert (judgement.reason, judgement.dialect) == ("mismatch", "sw1a")
    assert (judgement.expected, judgement.received) == ("", "")
