"""The difference between two exchanges, on screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from tests.snap import scene
from tests.snap.scene import screen_text, settled, until

from kiket_console import ignored_paths
from kiket_console.comparing.bodies import BodyDifference
from kiket_console.comparing.exchanges import Comparison, Side
from kiket_console.comparing.rows import Row
from kiket_console.comparing.structure import Kind
from kiket_console.ui.diff_rows import DiffRows
from kiket_console.ui.paint import diff
from kiket_console.ui.paint.line import line_width
from kiket_console.ui.screens.diff import DiffScreen
from kiket_console.ui.screens.help import KeysScreen
from kiket_console.ui.widgets.text_view import TextView

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.pilot import Pilot

    from kiket_console.model import Exchange
    from kiket_console.ui.app import ConsoleApp

SMALL, WIDE = (80, 24), (140, 36)


def story(before: bytes, after: bytes, **more: object) -> scene.Story:
    """Return two deliveries of one event, with two answers."""
    told = scene.Story()
    first = told.webhook("issue.created", "v1", scene.issue(1), 200, 20_000, answer=before)
    told.webhook("sla.breach", "v1", scene.issue(1), 200, 1_000)
    more = {"replay_of": first, **more}
    told.webhook("issue.created", "v1", scene.issue(1), 200, 6_000, answer=after, **more)  # type: ignore[arg-type]  # handed on as they came
    return told


async def compared(pilot: Pilot[bool], app: ConsoleApp, *keys: str) -> DiffScreen:
    await settled(pilot)
    await pilot.press(*keys or ("d",))
    await until(pilot, lambda: isinstance(app.screen, DiffScreen))
    screen = app.screen
    assert isinstance(screen, DiffScreen)
    await until(pilot, lambda: screen.rows.comparison is not None)
    await pilot.pause()
    return screen


async def again(pilot: Pilot[bool], screen: DiffScreen, key: str) -> str:
    """Press a key that compares anew; return the verdict."""
    before = screen.rows.comparison
    await pilot.press(key)
    await until(pilot, lambda: screen.rows.comparison is not before)
    await pilot.pause()
    assert screen.rows.comparison is not None
    return screen.rows.comparison.verdict


async def test_a_replay_is_compared_with_what_it_repeats(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console(story(b'{"ok": true, "n": 1}', b'{"ok": true, "n": 2}'))
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        screen = await compared(pilot, app)
        shown = screen_text(app)
        assert "1 field of the response differs, same request, 14.0 ms faster." in shown
        assert (screen.rows.path, screen.rows.tab) == ("$.n", 1)
        (line,) = [each for each in shown.splitlines() if '"n"' in each]
        assert line.index('"n": 1') < line.index("│") < line.index('"n": 2')
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.place)


async def test_in_a_narrow_terminal_one_stands_below_the_other(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console(story(b'{"n": 1}', b'{"n": 2}'))
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await compared(pilot, app)
        lines = [line for line in screen_text(app).splitlines() if '"n"' in line]
        assert [line.strip(" ▌") for line in lines] == ['-   "n": 1', '+   "n": 2']
        await pilot.resize_terminal(*WIDE)
        await until(pilot, lambda: sum('"n"' in row for row in screen_text(app).splitlines()) == 1)


async def test_two_that_are_selected_are_compared_and_can_be_swapped(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        screen = await compared(pilot, app, "g", "space", "j", "j", "space", "d")
        pair = screen.rows.comparison
        assert pair is not None
        assert (pair.before.id, pair.after.id) == (1180, 1182)
        await again(pilot, screen, "w")
        assert screen.rows.comparison is not None
        assert screen.rows.comparison.before.id == 1182


async def test_what_the_mouse_is_dragged_over_is_copied_here_and_in_dialogs(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console(story(b'{"n": 1}', b'{"n": 2}'))
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        rows = (await compared(pilot, app)).list.region
        text = screen_text(app).splitlines()[rows.y + 1]
        await pilot.mouse_down(offset=(1, rows.y + 1))
        await pilot.hover(offset=(79, rows.y + 1))
        await pilot.mouse_up(offset=(79, rows.y + 1))
        await pilot.pause()
        await pilot.press("ctrl+c")
        assert app.clipboard == text[1:].strip()
        await pilot.press("?")
        await until(pilot, lambda: isinstance(app.screen, KeysScreen))
        await pilot.pause()
        keys = app.screen.query_one(TextView).region
        await pilot.mouse_down(offset=(keys.x, keys.y))
        await pilot.hover(offset=(keys.x + 30, keys.y + 1))
        await pilot.mouse_up(offset=(keys.x + 30, keys.y + 1))
        await pilot.pause()
        await pilot.press("ctrl+c")
        first, second = app.clipboard.splitlines()
        assert first.strip() in screen_text(app).splitlines()[keys.y]
        assert second.strip() in screen_text(app).splitlines()[keys.y + 1]


async def test_two_are_named_on_the_command_line(console: Callable[..., ConsoleApp]) -> None:
    app = console()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        typed = "diff 1180 1182".replace(" ", "|space|").split("|")
        keys = [key for part in typed for key in ([part] if part == "space" else part)]
        screen = await compared(pilot, app, "colon", *keys, "enter")
        pair = screen.rows.comparison
        assert pair is not None
        assert (pair.before.id, pair.after.id) == (1180, 1182)


async def test_without_a_partner_it_says_so(console: Callable[..., ConsoleApp]) -> None:
    told = scene.Story()
    told.webhook("issue.created", "v1", scene.issue(1), 200, 1_000)
    app = console(told)
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await settled(pilot)
        await pilot.press("d")
        await until(pilot, lambda: "There is no earlier issue.created" in screen_text(app))
        assert app.screen is app.place


async def test_keys_decide_what_counts(console: Callable[..., ConsoleApp]) -> None:
    before = b'{"items": [{"id": 1, "at": 1}, {"id": 2, "at": 1}], "n": 1}'
    after = b'{"items": [{"id": 2, "at": 2}, {"id": 1, "at": 2}], "n": 1.0}'
    app = console(story(before, after))
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        screen = await compared(pilot, app)
        pair = screen.rows.comparison
        assert pair is not None
        assert pair.response.count == 3  # an item that moved, and two moments
        assert "2 fields" in await again(pilot, screen, "o")
        assert screen.rows.path == "$.items[0].at"
        assert "Same request and same response" in await again(pilot, screen, "i")
        assert app.manner is not None
        assert app.manner.ignore == ("$.items[*].at",)
        assert "1 path ignored · order of arrays ignored" in screen_text(app)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: ignored_paths.load(app.folder) == ("$.items[*].at",))
        assert "2 fields" in await again(pilot, screen, "u")
        assert "2 headers of the request differ" in await again(pilot, screen, "h")
        await again(pilot, screen, "a")
        assert not [row for row in screen.rows._rows if row.hidden]


async def test_what_the_project_ignores_is_ignored_from_the_start(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console(story(b'{"n": 1}', b'{"n": 2}'))
    (app.folder / "kiket.toml").write_text('[compare]\nignore = ["$.n"]\n')
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        screen = await compared(pilot, app)
        assert screen.rows.comparison is not None
        assert screen.rows.comparison.same


async def test_n_goes_from_difference_to_difference_and_to_the_tab_that_has_one(
    console: Callable[..., ConsoleApp],
) -> None:
    numbers = ", ".join(f'"k{n}": {n}' for n in range(40))
    before, after = f"{{{numbers}}}", f"{{{numbers}}}".replace('"k5": 5', '"k5": 0')
    after = after.replace('"k30": 30', '"k30": 0')
    app = console(story(before.encode(), after.encode()))
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        screen = await compared(pilot, app)
        assert screen.rows.path == "$.k5"
        assert "lines the same" in screen_text(app)
        await pilot.press("n")
        assert screen.rows.path == "$.k30"
        await pilot.press("n")
        assert screen.rows.path == "$.k5"
        await pilot.press("N")
        assert screen.rows.path == "$.k30"
        await pilot.press("right_square_bracket")
        assert screen.rows.tab == 2
        await pilot.press("n")
        assert (screen.rows.tab, screen.rows.path) == (1, "$.k5")


async def test_hostile_bodies_are_shown_as_text(console: Callable[..., ConsoleApp]) -> None:
    app = console(story(b'{"a": "[red]\\u001b[2J\\u202e"}', b"\x1b]0;x\x07[bold]\n"))
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await compared(pilot, app)
        shown = screen_text(app)
        assert "[bold]" in shown
        assert "\\x1b]0;x\\x07" in shown
        assert "\x1b" not in shown


@pytest.mark.parametrize("width", [20, 80, 119, 120, 200])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a" * 5_000_000 + "b", "a" * 5_000_000 + "c"),
        ("漢字" * 80, "漢字" * 79 + "x"),
        ("", "x" * 300),
        ("same", "same" + "\x1b" * 50),
        (None, "added"),
    ],
)
def test_a_row_fits_whatever_it_holds(before: str | None, after: str, width: int) -> None:
    kind = Kind.ADDED if before is None else Kind.CHANGED
    row = Row(kind, before, after, ("a",), begins=True)
    for line in (diff.both(row, width), diff.one(row, width, after=True)):
        assert line_width(line) <= width


def test_a_difference_far_to_the_right_is_seen() -> None:
    row = Row(Kind.CHANGED, "a" * 500 + "OLD" + "b" * 500, "a" * 500 + "NEW" + "b" * 500)
    shown = "".join(text for text, _ in diff.both(row, 120))
    assert "OLD" in shown
    assert "NEW" in shown
    assert [role for text, role in diff.both(row, 120) if text in ("OLD", "NEW")] == ["error", "ok"]


def test_changed_lines_of_a_text_stand_together_when_one_is_below_the_other() -> None:
    rows = [
        Row(Kind.CHANGED, "a", "x", begins=True), Row(Kind.CHANGED, "b", "y"),
        Row(Kind.SAME, "c", "c"),
    ]  # fmt: skip
    side = Side((), BodyDifference("text", rows, 1), False)
    made = Comparison(_exchange(), _exchange(), side, side)
    shown = DiffRows()
    shown.fit(80)
    shown.show(made, 1)
    texts = ["".join(text for text, _ in shown.line(n, 80)).strip() for n in range(shown.count)]
    assert texts == ["- a", "- b", "+ x", "+ y", "c"]


def _exchange() -> Exchange:
    from tests.kiket_console.exporting.conftest import EXCHANGE

    return msgspec.structs.replace(EXCHANGE)
