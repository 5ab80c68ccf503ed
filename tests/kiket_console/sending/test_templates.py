"""What an event can be made from."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from kiket_console.errors import ConsoleError
from kiket_console.model import Body, Exchange, Source, State
from kiket_console.sending import templates
from kiket_console.wire import Template

CAPTURE = Exchange(
    7, 1, Source.WEBHOOK, "marketing", "issue.created", "v1", "POST", "/", 1_000_000_000,
    State.FORWARDED, 200, 1, 2, "ok k0", "t", None, False, None, 1, False,
)  # fmt: skip
SAMPLES = (
    Template("issue.created", "v1", True, "A bug is reported", {"n": 1}),
    Template("issue.created", "v2", True, "", {"n": 2}),
    Template("comment.created", "v1", False, "Somebody commented", {}),
)
FOREIGN = replace(CAPTURE, id=8, name="crane.moved", version="")
OTHERS = replace(CAPTURE, id=9, worker="billing")


def test_the_newest_capture_is_offered_before_the_sample() -> None:
    found = templates.bases(SAMPLES, [FOREIGN, CAPTURE])

    assert [(each.name, each.words(1_180_000_000)) for each in found] == [
        ("issue.created v1", "your last one, 3 m ago"),
        ("issue.created v1", "A bug is reported"),
        ("issue.created v2", "a small sample"),
        ("crane.moved", "your last one, 3 m ago"),
        ("comment.created v1", "Somebody commented"),
    ]


def test_only_captures_of_the_extension_that_is_meant_count() -> None:
    found = templates.bases(SAMPLES, [OTHERS, CAPTURE], "billing")

    assert [each.capture.id for each in found if each.capture is not None] == [9]


def test_an_event_is_chosen_by_name_and_version() -> None:
    found = templates.bases(SAMPLES, [CAPTURE])

    assert templates.chosen(found, "issue.created", "v2", captured=False).sample == {"n": 2}
    assert templates.chosen(found, "issue.created", "", captured=True).capture == CAPTURE
    with pytest.raises(ConsoleError) as refused:
        templates.chosen(found, "isue.created", "", captured=False)
    assert str(refused.value) == ("There is no sample of isue.created. Did you mean issue.created?")
    with pytest.raises(ConsoleError, match=r"No delivery of issue\.created v2 is recorded yet\."):
        templates.chosen(found, "issue.created", "v2", captured=True)


def test_the_platforms_envelope_is_no_part_of_an_event() -> None:
    """It is added anew: what it says of the platform is true for one run alone."""
    body = Body(b'{"event_version": "v1", "n": 1.10, "api": {}, "secrets": {}, "secret_status": 1}')

    assert list(templates.event_of(body)) == ["event_version", "n"]
    assert templates.event_of(Body(b'{"api": 1}')) == {"api": 1}
    with pytest.raises(ConsoleError, match="The payload is no JSON"):
        templates.event_of(Body(b"{"))
    with pytest.raises(ConsoleError, match="Only the beginning of this payload was stored"):
        templates.event_of(Body(b"{}", truncated=True))
