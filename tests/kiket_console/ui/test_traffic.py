"""Traffic: the list, its details, and what a person does there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.snap import scene
from tests.snap.scene import screen_text, settled, until

from kiket_console.errors import ConsoleError
from kiket_console.model import Notice, State
from kiket_console.store.reader import Reader
from kiket_console.store.records import AttemptEnd, NewAttempt
from kiket_console.store.writer import Writer
from kiket_console.ui.screens.traffic import TrafficScreen
from kiket_console.wire import Result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from textual.strip import Strip

    from kiket_console.paths import ProjectPaths
    from kiket_console.ui.app import ConsoleApp

SMALL = (80, 24)
TALL = (120, 36)


def traffic(app: ConsoleApp) -> TrafficScreen:
    assert isinstance(app.place, TrafficScreen)
    return app.place


def selected(app: ConsoleApp) -> int:
    found = traffic(app).feed.selected
    assert found is not None
    return found.id


async def test_rows_are_there_with_the_first_frame_and_keys_move_the_cursor(
    console: Callable[..., ConsoleApp], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step is taken in once: Textual asks each class of a screen on top of what `super` does."""
    app = console()
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await pilot.pause()
        assert "issue.transitioned" in screen_text(app)
        assert selected(app) == 1196
        await settled(pilot)
        for keys, expected in (
            (["k"], 1195),
            (["G", "up", "up"], 1194),
            (["g"], 1180),
            (["end", "home"], 1180),
            (["g", "j"], 1181),
            (["g", "G"], 1196),
            (["g", "end"], 1196),
            (["g", "pagedown"], 1196),
            (["G", "ctrl+u"], 1186),
            (["g", "ctrl+d"], 1190),
            (["g", "ctrl+f", "ctrl+b"], 1180),
            (["G", "left_curly_bracket"], 1194),
            (["g", "right_curly_bracket"], 1189),
        ):
            await pilot.press(*keys)
            await until(pilot, lambda expected=expected: selected(app) == expected)  # type: ignore[misc]  # it is called at once
        times: list[int] = []
        monkeypatch.setattr(traffic(app), "show_summary", lambda: times.append(1))
        await pilot.press("k")
        await pilot.pause()
        assert times == [1]


async def test_a_step_of_the_cursor_draws_two_lines(
    console: Callable[..., ConsoleApp], monkeypatch: pytest.MonkeyPatch, frames: None
) -> None:
    app = console()
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await settled(pilot)
        drawn: list[int] = []
        rows = traffic(app).list
        original = rows.draw

        def counted(lines: range) -> Iterator[Strip]:
            drawn.extend(lines)
            return original(lines)

        monkeypatch.setattr(rows, "draw", counted)
        await pilot.press("k")
        await pilot.pause()
        assert len(drawn) == 2


async def test_in_a_low_terminal_enter_shows_the_details_alone_and_esc_steps_out(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console()
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await settled(pilot)
        assert '"key"' not in screen_text(app)
        await pilot.press("enter")
        await pilot.pause()
        assert '"key": "KIK-46"' in screen_text(app)
        assert "14:05:38" not in screen_text(app)
        await pilot.press("escape", "escape", "escape")
        await pilot.pause()
        assert "14:05:38" in screen_text(app)
        assert app.is_running


async def test_in_a_wide_terminal_the_details_stand_beside_the_list(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console()
    async with app.run_test(size=(160, 24), notifications=True) as pilot:
        await settled(pilot)
        await pilot.press("k", "k")
        for height in (24, 50):
            await pilot.resize_terminal(160, height)
            await until(pilot, lambda: "─ 1194 comment.created v1 ─" in screen_text(app))
            (rule,) = (line for line in screen_text(app).splitlines() if "─ Traffic ─" in line)
            assert "─ 1194 comment.created v1 ─" in rule
            await pilot.press("enter")
            assert "▌ 1194" in screen_text(app)


async def test_in_a_tall_terminal_the_details_follow_the_cursor_each_tab_with_its_part(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console()
    async with app.run_test(size=TALL, notifications=True) as pilot:
        await settled(pilot)
        await pilot.press("k", "k")
        await until(pilot, lambda: "─ 1194 comment.created v1 ─" in screen_text(app))
        assert "0.6 ms · 404 ✗ ─" in screen_text(app)
        traffic(app).go_to(1191)
        await pilot.press("enter")
        for shown in (
            "POST /v/v1/webhooks/issue.transitioned",
            "500 from marketing#3 in 18.9 ms",
            "x-kiket-delivery-id",
            "Accepted by dialect k0 (HMAC-SHA256 of the body, hex).",
            "until it was tried",
            "line 41, in transitioned",
        ):
            await until(pilot, lambda shown=shown: shown in screen_text(app))  # type: ignore[misc]  # it is called at once
            await pilot.press("right_square_bracket")
        traffic(app).go_to(1189)
        traffic(app).action_show_tab("signature")
        sentence = "Signature is fine, but the timestamp is 412 s old; the limit is 300 s."
        await until(pilot, lambda: sentence in screen_text(app))


async def test_new_rows_appear_and_the_selected_exchange_stays_under_the_cursor(
    console: Callable[..., ConsoleApp], paths: ProjectPaths, engine: scene.ToldEngine
) -> None:
    app = console()
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await settled(pilot)
        await pilot.press("k", "k", "k")
        append(paths, engine)
        await until(pilot, lambda: "↓ 1 new, G to follow" in screen_text(app))
        assert selected(app) == 1193
        await pilot.press("G")
        assert selected(app) == 1197
        assert "following" in screen_text(app)


async def test_a_row_that_comes_moves_nothing_else_on_the_screen(
    console: Callable[..., ConsoleApp], paths: ProjectPaths, engine: scene.ToldEngine
) -> None:
    app = console()
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await settled(pilot)
        await pilot.press("k")
        await settled(pilot)
        shown = traffic(app).list
        height, laid_out = shown.virtual_size.height, list[object]()
        app.screen.screen_layout_refresh_signal.subscribe(app.screen, laid_out.append)
        append(paths, engine)
        await until(pilot, lambda: "↓ 1 new, G to follow" in screen_text(app))
        assert shown.virtual_size.height == height + 1
        assert laid_out == []


async def test_a_row_that_changes_is_drawn_again_in_its_place(
    console: Callable[..., ConsoleApp], paths: ProjectPaths, engine: scene.ToldEngine
) -> None:
    story = scene.Story()
    number = story.webhook("issue.created", "v1", scene.issue(1), None, 0, state=State.RECEIVED)
    app = console(story)
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await settled(pilot)
        assert " … " in screen_text(app)
        writer = Writer(paths.store)
        writer.submit(
            [
                NewAttempt(number, 1, "marketing#1", story.at_us),
                AttemptEnd(number, 1, State.FORWARDED, 200, 2_000),
            ]
        ).result(60)
        writer.close()
        tell(engine, paths)
        await until(pilot, lambda: "200          2.0 ms" in screen_text(app))


async def test_replaying_sends_it_again_and_goes_to_the_new_exchange(
    console: Callable[..., ConsoleApp], paths: ProjectPaths, engine: scene.ToldEngine
) -> None:
    app = console()
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await settled(pilot)
        engine.result = Result(1197, "forwarded", 200, 2_900, "")
        await pilot.press("k", "r")
        await until(pilot, lambda: ("replay", "1195", "resigned") in engine.asked)
        append(paths, engine)
        await until(pilot, lambda: selected(app) == 1197)
        await until(pilot, lambda: "issue.updated again: 200 in 2.9 ms" in screen_text(app))


async def test_replaying_a_call_sends_the_delivery_that_caused_it(
    console: Callable[..., ConsoleApp], engine: scene.ToldEngine
) -> None:
    app = console()
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        await pilot.press("k", "k", "k", "k", "r")
        await until(pilot, lambda: ("replay", "1191", "resigned") in engine.asked)


async def test_triggering_lets_a_person_type_to_narrow_and_sends_with_enter(
    console: Callable[..., ConsoleApp], engine: scene.ToldEngine
) -> None:
    app = console()
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await settled(pilot)
        await pilot.press("t")
        await until(pilot, lambda: "Trigger an event" in screen_text(app))
        await pilot.press(*"comm", "enter")
        await until(pilot, lambda: app.screen is app.place and bool(engine.asked))
        assert engine.asked == [("trigger", "comment.created", "v1")]


async def test_with_several_extensions_a_trigger_asks_for_which_and_offers_its_samples(
    console: Callable[..., ConsoleApp], engine: scene.ToldEngine
) -> None:
    engine.said = scene.several()
    app = console()
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        await pilot.press("t")
        await until(pilot, lambda: "Send it to which extension?" in screen_text(app))
        assert "billing gave up search serving" in " ".join(screen_text(app).split())
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.place)
        assert engine.asked == []
        await pilot.press("t")
        await until(pilot, lambda: "Send it to which extension?" in screen_text(app))
        await pilot.press(*"sear", "enter")
        await until(pilot, lambda: "Trigger an event to search" in screen_text(app))
        assert "sla.breach" not in screen_text(app), "that is for another extension"
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is app.place and bool(engine.asked))
        assert engine.asked == [("trigger", "comment.created", "v1", "search")]


async def test_what_a_trigger_cannot_do_is_said_in_its_dialog(
    console: Callable[..., ConsoleApp], engine: scene.ToldEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object, **__: object) -> Result:
        raise ConsoleError("No extension serves.", hint="Fix main.py and save.")

    monkeypatch.setattr(engine, "send_event", refuse)
    app = console()
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await settled(pilot)
        await pilot.press("t")
        await until(pilot, lambda: "Trigger an event" in screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: "No extension serves. Fix main.py and save." in screen_text(app))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.place)


async def test_an_empty_list_teaches_with_a_url_that_works(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console(empty=True)
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await settled(pilot)
        assert "curl -d '{}' http://127.0.0.1:8700/webhooks/issue.created" in screen_text(app)
        assert "Press t to send a signed sample." in screen_text(app)
        await pilot.press("j", "k", "G", "g", "enter", "r", "f", "right_square_bracket")
        assert app.is_running


async def test_an_empty_list_of_several_extensions_names_one_in_its_url(
    console: Callable[..., ConsoleApp], engine: scene.ToldEngine
) -> None:
    engine.said = scene.several()
    app = console(empty=True)
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        url = "http://127.0.0.1:8700/x/marketing/webhooks/issue.created"
        assert f"curl -d '{{}}' {url}" in screen_text(app)


async def test_a_store_that_cannot_be_read_is_a_sentence_and_the_console_goes_on(
    console: Callable[..., ConsoleApp], paths: ProjectPaths
) -> None:
    paths.store.write_bytes(b"this is no database" * 400)
    app = console(empty=True)
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await settled(pilot)
        traffic(app).heard(None)
        await until(pilot, lambda: "store" in screen_text(app))


def append(paths: ProjectPaths, engine: scene.ToldEngine, *, took_us: int = 2_000) -> None:
    """Record one more webhook, and let the engine say so."""
    story = scene.Story()
    with Reader(paths.store) as reader:
        story._id = reader.newest()[0]
    story.webhook("issue.updated", "v2", scene.issue(47), 200, took_us)
    writer = Writer(paths.store)
    writer.submit(story.rows).result(60)
    writer.close()
    tell(engine, paths)


def tell(engine: scene.ToldEngine, paths: ProjectPaths) -> None:
    """Let the engine say what is newest in the store."""
    with Reader(paths.store) as reader:
        engine.news.put_nowait(Notice(*reader.newest(), 1))


def shown_ids(app: ConsoleApp) -> list[int]:
    feed = traffic(app).feed
    return [feed.id_at(at) for at in range(feed.count)]


async def test_the_list_is_ordered_by_a_column_reversed_and_in_time_again(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console()
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await settled(pilot)
        in_time = shown_ids(app)
        await pilot.press("o")
        await until(pilot, lambda: "now   oldest first; again: newest first" in screen_text(app))
        await pilot.press("d")
        await until(pilot, lambda: selected(app) == 1191)
        assert "slowest first · 17 exchanges" in screen_text(app)
        assert shown_ids(app)[:3] == [1191, 1193, 1192]
        await pilot.press("o", "o")
        await until(pilot, lambda: "fastest first" in screen_text(app))
        await until(pilot, lambda: shown_ids(app)[-3:] == [1192, 1193, 1191])
        assert selected(app) == 1191, "the cursor stays on its exchange"
        await pilot.press("escape")
        assert shown_ids(app) == in_time
        assert selected(app) == 1191
        await pilot.press("o", "t")
        await until(pilot, lambda: shown_ids(app) == in_time[::-1])
        await pilot.press("f")
        assert shown_ids(app) == in_time
        assert traffic(app).feed.follow


async def test_an_order_goes_with_a_filter_and_esc_undoes_one_after_the_other(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console()
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await settled(pilot)
        await pilot.press("o", "s")
        await until(pilot, lambda: shown_ids(app)[0] == 1191)
        await traffic(app).action_filter("is:error")
        await until(pilot, lambda: shown_ids(app) == [1191, 1193, 1194, 1189])
        await pilot.press("right_curly_bracket")
        await until(pilot, lambda: selected(app) == 1193)
        await pilot.press("escape")
        await until(pilot, lambda: len(shown_ids(app)) == 17)
        assert shown_ids(app)[:4] == [1191, 1193, 1194, 1189]
        await pilot.press("escape")
        assert shown_ids(app) == sorted(shown_ids(app))


async def test_what_comes_gets_its_place_in_the_order_and_is_gone_to(
    console: Callable[..., ConsoleApp], paths: ProjectPaths, engine: scene.ToldEngine
) -> None:
    app = console()
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await settled(pilot)
        traffic(app).action_order("duration")
        await until(pilot, lambda: selected(app) == 1191)
        append(paths, engine, took_us=7_000_000)
        traffic(app).go_to(1197)
        await until(pilot, lambda: shown_ids(app)[0] == 1197)
        assert selected(app) == 1197
        with pytest.raises(ConsoleError, match="no column 'colour'"):
            traffic(app).action_order("colour")
