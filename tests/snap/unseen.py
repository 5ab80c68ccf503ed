"""Frames that nobody sees are not drawn: a console without a terminal would throw each away.

What a test looks at is drawn when it does. That was a fifth of a test. A test that is about
drawing, or to find what cannot be drawn, asks for `frames`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from textual._compositor import Compositor
from textual._context import active_app, visible_screen_stack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType
    from textual.screen import Screen


@pytest.fixture
def frames() -> None:
    """Have each frame of this test drawn, as for a terminal."""


@pytest.fixture(autouse=True)
def unseen(request: pytest.FixtureRequest) -> Iterator[None]:
    """Draw no frames of consoles without a terminal, unless this test asks for `frames`."""
    draw = Compositor.render_update

    def drawn(
        self: Compositor,
        full: bool = False,  # as Textual calls it
        screen_stack: list[Screen[object]] | None = None,
        simplify: bool = False,
    ) -> RenderableType | None:
        if not active_app.get().is_headless:
            return draw(self, full, screen_stack, simplify)
        visible_screen_stack.set(screen_stack or [])
        self._dirty_regions.clear()
        return None

    with pytest.MonkeyPatch.context() as patch:
        if "frames" not in request.fixturenames:
            patch.setattr(Compositor, "render_update", drawn)
        yield
