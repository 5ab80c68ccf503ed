"""What a screen draws again when something of it changed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from tests.snap.scene import settled, until
from textual._compositor import Compositor
from textual.geometry import Region, Size
from textual.screen import Screen
from textual.strip import Strip
from textual.widgets._toast import Toast

from kiket_console.ui.paint.source import Lines
from kiket_console.ui.widgets.offers import Offers

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiket_console.ui.app import ConsoleApp
    from kiket_console.ui.paint.source import LineSource

TALL, WIDE = (120, 36), (200, 50)


def drawn(render_chops: Callable[..., Any], part: Region) -> list[object]:
    """Return the characters and styles of a part of the screen."""
    chops = render_chops(part, lambda y: y in part.line_range)
    found: list[object] = []
    for chop in chops[part.y : part.bottom]:
        there = {x: strip for x, strip in chop.items() if strip is not None and x < part.right}
        line = Strip.join(there.values())
        line = line.crop(part.x - min(there), part.right - min(there))
        found.append([(text, style and style.without_color) for text, style, _ in line.simplify()])
    return found


def rows(count: int) -> Callable[[int], LineSource]:
    """Return a way to make a text of so many rows."""
    return lambda _: Lines([[(f"row {number}", "")] for number in range(count)])


async def test_the_lines_of_a_part_of_the_screen_are_those_of_the_whole(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await settled(pilot)
        compositor = app.screen._compositor
        parts = [Region(0, y, WIDE[0], 1) for y in (0, 2, 7, 16, 20, 49)]
        parts += [Region(5, 3, 20, 15), Region(60, 15, 90, 12), Region(0, 0, *WIDE)]
        whole = partial(Compositor._render_chops, compositor)
        for part in parts:
            assert drawn(compositor._render_chops, part) == drawn(whole, part)
        app.say("In front of the details.")
        await until(pilot, lambda: bool(app.screen.query(Toast)))
        for part in parts:
            assert drawn(compositor._render_chops, part) == drawn(whole, part)


async def test_a_step_of_the_cursor_is_drawn_before_word_of_it_goes_around(
    console: Callable[..., ConsoleApp], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = console()
    async with app.run_test(size=TALL) as pilot:
        await settled(pilot)
        assert app.place is not None
        happened: list[str] = []
        compositor, moved = app.screen._compositor, app.place.cursor_moved
        render = compositor.render_update

        def drawn(**how: Any) -> object:
            happened.append("drawn")
            return render(**how)

        def told() -> None:
            happened.append("told")
            moved()

        monkeypatch.setattr(compositor, "render_update", drawn)
        monkeypatch.setattr(app.place, "cursor_moved", told)
        await pilot.press("k")
        assert happened[:2] == ["drawn", "told"]


async def test_a_text_is_laid_out_and_its_scrollbar_drawn_where_that_looks_different(
    console: Callable[..., ConsoleApp], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = console()
    layouts: list[bool] = []
    lay_out = Screen._refresh_layout

    def laid_out(self: Screen[object], size: Size | None = None, scroll: bool = False) -> None:
        layouts.append(scroll)
        lay_out(self, size, scroll)

    async with app.run_test(size=TALL) as pilot:
        await settled(pilot)
        assert app.place is not None
        text = app.place.text
        text.show(rows(100))
        await pilot.pause()
        monkeypatch.setattr(Screen, "_refresh_layout", laid_out)
        for count, expected in ((200, False), (300, False), (3, True), (300, True)):
            layouts.clear()
            text.show(rows(count))
            await pilot.pause()
            assert bool(layouts) is expected
            assert text.show_vertical_scrollbar is (count > text.size.height)
            assert text.max_scroll_y == max(0, count - text.size.height)
        bar, kept = text.vertical_scrollbar, 0
        for top in range(20):  # a scrollbar that is not drawn again looks as if it was
            text.scroll_to(y=top, animate=False)
            kept += not bar._dirty_regions
            drawn = bar.render_lines(bar.size.region)
            bar.refresh()
            assert (bar.position, drawn) == (top, bar.render_lines(bar.size.region))
        assert kept >= 5
        text.resize(Size(0, 0))  # emptied, and not laid out yet: the scrollbar is still there
        text.scroll_to(y=0, animate=False, force=True, immediate=True)
        assert text.scroll_y == 0


async def test_what_was_taken_away_and_is_still_laid_out_is_drawn_as_nothing(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console()
    async with app.run_test(size=TALL) as pilot:
        await settled(pilot)
        assert app.place is not None
        await pilot.press("slash", *"status:")
        offers = app.screen.query(Offers).first()
        offers.select(0)
        part = Region(0, 0, offers.size.width, 1)
        assert offers.render_lines(part)[0].text.strip()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(offers, "_parent", None)
            assert not offers.render_lines(part)[0].text.strip()
