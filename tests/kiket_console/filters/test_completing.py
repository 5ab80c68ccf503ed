from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kiket_console import filters

if TYPE_CHECKING:
    from collections.abc import Sequence

SEEN = {
    "event": [("issue.created", 7), ("issue.updated", 1), ("a name, with", 1)],
    "ext": [("marketing", 3)],
    "h.": [("x-request-id", 2)],
    "resph.content-type": [("application/json", 4), ('say "x"', 1)],
    "$": [("$.issue", 5), ("$.issue.key", 5)],
    "resp$": [("$.ok", 2)],
    "$.issue.key": [("MKT-1", 2), ('"5"', 1)],
}


class Store:
    """What was seen so far, as the store tells it."""

    def values_of(self, field: str, prefix: str, limit: int) -> Sequence[tuple[str, int]]:
        found = SEEN.get(field, [])
        return [each for each in found if each[0].lower().startswith(prefix.lower())][:limit]


def offered(text: str, saved: dict[str, str] | None = None) -> list[str]:
    """Return the texts that there would be after taking what is offered at the end of *text*."""
    found = filters.completions(text, len(text), Store(), saved)
    return [text[: each.start] + each.text + text[each.end :] for each in found]


@pytest.mark.parametrize(
    ("text", "texts"),
    [
        ("ev", ["event:"]),
        ("-ev", ["-event:"]),
        ("status:500 (re", ["status:500 (req:", "status:500 (resp:", "status:500 (req.size:",
                            "status:500 (resp.size:", "status:500 (replay:"]),
        ("event:iss", ["event:issue.created", "event:issue.updated"]),
        ("event:x,iss", ["event:x,issue.created", "event:x,issue.updated"]),
        ("event:a", ['event:"a name, with"']),
        ('event:"a', ['event:"a name, with"']),
        ("ext!=", ["ext!=marketing"]),
        ("sig:st", ["sig:stale"]),
        ("is:ok,re", ["is:ok,replayed"]),
        ("status:>=", ["status:>=2xx", "status:>=3xx", "status:>=4xx", "status:>=5xx"]),
        ("level:>=w", ["level:>=warn"]),
        ("h.x", ["h.x-request-id"]),
        ("resph.content-type:", ["resph.content-type:application/json",
                                 'resph.content-type:"say \\"x\\""']),
        ("$.iss", ["$.issue", "$.issue.key"]),
        ("resp$", ["resp$.ok"]),
        ("$.issue.key=", ["$.issue.key=MKT-1", '$.issue.key="5"']),
        ("@m", ["@marked", "@mine"]),
        ("nothing-like-it", []),
        ('"event:', []),
        ("/ev", []),
    ],
)  # fmt: skip
def test_what_is_typed_can_be_gone_on_with(text: str, texts: list[str]) -> None:
    assert offered(text, {"mine": "event:x"}) == texts


def test_what_a_list_shows_is_offered_where_there_is_one() -> None:
    found = filters.completions("@", 1, in_list=True)
    assert [each.text for each in found if each.note] == [
        "@all", "@marked", "@unmarked", "@focus", "@shown", "@hidden",
    ]  # fmt: skip
    assert offered("@f", {}) == []


def test_each_offer_can_be_read_and_says_something() -> None:
    for field in filters.completions("", 0):
        assert field.note
        assert field.text.endswith(":")
    [once] = filters.completions("event:issue.u", 13, Store())
    assert once.note == "seen once"
    [often] = filters.completions("event:issue.c", 13, Store())
    assert often.note == "seen 7 times"
    for text in ("event:a", "resph.content-type:s", "$.issue.key="):
        for taken in offered(text):
            filters.parse(taken)


def test_only_what_is_before_the_cursor_counts() -> None:
    found = filters.completions("sig:st event:x", 6)

    assert [(each.text, each.start, each.end) for each in found] == [("stale", 4, 6)]
    assert filters.completions("sig:st", 2)[0].text == "sig:"
