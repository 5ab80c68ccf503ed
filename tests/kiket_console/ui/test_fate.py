"""What becomes of a delivery: a guard's decision, and when a failed one is tried again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace
from tests.snap import scene
from tests.snap.scene import screen_text, settled, until

from kiket_console.commands.lines import exchange_line
from kiket_console.model import Attempt, Body, Detail, Exchange, Message, Retry, Source, State
from kiket_console.ui.paint import detail, fate

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiket_console.ui.app import ConsoleApp
    from kiket_console.ui.paint.line import Line

GUARD = "workflow.before_transition"


def text_of(lines: list[Line]) -> str:
    """Return lines without their roles."""
    return "\n".join("".join(text for text, _ in line) for line in lines)


def exchange(**facts: Any) -> Exchange:
    """Return a delivery to a guard."""
    told: dict[str, Any] = {
        "id": 7, "change": 1, "source": Source.WEBHOOK, "worker": "marketing", "name": GUARD,
        "version": "v1", "method": "POST", "path": "/", "started_us": scene.NOW_US,
        "state": State.FORWARDED, "status": 200, "duration_us": 900, "request_bytes": 2,
        "signature": "ok k0", "trace_id": "", "parent_id": None, "parent_guessed": False,
        "replay_of": None, "attempts": 1, "pinned": False,
    }  # fmt: skip
    return Exchange(**(told | facts))


def answered(raw: bytes, **facts: Any) -> Detail:
    """Return a guard's answer."""
    found = exchange(**facts)
    said = Message((), Body(raw, len(raw)))
    tried = Attempt(7, 1, "marketing#1", 0, found.state, found.status, 900, "", said)
    return Detail(found, Message(), None, (tried,), ())


def test_a_decision_says_why_and_what_the_person_is_told() -> None:
    raw = (
        b'{"status": "deny", "message": "Sign the contract first",'
        b' "metadata": {"output_fields": {"contract": "x"}}}'
    )
    said = text_of(fate.decision_lines(answered(raw), 80))

    assert "→ deny   Its status is deny." in said
    assert "“Sign the contract first”" in said
    assert "gives contract" in said


def test_an_error_denies_and_any_other_event_decides_nothing() -> None:
    """The sentence says that no answer would have helped."""
    assert "→ deny" in text_of(fate.decision_lines(answered(b"{}", status=500), 80))
    assert fate.decision_lines(answered(b"{}", name="issue.created"), 80) == []


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"retry": Retry.WAITING, "next_try_us": scene.NOW_US + 28_000_000}, "⟳ 28 s"),
        ({"retry": Retry.WAITING, "next_try_us": scene.NOW_US - 1}, "⟳ 0 s"),
        ({"retry": Retry.GIVEN_UP}, "given up"),
        ({"retry": Retry.CANCELLED}, ""),
        ({"decision": "pending"}, "→ pending"),
        ({}, ""),
    ],
)
def test_the_list_says_it_in_a_word_or_two(facts: dict[str, Any], said: str) -> None:
    shown = "".join(text for text, _ in fate.signs(exchange(**facts), scene.NOW_US))

    assert shown.strip() == said


async def test_a_delivery_that_waits_says_when_and_can_be_tried_now_or_no_more(
    console: Callable[..., ConsoleApp], engine: scene.ToldEngine
) -> None:
    """Each attempt that was made stands above the one that comes."""
    story = scene.Story()
    story.webhook(
        GUARD, "v1", scene.issue(1), 503, 900, failed_first="It ended before it answered.",
        decision="deny", retry="waiting", next_try_us=scene.NOW_US + 28_000_000,
    )  # fmt: skip
    app = console(story)
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        assert "→ deny ⟳ 28 s" in screen_text(app)
        await pilot.press("right_square_bracket")
        await until(pilot, lambda: "⟳ attempt 3 at" in screen_text(app))
        shown = screen_text(app)
        assert "in 28 s   a makes it now  A tries no more" in shown
        assert "A guard that answers 503 denies" in shown
        assert "· deny · next try in 28 s ·" in shown
        await pilot.press("a")
        await until(pilot, lambda: ("attempt", "1180") in engine.asked)
        await pilot.press("A")
        await until(pilot, lambda: ("give up", "1180") in engine.asked)


async def test_an_event_is_made_for_a_release_or_in_a_dialect_and_tried_again_by_choice(
    console: Callable[..., ConsoleApp], engine: scene.ToldEngine
) -> None:
    """What was chosen holds until another choice, and is said while it does."""
    app = console()
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await pilot.press("t", "f3", *"newest", "enter", "f9")
        await until(pilot, lambda: "for newest, tried again" in screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: len(engine.events) == 1)
        assert (engine.events[0].era, engine.events[0].retry) == ("newest", True)
        await until(pilot, lambda: app.screen is app.place)
        await pilot.press("t", "f9", "f9", "f3", *"as k1", "enter")
        await until(pilot, lambda: "as k1 alone" in screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: len(engine.events) == 2)
        made = engine.events[1]
        assert (made.era, made.dialect, made.retry) == ("", "k1", None)


def test_the_command_lines_list_says_it_too() -> None:
    """Columns stay where they are, however long the event's name is."""
    plain, guard = exchange(name="issue.created"), exchange(decision="deny", attempts=2)
    lines = [exchange_line(plain), exchange_line(guard)]

    assert "  workflow.before_t" in lines[1]
    assert "… → deny " in lines[1]
    assert lines[0].index(" v1 ") == lines[1].index(" v1 ")


def test_an_attempt_without_an_answer_says_so() -> None:
    """The 504 is the gateway's: nothing came from the worker."""
    silent = replace(answered(b""), attempts=())
    tried = Attempt(7, 2, "shop#3", 0, State.FAILED, 504, 3_000_000, "It did not answer.", None)
    lines = detail.response(replace(silent, attempts=(tried,)), None, 0, 80)

    shown = text_of([lines.line(number) for number in range(lines.count)])
    assert "no answer from shop#3 in 3.0 s, attempt 2" in shown
    assert "504 from" not in shown


def test_what_the_gateway_refuses_itself_has_its_answer() -> None:
    silent = replace(answered(b""), attempts=())
    tried = Attempt(7, 1, "gateway", 0, State.REJECTED, 503, 9, "It is stopped.", None)
    lines = detail.response(replace(silent, attempts=(tried,)), None, 0, 80)

    shown = text_of([lines.line(number) for number in range(lines.count)])
    assert "no answer" not in shown
    assert "503 from the gateway itself" in shown


def test_what_becomes_of_it_stands_beside_how_it_ended() -> None:
    """A rule that is too short leaves out what stands before."""
    failed = answered(b"", state=State.FAILED, status=504, attempts=7, retry=Retry.GIVEN_UP)

    assert text_of([detail.outcome(failed, scene.NOW_US)]).endswith(
        "7 attempts · 0.9 ms · answered 504 · given up · failed ✗"
    )
