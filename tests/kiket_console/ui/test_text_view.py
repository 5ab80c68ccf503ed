"""A text with the focus: cursor, folds, search, modes, selection; read where it is shown."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from textwrap import dedent
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace
from tests.snap import scene
from tests.snap.scene import screen_text, settled, until

from kiket_console.store.records import NewExchange
from kiket_console.store.writer import Writer
from kiket_console.ui.paint import body
from kiket_console.ui.paint.source import Lines
from kiket_console.ui.screens import exchange_details
from kiket_console.ui.screens.chooser import Chooser
from kiket_console.ui.screens.menu import Menu
from kiket_console.ui.screens.ways import WaysScreen
from kiket_console.ui.widgets.views import ListView

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pytest
    from textual.pilot import Pilot
    from textual.screen import Screen

    from kiket_console.paths import ProjectPaths
    from kiket_console.ui.app import ConsoleApp
    from kiket_console.ui.paint.layout import Shape

ISSUE = json.dumps(
    {
        "event": "issue.updated",
        "issue": {"id": 42, "labels": ["web", "customer"], "title": "Pricing page is slow"},
        "note": "Grüße " * 40,
    }
).encode()


def told(raw: bytes, *, answer: bytes = b'{"ok": true}', failed_first: str = "") -> scene.Story:
    """Tell of one delivery with a body."""
    story = scene.Story()
    story.webhook(
        "issue.updated", "v2", b"{}", 200, 2_000, answer=answer, failed_first=failed_first
    )
    first = story.rows[0]
    assert isinstance(first, NewExchange)
    stored = replace(
        first.request.body, raw=raw, size=len(raw), sha256=hashlib.sha256(raw).digest()
    )
    story.rows[0] = replace(first, request=replace(first.request, body=stored))
    return story


def shown(app: ConsoleApp) -> list[str]:
    """Return the rows of the details that are on screen."""
    text = app.place.text  # type: ignore[union-attr]  # a place is shown
    lines = screen_text(app).split("\n")
    return lines[text.region.y : text.region.bottom]


async def opened(pilot: Pilot[bool], *keys: str) -> None:
    await settled(pilot)
    await pilot.press("enter", *keys)
    await pilot.pause()


async def test_a_line_folds_and_unfolds_and_says_its_path(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console(told(ISSUE))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, *["j"] * 6)
        text = app.place.text  # type: ignore[union-attr]  # a place is shown
        assert text.path_at_cursor == "$.issue.labels"
        assert "$.issue.labels" in screen_text(app)
        await pilot.press("enter")
        assert '"labels": [ 2 items ],' in "".join(shown(app))
        await pilot.press("right")
        assert "[ 2 items ]" not in "".join(shown(app))
        await pilot.press("j", "left", "left")
        assert "[ 2 items ]" in "".join(shown(app)), "from a value to what holds it, then it folds"
        await pilot.press("less_than_sign")
        assert text.path_at_cursor == "$.issue"
        assert '"issue": { 3 items },' in "".join(shown(app))
        await pilot.press("greater_than_sign")
        assert '"customer"' in "".join(shown(app))
        assert json.loads(text.value_at_cursor)["id"] == 42


async def test_a_search_goes_where_it_is_typed_and_back_when_it_is_cancelled(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console(told(ISSUE))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, "less_than_sign", "slash", *"cust")
        text = app.place.text  # type: ignore[union-attr]  # a place is shown
        await until(pilot, lambda: "1 of 1" in screen_text(app))
        assert text.path_at_cursor == "$.issue.labels[1]", "it unfolds what hides it"
        await pilot.press("escape")
        await pilot.pause()
        assert text.cursor == 0
        assert text.has_focus
        await pilot.press("slash", *"ss", "enter")
        await until(pilot, lambda: "1 of 1" not in screen_text(app))
        await pilot.press("slash", "e", "enter")
        await until(pilot, lambda: "1 of 5" in screen_text(app))
        await pilot.press("n", "n")
        assert "3 of 5" in screen_text(app)
        await pilot.press("N", "N", "N")
        assert "5 of 5" in screen_text(app)
        await pilot.press("escape")
        assert "of 5" not in screen_text(app)
        assert text.has_focus, "the first esc ends the search"
        await pilot.press("escape")
        assert app.place.list.has_focus  # type: ignore[union-attr]  # a place is shown


async def test_a_text_is_shown_as_sent_and_wrapped_and_stays_at_its_place(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console(told(ISSUE))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, "G", "k")
        text = app.place.text  # type: ignore[union-attr]  # a place is shown
        assert text.path_at_cursor == "$.note"
        await pilot.press("W")
        assert text.path_at_cursor == "$.note"
        assert text.source.continues(text.cursor + 1)
        await pilot.press("P")
        assert text.source.text(text.source.count - 1).endswith('"}')
        await pilot.press("P")
        assert text.path_at_cursor == "$.note"


async def test_a_large_body_is_laid_out_beside_the_screen(
    console: Callable[..., ConsoleApp], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same as one that is laid out at once, read in a thread and laid out in another."""
    monkeypatch.setattr(exchange_details, "SLOW_READ_BYTES", 100)
    monkeypatch.setattr(body, "SLOW_BYTES", 100)
    raw = json.dumps([{"id": number} for number in range(20_000)]).encode()
    app = console(told(raw))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        text = app.place.text  # type: ignore[union-attr]  # a place is shown
        await until(pilot, lambda: text.source.count == 2 + 2 + 3 * 20_000)
        await pilot.press("less_than_sign")
        await until(pilot, lambda: text.source.count == 2 + 2 + 20_000)
        await pilot.press("slash", *'"id": 19999', "enter")
        await until(pilot, lambda: text.path_at_cursor == "$[19999].id")
        await pilot.press("P")
        await until(pilot, lambda: '[{"id": 0}, {"id": 1}' in text.source.text(2))


def held(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Hold up all bodies that are laid out in a thread, until this is set."""
    monkeypatch.setattr(body, "SLOW_BYTES", 100)
    go_on = threading.Event()
    lay = body.BodyView.lay

    def waiting(view: body.BodyView, shape: Shape, *, pretty: bool) -> Iterator[None]:
        if view.slow:
            go_on.wait(60)
        yield from lay(view, shape, pretty=pretty)

    monkeypatch.setattr(body.BodyView, "lay", waiting)
    return go_on


async def test_a_body_that_is_laid_out_late_is_shown_though_it_was_read_again(
    console: Callable[..., ConsoleApp], monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = held(monkeypatch)
    app = console(told(json.dumps([0] * 1_000).encode()))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        place = app.place
        assert place is not None
        place.show_details()  # as when it changes: an answer came, a log line
        go_on.set()
        await until(pilot, lambda: place.text.source.count > 1_000)


async def test_a_body_that_is_laid_out_late_does_not_disturb_the_tab_that_is_shown(
    console: Callable[..., ConsoleApp], monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = held(monkeypatch)
    story = scene.Story()
    first = story.webhook("issue.updated", "v2", scene.issue(45), 200, 900)
    changed = scene.issue(45, priority="low")
    story.webhook("issue.updated", "v2", changed, 200, 900, replay_of=first, edited=True)
    app = console(story)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, "left_square_bracket")
        assert f"Changed from {first} before" in screen_text(app)
        go_on.set()
        await until(pilot, lambda: all(w.is_finished for w in app.workers if w.group == "body"))
        assert f"Changed from {first} before" in screen_text(app)


async def test_a_body_of_which_the_store_has_more_says_so(
    console: Callable[..., ConsoleApp], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange_details, "SLOW_READ_BYTES", 100)
    monkeypatch.setattr("kiket_console.ui.paint.body.SHOWN_BYTES", 5_000)
    app = console(told(b"[" + b"1, " * 4_000 + b"1]"))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        text = app.place.text  # type: ignore[union-attr]  # a place is shown
        await until(pilot, lambda: text.source.count > 100)
        await pilot.press("G")
        assert "… 6.8 k more are stored; the first 4.9 k are shown" in screen_text(app)


async def test_an_attempt_is_chosen_by_its_line(console: Callable[..., ConsoleApp]) -> None:
    story = told(b"{}", answer=b'{"second": true}', failed_first="marketing#2 ended.")
    app = console(story)
    async with app.run_test(size=(100, 30)) as pilot:
        await opened(pilot, "right_square_bracket")
        assert '"second": true' in screen_text(app)
        await pilot.press("enter")
        assert '"second": true' not in screen_text(app)
        assert "▸ attempt 1" in screen_text(app)
        await pilot.press("j", "j", "enter")
        assert '"second": true' in screen_text(app)


async def test_what_is_selected_is_copied_as_it_was_sent(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console(told('{"a": "one\u202etwo", "b": 12345}'.encode()))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        text = app.place.text  # type: ignore[union-attr]  # a place is shown
        top = text.region.y
        await pilot.mouse_down(offset=(9, top + 3))
        await pilot.hover(offset=(40, top + 3))
        await pilot.hover(offset=(14, top + 4))
        await pilot.mouse_up(offset=(14, top + 4))
        await pilot.pause()
        await asyncio.sleep(0)
        await pilot.press("ctrl+c")
        assert app.clipboard == '"a": "one\u202etwo",\n  "b": 1'
        assert "Press ctrl+c again" not in screen_text(app)


async def test_what_is_dragged_over_in_a_list_is_copied_as_it_is_drawn(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("escape", "g")
        await pilot.pause()
        rows = app.place.list  # type: ignore[union-attr]  # a place is shown
        top, cursor = rows.region.y, rows.rows.cursor
        lines = [each.rstrip()[1:] for each in screen_text(app).splitlines()[top + 2 : top + 4]]
        await pilot.mouse_down(offset=(1, top + 2))
        await pilot.hover(offset=(40, top + 2))
        await pilot.hover(offset=(78, top + 3))
        await pilot.mouse_up(offset=(78, top + 3))
        await pilot.pause()
        assert rows.rows.cursor == cursor, "dragging over rows selects none"
        await pilot.press("ctrl+c")
        assert app.clipboard == dedent("\n".join(lines))
        await pilot.click(offset=(20, top + 3))
        await pilot.pause()
        assert rows.rows.cursor == cursor + 2
        assert not app.screen.get_selected_text()


async def test_what_is_dragged_over_in_lists_of_choices_is_copied(
    console: Callable[..., ConsoleApp],
) -> None:
    """Of what is chosen by typing, of a menu of keys, and of the ways to send."""
    app = console()
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await _drag_over_choices(pilot, app, "ctrl+p", Chooser)
        await _drag_over_choices(pilot, app, "y", Menu)
        await _drag_over_choices(pilot, app, "R", WaysScreen)


async def _drag_over_choices(
    pilot: Pilot[bool], app: ConsoleApp, key: str, dialog: type[Screen[Any]]
) -> None:
    await pilot.press(key)
    await until(pilot, lambda: isinstance(app.screen, dialog))
    rows = app.screen.query_one(ListView)
    await until(pilot, lambda: rows.rows.count > 1 and rows.size.height > 1)
    await pilot.pause()
    cursor, place = rows.rows.cursor, rows.region
    lines = screen_text(app).splitlines()[place.y : place.y + 2]
    await pilot.mouse_down(offset=(place.x, place.y))
    await pilot.hover(offset=(place.x + 30, place.y + 1))
    await pilot.mouse_up(offset=(place.x + 30, place.y + 1))
    await pilot.pause()
    assert rows.rows.cursor == cursor, "dragging over rows selects none"
    await pilot.press("ctrl+c")
    first, second = app.clipboard.splitlines()
    assert first.strip() in lines[0]
    assert second == lines[1][place.x + len("▌ ") : place.x + 31].rstrip()
    await pilot.press("escape")
    await until(pilot, lambda: app.screen is app.place)


async def test_what_is_read_stays_while_others_come(
    console: Callable[..., ConsoleApp], paths: ProjectPaths
) -> None:
    app = console(told(ISSUE))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, *["j"] * 6)
        later = told(b"{}")
        later._id += 1
        later.rows.clear()
        later.webhook("sla.breach", "v1", b"{}", 200, 1_000)
        writer = Writer(paths.store)
        writer.submit(later.rows).result(timeout=120)
        writer.close()
        place = app.place
        assert place is not None
        place.heard(None)
        await settled(pilot)
        assert place.text.path_at_cursor == "$.issue.labels"
        await pilot.press("escape", "G")
        await until(pilot, lambda: "sla.breach" in screen_text(app))


async def test_asked_twice_at_once_it_asks_once(console: Callable[..., ConsoleApp]) -> None:
    app = console(told(ISSUE))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        text = app.place.text  # type: ignore[union-attr]  # a place is shown
        text.action_search()
        text.action_search()
        await pilot.pause()
        await pilot.press(*"customer", "enter")
        await until(pilot, lambda: text.path_at_cursor == "$.issue.labels[1]")


async def test_a_double_click_folds_and_selects_nothing(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console(told(ISSUE))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        text = app.place.text  # type: ignore[union-attr]  # a place is shown
        app.CLICK_CHAIN_TIME_THRESHOLD = 60  # type: ignore[misc]  # of this one alone
        await pilot.click(offset=(20, text.region.y + 4), times=2)
        await pilot.pause()
        assert '"issue": { 3 items },' in "".join(shown(app))
        assert not app.screen.get_selected_text()
        await pilot.click(offset=(5, text.region.y + 4))
        await pilot.pause()
        assert "3 items" not in "".join(shown(app)), "and a click on the sign unfolds"


async def test_a_bar_that_appears_or_goes_lays_the_text_out_for_what_is_left(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console(told(ISSUE))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        text = app.place.text  # type: ignore[union-attr]  # a place is shown
        for count in (100, 1, 100):
            widths: list[int] = []

            def made(width: int, count: int = count, widths: list[int] = widths) -> Lines:
                widths.append(width)
                return Lines([[("x" * (width - 1), "")]] * count)

            text.show(made)
            await pilot.pause()

            assert text.show_vertical_scrollbar is (count == 100)
            assert widths[-1] == text.scrollable_content_region.width
