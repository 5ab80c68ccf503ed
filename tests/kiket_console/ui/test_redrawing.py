"""What a screen draws again when something of it changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.snap.scene import settled
from textual._compositor import Compositor
from textual.geometry import Region, Size
from textual.screen import Screen
from textual.strip import Strip

from kiket_console.ui.paint.source import Lines
from kiket_console.ui.widgets.offers import Offers

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiket_console.ui.app import ConsoleApp
    from kiket_console.ui.paint.source import LineSource

TALL = (120, 36)


def drawn(compositor: Compositor, part: Region) -> list[list[tuple[str, object]]]:
    """Return the characters and styles of some lines."""
    chops = compositor._render_chops(part, lambda y: y in part.line_range)
    return [
        [(text, style and style.without_color) for text, style, _ in Strip.join(chop.values())]
        for chop in chops[part.y : part.bottom]
    ]


def rows(count: int) -> Callable[[int], LineSource]:
    """Return a way to make a text of so many rows."""
    return lambda _: Lines([[(f"row {number}", "")] for number in range(count)])


async def test_the_lines_of_a_part_of_the_screen_are_those_of_the_whole(
    console: Callable[..., ConsoleApp], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = console()
    async with app.run_test(size=TALL) as pilot:
        await settled(pilot)
        compositor = app.screen._compositor
        parts = [Region(0, y, TALL[0], 1) for y in (0, 2, 7, 16, 20, 35)]
        parts += [Region(5, 3, 20, 15), Region(60, 15, 60, 12)]
        ours = [drawn(compositor, part) for part in parts]
        monkeypatch.setattr(
            compositor, "_get_renders", lambda crop=None: Compositor._get_renders(compositor, crop)
        )
        assert ours == [drawn(compositor, part) for part in parts]


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
