"""What is not styled again would come out as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.snap.scene import filtered, settled
from textual.css.stylesheet import Stylesheet

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest
    from textual.dom import DOMNode

    from kiket_console.ui.app import ConsoleApp

WALK = (
    "enter", "right_square_bracket", "escape", "minus", "plus", "slash", "e", "tab", "escape",
    "question_mark", "escape", "2", "enter", "escape", "8", "a", "tab", "escape", "1", "w",
    "ctrl+p",
)  # fmt: skip
"""Details, layouts, a line to type into, dialogs, places, and back to one that was left."""
SIZES = ((60, 7), (20, 4), (180, 50))


def styles(node: DOMNode) -> dict[str, Any]:
    """Return the rules of *node*, and those of what it is made of."""
    rules = {"": node.styles.base.get_rules()}
    return rules | {name: each.get_rules() for name, each in node._component_styles.items()}


async def test_all_that_is_left_alone_has_the_styles_that_it_would_get(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console()

    def compare(when: object) -> None:
        for node in [app, *app.screen.walk_children(with_self=True)]:
            before = styles(node)
            Stylesheet.apply(app.stylesheet, node)
            assert styles(node) == before, (when, node)

    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        compare("start")
        for key in WALK:
            await pilot.press(key)
            await filtered(pilot)
            compare(key)
        await pilot.press("escape")
        for size in SIZES:
            await pilot.resize_terminal(*size)
            compare(size)
        for theme in ("kiket-dawn", "kiket-ansi"):
            app.theme = theme
            await pilot.pause()
            compare(theme)
            await pilot.press("3")
            compare(f"{theme} elsewhere")


async def test_only_what_a_class_is_about_is_styled_again(
    console: Callable[..., ConsoleApp], monkeypatch: pytest.MonkeyPatch
) -> None:
    app, styled = console(), list[str | None]()
    apply = Stylesheet.apply

    def noted(sheet: Stylesheet, node: DOMNode, **how: Any) -> None:
        styled.append(node.id)
        apply(sheet, node, **how)

    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        monkeypatch.setattr(Stylesheet, "apply", noted)
        app.screen.add_class("-opened")
        assert {"details", "list-pane"} <= set(styled)
        assert not {"list", "text", "panes"} & set(styled)
        styled.clear()
        app.screen.add_class("-of-no-rule")
        assert not styled
