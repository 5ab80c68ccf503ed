from __future__ import annotations

import pytest

from kiket_console.engine import judging
from kiket_console.engine.ports import Delivery, Judging
from kiket_console.model import Handler

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


def test_secrets_are_in_no_repr() -> None:
    assert "hunter2" not in repr(Judging(("hunter2-hunter2",), ("k0",)))
